//! The bugs that barriers elsewhere had (the numbers are those of the project's list of hazards).

use futures_lite::future::{self, Future, block_on};
use std::{
    mem::ManuallyDrop,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
};
use waitline::testing::{CountingWaker, WakerCall, hooked_waker, panic_message, panicking_waker, poll_once, poll_with};
use waitline_event::{Barrier, BarrierWait, BrokenBarrier};

fn is_turn(wait: Pin<&mut BarrierWait<'_>>, index: usize) -> bool {
    matches!(poll_once(wait), Poll::Ready(Ok(turn)) if turn.index() == index)
}

/// 1: a party that has its turn and is dropped unpolled takes nothing from its round or the next.
#[test]
fn a_turn_dropped_unpolled_takes_nothing_away() {
    let barrier = Barrier::new(3);
    let (mut first, mut second) = (Box::pin(barrier.wait()), pin!(barrier.wait()));
    assert!(poll_once(first.as_mut()).is_pending());
    assert!(poll_once(second.as_mut()).is_pending());
    assert!(is_turn(pin!(barrier.wait()), 2));
    drop(first);
    assert_eq!(barrier.n_waiting(), 0);
    assert!(is_turn(second, 1));
    let mut next = pin!(barrier.wait());
    assert!(poll_once(next.as_mut()).is_pending());
    assert_eq!(barrier.n_waiting(), 1);
}

/// 11, 12: a waker's clone, wake and drop may use the barrier: none of them runs under its mutex.
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

/// 13: a panic in the wake-up of number k of n costs nobody else the wake-up or the turn.
#[test]
fn a_panicking_wake_costs_nobody_else_the_turn() {
    for panics in [vec![0], vec![31], vec![32], vec![98], vec![0, 40, 98], (0..98).collect()] {
        let barrier = Barrier::new(100);
        let waker = CountingWaker::new();
        let mut waits: Vec<_> = (0..99).map(|_| Box::pin(barrier.wait())).collect();
        for (n, wait) in waits.iter_mut().enumerate() {
            let waker = if panics.contains(&n) { panicking_waker() } else { waker.waker() };
            assert!(poll_with(wait.as_mut(), &waker).is_pending());
        }
        let mut leader = Box::pin(barrier.wait());
        let message = panic_message(|| poll_once(leader.as_mut()));
        assert_eq!(message.as_deref(), Some("a waker that panics when it is woken"));
        assert_eq!(waker.count(), 99 - panics.len());
        // Not even the leader.
        assert!(matches!(poll_once(leader.as_mut()), Poll::Ready(Ok(turn)) if turn.is_leader() && turn.index() == 99));
        assert!(waits.iter_mut().enumerate().all(|(n, wait)| is_turn(wait.as_mut(), n)));
        assert_eq!((barrier.n_waiting(), barrier.is_broken()), (0, false));
    }
}

/// 13: the same for an abort and a reset.
#[test]
fn a_panicking_wake_does_not_stop_an_abort_or_a_reset() {
    for (end, broken) in [(Barrier::abort as fn(&Barrier), true), (Barrier::reset, false)] {
        let barrier = Barrier::new(100);
        let waker = CountingWaker::new();
        let mut waits: Vec<_> = (0..70).map(|_| Box::pin(barrier.wait())).collect();
        for (n, wait) in waits.iter_mut().enumerate() {
            let waker = if n % 40 == 0 { panicking_waker() } else { waker.waker() };
            assert!(poll_with(wait.as_mut(), &waker).is_pending());
        }
        assert!(panic_message(|| end(&barrier)).is_some());
        assert_eq!(waker.count(), 68);
        assert!(waits.iter_mut().all(|wait| poll_once(wait.as_mut()) == Poll::Ready(Err(BrokenBarrier))));
        assert_eq!((barrier.n_waiting(), barrier.is_broken()), (0, broken));
    }
}

/// 13: the leader has a waker too many; a panic in its drop comes when the round is complete, and stops nobody.
#[test]
fn a_leader_whose_waker_panics_in_its_drop_still_wakes_the_others() {
    let barrier = Barrier::new(50);
    let waker = CountingWaker::new();
    let mut waits: Vec<_> = (0..49).map(|_| Box::pin(barrier.wait())).collect();
    assert!(waits.iter_mut().all(|wait| waker.poll(wait.as_mut()).is_pending()));
    let bad_drop = ManuallyDrop::new(hooked_waker(|call| assert_ne!(call, WakerCall::Drop)));
    assert!(catch_unwind(AssertUnwindSafe(|| poll_with(pin!(barrier.wait()), &bad_drop))).is_err());
    assert_eq!(waker.count(), 49);
    assert!(waits.iter_mut().enumerate().all(|(n, wait)| is_turn(wait.as_mut(), n)));
}

/// 13: a waker that panics in its clone has not arrived; one that panics in the drop of a cancelled wait has left.
#[test]
fn a_waker_that_panics_in_clone_or_drop_leaves_the_count_right() {
    let barrier = Barrier::new(3);
    let bad_clone = ManuallyDrop::new(hooked_waker(|call| assert_ne!(call, WakerCall::Clone)));
    assert!(panic_message(|| poll_with(pin!(barrier.wait()), &bad_clone)).is_some());
    assert_eq!(barrier.n_waiting(), 0);
    let bad_drop = ManuallyDrop::new(hooked_waker(|call| assert_ne!(call, WakerCall::Drop)));
    let mut dropped = Box::pin(barrier.wait());
    assert!(poll_with(dropped.as_mut(), &bad_drop).is_pending());
    assert_eq!(barrier.n_waiting(), 1);
    assert!(catch_unwind(AssertUnwindSafe(|| drop(dropped))).is_err());
    assert_eq!(barrier.n_waiting(), 0);
}

/// 14: only the waker of the last poll is woken.
#[test]
fn the_waker_of_the_last_poll_is_woken() {
    let barrier = Barrier::new(2);
    let (stale, fresh) = (CountingWaker::new(), CountingWaker::new());
    let mut wait = pin!(barrier.wait());
    assert!(stale.poll(wait.as_mut()).is_pending());
    assert!(fresh.poll(wait.as_mut()).is_pending());
    assert_eq!((stale.held(), barrier.n_waiting()), (0, 1));
    assert!(is_turn(pin!(barrier.wait()), 1));
    assert_eq!((stale.count(), fresh.count()), (0, 1));
    assert!(is_turn(wait, 0));
}

/// 15, 20, 30, 32: arrivals that are taken back leave nothing, however many; idle polls are no arrivals.
#[test]
fn cancelled_arrivals_and_idle_polls_keep_nothing() {
    let barrier = Barrier::new(2);
    let waker = CountingWaker::new();
    for _ in 0..100_000 {
        assert!(waker.poll(pin!(barrier.wait())).is_pending());
    }
    assert_eq!((barrier.n_waiting(), waker.held()), (0, 0));
    let mut wait = pin!(barrier.wait());
    for _ in 0..100_000 {
        assert!(waker.poll(wait.as_mut()).is_pending());
    }
    assert_eq!((barrier.n_waiting(), waker.held()), (1, 1));
}

/// 16: a forgotten future is a party that has arrived, and outlives the barrier.
#[test]
fn a_forgotten_future_does_no_harm() {
    let waker = CountingWaker::new();
    {
        let barrier = Barrier::new(2);
        let leaked: &mut Pin<Box<BarrierWait<'_>>> = Box::leak(Box::new(Box::pin(barrier.wait())));
        assert!(waker.poll(leaked.as_mut()).is_pending());
        assert!(is_turn(pin!(barrier.wait()), 1));
        assert_eq!(waker.count(), 1);
        let leaked: &mut Pin<Box<BarrierWait<'_>>> = Box::leak(Box::new(Box::pin(barrier.wait())));
        assert!(waker.poll(leaked.as_mut()).is_pending());
    }
    assert_eq!(waker.held(), 1);
}

/// 25: a waiting party is polled once at its arrival and once at its turn.
#[test]
fn an_idle_party_is_not_polled() {
    let barrier = Barrier::new(2);
    let mut polls = 0;
    let mut wait = pin!(barrier.wait());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while barrier.n_waiting() == 0 {
                std::thread::yield_now();
            }
            assert!(block_on(barrier.wait()).unwrap().is_leader());
        });
        let turn = block_on(future::poll_fn(|cx| {
            polls += 1;
            wait.as_mut().poll(cx)
        }));
        assert_eq!(turn.unwrap().index(), 0);
    });
    assert_eq!(polls, 2);
}

/// 30: cancel one of n, and the barrier still needs n; also if it is the one that would have been followed by the last.
#[test]
fn the_barrier_still_needs_all_after_a_cancel() {
    let barrier = Barrier::new(3);
    let mut stays = pin!(barrier.wait());
    assert!(poll_once(stays.as_mut()).is_pending());
    for _ in 0..10 {
        let mut goes = Box::pin(barrier.wait());
        assert!(poll_once(goes.as_mut()).is_pending());
        assert_eq!(barrier.n_waiting(), 2);
    }
    assert_eq!(barrier.n_waiting(), 1);
    let mut second = pin!(barrier.wait());
    assert!(poll_once(second.as_mut()).is_pending());
    assert!(is_turn(pin!(barrier.wait()), 2));
    assert!(is_turn(stays, 0));
    assert!(is_turn(second, 1));
}

/// 30: a party that was told that the barrier is broken, and is dropped late, is not counted off a later round.
#[test]
fn late_drops_do_not_touch_the_count_of_a_later_round() {
    for end in [Barrier::abort, Barrier::reset] {
        let barrier = Barrier::new(100);
        let mut old: Vec<_> = (0..99).map(|_| Box::pin(barrier.wait())).collect();
        assert!(old.iter_mut().all(|wait| poll_once(wait.as_mut()).is_pending()));
        end(&barrier);
        barrier.reset();
        let mut new = pin!(barrier.wait());
        assert!(poll_once(new.as_mut()).is_pending());
        drop(old);
        assert_eq!(barrier.n_waiting(), 1);
    }
}

/// 30: the same while they are still to be told: dropped from inside the first wake-up of the abort.
#[test]
fn parties_dropped_while_they_leave_are_not_counted_off() {
    for end in [Barrier::abort, Barrier::reset] {
        let barrier: &'static Barrier = Box::leak(Box::new(Barrier::new(200)));
        let waker = CountingWaker::new();
        let doomed: Arc<std::sync::Mutex<Vec<Pin<Box<BarrierWait<'static>>>>>> = Arc::default();
        let mut first = pin!(barrier.wait());
        let hook = hooked_waker({
            let doomed = doomed.clone();
            move |call| {
                if call == WakerCall::Wake {
                    doomed.lock().unwrap().clear();
                    assert_eq!(barrier.n_waiting(), 0);
                }
            }
        });
        assert!(poll_with(first.as_mut(), &hook).is_pending());
        let mut rest: Vec<_> = (0..100).map(|_| Box::pin(barrier.wait())).collect();
        assert!(rest.iter_mut().all(|wait| waker.poll(wait.as_mut()).is_pending()));
        *doomed.lock().unwrap() = rest.split_off(50);
        end(barrier);
        assert_eq!((waker.count(), waker.held(), barrier.n_waiting()), (50, 0, 0));
        assert!(rest.iter_mut().all(|wait| poll_once(wait.as_mut()) == Poll::Ready(Err(BrokenBarrier))));
    }
}
