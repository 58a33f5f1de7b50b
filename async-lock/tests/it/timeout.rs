//! Waits that block a thread: with a deadline, for owned guards, and for a condition.

use std::{sync::Arc, thread, time::Duration};
use waitline::testing::{now, queued, yield_until};
use waitline_lock::{Condition, Lock, LockGuard, WaitTimedOut};

const SHORT: Duration = Duration::from_millis(1);
/// Never reached: a test that waits for it fails by hanging.
const LONG: Duration = Duration::from_secs(3600);

#[test]
fn a_free_lock_is_taken_and_a_held_one_is_left() {
    let lock = Arc::new(Lock::new(1));
    for timeout in [Duration::ZERO, SHORT, LONG, Duration::MAX] {
        assert_eq!(*lock.lock_blocking_timeout(timeout).unwrap(), 1);
        assert_eq!(*lock.clone().lock_owned_blocking_timeout(timeout).unwrap(), 1);
    }
    let held = lock.clone().lock_owned_blocking();
    for timeout in [Duration::ZERO, SHORT] {
        assert!(lock.lock_blocking_timeout(timeout).is_none());
        assert!(lock.clone().lock_owned_blocking_timeout(timeout).is_none());
    }
    assert_eq!((lock.waiters(), Arc::strong_count(&lock)), (0, 2));
    drop(held);
    assert!(!lock.is_locked());
}

#[test]
fn a_thread_is_granted_the_lock_in_time_and_in_order() {
    for timeout in [LONG, Duration::MAX] {
        let lock = Lock::new(Vec::new());
        let held = lock.try_lock();
        thread::scope(|scope| {
            let first = scope.spawn(|| lock.lock_blocking_timeout(timeout).map(|mut order| order.push(1)).is_some());
            yield_until(|| lock.waiters() == 1);
            let mut second = queued(lock.lock());
            drop(held);
            assert!(first.join().unwrap());
            now(second.as_mut()).push(2);
        });
        assert_eq!(lock.into_inner(), [1, 2]);
    }
}

/// Hazards 1 and 2: a thread that leaves holds nobody back.
#[test]
fn a_thread_whose_time_has_passed_leaves_the_order_of_the_others() {
    let lock = Lock::new(());
    let held = lock.try_lock();
    let mut first = queued(lock.lock());
    assert!(lock.lock_blocking_timeout(SHORT).is_none());
    let mut second = queued(lock.lock());
    assert_eq!(lock.waiters(), 2);
    drop(held);
    drop(now(first.as_mut()));
    drop(now(second.as_mut()));
    assert!(!lock.is_locked());
}

#[test]
fn a_condition_wait_that_times_out_has_the_lock_again() {
    let (lock, condition) = (Arc::new(Lock::new(7)), Condition::new());
    for timeout in [Duration::ZERO, SHORT] {
        let WaitTimedOut(guard) = condition.wait_blocking_timeout(lock.lock_blocking(), timeout).unwrap_err();
        assert!(lock.is_locked() && condition.waiters() == 0);
        drop(guard);
        let owned = condition.wait_blocking_timeout(lock.clone().lock_owned_blocking(), timeout).unwrap_err();
        assert!(lock.is_locked() && condition.waiters() == 0);
        assert_eq!(*owned.into_inner(), 7);
    }
    assert_eq!((lock.is_locked(), Arc::strong_count(&lock)), (false, 1));
}

/// Others may have the lock when the time passes. The wait ends with the lock all the same, behind them.
#[test]
fn a_condition_wait_that_times_out_queues_for_the_lock() {
    let (lock, condition) = (Lock::new(0), Condition::new());
    let guard = lock.lock_blocking();
    let mut first = queued(lock.lock());
    thread::scope(|scope| {
        let timed = scope.spawn({
            let condition = &condition;
            move || {
                let waited: Result<LockGuard<'_, i32>, _> = condition.wait_blocking_timeout(guard, SHORT);
                *waited.unwrap_err().into_inner()
            }
        });
        // Granted when the wait released the lock, and now the thread queues behind us.
        yield_until(|| format!("{first:?}").contains("granted") && lock.waiters() == 1 && condition.waiters() == 0);
        let mut guard = now(first.as_mut());
        *guard = 5;
        drop(guard);
        assert_eq!(timed.join().unwrap(), 5);
    });
}

/// The value is looked at again after the time has passed, so that a change without a waiter to notify is not missed.
#[test]
fn a_predicate_decides_when_the_time_has_passed() {
    let (lock, condition) = (Lock::new(0), Condition::new());
    let mut calls = 0;
    let waited = condition.wait_while_blocking_timeout(
        lock.lock_blocking(),
        |_| {
            calls += 1;
            calls < 2
        },
        SHORT,
    );
    drop(waited.unwrap());
    assert_eq!(calls, 2);
    let waited = condition.wait_while_blocking_timeout(lock.lock_blocking(), |value| *value == 0, SHORT);
    assert_eq!(*waited.unwrap_err().into_inner(), 0);
}

#[test]
fn threads_are_notified_like_futures() {
    let (lock, condition) = (Lock::new(0), Condition::new());
    thread::scope(|scope| {
        let waits = [
            scope.spawn(|| *condition.wait_blocking(lock.lock_blocking())),
            scope.spawn(|| *condition.wait_blocking_timeout(lock.lock_blocking(), LONG).unwrap()),
            scope.spawn(|| *condition.wait_while_blocking(lock.lock_blocking(), |value| *value == 0)),
            scope.spawn(|| {
                *condition.wait_while_blocking_timeout(lock.lock_blocking(), |value| *value == 0, LONG).unwrap()
            }),
        ];
        yield_until(|| condition.waiters() == 4);
        let mut guard = lock.lock_blocking();
        *guard = 3;
        assert_eq!(condition.notify_all(&guard), 4);
        drop(guard);
        assert_eq!(waits.map(|wait| wait.join().unwrap()), [3; 4]);
    });
}

/// Hazards 1 and 24: the time of a waiter that was notified, and does not have the lock yet, passes.
#[test]
fn a_notification_that_comes_too_late_for_one_waiter_goes_to_the_next() {
    let (lock, condition) = (Lock::new(()), Condition::new());
    let first = queued(condition.wait(lock.try_lock().unwrap()));
    let mut second = queued(condition.wait(lock.try_lock().unwrap()));
    let guard = lock.lock_blocking();
    assert!(condition.notify_one(&guard));
    assert!(waitline::sync::block_on_timeout(first, Duration::ZERO).is_none());
    assert_eq!((condition.waiters(), lock.waiters()), (0, 1));
    drop(guard);
    drop(now(second.as_mut()));
    assert!(!lock.is_locked());
}

#[test]
fn the_error_shows_no_value() {
    let error = WaitTimedOut("never shown");
    assert_eq!(format!("{error:?}"), "WaitTimedOut(..)");
    assert_eq!(error.to_string(), "the time of a wait for a condition has passed");
}
