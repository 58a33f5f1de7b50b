//! Sizes, and no allocation per wait, measured by a counting allocator (hence a test binary of its own).
#![cfg(not(any(all(loom, feature = "loom"), feature = "diagnostics")))]

use std::{mem::size_of, pin::pin, task::Waker};
use waitline::testing::{CountingAllocator, allocations, block_on, poll_with};
use waitline_lock::{
    Acquire, AcquireOwned, Condition, Lock, LockGuard, MappedLockGuard, MappedRwLockReadGuard, OnceCell,
    OwnedLockGuard, OwnedRwLockReadGuard, RwLock, RwLockReadGuard, RwLockUpgradableReadGuard, RwLockWriteGuard,
    rwlock::{Read, RwAcquire, RwUpgrade},
};

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
fn waits_for_a_readers_writer_lock_do_not_allocate() {
    let lock = RwLock::new(0);
    let waker = Waker::noop();
    let count = allocations(|| {
        for _ in 0..100 {
            let guard = lock.try_write().unwrap();
            let [mut one, mut other] = [lock.read(), lock.read()].map(Some);
            // SAFETY: the futures are dropped in place, and not moved before.
            let [mut one_pinned, mut other_pinned] =
                [&mut one, &mut other].map(|future| unsafe { std::pin::Pin::new_unchecked(future.as_mut().unwrap()) });
            assert!(poll_with(one_pinned.as_mut(), waker).is_pending());
            assert!(poll_with(other_pinned.as_mut(), waker).is_pending());
            let mut writer = pin!(lock.write());
            assert!(poll_with(writer.as_mut(), waker).is_pending());
            let guard = RwLockWriteGuard::downgrade_to_upgradable(guard);
            let std::task::Poll::Ready(reader) = poll_with(one_pinned, waker) else { panic!("not granted") };
            let mut upgrade = pin!(RwLockUpgradableReadGuard::upgrade(guard));
            assert!(poll_with(upgrade.as_mut(), waker).is_pending());
            drop(reader);
            other = None;
            assert!(other.is_none());
            assert!(poll_with(upgrade, waker).is_ready());
            assert!(poll_with(writer, waker).is_ready());
        }
    });
    assert_eq!(count, 0);
}

async fn seven_after_a_turn() -> u32 {
    futures_lite::future::yield_now().await;
    7
}

#[test]
fn waits_for_a_cell_do_not_allocate() {
    let waker = Waker::noop();
    let count = allocations(|| {
        for _ in 0..100 {
            let cell = OnceCell::new();
            let mut first = pin!(cell.get_or_init(seven_after_a_turn));
            let mut second = pin!(cell.get_or_init(|| std::future::ready(8)));
            let mut wait = pin!(cell.wait());
            assert!(poll_with(first.as_mut(), waker).is_pending());
            assert!(poll_with(second.as_mut(), waker).is_pending());
            assert!(poll_with(wait.as_mut(), waker).is_pending());
            assert!(poll_with(first, waker).is_ready());
            assert!(poll_with(second, waker).is_ready());
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
    assert_eq!(size_of::<OnceCell<()>>(), 24);
    assert_eq!(size_of::<RwLock<()>>(), 40);
    assert_eq!(size_of::<RwLockReadGuard<'_, ()>>(), 8);
    assert_eq!(size_of::<OwnedRwLockReadGuard<()>>(), 8);
    assert_eq!(size_of::<MappedRwLockReadGuard<'_, u8>>(), 16);
    assert_eq!(size_of::<RwAcquire<&RwLock<()>, Read>>(), 56);
    assert_eq!(size_of::<RwUpgrade<&RwLock<()>>>(), 56);
}
