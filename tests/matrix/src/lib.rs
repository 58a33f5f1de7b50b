//! Every primitive on every executor: test bodies that are written once ([`bodies`]), and the executors that they run on
//! ([`runtimes`]), among them a [`hostile`] one.
//!
//! ```text
//! cargo test -p waitline-matrix                     # all bodies on all executors
//! cargo test -p waitline-matrix -- queue::cancel    # those with this in their names
//! ```
//!
//! `docs/runtimes.md` has the table.
#![forbid(unsafe_code)]

pub mod bodies;
pub mod hostile;
pub mod runtimes;

use futures::channel::oneshot;
use futures_lite::future::poll_once;
use std::{
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    thread,
};

/// What an executor runs.
pub type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A main future that is still to be given the way to spawn its tasks.
pub type Program = Box<dyn FnOnce(Tasks) -> Job + Send>;

/// An executor.
#[derive(Debug)]
pub struct Runtime {
    /// Its name, as in the table.
    pub name: &'static str,
    /// Runs a program until its main future is done. An error says why this machine cannot run this executor.
    pub run: fn(Program) -> Result<(), String>,
}

/// The way to spawn tasks on an executor.
#[derive(Clone)]
pub struct Tasks(Arc<dyn Fn(Job) + Send + Sync>);

impl Tasks {
    /// By `spawn`, which is called from within the executor only.
    pub fn new(spawn: impl Fn(Job) + Send + Sync + 'static) -> Self {
        Tasks(Arc::new(spawn))
    }

    /// Spawns a task.
    pub fn spawn<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> Joined<T> {
        let (sender, joined) = oneshot::channel();
        (self.0)(Box::pin(async move {
            // Nobody needs to wait for it.
            _ = sender.send(future.await);
        }));
        Joined(joined)
    }

    /// Spawns a task that has to wait for `future`, and returns when the wait has begun.
    pub async fn spawn_waiting<T, F>(&self, future: F) -> Joined<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let (begin, begun) = oneshot::channel();
        let task = self.spawn(async move {
            let mut future = Box::pin(future);
            assert!(poll_once(&mut future).await.is_none(), "there was nothing to wait for");
            begin.send(()).expect("the spawner waits for this");
            future.await
        });
        begun.await.expect("the waiting task panicked");
        task
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tasks")
    }
}

/// The result of a task or thread.
///
/// # Panics
///
/// If that panicked, or was dropped.
#[derive(Debug)]
#[must_use = "nobody sees a panic of the task otherwise"]
pub struct Joined<T>(oneshot::Receiver<T>);

impl<T> Future for Joined<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(cx).map(|result| result.expect("the task or thread has ended without a result"))
    }
}

/// Waits for all of them.
pub async fn join_all<T>(all: impl IntoIterator<Item = Joined<T>>) -> Vec<T> {
    let mut results = Vec::new();
    for one in all {
        results.push(one.await);
    }
    results
}

/// Runs `work` on a thread that the executor knows nothing of.
pub fn on_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Joined<T> {
    let (sender, joined) = oneshot::channel();
    thread::spawn(move || _ = sender.send(work()));
    Joined(joined)
}

/// Polls `future` up to `polls` times, with turns for others in between, and then drops it.
pub async fn dropped_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut left = polls;
    poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    })
    .await
}
