//! Semaphores: free, handed over, cancelled, many tasks over few permits, many waiters at once, a big request among small
//! ones.

use crate::{
    Workload,
    drive::{On, counted_waker, one_thread, poll, ready, timed, yield_now},
};
use std::{
    cell::{Cell, RefCell},
    future::Future,
    hint::black_box,
    pin::pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Poll, Waker},
    time::{Duration, Instant},
};

/// A peer's semaphore.
trait AsyncSemaphore: Send + Sync + 'static {
    type Permit<'a>: Send;
    fn new(permits: usize) -> Self;
    fn acquire(&self) -> impl Future<Output = Self::Permit<'_>> + Send;
    fn try_acquire(&self) -> Option<Self::Permit<'_>>;
    fn release(&self, n: usize);
}

/// A semaphore with requests for several permits.
trait Many: AsyncSemaphore {
    fn acquire_many(&self, n: usize) -> impl Future<Output = Self::Permit<'_>> + Send;
}

macro_rules! peer {
    ($semaphore:ty, $permit:ty, |$this:ident, $n:ident| $new:expr, $acquire:expr, $try_acquire:expr, $release:expr) => {
        impl AsyncSemaphore for $semaphore {
            type Permit<'a> = $permit;
            fn new($n: usize) -> Self {
                $new
            }
            #[inline]
            fn acquire(&self) -> impl Future<Output = Self::Permit<'_>> + Send {
                let $this = self;
                $acquire
            }
            #[inline]
            fn try_acquire(&self) -> Option<Self::Permit<'_>> {
                let $this = self;
                $try_acquire
            }
            #[inline]
            fn release(&self, $n: usize) {
                let $this = self;
                $release
            }
        }
    };
    ($semaphore:ty, $permit:ty, |$this:ident, $n:ident| $new:expr, $acquire:expr, $try:expr, $release:expr, $many:expr) => {
        peer!($semaphore, $permit, |$this, $n| $new, $acquire, $try, $release);

        impl Many for $semaphore {
            #[inline]
            fn acquire_many(&self, $n: usize) -> impl Future<Output = Self::Permit<'_>> + Send {
                let $this = self;
                $many
            }
        }
    };
}

type Ours = waitline_sem::Semaphore;
type Bounded = waitline_sem::BoundedSemaphore;
type Tokio = tokio::sync::Semaphore;
type AsyncLockCrate = smol_async_lock::Semaphore;
type Asyncband = asyncband::semaphore::Semaphore;
type Intrusive = futures_intrusive::sync::Semaphore;
type Maitake = maitake_sync::Semaphore;

peer!(
    Ours,
    waitline_sem::Permit<'a>,
    |this, n| Self::new(n),
    this.acquire(),
    this.try_acquire(),
    this.release(n),
    this.acquire_many(n)
);
peer!(
    Bounded,
    waitline_sem::Permit<'a, Bounded>,
    |this, n| Self::new(n),
    this.acquire(),
    this.try_acquire(),
    this.release(n).expect("as many were forgotten"),
    this.acquire_many(n)
);
peer!(
    Tokio,
    tokio::sync::SemaphorePermit<'a>,
    |this, n| Self::new(n),
    async { Tokio::acquire(this).await.expect("never closed") },
    this.try_acquire().ok(),
    this.add_permits(n),
    async move { Tokio::acquire_many(this, n as u32).await.expect("never closed") }
);
peer!(
    AsyncLockCrate,
    smol_async_lock::SemaphoreGuard<'a>,
    |this, n| Self::new(n),
    this.acquire(),
    this.try_acquire(),
    this.add_permits(n)
);
peer!(
    Asyncband,
    asyncband::semaphore::SemaphorePermit<'a>,
    |this, n| Self::new(n),
    Asyncband::acquire(this, 1),
    Asyncband::try_acquire(this, 1),
    Asyncband::release(this, n),
    Asyncband::acquire(this, n)
);
peer!(
    Intrusive,
    futures_intrusive::sync::SemaphoreReleaser<'a>,
    |this, n| Self::new(true, n),
    Intrusive::acquire(this, 1),
    Intrusive::try_acquire(this, 1),
    Intrusive::release(this, n),
    Intrusive::acquire(this, n)
);
peer!(
    Maitake,
    maitake_sync::semaphore::Permit<'a>,
    |this, n| Self::new(n),
    async { Maitake::acquire(this, 1).await.expect("never closed") },
    Maitake::try_acquire(this, 1).ok(),
    this.add_permits(n),
    async move { Maitake::acquire(this, n).await.expect("never closed") }
);

/// saa's semaphore has no permits; these are what its user would write.
struct SaaPermit<'a>(&'a saa::Semaphore, usize);

impl Drop for SaaPermit<'_> {
    fn drop(&mut self) {
        assert!(self.0.release_many(self.1));
    }
}

peer!(
    saa::Semaphore,
    SaaPermit<'a>,
    |this, n| Self::with_permits(n),
    async {
        this.acquire_async().await;
        SaaPermit(this, 1)
    },
    saa::Semaphore::try_acquire(this).then_some(SaaPermit(this, 1)),
    assert!(this.release_many(n)),
    async move {
        assert!(this.acquire_many_async(n).await);
        SaaPermit(this, n)
    }
);

/// Adds one case per peer: a function generic over the peer's semaphore.
macro_rules! every_semaphore {
    ($workload:expr, $run:ident $(, $arg:expr)*) => {
        other_semaphores!(best_semaphores!($workload, $run $(, $arg)*), $run $(, $arg)*)
    };
}

/// Those that are measured on each executor.
macro_rules! best_semaphores {
    ($workload:expr, $run:ident $(, $arg:expr)*) => {
        $workload
            .case("waitline", move |n| $run::<Ours>(n $(, $arg)*))
            .case("async-lock (barges)", move |n| $run::<AsyncLockCrate>(n $(, $arg)*))
            .case("asyncband", move |n| $run::<Asyncband>(n $(, $arg)*))
            .case("maitake-sync", move |n| $run::<Maitake>(n $(, $arg)*))
            .case("tokio", move |n| $run::<Tokio>(n $(, $arg)*))
    };
}

macro_rules! other_semaphores {
    ($workload:expr, $run:ident $(, $arg:expr)*) => {
        $workload
            .case("waitline BoundedSemaphore", move |n| $run::<Bounded>(n $(, $arg)*))
            .case("futures-intrusive", move |n| $run::<Intrusive>(n $(, $arg)*))
            .case("saa", move |n| $run::<saa::Semaphore>(n $(, $arg)*))
    };
}

/// Those peers that serve requests for several permits, and count to a thousand.
macro_rules! many_semaphores {
    ($workload:expr, $run:ident) => {
        $workload
            .case("waitline", $run::<Ours>)
            .case("maitake-sync", $run::<Maitake>)
            .case("futures-intrusive", $run::<Intrusive>)
            .case("asyncband", $run::<Asyncband>)
            .case("tokio", $run::<Tokio>)
    };
}

/// How many permits are free, by taking them.
fn count_free<S: AsyncSemaphore>(semaphore: &S) -> usize {
    let permits: Vec<_> = std::iter::from_fn(|| semaphore.try_acquire()).collect();
    permits.len()
}

fn free<S: AsyncSemaphore>(n: u64) -> Duration {
    let semaphore = S::new(2);
    let took = timed(|| {
        ready(async {
            for _ in 0..n {
                drop(black_box(&semaphore).acquire().await);
            }
        })
    });
    assert_eq!(count_free(&semaphore), 2);
    took
}

fn free_try<S: AsyncSemaphore>(n: u64) -> Duration {
    let semaphore = S::new(2);
    let took = timed(|| {
        for _ in 0..n {
            drop(black_box(&semaphore).try_acquire().expect("nobody else is here"));
        }
    });
    assert_eq!(count_free(&semaphore), 2);
    took
}

/// One waiter queues, the holder releases, the waiter is polled: the cycle of a contended semaphore without an executor.
fn hand_off<S: AsyncSemaphore>(n: u64) -> Duration {
    let (semaphore, waker) = (S::new(1), counted_waker());
    let took = timed(|| {
        let semaphore = black_box(&semaphore);
        let mut permit = semaphore.try_acquire().expect("the semaphore is new");
        for _ in 0..n {
            let mut next = pin!(semaphore.acquire());
            assert!(poll(next.as_mut(), &waker).is_pending());
            drop(permit);
            let Poll::Ready(got) = poll(next.as_mut(), &waker) else { panic!("the permit was not handed over") };
            permit = got;
        }
    });
    assert_eq!(count_free(&semaphore), 1);
    took
}

/// A waiter queues behind a holder and is dropped.
fn wait_and_cancel<S: AsyncSemaphore>(n: u64) -> Duration {
    let (semaphore, waker) = (S::new(1), counted_waker());
    let took = timed(|| {
        let semaphore = black_box(&semaphore);
        let _held = semaphore.try_acquire().expect("the semaphore is new");
        for _ in 0..n {
            assert!(poll(pin!(semaphore.acquire()), &waker).is_pending());
        }
    });
    assert_eq!(count_free(&semaphore), 1);
    took
}

/// The permits in use, watched from inside: never more than there are. On cache lines of its own, so that it costs every
/// peer the same.
#[derive(Default)]
#[repr(align(256))]
struct InUse(AtomicUsize);

impl InUse {
    fn enter(&self, limit: usize) {
        assert!(self.0.fetch_add(1, Ordering::Relaxed) < limit);
    }

    fn leave(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn work<S: AsyncSemaphore>(shared: Arc<(S, InUse)>, permits: usize, turns: u64) {
    for _ in 0..turns {
        let permit = shared.0.acquire().await;
        shared.1.enter(permits);
        yield_now().await;
        shared.1.leave();
        drop(permit);
    }
}

fn check<S: AsyncSemaphore>(shared: &(S, InUse), permits: usize) {
    assert_eq!((shared.1.0.load(Ordering::Relaxed), count_free(&shared.0)), (0, permits));
}

fn tasks<S: AsyncSemaphore>(n: u64, tasks: u64, permits: usize, on: On) -> Duration {
    let shared = Arc::new((S::new(permits), InUse::default()));
    let each = n.div_ceil(tasks);
    let took = on.time((0..tasks).map(|_| work(shared.clone(), permits, each)));
    check(&shared, permits);
    took
}

/// What a hand-off to another task and a yield cost without a semaphore.
fn two_yields(n: u64, on: On) -> Duration {
    on.time((0..64).map(|_| async move {
        for _ in 0..n.div_ceil(64) {
            yield_now().await;
            yield_now().await;
        }
    }))
}

/// A thousand waiters, one release, a thousand polls.
fn release_to_all<S: AsyncSemaphore>(n: u64) -> Duration {
    const WAITERS: usize = 1000;
    let (semaphore, waker) = (S::new(0), counted_waker());
    let rounds = n.div_ceil(WAITERS as u64);
    let mut took = Duration::ZERO;
    for _ in 0..rounds {
        let mut waiters: Vec<_> = (0..WAITERS).map(|_| Box::pin(semaphore.acquire())).collect();
        for waiter in &mut waiters {
            assert!(poll(waiter.as_mut(), &waker).is_pending());
        }
        took += timed(|| {
            semaphore.release(WAITERS);
            for waiter in &mut waiters {
                match poll(waiter.as_mut(), &waker) {
                    Poll::Ready(permit) => std::mem::forget(permit),
                    Poll::Pending => panic!("there was a permit for each"),
                }
            }
        });
    }
    assert_eq!(count_free(&semaphore), 0);
    took.mul_f64(n as f64 / (rounds * WAITERS as u64) as f64)
}

/// Sixteen tasks that take one of eight permits each, again and again, and one that takes all eight: how long that one
/// waits. Who serves the small ones first never comes to an end.
fn big_among_small<S: Many>(n: u64) -> Duration {
    const PERMITS: usize = 8;
    struct Shared<S> {
        semaphore: S,
        done: Cell<bool>,
        waited: Cell<Duration>,
    }
    let shared =
        Rc::new(Shared { semaphore: S::new(PERMITS), done: Cell::new(false), waited: Cell::new(Duration::ZERO) });
    let (in_use, most) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(0)));
    one_thread((0..17).map(|number| {
        let (shared, in_use, most) = (shared.clone(), in_use.clone(), most.clone());
        async move {
            if number == 0 {
                for _ in 0..n {
                    yield_now().await;
                    let start = Instant::now();
                    let all = shared.semaphore.acquire_many(PERMITS).await;
                    shared.waited.set(shared.waited.get() + start.elapsed());
                    assert_eq!(in_use.get(), 0, "somebody else has a permit");
                    drop(all);
                }
                shared.done.set(true);
            }
            while !shared.done.get() {
                let permit = shared.semaphore.acquire().await;
                in_use.set(in_use.get() + 1);
                let now = in_use.get().max(*most.borrow());
                most.replace(now);
                yield_now().await;
                in_use.set(in_use.get() - 1);
                drop(permit);
            }
        }
    }));
    assert!(*most.borrow() <= PERMITS);
    assert_eq!(count_free(&shared.semaphore), PERMITS);
    shared.waited.get()
}

/// All workloads on semaphores. Times are per acquisition.
pub fn workloads() -> Vec<Workload> {
    let two_exchanges = |n| {
        let word = AtomicUsize::new(2);
        let step = |from, to| {
            let word = black_box(&word);
            assert!(word.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok());
        };
        timed(|| {
            (0..n).for_each(|_| {
                step(2, 1);
                step(1, 2);
            })
        })
    };
    let clone_and_wake = |n| {
        let waker = counted_waker();
        timed(|| (0..n).for_each(|_| Waker::clone(black_box(&waker)).wake()))
    };
    let mut over_three = pairs!(
        Workload::new("sem: 64 tasks over 3 permits, two workers"),
        best_semaphores and other_semaphores,
        tasks,
        64,
        3
    );
    for on in On::TWO_WORKERS {
        over_three = over_three.on(on).case("limit: two yields", move |n| two_yields(n, on));
    }
    vec![
        every_semaphore!(Workload::new("sem: acquire and release, uncontended"), free)
            .case("limit: two exchanges", two_exchanges),
        every_semaphore!(Workload::new("sem: try_acquire and release, uncontended"), free_try)
            .case("limit: two exchanges", two_exchanges),
        every_semaphore!(Workload::new("sem: hand-off, polled by hand"), hand_off)
            .case("limit: waker clone and wake", clone_and_wake),
        every_semaphore!(Workload::new("sem: wait and cancel"), wait_and_cancel),
        every_semaphore!(Workload::new("sem: 64 tasks over 3 permits, one thread"), tasks, 64, 3, On::OneThread)
            .case("limit: two yields", |n| two_yields(n, On::OneThread)),
        over_three,
        many_semaphores!(Workload::new("sem: release(1000) to 1000 waiters"), release_to_all)
            .case("async-lock (barges)", release_to_all::<AsyncLockCrate>),
        many_semaphores!(Workload::new("sem: all 8 permits at once, among 16 tasks that want one"), big_among_small)
            .case("saa", big_among_small::<saa::Semaphore>),
    ]
}
