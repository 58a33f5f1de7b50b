//! Threads for work that blocks.

use crate::{
    run::parker::Parker,
    task::{
        self, Info, JoinHandle, TaskId, registry,
        runtime::{self, Runtime},
        spawn::spawn_by,
    },
};
use async_task::Runnable;
use parking_lot::Mutex;
use std::{
    cell::Cell,
    collections::BTreeMap,
    fmt,
    future::Future,
    io, mem,
    panic::Location,
    pin::{Pin, pin},
    ptr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread,
    time::{Duration, Instant},
};
use waitline::busy_or;
use waitline_sem::{Permit, Semaphore};

/// How long an idle thread of a pool stays before it ends.
///
/// ```
/// assert_eq!(waitline_executor::IDLE_TIME.as_secs(), 10);
/// ```
pub const IDLE_TIME: Duration = Duration::from_secs(10);

/// The maximal number of threads in the shared pool of [`run_blocking`].
///
/// ```
/// assert_eq!(waitline_executor::SHARED_THREADS, 512);
/// ```
pub const SHARED_THREADS: usize = 512;

/// Runs `f` on a thread of the shared pool, and returns the handle to wait for its output.
///
/// Like `asyncio.to_thread`. For calls that block (files, DNS, `std::process`), and for computations that would keep
/// the loop from running its other tasks. The job begins at once, or when one of the [`SHARED_THREADS`] is free, in the
/// order of the calls. A thread that has been idle for [`IDLE_TIME`] ends. May be called anywhere, even outside of an
/// event loop.
///
/// A panic in `f` becomes a [`JoinError`](crate::JoinError). [`cancel`](JoinHandle::cancel) prevents a job that has not
/// begun from running: it drops `f` immediately, and the handle is ready, however busy the pool is. A running job
/// cannot be interrupted, and neither the drop of its handle nor the end of the loop waits for it.
///
/// In a [simulation](crate::sim) there are no threads: the job is a task, and runs in one turn of the loop.
///
/// # Panics
///
/// If the pool has no thread and the system cannot start one.
///
/// # Examples
///
/// ```
/// use waitline_executor::{run, run_blocking};
///
/// let text = run(async { run_blocking(|| std::fs::read_to_string("Cargo.toml")).await.unwrap() });
/// assert!(text.unwrap().contains("waitline-executor"));
/// ```
#[doc(alias("spawn_blocking", "to_thread", "unblock"))]
#[track_caller]
pub fn run_blocking<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    static SHARED: OnceLock<ThreadPool> = OnceLock::new();
    SHARED.get_or_init(|| ThreadPool::new(SHARED_THREADS)).submit("run_blocking", f)
}

/// Calls `f` here, on a worker of an [`Executor`](crate::Executor) that is about to block: the tasks in its queue are
/// handed to the other workers at once, and so is all that `f` wakes and spawns.
///
/// For short waits in code that must stay on its thread, or borrows. It starts no thread: while `f` runs, there is one worker
/// less, and if all workers block, the tasks and the timers of the executor wait. Tasks that nobody else came for run here
/// afterwards, at most 61 turns late. On the only worker of an executor, on the
/// loop of [`run`](crate::run), in a [simulation](crate::sim) and outside of all of them it only calls `f`, and everything
/// else on this thread waits: use [`run_blocking`] there. asyncio has no counterpart.
///
/// The rest of the calling task waits for `f`, and so do its timeouts: a cancellation takes effect at the next `.await`.
///
/// # Panics
///
/// If `f` panics.
///
/// # Examples
///
/// ```
/// use waitline_executor::{Executor, block_in_place, spawn};
///
/// let executor = Executor::builder().threads(2).build();
/// let sum = executor.run(async {
///     spawn(async {
///         let task = spawn(async { 1 });
///         // The other worker runs it.
///         block_in_place(|| futures_lite::future::block_on(task)).unwrap() + 1
///     })
///     .await
/// });
/// assert_eq!(sum.unwrap(), 2);
/// ```
pub fn block_in_place<R>(f: impl FnOnce() -> R) -> R {
    let _returns = runtime::leave_queue();
    f()
}

/// A pool of threads for blocking work, separate from the shared pool of [`run_blocking`].
///
/// Like `concurrent.futures.ThreadPoolExecutor`, for `asyncio.loop.run_in_executor`. A job that finds no idle thread
/// starts a new one, up to the limit; further jobs wait in FIFO order. Dropping the pool cancels the jobs that have not
/// begun (their handles return an error) and waits for the running ones, except when one of the pool's own threads
/// drops it.
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
#[doc(alias = "ThreadPoolExecutor")]
pub struct ThreadPool {
    shared: Arc<Shared>,
}

/// What the handles and the threads of a pool share.
///
/// Invariants:
///
/// - BP1: a job that finds no idle thread is seen by a running thread before that thread ends. A thread ends under the
///   mutex of `threads`, with no permit left, and `submit` checks under the same mutex whether there is still a thread.
/// - BP2: there is a permit for each job, in `pending` or held by a thread that is about to take the first job. A job
///   is added before its permit, and a cancelled job is removed before a permit. So no job is left behind, and a thread
///   may find none.
pub(crate) struct Shared {
    max_threads: usize,
    /// [`IDLE_TIME`], except in a test.
    idle_time: Duration,
    /// The jobs that have not begun, by number. The numbers follow the order of the calls.
    jobs: Mutex<BTreeMap<TaskId, Runnable<Info>>>,
    /// A permit for each job that has not begun. A thread that acquires one forgets it. Each idle thread waits in an
    /// `acquire`, so that a permit is granted to the thread that has been idle longest.
    pending: Semaphore,
    /// Whether the pool is dropped. Then a thread that acquires a permit and finds no job ends.
    is_closed: AtomicBool,
    /// The number of threads, including those that are just starting.
    threads: Mutex<usize>,
    /// Parks the drop until running jobs end.
    ended: Parker,
}

thread_local! {
    /// The address of the pool that this thread belongs to, only for comparison.
    static POOL: Cell<*const ()> = const { Cell::new(ptr::null()) };
}

impl ThreadPool {
    /// A pool of at most `max_threads` threads, with none yet.
    ///
    /// # Panics
    ///
    /// If `max_threads` is 0.
    ///
    /// ```
    /// use waitline_executor::{ThreadPool, run};
    ///
    /// // One job at a time, in the order in which they came.
    /// let pool = ThreadPool::new(1);
    /// assert_eq!(run(pool.run(|| "done")).unwrap(), "done");
    /// ```
    #[track_caller]
    pub fn new(max_threads: usize) -> Self {
        assert!(max_threads > 0, "`ThreadPool::new(0)`: a pool needs at least one thread to run anything");
        Self::with_idle_time(max_threads, IDLE_TIME)
    }

    fn with_idle_time(max_threads: usize, idle_time: Duration) -> Self {
        let shared = Shared {
            max_threads,
            idle_time,
            jobs: Mutex::new(BTreeMap::new()),
            pending: Semaphore::new(0).with_label("jobs of a blocking pool"),
            is_closed: AtomicBool::new(false),
            threads: Mutex::new(0),
            ended: Parker::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Runs `f` on a thread of this pool; see [`run_blocking`].
    ///
    /// # Panics
    ///
    /// If the pool has no thread and the system cannot start one.
    ///
    /// ```
    /// use waitline_executor::{ThreadPool, gather, run};
    ///
    /// let pool = ThreadPool::new(2);
    /// let squares = run(gather((0..4).map(|n| pool.run(move || n * n))));
    /// assert_eq!(squares.into_iter().map(Result::unwrap).sum::<i32>(), 14);
    /// ```
    #[doc(alias("run_in_executor", "submit"))]
    #[track_caller]
    pub fn run<F, T>(&self, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        self.submit("ThreadPool::run", f)
    }

    #[track_caller]
    fn submit<F, T>(&self, caller: &str, f: F) -> JoinHandle<T>
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send + 'static,
    {
        if runtime::try_with_runtime(|runtime| runtime.takes_blocking_calls()) == Some(true) {
            return spawn_by(caller, None, Call(Some(f)));
        }
        let id = TaskId::next();
        let (job, handle) = task::build(Info::new(None, self.shared.clone()), Call(Some(f)));
        job.metadata().enrol(id, 0);
        if registry::ALWAYS {
            registry::add(self.shared.address(), id, &None, Location::caller());
        }
        if let Err(error) = self.shared.submit(id, job) {
            panic!("`{caller}` cannot start a first thread: {error}");
        }
        handle
    }
}

impl Drop for ThreadPool {
    fn drop(&mut self) {
        let shared = &self.shared;
        // Ordering: Relaxed. A thread that acquires one of the permits that follow sees it.
        shared.is_closed.store(true, Ordering::Relaxed);
        shared.pending.release(*shared.threads.lock());
        let jobs = mem::take(&mut *shared.jobs.lock());
        for job in jobs.into_values() {
            job.metadata().cancel();
            // Drops the closure and wakes the task that awaits the handle.
            job.run();
        }
        if POOL.get() == shared.address() {
            return;
        }
        while *shared.threads.lock() > 0 {
            shared.ended.park(None, || *shared.threads.lock() == 0);
        }
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The formatter is foreign code, so no mutex is held when it runs.
        let threads = self.shared.threads.try_lock().map(|threads| *threads);
        let queued = self.shared.jobs.try_lock().map(|jobs| jobs.len());
        f.debug_struct("ThreadPool")
            .field("max_threads", &self.shared.max_threads)
            .field("threads", busy_or(&threads))
            .field("queued", busy_or(&queued))
            .finish()
    }
}

impl Shared {
    fn address(&self) -> *const () {
        (&raw const *self).cast()
    }

    /// Adds a job.
    ///
    /// # Errors
    ///
    /// If the pool has no thread and the system cannot start one. The job is dropped.
    fn submit(self: &Arc<Self>, id: TaskId, job: Runnable<Info>) -> io::Result<()> {
        self.jobs.lock().insert(id, job);
        self.pending.release(1);
        {
            let mut threads = self.threads.lock();
            if self.pending.available_permits() == 0 || *threads == self.max_threads {
                return Ok(());
            }
            *threads += 1;
        }
        let shared = self.clone();
        let thread = thread::Builder::new().name("waitline-blocking".to_owned()).spawn(move || shared.work());
        match thread {
            Err(error) if self.end_thread(&mut self.threads.lock()) == 0 => {
                if let Some(job) = self.take_back(id) {
                    job.metadata().abandon();
                }
                Err(error)
            }
            _ => Ok(()),
        }
    }

    /// Removes a job that has not begun.
    fn take_back(&self, id: TaskId) -> Option<Runnable<Info>> {
        let job = self.jobs.lock().remove(&id);
        if job.is_some() {
            // BP2. If there is no permit, a thread holds it.
            self.try_permit();
        }
        job
    }

    /// The life of a thread.
    fn work(self: Arc<Self>) {
        POOL.set(self.address());
        let bell = Arc::new(Bell { rung: AtomicBool::new(false), parker: Parker::new() });
        let waker = Waker::from(bell.clone());
        while let Some(job) = self.next_job(&bell, &waker) {
            job.run();
        }
    }

    /// The next job. None when the pool is closed, or has had no job for this thread within the idle time.
    fn next_job(&self, bell: &Bell, waker: &Waker) -> Option<Runnable<Info>> {
        while self.next_permit(bell, waker) {
            // BP2: the job that the permit was for may be cancelled.
            let first = self.jobs.lock().pop_first();
            if let Some((_, job)) = first {
                return Some(job);
            }
            if self.is_closed.load(Ordering::Relaxed) {
                self.end_thread(&mut self.threads.lock());
                break;
            }
        }
        None
    }

    /// Takes a permit, if there is one.
    fn try_permit(&self) -> bool {
        self.pending.try_acquire().map(Permit::forget).is_some()
    }

    /// Waits for a permit. Returns false if this thread has ended.
    fn next_permit(&self, bell: &Bell, waker: &Waker) -> bool {
        if self.try_permit() {
            return true;
        }
        let waited = {
            let acquire = pin!(self.pending.acquire());
            bell.wait(waker, acquire, Instant::now() + self.idle_time)
            // A permit that is granted between the wait and the drop of `acquire` returns to the semaphore.
        };
        if let Some(permit) = waited {
            permit.forget();
            return true;
        }
        let mut threads = self.threads.lock();
        let has_permit = self.try_permit();
        if !has_permit {
            self.end_thread(&mut threads);
        }
        has_permit
    }

    fn end_thread(&self, threads: &mut usize) -> usize {
        *threads -= 1;
        // Only the drop waits here.
        self.ended.unpark();
        *threads
    }
}

/// Each job has one turn, by a thread of the pool, and is never woken.
impl Runtime for Shared {
    fn is_closing(&self) -> bool {
        false
    }

    fn schedule(&self, _: Runnable<Info>, _: Option<usize>, _: bool) {
        unreachable!("a job is scheduled once, by `submit`")
    }

    /// Ends the job, if it has not begun.
    fn end_cancelled(&self, job: &Info) {
        if let Some(job) = self.take_back(job.id()) {
            // Drops the closure and wakes the task that awaits the handle.
            job.run();
        }
    }

    fn forget(&self, job: &Info) {
        if registry::ALWAYS {
            registry::remove(self.address(), job.id());
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a blocking pool")
    }
}

/// The waker of an idle thread.
struct Bell {
    rung: AtomicBool,
    parker: Parker,
}

impl Bell {
    /// Parks this thread until `future` is ready. None if `deadline` comes first.
    fn wait<F: Future>(&self, waker: &Waker, mut future: Pin<&mut F>, deadline: Instant) -> Option<F::Output> {
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(waker)) {
                return Some(output);
            }
            if Instant::now() >= deadline {
                return None;
            }
            // Ordering: AcqRel pairs with the swap in `wake_by_ref`; the poll that follows sees what the waker did
            // before.
            self.parker.park(Some(deadline), || self.rung.swap(false, Ordering::AcqRel));
            self.rung.swap(false, Ordering::AcqRel);
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Ordering: see `wait`.
        self.rung.swap(true, Ordering::AcqRel);
        self.parker.unpark();
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use futures_lite::future::block_on;

    #[test]
    fn idle_threads_end_and_later_jobs_start_new_ones() {
        let pool = ThreadPool::with_idle_time(2, Duration::from_millis(1));
        for round in 0..20 {
            assert_eq!(block_on(pool.run(move || round)).unwrap(), round);
            let begin = Instant::now();
            while *pool.shared.threads.lock() > 0 {
                assert!(begin.elapsed() < Duration::from_secs(30), "an idle thread stays");
                thread::yield_now();
            }
        }
    }

    #[test]
    fn jobs_that_race_with_the_end_of_idle_threads_all_run() {
        let pool = ThreadPool::with_idle_time(2, Duration::ZERO);
        for round in 0..5000 {
            assert_eq!(block_on(pool.run(move || round)).unwrap(), round);
        }
    }
}
