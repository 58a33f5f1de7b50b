//! The bugs that events elsewhere had (the numbers are those of the project's list of hazards).

use futures_lite::future::{self, Future, block_on};
use std::{
    mem::ManuallyDrop,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Wake, Waker},
};
use waitline::testing::{CountingWaker, WakerCall, hooked_waker, panic_message, panicking_waker, poll_once, poll_with};
use waitline_event::{Event, Wait};

/// 1: a waiter that was let go and is dropped unpolled takes nothing from the others, nor from the event.
#[test]
fn a_granted_waiter_dropped_unpolled_takes_nothing_away() {
    let event = Event::new();
    let waker = CountingWaker::new();
    let mut waits: Vec<_> = (0..3).map(|_| Box::pin(event.wait())).collect();
    assert!(waits.iter_mut().all(|wait| waker.poll(wait.as_mut()).is_pending()));
    event.set();
    drop(waits.remove(0));
    assert!(event.is_set());
    event.clear();
    assert!(waits.iter_mut().all(|wait| poll_once(wait.as_mut()).is_ready()));
    assert_eq!((waker.count(), waker.held(), event.waiters()), (3, 0, 0));
}

/// 2: those behind a cancelled waiter, and before it, are still woken; wherever in the queue it was.
#[test]
fn waiters_around_a_cancelled_one_are_woken() {
    for gone in 0..4 {
        let event = Event::new();
        let waker = CountingWaker::new();
        let mut waits: Vec<_> = (0..4).map(|_| Box::pin(event.wait())).collect();
        assert!(waits.iter_mut().all(|wait| waker.poll(wait.as_mut()).is_pending()));
        drop(waits.remove(gone));
        assert_eq!(event.waiters(), 3);
        event.set();
        assert_eq!(waker.count(), 3);
        assert!(waits.iter_mut().all(|wait| poll_once(wait.as_mut()).is_ready()));
    }
}

/// 2, 6: the same while a set is between two rounds; the dropped ones were let go and not yet told.
#[test]
fn waiters_dropped_while_they_leave_are_not_woken_and_cost_the_others_nothing() {
    let event: &'static Event = Box::leak(Box::new(Event::new()));
    let waker = CountingWaker::new();
    let doomed: Arc<Mutex<Vec<_>>> = Arc::default();
    let mut first = pin!(event.wait());
    let hook = hooked_waker({
        let doomed = doomed.clone();
        move |call| {
            if call == WakerCall::Wake {
                let doomed = std::mem::take(&mut *doomed.lock().unwrap());
                assert_eq!(doomed.len(), 40);
                drop(doomed);
            }
        }
    });
    assert!(poll_with(first.as_mut(), &hook).is_pending());
    let mut rest: Vec<_> = (0..121).map(|_| Box::pin(event.wait())).collect();
    assert!(rest.iter_mut().all(|wait| waker.poll(wait.as_mut()).is_pending()));
    // Every third one, the very last among them.
    for n in (0..121).rev().step_by(3).take(40) {
        doomed.lock().unwrap().push(rest.remove(n));
    }
    // Of those, the first round has chosen 10 already: they are woken, but nobody is there.
    let chosen = 10;
    event.set();
    assert_eq!(waker.count(), rest.len() + chosen);
    assert!(rest.iter_mut().all(|wait| poll_once(wait.as_mut()).is_ready()));
    assert_eq!((event.waiters(), waker.held()), (0, 0));
}

/// 11, 12: a waker's clone, wake and drop may use the event: none of them runs under its mutex.
#[test]
fn a_waker_may_use_the_event_from_its_clone_wake_and_drop() {
    let event: &'static Event = Box::leak(Box::new(Event::new()));
    let calls: &'static [AtomicUsize; 3] = Box::leak(Box::default());
    let reentrant = || {
        hooked_waker(move |call| {
            calls[call as usize].fetch_add(1, SeqCst);
            // A set in here may find a waiter whose waker comes here again.
            event.set();
            _ = poll_once(pin!(event.wait()));
            event.clear();
            assert!(poll_once(pin!(event.wait())).is_pending());
            assert!(!format!("{event:?} {}", event.waiters()).contains("busy"));
        })
    };
    let (one, two) = (reentrant(), reentrant());
    // A cancelled wait drops its waker.
    let mut wait = Box::pin(event.wait());
    assert!(poll_with(wait.as_mut(), &one).is_pending());
    drop(wait);
    assert_eq!(calls.each_ref().map(|calls| calls.load(SeqCst)), [1, 0, 1]);
    // The clone at a change of wakers sets the event, and so wakes the waker that it is to replace.
    let mut wait = Box::pin(event.wait());
    assert!(poll_with(wait.as_mut(), &one).is_pending());
    assert!(poll_with(wait.as_mut(), &two).is_ready());
    // A plain wake.
    let mut wait = Box::pin(event.wait());
    assert!(poll_with(wait.as_mut(), &one).is_pending());
    event.set();
    assert!(poll_once(wait.as_mut()).is_ready());
    assert_eq!(calls.each_ref().map(|calls| calls.load(SeqCst)), [4, 2, 2]);
}

/// 13: a panic in the wake-up of number k of n, in the first round, between rounds or in the last one.
#[test]
fn a_panicking_wake_costs_nobody_else_the_wake_up() {
    for panics in [vec![0], vec![31], vec![32], vec![50], vec![99], vec![0, 40, 99], (0..99).collect()] {
        let event = Event::new();
        let waker = CountingWaker::new();
        let mut waits: Vec<_> = (0..100).map(|_| Box::pin(event.wait())).collect();
        for (n, wait) in waits.iter_mut().enumerate() {
            let waker = if panics.contains(&n) { panicking_waker() } else { waker.waker() };
            assert!(poll_with(wait.as_mut(), &waker).is_pending());
        }
        assert_eq!(panic_message(|| event.set()).as_deref(), Some("a waker that panics when it is woken"));
        assert_eq!(waker.count(), 100 - panics.len());
        assert!(waits.iter_mut().all(|wait| poll_once(wait.as_mut()).is_ready()));
        assert!(event.is_set());
        assert!(event.clear(), "the event still works");
        assert!(poll_once(pin!(event.wait())).is_pending());
    }
}

/// 13: the first of several panics is the one that goes on, also across rounds.
#[test]
fn the_first_panic_goes_on() {
    let event = Event::new();
    let mut waits: Vec<_> = (0..100).map(|_| Box::pin(event.wait())).collect();
    for (n, wait) in waits.iter_mut().enumerate() {
        let waker = hooked_waker(move |call| {
            if call == WakerCall::Wake && [10, 70, 99].contains(&n) {
                panic!("number {n}");
            }
        });
        assert!(poll_with(wait.as_mut(), &waker).is_pending());
    }
    assert_eq!(panic_message(|| event.set()).as_deref(), Some("number 10"));
}

/// 13: a waker that panics in its clone or drop harms only the future that was polled with it.
#[test]
fn a_waker_that_panics_in_clone_or_drop_leaves_the_event_whole() {
    let event = Event::new();
    let waker = CountingWaker::new();
    let mut other = Box::pin(event.wait());
    assert!(waker.poll(other.as_mut()).is_pending());

    let bad_clone = ManuallyDrop::new(hooked_waker(|call| assert_ne!(call, WakerCall::Clone)));
    let mut wait = Box::pin(event.wait());
    assert!(panic_message(|| poll_with(wait.as_mut(), &bad_clone)).is_some());
    assert_eq!(event.waiters(), 1, "the wait has not begun");
    drop(wait);
    assert!(panic_message(|| poll_with(other.as_mut(), &bad_clone)).is_some());
    assert_eq!((event.waiters(), waker.held()), (1, 1), "a change of wakers that failed changes nothing");

    let bad_drop = ManuallyDrop::new(hooked_waker(|call| assert_ne!(call, WakerCall::Drop)));
    let mut dropped = Box::pin(event.wait());
    assert!(poll_with(dropped.as_mut(), &bad_drop).is_pending());
    assert!(catch_unwind(AssertUnwindSafe(|| drop(dropped))).is_err());
    assert_eq!(event.waiters(), 1);
    assert!(event.set());
    assert!(poll_once(other.as_mut()).is_ready());
    assert_eq!(waker.count(), 1);
}

/// 14: only the waker of the last poll is woken, and a future may go on in another thread.
#[test]
fn the_waker_of_the_last_poll_is_woken() {
    let event: &'static Event = Box::leak(Box::new(Event::new()));
    let (stale, fresh) = (CountingWaker::new(), CountingWaker::new());
    let mut wait = Box::pin(event.wait());
    assert!(stale.poll(wait.as_mut()).is_pending());
    assert!(fresh.poll(wait.as_mut()).is_pending());
    assert_eq!(stale.held(), 0);
    event.set();
    assert_eq!((stale.count(), fresh.count()), (0, 1));
    drop(wait);

    event.clear();
    let mut wait = Box::pin(event.wait());
    assert!(stale.poll(wait.as_mut()).is_pending());
    let thread = std::thread::spawn(move || block_on(wait));
    event.set();
    thread.join().unwrap();
}

/// 15, 32: nothing is kept of a cancelled waiter, and idle polls keep nothing more.
#[test]
fn cancelled_waits_and_idle_polls_keep_nothing() {
    let event = Event::new();
    let waker = CountingWaker::new();
    for _ in 0..100_000 {
        assert!(waker.poll(pin!(event.wait())).is_pending());
    }
    assert_eq!((event.waiters(), waker.held()), (0, 0));
    let mut wait = pin!(event.wait());
    for _ in 0..100_000 {
        assert!(waker.poll(wait.as_mut()).is_pending());
    }
    assert_eq!((event.waiters(), waker.held()), (1, 1));
}

/// 16: a forgotten future stays in the queue; it is woken like any other and outlives the event.
#[test]
fn a_forgotten_future_does_no_harm() {
    let waker = CountingWaker::new();
    {
        let event = Event::new();
        let leaked: &mut Pin<Box<Wait<'_>>> = Box::leak(Box::new(Box::pin(event.wait())));
        assert!(waker.poll(leaked.as_mut()).is_pending());
        let mut wait = Box::pin(event.wait());
        assert!(waker.poll(wait.as_mut()).is_pending());
        assert_eq!(event.waiters(), 2);
        event.set();
        assert_eq!(waker.count(), 2);
        drop(wait);
        event.clear();
        let leaked: &mut Pin<Box<Wait<'_>>> = Box::leak(Box::new(Box::pin(event.wait())));
        assert!(waker.poll(leaked.as_mut()).is_pending());
    }
    assert_eq!(waker.held(), 1);
}

/// 25: a waiting future is polled once at its begin and once at its end.
#[test]
fn an_idle_wait_is_not_polled() {
    let event = Event::new();
    let mut polls = 0;
    let mut wait = pin!(event.wait());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while event.waiters() == 0 {
                std::thread::yield_now();
            }
            event.set();
        });
        block_on(future::poll_fn(|cx| {
            polls += 1;
            wait.as_mut().poll(cx)
        }));
    });
    assert_eq!(polls, 2);
}

/// 12: executors that poll inside their wakers nest, one call deeper for each link of a chain, and all get through.
#[test]
fn inline_executors_work() {
    struct Inline(Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>);
    impl Wake for Inline {
        fn wake(self: Arc<Self>) {
            let waker = Waker::from(self.clone());
            let mut task = self.0.lock().unwrap();
            let Some(future) = task.as_mut() else { return };
            if poll_with(future.as_mut(), &waker).is_ready() {
                *task = None;
            }
        }
    }
    let links: &'static [Event; 100] = Box::leak(Box::new(std::array::from_fn(|_| Event::new())));
    for pair in links.windows(2) {
        let task = Box::pin(async {
            pair[0].wait().await;
            pair[1].set();
        });
        Arc::new(Inline(Mutex::new(Some(task)))).wake();
    }
    assert!(!links[99].is_set());
    links[0].set();
    assert!(links.iter().all(|event| event.is_set() && event.waiters() == 0));
}
