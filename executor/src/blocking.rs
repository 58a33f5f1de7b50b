//! Threads for work that blocks.

use crate::{
    parker::Parker,
    task::{self, Home, Info, JoinHandle, TaskId},
};
use async_task::Runnable;
use parking_lot::Mutex;
use std::{
    cell::Cell,
    collections::VecDeque,
    fmt,
    future::Future,
    pin::Pin,
    ptr,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    thread,
    time::{Duration, Instant},
};

/// How long an idle thread of a pool stays.
pub const IDLE_TIME: Duration = Duration::from_secs(10);

/// How many threads the shared pool of [`run_blocking`] has at most.
pub const SHARED_THREADS: usize = 512;

/// Runs `f` on a thread of the shared pool, and returns the handle to wait for its output.
///
/// For calls that block (files, DNS, `std::process`) and for computations that would keep the loop from its other tasks. The
/// job begins at once, or when one of the [`SHARED_THREADS`] is free, in the order of the calls; a thread that has been idle for
/// [`IDLE_TIME`] ends. May be called anywhere, also outside of an event loop.
///
/// A panic in `f` arrives as [`JoinError`](crate::JoinError). [`cancel`](JoinHandle::cancel) keeps a job that has not begun
/// from running; a job that runs cannot be interrupted, and neither its handle's drop nor the end of the loop waits for it.
///
/// As asyncio's `to_thread`.
///
/// # Panics
///
/// If no thread is there and the system gives no new one.
///
/// # Examples
///
/// ```
/// use waitline_executor::{run, run_blocking};
///
/// let text = run(async { run_blocking(|| std::fs::read_to_string("Cargo.toml")).await.unwrap() });
/// assert!(text.unwrap().contains("waitline-executor"));
/// ```
pub fn run_blocking<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    static SHARED: OnceLock<ThreadPool> = OnceLock::new();
    SHARED.get_or_init(|| ThreadPool::new(SHARED_THREADS)).run(f)
}

/// A pool of threads for blocking work, apart from the shared one of [`run_blocking`].
///
/// Threads start when a job finds none idle, up to the limit; further jobs wait in FIFO order. Dropping the pool cancels the
/// jobs that have not begun (their handles say so), and waits for those that run. When one of the pool's own threads
/// drops it, that waiting is left out.
///
/// As `concurrent.futures.ThreadPoolExecutor`, for asyncio's `run_in_executor`.
///
/// # Examples
///
/// ```
/// use waitline_executor::{ThreadPool, gather, run};
///
/// let pool = ThreadPool::new(4);
/// let results = run(gather((0..8).map(|n| pool.run(move || n * n))));
/// let squares: Vec<i32> = results.into_iter().map(Result::unwrap).collect();
/// assert_eq!(squares, [0, 1, 4, 9, 16, 25, 36, 49]);
/// ```
pub struct ThreadPool {
    shared: Arc<Shared>,
}

struct Shared {
    max_threads: usize,
    state: Mutex<State>,
    /// Where idle threads wait for jobs.
    idle: Parker,
    /// Where the drop waits for running jobs.
    ended: Parker,
}

/// Invariant B1: a job is pushed with an idle thread for it, with a new thread for it, or with all threads there already.
/// An idle thread looks into the queue once more before it ends, so no job is left behind.
struct State {
    jobs: VecDeque<Runnable<Info>>,
    /// All threads, also those that are just starting.
    threads: usize,
    /// Threads that will look into the queue again before they end.
    idle: usize,
    closed: bool,
}

thread_local! {
    /// The address of the pool that this thread belongs to, to compare with.
    static POOL: Cell<*const ()> = const { Cell::new(ptr::null()) };
}

impl ThreadPool {
    /// A pool of at most `max_threads` threads, with none yet.
    ///
    /// # Panics
    ///
    /// If `max_threads` is 0.
    #[track_caller]
    pub fn new(max_threads: usize) -> Self {
        assert!(max_threads > 0, "`ThreadPool::new(0)`: a pool needs at least one thread to run anything");
        let state = State { jobs: VecDeque::new(), threads: 0, idle: 0, closed: false };
        let shared = Shared { max_threads, state: Mutex::new(state), idle: Parker::new(), ended: Parker::new() };
        Self { shared: Arc::new(shared) }
    }

    /// Runs `f` on a thread of this pool; see [`run_blocking`].
    ///
    /// # Panics
    ///
    /// If the pool has no thread and the system gives no new one.
    pub fn run<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        let info = Info::new(TaskId::next(), None, 0, Home::Blocking);
        let (runnable, handle) = task::build(info, Call(Some(f)));
        self.shared.submit(runnable);
        handle
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        let shared = &self.shared;
        let jobs = {
            let mut state = shared.state.lock();
            state.closed = true;
            std::mem::take(&mut state.jobs)
        };
        shared.idle.unpark_more(usize::MAX);
        for job in jobs {
            job.metadata().cancel();
            // Drops the closure and tells the handle.
            job.run();
        }
        if POOL.get() == shared.address() {
            return;
        }
        while shared.state.lock().threads > 0 {
            shared.ended.park(None, || shared.state.lock().threads == 0);
        }
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("ThreadPool");
        out.field("max_threads", &self.shared.max_threads);
        match self.shared.state.try_lock() {
            Some(state) => out
                .field("threads", &state.threads)
                .field("idle", &state.idle)
                .field("queued", &state.jobs.len())
                .finish(),
            None => out.field("state", &format_args!("<locked>")).finish(),
        }
    }
}

impl Shared {
    fn address(&self) -> *const () {
        (&raw const *self).cast()
    }

    fn submit(self: &Arc<Self>, job: Runnable<Info>) {
        let starts_thread = {
            let mut state = self.state.lock();
            state.jobs.push_back(job);
            let starts_thread = state.jobs.len() > state.idle && state.threads < self.max_threads;
            state.threads += usize::from(starts_thread);
            starts_thread
        };
        if !starts_thread {
            self.idle.unpark_more(1);
            return;
        }
        let shared = self.clone();
        let thread = thread::Builder::new().name("waitline-blocking".to_owned()).spawn(move || shared.work());
        if let Err(error) = thread {
            let threads = {
                let mut state = self.state.lock();
                state.threads -= 1;
                state.threads
            };
            self.ended.unpark_more(usize::MAX);
            assert!(threads > 0, "`ThreadPool::run` cannot start a first thread: {error}");
        }
    }

    /// The life of a thread.
    fn work(self: Arc<Self>) {
        POOL.set(self.address());
        while let Some(job) = self.next_job() {
            job.run();
        }
        self.ended.unpark_more(usize::MAX);
    }

    /// The next job; None when the pool is closed, or has had nothing for this thread for a while.
    fn next_job(&self) -> Option<Runnable<Info>> {
        let mut state = self.state.lock();
        let deadline = Instant::now() + IDLE_TIME;
        loop {
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if state.closed || Instant::now() >= deadline {
                state.threads -= 1;
                return None;
            }
            state.idle += 1;
            drop(state);
            self.idle.park(Some(deadline), || {
                let state = self.state.lock();
                state.closed || !state.jobs.is_empty()
            });
            state = self.state.lock();
            state.idle -= 1;
        }
    }
}

/// A closure as a future that is ready at its first poll.
struct Call<F>(Option<F>);

// The closure is moved out before it is called, and never pinned.
impl<F> Unpin for Call<F> {}

impl<F: FnOnce() -> T, T> Future for Call<F> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<T> {
        let f = self.0.take().expect("a job is polled once");
        Poll::Ready(f())
    }
}
