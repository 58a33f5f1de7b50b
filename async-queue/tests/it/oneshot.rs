//! The oneshot: which half ends it, what becomes of the value, and misbehaving wakers (hazards 1, 7, 11 to 16, 25, 28,
//! 38, 39).

use futures_lite::future::{block_on, or};
use static_assertions::{assert_impl_all as yes, assert_not_impl_any as no};
use std::{
    cell::Cell,
    future::Future,
    mem,
    panic::{RefUnwindSafe, UnwindSafe},
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Poll, Waker},
    thread,
};
use waitline::testing::{
    CountingWaker, WakeOrder, WakerCall, during_panic, hooked_waker, now, panic_message, panicking_waker,
    panicking_waker_at, poll_once, poll_with, queued_with, watched,
};
use waitline_queue::{
    TryGetError,
    oneshot::{self, Closed, Place, Receiver, Sender, WaitClosed},
};

// Hazards 18 and 34. A half leads to the value from its thread, so it may be sent and shared if the value may be sent.
yes!(Sender<Cell<u8>>: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
yes!(Receiver<Cell<u8>>: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
yes!(Sender<Cell<u8>, &'static Place<Cell<u8>>>: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
yes!(Receiver<Cell<u8>, &'static Place<Cell<u8>>>: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
yes!(Place<Cell<u8>>: Send, Sync, Unpin, UnwindSafe, RefUnwindSafe);
no!(Sender<Rc<u8>>: Send, Sync);
no!(Receiver<Rc<u8>>: Send, Sync);
no!(Sender<Rc<u8>, &'static Place<Rc<u8>>>: Send, Sync);
no!(Receiver<Rc<u8>, &'static Place<Rc<u8>>>: Send, Sync);
no!(Place<Rc<u8>>: Send, Sync);
no!(Sender<u8>: Clone);
no!(Receiver<u8>: Clone);
yes!(WaitClosed<'static, Cell<u8>>: Send, Sync);
no!(WaitClosed<'static, u8>: Unpin);
no!(WaitClosed<'static, Rc<u8>>: Send, Sync);

#[test]
fn a_value_arrives_whether_it_is_sent_before_the_wait_or_during_it() {
    let (sender, receiver) = oneshot::channel();
    assert_eq!(sender.send(1), Ok(()));
    assert_eq!(now(pin!(receiver)), Ok(1));

    let (sender, receiver) = oneshot::channel();
    let (mut receiver, waker) = watched(receiver);
    assert_eq!(sender.send(2), Ok(()));
    assert_eq!((waker.count(), waker.held()), (1, 0));
    assert_eq!(now(receiver.as_mut()), Ok(2));
}

#[test]
fn a_sender_that_is_dropped_ends_the_wait() {
    let (sender, receiver) = oneshot::channel::<u8>();
    let (mut receiver, waker) = watched(receiver);
    drop(sender);
    assert_eq!((waker.count(), waker.held()), (1, 0));
    assert_eq!(now(receiver.as_mut()), Err(Closed));
    let (sender, receiver) = oneshot::channel::<u8>();
    drop(sender);
    assert_eq!(now(pin!(receiver)), Err(Closed));
}

#[test]
fn a_send_without_a_receiver_gives_the_value_back() {
    let value = Rc::new(());
    let (sender, receiver) = oneshot::channel();
    drop(receiver);
    assert!(sender.is_closed());
    assert_eq!(sender.send(value.clone()), Err(value.clone()));
    let (sender, mut receiver) = oneshot::channel();
    assert!(receiver.close());
    assert!(sender.is_closed());
    assert_eq!(sender.send(value.clone()), Err(value.clone()));
    assert_eq!(now(pin!(receiver)), Err(Closed));
    assert_eq!(Rc::strong_count(&value), 1);
}

#[test]
fn a_value_that_nobody_takes_is_dropped_with_the_receiver() {
    let value = Arc::new(());
    let mut place = Place::new();
    let (sender, receiver) = place.channel();
    sender.send(value.clone()).unwrap();
    assert_eq!(Arc::strong_count(&value), 2);
    drop(receiver);
    assert_eq!(Arc::strong_count(&value), 1, "the place has kept it");

    // It waits, is sent the value, and is dropped before it is polled (hazard 1).
    let (sender, receiver) = oneshot::channel();
    let (receiver, waker) = watched(receiver);
    sender.send(value.clone()).unwrap();
    drop(receiver);
    assert_eq!((Arc::strong_count(&value), waker.count(), waker.held()), (1, 1, 0));
}

#[test]
fn a_wait_that_is_given_up_loses_nothing() {
    let (sender, mut receiver) = oneshot::channel();
    for _ in 0..3 {
        let timed_out = block_on(or(async { Some((&mut receiver).await) }, async { None }));
        assert_eq!(timed_out, None);
    }
    sender.send(7).unwrap();
    assert_eq!(block_on(receiver), Ok(7));
}

#[test]
fn try_get_says_whether_a_value_may_still_come() {
    let (sender, mut receiver) = oneshot::channel();
    assert_eq!(receiver.try_get(), Err(TryGetError::Empty));
    // After a wait that was given up, too.
    assert!(poll_once(Pin::new(&mut receiver)).is_pending());
    assert_eq!(receiver.try_get(), Err(TryGetError::Empty));
    sender.send(1).unwrap();
    assert_eq!(receiver.try_get(), Ok(1));
    assert_eq!(receiver.try_get(), Err(TryGetError::Closed));
    assert_eq!(now(pin!(receiver)), Err(Closed));

    let (sender, mut receiver) = oneshot::channel::<u8>();
    drop(sender);
    assert_eq!(receiver.try_get(), Err(TryGetError::Closed));
    assert_eq!(poll_once(Pin::new(&mut receiver)), Poll::Ready(Err(Closed)));
    assert_eq!(receiver.try_get(), Err(TryGetError::Closed));
    assert!(!receiver.close());
}

#[test]
fn a_close_leaves_the_value_that_was_sent_before() {
    let (sender, mut receiver) = oneshot::channel();
    sender.send(1).unwrap();
    assert!(!receiver.close());
    assert_eq!(now(pin!(receiver)), Ok(1));
}

#[test]
fn a_close_during_a_wait_ends_it_without_a_wake_up() {
    let (sender, receiver) = oneshot::channel();
    let waker = CountingWaker::new();
    let mut receiver = pin!(receiver);
    assert!(waker.poll(receiver.as_mut()).is_pending());
    assert!(receiver.close());
    assert_eq!((waker.count(), waker.held()), (0, 0));
    assert_eq!(sender.send(1), Err(1));
    assert_eq!(now(receiver), Err(Closed));
}

#[test]
fn the_senders_waits_for_the_end_are_all_woken_in_order() {
    for number in [1, 2, 32, 33, 100] {
        for close in [false, true] {
            let (sender, mut receiver) = oneshot::channel::<u8>();
            let order = WakeOrder::new();
            let mut waits: Vec<_> =
                (0..number).map(|which| queued_with(sender.closed(), &order.waker(which))).collect();
            // One in the middle leaves.
            if number > 1 {
                drop(waits.remove(1));
            }
            if close {
                assert!(receiver.close());
            } else {
                drop(receiver);
            }
            assert!(order.take().into_iter().eq((0..number).filter(|which| *which != 1)));
            waits.iter_mut().for_each(|wait| now(wait.as_mut()));
            now(pin!(sender.closed()));
        }
    }
}

#[test]
fn a_dropped_wait_for_the_end_leaves_no_trace() {
    let (sender, receiver) = oneshot::channel();
    let waker = CountingWaker::new();
    (0..100).for_each(|_| drop(queued_with(sender.closed(), &waker.waker())));
    assert_eq!((waker.count(), waker.held()), (0, 0));
    sender.send(1).unwrap();
    assert_eq!(now(pin!(receiver)), Ok(1));
}

#[test]
fn a_dropped_receiver_keeps_no_waker() {
    let (sender, receiver) = oneshot::channel::<u8>();
    let (receiver, waker) = watched(receiver);
    assert_eq!(waker.held(), 1);
    drop(receiver);
    assert_eq!((waker.held(), waker.count(), sender.is_closed()), (0, 0, true));
}

#[test]
fn an_unpolled_receiver_waits_for_nothing() {
    // Hazard 7: the value waits for the first poll.
    let (sender, receiver) = oneshot::channel();
    let receiver = Box::pin(receiver);
    sender.send(1).unwrap();
    assert_eq!(now(receiver), Ok(1));
}

#[test]
fn only_the_waker_of_the_receivers_last_poll_is_woken() {
    let (sender, receiver) = oneshot::channel();
    let (old, new) = (CountingWaker::new(), CountingWaker::new());
    let mut receiver = queued_with(receiver, &old.waker());
    // It may even move between two polls.
    let mut receiver = thread::scope(|scope| {
        let moved = scope.spawn(|| {
            assert!(new.poll(receiver.as_mut()).is_pending());
            *Pin::into_inner(receiver)
        });
        moved.join().unwrap()
    });
    assert_eq!((old.held(), new.held()), (0, 1));
    assert!(new.poll(Pin::new(&mut receiver)).is_pending());
    sender.send(1).unwrap();
    assert_eq!((old.count(), new.count()), (0, 1));
    assert_eq!(now(Pin::new(&mut receiver)), Ok(1));
}

#[test]
fn polling_again_clones_no_waker() {
    let (_sender, receiver) = oneshot::channel::<u8>();
    let clones = Arc::new(AtomicUsize::new(0));
    let waker = hooked_waker({
        let clones = clones.clone();
        move |call| _ = (call == WakerCall::Clone).then(|| clones.fetch_add(1, Relaxed))
    });
    let mut receiver = pin!(receiver);
    (0..1000).for_each(|_| assert!(poll_with(receiver.as_mut(), &waker).is_pending()));
    assert_eq!(clones.load(Relaxed), 1);
}

#[test]
fn a_receiver_that_is_polled_after_it_was_ready_panics() {
    let (sender, mut receiver) = oneshot::channel();
    sender.send(1).unwrap();
    assert_eq!(now(Pin::new(&mut receiver)), Ok(1));
    let message = panic_message(|| poll_once(Pin::new(&mut receiver)));
    assert_eq!(message.as_deref(), Some("a waiting future was polled after it was ready"));
    assert_eq!(receiver.try_get(), Err(TryGetError::Closed));
}

/// Hazards 11 and 12: a deadlock if any of a waker's code ran under the mutex.
#[test]
fn wakers_may_use_the_channel_when_cloned_woken_and_dropped() {
    fn meddling(sender: &Arc<Mutex<Option<Sender<u8>>>>, calls: &Arc<[AtomicUsize; 3]>) -> Waker {
        let (sender, calls) = (sender.clone(), calls.clone());
        hooked_waker(move |call| {
            calls[call as usize].fetch_add(1, Relaxed);
            // A `try_lock`, for the test itself uses the sender in some of these calls.
            if let Ok(sender) = sender.try_lock() {
                if let Some(sender) = &*sender {
                    assert!(!format!("{sender:?} {}", sender.is_closed()).contains("busy"));
                    assert!(poll_once(pin!(sender.closed())).is_pending() != sender.is_closed());
                }
            }
        })
    }
    let (sender, receiver) = oneshot::channel::<u8>();
    let (sender, calls) = (Arc::new(Mutex::new(Some(sender))), Arc::default());
    let mut receiver = pin!(receiver);
    // A clone; a clone and a drop; then the wake.
    assert!(poll_with(receiver.as_mut(), &meddling(&sender, &calls)).is_pending());
    assert!(poll_with(receiver.as_mut(), &meddling(&sender, &calls)).is_pending());
    let taken = sender.lock().unwrap().take().unwrap();
    taken.send(1).unwrap();
    assert_eq!(now(receiver), Ok(1));
    assert_eq!(calls.each_ref().map(|calls| calls.load(Relaxed)), [2, 1, 3]);
}

#[test]
fn a_value_may_use_its_channel_when_it_is_dropped() {
    // Hazard 28: the value holds a half of another channel, and the wait that its drop ends is woken.
    let (inner, end) = oneshot::channel::<u8>();
    let (sender, receiver) = oneshot::channel();
    sender.send(inner).unwrap();
    let (mut end, waker) = watched(end);
    drop(receiver);
    assert_eq!((waker.count(), now(end.as_mut())), (1, Err(Closed)));

    struct Loud;
    impl Drop for Loud {
        fn drop(&mut self) {
            panic!("the value's drop");
        }
    }
    let (sender, receiver) = oneshot::channel();
    sender.send(Loud).unwrap_or_else(mem::forget);
    assert_eq!(panic_message(|| drop(receiver)).as_deref(), Some("the value's drop"));
    let (sender, receiver) = oneshot::channel();
    sender.send(Loud).unwrap_or_else(mem::forget);
    during_panic(|| drop(receiver));
}

#[test]
fn a_waker_that_panics_when_woken_takes_nothing() {
    let (sender, receiver) = oneshot::channel();
    let mut receiver = queued_with(receiver, &panicking_waker());
    assert!(panic_message(|| sender.send(1)).is_some());
    assert_eq!(now(receiver.as_mut()), Ok(1));

    let (sender, receiver) = oneshot::channel::<u8>();
    let mut receiver = queued_with(receiver, &panicking_waker());
    assert!(panic_message(|| drop(sender)).is_some());
    assert_eq!(now(receiver.as_mut()), Err(Closed));

    for bad in [0, 1, 31, 32, 33, 69] {
        let (sender, receiver) = oneshot::channel::<u8>();
        let good = CountingWaker::new();
        let waker = |which| if which == bad { panicking_waker() } else { good.waker() };
        let mut waits: Vec<_> = (0..70).map(|which| queued_with(sender.closed(), &waker(which))).collect();
        assert!(panic_message(|| drop(receiver)).is_some());
        assert_eq!(good.count(), 69);
        waits.iter_mut().for_each(|wait| now(wait.as_mut()));
    }
}

#[test]
fn a_waker_that_panics_when_cloned_leaves_the_receiver_as_it_was() {
    let (sender, receiver) = oneshot::channel();
    let mut receiver = pin!(receiver);
    let bad = panicking_waker_at(WakerCall::Clone);
    assert!(panic_message(|| poll_with(receiver.as_mut(), &bad)).is_some());
    let good = CountingWaker::new();
    assert!(good.poll(receiver.as_mut()).is_pending());
    assert!(panic_message(|| poll_with(receiver.as_mut(), &bad)).is_some());
    sender.send(1).unwrap();
    assert_eq!((good.count(), now(receiver)), (1, Ok(1)));
}

/// Hazard 38: the value comes while the waker is being cloned, and then the clone's drop panics.
#[test]
fn a_waker_that_panics_when_dropped_unused_loses_no_value() {
    let (sender, receiver) = oneshot::channel();
    let sender = Mutex::new(Some(sender));
    let waker = mem::ManuallyDrop::new(hooked_waker(move |call| match call {
        WakerCall::Clone => {
            if let Some(sender) = sender.lock().unwrap().take() {
                sender.send(1).unwrap();
            }
        }
        WakerCall::Wake => {}
        WakerCall::Drop => panic!("the drop of a clone"),
    }));
    let mut receiver = pin!(receiver);
    let message = panic_message(|| poll_with(receiver.as_mut(), &waker));
    assert_eq!(message.as_deref(), Some("the drop of a clone"));
    assert_eq!(now(receiver), Ok(1));
}

#[test]
fn a_waker_that_panics_when_replaced_leaves_the_new_one() {
    let (sender, receiver) = oneshot::channel();
    let bad = panicking_waker_at(WakerCall::Drop);
    let mut receiver = queued_with(receiver, &bad);
    let good = CountingWaker::new();
    assert!(panic_message(|| good.poll(receiver.as_mut())).is_some());
    sender.send(1).unwrap();
    assert_eq!((good.count(), now(receiver.as_mut())), (1, Ok(1)));
}

/// Hazard 39: a wake-up or a drop that panics while a panic drops the half.
#[test]
fn a_half_that_is_dropped_by_a_panic_does_not_abort() {
    let (sender, receiver) = oneshot::channel::<u8>();
    let mut receiver = queued_with(receiver, &panicking_waker());
    during_panic(|| drop(sender));
    assert_eq!(now(receiver.as_mut()), Err(Closed));

    let (sender, receiver) = oneshot::channel();
    let mut receiver = queued_with(receiver, &panicking_waker());
    during_panic(|| sender.send(1).unwrap());
    assert_eq!(now(receiver.as_mut()), Ok(1));

    for number in [1, 2, 40] {
        let (sender, receiver) = oneshot::channel::<u8>();
        let receiver = queued_with(receiver, &panicking_waker_at(WakerCall::Drop));
        let mut waits: Vec<_> = (0..number).map(|_| queued_with(sender.closed(), &panicking_waker())).collect();
        during_panic(|| drop(receiver));
        waits.iter_mut().for_each(|wait| now(wait.as_mut()));
    }
}

#[test]
fn forgotten_halves_and_waits_are_only_leaks() {
    let mut place = Place::new();
    let value = Arc::new(());
    let (sender, receiver) = place.channel();
    let waker = CountingWaker::new();
    mem::forget(queued_with(sender.closed(), &waker.waker()));
    sender.send(value.clone()).unwrap();
    mem::forget(receiver);
    // The next channel of the place begins anew.
    let (sender, mut receiver) = place.channel();
    assert_eq!((Arc::strong_count(&value), receiver.try_get()), (1, Err(TryGetError::Empty)));
    let (_receiver, waker) = watched(receiver);
    mem::forget(sender);
    assert_eq!(waker.count(), 0);
}

#[test]
fn a_place_is_used_again_and_again() {
    let mut place = Place::new();
    for number in 0..3 {
        let (sender, receiver) = place.channel();
        thread::scope(|scope| {
            scope.spawn(move || sender.send(number).unwrap());
            assert_eq!(receiver.get_blocking(), Ok(number));
        });
        let (sender, receiver) = place.channel();
        drop(receiver);
        assert_eq!(sender.send(number), Err(number));
        let (sender, receiver) = place.channel();
        drop(sender);
        assert_eq!(receiver.get_blocking(), Err(Closed));
    }
}

#[test]
fn threads_and_tasks_send_to_each_other() {
    for number in 0..200 {
        let (sender, receiver) = oneshot::channel();
        let (answer, end) = oneshot::channel();
        let thread = thread::spawn(move || answer.send(receiver.get_blocking().map(|number: u32| number + 1)));
        sender.send(number).unwrap();
        assert_eq!(block_on(end), Ok(Ok(number + 1)));
        thread.join().unwrap().unwrap();
    }
}

#[test]
fn debug_tells_the_state_without_blocking_and_without_the_value() {
    let mut place = Place::new();
    assert_eq!(format!("{place:?}"), "Place { open: true, sent: false }");
    let (sender, mut receiver) = place.channel();
    assert_eq!(format!("{sender:?}"), "Sender { open: true, sent: false }");
    assert!(format!("{:?}", sender.closed()).starts_with("WaitClosed("));
    sender.send("never shown").unwrap();
    assert_eq!(format!("{receiver:?}"), "Receiver { open: false, sent: true }");
    assert_eq!(now(Pin::new(&mut receiver)), Ok("never shown"));
    assert_eq!(format!("{receiver:?}"), "Receiver(over)");
    assert_eq!(Closed.to_string(), "the queue or channel is closed");
}

#[test]
fn tasks_with_a_oneshot_can_be_sent() {
    fn sent<T>(task: impl Future<Output = T> + Send) -> T {
        block_on(task)
    }
    let (sender, receiver) = oneshot::channel::<&str>();
    let (other, gone) = oneshot::channel::<&str>();
    drop(gone);
    assert_eq!(
        sent(async move {
            other.closed().await;
            sender.send("a").unwrap();
            receiver.await
        }),
        Ok("a")
    );
}

/// Reports name the receiver that waits, by the label of its place, until it is sent the value or given up.
#[cfg(feature = "diagnostics")]
#[test]
fn a_receiver_that_waits_is_on_record() {
    use waitline::diagnostics::{Target, waits};
    let on_record = || {
        let mut calls = Vec::new();
        for wait in waits() {
            if let Target::Primitive(primitive, call) = wait.target {
                if primitive.label == Some("on record") {
                    calls.push((primitive.kind, call));
                }
            }
        }
        calls
    };
    let mut place = Place::new().with_label("on record");
    let (sender, receiver) = place.channel();
    let receiver = queued_with(receiver, Waker::noop());
    assert_eq!(on_record(), [("oneshot", "get")]);
    let closed = queued_with(sender.closed(), Waker::noop());
    assert_eq!(on_record(), [("oneshot", "get"), ("oneshot", "closed")]);
    drop(closed);
    sender.send(1).unwrap();
    assert_eq!(on_record(), []);
    drop(receiver);
    let (_sender, receiver) = place.channel();
    drop(queued_with(receiver, Waker::noop()));
    assert_eq!(on_record(), []);
}
