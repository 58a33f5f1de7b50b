//! The watch: what is seen, by whom, and when it closes; misbehaving wakers and closures (hazards 1, 5 to 8, 11 to 16,
//! 18, 28, 39).

use futures_lite::future::block_on;
use static_assertions::{assert_impl_all, assert_not_impl_any};
use std::{
    cell::Cell,
    error::Error,
    mem,
    pin::pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::Poll,
    thread,
};
use waitline::testing::{
    CountingWaker, WakeOrder, WakerCall, during_panic, hooked_waker, now, panic_message, panicking_waker, poll_once,
    poll_with, queued_with, watched,
};
use waitline_event::watch::{self, Changed, Closed, Receiver, Ref, SendError, Sender, WaitClosed, WaitFor};

// Hazards 18 and 34: the halves lead to a shared reference of the value from any thread.
assert_impl_all!(Sender<u8>: Send, Sync, Unpin, Clone);
assert_impl_all!(Receiver<u8>: Send, Sync, Unpin, Clone);
assert_not_impl_any!(Sender<Cell<u8>>: Send, Sync);
assert_not_impl_any!(Receiver<Cell<u8>>: Send, Sync);
assert_not_impl_any!(Sender<Rc<u8>>: Send, Sync);
assert_not_impl_any!(Receiver<Rc<u8>>: Send, Sync);
assert_impl_all!(Changed<'static, u8>: Send, Sync);
assert_not_impl_any!(Changed<'static, u8>: Unpin);
assert_not_impl_any!(Changed<'static, Cell<u8>>: Send, Sync);
assert_impl_all!(WaitFor<'static, u8, fn(&u8) -> bool>: Send, Sync);
assert_not_impl_any!(WaitFor<'static, u8, fn(&u8) -> bool>: Unpin);
assert_not_impl_any!(WaitFor<'static, Cell<u8>, fn(&Cell<u8>) -> bool>: Send, Sync);
assert_impl_all!(WaitClosed<'static, u8>: Send, Sync);
assert_not_impl_any!(WaitClosed<'static, u8>: Unpin);
assert_not_impl_any!(WaitClosed<'static, Cell<u8>>: Send, Sync);
// Not over an `.await` of a task that may move.
assert_not_impl_any!(Ref<'static, u8>: Send);
assert_impl_all!(Ref<'static, u8>: Sync);
assert_not_impl_any!(Ref<'static, Cell<u8>>: Send, Sync);
assert_impl_all!(SendError<u8>: Send, Sync, Copy, Error);
assert_impl_all!(Closed: Send, Sync, Unpin, Copy, Error);

#[test]
fn the_first_value_counts_as_seen_and_the_next_one_ends_the_wait() {
    let (sender, mut receiver) = watch::channel(1);
    assert_eq!((*receiver.borrow(), receiver.has_changed()), (1, Ok(false)));
    let (mut changed, waker) = watched(receiver.changed());
    sender.send(2).unwrap();
    assert_eq!((waker.count(), waker.held()), (1, 0));
    assert_eq!(now(changed.as_mut()), Ok(()));
    drop(changed);
    assert_eq!((*receiver.borrow(), receiver.has_changed()), (2, Ok(false)));
    // A value that comes before the wait ends it at its first poll.
    sender.send(3).unwrap();
    assert_eq!(receiver.has_changed(), Ok(true));
    assert_eq!(now(pin!(receiver.changed())), Ok(()));
    assert!(poll_once(pin!(receiver.changed())).is_pending());
}

#[test]
fn a_slow_receiver_skips_values_but_not_the_last_one() {
    let (sender, mut receiver) = watch::channel(0);
    let (mut changed, waker) = watched(receiver.changed());
    (1..=100).for_each(|value| sender.send(value).unwrap());
    assert_eq!(waker.count(), 1);
    assert_eq!(now(changed.as_mut()), Ok(()));
    drop(changed);
    assert_eq!(*receiver.borrow(), 100);
    assert!(poll_once(pin!(receiver.changed())).is_pending());
}

#[test]
fn a_borrow_that_updates_counts_as_seen_and_a_plain_one_does_not() {
    let (sender, mut receiver) = watch::channel(0);
    sender.send(1).unwrap();
    assert_eq!((*receiver.borrow(), receiver.has_changed()), (1, Ok(true)));
    assert_eq!(*receiver.borrow_and_update(), 1);
    assert_eq!(receiver.has_changed(), Ok(false));
    let (mut changed, _) = watched(receiver.changed());
    sender.send(2).unwrap();
    sender.send(3).unwrap();
    assert_eq!(now(changed.as_mut()), Ok(()));
}

#[test]
fn each_receiver_has_seen_what_it_has_seen() {
    let (sender, mut first) = watch::channel(0);
    sender.send(1).unwrap();
    let (mut second, third) = (first.clone(), sender.subscribe());
    assert_eq!((first.has_changed(), second.has_changed(), third.has_changed()), (Ok(true), Ok(true), Ok(false)));
    first.mark_unchanged();
    assert_eq!((first.has_changed(), second.has_changed()), (Ok(false), Ok(true)));
    assert_eq!(now(pin!(second.changed())), Ok(()));
    first.mark_changed();
    assert_eq!((first.has_changed(), second.has_changed()), (Ok(true), Ok(false)));
    assert_eq!(now(pin!(first.changed())), Ok(()));
    assert!(poll_once(pin!(first.changed())).is_pending());
}

#[test]
fn the_last_value_is_seen_after_the_senders_are_gone() {
    let (sender, mut receiver) = watch::channel(0);
    let other = sender.clone();
    let mut late = receiver.clone();
    sender.send(1).unwrap();
    drop(sender);
    assert_eq!(now(pin!(receiver.changed())), Ok(()));
    let (mut changed, waker) = watched(receiver.changed());
    drop(other);
    assert_eq!((waker.count(), now(changed.as_mut())), (1, Err(Closed)));
    drop(changed);
    assert_eq!((receiver.has_changed(), *receiver.borrow()), (Err(Closed), 1));
    assert_eq!((late.has_changed(), now(pin!(late.changed()))), (Ok(true), Ok(())));
    assert_eq!((late.has_changed(), now(pin!(late.changed()))), (Err(Closed), Err(Closed)));
    assert_eq!(*late.borrow_and_update(), 1);
    assert_eq!(late.changed_blocking(), Err(Closed));
    late.mark_changed();
    assert_eq!((late.changed_blocking(), late.changed_blocking()), (Ok(()), Err(Closed)));
}

#[test]
fn a_value_and_the_end_during_one_wait_are_two_outcomes() {
    let (sender, mut receiver) = watch::channel(0);
    let (mut changed, _) = watched(receiver.changed());
    sender.send(1).unwrap();
    drop(sender);
    assert_eq!(now(changed.as_mut()), Ok(()));
    drop(changed);
    assert_eq!(now(pin!(receiver.changed())), Err(Closed));
}

#[test]
fn a_send_without_receivers_gives_the_value_back_and_changes_nothing() {
    let (sender, receiver) = watch::channel(1);
    drop(receiver.clone());
    assert_eq!(sender.send(2), Ok(()));
    drop(receiver);
    assert_eq!((sender.send(3), *sender.borrow()), (Err(SendError(3)), 2));
    // These store what receivers to come will find.
    assert_eq!(sender.send_replace(4), 2);
    sender.send_modify(|value| *value += 1);
    assert!(sender.send_if_modified(|value| mem::replace(value, 6) == 5));
    let receiver = sender.subscribe();
    assert_eq!((*receiver.borrow(), receiver.has_changed(), sender.receivers()), (6, Ok(false), 1));
    assert_eq!((sender.send(7), receiver.has_changed()), (Ok(()), Ok(true)));
}

#[test]
fn only_a_modification_is_announced() {
    let (sender, mut receiver) = watch::channel(0);
    let (mut changed, waker) = watched(receiver.changed());
    assert!(!sender.send_if_modified(|value| {
        *value = 1;
        false
    }));
    assert_eq!((waker.count(), *sender.borrow()), (0, 1));
    assert!(waker.poll(changed.as_mut()).is_pending());
    assert!(sender.send_if_modified(|_| true));
    assert_eq!((waker.count(), now(changed.as_mut())), (1, Ok(())));
}

/// Nothing is half announced: no receiver is woken, none counts the value as new, and no lock stays held.
#[test]
fn a_closure_that_panics_announces_nothing() {
    type Send = fn(&Sender<u32>);
    let ways: [Send; 2] = [
        |sender| {
            sender.send_modify(|value| {
                *value += 1;
                panic!("in the middle");
            });
        },
        |sender| {
            sender.send_if_modified(|value| {
                *value += 1;
                panic!("in the middle");
            });
        },
    ];
    for way in ways {
        let (sender, mut receiver) = watch::channel(0);
        let other = receiver.clone();
        let (mut changed, waker) = watched(receiver.changed());
        assert_eq!(panic_message(|| way(&sender)).as_deref(), Some("in the middle"));
        assert_eq!((waker.count(), other.has_changed(), *other.borrow()), (0, Ok(false), 1));
        assert!(waker.poll(changed.as_mut()).is_pending());
        sender.send_modify(|value| *value += 1);
        assert_eq!((waker.count(), now(changed.as_mut()), *other.borrow()), (1, Ok(()), 2));
    }
}

#[test]
fn wait_for_begins_with_the_present_value_and_sees_later_ones() {
    let (sender, mut receiver) = watch::channel(0);
    assert_eq!(now(pin!(receiver.wait_for(|value| *value == 0))).map(|value| *value), Ok(0));
    let asked = Cell::new(0);
    let (mut wait, waker) = watched(receiver.wait_for(|value| {
        asked.set(asked.get() + 1);
        *value >= 2
    }));
    sender.send(1).unwrap();
    assert!(waker.poll(wait.as_mut()).is_pending());
    // A wake-up without a change asks nobody.
    assert!(waker.poll(wait.as_mut()).is_pending());
    assert_eq!((waker.count(), asked.get()), (1, 2));
    sender.send(2).unwrap();
    assert_eq!(now(wait.as_mut()).map(|value| *value), Ok(2));
    assert_eq!((waker.count(), asked.get()), (2, 3));
    assert!(panic_message(|| poll_once(wait.as_mut())).is_some());
    drop(wait);
    assert_eq!(receiver.has_changed(), Ok(false));
}

#[test]
fn wait_for_ends_with_the_last_value() {
    let (sender, mut receiver) = watch::channel(0);
    let mut other = receiver.clone();
    let (mut met, _) = watched(receiver.wait_for(|value| *value == 1));
    let (mut unmet, _) = watched(other.wait_for(|value| *value == 2));
    sender.send(1).unwrap();
    drop(sender);
    assert_eq!(now(met.as_mut()).map(|value| *value), Ok(1));
    assert!(matches!(now(unmet.as_mut()), Err(Closed)));
    drop((met, unmet));
    // Seen or not, the present value counts.
    assert_eq!(receiver.wait_for_blocking(|value| *value == 1).map(|value| *value), Ok(1));
    assert!(receiver.wait_for_blocking(|_| false).is_err());
}

#[test]
fn a_condition_that_panics_leaves_the_value_unseen_and_unlocked() {
    let (sender, mut receiver) = watch::channel(0);
    sender.send(1).unwrap();
    let mut wait = Box::pin(receiver.wait_for(|_| panic!("the condition")));
    assert_eq!(panic_message(|| poll_once(wait.as_mut())).as_deref(), Some("the condition"));
    assert!(panic_message(|| poll_once(wait.as_mut())).is_some());
    drop(wait);
    assert_eq!(receiver.has_changed(), Ok(true));
    sender.send(2).unwrap();
    assert_eq!(*receiver.borrow(), 2);
}

#[test]
fn a_dropped_wait_has_seen_nothing() {
    let (sender, mut receiver) = watch::channel(0);
    let waker = CountingWaker::new();
    (0..1000).for_each(|_| drop(queued_with(receiver.changed(), &waker.waker())));
    assert_eq!((waker.count(), waker.held()), (0, 0));
    // Dropped after it was woken (hazard 1).
    let changed = queued_with(receiver.changed(), &waker.waker());
    sender.send(1).unwrap();
    drop(changed);
    assert_eq!((waker.count(), receiver.has_changed()), (1, Ok(true)));
    assert_eq!(now(pin!(receiver.changed())), Ok(()));
}

#[test]
fn receivers_are_woken_in_the_order_in_which_they_began_to_wait() {
    let (sender, _receiver) = watch::channel(0);
    let order = WakeOrder::new();
    for number in [1, 2, 32, 33, 100, 1000] {
        let mut receivers: Vec<_> = (0..number).map(|_| sender.subscribe()).collect();
        let mut waits: Vec<_> = receivers
            .iter_mut()
            .enumerate()
            .map(|(which, receiver)| queued_with(receiver.changed(), &order.waker(which)))
            .collect();
        // Polling again keeps the place.
        waits.iter_mut().rev().for_each(|wait| assert!(poll_once(wait.as_mut()).is_pending()));
        waits.iter_mut().enumerate().for_each(|(which, wait)| {
            assert!(poll_with(wait.as_mut(), &order.waker(which)).is_pending());
        });
        let closed = queued_with(sender.closed(), &order.waker(number));
        sender.send(1).unwrap();
        assert!(order.take().into_iter().eq(0..number));
        waits.iter_mut().for_each(|wait| assert_eq!(now(wait.as_mut()), Ok(())));
        drop(closed);
    }
}

/// Hazard 6: who waits again from inside its wake-up waits for the next value.
#[test]
fn a_send_wakes_nobody_twice() {
    let (sender, receiver) = watch::channel(0);
    let woken = Arc::new(AtomicUsize::new(0));
    let mut receivers: Vec<_> = (0..100).map(|_| receiver.clone()).collect();
    let again = Arc::new(std::sync::Mutex::new(Vec::new()));
    let _waits: Vec<_> = receivers
        .iter_mut()
        .map(|waiting| {
            let (woken, again) = (woken.clone(), again.clone());
            let newcomer = Box::leak(Box::new(sender.subscribe()));
            let newcomer = std::sync::Mutex::new(Some(newcomer));
            let waker = hooked_waker(move |call| {
                if call == WakerCall::Wake {
                    woken.fetch_add(1, Relaxed);
                    let Some(newcomer) = newcomer.lock().unwrap().take() else { return };
                    newcomer.mark_unchanged();
                    let (wait, waker) = watched(newcomer.changed());
                    again.lock().unwrap().push((wait, waker));
                }
            });
            queued_with(waiting.changed(), &waker)
        })
        .collect();
    sender.send(1).unwrap();
    assert_eq!(woken.load(Relaxed), 100);
    let mut again = mem::take(&mut *again.lock().unwrap());
    assert!(again.iter().all(|(_, waker)| waker.count() == 0));
    sender.send(2).unwrap();
    assert!(again.iter_mut().all(|(wait, waker)| waker.count() == 1 && now(wait.as_mut()).is_ok()));
}

#[test]
fn only_the_waker_of_the_last_poll_is_woken() {
    let (sender, mut receiver) = watch::channel(0);
    let (old, new) = (CountingWaker::new(), CountingWaker::new());
    let mut changed = queued_with(receiver.changed(), &old.waker());
    thread::scope(|scope| {
        scope.spawn(|| assert!(new.poll(changed.as_mut()).is_pending()));
    });
    assert_eq!((old.held(), new.held()), (0, 1));
    sender.send(1).unwrap();
    assert_eq!((old.count(), new.count()), (0, 1));
}

/// Hazards 11 and 12: a deadlock if a waker's code ran under a lock of the channel.
#[test]
fn wakers_may_use_the_channel_when_cloned_woken_and_dropped() {
    let (sender, mut receiver) = watch::channel(0);
    let calls: Arc<[AtomicUsize; 3]> = Arc::default();
    let meddling = || {
        let (sender, calls) = (sender.clone(), calls.clone());
        let seen = receiver.clone();
        hooked_waker(move |call| {
            if calls[call as usize].fetch_add(1, Relaxed) > 10 {
                return;
            }
            sender.send_modify(|value| *value += 1);
            assert!(*seen.borrow() > 0 && !format!("{sender:?}").contains("busy"));
            assert!(poll_once(pin!(sender.closed())).is_pending());
        })
    };
    let (one, two) = (meddling(), meddling());
    // The send in the first clone comes before the decision to wait, so the wait is over.
    assert!(poll_with(pin!(receiver.changed()), &one).is_ready());
    receiver.mark_unchanged();
    calls.iter().for_each(|calls| calls.store(100, Relaxed));
    let mut changed = queued_with(receiver.changed(), &one);
    calls.iter().for_each(|calls| calls.store(0, Relaxed));
    // The send in the clone at a change of wakers ends the wait, and wakes the waker that it is to replace.
    assert!(poll_with(changed.as_mut(), &two).is_ready());
    assert!(calls.iter().map(|calls| calls.load(Relaxed)).sum::<usize>() >= 3);
    calls.iter().for_each(|calls| calls.store(100, Relaxed));
}

#[test]
fn a_panicking_waker_costs_no_receiver_its_wake_up() {
    for bad in [0, 1, 31, 32, 33, 69] {
        let (sender, receiver) = watch::channel(0);
        let good = CountingWaker::new();
        let mut receivers: Vec<_> = (0..70).map(|_| receiver.clone()).collect();
        let mut waits: Vec<_> = receivers
            .iter_mut()
            .enumerate()
            .map(|(which, receiver)| {
                let waker = if which == bad { panicking_waker() } else { good.waker() };
                queued_with(receiver.changed(), &waker)
            })
            .collect();
        assert!(panic_message(|| sender.send(1)).is_some());
        assert_eq!((good.count(), *sender.borrow()), (69, 1));
        waits.iter_mut().for_each(|wait| assert_eq!(now(wait.as_mut()), Ok(())));
    }
}

/// Hazard 39.
#[test]
fn a_half_that_is_dropped_by_a_panic_does_not_abort() {
    for number in [1, 2, 40] {
        let (sender, receiver) = watch::channel(0);
        let mut receivers: Vec<_> = (0..number).map(|_| receiver.clone()).collect();
        let mut waits: Vec<_> =
            receivers.iter_mut().map(|receiver| queued_with(receiver.changed(), &panicking_waker())).collect();
        during_panic(|| drop(sender));
        waits.iter_mut().for_each(|wait| assert_eq!(now(wait.as_mut()), Err(Closed)));

        let (sender, receiver) = watch::channel(0);
        let mut waits: Vec<_> = (0..number).map(|_| queued_with(sender.closed(), &panicking_waker())).collect();
        during_panic(|| drop(receiver));
        waits.iter_mut().for_each(|wait| now(wait.as_mut()));
    }
}

#[test]
fn the_senders_wait_until_the_last_receiver_is_gone() {
    let (sender, receiver) = watch::channel(0);
    let (mut closed, waker) = watched(sender.closed());
    let other = receiver.clone();
    drop(receiver);
    // A send does not end it.
    sender.send(1).unwrap();
    assert_eq!(waker.count(), 0);
    drop(other);
    // It stays ended if somebody subscribes before it is polled.
    let receiver = sender.subscribe();
    assert_eq!(waker.count(), 1);
    now(closed.as_mut());
    assert!(poll_once(pin!(sender.closed())).is_pending());
    drop(receiver);
    assert_eq!(poll_once(pin!(sender.closed())), Poll::Ready(()));
}

/// Hazard 28: an old value's drop runs without any lock of the channel.
#[test]
fn the_old_value_may_use_the_channel_when_it_is_dropped() {
    struct Meddling(Option<Sender<Option<Meddling>>>);
    impl Drop for Meddling {
        fn drop(&mut self) {
            if let Some(sender) = self.0.take() {
                assert!(sender.borrow().is_none());
                sender.send(None).unwrap();
            }
        }
    }
    let (sender, mut receiver) = watch::channel(None);
    sender.send(Some(Meddling(Some(sender.clone())))).unwrap();
    receiver.mark_unchanged();
    sender.send(None).unwrap();
    assert!(receiver.borrow_and_update().is_none());

    struct Loud;
    impl Drop for Loud {
        fn drop(&mut self) {
            panic!("the old value's drop");
        }
    }
    let (sender, mut receiver) = watch::channel(Some(Loud));
    let (mut changed, waker) = watched(receiver.changed());
    assert!(panic_message(|| sender.send(None)).is_some());
    assert_eq!((waker.count(), now(changed.as_mut())), (1, Ok(())));
}

#[test]
fn a_forgotten_wait_is_only_a_leak() {
    let (sender, receiver) = watch::channel(0);
    let waker = CountingWaker::new();
    let leaked = Box::leak(Box::new(receiver.clone()));
    mem::forget(queued_with(leaked.changed(), &waker.waker()));
    sender.send(1).unwrap();
    assert_eq!((waker.count(), *receiver.borrow()), (1, 1));
    // Another one, in the list when the last send and the end come.
    let leaked = Box::leak(Box::new(sender.subscribe()));
    mem::forget(queued_with(leaked.changed(), &waker.waker()));
    drop((sender, receiver));
    assert_eq!(waker.count(), 2);
}

#[test]
fn threads_see_the_last_value_of_many_senders() {
    const EACH: usize = 500;
    let (sender, receiver) = watch::channel(0);
    let watchers: Vec<_> = (0..3)
        .map(|_| {
            let mut receiver = receiver.clone();
            thread::spawn(move || {
                let mut last = 0;
                block_on(async {
                    while receiver.changed().await.is_ok() {
                        let value = *receiver.borrow_and_update();
                        assert!(value >= last);
                        last = value;
                    }
                });
                last
            })
        })
        .collect();
    let senders: Vec<_> = (0..2)
        .map(|_| {
            let sender = sender.clone();
            thread::spawn(move || (0..EACH).for_each(|_| sender.send_modify(|value| *value += 1)))
        })
        .collect();
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    drop(sender);
    assert!(watchers.into_iter().all(|watcher| watcher.join().unwrap() == 2 * EACH));
}

#[test]
fn debug_and_errors_say_what_is_the_case() {
    let (sender, mut receiver) = watch::channel(7);
    assert_eq!(format!("{sender:?}"), "Sender { senders: 1, receivers: 1, waiters: 0 }");
    let other = receiver.clone();
    let (changed, _) = watched(receiver.changed());
    assert_eq!(format!("{other:?}"), "Receiver { senders: 1, receivers: 2, waiters: 1 }");
    assert_eq!(format!("{changed:?}"), "Changed(Waiter(queued))");
    drop(changed);
    let value = other.borrow();
    assert_eq!(format!("{value:?} {value} {:?}", sender.closed()), "7 7 WaitClosed(Waiter(new))");
    assert!(format!("{:?}", receiver.wait_for(|_| true)).starts_with("WaitFor("));
    assert_eq!(Closed.to_string(), "all senders of the watch are gone");
    assert_eq!(format!("{0} {0:?}", SendError(1)), "send to a watch without a receiver SendError(..)");
}
