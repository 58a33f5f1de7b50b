//! Blocking waits whose time passes. Under loom, the time passes whenever the scheduler likes.

use std::time::Duration;
use waitline::{
    sync::Arc,
    testing::{block_on, model, spawn},
};
use waitline_sem::{AcquireTimeoutError, BoundedSemaphore, Semaphore};

const TIMEOUT: Duration = Duration::from_secs(1);

/// Proves: the time of a large request at the front passes while permits are released: it has all of its permits or none,
/// and the small request behind it is served in both cases. All permits come back.
#[test]
fn time_out_of_a_large_request_against_release() {
    model("semaphore: time-out of a large request against release", || {
        let semaphore = Arc::new(Semaphore::new(1));
        let timed = spawn({
            let semaphore = semaphore.clone();
            move || {
                if let Some(permits) = semaphore.acquire_many_blocking_timeout(2, TIMEOUT) {
                    assert_eq!(permits.num_permits(), 2);
                }
            }
        });
        let small = spawn({
            let semaphore = semaphore.clone();
            move || drop(block_on(semaphore.acquire()))
        });
        semaphore.release(1);
        timed.join().unwrap();
        small.join().unwrap();
        assert_eq!((semaphore.available_permits(), semaphore.waiters()), (2, 0));
    });
}

/// Proves: the time of a waiting acquire passes while the semaphore is closed: it fails for one of the two reasons. The
/// wait of the closer for the permits that are out ends with all of them, or takes none.
#[test]
fn time_out_against_close() {
    model("semaphore: time-out against close", || {
        let semaphore = Arc::new(BoundedSemaphore::new(1));
        let permit = semaphore.try_acquire();
        let timed = spawn({
            let semaphore = semaphore.clone();
            move || {
                let error = semaphore.acquire_blocking_or_closed_timeout(TIMEOUT).unwrap_err();
                assert!(matches!(error, AcquireTimeoutError::TimedOut | AcquireTimeoutError::Closed));
            }
        });
        let closer = spawn({
            let semaphore = semaphore.clone();
            move || {
                semaphore.close();
                drop(semaphore.acquire_many(1).after_close().wait_blocking_timeout(TIMEOUT));
            }
        });
        timed.join().unwrap();
        drop(permit);
        closer.join().unwrap();
        assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
    });
}
