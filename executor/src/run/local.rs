//! The event loop on one thread.

use super::{injector::Injector, parker::Parker};
use crate::{
    key_map::trim,
    task::{
        self, Info, JoinHandle, Name, Outcome, Runtime, TaskId, registry,
        runtime::{self as context, Context, Job, here, here_if_running},
    },
    time::timer::{Timers, fire},
};
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::Future,
    panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind},
    pin::pin,
    ptr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Poll, Wake, Waker},
};
use waitline::diagnostics::{self, Announced};

/// The number of turns after which the loop checks its timers and the work from other threads.
pub(crate) const TURNS_BETWEEN_LOOKS: u32 = 61;

/// Runs `future` on this thread, as the main task of an event loop, and returns its output. Like `asyncio.run`.
///
/// While it waits, the tasks that it spawned run on the same thread, in strict FIFO order: a task that becomes ready
/// goes to the end of the run queue. An idle loop sleeps until its next timer, or until another thread uses a waker.
///
/// When `future` is done, `run` cancels every unfinished task: it drops the task's future at its current `.await`,
/// which runs the destructors. Then it returns, so no task and no memory of the loop outlives it. Jobs on the [blocking
/// pool](crate::run_blocking) are the exception: they cannot be interrupted.
///
/// `asyncio.run` cancels the remaining tasks in the same way. But there a task can catch its cancellation and continue;
/// here it is dropped, and `Drop` is its `finally`.
///
/// # Panics
///
/// If this thread is already running an event loop. A panic in `future` propagates to the caller once the tasks are
/// cancelled. A panic in another task ends that task only (see [`JoinError`](crate::JoinError)).
///
/// # Examples
///
/// ```
/// use waitline_executor::{run, spawn};
///
/// let sum = run(async {
///     let double = spawn(async { 2 * 21 });
///     double.await.unwrap()
/// });
/// assert_eq!(sum, 42);
/// ```
#[doc(alias = "block_on")]
#[track_caller]
pub fn run<F: Future>(future: F) -> F::Output {
    // Not in the closure, which would lose the caller's location.
    let location = Location::caller();
    let this = Arc::new(EventLoop::new());
    let entered = context::enter("run", Context::Loop(this.clone()), None);
    let listed = registry::ALWAYS.then(|| MainEntry::new(&this, location));
    let driver = Driver::new(&this);
    // `future` is dropped inside, where its destructor may still spawn and wake.
    let outcome = catch_unwind(AssertUnwindSafe(|| driver.run_main(future, || Some(driver.next_job()))));
    driver.cancel_tasks(|| Some(driver.next_job()));
    drop(listed);
    drop(entered);
    this.timers.end();
    match outcome {
        Ok(output) => output.expect("a loop always has a next turn, or sleeps"),
        Err(panic) => resume_unwind(panic),
    }
}

/// The part of a loop that other threads can reach.
///
/// Invariants:
///
/// - EL1: the run queue and the map of tasks are in the thread-local [`Here`](crate::task::runtime::Here), and only the
///   thread that runs the loop uses them. Other threads go through `injector` and `cancels`, then unpark the loop.
/// - EL2: a task is in the map from its spawn until its future is dropped, and `run` does not return before the map is
///   empty. So no other thread polls or drops a future, and no `Runnable` is left behind.
#[derive(Debug)]
pub(crate) struct EventLoop {
    injector: Injector<Job>,
    /// The keys of tasks that other threads have cancelled.
    cancels: Injector<u64>,
    parker: Parker,
    pub(crate) timers: Timers,
    /// Whether the main future is already in a queue.
    main_queued: AtomicBool,
    /// Whether every task counts as cancelled.
    closing: AtomicBool,
}

impl EventLoop {
    pub(crate) fn new() -> Self {
        Self {
            injector: Injector::new(),
            cancels: Injector::new(),
            parker: Parker::new(),
            timers: Timers::new(),
            main_queued: AtomicBool::new(false),
            closing: AtomicBool::new(false),
        }
    }

    pub(crate) fn address(&self) -> *const () {
        (&raw const *self).cast()
    }

    /// Attributes all waits and holds to the main future, until the guard is dropped.
    #[inline(always)]
    fn announce_main(&self) -> Announced {
        let key = || (self.address().addr(), TaskId::MAIN.0);
        diagnostics::enter(|| diagnostics::Task { key: key(), describe: registry::describe })
    }

    /// Whether the calling thread runs this loop.
    #[inline]
    pub(crate) fn is_here(&self) -> bool {
        here_if_running(self.address(), |_| ()).is_some()
    }

    /// Adds a turn at the end of the run queue, on the thread of the loop.
    #[inline]
    pub(crate) fn push(job: Job) {
        here(|here| here.queue.borrow_mut().push_back(job));
    }

    /// Adds a turn from another thread.
    #[cold]
    pub(crate) fn inject(&self, job: Job) {
        // After the end of the loop this can only be `Job::Main`, once (EL2). It is never run, and is freed with
        // `self`.
        self.injector.push(job);
        self.parker.unpark();
    }

    #[inline]
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// Spawns a task on the loop of this thread, which is `self`.
    ///
    /// # Safety
    ///
    /// The body must be 'static except for its info.
    pub(crate) unsafe fn spawn<'a, B, T>(
        self: &Arc<Self>,
        here: &context::Here,
        name: Name,
        location: &'static Location<'static>,
        make_body: impl FnOnce(&'a Info) -> B,
    ) -> JoinHandle<T>
    where
        B: Future<Output = Outcome<T>> + 'a,
    {
        let mut tasks = here.tasks.borrow_mut();
        let (key, entry) = tasks.vacant_entry();
        let id = if registry::ALWAYS || context::is_simulated() {
            registry::add(self.address(), here.next_task_id(), &name, location)
        } else {
            TaskId::next()
        };
        let info = Info::new(id, name, key, Runtime::Loop(self.clone()));
        // SAFETY: by EL1 and EL2 only this thread runs and drops the runnable.
        let (runnable, handle) = unsafe { task::build_unchecked(info, make_body) };
        entry.insert(runnable.waker());
        drop(tasks);
        here.queue.borrow_mut().push_back(Job::Task(runnable));
        handle
    }

    /// Removes the task `id`, which is at `key`, from the map. Called by the thread of the loop when the future is
    /// dropped.
    #[inline]
    pub(crate) fn forget_task(&self, key: u64, id: TaskId) {
        if registry::ALWAYS || context::is_simulated() {
            registry::remove(self.address(), id);
        }
        let waker = here_if_running(self.address(), |here| here.tasks.borrow_mut().remove(key));
        drop(waker);
    }

    /// Wakes the task at `key`, so that it is polled and sees its cancellation.
    pub(crate) fn wake_task(&self, key: u64) {
        // If `key` belongs to another task by now, that task gets one spurious poll.
        match here_if_running(self.address(), |here| here.tasks.borrow().get(key).cloned()) {
            Some(waker) => waker.into_iter().for_each(Waker::wake),
            None => {
                self.cancels.push(key);
                self.parker.unpark();
            }
        }
    }
}

/// Keeps the main future of a loop in the list of tasks.
pub(crate) struct MainEntry<'a>(&'a EventLoop);

impl<'a> MainEntry<'a> {
    pub(crate) fn new(this: &'a EventLoop, location: &'static Location<'static>) -> Self {
        registry::add(this.address(), TaskId::MAIN, &None, location);
        Self(this)
    }
}

impl Drop for MainEntry<'_> {
    fn drop(&mut self) {
        registry::remove(self.0.address(), TaskId::MAIN);
    }
}

/// The waker of the main future.
impl Wake for EventLoop {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Ordering: AcqRel pairs with the swap in `run_main`. Everything before this wake happens before the poll after
        // it, even if the main future is already queued and this call does nothing else.
        if !self.main_queued.swap(true, Ordering::AcqRel) {
            if self.is_here() { Self::push(Job::Main) } else { self.inject(Job::Main) }
        }
    }
}

/// The driver of a loop, on its thread.
pub(crate) struct Driver<'a> {
    event_loop: &'a Arc<EventLoop>,
    turn: Cell<u32>,
    /// The buffers of `look_outside`, kept between calls.
    jobs: RefCell<VecDeque<Job>>,
    due: RefCell<Vec<Waker>>,
}

impl<'a> Driver<'a> {
    pub(crate) fn new(event_loop: &'a Arc<EventLoop>) -> Self {
        Self { event_loop, turn: Cell::new(0), jobs: RefCell::default(), due: RefCell::default() }
    }

    /// Polls `future` and the tasks in the order of `next_job`. None if there is no next job.
    #[inline]
    pub(crate) fn run_main<F: Future>(
        &self,
        future: F,
        mut next_job: impl FnMut() -> Option<Job>,
    ) -> Option<F::Output> {
        let mut future = pin!(future);
        let waker = Waker::from(self.event_loop.clone());
        let mut cx = std::task::Context::from_waker(&waker);
        waker.wake_by_ref();
        loop {
            match next_job()? {
                Job::Task(runnable) => _ = runnable.run(),
                Job::Main => {
                    // Ordering: see `wake_by_ref`. Before the poll, so that a wake during it counts.
                    self.event_loop.main_queued.swap(false, Ordering::AcqRel);
                    let _announced = self.event_loop.announce_main();
                    context::set_own_waker(waker.data());
                    let polled = future.as_mut().poll(&mut cx);
                    context::set_own_waker(ptr::null());
                    if let Poll::Ready(output) = polled {
                        return Some(output);
                    }
                }
            }
        }
    }

    /// Cancels all tasks, including those that destructors spawn from now on, and runs until there is no task or no
    /// next job.
    pub(crate) fn cancel_tasks(&self, mut next_job: impl FnMut() -> Option<Job>) {
        self.event_loop.closing.store(true, Ordering::Relaxed);
        let wakers: Vec<Waker> = here(|here| here.tasks.borrow().values().cloned().collect());
        for waker in wakers {
            waker.wake();
        }
        while here(|here| !here.tasks.borrow().is_empty()) {
            match next_job() {
                Some(Job::Task(runnable)) => _ = runnable.run(),
                Some(Job::Main) => {}
                None => return,
            }
        }
        // At most a wake-up of the main future is left.
        here(|here| here.queue.borrow_mut().clear());
    }

    /// The next turn. Sleeps until there is one.
    #[inline]
    fn next_job(&self) -> Job {
        loop {
            let turn = self.turn.get().wrapping_add(1);
            self.turn.set(turn);
            if turn % TURNS_BETWEEN_LOOKS == 0 {
                trim_queue();
                self.look_outside();
            }
            if let Some(job) = here(|here| here.queue.borrow_mut().pop_front()) {
                return job;
            }
            self.look_outside();
            if here(|here| here.queue.borrow().is_empty()) {
                self.sleep();
            }
        }
    }

    /// Takes in the work from other threads, and fires the timers that are due.
    pub(crate) fn look_outside(&self) {
        let this = self.event_loop;
        if !this.injector.is_empty() {
            let mut jobs = self.jobs.borrow_mut();
            this.injector.drain_into(&mut jobs);
            here(|here| here.queue.borrow_mut().append(&mut jobs));
            trim(&mut jobs);
        }
        if !this.cancels.is_empty() {
            let mut cancels = VecDeque::new();
            this.cancels.drain_into(&mut cancels);
            cancels.into_iter().for_each(|key| this.wake_task(key));
        }
        let mut due = self.due.borrow_mut();
        this.timers.take_due(&mut due);
        fire(&mut due);
    }

    /// Parks until another thread has work or the next timer is due.
    #[cold]
    fn sleep(&self) {
        trim_queue();
        let this = self.event_loop;
        let deadline = this.timers.next();
        this.parker.park(deadline, || !this.injector.is_empty() || !this.cancels.is_empty());
    }
}

/// Releases the unused capacity of the run queue.
pub(crate) fn trim_queue() {
    here(|here| trim(&mut here.queue.borrow_mut()));
}
