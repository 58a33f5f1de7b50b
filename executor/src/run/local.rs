//! The event loop on one thread.

use super::{injector::Injector, parker::Parker};
use crate::{
    key_map::trim,
    task::{
        Info, TaskId, registry,
        runtime::{self, Fate, Job, Runtime, Seat, TimerKey, here, here_if_running},
    },
    time::timer::{Timers, fire},
};
use async_task::Runnable;
use std::{
    cell::RefCell,
    collections::VecDeque,
    future::Future,
    panic::{AssertUnwindSafe, Location, catch_unwind},
    pin::pin,
    ptr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Poll, Wake, Waker},
    thread,
    time::Instant,
};
use waitline::diagnostics::{self, Announced};

/// All in which live and simulated runs of a loop differ.
pub(crate) trait Driver {
    /// What is left of a run.
    type End;

    /// Whether the tasks are numbered from 1 and are always listed, instead of sharing the numbers of the process.
    const HAS_OWN_IDS: bool;

    /// Whether blocking calls become tasks of the loop.
    const TAKES_BLOCKING_CALLS: bool;

    /// Prepares this thread, and its clock. It has just entered the loop.
    fn start(&self);

    /// The next turn. None if there will be none.
    fn next_job(&self, turns: &Turns<'_>) -> Option<Job>;

    /// Called when the main future is done.
    fn begin_end(&self) {}

    /// Called before a task is dropped because there is no next turn, although it has not ended.
    fn abandon(&self, _: &Info) {}

    /// Undoes what `start` did.
    fn finish(self) -> Self::End;
}

/// Runs `future` as the main task of a new loop, and ends the loop. There is no output if the driver has no next turn.
///
/// # Panics
///
/// If this thread is already running an event loop. `caller` is the public function that was called.
#[track_caller]
pub(crate) fn drive<D: Driver, F: Future>(
    caller: &str,
    location: &'static Location<'static>,
    driver: D,
    future: F,
) -> (thread::Result<Option<F::Output>>, D::End) {
    let this = Arc::new(EventLoop::new(D::HAS_OWN_IDS, D::TAKES_BLOCKING_CALLS));
    let entered = runtime::enter(caller, this.clone(), Seat::Loop);
    driver.start();
    let listed = this.is_listed().then(|| MainEntry::new(&this, location));
    let turns = Turns { event_loop: &this, jobs: RefCell::default(), due: RefCell::default() };
    // `future` is dropped inside, where its destructor may still spawn and wake.
    let outcome = catch_unwind(AssertUnwindSafe(|| turns.run_main(&driver, future)));
    turns.cancel_tasks(&driver);
    drop(listed);
    let end = driver.finish();
    drop(entered);
    this.timers.end();
    (outcome, end)
}

/// The part of a loop that other threads can reach.
///
/// Invariants:
///
/// - EL1: the run queue and the map of tasks are in the thread-local [`Here`](runtime::Here), and only the thread that
///   runs the loop uses them. Other threads go through `injector` and `cancels`, then unpark the loop.
/// - EL2: a task is in the map from its spawn until its future is dropped, and `run` does not return before the map is
///   empty. So no other thread polls or drops a future, and no `Runnable` is left behind.
#[derive(Debug)]
pub(crate) struct EventLoop {
    injector: Injector<Job>,
    /// The keys of tasks that other threads have cancelled.
    cancels: Injector<u64>,
    parker: Parker,
    timers: Timers,
    /// Whether the main future is already in a queue.
    main_queued: AtomicBool,
    /// Whether every task counts as cancelled.
    closing: AtomicBool,
    /// The last id of a task, if they do not share the numbers of the process.
    own_ids: Option<AtomicU64>,
    takes_blocking_calls: bool,
}

impl EventLoop {
    fn new(has_own_ids: bool, takes_blocking_calls: bool) -> Self {
        Self {
            injector: Injector::new(),
            cancels: Injector::new(),
            parker: Parker::new(),
            timers: Timers::new(),
            main_queued: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            own_ids: has_own_ids.then(AtomicU64::default),
            takes_blocking_calls,
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

    /// Adds a turn from another thread.
    #[cold]
    fn inject(&self, job: Job) {
        // After the end of the loop this can only be `Job::Main`, once (EL2). It is never run, and is freed with
        // `self`.
        self.injector.push(job);
        self.parker.unpark();
    }

    /// Whether reports know its tasks.
    #[inline]
    fn is_listed(&self) -> bool {
        registry::ALWAYS || self.own_ids.is_some()
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

impl Runtime for EventLoop {
    #[inline]
    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    fn schedule(&self, runnable: Runnable<Info>, _: Option<usize>, _: bool) {
        self.inject(Job::Task(runnable));
    }

    fn end_cancelled(&self, task: &Info) {
        self.wake_task(task.key());
    }

    /// By EL1 and EL2, only this thread runs and drops the runnable.
    fn adopt(&self, runnable: Runnable<Info>, location: &'static Location<'static>) {
        let id = match &self.own_ids {
            Some(last) => TaskId(last.fetch_add(1, Ordering::Relaxed) + 1),
            None => TaskId::next(),
        };
        if self.is_listed() {
            registry::add(self.address(), id, &runnable.metadata().name, location);
        }
        here(|here| {
            let key = here.tasks.borrow_mut().insert(runnable.waker());
            runnable.metadata().enrol(id, key);
            here.queue.borrow_mut().push_back(Job::Task(runnable));
        });
    }

    /// Called by the thread of the loop.
    fn forget(&self, task: &Info) {
        if self.is_listed() {
            registry::remove(self.address(), task.id());
        }
        let waker = here_if_running(self.address(), |here| here.tasks.borrow_mut().remove(task.key()));
        drop(waker);
    }

    fn is_local(&self) -> bool {
        true
    }

    fn takes_blocking_calls(&self) -> bool {
        self.takes_blocking_calls
    }

    fn set_timer(&self, deadline: Instant, waker: Waker) -> TimerKey {
        // Its thread is the caller, so it is awake, and it checks the timers before it parks.
        self.timers.insert(deadline, waker).0
    }

    fn update_timer(&self, timer: TimerKey, waker: &Waker) -> Fate {
        self.timers.update(timer, waker)
    }

    fn remove_timer(&self, timer: TimerKey) -> bool {
        self.timers.remove(timer)
    }
}

/// Keeps the main future of a loop in the list of tasks.
struct MainEntry<'a>(&'a EventLoop);

impl<'a> MainEntry<'a> {
    fn new(this: &'a EventLoop, location: &'static Location<'static>) -> Self {
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
            let here = here_if_running(self.address(), |here| here.queue.borrow_mut().push_back(Job::Main));
            if here.is_none() {
                self.inject(Job::Main);
            }
        }
    }
}

/// The turns of a loop, on its thread.
pub(crate) struct Turns<'a> {
    pub(crate) event_loop: &'a Arc<EventLoop>,
    /// The buffers of `look_outside`, kept between calls.
    jobs: RefCell<VecDeque<Job>>,
    due: RefCell<Vec<Waker>>,
}

impl Turns<'_> {
    /// Polls `future` and the tasks in the order of the driver. None if it has no next turn.
    #[inline]
    fn run_main<F: Future>(&self, driver: &impl Driver, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let waker = Waker::from(self.event_loop.clone());
        let mut cx = std::task::Context::from_waker(&waker);
        waker.wake_by_ref();
        loop {
            match driver.next_job(self)? {
                Job::Task(runnable) => _ = runnable.run(),
                Job::Main => {
                    // Ordering: see `wake_by_ref`. Before the poll, so that a wake during it counts.
                    self.event_loop.main_queued.swap(false, Ordering::AcqRel);
                    let _announced = self.event_loop.announce_main();
                    runtime::set_own_waker(waker.data());
                    let polled = future.as_mut().poll(&mut cx);
                    runtime::set_own_waker(ptr::null());
                    if let Poll::Ready(output) = polled {
                        return Some(output);
                    }
                }
            }
        }
    }

    /// Cancels all tasks, including those that destructors spawn from now on, and runs until there is no task.
    fn cancel_tasks(&self, driver: &impl Driver) {
        self.event_loop.closing.store(true, Ordering::Relaxed);
        driver.begin_end();
        self.wake_tasks();
        while has_tasks() {
            match driver.next_job(self) {
                Some(Job::Task(runnable)) => _ = runnable.run(),
                Some(Job::Main) => {}
                // Only cleanups that wait for ever can be left.
                None => self.abandon_tasks(driver),
            }
        }
        // At most a wake-up of the main future is left.
        here(|here| here.queue.borrow_mut().clear());
    }

    /// Drops the tasks that are left, and those that are spawned meanwhile.
    #[cold]
    fn abandon_tasks(&self, driver: &impl Driver) {
        while has_tasks() {
            self.wake_tasks();
            self.look_outside();
            // Dropped one by one, outside of the borrow: their destructors may spawn and wake.
            while let Some(job) = here(|here| here.queue.borrow_mut().pop_front()) {
                if let Job::Task(runnable) = &job {
                    driver.abandon(runnable.metadata());
                    runnable.metadata().abandon();
                }
                drop(job);
            }
        }
    }

    fn wake_tasks(&self) {
        let wakers: Vec<Waker> = here(|here| here.tasks.borrow().values().cloned().collect());
        wakers.into_iter().for_each(Waker::wake);
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

    /// The time of the next timer.
    pub(crate) fn next_timer(&self) -> Option<Instant> {
        self.event_loop.timers.next()
    }

    /// Releases the unused capacity of the run queue.
    pub(crate) fn trim_queue(&self) {
        here(|here| trim(&mut here.queue.borrow_mut()));
    }

    /// Parks until another thread has work, the next timer is due, or the time has come.
    #[cold]
    pub(super) fn sleep(&self, until: Option<Instant>) {
        self.trim_queue();
        let this = self.event_loop;
        this.parker.park(self.next_timer().into_iter().chain(until).min(), || {
            !this.injector.is_empty() || !this.cancels.is_empty()
        });
    }
}

/// Whether the loop of this thread has unfinished tasks.
fn has_tasks() -> bool {
    here(|here| !here.tasks.borrow().is_empty())
}
