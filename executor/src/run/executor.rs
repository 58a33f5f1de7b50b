//! The executor with several threads: its public type.

use super::{Unended, workers::Workers};
use crate::task::{
    self, Info, JoinHandle,
    runtime::{self, Runtime, Seat},
    spawn::is_large,
};
use std::{
    fmt,
    future::{Future, poll_fn},
    io::{self, Write},
    mem,
    num::NonZero,
    panic::Location,
    pin::pin,
    ptr,
    sync::Arc,
    thread,
    time::Duration,
};

/// An event loop on several threads.
///
/// Each worker has its own FIFO run queue, and steals from the others when its queue is empty. So an idle worker runs
/// the tasks that a busy one cannot get to, and the order is FIFO for each worker but not overall. Idle workers sleep.
///
/// A task that is woken on a worker waits for that worker if nothing else does: two tasks that wake each other stay
/// together. If the worker does not come back to it, because it computes or blocks, an idle worker takes the task over
/// after about 8 ms at most. If all workers are busy there is no such bound.
///
/// [`spawn`](crate::spawn()), [`sleep`](crate::sleep) and the like work in its tasks as they do in [`run`](crate::run),
/// except [`spawn_local`](crate::spawn_local).
///
/// Dropping the executor cancels all its tasks, and waits until their destructors have run and its threads have ended,
/// except when one of its own threads drops it. [`shutdown`](Self::shutdown) limits the time that it waits. asyncio has no
/// counterpart: its loops have one thread.
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
    /// Until the end.
    threads: Vec<thread::JoinHandle<()>>,
    limit: Option<Duration>,
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
        ExecutorBuilder { threads: None, thread_name: None, limit: None }
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

    /// Ends the executor as its drop does, but waits at most `limit` for its tasks and threads.
    ///
    /// All tasks are cancelled at once. Those that still wait after the limit, in a cleanup (see
    /// [`spawn_with_cleanup`](crate::spawn_with_cleanup)), are dropped by force, and their handles return a
    /// [`JoinError`](crate::JoinError). A poll that does not return cannot be interrupted: its thread is left behind, detached,
    /// with the tasks in its queue, and drops them if the poll returns after all.
    ///
    /// The limit does not include destructors: those of the tasks that are dropped by force, for which it waits as long as any
    /// of them returns within a second, and those of thread-locals. If no worker is free, the tasks are dropped on this thread.
    ///
    /// # Errors
    ///
    /// [`Unended`] lists the tasks that had not ended. On a thread of the executor itself it does not wait, and drops nothing
    /// by force; the error lists the tasks that are running, which include the caller.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use waitline_executor::{Executor, spawn_with_cleanup};
    ///
    /// let executor = Executor::builder().threads(2).build();
    /// drop(executor.spawn(std::future::pending::<()>()));
    /// assert!(executor.shutdown(Duration::MAX).is_ok());
    /// ```
    #[doc(alias("shutdown_timeout", "close"))]
    pub fn shutdown(mut self, limit: Duration) -> Result<(), Unended> {
        self.end(Some(limit))
    }

    fn end(&mut self, limit: Option<Duration>) -> Result<(), Unended> {
        let threads = mem::take(&mut self.threads);
        self.workers.close();
        if runtime::is_worker_of(self.address()) {
            return self.workers.unended();
        }
        let ended = limit.map_or(Ok(()), |limit| self.workers.end_within(limit));
        if limit.is_none() || self.workers.working() == 0 {
            // A worker does not panic: tasks catch their panics.
            threads.into_iter().for_each(|thread| _ = thread.join());
        }
        ended
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
        if self.threads.is_empty() {
            // After `shutdown`.
            return;
        }
        let is_outside = !runtime::is_worker_of(self.address());
        if let (Err(unended), true) = (self.end(self.limit), is_outside) {
            _ = writeln!(io::stderr(), "an `Executor` was dropped: {unended}");
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
    limit: Option<Duration>,
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

    /// Limits the time that dropping the executor takes, as [`Executor::shutdown`] does. By default there is no limit.
    ///
    /// The tasks that have not ended by then are reported on standard error.
    ///
    /// ```
    /// use std::{future::pending, time::Duration};
    /// use waitline_executor::{Executor, spawn_with_cleanup};
    ///
    /// let executor = Executor::builder().threads(2).end_within(Duration::from_millis(10)).build();
    /// // A cleanup that never ends.
    /// executor.run(async { drop(spawn_with_cleanup(async {}, pending())) });
    /// drop(executor);
    /// ```
    pub fn end_within(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
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
        let mut executor = Executor { workers: Arc::new(Workers::new(threads)), threads: Vec::new(), limit: None };
        for index in 0..threads {
            let workers = executor.workers.clone();
            let thread = thread::Builder::new().name(format!("{name}-{index}")).spawn(move || workers.work(index));
            match thread {
                Ok(thread) => executor.threads.push(thread),
                Err(error) => panic!("`ExecutorBuilder::build` cannot start thread {index} of {threads}: {error}"),
            }
        }
        // Not before: the workers whose threads could not be started never end.
        executor.limit = self.limit;
        executor
    }
}
