//! Locks: free, handed over, contended on one thread and on two, cancelled.

use crate::{
    Workload,
    drive::{On, compute, counted_waker, poll, ready, timed, yield_now},
    workloads::{condition, once_cell, rwlock},
};
use std::{
    cell::UnsafeCell,
    future::Future,
    hint::black_box,
    ops::DerefMut,
    pin::pin,
    sync::Arc,
    task::{Poll, Waker},
    time::Duration,
};

/// A peer's lock around a count.
trait AsyncLock: Send + Sync + 'static {
    type Guard<'a>: DerefMut<Target = u64> + Send;
    fn new() -> Self;
    fn lock(&self) -> impl Future<Output = Self::Guard<'_>> + Send;
    fn try_lock(&self) -> Option<Self::Guard<'_>>;
}

macro_rules! peer {
    ($lock:ty, $guard:ty, $this:ident, $new:expr, $lock_it:expr, $try_it:expr) => {
        impl AsyncLock for $lock {
            type Guard<'a> = $guard;
            fn new() -> Self {
                $new
            }
            #[inline]
            fn lock(&self) -> impl Future<Output = Self::Guard<'_>> + Send {
                let $this = self;
                $lock_it
            }
            #[inline]
            fn try_lock(&self) -> Option<Self::Guard<'_>> {
                let $this = self;
                $try_it
            }
        }
    };
}

type Ours = waitline_lock::Lock<u64>;
type Tokio = tokio::sync::Mutex<u64>;
type AsyncLockCrate = smol_async_lock::Mutex<u64>;
type Asyncband = asyncband::mutex::Mutex<u64>;
type Intrusive = futures_intrusive::sync::Mutex<u64>;
type Maitake = maitake_sync::Mutex<u64>;

peer!(Ours, waitline_lock::LockGuard<'a, u64>, this, Self::new(0), this.lock(), this.try_lock());
peer!(Tokio, tokio::sync::MutexGuard<'a, u64>, this, Self::new(0), this.lock(), this.try_lock().ok());
peer!(AsyncLockCrate, smol_async_lock::MutexGuard<'a, u64>, this, Self::new(0), this.lock(), this.try_lock());
peer!(Asyncband, asyncband::mutex::MutexGuard<'a, u64>, this, Self::new(0), this.lock(), this.try_lock());
peer!(Intrusive, futures_intrusive::sync::MutexGuard<'a, u64>, this, Self::new(0, true), this.lock(), this.try_lock());
peer!(Maitake, maitake_sync::MutexGuard<'a, u64>, this, Self::new(0), this.lock(), this.try_lock());

/// saa's lock has no value and no guard; these are what its user would write.
struct Saa {
    lock: saa::Lock,
    value: UnsafeCell<u64>,
}

struct SaaGuard<'a>(&'a Saa);

// SAFETY: the value is reached through guards only, one at a time.
unsafe impl Sync for Saa {}

impl std::ops::Deref for SaaGuard<'_> {
    type Target = u64;
    fn deref(&self) -> &u64 {
        // SAFETY: the guard holds the lock.
        unsafe { &*self.0.value.get() }
    }
}

impl DerefMut for SaaGuard<'_> {
    fn deref_mut(&mut self) -> &mut u64 {
        // SAFETY: the guard holds the lock.
        unsafe { &mut *self.0.value.get() }
    }
}

impl Drop for SaaGuard<'_> {
    fn drop(&mut self) {
        self.0.lock.release_lock();
    }
}

impl AsyncLock for Saa {
    type Guard<'a> = SaaGuard<'a>;
    fn new() -> Self {
        Saa { lock: saa::Lock::new(), value: UnsafeCell::new(0) }
    }
    async fn lock(&self) -> SaaGuard<'_> {
        self.lock.lock_async().await;
        SaaGuard(self)
    }
    fn try_lock(&self) -> Option<SaaGuard<'_>> {
        self.lock.try_lock().ok().map(|()| SaaGuard(self))
    }
}

/// Adds one case per peer: a function generic over the peer's lock.
macro_rules! every_lock {
    ($workload:expr, $run:ident $(, $arg:expr)*) => {
        other_locks!(best_locks!($workload, $run $(, $arg)*), $run $(, $arg)*)
    };
}

/// Those that are measured on each executor.
macro_rules! best_locks {
    ($workload:expr, $run:ident $(, $arg:expr)*) => {
        $workload
            .case("waitline", move |n| $run::<Ours>(n $(, $arg)*))
            .case("async-lock (barges)", move |n| $run::<AsyncLockCrate>(n $(, $arg)*))
            .case("asyncband", move |n| $run::<Asyncband>(n $(, $arg)*))
            .case("maitake-sync", move |n| $run::<Maitake>(n $(, $arg)*))
            .case("tokio", move |n| $run::<Tokio>(n $(, $arg)*))
    };
}

macro_rules! other_locks {
    ($workload:expr, $run:ident $(, $arg:expr)*) => {
        $workload
            .case("futures-intrusive", move |n| $run::<Intrusive>(n $(, $arg)*))
            .case("saa", move |n| $run::<Saa>(n $(, $arg)*))
    };
}

fn free<L: AsyncLock>(n: u64) -> Duration {
    let lock = L::new();
    let took = timed(|| {
        ready(async {
            for _ in 0..n {
                *black_box(&lock).lock().await += 1;
            }
        })
    });
    assert_eq!(*ready(lock.lock()), n);
    took
}

fn free_try<L: AsyncLock>(n: u64) -> Duration {
    let lock = L::new();
    let took = timed(|| {
        for _ in 0..n {
            *black_box(&lock).try_lock().expect("nobody else is here") += 1;
        }
    });
    assert_eq!(*ready(lock.lock()), n);
    took
}

/// One waiter queues, the holder releases, the waiter is polled: the cycle of a contended lock without an executor.
fn hand_off<L: AsyncLock>(n: u64) -> Duration {
    let (lock, waker) = (L::new(), counted_waker());
    let took = timed(|| {
        let lock = black_box(&lock);
        let mut guard = lock.try_lock().expect("the lock is new");
        for _ in 0..n {
            let mut next = pin!(lock.lock());
            assert!(poll(next.as_mut(), &waker).is_pending());
            drop(guard);
            let Poll::Ready(got) = poll(next.as_mut(), &waker) else { panic!("the lock was not handed over") };
            guard = got;
            *guard += 1;
        }
    });
    assert_eq!(*ready(lock.lock()), n);
    took
}

/// A waiter queues behind a holder and is dropped.
fn wait_and_cancel<L: AsyncLock>(n: u64) -> Duration {
    let (lock, waker) = (L::new(), counted_waker());
    let took = timed(|| {
        let lock = black_box(&lock);
        let mut guard = lock.try_lock().expect("the lock is new");
        for _ in 0..n {
            assert!(poll(pin!(lock.lock()), &waker).is_pending());
            *guard += 1;
        }
    });
    assert_eq!(*ready(lock.lock()), n);
    took
}

fn tasks<L: AsyncLock>(n: u64, tasks: u64) -> Duration {
    let lock = Arc::new(L::new());
    let each = n.div_ceil(tasks);
    let task = |lock: Arc<L>| async move {
        for _ in 0..each {
            let mut guard = lock.lock().await;
            *guard += 1;
            yield_now().await;
            drop(guard);
        }
    };
    let took = On::OneThread.time((0..tasks).map(|_| task(lock.clone())));
    assert_eq!(*ready(lock.lock()), each * tasks);
    took
}

fn two_yields(n: u64) -> Duration {
    On::OneThread.time((0..8).map(|_| async move {
        for _ in 0..n.div_ceil(8) {
            yield_now().await;
            yield_now().await;
        }
    }))
}

fn workers<L: AsyncLock>(n: u64, tasks: u64, outside: u64, on: On) -> Duration {
    let lock = Arc::new(L::new());
    let each = n.div_ceil(tasks);
    let task = |lock: Arc<L>| async move {
        for _ in 0..each {
            *lock.lock().await += 1;
            assert_eq!(compute(outside), outside / 2);
        }
    };
    let took = on.time((0..tasks).map(|_| task(lock.clone())));
    assert_eq!(*ready(lock.lock()), each * tasks);
    took
}

/// All workloads on locks and conditions. Times are per acquisition, or as the workload says.
pub fn workloads() -> Vec<Workload> {
    let std_lock = |n| {
        let lock = std::sync::Mutex::new(0);
        let took = timed(|| (0..n).for_each(|_| *black_box(&lock).lock().expect("never poisoned") += 1));
        assert_eq!(lock.into_inner().expect("never poisoned"), n);
        took
    };
    let parking_lot = |n| {
        let lock = parking_lot::Mutex::new(0);
        let took = timed(|| (0..n).for_each(|_| *black_box(&lock).lock() += 1));
        assert_eq!(lock.into_inner(), n);
        took
    };
    let clone_and_wake = |n| {
        let waker = counted_waker();
        timed(|| (0..n).for_each(|_| Waker::clone(black_box(&waker)).wake()))
    };
    let mut all = vec![
        every_lock!(Workload::new("lock: lock and unlock, uncontended"), free)
            .case("limit: std Mutex", std_lock)
            .case("limit: parking_lot Mutex", parking_lot),
        every_lock!(Workload::new("lock: try_lock and unlock, uncontended"), free_try),
        every_lock!(Workload::new("lock: hand-off, polled by hand"), hand_off)
            .case("limit: waker clone and wake", clone_and_wake),
        every_lock!(Workload::new("lock: wait and cancel"), wait_and_cancel),
        every_lock!(Workload::new("lock: 8 tasks, one thread, a yield inside"), tasks, 8)
            .case("limit: two yields", two_yields),
        every_lock!(Workload::new("lock: 256 tasks, one thread, a yield inside"), tasks, 256)
            .case("limit: two yields", two_yields),
    ];
    for tasks in [2, 8, 64] {
        let name = format!("lock: {tasks} tasks, two workers, an empty section");
        all.push(pairs!(Workload::new(name), best_locks and other_locks, workers, tasks, 0));
    }
    for (steps, time) in [(700, "0.2 µs"), (7_000, "2 µs"), (35_000, "10 µs")] {
        let name = format!("lock: 8 tasks, two workers, about {time} of work outside");
        all.push(pairs!(Workload::new(name), best_locks and other_locks, workers, 8, steps));
    }
    all.extend(condition::workloads());
    all.extend(rwlock::workloads());
    all.extend(once_cell::workloads());
    all
}
