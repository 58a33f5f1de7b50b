//! Blocking waits whose time passes. Under loom, the time passes whenever the scheduler likes.

use std::{task::Poll, time::Duration};
use waitline::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    testing::{model, poll_once, spawn},
};
use waitline_event::{Barrier, BarrierTimeoutError, Event, TimedOut};

const TIMEOUT: Duration = Duration::from_secs(1);

/// Proves: a party whose time passes while the other one arrives completes the round with it, or has taken its arrival
/// back before: the two never disagree. In the first case it sees what the other party wrote.
#[test]
fn barrier_time_out_against_the_last_arrival() {
    model("barrier: time-out against the last arrival", || {
        let (barrier, cell) = (Arc::new(Barrier::new(2)), Arc::new(AtomicUsize::new(0)));
        let timed = spawn({
            let (barrier, cell) = (barrier.clone(), cell.clone());
            move || {
                let turn = barrier.wait_blocking_timeout(TIMEOUT);
                if turn.is_ok() {
                    assert_eq!(cell.load(Relaxed), 1);
                }
                turn
            }
        });
        // Relaxed, so that only the barrier orders the accesses.
        cell.store(1, Relaxed);
        let mut wait = Box::pin(barrier.wait());
        let mut other = poll_once(wait.as_mut());
        let timed = timed.join().unwrap();
        if other.is_pending() {
            other = poll_once(wait.as_mut());
        }
        match (timed, other) {
            (Ok(one), Poll::Ready(Ok(two))) => assert_eq!(one.index() + two.index(), 1),
            (Err(BarrierTimeoutError::TimedOut), Poll::Pending) => assert_eq!(barrier.n_waiting(), 1),
            disagreement => panic!("{disagreement:?}"),
        }
    });
}

/// Proves: a wait that began before a pulse of set and clear is completed by it, or was over before the pulse.
#[test]
fn event_time_out_against_a_pulse() {
    model("event: time-out against a pulse", || {
        let event = Arc::new(Event::new());
        let timed = spawn({
            let event = event.clone();
            move || event.wait_blocking_timeout(TIMEOUT)
        });
        let waits_before = event.waiters() == 1;
        event.set();
        event.clear();
        let still_waits = event.waiters() == 1;
        let outcome = timed.join().unwrap();
        assert!(outcome == Ok(()) || outcome == Err(TimedOut));
        assert!(!(waits_before && still_waits), "a wait from before the pulse still waits after it");
        assert_eq!(event.waiters(), 0);
    });
}
