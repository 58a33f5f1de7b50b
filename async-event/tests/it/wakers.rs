//! Hazards 11 to 14, 25: wakers are foreign code.

use crate::{Crowd, WAYS};
use futures_lite::future::{self, block_on};
use std::{
    future::Future,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Poll, Wake, Waker},
};
use waitline::testing::{
    CountingWaker, WakerCall, hooked_waker, now, panic_message, panicking_waker, panicking_waker_at, poll_once,
    poll_with, queued, queued_with, yield_until,
};
use waitline_event::{Barrier, BrokenBarrier, Event};

/// A waker's clone, wake and drop may use the event: none of them runs under its mutex.
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

/// A waker's clone, wake and drop may use the barrier: none of them runs under its mutex.
#[test]
fn a_waker_may_use_the_barrier_from_its_clone_wake_and_drop() {
    let barrier: &'static Barrier = Box::leak(Box::new(Barrier::new(3)));
    let calls: &'static [AtomicUsize; 3] = Box::leak(Box::default());
    let waker = hooked_waker(move |call| {
        calls[call as usize].fetch_add(1, SeqCst);
        let before = barrier.n_waiting();
        assert!(!format!("{barrier:?} {}", barrier.is_broken()).contains("busy"));
        if before < 2 {
            // Arrives, and takes that back.
            assert!(poll_once(pin!(barrier.wait())).is_pending());
        }
        assert_eq!(barrier.n_waiting(), before);
    });
    let (mut first, mut second) = (Box::pin(barrier.wait()), Box::pin(barrier.wait()));
    assert!(poll_with(first.as_mut(), &waker).is_pending());
    assert!(poll_with(second.as_mut(), &waker).is_pending());
    assert_eq!(calls.each_ref().map(|calls| calls.load(SeqCst)), [2, 0, 0]);
    drop(second);
    assert_eq!(calls.each_ref().map(|calls| calls.load(SeqCst)), [2, 0, 1]);
    let mut second = Box::pin(barrier.wait());
    assert!(poll_with(second.as_mut(), &waker).is_pending());
    // The leader clones its waker and does not need it.
    assert!(poll_with(pin!(barrier.wait()), &waker).is_ready());
    assert_eq!(calls.each_ref().map(|calls| calls.load(SeqCst)), [4, 2, 2]);
    let mut wait = Box::pin(barrier.wait());
    assert!(poll_with(wait.as_mut(), &waker).is_pending());
    barrier.reset();
    assert_eq!(calls.each_ref().map(|calls| calls.load(SeqCst)), [5, 3, 2]);
    assert_eq!(poll_once(wait.as_mut()), Poll::Ready(Err(BrokenBarrier)));
}

/// In the first round, between rounds, or in the last one. Of several panics the first one goes on.
#[test]
fn a_panicking_wake_costs_nobody_else_anything() {
    for way in WAYS {
        for panics in [vec![0], vec![31], vec![32], vec![50], vec![99], vec![10, 40, 99], (0..99).collect()] {
            let (crowd, waker) = (Crowd::new(way, 100), CountingWaker::new());
            let waker_of = |n| match panics.contains(&n) {
                true => hooked_waker(move |call| assert!(call != WakerCall::Wake, "number {n}")),
                false => waker.waker(),
            };
            let mut waits: Vec<_> = (0..100).map(|n| queued_with(crowd.wait(), &waker_of(n))).collect();
            assert_eq!(panic_message(|| crowd.let_go()), Some(format!("number {}", panics[0])), "{way:?}");
            assert_eq!((waker.count(), waker.held()), (100 - panics.len(), 0));
            crowd.all_are_let_go(&mut waits);
            crowd.renew();
            _ = queued(crowd.wait());
        }
    }
}

#[test]
fn a_leader_whose_wake_ups_panic_gets_its_turn_when_it_is_polled_again() {
    let barrier = Barrier::new(3);
    let waits = [0, 1].map(|_| queued_with(barrier.wait(), &panicking_waker()));
    let mut leader = Box::pin(barrier.wait());
    assert!(panic_message(|| poll_once(leader.as_mut())).is_some());
    let turn = now(leader).unwrap();
    assert_eq!((turn.index(), turn.is_leader()), (2, true));
    assert_eq!(waits.map(|wait| now(wait).unwrap().index()), [0, 1]);
}

/// The leader has a waker too many; a panic in its drop comes when the round is complete, and stops nobody.
#[test]
fn a_leader_whose_waker_panics_in_its_drop_still_wakes_the_others() {
    let (barrier, waker) = (Barrier::new(50), CountingWaker::new());
    let waits: Vec<_> = (0..49).map(|_| queued_with(barrier.wait(), &waker.waker())).collect();
    let bad_drop = panicking_waker_at(WakerCall::Drop);
    assert!(panic_message(|| poll_with(pin!(barrier.wait()), &bad_drop)).is_some());
    assert_eq!(waker.count(), 49);
    assert!(waits.into_iter().map(|wait| now(wait).unwrap().index()).eq(0..49));
}

/// It harms only the future that was polled with it.
#[test]
fn a_waker_that_panics_in_clone_or_drop_leaves_the_others_and_the_count_right() {
    for way in WAYS {
        let (crowd, waker) = (Crowd::new(way, 2), CountingWaker::new());
        let mut other = queued_with(crowd.wait(), &waker.waker());

        let bad_clone = panicking_waker_at(WakerCall::Clone);
        assert!(panic_message(|| poll_with(pin!(crowd.wait()), &bad_clone)).is_some());
        assert_eq!(crowd.waiters(), 1, "the wait has not begun");
        assert!(panic_message(|| poll_with(other.as_mut(), &bad_clone)).is_some());
        assert_eq!((crowd.waiters(), waker.held()), (1, 1), "a change of wakers that failed changes nothing");

        let dropped = queued_with(crowd.wait(), &panicking_waker_at(WakerCall::Drop));
        assert_eq!(crowd.waiters(), 2);
        assert!(panic_message(|| drop(dropped)).is_some());
        assert_eq!(crowd.waiters(), 1);
        crowd.let_go();
        assert_eq!(waker.count(), 1);
        crowd.all_are_let_go([&mut other]);
    }
}

/// Also if the future goes on in another thread.
#[test]
fn only_the_waker_of_the_last_poll_is_woken() {
    for way in WAYS {
        let (crowd, stale, fresh) = (Crowd::leaked(way, 1), CountingWaker::new(), CountingWaker::new());
        let mut wait = queued_with(crowd.wait(), &stale.waker());
        assert!(fresh.poll(wait.as_mut()).is_pending());
        assert_eq!((stale.held(), fresh.held(), crowd.waiters()), (0, 1, 1));
        crowd.let_go();
        assert_eq!((stale.count(), fresh.count()), (0, 1));
        crowd.all_are_let_go([&mut wait]);

        crowd.renew();
        let wait = queued_with(crowd.wait(), &stale.waker());
        let thread = std::thread::spawn(move || block_on(wait));
        crowd.let_go();
        assert_eq!(thread.join().unwrap(), crowd.outcome(0));
    }
}

/// Once at its begin and once at its end.
#[test]
fn an_idle_wait_is_not_polled() {
    for way in WAYS {
        let (crowd, mut polls) = (Crowd::new(way, 1), 0);
        let mut wait = pin!(crowd.wait());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                yield_until(|| crowd.waiters() == 1);
                crowd.let_go();
            });
            let outcome = block_on(future::poll_fn(|cx| {
                polls += 1;
                wait.as_mut().poll(cx)
            }));
            assert_eq!(outcome, crowd.outcome(0));
        });
        assert_eq!(polls, 2, "{way:?}");
    }
}

/// Executors that poll inside their wakers nest, one call deeper for each link of a chain, and all get through.
#[test]
fn executors_that_poll_inside_their_wakers_work() {
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
