//! No call allocates, waiting or not. Hazards 15 and 32: a million cancelled waits leave nothing behind.

#![cfg(not(any(all(loom, feature = "loom"), feature = "diagnostics")))]

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Waker},
};
use waitline::testing::{CountingAllocator, allocations, poll_once};
use waitline_sem::{BoundedSemaphore, Semaphore};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(Box::new(1))), 1);
}

#[test]
fn free_permits_cost_no_allocation() {
    let semaphore = Arc::new(Semaphore::new(3));
    let count = allocations(|| {
        drop(semaphore.try_acquire());
        drop(poll_once(pin!(semaphore.acquire_many(2))));
        drop(poll_once(pin!(semaphore.clone().acquire_owned())));
        drop(semaphore.acquire_blocking());
        let mut permits = semaphore.try_acquire_many(3).unwrap();
        let part = permits.split(1).unwrap();
        permits.merge(part);
        permits.forget();
        semaphore.release(3);
        assert_eq!(semaphore.forget_permits(1), 1);
    });
    assert_eq!(count, 0);
}

#[test]
fn a_wait_costs_no_allocation() {
    let semaphore = Semaphore::new(0);
    let bounded = BoundedSemaphore::new(2);
    let count = allocations(|| {
        let mut large = pin!(semaphore.acquire_many(2));
        let mut small = pin!(semaphore.acquire());
        assert!(poll_once(large.as_mut()).is_pending());
        assert!(poll_once(small.as_mut()).is_pending());
        assert!(large.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        semaphore.release(3);
        assert!(poll_once(large).is_ready());
        assert!(poll_once(small).is_ready());
        let held = bounded.try_acquire_many(2).unwrap();
        let mut waiter = pin!(bounded.acquire());
        assert!(poll_once(waiter.as_mut()).is_pending());
        held.forget();
        assert!(bounded.release(2).is_ok());
        assert!(poll_once(waiter).is_ready());
    });
    assert_eq!(count, 0);
}

#[test]
fn a_thousand_grants_in_rounds_cost_no_allocation() {
    let semaphore = Semaphore::new(0);
    let mut waiters: Vec<_> = (0..1000).map(|_| Box::pin(semaphore.acquire())).collect();
    let count = allocations(|| {
        for waiter in &mut waiters {
            assert!(poll_once(waiter.as_mut()).is_pending());
        }
        semaphore.release(1000);
        for waiter in waiters {
            drop(waiter);
        }
    });
    assert_eq!((count, semaphore.available_permits()), (0, 1000));
}

#[test]
fn a_million_cancelled_waits_leave_nothing_behind() {
    let semaphore = Semaphore::new(0);
    let count = allocations(|| {
        for _ in 0..1_000_000 {
            assert!(poll_once(pin!(semaphore.acquire())).is_pending());
        }
    });
    assert_eq!((count, semaphore.waiters()), (0, 0));
}

#[test]
fn a_close_costs_no_allocation() {
    let semaphore = Semaphore::new(1);
    let mut waiters: Vec<_> = (0..1000).map(|_| Box::pin(semaphore.acquire_many(2).or_closed())).collect();
    let count = allocations(|| {
        for waiter in &mut waiters {
            assert!(poll_once(waiter.as_mut()).is_pending());
        }
        assert!(semaphore.close());
        for mut waiter in waiters {
            assert!(poll_once(waiter.as_mut()).is_ready());
        }
        assert!(poll_once(pin!(semaphore.acquire().or_closed())).is_ready());
        drop(poll_once(pin!(semaphore.acquire().after_close())));
    });
    assert_eq!((count, semaphore.available_permits()), (0, 1));
}
