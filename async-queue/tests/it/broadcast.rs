//! The broadcast, with back-pressure and with lagging receivers: who gets what, when it is full, when it ends, and
//! values and wakers that misbehave (hazards 1 to 3, 6 to 9, 11 to 16, 18, 20 to 22, 28, 37 to 39, 41).

use crate::{counts, until_waiting};
use futures_lite::future::block_on;
use static_assertions::{assert_impl_all as yes, assert_not_impl_any as no};
use std::{
    cell::Cell,
    error::Error,
    mem,
    panic::{RefUnwindSafe, UnwindSafe},
    pin::pin,
    rc::Rc,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::Poll,
    thread,
};
use waitline::testing::{
    CountingWaker, WakeOrder, WakerCall, during_panic, hooked_waker, now, panic_message, panicking_waker,
    panicking_waker_at, poll_once, poll_with, queued_with, watched,
};
use waitline_queue::{
    PutError, TryPutError,
    broadcast::{self, Get, GetError, Receiver, SendValue, Sender, TryGetError, WaitClosed},
};

// Hazards 18 and 34: receivers on several threads clone from one shared value, so it must be Sync to be sent at all.
yes!(Sender<u8>: Send, Sync, Unpin, Clone, UnwindSafe, RefUnwindSafe);
yes!(Receiver<u8>: Send, Sync, Unpin, Clone, UnwindSafe, RefUnwindSafe);
no!(Sender<Cell<u8>>: Send, Sync);
no!(Receiver<Cell<u8>>: Send, Sync);
no!(Sender<Rc<u8>>: Send, Sync);
no!(Receiver<Rc<u8>>: Send, Sync);
yes!(SendValue<'static, u8>: Send, Sync);
yes!(Get<'static, u8>: Send, Sync);
yes!(WaitClosed<'static, u8>: Send, Sync);
no!(SendValue<'static, u8>: Unpin);
no!(Get<'static, u8>: Unpin);
no!(WaitClosed<'static, u8>: Unpin);
no!(SendValue<'static, Cell<u8>>: Send, Sync);
no!(Get<'static, Cell<u8>>: Send, Sync);
no!(WaitClosed<'static, Cell<u8>>: Send, Sync);
yes!(GetError: Error, Copy, Eq, Send, Sync, Unpin);
yes!(TryGetError: Error, Copy, Eq, Send, Sync, Unpin);

/// Everything that a receiver can get now.
fn drain<T: Clone>(receiver: &mut Receiver<T>) -> Vec<T> {
    std::iter::from_fn(|| receiver.try_get().ok()).collect()
}

#[test]
fn every_receiver_gets_every_value_in_order() {
    for (sender, mut first) in [broadcast::channel(8), broadcast::lagging(8)] {
        let mut second = sender.subscribe();
        (0..3).for_each(|value| sender.try_send(value).unwrap());
        let mut late = sender.subscribe();
        let mut copy = first.clone();
        assert_eq!(first.try_get(), Ok(0));
        let mut behind = first.clone();
        (3..5).for_each(|value| sender.try_send(value).unwrap());
        assert_eq!((first.len(), second.len(), late.len(), sender.len()), (4, 5, 2, 5));
        assert_eq!(drain(&mut first), [1, 2, 3, 4]);
        assert_eq!(drain(&mut second), [0, 1, 2, 3, 4]);
        assert_eq!(drain(&mut late), [3, 4]);
        assert_eq!(drain(&mut behind), [1, 2, 3, 4]);
        assert_eq!((sender.len(), sender.receivers()), (5, 5));
        assert_eq!(drain(&mut copy), [0, 1, 2, 3, 4]);
        assert!(sender.is_empty() && copy.is_empty());
    }
}

#[test]
fn a_value_that_comes_during_a_wait_ends_it_for_all() {
    let (sender, receiver) = broadcast::channel(1);
    let order = WakeOrder::new();
    let mut receivers: Vec<_> = (0..100).map(|_| receiver.clone()).collect();
    drop(receiver);
    let mut waits: Vec<_> = receivers
        .iter_mut()
        .enumerate()
        .map(|(which, receiver)| queued_with(receiver.get(), &order.waker(which)))
        .collect();
    sender.try_send(7).unwrap();
    assert!(order.take().into_iter().eq(0..100));
    assert!(waits.iter_mut().all(|wait| now(wait.as_mut()) == Ok(7)));
    assert!(sender.is_empty());
}

#[test]
fn the_slowest_receiver_holds_the_senders_who_go_on_in_order() {
    let (sender, mut fast) = broadcast::channel(2);
    let mut slow = fast.clone();
    (0..2).for_each(|value| sender.try_send(value).unwrap());
    let waits: Vec<_> = (2..5).map(|value| watched(sender.send(value))).collect();
    let (mut waits, wakers): (Vec<_>, Vec<_>) = waits.into_iter().unzip();
    assert_eq!(drain(&mut fast), [0, 1]);
    assert_eq!((counts(&wakers), sender.try_send(9)), (vec![0, 0, 0], Err(TryPutError::Full(9))));
    // Each value that the slow one gets lets one sender in, which wakes the fast one.
    let (mut get, fast_waker) = watched(fast.get());
    assert_eq!(slow.try_get(), Ok(0));
    assert_eq!((counts(&wakers), fast_waker.count(), sender.len()), (vec![1, 0, 0], 1, 2));
    // The value has entered, whether or not its sender was polled since (hazard 9: and nobody passes those who wait).
    assert_eq!((now(get.as_mut()), sender.try_send(9)), (Ok(2), Err(TryPutError::Full(9))));
    drop(get);
    assert_eq!(drain(&mut slow), [1, 2, 3, 4]);
    assert_eq!((counts(&wakers), drain(&mut fast)), (vec![1, 1, 1], vec![3, 4]));
    assert!(waits.iter_mut().all(|wait| now(wait.as_mut()) == Ok(())));
}

#[test]
fn a_send_that_is_dropped_while_it_waits_has_not_sent() {
    let (sender, mut receiver) = broadcast::channel(1);
    let value = Arc::new(0);
    sender.try_send(value.clone()).unwrap();
    let (dropped, dropped_waker) = watched(sender.send(value.clone()));
    let (mut second, second_waker) = watched(sender.send(Arc::new(2)));
    assert_eq!(Arc::strong_count(&value), 3);
    drop(dropped);
    assert_eq!((Arc::strong_count(&value), dropped_waker.held()), (2, 0));
    assert_eq!(receiver.try_get(), Ok(value));
    assert_eq!((dropped_waker.count(), second_waker.count(), now(second.as_mut())), (0, 1, Ok(())));
    assert_eq!(*receiver.try_get().unwrap(), 2);
}

#[test]
fn a_send_that_is_dropped_when_there_was_room_has_sent() {
    let (sender, mut receiver) = broadcast::channel(1);
    sender.try_send(1).unwrap();
    let (dropped, waker) = watched(sender.send(2));
    assert_eq!((receiver.try_get(), waker.count()), (Ok(1), 1));
    drop(dropped);
    assert_eq!(drain(&mut receiver), [2]);
    drop(sender.send(3));
    assert_eq!(drain(&mut receiver), [], "an unpolled send has done nothing");
}

#[test]
fn a_lagging_receiver_is_told_how_many_it_missed() {
    let (sender, mut slow) = broadcast::lagging(3);
    let mut fast = slow.clone();
    (0..3).for_each(|value| assert_eq!(block_on(sender.send(value)), Ok(())));
    assert_eq!(drain(&mut fast), [0, 1, 2]);
    (3..8).for_each(|value| sender.try_send(value).unwrap());
    assert_eq!((slow.len(), fast.len(), sender.len()), (3, 3, 3));
    // A copy has missed the same.
    let mut copy = slow.clone();
    assert_eq!(slow.try_get(), Err(TryGetError::Lagged(5)));
    assert_eq!(drain(&mut slow), [5, 6, 7]);
    assert_eq!(block_on(fast.get()), Err(GetError::Lagged(2)));
    assert_eq!(drain(&mut fast), [5, 6, 7]);
    sender.try_send(8).unwrap();
    drop(sender);
    assert_eq!(copy.get_blocking(), Err(GetError::Lagged(6)));
    assert_eq!([(); 4].map(|()| copy.get_blocking()), [Ok(6), Ok(7), Ok(8), Err(GetError::Closed)]);
}

#[test]
fn a_granted_get_that_lags_is_told_too() {
    let (sender, mut receiver) = broadcast::lagging(1);
    let (mut get, waker) = watched(receiver.get());
    (0..3).for_each(|value| sender.try_send(value).unwrap());
    assert_eq!((waker.count(), now(get.as_mut())), (1, Err(GetError::Lagged(2))));
    drop(get);
    assert_eq!(drain(&mut receiver), [2]);
}

#[test]
fn a_dropped_get_has_taken_nothing() {
    let (sender, mut receiver) = broadcast::channel(2);
    let waker = CountingWaker::new();
    (0..1000).for_each(|_| drop(queued_with(receiver.get(), &waker.waker())));
    assert_eq!((waker.count(), waker.held()), (0, 0));
    // Dropped after it was woken (hazards 1 and 22).
    let get = queued_with(receiver.get(), &waker.waker());
    sender.try_send(1).unwrap();
    drop(get);
    assert_eq!((waker.count(), drain(&mut receiver)), (1, vec![1]));
}

#[test]
fn a_receiver_that_is_dropped_frees_what_it_held_back() {
    // More values than a section takes out.
    for values in [1, 2, 31, 32, 33, 100] {
        let (sender, slow) = broadcast::channel(values);
        let mut fast = slow.clone();
        let value = Arc::new(());
        (0..values).for_each(|_| sender.try_send(value.clone()).unwrap());
        let (mut wait, waker) = watched(sender.send(value.clone()));
        assert_eq!(drain(&mut fast).len(), values);
        assert_eq!((waker.count(), Arc::strong_count(&value)), (0, values + 2));
        drop(slow);
        assert_eq!((waker.count(), now(wait.as_mut()), Arc::strong_count(&value)), (1, Ok(()), 2));
        assert_eq!(drain(&mut fast).len(), 1);
        assert_eq!(Arc::strong_count(&value), 1);
        // One that still has something to get keeps it.
        sender.try_send(value.clone()).unwrap();
        drop(fast.clone());
        assert_eq!((sender.len(), fast.len()), (1, 1));
    }
}

#[test]
fn the_last_receiver_drops_all_and_gives_waiting_values_back() {
    let (sender, receiver) = broadcast::channel(40);
    let value = Arc::new(());
    (0..40).for_each(|_| sender.try_send(value.clone()).unwrap());
    let waits: Vec<_> = (0..40).map(|_| watched(sender.send(value.clone()))).collect();
    let (mut waits, wakers): (Vec<_>, Vec<_>) = waits.into_iter().unzip();
    let (mut closed, closed_waker) = watched(sender.closed());
    drop(receiver);
    assert_eq!((counts(&wakers), closed_waker.count()), (vec![1; 40], 1));
    now(closed.as_mut());
    assert_eq!((Arc::strong_count(&value), sender.len(), sender.is_closed()), (41, 0, true));
    assert!(waits.iter_mut().all(|wait| now(wait.as_mut()) == Err(PutError(value.clone()))));
    assert_eq!(sender.try_send(value.clone()), Err(TryPutError::Closed(value.clone())));
    assert_eq!(block_on(sender.send(value.clone())), Err(PutError(value.clone())));
    assert_eq!(sender.send_blocking(value.clone()), Err(PutError(value.clone())));
    // A newcomer opens it again, and finds nothing of the past.
    let mut receiver = sender.subscribe();
    assert!(!sender.is_closed() && receiver.is_empty());
    sender.try_send(value.clone()).unwrap();
    assert_eq!(drain(&mut receiver).len(), 1);
}

#[test]
fn the_last_sender_ends_it_after_the_last_value() {
    let (sender, mut receiver) = broadcast::channel(2);
    let other = sender.clone();
    let mut waiting = receiver.clone();
    sender.try_send(1).unwrap();
    drop(sender);
    assert_eq!(drain(&mut waiting), [1]);
    let (mut get, waker) = watched(waiting.get());
    drop(other);
    assert_eq!((waker.count(), now(get.as_mut())), (1, Err(GetError::Closed)));
    assert_eq!((receiver.get_blocking(), receiver.try_get()), (Ok(1), Err(TryGetError::Closed)));
}

#[test]
fn the_last_receiver_of_a_value_gets_the_value_itself() {
    static CLONES: AtomicUsize = AtomicUsize::new(0);
    struct Counted;
    impl Clone for Counted {
        fn clone(&self) -> Self {
            CLONES.fetch_add(1, Relaxed);
            Counted
        }
    }
    let (sender, receiver) = broadcast::channel(1);
    let mut receivers = [receiver.clone(), receiver.clone(), receiver];
    assert!(sender.try_send(Counted).is_ok());
    assert!(receivers.iter_mut().all(|receiver| receiver.try_get().is_ok()));
    assert_eq!(CLONES.load(Relaxed), 2);
}

/// Hazard 37: the clone is foreign code. A deadlock if it ran under the mutex.
#[test]
fn a_clone_may_use_the_channel() {
    static CHANNEL: OnceLock<(Sender<Meddling>, Mutex<Receiver<Meddling>>)> = OnceLock::new();
    static MEDDLED: AtomicUsize = AtomicUsize::new(0);
    #[derive(Debug, PartialEq)]
    struct Meddling(u32);
    impl Clone for Meddling {
        fn clone(&self) -> Self {
            let (sender, receiver) = CHANNEL.get().unwrap();
            assert!(!format!("{sender:?}").contains("busy"));
            // The get in here clones, too.
            if MEDDLED.fetch_add(1, Relaxed) == 0 {
                sender.try_send(Meddling(1)).unwrap();
                drop(sender.subscribe());
                assert_eq!(receiver.lock().unwrap().try_get(), Ok(Meddling(0)));
            }
            Meddling(self.0)
        }
    }
    let (sender, mut receiver) = broadcast::channel(4);
    assert!(CHANNEL.set((sender.clone(), Mutex::new(receiver.clone()))).is_ok());
    sender.try_send(Meddling(0)).unwrap();
    assert_eq!(receiver.try_get(), Ok(Meddling(0)));
    assert_eq!(receiver.try_get(), Ok(Meddling(1)));
}

#[test]
fn a_clone_that_panics_costs_only_its_receiver_the_value() {
    #[derive(Debug)]
    struct Loud(u32);
    impl Clone for Loud {
        fn clone(&self) -> Self {
            assert_ne!(self.0, 0, "the clone");
            Loud(self.0)
        }
    }
    let (sender, mut first) = broadcast::channel(1);
    let mut second = first.clone();
    sender.try_send(Loud(0)).unwrap();
    let (mut wait, waker) = watched(sender.send(Loud(1)));
    assert!(panic_message(|| first.try_get()).is_some_and(|message| message.contains("the clone")));
    assert_eq!(second.try_get().map(|value| value.0).unwrap(), 0);
    assert_eq!((waker.count(), now(wait.as_mut()).is_ok()), (1, true));
    assert_eq!((first.try_get().unwrap().0, second.try_get().unwrap().0), (1, 1));
}

/// Hazard 28.
#[test]
fn a_value_may_use_the_channel_or_panic_when_it_is_dropped() {
    #[derive(Clone)]
    struct Meddling(Sender<Option<Meddling>>, Arc<AtomicUsize>);
    impl Drop for Meddling {
        fn drop(&mut self) {
            assert!(!format!("{:?}", self.0).contains("busy"));
            self.1.fetch_add(1, Relaxed);
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    // Pushed out, dropped with the last receiver, and given back.
    let (sender, receiver) = broadcast::lagging(1);
    let value = || Some(Meddling(sender.clone(), drops.clone()));
    (0..3).for_each(|_| assert!(sender.try_send(value()).is_ok()));
    assert_eq!(drops.load(Relaxed), 2);
    drop(receiver);
    assert_eq!(drops.load(Relaxed), 3);
    assert!(sender.try_send(value()).is_err());
    assert_eq!(drops.load(Relaxed), 4);

    #[derive(Clone)]
    struct Loud(Arc<AtomicUsize>);
    impl Drop for Loud {
        fn drop(&mut self) {
            self.0.fetch_add(1, Relaxed);
            panic!("a value's drop");
        }
    }
    for in_panic in [false, true] {
        let drops = Arc::new(AtomicUsize::new(0));
        let (sender, receiver) = broadcast::channel(100);
        (0..100).for_each(|_| assert!(sender.try_send(Loud(drops.clone())).is_ok()));
        let (mut closed, waker) = watched(sender.closed());
        match in_panic {
            true => during_panic(|| drop(receiver)),
            false => assert_eq!(panic_message(|| drop(receiver)).as_deref(), Some("a value's drop")),
        }
        assert_eq!((drops.load(Relaxed), waker.count(), sender.len()), (100, 1, 0));
        now(closed.as_mut());
    }
}

/// Hazards 11 and 12.
#[test]
fn wakers_may_use_the_channel_when_cloned_woken_and_dropped() {
    let (sender, mut receiver) = broadcast::channel(1);
    let calls: Arc<[AtomicUsize; 3]> = Arc::default();
    let meddling = || {
        let (sender, calls) = (sender.clone(), calls.clone());
        hooked_waker(move |call| {
            calls[call as usize].fetch_add(1, Relaxed);
            assert!(!format!("{sender:?}").contains("busy"));
            drop(sender.subscribe());
            _ = (sender.len(), poll_once(pin!(sender.closed())));
        })
    };
    let (one, two) = (meddling(), meddling());
    let mut get = queued_with(receiver.get(), &one);
    assert!(poll_with(get.as_mut(), &two).is_pending());
    sender.try_send(1).unwrap();
    assert_eq!(now(get.as_mut()), Ok(1));
    drop(get);
    sender.try_send(2).unwrap();
    let mut send = queued_with(sender.send(3), &one);
    drop(queued_with(sender.send(4), &one));
    assert_eq!((receiver.try_get(), now(send.as_mut())), (Ok(2), Ok(())));
    assert_eq!(calls.each_ref().map(|calls| calls.load(Relaxed)), [4, 2, 2]);
}

#[test]
fn a_panicking_waker_costs_nobody_else_anything() {
    for bad in [0, 1, 31, 32, 33, 69] {
        let good = CountingWaker::new();
        let waker = |which| if which == bad { panicking_waker() } else { good.waker() };
        let (sender, receiver) = broadcast::channel(1);
        let mut receivers: Vec<_> = (0..70).map(|_| receiver.clone()).collect();
        drop(receiver);
        let mut gets: Vec<_> = receivers
            .iter_mut()
            .enumerate()
            .map(|(which, receiver)| queued_with(receiver.get(), &waker(which)))
            .collect();
        assert!(panic_message(|| sender.try_send(1)).is_some());
        assert_eq!(good.count(), 69);
        assert!(gets.iter_mut().all(|get| now(get.as_mut()) == Ok(1)));
        drop(gets);
        sender.try_send(2).unwrap();
        let mut sends: Vec<_> = (0..70).map(|which| queued_with(sender.send(which), &waker(which))).collect();
        assert!(panic_message(|| drop(receivers)).is_some());
        assert_eq!(good.count(), 2 * 69);
        assert!(sends.iter_mut().enumerate().all(|(which, send)| now(send.as_mut()) == Err(PutError(which))));
    }
}

/// Hazard 38: the unused waker's drop panics after the decision, and nothing is lost or doubled.
#[test]
fn a_waker_that_panics_when_dropped_unused_loses_no_value() {
    let (sender, mut receiver) = broadcast::channel(1);
    let meddling = |meddle: Box<dyn Fn() + Send + Sync>| {
        mem::ManuallyDrop::new(hooked_waker(move |call| match call {
            WakerCall::Clone => meddle(),
            WakerCall::Wake => {}
            WakerCall::Drop => panic!("the drop of a clone"),
        }))
    };
    let waker = meddling(Box::new({
        let sender = sender.clone();
        move || sender.try_send(1).unwrap()
    }));
    let mut get = Box::pin(receiver.get());
    assert_eq!(panic_message(|| poll_with(get.as_mut(), &waker)).as_deref(), Some("the drop of a clone"));
    assert_eq!(now(get.as_mut()), Ok(1));
    drop(get);
    sender.try_send(2).unwrap();
    let receiver = Arc::new(Mutex::new(receiver));
    let waker = meddling(Box::new({
        let receiver = receiver.clone();
        move || assert_eq!(receiver.lock().unwrap().try_get(), Ok(2))
    }));
    let mut send = Box::pin(sender.send(3));
    assert_eq!(panic_message(|| poll_with(send.as_mut(), &waker)).as_deref(), Some("the drop of a clone"));
    assert_eq!(now(send.as_mut()), Ok(()));
    assert_eq!(drain(&mut receiver.lock().unwrap()), [3]);
}

#[test]
fn a_waker_that_panics_when_cloned_leaves_everything_as_it_was() {
    let (sender, mut receiver) = broadcast::channel(1);
    let bad = panicking_waker_at(WakerCall::Clone);
    assert!(panic_message(|| poll_with(pin!(receiver.get()), &bad)).is_some());
    sender.try_send(1).unwrap();
    assert!(panic_message(|| poll_with(pin!(sender.send(2)), &bad)).is_some());
    assert_eq!((drain(&mut receiver), sender.len()), (vec![1], 0));
    assert!(format!("{sender:?}").ends_with("waiters: 0 }"));
}

/// Hazard 39.
#[test]
fn halves_that_are_dropped_by_a_panic_do_not_abort() {
    for number in [1, 2, 40] {
        let (sender, receiver) = broadcast::channel(1);
        let mut receivers: Vec<_> = (0..number).map(|_| receiver.clone()).collect();
        let mut gets: Vec<_> =
            receivers.iter_mut().map(|receiver| queued_with(receiver.get(), &panicking_waker())).collect();
        during_panic(|| drop(sender));
        assert!(gets.iter_mut().all(|get| now(get.as_mut()) == Err::<u8, _>(GetError::Closed)));

        let (sender, receiver) = broadcast::channel(1);
        sender.try_send(0).unwrap();
        let mut sends: Vec<_> = (0..number).map(|_| queued_with(sender.send(1), &panicking_waker())).collect();
        during_panic(|| drop(receiver));
        assert!(sends.iter_mut().all(|send| now(send.as_mut()) == Err(PutError(1))));
    }
}

/// Hazard 6: who waits again from inside its wake-up waits for the next value.
#[test]
fn a_send_wakes_nobody_twice() {
    let (sender, receiver) = broadcast::channel::<u32>(200);
    let newcomer = Box::leak(Box::new(receiver.clone()));
    let (newcomer, later) = (Mutex::new(Some(newcomer)), Arc::new(Mutex::new(None)));
    let waker = hooked_waker({
        let later = later.clone();
        move |call| {
            let newcomer = if call == WakerCall::Wake { newcomer.lock().unwrap().take() } else { None };
            if let Some(newcomer) = newcomer {
                assert_eq!(newcomer.try_get(), Ok(1));
                *later.lock().unwrap() = Some(watched(newcomer.get()));
            }
        }
    });
    let mut receivers: Vec<_> = (0..100).map(|_| receiver.clone()).collect();
    let _gets: Vec<_> = receivers.iter_mut().map(|receiver| queued_with(receiver.get(), &waker)).collect();
    sender.try_send(1).unwrap();
    let (mut get, waker) = later.lock().unwrap().take().unwrap();
    assert_eq!((waker.count(), poll_once(get.as_mut())), (0, Poll::Pending));
}

#[test]
fn only_the_waker_of_the_last_poll_is_woken() {
    let (sender, mut receiver) = broadcast::channel(1);
    let (old, new) = (CountingWaker::new(), CountingWaker::new());
    let mut get = queued_with(receiver.get(), &old.waker());
    assert!(new.poll(get.as_mut()).is_pending());
    sender.try_send(1).unwrap();
    assert_eq!((old.count(), old.held(), new.count()), (0, 0, 1));
}

#[test]
fn forgotten_waits_are_only_leaks() {
    let (sender, receiver) = broadcast::channel(1);
    let waker = CountingWaker::new();
    let leaked = Box::leak(Box::new(receiver.clone()));
    mem::forget(queued_with(leaked.get(), &waker.waker()));
    sender.try_send(1).unwrap();
    mem::forget(queued_with(sender.send(2), &waker.waker()));
    assert_eq!((waker.count(), sender.receivers()), (1, 2));
    drop((sender, receiver));
}

#[test]
fn a_capacity_of_zero_panics_and_says_why() {
    for (channel, name) in [
        (broadcast::channel::<u8> as fn(usize) -> _, "broadcast::channel"),
        (broadcast::lagging::<u8>, "broadcast::lagging"),
    ] {
        let message = panic_message(|| channel(0));
        assert_eq!(message, Some(format!("{name}: the capacity is 0 and must be at least 1")));
    }
}

#[test]
fn threads_and_tasks_hand_everything_to_everybody() {
    const EACH: usize = 300;
    let (sender, receiver) = broadcast::channel(3);
    let by_task = |mut receiver: Receiver<usize>| {
        move || {
            block_on(async {
                let mut got = Vec::new();
                while let Ok(value) = receiver.get().await {
                    got.push(value);
                }
                got
            })
        }
    };
    let mut receivers: Vec<_> = (0..2).map(|_| thread::spawn(by_task(receiver.clone()))).collect();
    let mut by_thread = receiver.clone();
    receivers.push(thread::spawn(move || std::iter::from_fn(|| by_thread.get_blocking().ok()).collect()));
    // One that is gone in the middle must not hold the others.
    let mut leaves = receiver;
    let leaver = thread::spawn(move || (0..10).for_each(|_| assert!(leaves.get_blocking().is_ok())));
    let senders: Vec<_> = (0..2)
        .map(|source| {
            let sender = sender.clone();
            thread::spawn(move || (0..EACH).for_each(|n| sender.send_blocking(source * EACH + n).unwrap()))
        })
        .collect();
    drop(sender);
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    leaver.join().unwrap();
    let all: Vec<Vec<usize>> = receivers.into_iter().map(|receiver| receiver.join().unwrap()).collect();
    assert!(all.iter().all(|got| got == &all[0]), "all receivers see one order");
    for source in 0..2 {
        assert!(all[0].iter().filter(|n| *n / EACH == source).copied().eq(source * EACH..(source + 1) * EACH));
    }
}

#[test]
fn a_blocked_sender_goes_on_when_the_slowest_receiver_leaves() {
    let (sender, receiver) = broadcast::channel(1);
    let mut other = receiver.clone();
    sender.try_send(1).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| sender.send_blocking(2).unwrap());
        until_waiting(&sender, 1);
        assert_eq!(other.try_get(), Ok(1));
        drop(receiver);
        assert_eq!(other.get_blocking(), Ok(2));
    });
}

#[test]
fn debug_and_errors_say_what_is_the_case() {
    let (sender, mut receiver) = broadcast::channel(2);
    sender.try_send("never shown").unwrap();
    assert_eq!(format!("{sender:?}"), "Sender { len: 1, capacity: 2, receivers: 1, waiters: 0 }");
    assert_eq!(format!("{receiver:?}"), "Receiver { len: 1, capacity: 2, receivers: 1, waiters: 0 }");
    assert!(format!("{:?} {:?}", sender.send("a"), sender.closed()).starts_with("SendValue(Waiter(new)) WaitClosed("));
    assert!(format!("{:?}", receiver.get()).starts_with("Get("));
    assert_eq!(GetError::Closed.to_string(), "get from a closed broadcast");
    assert_eq!(GetError::Lagged(3).to_string(), "the receiver was too slow and missed 3 values");
    assert_eq!(TryGetError::Empty.to_string(), "get from a broadcast without a new value");
    assert_eq!(TryGetError::Closed.to_string(), GetError::Closed.to_string());
    assert_eq!(TryGetError::Lagged(3).to_string(), GetError::Lagged(3).to_string());
}
