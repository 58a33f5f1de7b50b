//! Waits that block a thread: with a deadline, and at a barrier.

use std::{thread, time::Duration};
use waitline::testing::{now, queued, yield_until};
use waitline_event::{Barrier, BarrierTimeoutError, BrokenBarrier, Event, TimedOut};

const SHORT: Duration = Duration::from_millis(1);
/// Never reached: a test that waits for it fails by hanging.
const LONG: Duration = Duration::from_secs(3600);

#[test]
fn an_event_that_is_not_set_in_time_has_one_waiter_less() {
    let event = Event::new();
    for timeout in [Duration::ZERO, SHORT] {
        assert_eq!(event.wait_blocking_timeout(timeout), Err(TimedOut));
    }
    assert_eq!(event.waiters(), 0);
    event.set();
    for timeout in [Duration::ZERO, SHORT, LONG, Duration::MAX] {
        assert_eq!(event.wait_blocking_timeout(timeout), Ok(()));
    }
}

#[test]
fn a_pulse_ends_the_waits_of_threads_in_time() {
    for timeout in [LONG, Duration::MAX] {
        let event = Event::new();
        thread::scope(|scope| {
            let wait = scope.spawn(|| event.wait_blocking_timeout(timeout));
            yield_until(|| event.waiters() == 1);
            event.set();
            event.clear();
            assert_eq!(wait.join().unwrap(), Ok(()));
        });
    }
}

#[test]
fn threads_and_futures_are_parties_of_one_round() {
    let barrier = Barrier::new(3);
    thread::scope(|scope| {
        let first = scope.spawn(|| barrier.wait_blocking());
        yield_until(|| barrier.n_waiting() == 1);
        let second = scope.spawn(|| barrier.wait_blocking_timeout(LONG));
        yield_until(|| barrier.n_waiting() == 2);
        assert_eq!(now(Box::pin(barrier.wait())).map(|turn| turn.index()), Ok(2));
        assert_eq!(first.join().unwrap().map(|turn| turn.index()), Ok(0));
        assert_eq!(second.join().unwrap().map(|turn| turn.index()), Ok(1));
    });
}

/// Hazard 30: as a cancelled party. (A thread of Python would break the barrier.)
#[test]
fn a_party_whose_time_has_passed_takes_its_arrival_back() {
    let barrier = Barrier::new(2);
    for timeout in [Duration::ZERO, SHORT] {
        assert_eq!(barrier.wait_blocking_timeout(timeout), Err(BarrierTimeoutError::TimedOut));
        assert_eq!((barrier.n_waiting(), barrier.is_broken()), (0, false));
    }
    let mut first = queued(barrier.wait());
    // The last party does not wait, not even with a timeout of zero.
    assert!(barrier.wait_blocking_timeout(Duration::ZERO).unwrap().is_leader());
    assert_eq!(now(first.as_mut()).map(|turn| turn.index()), Ok(0));
}

#[test]
fn a_broken_barrier_is_told_from_a_time_that_has_passed() {
    let barrier = Barrier::new(2);
    thread::scope(|scope| {
        let wait = scope.spawn(|| barrier.wait_blocking_timeout(LONG));
        yield_until(|| barrier.n_waiting() == 1);
        barrier.abort();
        assert_eq!(wait.join().unwrap(), Err(BarrierTimeoutError::Broken));
    });
    assert_eq!(barrier.wait_blocking(), Err(BrokenBarrier));
    assert_eq!(BarrierTimeoutError::Broken.to_string(), BrokenBarrier.to_string());
    assert_eq!(BarrierTimeoutError::TimedOut.to_string(), "the time of a wait at a barrier has passed");
}
