//! The plain semaphore, call by call.

use futures_lite::future::block_on;
use std::sync::Arc;
use waitline::testing::{now, queued};
use waitline_sem::Semaphore;

#[test]
fn smoke() {
    block_on(async {
        let semaphore = Semaphore::new(3);
        let one = semaphore.acquire().await;
        let two = semaphore.acquire_many(2).await;
        assert_eq!((one.num_permits(), two.num_permits(), semaphore.available_permits()), (1, 2, 0));
        assert!(semaphore.try_acquire().is_none());
        drop(two);
        assert_eq!(semaphore.available_permits(), 2);
        assert!(semaphore.try_acquire_many(3).is_none());
        drop(one);
        assert_eq!(semaphore.try_acquire_many(3).unwrap().num_permits(), 3);
        assert_eq!(semaphore.available_permits(), 3);
    });
}

#[test]
fn a_future_that_is_not_polled_neither_waits_nor_takes() {
    let semaphore = Semaphore::new(1);
    let idle = semaphore.acquire();
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
    let permit = semaphore.try_acquire().unwrap();
    // It is no waiter now either: the permit comes back to the semaphore, not to it.
    drop(permit);
    assert_eq!(semaphore.available_permits(), 1);
    drop(idle);
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn release_adds_permits_that_nobody_held() {
    let semaphore = Semaphore::new(0);
    let waiter = queued(semaphore.acquire_many(2));
    semaphore.release(1);
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 1));
    semaphore.release(4);
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (3, 0));
    assert_eq!(now(waiter).num_permits(), 2);
    assert_eq!(semaphore.available_permits(), 5);
}

#[test]
fn releasing_none_changes_nothing() {
    let semaphore = Semaphore::new(1);
    semaphore.release(0);
    assert_eq!(semaphore.available_permits(), 1);
    let waiter = queued(semaphore.acquire_many(2));
    semaphore.release(0);
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 1));
    drop(waiter);
    semaphore.release(0);
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
}

#[test]
fn forget_permits_takes_what_is_free() {
    let semaphore = Semaphore::new(5);
    assert_eq!(semaphore.forget_permits(0), 0);
    assert_eq!(semaphore.forget_permits(2), 2);
    assert_eq!(semaphore.available_permits(), 3);
    assert_eq!(semaphore.forget_permits(usize::MAX), 3);
    assert_eq!(semaphore.forget_permits(1), 0);
    assert_eq!(semaphore.available_permits(), 0);
}

#[test]
fn forget_permits_takes_what_a_large_request_still_saves_up_for() {
    let semaphore = Semaphore::new(3);
    let mut large = queued(semaphore.acquire_many(5));
    assert_eq!(semaphore.forget_permits(2), 2);
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 1));
    semaphore.release(3);
    assert!(waitline::testing::poll_once(large.as_mut()).is_pending());
    semaphore.release(1);
    assert_eq!(now(large).num_permits(), 5);
}

#[test]
fn threads_and_futures_share_one_queue() {
    let semaphore = Semaphore::new(1);
    let held = semaphore.try_acquire().unwrap();
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| semaphore.acquire_blocking().forget());
        while semaphore.waiters() < 1 {
            std::thread::yield_now();
        }
        let mut future = queued(semaphore.acquire());
        drop(held);
        thread.join().unwrap();
        assert!(waitline::testing::poll_once(future.as_mut()).is_pending());
        semaphore.release(1);
        drop(now(future));
    });
    assert_eq!((semaphore.available_permits(), semaphore.waiters()), (1, 0));
}

#[test]
fn blocking_calls_take_free_permits_at_once() {
    let semaphore = Semaphore::new(3);
    let (one, two) = (semaphore.acquire_blocking(), semaphore.acquire_many_blocking(2));
    assert_eq!((one.num_permits(), two.num_permits(), semaphore.available_permits()), (1, 2, 0));
}

#[test]
fn a_blocked_thread_waits_for_many() {
    let semaphore = Semaphore::new(0);
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| semaphore.acquire_many_blocking(3).forget());
        while semaphore.waiters() < 1 {
            std::thread::yield_now();
        }
        semaphore.release(2);
        assert!(!thread.is_finished());
        semaphore.release(2);
    });
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn owned_calls_keep_the_semaphore_alive() {
    let semaphore = Arc::new(Semaphore::new(3));
    let permits = block_on(semaphore.clone().acquire_many_owned(3));
    let waiter = queued(semaphore.clone().acquire_owned());
    let weak = Arc::downgrade(&semaphore);
    assert!(semaphore.clone().try_acquire_owned().is_none());
    assert!(semaphore.clone().try_acquire_many_owned(2).is_none());
    drop(semaphore);
    drop(permits);
    let permit = now(waiter);
    assert_eq!(weak.upgrade().unwrap().available_permits(), 2);
    drop(permit);
    assert!(weak.upgrade().is_none(), "a permit or a future has leaked its Arc");
}

#[test]
fn debug_shows_permits_and_waiters() {
    let semaphore = Semaphore::new(2);
    assert_eq!(format!("{semaphore:?}"), "Semaphore { available: 2, waiters: 0 }");
    let permit = semaphore.try_acquire().unwrap();
    let waiter = queued(semaphore.acquire_many(2));
    assert_eq!(format!("{semaphore:?}"), "Semaphore { available: 1, waiters: 1 }");
    assert_eq!(format!("{permit:?}"), "Permit { permits: 1 }");
    assert_eq!(format!("{waiter:?}"), "Acquire(Waiter(queued))");
    drop(permit);
    assert_eq!(format!("{waiter:?}"), "Acquire(Waiter(granted))");
    let semaphore = Arc::new(Semaphore::new(1));
    assert_eq!(format!("{:?}", semaphore.clone().acquire_owned()), "AcquireOwned(Waiter(new))");
    assert_eq!(format!("{:?}", semaphore.try_acquire_owned().unwrap()), "OwnedPermit { permits: 1 }");
}

#[test]
fn a_semaphore_may_be_static_and_moved() {
    static SEMAPHORE: Semaphore = Semaphore::new(1);
    let permit = SEMAPHORE.try_acquire().unwrap();
    assert_eq!(std::thread::spawn(|| SEMAPHORE.available_permits()).join().unwrap(), 0);
    drop(permit);
    let semaphore = Semaphore::new(1);
    drop(queued(semaphore.acquire_many(2)));
    let moved = Box::new(semaphore);
    assert_eq!((moved.available_permits(), moved.waiters()), (1, 0));
}

#[test]
#[should_panic = "polled after it was ready"]
fn a_future_that_waited_is_not_to_be_polled_after_it_was_ready() {
    let semaphore = Semaphore::new(0);
    let mut future = queued(semaphore.acquire());
    semaphore.release(1);
    _ = waitline::testing::poll_once(future.as_mut());
    _ = waitline::testing::poll_once(future.as_mut());
}
