//! What the bounded semaphore adds: free, held and forgotten permits always add up to the bound.

use futures_lite::future::block_on;
use std::{error::Error, sync::Arc};
use waitline::testing::{now, panic_message, queued};
use waitline_sem::BoundedSemaphore;

#[test]
fn smoke() {
    block_on(async {
        let semaphore = BoundedSemaphore::new(3);
        let one = semaphore.acquire().await;
        let two = semaphore.acquire_many(2).await;
        assert_eq!((semaphore.available_permits(), semaphore.bound()), (0, 3));
        assert!(semaphore.try_acquire().is_none());
        let waiter = queued(semaphore.acquire_many(2));
        assert_eq!(semaphore.waiters(), 1);
        drop(two);
        drop((one, now(waiter)));
        assert_eq!((semaphore.available_permits(), semaphore.waiters()), (3, 0));
    });
}

#[test]
fn release_without_a_forgotten_permit_is_an_error_that_changes_nothing() {
    let semaphore = BoundedSemaphore::new(2);
    let error = semaphore.release(1).unwrap_err();
    assert_eq!(error.to_string(), "BoundedSemaphore::release(1): 0 of 2 permits are forgotten");
    assert!(error.source().is_none());
    // Held permits are not forgotten ones: they come back by themselves.
    let permit = semaphore.try_acquire().unwrap();
    assert!(semaphore.release(1).is_err());
    drop(permit);
    assert_eq!(semaphore.available_permits(), 2);
    assert!(semaphore.release(0).is_ok());
}

#[test]
fn release_returns_what_was_forgotten_and_no_more() {
    let semaphore = BoundedSemaphore::new(3);
    semaphore.try_acquire_many(2).unwrap().forget();
    assert_eq!(semaphore.available_permits(), 1);
    let error = semaphore.release(3).unwrap_err();
    assert_eq!(error.to_string(), "BoundedSemaphore::release(3): 2 of 3 permits are forgotten");
    assert_eq!(semaphore.available_permits(), 1);
    assert!(semaphore.release(usize::MAX).is_err());
    assert_eq!(semaphore.release(1), Ok(()));
    assert!(semaphore.release(2).is_err());
    assert_eq!(semaphore.release(1), Ok(()));
    assert!(semaphore.release(1).is_err());
    assert_eq!(semaphore.available_permits(), 3);
}

#[test]
fn permits_taken_away_by_forget_permits_can_be_released() {
    let semaphore = BoundedSemaphore::new(5);
    let held = semaphore.try_acquire_many(2).unwrap();
    assert_eq!(semaphore.forget_permits(7), 3);
    assert!(semaphore.release(4).is_err());
    assert_eq!(semaphore.release(3), Ok(()));
    drop(held);
    assert_eq!(semaphore.available_permits(), 5);
}

#[test]
fn a_release_serves_waiters() {
    let semaphore = BoundedSemaphore::new(2);
    semaphore.try_acquire_many(2).unwrap().forget();
    let both = queued(semaphore.acquire_many(2));
    assert_eq!(semaphore.release(1), Ok(()));
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 1));
    assert_eq!(semaphore.release(1), Ok(()));
    assert_eq!(now(both).num_permits(), 2);
}

#[test]
fn more_than_the_bound_is_refused_at_the_call() {
    let semaphore = BoundedSemaphore::new(2);
    let message = panic_message(|| _ = semaphore.acquire_many(3)).unwrap();
    assert_eq!(message, "BoundedSemaphore::acquire_many: 3 permits wanted, but the bound is 2");
    let message = panic_message(|| _ = semaphore.acquire_many_blocking(4)).unwrap();
    assert_eq!(message, "BoundedSemaphore::acquire_many_blocking: 4 permits wanted, but the bound is 2");
    let shared = Arc::new(BoundedSemaphore::new(0));
    assert!(panic_message(|| _ = shared.acquire()).is_some());
    let message = panic_message(|| _ = shared.clone().acquire_owned()).unwrap();
    assert_eq!(message, "BoundedSemaphore::acquire_owned: 1 permits wanted, but the bound is 0");
    assert!(panic_message(|| _ = shared.clone().acquire_many_owned(5)).unwrap().contains("acquire_many_owned: 5"));
    assert!(semaphore.try_acquire_many(3).is_none());
    assert!(semaphore.try_acquire_many(usize::MAX).is_none());
    assert!(shared.try_acquire_owned().is_none());
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (2, 0));
}

#[test]
fn the_bound_itself_can_be_acquired() {
    let semaphore = Arc::new(BoundedSemaphore::new(2));
    drop(block_on(semaphore.acquire_many(2)));
    drop(block_on(semaphore.clone().acquire_many_owned(2)));
    drop(semaphore.acquire_many_blocking(2));
    drop(semaphore.try_acquire_many(2).unwrap());
    drop(semaphore.clone().try_acquire_many_owned(2).unwrap());
    drop((semaphore.acquire_blocking(), block_on(semaphore.clone().acquire_owned())));
    drop((semaphore.clone().try_acquire_owned().unwrap(), semaphore.try_acquire().unwrap()));
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn a_blocked_thread_gets_what_is_released() {
    let semaphore = BoundedSemaphore::new(2);
    semaphore.try_acquire_many(2).unwrap().forget();
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| drop(semaphore.acquire_many_blocking(2)));
        while semaphore.waiters() < 1 {
            std::thread::yield_now();
        }
        semaphore.release(2).unwrap();
        thread.join().unwrap();
    });
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn debug_shows_the_bound_too() {
    let semaphore = BoundedSemaphore::new(2);
    let permit = semaphore.try_acquire().unwrap();
    let waiter = queued(semaphore.acquire_many(2));
    assert_eq!(format!("{semaphore:?}"), "BoundedSemaphore { available: 1, waiters: 1, bound: 2 }");
    drop((waiter, permit));
}
