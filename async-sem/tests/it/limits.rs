//! The largest numbers, and one more. Hazard 20: after the panic everything is as before.

use std::sync::Arc;
use waitline::testing::{now, panic_message, queued};
use waitline_sem::{BoundedSemaphore, Semaphore};

const MAX: usize = Semaphore::MAX_PERMITS;

#[test]
fn max_permits_work() {
    let semaphore = Semaphore::new(MAX);
    let all = semaphore.try_acquire_many(MAX).unwrap();
    assert_eq!((all.num_permits(), semaphore.available_permits()), (MAX, 0));
    let waiter = queued(semaphore.acquire_many(MAX));
    drop(all);
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (0, 0));
    drop(now(waiter));
    assert_eq!(semaphore.available_permits(), MAX);
    assert_eq!(semaphore.forget_permits(MAX), MAX);
    semaphore.release(MAX);
    assert_eq!(semaphore.available_permits(), MAX);
    assert_eq!(BoundedSemaphore::new(BoundedSemaphore::MAX_PERMITS).available_permits(), MAX);
}

#[test]
fn new_with_more_panics() {
    let limit = "more permits than MAX_PERMITS (usize::MAX / 2)";
    assert_eq!(panic_message(|| Semaphore::new(MAX + 1)).unwrap(), format!("Semaphore::new: {limit}"));
    assert_eq!(panic_message(|| BoundedSemaphore::new(usize::MAX)).unwrap(), format!("BoundedSemaphore::new: {limit}"));
}

#[test]
fn wanting_more_is_refused_at_the_call() {
    let semaphore = Arc::new(Semaphore::new(MAX));
    let over = MAX + 1;
    let message = panic_message(|| _ = semaphore.acquire_many(over)).unwrap();
    assert_eq!(message, format!("Semaphore::acquire_many({over}): more permits than MAX_PERMITS ({MAX})"));
    let message = panic_message(|| _ = semaphore.clone().acquire_many_owned(usize::MAX)).unwrap();
    assert!(message.starts_with("Semaphore::acquire_many_owned("), "{message}");
    let message = panic_message(|| _ = semaphore.acquire_many_blocking(over)).unwrap();
    assert!(message.starts_with("Semaphore::acquire_many_blocking("), "{message}");
    assert!(semaphore.try_acquire_many(over).is_none());
    assert!(semaphore.try_acquire_many(usize::MAX).is_none());
    assert!(semaphore.clone().try_acquire_many_owned(usize::MAX).is_none());
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (MAX, 0));
}

#[test]
fn release_past_the_maximum_panics_before_it_changes_anything() {
    let semaphore = Semaphore::new(3);
    for (n, free) in [(MAX - 2, 3), (MAX, 3), (MAX + 1, 3), (usize::MAX, 3)] {
        let message = panic_message(|| semaphore.release(n)).unwrap();
        let expected = format!("Semaphore::release({n}): with {free} free permits that is past MAX_PERMITS ({MAX})");
        assert_eq!(message, expected);
        assert_eq!((semaphore.available_permits(), semaphore.waiters()), (3, 0));
    }
    semaphore.release(MAX - 3);
    assert_eq!(semaphore.available_permits(), MAX);
    assert!(panic_message(|| semaphore.release(1)).is_some());
    semaphore.release(0);
    assert_eq!(semaphore.available_permits(), MAX);
}

#[test]
fn release_past_the_maximum_with_a_waiter_panics_before_it_changes_anything() {
    let semaphore = Semaphore::new(3);
    let mut waiter = queued(semaphore.acquire_many(5));
    assert!(panic_message(|| semaphore.release(MAX - 2)).is_some());
    assert!(waitline::testing::poll_once(waiter.as_mut()).is_pending());
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (3, 1));
    semaphore.release(MAX - 3);
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (MAX - 5, 0));
    drop(now(waiter));
    assert_eq!(semaphore.available_permits(), MAX);
}

#[test]
fn a_dropped_permit_stops_at_the_maximum() {
    let semaphore = Semaphore::new(5);
    let permits = semaphore.try_acquire_many(5).unwrap();
    semaphore.release(MAX - 2);
    drop(permits);
    assert_eq!(semaphore.available_permits(), MAX);
    drop(semaphore.try_acquire_many(MAX).unwrap());
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (MAX, 0));
}

#[test]
fn a_dropped_permit_stops_at_the_maximum_with_a_waiter_too() {
    let semaphore = Semaphore::new(5);
    let permits = semaphore.try_acquire_many(5).unwrap();
    semaphore.release(MAX - 2);
    let waiter = queued(semaphore.acquire_many(MAX));
    drop(permits);
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (0, 0));
    drop(waiter);
    assert_eq!(semaphore.available_permits(), MAX);
}

#[test]
fn merging_past_the_maximum_panics_and_moves_nothing() {
    let semaphore = Semaphore::new(MAX);
    let mut permits = semaphore.try_acquire_many(MAX).unwrap();
    permits.merge(semaphore.try_acquire_many(0).unwrap());
    semaphore.release(1);
    let one = semaphore.try_acquire().unwrap();
    let message = panic_message(|| permits.merge(one)).unwrap();
    assert_eq!(message, format!("Permit::merge: {MAX} and 1 permits are more than MAX_PERMITS ({MAX})"));
    assert_eq!((permits.num_permits(), semaphore.available_permits()), (MAX, 1));
}
