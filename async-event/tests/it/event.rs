//! What the methods of `Event` promise.

use futures_lite::future::{block_on, zip};
use std::{
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};
use waitline::testing::{CountingWaker, WakerCall, hooked_waker, poll_once, poll_with};
use waitline_event::{Event, Wait};

/// `n` waits that have begun, with wakers that count together.
fn begun<'a>(event: &'a Event, n: usize, waker: &CountingWaker) -> Vec<Pin<Box<Wait<'a>>>> {
    let mut waits: Vec<_> = (0..n).map(|_| Box::pin(event.wait())).collect();
    for wait in &mut waits {
        assert!(waker.poll(wait.as_mut()).is_pending());
    }
    waits
}

#[test]
fn a_new_event_is_clear() {
    for event in [Event::new(), Event::default()] {
        assert!(!event.is_set());
        assert_eq!(event.waiters(), 0);
    }
}

#[test]
fn set_and_clear_say_whether_they_changed_the_event() {
    let event = Event::new();
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
fn set_wakes_every_waiter_once() {
    let event = Event::new();
    let waker = CountingWaker::new();
    for n in [1, 2, 31, 32, 33, 64, 65, 1000] {
        let before = waker.count();
        let mut waits = begun(&event, n, &waker);
        assert_eq!(event.waiters(), n);
        assert!(event.set());
        assert_eq!(event.waiters(), 0);
        assert_eq!(waker.count() - before, n);
        for wait in &mut waits {
            assert!(waker.poll(wait.as_mut()).is_ready());
        }
        assert_eq!(waker.count() - before, n);
        assert!(event.clear());
    }
    assert_eq!(waker.held(), 0);
}

#[test]
fn set_completes_the_waits_before_it_even_if_clear_follows_at_once() {
    let event = Event::new();
    let waker = CountingWaker::new();
    let mut waits = begun(&event, 100, &waker);
    assert!(event.set());
    assert!(event.clear());
    let mut late = begun(&event, 1, &waker);
    for wait in &mut waits {
        assert!(poll_once(wait.as_mut()).is_ready());
    }
    assert!(poll_once(late[0].as_mut()).is_pending());
    assert_eq!(event.waiters(), 1);
}

#[test]
fn clear_does_not_touch_those_who_wait() {
    let event = Event::new();
    let waker = CountingWaker::new();
    let mut waits = begun(&event, 3, &waker);
    assert!(!event.clear());
    assert_eq!((event.waiters(), waker.count()), (3, 0));
    assert!(event.set());
    assert!(waits.iter_mut().all(|wait| poll_once(wait.as_mut()).is_ready()));
}

#[test]
fn a_future_that_was_not_polled_does_not_wait_yet() {
    let event = Event::new();
    let mut wait = pin!(event.wait());
    assert_eq!(event.waiters(), 0);
    event.set();
    event.clear();
    assert!(poll_once(wait.as_mut()).is_pending(), "the set came before the wait began");
    event.set();
    assert!(poll_once(wait).is_ready());
}

#[test]
fn a_future_that_is_first_polled_after_a_set_is_ready() {
    let event = Event::new();
    let wait = pin!(event.wait());
    event.set();
    assert!(poll_once(wait).is_ready());
}

#[test]
fn a_hundred_waiters_are_woken_in_the_order_in_which_they_came() {
    let event = Event::new();
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut waits: Vec<_> = (0..100).map(|_| Box::pin(event.wait())).collect();
    // They are created in one order and begin in another.
    for n in (0..100).rev() {
        let order = order.clone();
        let waker = hooked_waker(move |call| {
            if call == WakerCall::Wake {
                order.lock().unwrap().push(n);
            }
        });
        assert!(poll_with(waits[n].as_mut(), &waker).is_pending());
    }
    event.set();
    assert!(order.lock().unwrap().iter().copied().eq((0..100).rev()));
}

/// asyncio's set marks all waiters in one step; so does ours, though it wakes them in rounds of 32.
#[test]
fn who_waits_again_inside_its_wake_is_not_woken_by_the_same_set() {
    let event: &'static Event = Box::leak(Box::new(Event::new()));
    let wakes = Arc::new(AtomicUsize::new(0));
    let again = Arc::new(Mutex::new(Vec::new()));
    let mut waits: Vec<_> = (0..100).map(|_| Box::pin(event.wait())).collect();
    for wait in &mut waits {
        let (wakes, again) = (wakes.clone(), again.clone());
        let waker = hooked_waker(move |call| {
            if call == WakerCall::Wake {
                event.clear();
                let mut next = Box::pin(event.wait());
                let wakes = wakes.clone();
                wakes.fetch_add(1, SeqCst);
                let waker = hooked_waker(move |call| {
                    if call == WakerCall::Wake {
                        wakes.fetch_add(1000, SeqCst);
                    }
                });
                assert!(poll_with(next.as_mut(), &waker).is_pending());
                let mut again = again.lock().unwrap();
                again.push(next);
                assert_eq!(event.waiters(), again.len(), "those who are leaving do not count");
            }
        });
        assert!(poll_with(wait.as_mut(), &waker).is_pending());
    }
    assert!(event.set());
    assert_eq!(wakes.load(SeqCst), 100);
    assert_eq!(event.waiters(), 100);
    assert!(waits.iter_mut().all(|wait| poll_once(wait.as_mut()).is_ready()));
    let mut again = std::mem::take(&mut *again.lock().unwrap());
    assert!(again.iter_mut().all(|wait| poll_once(wait.as_mut()).is_pending()));
    drop(again);
    assert_eq!(event.waiters(), 0);
}

#[test]
fn waiters_are_not_counted_while_a_set_lets_them_go() {
    let event: &'static Event = Box::leak(Box::new(Event::new()));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut waits: Vec<_> = (0..40).map(|_| Box::pin(event.wait())).collect();
    for wait in &mut waits {
        let seen = seen.clone();
        let waker = hooked_waker(move |call| {
            if call == WakerCall::Wake {
                seen.lock().unwrap().push((event.is_set(), event.waiters(), format!("{event:?}")));
            }
        });
        assert!(poll_with(wait.as_mut(), &waker).is_pending());
    }
    event.set();
    assert_eq!(*seen.lock().unwrap(), vec![(true, 0, "Event { is_set: true, waiters: 0 }".to_string()); 40]);
}

/// A second set, from inside the first one's wake-ups, does not return before all are let go.
#[test]
fn a_set_that_changes_nothing_helps_the_one_at_work() {
    let event: &'static Event = Box::leak(Box::new(Event::new()));
    let waker = CountingWaker::new();
    let last = Arc::new(Mutex::new(Box::pin(event.wait())));
    let mut first = pin!(event.wait());
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
    assert!(poll_with(first.as_mut(), &hook).is_pending());
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
    let mut blocking = Box::pin(event.wait());
    assert!(poll_with(blocking.as_mut(), &wait_once(&gate, 2)).is_pending());
    let early = begun(event, 32, &waker);
    let first = std::thread::spawn(|| assert!(event.set()));
    gate.wait();
    assert!(event.clear());

    // The second set finds that one and 100 more; it stops in its second wake-up.
    let second_gate = Arc::new(std::sync::Barrier::new(2));
    let mut blocking = Box::pin(event.wait());
    assert!(poll_with(blocking.as_mut(), &wait_once(&second_gate, 2)).is_pending());
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
fn wait_blocking_returns_at_once_if_the_event_is_set() {
    let event = Event::new();
    event.set();
    event.wait_blocking();
}

#[test]
fn threads_and_futures_wait_together() {
    let event = Event::new();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| event.wait_blocking());
        }
        scope.spawn(|| block_on(zip(event.wait(), event.wait())));
        while event.waiters() < 4 {
            std::thread::yield_now();
        }
        assert!(event.set());
    });
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
