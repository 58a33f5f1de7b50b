//! What the methods of `Event` promise.

use futures_lite::future::{block_on, zip};
use std::{
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};
use waitline::testing::{CountingWaker, WakerCall, hooked_waker, poll_once, poll_with, queued_with, yield_until};
use waitline_event::{Event, Wait};

/// `n` waits that have begun, with wakers that count together.
fn begun<'a>(event: &'a Event, n: usize, waker: &CountingWaker) -> Vec<Pin<Box<Wait<'a>>>> {
    (0..n).map(|_| queued_with(event.wait(), &waker.waker())).collect()
}

#[test]
fn set_and_clear_say_whether_they_changed_the_event() {
    let event = Event::default();
    assert_eq!((event.is_set(), event.waiters()), (false, 0));
    for _ in 0..2 {
        assert!(!event.clear());
        assert!(event.set());
        assert!(event.is_set());
        assert!(!event.set());
        assert!(event.is_set());
        assert!(event.clear());
        assert!(!event.is_set());
    }
}

#[test]
fn a_wait_on_a_set_event_is_ready_at_once_and_takes_no_waker() {
    let event = Event::new();
    event.set();
    let waker = std::mem::ManuallyDrop::new(hooked_waker(|call| panic!("{call:?} of a waker that is not needed")));
    assert!(poll_with(pin!(event.wait()), &waker).is_ready());
    assert!(event.is_set(), "a wait does not reset the event");
}

#[test]
fn set_completes_every_wait_before_it_even_if_clear_follows_at_once() {
    let event = Event::new();
    let waker = CountingWaker::new();
    for n in [1, 2, 31, 32, 33, 64, 65, 1000] {
        let before = waker.count();
        assert!(!event.clear());
        let mut waits = begun(&event, n, &waker);
        assert!(!event.clear(), "nor does a clear touch those who wait");
        assert_eq!((event.waiters(), waker.count()), (n, before));
        assert!(event.set());
        assert_eq!((event.waiters(), waker.count() - before), (0, n));
        assert!(event.clear());
        let late = begun(&event, 1, &waker);
        assert!(waits.iter_mut().all(|wait| waker.poll(wait.as_mut()).is_ready()));
        assert_eq!((event.waiters(), waker.count() - before), (1, n));
        drop(late);
    }
    assert_eq!(waker.held(), 0);
}

/// A second set, from inside the first one's wake-ups, does not return before all are let go.
#[test]
fn a_set_that_changes_nothing_helps_the_one_at_work() {
    let event: &'static Event = Box::leak(Box::new(Event::new()));
    let waker = CountingWaker::new();
    let last = Arc::new(Mutex::new(Box::pin(event.wait())));
    let hook = hooked_waker({
        let last = last.clone();
        move |call| {
            if call == WakerCall::Wake {
                assert!(poll_once(last.lock().unwrap().as_mut()).is_pending(), "63 rounds away from its grant");
                assert!(!event.set());
                assert!(poll_once(last.lock().unwrap().as_mut()).is_ready());
            }
        }
    });
    let _first = queued_with(event.wait(), &hook);
    let waits = begun(event, 2000, &waker);
    assert!(waker.poll(last.lock().unwrap().as_mut()).is_pending());
    assert!(event.set());
    assert_eq!(waker.count(), 2000, "the last one was polled with another waker in between");
    drop(waits);
}

/// What a set does is bounded by the number of waiters that it found: it leaves those of a later set to that one.
#[test]
fn a_set_does_not_work_for_later_ones() {
    let event: &'static Event = Box::leak(Box::new(Event::new()));
    let wait_once = |barrier: &Arc<std::sync::Barrier>, times: usize| {
        let (barrier, first) = (barrier.clone(), AtomicUsize::new(times));
        hooked_waker(move |call| {
            if call == WakerCall::Wake {
                (0..first.load(SeqCst)).for_each(|_| _ = barrier.wait());
            }
        })
    };
    let gate = Arc::new(std::sync::Barrier::new(2));
    let waker = CountingWaker::new();

    // The first set has 33 waiters; it stops in its first wake-up, with one left for the second round.
    let _blocking = queued_with(event.wait(), &wait_once(&gate, 2));
    let early = begun(event, 32, &waker);
    let first = std::thread::spawn(|| assert!(event.set()));
    gate.wait();
    assert!(event.clear());

    // The second set finds that one and 100 more; it stops in its second wake-up.
    let second_gate = Arc::new(std::sync::Barrier::new(2));
    let _blocking = queued_with(event.wait(), &wait_once(&second_gate, 2));
    let late = begun(event, 99, &waker);
    let second = std::thread::spawn(|| assert!(event.set()));
    second_gate.wait();
    assert_eq!(waker.count(), 1, "the straggler of the first set, whom the second one woke");

    // The first set goes on: it takes one for the one that it is short of, and returns.
    gate.wait();
    first.join().unwrap();
    assert_eq!(waker.count(), 1 + 31 + 1);
    second_gate.wait();
    second.join().unwrap();
    assert_eq!(waker.count(), 32 + 99);
    drop((early, late));
}

#[test]
fn threads_and_futures_wait_together() {
    let event = Event::new();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| event.wait_blocking());
        }
        scope.spawn(|| block_on(zip(event.wait(), event.wait())));
        yield_until(|| event.waiters() == 4);
        assert!(event.set());
    });
    event.wait_blocking();
}

#[test]
fn debug_tells_the_state_without_blocking() {
    let event = Event::new();
    let waker = CountingWaker::new();
    let waits = begun(&event, 2, &waker);
    assert_eq!(format!("{event:?}"), "Event { is_set: false, waiters: 2 }");
    assert_eq!(format!("{:?}", waits[0]), "Wait(Waiter(queued))");
    event.set();
    assert_eq!(format!("{event:?}"), "Event { is_set: true, waiters: 0 }");
}
