//! Events: set already, set alone, the full cycle of a wait, a thousand tasks.

use crate::{
    Workload,
    drive::{On, counted_waker, one_thread, one_yield, poll, ready, timed, yield_now},
    workloads::{barrier, watch},
};
use futures_lite::FutureExt;
use std::{
    future::Future,
    hint::black_box,
    mem,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

/// A peer's event.
trait AsyncEvent: Send + Sync + 'static {
    fn new() -> Self;
    fn set(&self);
    fn is_set(&self) -> bool;
    fn wait(&self) -> impl Future<Output = ()> + Send;
    /// Clears an event for which nobody waits.
    fn renew(&mut self);
}

/// An event that can be cleared while it is shared.
trait Clear: AsyncEvent {
    fn clear(&self);
}

macro_rules! peer {
    ($event:ty, $this:ident, $new:expr, $set:expr, $is_set:expr, $wait:expr, $clear:expr) => {
        impl AsyncEvent for $event {
            fn new() -> Self {
                $new
            }
            #[inline]
            fn set(&self) {
                let $this = self;
                _ = $set;
            }
            #[inline]
            fn is_set(&self) -> bool {
                let $this = self;
                $is_set
            }
            #[inline]
            fn wait(&self) -> impl Future<Output = ()> + Send {
                let $this = self;
                $wait
            }
            #[inline]
            fn renew(&mut self) {
                self.clear();
            }
        }

        impl Clear for $event {
            #[inline]
            fn clear(&self) {
                let $this = self;
                _ = $clear;
            }
        }
    };
}

type Ours = waitline_event::Event;
type Intrusive = futures_intrusive::sync::ManualResetEvent;
type Asyncband = asyncband::event::ManualResetEvent;

/// What a user of event-listener writes (its documentation's first example).
#[derive(Default)]
struct Listener {
    flag: AtomicBool,
    event: event_listener::Event,
}

/// What a user of tokio writes: its `Notify` beside a flag.
#[derive(Default)]
struct TokioNotify {
    flag: AtomicBool,
    notify: tokio::sync::Notify,
}

/// The other way with tokio, a watched `bool`.
type TokioWatch = tokio::sync::watch::Sender<bool>;

/// The limit: wakers in a `Vec` under a mutex. No way to cancel, and an allocation that is only amortized. For one
/// thread: it does not look for a race of `set` and `wait`.
#[derive(Default)]
struct PlainVec {
    flag: AtomicBool,
    wakers: parking_lot::Mutex<Vec<Waker>>,
}

/// Waits for a [`PlainVec`].
struct PlainWait<'a>(&'a PlainVec);

impl Future for PlainWait<'_> {
    type Output = ();
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.flag.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        self.0.wakers.lock().push(cx.waker().clone());
        Poll::Pending
    }
}

peer!(Ours, this, Self::new(), this.set(), this.is_set(), this.wait(), this.clear());
peer!(Intrusive, this, Self::new(false), this.set(), this.is_set(), this.wait(), this.reset());
peer!(Asyncband, this, Self::new(), this.set(), this.is_set(), this.wait(), this.reset());
peer!(
    Listener,
    this,
    Self::default(),
    {
        this.flag.store(true, Ordering::SeqCst);
        this.event.notify(usize::MAX)
    },
    this.flag.load(Ordering::SeqCst),
    async {
        loop {
            if this.flag.load(Ordering::SeqCst) {
                return;
            }
            let listener = this.event.listen();
            if this.flag.load(Ordering::SeqCst) {
                return;
            }
            listener.await;
        }
    },
    this.flag.store(false, Ordering::SeqCst)
);
peer!(
    TokioNotify,
    this,
    Self::default(),
    {
        this.flag.store(true, Ordering::SeqCst);
        this.notify.notify_waiters()
    },
    this.flag.load(Ordering::SeqCst),
    async {
        let notified = this.notify.notified();
        if !this.flag.load(Ordering::SeqCst) {
            notified.await;
        }
    },
    this.flag.store(false, Ordering::SeqCst)
);
peer!(
    TokioWatch,
    this,
    Self::new(false),
    this.send_replace(true),
    *this.borrow(),
    async { _ = this.subscribe().wait_for(|set| *set).await.expect("the sender is here") },
    this.send_replace(false)
);
peer!(
    PlainVec,
    this,
    Self::default(),
    {
        this.flag.store(true, Ordering::Release);
        let mut wakers = mem::take(&mut *this.wakers.lock());
        wakers.drain(..).for_each(Waker::wake);
        *this.wakers.lock() = wakers
    },
    this.flag.load(Ordering::Acquire),
    PlainWait(this),
    this.flag.store(false, Ordering::Release)
);

/// asyncband's latch of one count: an event that cannot be cleared, so a new one is made for each cycle.
struct Latch(asyncband::latch::Latch);

impl AsyncEvent for Latch {
    fn new() -> Self {
        Latch(asyncband::latch::Latch::new(1))
    }
    #[inline]
    fn set(&self) {
        self.0.count_down();
    }
    #[inline]
    fn is_set(&self) -> bool {
        self.0.try_wait().is_ok()
    }
    #[inline]
    fn wait(&self) -> impl Future<Output = ()> + Send {
        self.0.wait()
    }
    #[inline]
    fn renew(&mut self) {
        *self = Self::new();
    }
}

/// Adds one case per peer: a function generic over the peer's event.
macro_rules! every_event {
    ($workload:expr, $run:ident $(, $arg:expr)*) => {
        every_clearable!($workload, $run $(, $arg)*)
            .case("asyncband Latch (once)", move |n| $run::<Latch>(n $(, $arg)*))
    };
}

macro_rules! every_clearable {
    ($workload:expr, $run:ident $(, $arg:expr)*) => {
        other_clearables!(best_clearables!($workload, $run $(, $arg)*), $run $(, $arg)*)
            .case("limit: Vec of wakers", move |n| $run::<PlainVec>(n $(, $arg)*))
    };
}

/// Those that are measured on each executor.
macro_rules! best_clearables {
    ($workload:expr, $run:ident $(, $arg:expr)*) => {
        $workload
            .case("waitline", move |n| $run::<Ours>(n $(, $arg)*))
            .case("event-listener + flag", move |n| $run::<Listener>(n $(, $arg)*))
            .case("asyncband", move |n| $run::<Asyncband>(n $(, $arg)*))
            .case("futures-intrusive", move |n| $run::<Intrusive>(n $(, $arg)*))
            .case("tokio Notify + flag", move |n| $run::<TokioNotify>(n $(, $arg)*))
    };
}

macro_rules! other_clearables {
    ($workload:expr, $run:ident $(, $arg:expr)*) => {
        $workload
            .case("tokio watch", move |n| $run::<TokioWatch>(n $(, $arg)*))
    };
}

fn set_already<E: AsyncEvent>(n: u64) -> Duration {
    let event = E::new();
    event.set();
    let mut done = 0;
    let took = timed(|| {
        ready(async {
            for _ in 0..n {
                black_box(&event).wait().await;
                done += 1;
            }
        })
    });
    assert_eq!(done, n);
    took
}

/// Places for futures that are polled where they lie, so that no allocator is measured.
struct Places<F>(Vec<Option<F>>);

impl<F: Future> Places<F> {
    fn new(n: usize) -> Self {
        Places((0..n).map(|_| None).collect())
    }

    fn fill(&mut self, new: impl Fn() -> F) {
        self.0.iter_mut().for_each(|place| *place = Some(new()));
    }

    /// Polls all; says how many are ready.
    fn poll(&mut self, waker: &Waker) -> usize {
        let ready = |place: &mut Option<F>| {
            let future = place.as_mut().expect("filled");
            // SAFETY: the vector does not grow, and `clear` drops the futures in their places.
            poll(unsafe { Pin::new_unchecked(future) }, waker).is_ready()
        };
        self.0.iter_mut().map(ready).filter(|ready| *ready).count()
    }

    fn clear(&mut self) {
        self.0.iter_mut().for_each(|place| *place = None);
    }
}

/// Only the call of `set` is timed, on as many events as make a thousand waiters.
fn set_alone<E: AsyncEvent>(n: u64, waiters: usize) -> Duration {
    let mut events: Vec<E> = (0..1000usize.div_ceil(waiters)).map(|_| E::new()).collect();
    let waker = counted_waker();
    let per_round = (events.len() * waiters) as u64;
    let mut took = Duration::ZERO;
    for _ in 0..n.div_ceil(per_round) {
        let mut waits: Vec<_> = events
            .iter()
            .map(|event| {
                let mut waits = Places::new(waiters);
                waits.fill(|| event.wait());
                assert_eq!(waits.poll(&waker), 0);
                waits
            })
            .collect();
        took += timed(|| events.iter().for_each(|event| black_box(event).set()));
        assert!(waits.iter_mut().all(|waits| waits.poll(&waker) == waiters));
        drop(waits);
        events.iter_mut().for_each(E::renew);
    }
    // The rounds are whole, the caller divides by n.
    took.mul_f64(n as f64 / (n.div_ceil(per_round) * per_round) as f64)
}

/// Begin to wait, set, be ready, clear.
fn full_cycle<E: AsyncEvent>(n: u64, waiters: usize) -> Duration {
    let (mut event, waker) = (E::new(), counted_waker());
    let (rounds, mut done) = (n.div_ceil(waiters as u64), 0);
    let took = timed(|| {
        for _ in 0..rounds {
            {
                let event = black_box(&event);
                let mut waits = Places::new(waiters);
                waits.fill(|| event.wait());
                assert_eq!(waits.poll(&waker), 0);
                event.set();
                done += waits.poll(&waker);
                waits.clear();
            }
            event.renew();
        }
    });
    assert!(!event.is_set());
    assert_eq!(done as u64, rounds * waiters as u64);
    took.mul_f64(n as f64 / done as f64)
}

/// The same for one waiter, on the stack.
fn full_cycle_of_one<E: AsyncEvent>(n: u64) -> Duration {
    let (mut event, waker) = (E::new(), counted_waker());
    let took = timed(|| {
        for _ in 0..n {
            {
                let event = black_box(&event);
                let mut wait = pin!(event.wait());
                assert!(poll(wait.as_mut(), &waker).is_pending());
                event.set();
                assert!(poll(wait.as_mut(), &waker).is_ready());
            }
            event.renew();
        }
    });
    assert!(!event.is_set());
    took
}

/// Begin to wait, and give up.
fn wait_and_cancel<E: AsyncEvent>(n: u64) -> Duration {
    let (event, waker) = (E::new(), counted_waker());
    let took = timed(|| (0..n).for_each(|_| assert!(poll(pin!(black_box(&event).wait()), &waker).is_pending())));
    event.set();
    assert!(event.is_set());
    took
}

/// All tasks wait for one event, then for another; whoever sets one has cleared the other. Per wait.
fn tasks<E: Clear>(n: u64, tasks: u64) -> Duration {
    let events = Arc::new([E::new(), E::new()]);
    let rounds = n.div_ceil(tasks) as usize;
    let passed = Arc::new(AtomicUsize::new(0));
    let waiting = |_| {
        let (events, passed) = (events.clone(), passed.clone());
        async move {
            for round in 0..rounds {
                events[round % 2].wait().await;
                passed.fetch_add(1, Ordering::Relaxed);
            }
        }
        .boxed_local()
    };
    let setter = {
        let events = events.clone();
        async move {
            for round in 0..rounds {
                yield_now().await;
                events[(round + 1) % 2].clear();
                events[round % 2].set();
            }
        }
        .boxed_local()
    };
    let took = timed(|| one_thread((0..tasks).map(waiting).chain([setter])));
    let done = passed.load(Ordering::Relaxed);
    assert_eq!(done, rounds * tasks as usize);
    took.mul_f64(n as f64 / done as f64)
}

/// All tasks wait for one event, then for another. The task that gets past an event last clears it and sets the other, for which
/// the rest waits by then. Per wait.
fn workers<E: Clear>(n: u64, tasks: u64, on: On) -> Duration {
    let shared = Arc::new(([E::new(), E::new()], AtomicUsize::new(0)));
    let (tasks, rounds) = (tasks as usize, n.div_ceil(tasks) as usize);
    let task = |_| {
        let shared = shared.clone();
        async move {
            let (events, passed) = &*shared;
            for round in 0..rounds {
                events[round % 2].wait().await;
                if passed.fetch_add(1, Ordering::AcqRel) + 1 == (round + 1) * tasks {
                    events[round % 2].clear();
                    events[(round + 1) % 2].set();
                }
            }
        }
    };
    shared.0[0].set();
    let took = on.time((0..tasks).map(task));
    assert_eq!(shared.1.load(Ordering::Relaxed), rounds * tasks);
    took.mul_f64(n as f64 / (rounds * tasks) as f64)
}

/// All workloads on events, and those on barriers and on the latest value. Times are per wait.
pub fn workloads() -> Vec<Workload> {
    let mut all = vec![every_event!(Workload::new("event: wait on a set event"), set_already)];
    for waiters in [1, 100, 10_000] {
        let name = format!("event: set alone, {waiters} waiters");
        all.push(every_event!(Workload::new(name), set_alone, waiters));
    }
    all.push(every_event!(Workload::new("event: full cycle, 1 waiter"), full_cycle_of_one));
    for waiters in [100, 10_000] {
        let name = format!("event: full cycle, {waiters} waiters");
        all.push(every_event!(Workload::new(name), full_cycle, waiters));
    }
    all.extend([
        every_event!(Workload::new("event: wait and cancel"), wait_and_cancel),
        every_clearable!(Workload::new("event: 1000 tasks, one thread"), tasks, 1000)
            .case("limit: one yield", one_yield),
    ]);
    for tasks in [8, 1000] {
        let name = format!("event: {tasks} tasks, two workers");
        all.push(pairs!(Workload::new(name), best_clearables and other_clearables, workers, tasks));
    }
    all.extend(barrier::workloads());
    all.extend(watch::workloads());
    all
}
