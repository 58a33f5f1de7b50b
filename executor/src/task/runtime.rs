//! What a thread knows about the runtime that it is running.

use crate::{
    key_map::KeyMap,
    run::{local::EventLoop, workers::Workers},
    sim::Simulation,
    task::{Info, JoinHandle, Name, Outcome, TaskId},
    time::timer::{TimerKey, Timers},
};
use async_task::Runnable;
use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    future::Future,
    panic::Location,
    ptr,
    rc::Rc,
    sync::Arc,
    task::Waker,
    time::Instant,
};

/// One turn of work in a run queue.
#[derive(Debug)]
pub(crate) enum Job {
    /// Poll the future that was given to `run`.
    Main,
    /// Poll a task.
    Task(Runnable<Info>),
}

/// The state of a thread. Borrows of it are short: no foreign code runs inside one.
pub(crate) struct Here {
    /// The address of the runtime that this thread is running, only for comparison. Null outside of a runtime.
    runtime: Cell<*const ()>,
    /// The same runtime, to share.
    context: RefCell<Option<Context>>,
    /// The number of this thread, if it is a worker.
    pub(crate) worker: Cell<Option<usize>>,
    /// The run queue of a one-thread loop, oldest first.
    pub(crate) queue: RefCell<VecDeque<Job>>,
    /// The wakers of the unfinished tasks of a one-thread loop.
    pub(crate) tasks: RefCell<KeyMap<Waker>>,
    /// The simulation, if the one-thread loop is simulated.
    simulation: RefCell<Option<Rc<Simulation>>>,
}

thread_local! {
    static HERE: Here = const {
        Here {
            runtime: Cell::new(ptr::null()),
            context: RefCell::new(None),
            worker: Cell::new(None),
            queue: RefCell::new(VecDeque::new()),
            tasks: RefCell::new(KeyMap::new()),
            simulation: RefCell::new(None),
        }
    };

    /// Whether there is a simulation in [`HERE`]. A separate flag, because it is read often, and this takes one load.
    static SIMULATED: Cell<bool> = const { Cell::new(false) };

    /// The data of the waker with which a runtime of this crate is polling a future on this thread. Null if there is
    /// none.
    static OWN_WAKER: Cell<*const ()> = const { Cell::new(ptr::null()) };
}

impl Here {
    /// Calls `f` with the executor of this worker thread, and its number there. `f` must not run foreign code.
    pub(crate) fn with_worker(&self, f: impl FnOnce(&Workers, usize)) {
        if let (Some(Context::Workers(workers)), Some(worker)) = (&*self.context.borrow(), self.worker.get()) {
            f(workers, worker);
        }
    }

    /// The number of the next task that this thread spawns.
    #[cold]
    pub(crate) fn next_task_id(&self) -> TaskId {
        match &*self.simulation.borrow() {
            Some(simulation) => simulation.next_task_id(),
            None => TaskId::next(),
        }
    }
}

/// A runtime, as its tasks see it.
#[derive(Debug, Clone)]
pub(crate) enum Context {
    Loop(Arc<EventLoop>),
    Workers(Arc<Workers>),
}

impl Context {
    fn address(&self) -> *const () {
        match self {
            Context::Loop(this) => Arc::as_ptr(this).cast(),
            Context::Workers(this) => this.address(),
        }
    }

    /// Spawns a task on this runtime, which is the one of this thread.
    ///
    /// # Safety
    ///
    /// The body must be 'static except for its info. The body and its output must be `Send` unless the runtime is a
    /// loop.
    pub(crate) unsafe fn spawn<'a, B, T>(
        &self,
        here: &Here,
        name: Name,
        location: &'static Location<'static>,
        make_body: impl FnOnce(&'a Info) -> B,
    ) -> JoinHandle<T>
    where
        B: Future<Output = Outcome<T>> + 'a,
    {
        match self {
            // SAFETY: a loop needs only a 'static body, which the caller promises.
            Context::Loop(this) => unsafe { this.spawn(here, name, location, make_body) },
            // SAFETY: the caller's promise.
            Context::Workers(this) => unsafe { this.spawn(name, location, make_body) },
        }
    }

    /// Whether this thread is running another runtime.
    #[inline]
    pub(crate) fn is_elsewhere(&self) -> bool {
        let is_other = |here: &Here| here.runtime.get() != self.address() && !here.runtime.get().is_null();
        HERE.try_with(is_other).unwrap_or(false)
    }

    pub(crate) fn timers(&self) -> &Timers {
        match self {
            Context::Loop(this) => &this.timers,
            Context::Workers(this) => &this.timers,
        }
    }

    /// Sets a timer. Called inside the runtime.
    pub(crate) fn set_timer(&self, deadline: Instant, waker: Waker) -> TimerKey {
        let (timer, is_earliest) = self.timers().insert(deadline, waker);
        match self {
            // Its thread is the caller, so it is awake, and it checks the timers before it parks.
            Context::Loop(_) => {}
            Context::Workers(this) if is_earliest => this.sleepers.earlier_timer(),
            Context::Workers(_) => {}
        }
        timer
    }
}

/// Calls `f` with the state of this thread.
#[inline]
pub(crate) fn here<R>(f: impl FnOnce(&Here) -> R) -> R {
    HERE.with(f)
}

/// Calls `f` with the state of this thread if it is running the runtime at `address`.
///
/// Returns `None` once the thread is shutting down: wakers may be woken from the destructors of other thread-locals.
#[inline]
pub(crate) fn here_if_running<R>(address: *const (), f: impl FnOnce(&Here) -> R) -> Option<R> {
    HERE.try_with(|here| if here.runtime.get() == address { Some(f(here)) } else { None }).ok().flatten()
}

/// Whether this thread runs a simulation. May be called at any time.
#[inline]
pub(crate) fn is_simulated() -> bool {
    SIMULATED.get()
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

/// The simulation that this thread runs, if any. May be called at any time.
#[inline]
pub(crate) fn simulation() -> Option<Rc<Simulation>> {
    if is_simulated() { here(|here| here.simulation.borrow().clone()) } else { None }
}

/// The time in the simulation that this thread runs, if any.
#[inline]
pub(crate) fn simulated_time() -> Option<Instant> {
    simulation().map(|simulation| simulation.now())
}

/// Calls `f` with the runtime of this thread.
///
/// # Panics
///
/// If there is none. `caller` is the public function that needs one.
#[inline]
#[track_caller]
pub(crate) fn with_context<R>(caller: &str, f: impl FnOnce(&Here, &Context) -> R) -> R {
    // Not in a closure, which would lose the caller's location. A thread that is shutting down is outside, too.
    if !is_inside() {
        outside(caller);
    }
    HERE.with(|here| f(here, here.context.borrow().as_ref().expect("it is there as long as the address is")))
}

/// Whether this thread is running a runtime.
#[inline]
fn is_inside() -> bool {
    HERE.try_with(|here| !here.runtime.get().is_null()).unwrap_or(false)
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

/// Checks that this thread is not running a runtime.
///
/// # Panics
///
/// If it is. `caller` is the public function that was called.
#[track_caller]
pub(crate) fn check_outside(caller: &str) {
    if is_inside() {
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

/// Makes `context` the runtime of this thread until the guard is dropped. `worker` is the thread's number in it, if it
/// runs tasks.
///
/// # Panics
///
/// If this thread is already running one. `caller` is the public function that was called.
#[track_caller]
pub(crate) fn enter(caller: &str, context: Context, worker: Option<usize>) -> Entered {
    check_outside(caller);
    let entered = HERE.try_with(|here| {
        here.runtime.set(context.address());
        here.worker.set(worker);
        here.context.replace(Some(context));
    });
    if entered.is_err() {
        panic!("`{caller}` was called by the destructor of a thread-local, on a thread that is ending");
    }
    Entered(())
}

/// The right to run a runtime on this thread.
#[derive(Debug)]
pub(crate) struct Entered(());

impl Entered {
    /// Makes the loop of this thread a simulated one.
    pub(crate) fn simulate(&self, simulation: Rc<Simulation>) {
        here(|here| {
            SIMULATED.set(true);
            waitline::sync::set_alone(true);
            here.simulation.replace(Some(simulation))
        });
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let left = HERE.with(|here| {
            here.runtime.set(ptr::null());
            here.worker.set(None);
            if SIMULATED.replace(false) {
                waitline::sync::set_alone(false);
            }
            here.simulation.take();
            // The queue and the map of tasks are empty, but still have the capacity of their fullest time.
            (here.context.take(), here.queue.take(), here.tasks.take())
        });
        // The poll of the main future may have panicked.
        set_own_waker(ptr::null());
        // The last owner of a context may drop wakers, which are foreign code.
        drop(left);
    }
}
