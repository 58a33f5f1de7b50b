//! The executor with several threads: its public type.

use super::workers::Workers;
use crate::task::{
    self, Info, JoinHandle,
    runtime::{self, Runtime, Seat},
    spawn::is_large,
};
use std::{
    fmt,
    future::{Future, poll_fn},
    num::NonZero,
    panic::Location,
    pin::pin,
    ptr,
    sync::Arc,
    thread,
};

/// An event loop on several threads.
///
/// Each worker has its own FIFO run queue, and steals from the others when its queue is empty. So an idle worker runs
/// the tasks that a busy one cannot get to, and the order is FIFO for each worker but not overall. Idle workers sleep.
///
/// A task that is woken on a worker waits for that worker if nothing else does: two tasks that wake each other stay
/// together. If the worker does not come back to it, because it computes or blocks, an idle worker takes the task over
/// after about 8 ms at most, in most cases within 1 ms. If all workers are busy there is no such bound.
///
/// [`spawn`](crate::spawn()), [`sleep`](crate::sleep) and the like work in its tasks as they do in [`run`](crate::run),
/// except [`spawn_local`](crate::spawn_local).
///
/// Dropping the executor cancels all its tasks, and waits until their destructors have run and its threads have ended,
/// except when one of its own threads drops it. asyncio has no counterpart: its loops have one thread.
///
/// # Examples
///
/// ```
/// use waitline_executor::{Executor, gather, spawn};
///
/// let executor = Executor::builder().threads(2).build();
/// let squares = executor.run(async { gather((0..4).map(|n| spawn(async move { n * n }))).await });
/// assert_eq!(squares.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [0, 1, 4, 9]);
/// ```
#[doc(alias("Runtime", "EventLoop"))]
pub struct Executor {
    workers: Arc<Workers>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Executor {
    /// An executor with a thread for each core.
    ///
    /// # Panics
    ///
    /// If the system cannot start a thread.
    ///
    /// ```
    /// let executor = waitline_executor::Executor::new();
    /// assert_eq!(executor.run(async { 7 }), 7);
    /// ```
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A builder, to set the number of threads and their name.
    ///
    /// ```
    /// let executor = waitline_executor::Executor::builder().threads(2).thread_name("worker").build();
    /// assert_eq!(executor.run(async { 7 }), 7);
    /// ```
    pub fn builder() -> ExecutorBuilder {
        ExecutorBuilder { threads: None, thread_name: None }
    }

    /// Runs `future` on this thread, with the executor as its event loop, and returns its output.
    ///
    /// The tasks that it spawns run on the workers, and continue when `run` returns: they belong to the executor.
    /// Several threads may be in `run` at the same time.
    ///
    /// # Panics
    ///
    /// If this thread is already running an event loop. A panic in `future` propagates to the caller.
    ///
    /// ```
    /// use waitline_executor::{Executor, spawn};
    ///
    /// let executor = Executor::builder().threads(2).build();
    /// let text = "borrowed from here".to_owned();
    /// let length = executor.run(async {
    ///     let elsewhere = spawn(async { 1 }).await.unwrap();
    ///     text.len() + elsewhere
    /// });
    /// assert_eq!(length, 19);
    /// ```
    #[doc(alias = "block_on")]
    #[track_caller]
    pub fn run<F: Future>(&self, future: F) -> F::Output {
        let entered = runtime::enter("Executor::run", self.workers.clone(), Seat::Guest);
        let mut future = pin!(future);
        let polls = poll_fn(|cx| {
            runtime::set_own_waker(cx.waker().data());
            let polled = future.as_mut().poll(cx);
            runtime::set_own_waker(ptr::null());
            polled
        });
        let output = futures_lite::future::block_on(polls);
        drop(entered);
        output
    }

    /// Spawns `future` as a task of this executor. May be called anywhere. See [`spawn`](crate::spawn()).
    ///
    /// # Examples
    ///
    /// ```
    /// use waitline_executor::Executor;
    ///
    /// let executor = Executor::builder().threads(1).build();
    /// let task = executor.spawn(async { 6 * 7 });
    /// assert_eq!(executor.run(task).unwrap(), 42);
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        if is_large::<F>() { self.spawn_small(Box::pin(future)) } else { self.spawn_small(future) }
    }

    /// Identifies its tasks in reports.
    pub(crate) fn address(&self) -> *const () {
        self.workers.address()
    }

    #[track_caller]
    fn spawn_small<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let (runnable, handle) = task::build(Info::new(None, self.workers.clone()), future);
        self.workers.adopt(runnable, Location::caller());
        handle
    }
}

impl Default for Executor {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.workers.close();
        if runtime::is_worker_of(self.address()) {
            return;
        }
        for thread in self.threads.drain(..) {
            // A worker does not panic: tasks catch their panics.
            _ = thread.join();
        }
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor")
            .field("threads", &self.workers.threads())
            .field("tasks", &self.workers.unfinished())
            .finish()
    }
}

/// Sets up an [`Executor`].
///
/// # Examples
///
/// ```
/// use waitline_executor::{Executor, spawn};
///
/// let executor = Executor::builder().threads(1).thread_name("worker").build();
/// let name = executor.run(async { spawn(async { std::thread::current().name().map(str::to_owned) }).await.unwrap() });
/// assert_eq!(name.as_deref(), Some("worker-0"));
/// ```
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct ExecutorBuilder {
    threads: Option<usize>,
    thread_name: Option<String>,
}

impl ExecutorBuilder {
    /// The number of worker threads. The default is one for each core.
    ///
    /// # Panics
    ///
    /// If it is 0.
    ///
    /// ```
    /// let one_thread = waitline_executor::Executor::builder().threads(1).build();
    /// assert_eq!(one_thread.run(async { 7 }), 7);
    /// ```
    #[track_caller]
    pub fn threads(mut self, threads: usize) -> Self {
        assert!(threads > 0, "`ExecutorBuilder::threads(0)`: an executor needs a thread; `run` works without one");
        self.threads = Some(threads);
        self
    }

    /// The name of the threads, to which their number is appended. The default is `waitline`.
    ///
    /// ```
    /// use waitline_executor::{Executor, spawn};
    /// let executor = Executor::builder().threads(1).thread_name("worker").build();
    /// let task = executor.spawn(async { std::thread::current().name().map(str::to_owned) });
    /// assert!(executor.run(task).unwrap().is_some_and(|name| name.starts_with("worker")));
    /// ```
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        self.thread_name = Some(name.into());
        self
    }

    /// Starts the threads.
    ///
    /// # Panics
    ///
    /// If the system cannot start that many. The threads that were started are ended.
    ///
    /// ```
    /// let executor = waitline_executor::Executor::builder().build();
    /// assert_eq!(executor.run(async { 7 }), 7);
    /// ```
    pub fn build(self) -> Executor {
        let threads = self.threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, NonZero::get));
        let name = self.thread_name.as_deref().unwrap_or("waitline");
        let mut executor = Executor { workers: Arc::new(Workers::new(threads)), threads: Vec::with_capacity(threads) };
        for index in 0..threads {
            let workers = executor.workers.clone();
            let thread = thread::Builder::new().name(format!("{name}-{index}")).spawn(move || workers.work(index));
            match thread {
                Ok(thread) => executor.threads.push(thread),
                Err(error) => panic!("`ExecutorBuilder::build` cannot start thread {index} of {threads}: {error}"),
            }
        }
        executor
    }
}
