//! The event loop on one thread.

use crate::{
    context::{self, Context, Job, here, here_if_running},
    injector::Injector,
    join_handle::JoinHandle,
    parker::Parker,
    places::trim,
    registry,
    task::{self, Home, Info, Name, Outcome, TaskId},
    timer::{Timers, fire},
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

/// So many turns may pass before the loop looks at its timers and at what came from other threads.
pub(crate) const TURNS_BETWEEN_LOOKS: u32 = 61;

/// Runs `future` on this thread, as the main task of an event loop, and returns its output.
///
/// While it waits, the tasks that it spawned run on this same thread, in strict FIFO order: a task that becomes ready goes
/// to the end of the run queue. An idle loop sleeps until its next timer or until a waker is used on another thread.
///
/// When `future` is done, every task that is left is cancelled: dropped at the `.await` where it is, with its destructors
/// run. `run` returns after that, so nothing of the loop outlives it, nor does its memory. Jobs on the [blocking pool](crate::run_blocking) are
/// the exception: they cannot be interrupted.
///
/// As asyncio's `run`, which cancels the remaining tasks in the same way. A task there can catch its cancellation and go on;
/// here it is dropped, and `Drop` is its `finally`.
///
/// # Panics
///
/// If this thread is running an event loop already. A panic in `future` goes on to the caller once the tasks are
/// cancelled; a panic in another task does not come here, it ends that task alone (see [`JoinError`](crate::JoinError)).
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
    // Not in the closure, which does not know who called.
    let place = Location::caller();
    let this = Arc::new(EventLoop::new());
    let entered = context::enter("run", Context::Loop(this.clone()), None);
    let listed = registry::ALWAYS.then(|| MainEntry::new(&this, place));
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
/// - L1: the run queue and the registry of tasks are in the thread-local [`Here`](crate::context::Here) and are touched only
///   by the thread that runs the loop. Everybody else goes through `injector` and `cancels`, then unparks.
/// - L2: a task is in the registry from its spawn until its future is dropped, and `run` does not return before the registry
///   is empty. So no future is polled or dropped by another thread, and no `Runnable` is left behind.
#[derive(Debug)]
pub(crate) struct EventLoop {
    injector: Injector<Job>,
    /// Places in the registry whose tasks were cancelled by other threads.
    cancels: Injector<u64>,
    parker: Parker,
    pub(crate) timers: Timers,
    /// Whether the main future is in a queue already.
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

    /// Has everything recorded as the main future's doing, until the guard is dropped.
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
        // After the end of the loop this can only be `Job::Main`, once (L2): nobody takes it, and it is freed with `self`.
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
    /// The body must be 'static but for its info.
    pub(crate) unsafe fn spawn<'a, B, T>(
        self: &Arc<Self>,
        here: &context::Here,
        name: Name,
        place: &'static Location<'static>,
        make_body: impl FnOnce(&'a Info) -> B,
    ) -> JoinHandle<T>
    where
        B: Future<Output = Outcome<T>> + 'a,
    {
        let mut tasks = here.tasks.borrow_mut();
        let (key, entry) = tasks.vacant_entry();
        let id = if registry::ALWAYS || context::is_simulated() {
            registry::add(self.address(), here.next_task_id(), &name, place)
        } else {
            TaskId::next()
        };
        let info = Info::new(id, name, key, Home::Loop(self.clone()));
        // SAFETY: by L1 and L2 only this thread runs and drops the runnable.
        let (runnable, handle) = unsafe { task::build_unchecked(info, make_body) };
        entry.insert(runnable.waker());
        drop(tasks);
        here.queue.borrow_mut().push_back(Job::Task(runnable));
        handle
    }

    /// Takes the task `id`, which is at `key`, out of the registry. Called by the thread of the loop when the future is gone.
    #[inline]
    pub(crate) fn forget_task(&self, key: u64, id: TaskId) {
        if registry::ALWAYS || context::is_simulated() {
            registry::remove(self.address(), id);
        }
        let waker = here_if_running(self.address(), |here| here.tasks.borrow_mut().remove(key));
        drop(waker);
    }

    /// Has the task at `key` polled, so that it sees its cancellation.
    pub(crate) fn wake_task(&self, key: u64) {
        // If `key` has another task by now, that one is polled once for nothing.
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
    pub(crate) fn new(this: &'a EventLoop, place: &'static Location<'static>) -> Self {
        registry::add(this.address(), TaskId::MAIN, &None, place);
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
        // Ordering: AcqRel pairs with the swap in `run_main`: what happened before this wake is seen by the poll after it,
        // also when the main future is queued already and nothing else is done here.
        if !self.main_queued.swap(true, Ordering::AcqRel) {
            if self.is_here() { Self::push(Job::Main) } else { self.inject(Job::Main) }
        }
    }
}

/// The thread of a loop, at work.
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

    /// Polls `future` and the tasks in the order of `next_job`; None if there is no next job.
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

    /// Cancels all tasks, also those that destructors spawn from now on, and runs until none is left, or no next job.
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

    /// Takes in what came from other threads, and fires the timers that are due.
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

    /// Waits for another thread or for the next timer.
    #[cold]
    fn sleep(&self) {
        trim_queue();
        let this = self.event_loop;
        let deadline = this.timers.next();
        this.parker.park(deadline, || !this.injector.is_empty() || !this.cancels.is_empty());
    }
}

/// Gives back the room of the run queue's fullest time.
pub(crate) fn trim_queue() {
    here(|here| trim(&mut here.queue.borrow_mut()));
}
