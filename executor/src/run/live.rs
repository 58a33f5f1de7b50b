//! Running a loop on one thread, in real time.

use super::{
    Unended, UnendedTask,
    local::{Driver, Turns, drive},
    pace::Pace,
};
use crate::task::{
    Info,
    runtime::{Job, here},
};
use std::{
    cell::{Cell, RefCell},
    future::Future,
    panic::{Location, resume_unwind},
    time::{Duration, Instant},
};

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
    run_live("run", Location::caller(), None, future).0
}

/// Like [`run`], with a limit to the time that its end takes: how long it waits, when `future` is done, for the cleanups of
/// the tasks that it cancels (see [`spawn_with_cleanup`](crate::spawn_with_cleanup)).
///
/// Tasks that are left then are dropped by force, and named in the second part of the result. A poll or a destructor that does
/// not return cannot be interrupted, because there is only one thread; an [`Executor`](crate::Executor) can leave it behind.
///
/// # Panics
///
/// As [`run`]. If `future` panics, the result is not returned, but the limit holds.
///
/// # Examples
///
/// ```
/// use std::{future::pending, time::Duration};
/// use waitline_executor::{run_with_limit, spawn};
///
/// let (output, end) = run_with_limit(Duration::from_secs(5), async {
///     drop(spawn(pending::<()>()));
///     42
/// });
/// assert_eq!(output, 42);
/// assert!(end.is_ok());
/// ```
#[track_caller]
pub fn run_with_limit<F: Future>(limit: Duration, future: F) -> (F::Output, Result<(), Unended>) {
    let (output, abandoned) = run_live("run_with_limit", Location::caller(), Some(limit), future);
    (output, Unended::check(abandoned, 0, 0))
}

#[track_caller]
fn run_live<F: Future>(
    caller: &str,
    location: &'static Location<'static>,
    limit: Option<Duration>,
    future: F,
) -> (F::Output, Vec<UnendedTask>) {
    let (outcome, abandoned) = drive(caller, location, Live { limit, ..Live::default() }, future);
    match outcome {
        Ok(output) => (output.expect("a loop always has a next turn, or sleeps"), abandoned),
        Err(panic) => resume_unwind(panic),
    }
}

/// The driver of [`run`]: FIFO, with the time and the threads of the system.
#[derive(Default)]
struct Live {
    pace: Pace,
    /// How long the end may take, and until when.
    limit: Option<Duration>,
    deadline: Cell<Option<Instant>>,
    abandoned: RefCell<Vec<UnendedTask>>,
}

impl Live {
    fn is_late(&self) -> bool {
        self.deadline.get().is_some_and(|deadline| Instant::now() >= deadline)
    }
}

impl Driver for Live {
    type End = Vec<UnendedTask>;

    const HAS_OWN_IDS: bool = false;
    const TAKES_BLOCKING_CALLS: bool = false;

    fn start(&self) {}

    /// Sleeps until there is a turn. None if it is too late for one.
    #[inline]
    fn next_job(&self, turns: &Turns<'_>) -> Option<Job> {
        loop {
            if self.pace.is_time_to_look() {
                turns.trim_queue();
                turns.look_outside();
                if self.is_late() {
                    return None;
                }
            }
            if let Some(job) = here(|here| here.queue.borrow_mut().pop_front()) {
                return Some(job);
            }
            turns.look_outside();
            if here(|here| here.queue.borrow().is_empty()) {
                if self.is_late() {
                    return None;
                }
                turns.sleep(self.deadline.get());
                self.pace.was_idle();
            }
        }
    }

    fn begin_end(&self) {
        self.deadline.set(self.limit.and_then(|limit| Instant::now().checked_add(limit)));
    }

    fn abandon(&self, task: &Info) {
        self.abandoned.borrow_mut().push(UnendedTask::dropped(task));
    }

    fn finish(self) -> Self::End {
        self.abandoned.into_inner()
    }
}
