//! The same ways of driving futures for every peer: by hand, many tasks on one thread, tasks on two workers.

use crate::workloads::executor::peers::{AsyncWorkers, Ours, Peer, Tokio};
use async_task::Runnable;
use std::{
    cell::RefCell,
    collections::VecDeque,
    fmt,
    future::{Future, poll_fn},
    hint::black_box,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};

/// Times `work`.
#[inline]
pub fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// The result of a future that is ready at once.
///
/// # Panics
///
/// If it is not: the workload is not the uncontended one that it claims to be.
#[inline]
pub fn ready<F: Future>(future: F) -> F::Output {
    match poll(pin!(future), Waker::noop()) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("this future was to be ready at once"),
    }
}

/// Polls once with `waker`.
#[inline]
pub fn poll<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// Some computing, about a clock cycle per step: returns half of an even `steps`. Not inlined, so that all peers run the same
/// machine code.
#[inline(never)]
pub fn compute(steps: u64) -> u64 {
    let mut odd = 0;
    for step in 0..steps {
        odd += black_box(step) % 2;
    }
    odd
}

struct Nothing;

impl Wake for Nothing {
    fn wake(self: Arc<Self>) {}
}

/// A waker with the costs of a real one (a counted reference) that schedules nothing.
pub fn counted_waker() -> Waker {
    Arc::new(Nothing).into()
}

/// Lets the other ready tasks run once.
pub async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

thread_local! {
    static READY: RefCell<VecDeque<Runnable>> = const { RefCell::new(VecDeque::new()) };
}

/// Runs tasks on this thread, first ready first run, until all have ended. The smallest executor there can be, so that
/// what is measured is the primitive.
///
/// # Panics
///
/// If they stall.
pub fn one_thread<F: Future<Output = ()> + 'static>(tasks: impl IntoIterator<Item = F>) {
    let mut handles = Vec::new();
    for task in tasks {
        let schedule = |runnable| READY.with_borrow_mut(|ready| ready.push_back(runnable));
        let (runnable, handle) = async_task::spawn_local(task, schedule);
        runnable.schedule();
        handles.push(handle);
    }
    while let Some(runnable) = READY.with_borrow_mut(VecDeque::pop_front) {
        runnable.run();
    }
    assert!(handles.iter().all(|handle| handle.is_finished()), "the tasks stalled");
}

/// The limit of one wait: what a yield of one among eight tasks costs.
pub fn one_yield(n: u64) -> Duration {
    timed(|| {
        one_thread((0..8).map(|_| async move {
            for _ in 0..n.div_ceil(8) {
                yield_now().await;
            }
        }));
    })
}

/// Where tasks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// The smallest executor there can be: [`one_thread`].
    OneThread,
    /// `waitline_executor::Executor`.
    Waitline,
    /// tokio's multi-thread runtime.
    Tokio,
    /// `async_executor::Executor`.
    AsyncExecutor,
}

impl On {
    /// The executors with two workers. The calling thread only spawns and waits.
    pub const TWO_WORKERS: [On; 3] = [On::Waitline, On::Tokio, On::AsyncExecutor];

    /// Runs tasks until all have ended. Returns the time from the first spawn to the end of the last task: starting and
    /// stopping the worker threads does not count.
    pub fn time<F: Future<Output = ()> + Send + 'static>(self, tasks: impl IntoIterator<Item = F>) -> Duration {
        match self {
            On::OneThread => timed(|| one_thread(tasks)),
            On::Waitline => on_workers::<Ours<2>, F>(tasks),
            On::Tokio => on_workers::<Tokio<2>, F>(tasks),
            On::AsyncExecutor => on_workers::<AsyncWorkers, F>(tasks),
        }
    }
}

impl fmt::Display for On {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            On::OneThread => "one thread",
            On::Waitline => "waitline",
            On::Tokio => "tokio",
            On::AsyncExecutor => "async-executor",
        })
    }
}

fn on_workers<P: Peer, F: Future<Output = ()> + Send + 'static>(tasks: impl IntoIterator<Item = F>) -> Duration {
    P::run(|peer| async move {
        // Each task has a sender, and the last that goes away wakes this thread: once, and not for each task.
        let (running, ended) = async_channel::bounded::<()>(1);
        let start = Instant::now();
        let spawn = |task: F| {
            let running = running.clone();
            peer.spawn(async move {
                task.await;
                drop(running);
            })
        };
        let handles: Vec<_> = tasks.into_iter().map(spawn).collect();
        drop(running);
        assert!(ended.recv().await.is_err(), "nobody sends");
        let took = start.elapsed();
        for handle in handles {
            P::join(handle).await;
        }
        took
    })
}
