//! The event loop on several threads.

use super::{
    injector::Injector,
    pace::Pace,
    parker::{Parker, Woken},
    sleepers::{Sleepers, Watched},
    steal::{Owned, StealQueue, Thin},
    unended::{Unended, UnendedTask},
    watcher::{Look, Watcher},
};
use crate::{
    key_map::KeyMap,
    task::{
        Info, TaskId, registry,
        runtime::{self, Fate, Runtime, Seat, TimerKey},
    },
    time::timer::{Timers, fire},
};
use async_task::Runnable;
use parking_lot::Mutex;
use std::{
    cell::RefCell,
    collections::VecDeque,
    mem,
    panic::Location,
    ptr::NonNull,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task::Waker,
    time::{Duration, Instant},
};

/// What the threads of an executor share.
///
/// Invariants:
///
/// - W1: a task is in `tasks` from its spawn until its future is dropped. A worker ends only while `closing` is set and
///   `tasks` is empty, so no runnable is left behind. While `abandoning` is set it also ends if all that is left may be in
///   polls: a worker that returns from one drops what it then finds.
/// - W2: code that puts a runnable into a queue calls [`Sleepers::work_published`] afterwards, or, if it is claimed,
///   [`Sleepers::work_claimed`].
/// - W3: queue number `n` has one owner: the thread that runs [`work`](Self::work) for `n`. It is called once for each
///   number, and the number is the thread's [`Seat`] meanwhile.
#[derive(Debug)]
pub(crate) struct Workers {
    queues: Box<[StealQueue<Runnable<Info>>]>,
    injector: Injector<Runnable<Info>>,
    sleepers: Sleepers,
    timers: Timers,
    /// The wakers of the unfinished tasks.
    tasks: Mutex<KeyMap<Waker>>,
    /// Whether every task counts as cancelled.
    closing: AtomicBool,
    /// Whether tasks are dropped instead of run.
    abandoning: AtomicBool,
    /// What was dropped so.
    abandoned: Mutex<Vec<UnendedTask>>,
    /// The number of workers that have not ended.
    working: AtomicUsize,
    /// Parks the end until there are none.
    ended: Parker,
    polled: Box<[Polled]>,
}

/// The id of the task that a worker polls, or [`TaskId::MAIN`] between polls. Written only by this worker, and read by an end
/// that takes too long; a watcher that reports slow polls may read it as well.
// Alone on its cache lines, like the queue.
#[repr(align(128))]
#[derive(Debug, Default)]
struct Polled(AtomicU64);

impl Polled {
    fn set(&self, id: TaskId) {
        // Ordering: Relaxed, because it is only for reports, and for the estimate in `is_over`.
        self.0.store(id.0, Ordering::Relaxed);
    }
}

/// How long an end that takes too long waits for the workers before it looks at them again.
const ROUND: Duration = Duration::from_millis(10);

/// It leaves behind workers that do not poll after so many rounds without progress: they are in destructors.
const PATIENCE: usize = 100;

impl Workers {
    pub(crate) fn new(threads: usize) -> Self {
        Self {
            queues: (0..threads).map(|_| StealQueue::new(threads > 1)).collect(),
            injector: Injector::new(),
            sleepers: Sleepers::new(),
            timers: Timers::new(),
            tasks: Mutex::new(KeyMap::new()),
            closing: AtomicBool::new(false),
            abandoning: AtomicBool::new(false),
            abandoned: Mutex::default(),
            working: AtomicUsize::new(threads),
            ended: Parker::new(),
            polled: (0..threads).map(|_| Polled::default()).collect(),
        }
    }

    pub(crate) fn address(&self) -> *const () {
        (&raw const *self).cast()
    }

    pub(crate) fn threads(&self) -> usize {
        self.queues.len()
    }

    pub(crate) fn unfinished(&self) -> usize {
        self.tasks.lock().len()
    }

    /// Cancels all tasks, including those that are spawned from now on. The workers end after the last one.
    pub(crate) fn close(&self) {
        self.raise(&self.closing);
    }

    /// Sets the flag, and lets all tasks and workers notice it.
    fn raise(&self, flag: &AtomicBool) {
        let wakers: Vec<Waker> = {
            let tasks = self.tasks.lock();
            flag.store(true, Ordering::SeqCst);
            tasks.values().cloned().collect()
        };
        wakers.into_iter().for_each(Waker::wake);
        self.sleepers.wake_all();
    }

    /// After `close`: returns when all workers have ended, or soon after the limit. Then it drops the tasks that wait. Called
    /// by none of the workers.
    pub(crate) fn end_within(&self, limit: Duration) -> Result<(), Unended> {
        let mut is_over = self.wait_for_workers(Instant::now().checked_add(limit));
        let (mut rounds, mut last) = (0, (0, 0));
        while !is_over && rounds < PATIENCE {
            // In each round, because a poll that was about to begin may have used up the wake-up.
            self.raise(&self.abandoning);
            is_over = self.wait_for_workers(Some(Instant::now() + ROUND));
            self.abandon_injected();
            let left = (self.working(), self.unfinished());
            is_over |= left.0 <= self.running().count();
            rounds = if left == last { rounds + 1 } else { 0 };
            last = left;
        }
        // If a worker is left behind.
        self.timers.end();
        self.unended()
    }

    /// The report of what has not ended by now.
    pub(crate) fn unended(&self) -> Result<(), Unended> {
        let mut tasks = mem::take(&mut *self.abandoned.lock());
        tasks.extend(self.running().map(|id| UnendedTask::running(self.address(), id)));
        Unended::check(tasks, self.working(), self.unfinished())
    }

    /// The tasks that are being polled.
    fn running(&self) -> impl Iterator<Item = TaskId> {
        self.polled.iter().map(|polled| TaskId(polled.0.load(Ordering::Relaxed))).filter(|id| *id != TaskId::MAIN)
    }

    pub(crate) fn working(&self) -> usize {
        // Ordering: Acquire pairs with the AcqRel in `work`.
        self.working.load(Ordering::Acquire)
    }

    /// Returns whether all workers have ended.
    fn wait_for_workers(&self, deadline: Option<Instant>) -> bool {
        let have_ended = || self.working() == 0;
        while !have_ended() && self.ended.park(deadline, have_ended) == Woken::ByWork {}
        have_ended()
    }

    /// Drops what no worker takes if all of them are in polls.
    fn abandon_injected(&self) {
        let mut runnables = VecDeque::new();
        self.injector.drain_into(&mut runnables);
        runnables.into_iter().for_each(|runnable| self.abandon(runnable));
    }

    /// Drops a task instead of running it.
    #[cold]
    fn abandon(&self, runnable: Runnable<Info>) {
        self.abandoned.lock().push(UnendedTask::dropped(runnable.metadata()));
        runnable.metadata().abandon();
    }

    fn is_abandoning(&self) -> bool {
        self.abandoning.load(Ordering::Relaxed)
    }

    fn has_work(&self) -> bool {
        !self.injector.is_empty() || self.queues.iter().any(StealQueue::has_offers)
    }

    /// W1.
    fn is_over(&self) -> bool {
        self.is_closing() && self.unfinished() <= if self.is_abandoning() { self.running().count() } else { 0 }
    }

    /// The life of worker number `index`.
    pub(crate) fn work(self: Arc<Self>, index: usize) {
        let entered = runtime::enter("Executor", self.clone(), Seat::Worker(index));
        let worker =
            Worker { this: &self, index, pace: Pace::default(), due: RefCell::default(), watcher: Watcher::default() };
        let polled = &self.polled[index];
        while let Some(runnable) = worker.next() {
            if self.is_abandoning() {
                self.abandon(runnable);
                continue;
            }
            polled.set(runnable.metadata().id());
            runnable.run();
            polled.set(TaskId::MAIN);
        }
        drop(entered);
        // Ordering: AcqRel, so that the last worker sees the timers of all.
        if self.working.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.timers.end();
            self.ended.unpark();
        }
    }
}

impl Runtime for Workers {
    /// Adds a turn: to the queue of the calling worker, or, on another thread, to the injector. A worker claims a wake, but
    /// not a new task, because it is worth a wake-up to spread the work.
    fn schedule(&self, runnable: Runnable<Info>, worker: Option<usize>, is_new: bool) {
        let Some(worker) = worker else {
            self.injector.push(runnable);
            return self.sleepers.work_published();
        };
        // SAFETY: this thread is the worker with this number (W3).
        let is_claimed = unsafe { self.queues[worker].owned() }.push(runnable, !is_new);
        if self.queues.len() == 1 {
            // The only worker is this one, and it is awake.
        } else if is_claimed {
            self.sleepers.work_claimed();
        } else {
            self.sleepers.work_published();
        }
    }

    /// The order is kept: what is in the queue is older than what the blocked worker will wake.
    fn hand_on(&self, worker: usize) -> bool {
        if self.queues.len() == 1 {
            return false;
        }
        // SAFETY: this thread is the worker with this number (W3).
        let queue = unsafe { self.queues[worker].owned() };
        while let Some(runnable) = queue.pop() {
            self.injector.push(runnable);
        }
        self.sleepers.work_published();
        true
    }

    #[inline]
    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// Called anywhere.
    fn adopt(&self, runnable: Runnable<Info>, location: &'static Location<'static>) {
        let id = TaskId::next();
        if registry::ALWAYS {
            registry::add(self.address(), id, &runnable.metadata().name, location);
        }
        let waker = runnable.waker();
        {
            let mut tasks = self.tasks.lock();
            runnable.metadata().enrol(id, tasks.insert(waker));
        }
        runtime::schedule(runnable, true);
    }

    fn forget(&self, task: &Info) {
        if registry::ALWAYS {
            registry::remove(self.address(), task.id());
        }
        let (waker, is_last) = {
            let mut tasks = self.tasks.lock();
            (tasks.remove(task.key()), tasks.is_empty())
        };
        drop(waker);
        if self.is_closing() && (is_last || self.is_abandoning()) {
            self.sleepers.wake_all();
        }
    }

    /// Wakes the task, so that it is polled and sees its cancellation.
    fn end_cancelled(&self, task: &Info) {
        // If the key belongs to another task by now, that task gets one spurious poll.
        let waker = self.tasks.lock().get(task.key()).cloned();
        waker.into_iter().for_each(Waker::wake);
    }

    fn set_timer(&self, deadline: Instant, waker: Waker) -> TimerKey {
        let (timer, is_earliest) = self.timers.insert(deadline, waker);
        if is_earliest {
            self.sleepers.earlier_timer();
        }
        timer
    }

    fn update_timer(&self, timer: TimerKey, waker: &Waker) -> Fate {
        self.timers.update(timer, waker)
    }

    fn remove_timer(&self, timer: TimerKey) -> bool {
        self.timers.remove(timer)
    }
}

/// The thread of a worker.
struct Worker<'a> {
    this: &'a Workers,
    index: usize,
    pace: Pace,
    /// The buffer of `fire_timers`, kept between calls.
    due: RefCell<Vec<Waker>>,
    watcher: Watcher,
}

impl Worker<'_> {
    fn queue(&self) -> Owned<'_, Runnable<Info>> {
        // SAFETY: this thread is the worker with this number (W3).
        unsafe { self.this.queues[self.index].owned() }
    }

    /// The next turn. Sleeps until there is one. None when the executor has ended.
    fn next(&self) -> Option<Runnable<Info>> {
        if self.pace.is_time_to_look() {
            self.fire_timers();
            self.take_injected();
        }
        if let Some(runnable) = self.queue().pop() {
            return Some(runnable);
        }
        let this = self.this;
        loop {
            this.sleepers.start_searching();
            let found = self.search();
            this.sleepers.stop_searching(found.is_some(), self);
            if found.is_some() {
                return found;
            }
            if this.is_over() {
                return None;
            }
            this.sleepers.sleep(self);
            self.pace.was_idle();
        }
    }

    fn search(&self) -> Option<Runnable<Info>> {
        self.fire_timers();
        self.take_injected();
        let (queues, queue) = (&self.this.queues, self.queue());
        let stuck = self.watcher.take_stuck();
        queue.pop().or_else(|| stuck.and_then(|stuck| queue.seize_from(&queues[stuck]))).or_else(|| {
            // Each begins with its neighbour, so that thieves spread out.
            let (before, after) = queues.split_at(self.index);
            after[1..].iter().chain(before).find_map(|victim| queue.steal_from(victim))
        })
    }

    /// Takes in the work from other threads. The other workers steal their shares.
    fn take_injected(&self) {
        if !self.this.injector.is_empty() {
            let mut runnables = VecDeque::new();
            self.this.injector.drain_into(&mut runnables);
            if !runnables.is_empty() {
                let is_many = runnables.len() > 1;
                self.queue().append(runnables);
                if is_many {
                    self.this.sleepers.work_published();
                }
            }
        }
    }

    fn fire_timers(&self) {
        let mut due = self.due.borrow_mut();
        self.this.timers.take_due(&mut due);
        fire(&mut due);
    }
}

impl Watched for Worker<'_> {
    fn next_timer(&self) -> Option<Instant> {
        self.this.timers.next()
    }

    fn has_work(&self) -> bool {
        self.this.has_work() || self.this.is_over()
    }

    fn has_claims(&self) -> bool {
        self.this.queues.iter().any(|queue| !queue.is_empty())
    }

    fn look(&self) -> Look {
        self.watcher.look(&self.this.queues)
    }
}

// SAFETY: `async_task` promises this of its pointers.
unsafe impl Thin for Runnable<Info> {
    #[inline]
    fn into_raw(self) -> NonNull<()> {
        Runnable::into_raw(self)
    }

    #[inline]
    unsafe fn from_raw(raw: NonNull<()>) -> Self {
        // SAFETY: the caller's promise.
        unsafe { Runnable::from_raw(raw) }
    }
}
