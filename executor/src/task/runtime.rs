//! What tasks and threads know of the runtime that runs them.

use super::Info;
use crate::key_map::KeyMap;
use async_task::Runnable;
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    fmt,
    panic::Location,
    ptr,
    sync::Arc,
    task::Waker,
    time::Instant,
};

/// What runs tasks: an event loop, the workers of an executor, or a pool of blocking jobs.
///
/// Tasks, timers and threads know it by this trait only, so that they do not depend on what runs them.
pub(crate) trait Runtime: fmt::Debug + Send + Sync {
    /// Whether every task counts as cancelled.
    fn is_closing(&self) -> bool;

    /// Adds a turn of a task, the first one if `is_new`. On a worker of this runtime, `worker` is its number.
    fn schedule(&self, runnable: Runnable<Info>, worker: Option<usize>, is_new: bool);

    /// Makes sure that a task which is marked as cancelled notices it.
    fn end_cancelled(&self, task: &Info);

    /// Forgets a task, whose future has just been dropped.
    fn forget(&self, task: &Info);

    /// Hands on the queue of the worker with this number, which is the caller. Returns false if there is no other worker.
    fn hand_on(&self, _worker: usize) -> bool {
        self.is_never_entered()
    }

    /// Takes in a new task: gives it its id and key, and adds its first turn. Called on a thread that is inside.
    fn adopt(&self, _: Runnable<Info>, _: &'static Location<'static>) {
        self.is_never_entered()
    }

    /// Whether its tasks stay on the thread that spawns them.
    fn is_local(&self) -> bool {
        false
    }

    /// Whether blocking calls are to become tasks.
    fn takes_blocking_calls(&self) -> bool {
        false
    }

    /// Sets a timer that wakes `waker` at `deadline`. Called inside the runtime.
    fn set_timer(&self, _deadline: Instant, _waker: Waker) -> TimerKey {
        self.is_never_entered()
    }

    /// The state of a timer. If it is pending, it wakes `waker` from now on.
    fn update_timer(&self, _: TimerKey, _waker: &Waker) -> Fate {
        self.is_never_entered()
    }

    /// Cancels a timer. Returns whether it had not fired.
    fn remove_timer(&self, _: TimerKey) -> bool {
        self.is_never_entered()
    }

    /// The default for what is only done inside a runtime.
    #[cold]
    fn is_never_entered(&self) -> ! {
        unreachable!("no thread enters {self:?}")
    }
}

/// Identifies one timer, even after it has fired.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimerKey {
    pub(crate) serial: u64,
    pub(crate) key: u64,
}

/// The state of a timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Pending,
    Fired,
    /// Its runtime has ended before it was due.
    Ended,
}

/// One turn of work in a run queue.
#[derive(Debug)]
pub(crate) enum Job {
    /// Poll the future that was given to `run`.
    Main,
    /// Poll a task.
    Task(Runnable<Info>),
}

/// What a thread does in the runtime that it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seat {
    /// It only waits for a future.
    Guest,
    /// It is the thread of an event loop.
    Loop,
    /// It is the worker with this number.
    Worker(usize),
    /// It is a worker in a call that blocks. What it wakes and spawns goes to the others.
    Blocked,
}

/// The state of a thread. Borrows of it are short: no foreign code runs inside one.
pub(crate) struct Here {
    /// The address of the runtime that this thread is in, only for comparison. Null outside of a runtime.
    address: Cell<*const ()>,
    /// The same runtime, to share.
    runtime: RefCell<Option<Arc<dyn Runtime>>>,
    seat: Cell<Seat>,
    /// The run queue of a one-thread loop, oldest first.
    pub(crate) queue: RefCell<VecDeque<Job>>,
    /// The wakers of the unfinished tasks of a one-thread loop.
    pub(crate) tasks: RefCell<KeyMap<Waker>>,
}

thread_local! {
    static HERE: Here = const {
        Here {
            address: Cell::new(ptr::null()),
            runtime: RefCell::new(None),
            seat: Cell::new(Seat::Guest),
            queue: RefCell::new(VecDeque::new()),
            tasks: RefCell::new(KeyMap::new()),
        }
    };

    /// The data of the waker with which a runtime of this crate is polling a future on this thread. Null if there is
    /// none.
    static OWN_WAKER: Cell<*const ()> = const { Cell::new(ptr::null()) };
}

/// Calls `f` with the state of this thread.
#[inline]
pub(crate) fn here<R>(f: impl FnOnce(&Here) -> R) -> R {
    HERE.with(f)
}

/// Calls `f` with the state of this thread if it is in the runtime at `address`.
///
/// Returns `None` once the thread is shutting down: wakers may be woken from the destructors of other thread-locals.
#[inline]
pub(crate) fn here_if_running<R>(address: *const (), f: impl FnOnce(&Here) -> R) -> Option<R> {
    HERE.try_with(|here| if here.address.get() == address { Some(f(here)) } else { None }).ok().flatten()
}

/// Adds a turn of a task, where its runtime has it run next.
pub(crate) fn schedule(runnable: Runnable<Info>, is_new: bool) {
    let address = runnable.metadata().address();
    let mut runnable = Some(runnable);
    // As soon as another thread can see the runnable, the cell may be freed, with its reference to the runtime. A
    // thread of the runtime has its own reference; others clone one.
    here_if_running(address, |here| match here.seat.get() {
        Seat::Loop => {
            if let Some(runnable) = runnable.take() {
                here.queue.borrow_mut().push_back(Job::Task(runnable));
            }
        }
        Seat::Worker(worker) => {
            if let (Some(runtime), Some(runnable)) = (&*here.runtime.borrow(), runnable.take()) {
                runtime.schedule(runnable, Some(worker), is_new);
            }
        }
        Seat::Guest | Seat::Blocked => {}
    });
    if let Some(runnable) = runnable {
        let runtime = runnable.metadata().runtime().clone();
        runtime.schedule(runnable, None, is_new);
    }
}

/// Whether this thread is a worker of the runtime at `address`.
pub(crate) fn is_worker_of(address: *const ()) -> bool {
    here_if_running(address, |here| matches!(here.seat.get(), Seat::Worker(_) | Seat::Blocked)) == Some(true)
}

/// If this thread is a worker, hands on its queue, and keeps its seat as a blocked one until the guard is dropped.
pub(crate) fn leave_queue() -> Option<LeftQueue> {
    let leave = |here: &Here| match (here.seat.get(), &*here.runtime.borrow()) {
        (seat @ Seat::Worker(worker), Some(runtime)) if runtime.hand_on(worker) => {
            here.seat.set(Seat::Blocked);
            Some(LeftQueue(seat))
        }
        _ => None,
    };
    HERE.try_with(leave).ok().flatten()
}

/// The seat that a blocked worker returns to.
#[derive(Debug)]
pub(crate) struct LeftQueue(Seat);

impl Drop for LeftQueue {
    fn drop(&mut self) {
        here(|here| here.seat.set(self.0));
    }
}

/// Whether this thread is in another runtime.
#[inline]
pub(crate) fn is_elsewhere(runtime: &Arc<dyn Runtime>) -> bool {
    let address = Arc::as_ptr(runtime).cast();
    HERE.try_with(|here| here.address.get() != address && !here.address.get().is_null()).unwrap_or(false)
}

/// Records that this thread is polling with the waker that has this data. The waker must belong to this crate, and must
/// not panic when it is cloned, woken or dropped. Null ends the polling; extra calls with null do no harm. Returns the
/// previous value.
#[inline]
pub(crate) fn set_own_waker(data: *const ()) -> *const () {
    OWN_WAKER.replace(data)
}

/// Whether the waker is the one of [`set_own_waker`]. No other live waker has its data.
#[inline]
pub(crate) fn is_own_waker(waker: &Waker) -> bool {
    waker.data() == OWN_WAKER.get() && !waker.data().is_null()
}

/// Calls `f` with the runtime of this thread, if it is in one. A thread that is shutting down is in none.
#[inline]
pub(crate) fn try_with_runtime<R>(f: impl FnOnce(&Arc<dyn Runtime>) -> R) -> Option<R> {
    HERE.try_with(|here| here.runtime.borrow().as_ref().map(f)).ok().flatten()
}

/// Calls `f` with the runtime of this thread.
///
/// # Panics
///
/// If there is none. `caller` is the public function that needs one.
#[inline]
#[track_caller]
pub(crate) fn with_runtime<R>(caller: &str, f: impl FnOnce(&Arc<dyn Runtime>) -> R) -> R {
    // Not in a closure, which would lose the caller's location.
    match try_with_runtime(f) {
        Some(result) => result,
        None => outside(caller),
    }
}

#[cold]
#[track_caller]
fn outside(caller: &str) -> ! {
    // The workers of an executor refuse it.
    let or_executor = if caller.ends_with("spawn_local") { "" } else { " or `Executor::run`" };
    panic!(
        "`{caller}` needs a running event loop, and this thread runs none: use it inside the future given to \
         `waitline_executor::run`{or_executor}, or in a task spawned there"
    )
}

/// Checks that this thread is not in a runtime.
///
/// # Panics
///
/// If it is. `caller` is the public function that was called.
#[track_caller]
pub(crate) fn check_outside(caller: &str) {
    if HERE.try_with(|here| !here.address.get().is_null()).unwrap_or(false) {
        inside(caller);
    }
}

#[cold]
#[track_caller]
fn inside(caller: &str) -> ! {
    panic!(
        "`{caller}` was called inside a running event loop, which it would block: `.await` or `spawn` the future \
         instead, or call `{caller}` on another thread (`run_blocking` gives you one)"
    )
}

/// Makes `runtime` the one of this thread until the guard is dropped.
///
/// # Panics
///
/// If this thread is already in one. `caller` is the public function that was called.
#[track_caller]
pub(crate) fn enter(caller: &str, runtime: Arc<dyn Runtime>, seat: Seat) -> Entered {
    check_outside(caller);
    let entered = HERE.try_with(|here| {
        here.address.set(Arc::as_ptr(&runtime).cast());
        here.seat.set(seat);
        here.runtime.replace(Some(runtime));
    });
    if entered.is_err() {
        panic!("`{caller}` was called by the destructor of a thread-local, on a thread that is ending");
    }
    Entered(())
}

/// The right to run a runtime on this thread.
#[derive(Debug)]
pub(crate) struct Entered(());

impl Drop for Entered {
    fn drop(&mut self) {
        let left = HERE.with(|here| {
            here.address.set(ptr::null());
            here.seat.set(Seat::Guest);
            // The queue and the map of tasks are empty, but still have the capacity of their fullest time.
            (here.runtime.take(), here.queue.take(), here.tasks.take())
        });
        // The poll of the main future may have panicked.
        set_own_waker(ptr::null());
        // The last owner of a runtime may drop wakers, which are foreign code.
        drop(left);
    }
}
