//! Readers-writer locks: free, handed over, and shared by 8 readers and a writer on one thread.

use crate::{
    Workload,
    drive::{counted_waker, one_thread, poll, ready, timed, yield_now},
};
use std::{
    future::Future,
    hint::black_box,
    ops::{Deref, DerefMut},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

/// A peer's lock around a count.
trait AsyncRwLock: 'static {
    type Read<'a>: Deref<Target = u64>;
    type Write<'a>: DerefMut<Target = u64>;
    fn new() -> Self;
    fn read(&self) -> impl Future<Output = Self::Read<'_>>;
    fn write(&self) -> impl Future<Output = Self::Write<'_>>;
}

macro_rules! peer {
    ($name:ident: $lock:ty, $read:ty, $write:ty) => {
        type $name = $lock;

        impl AsyncRwLock for $lock {
            type Read<'a> = $read;
            type Write<'a> = $write;
            fn new() -> Self {
                Self::new(0)
            }
            #[inline]
            fn read(&self) -> impl Future<Output = Self::Read<'_>> {
                self.read()
            }
            #[inline]
            fn write(&self) -> impl Future<Output = Self::Write<'_>> {
                self.write()
            }
        }
    };
}

peer!(Ours: waitline_lock::RwLock<u64>, waitline_lock::RwLockReadGuard<'a, u64>, waitline_lock::RwLockWriteGuard<'a, u64>);
peer!(Tokio: tokio::sync::RwLock<u64>, tokio::sync::RwLockReadGuard<'a, u64>, tokio::sync::RwLockWriteGuard<'a, u64>);
peer!(AsyncLockCrate: smol_async_lock::RwLock<u64>, smol_async_lock::RwLockReadGuard<'a, u64>, smol_async_lock::RwLockWriteGuard<'a, u64>);
peer!(Asyncband: asyncband::rwlock::RwLock<u64>, asyncband::rwlock::RwLockReadGuard<'a, u64>, asyncband::rwlock::RwLockWriteGuard<'a, u64>);
peer!(Maitake: maitake_sync::RwLock<u64>, maitake_sync::RwLockReadGuard<'a, u64>, maitake_sync::RwLockWriteGuard<'a, u64>);

/// Adds one case per peer: a function generic over the peer's lock.
macro_rules! every_lock {
    ($workload:expr, $run:ident) => {
        Workload::new($workload)
            .case("waitline", $run::<Ours>)
            .case("maitake-sync", $run::<Maitake>)
            .case("async-lock (barges)", $run::<AsyncLockCrate>)
            .case("asyncband", $run::<Asyncband>)
            .case("tokio", $run::<Tokio>)
    };
}

fn free_read<L: AsyncRwLock>(n: u64) -> Duration {
    let lock = L::new();
    let mut sum = 0;
    let took = timed(|| {
        ready(async {
            for _ in 0..n {
                sum += *black_box(&lock).read().await + 1;
            }
        })
    });
    assert_eq!(sum, n);
    took
}

fn free_write<L: AsyncRwLock>(n: u64) -> Duration {
    let lock = L::new();
    let took = timed(|| {
        ready(async {
            for _ in 0..n {
                *black_box(&lock).write().await += 1;
            }
        })
    });
    assert_eq!(*ready(lock.read()), n);
    took
}

/// One writer queues behind another, which releases, and is polled: without an executor.
fn hand_off<L: AsyncRwLock>(n: u64) -> Duration {
    let (lock, waker) = (L::new(), counted_waker());
    let took = timed(|| {
        let lock = black_box(&lock);
        let mut guard = ready(lock.write());
        for _ in 0..n {
            let mut next = pin!(lock.write());
            assert!(poll(next.as_mut(), &waker).is_pending());
            drop(guard);
            let Poll::Ready(got) = poll(next.as_mut(), &waker) else { panic!("the lock was not handed over") };
            guard = got;
            *guard += 1;
        }
    });
    assert_eq!(*ready(lock.read()), n);
    took
}

/// Eight readers and a writer, each with a yield inside. The time is per acquisition.
fn eight_readers_one_writer<L: AsyncRwLock>(n: u64) -> Duration {
    let lock = Arc::new(L::new());
    let each = n.div_ceil(9);
    let task = |lock: Arc<L>, writes: bool| async move {
        for _ in 0..each {
            if writes {
                let mut guard = lock.write().await;
                *guard += 1;
                yield_now().await;
            } else {
                let guard = lock.read().await;
                let before = *guard;
                yield_now().await;
                assert_eq!(*guard, before);
            }
        }
    };
    let took = timed(|| one_thread((0..9).map(|i| task(lock.clone(), i == 4))));
    assert_eq!(*ready(lock.read()), each);
    took
}

/// All workloads on readers-writer locks. Times are per acquisition.
pub fn workloads() -> Vec<Workload> {
    let parking_lot_read = |n| {
        let (lock, mut sum) = (parking_lot::RwLock::new(0), 0);
        let took = timed(|| (0..n).for_each(|_| sum += *black_box(&lock).read() + 1));
        assert_eq!(sum, n);
        took
    };
    let parking_lot_write = |n| {
        let lock = parking_lot::RwLock::new(0);
        let took = timed(|| (0..n).for_each(|_| *black_box(&lock).write() += 1));
        assert_eq!(lock.into_inner(), n);
        took
    };
    vec![
        every_lock!("rwlock: read and unlock, uncontended", free_read)
            .case("limit: parking_lot RwLock", parking_lot_read),
        every_lock!("rwlock: write and unlock, uncontended", free_write)
            .case("limit: parking_lot RwLock", parking_lot_write),
        every_lock!("rwlock: hand-off between writers, polled by hand", hand_off),
        every_lock!("rwlock: 8 readers and a writer, one thread, a yield inside", eight_readers_one_writer),
    ]
}
