//! Sizes, and no allocation per wait, measured by a counting allocator (hence a test binary of its own).
#![cfg(not(any(all(loom, feature = "loom"), feature = "diagnostics")))]

use std::{mem::size_of, pin::pin, task::Waker};
use waitline::testing::{CountingAllocator, allocations, block_on, poll_with};
use waitline_lock::{Acquire, AcquireOwned, Condition, Lock, LockGuard, MappedLockGuard, OwnedLockGuard};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn waits_do_not_allocate() {
    let (lock, condition) = (Lock::new(0), Condition::new());
    let waker = Waker::noop();
    let count = allocations(|| {
        for _ in 0..100 {
            let guard = lock.try_lock().unwrap();
            let mut granted = pin!(lock.lock());
            let mut cancelled = Some(lock.lock());
            assert!(poll_with(granted.as_mut(), waker).is_pending());
            // SAFETY: the future is dropped in place, and not moved before.
            let pinned = unsafe { std::pin::Pin::new_unchecked(cancelled.as_mut().unwrap()) };
            assert!(poll_with(pinned, waker).is_pending());
            cancelled = None;
            assert!(cancelled.is_none());
            drop(guard);
            let std::task::Poll::Ready(guard) = poll_with(granted, waker) else { panic!("not granted") };
            let mut wait = pin!(condition.wait(guard));
            assert!(poll_with(wait.as_mut(), waker).is_pending());
            condition.notify_all(&lock.try_lock().unwrap());
            assert!(poll_with(wait, waker).is_ready());
        }
    });
    assert_eq!(count, 0);
}

#[test]
fn contended_blocking_waits_do_not_allocate_after_the_first() {
    let lock = Lock::new(0);
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            drop(lock.lock_blocking());
            block_on(async {});
            allocations(|| (0..1_000).for_each(|_| *lock.lock_blocking() += 1))
        });
        (0..1_000).for_each(|_| *lock.lock_blocking() += 1);
        // parking_lot and the parker may set up a thread's data once; a wait costs nothing.
        assert!(worker.join().unwrap() <= 4);
    });
    assert_eq!(lock.into_inner(), 2_000);
}

#[test]
fn sizes_are_as_promised() {
    assert_eq!(size_of::<Lock<()>>(), 16);
    assert_eq!(size_of::<Condition>(), 24);
    assert_eq!(size_of::<LockGuard<'_, ()>>(), 8);
    assert_eq!(size_of::<OwnedLockGuard<()>>(), 8);
    assert_eq!(size_of::<MappedLockGuard<'_, u8>>(), 16);
    assert_eq!(size_of::<Acquire<'_, ()>>(), 48);
    assert_eq!(size_of::<AcquireOwned<()>>(), 48);
}
