//! The report of an end that took too long.

use crate::task::{Info, TaskId, registry};
use std::{error::Error, fmt};

/// The error of an end with a limit in time: the tasks that had not ended by then, and what became of them.
///
/// Its `Display` has a line for each task.
///
/// # Examples
///
/// ```
/// use std::{future::pending, time::Duration};
/// use waitline_executor::{run_with_limit, spawn_with_cleanup, yield_now};
///
/// let (output, end) = run_with_limit(Duration::ZERO, async {
///     // Its cleanup waits for ever.
///     drop(spawn_with_cleanup(async {}, pending()));
///     yield_now().await;
///     "done"
/// });
/// let unended = end.unwrap_err();
/// assert_eq!((output, unended.tasks().len()), ("done", 1));
/// assert!(!unended.tasks()[0].is_running());
/// assert!(unended.to_string().ends_with("was dropped while it waited"));
/// ```
#[derive(Debug, Clone)]
pub struct Unended {
    tasks: Vec<UnendedTask>,
    threads: usize,
    left: usize,
}

/// A task in an [`Unended`].
#[derive(Debug, Clone)]
pub struct UnendedTask {
    id: TaskId,
    name: Option<String>,
    is_running: bool,
}

impl Unended {
    /// The error, if there is anything to report. Behind `threads` threads that did not end are `left` tasks.
    pub(super) fn check(tasks: Vec<UnendedTask>, threads: usize, left: usize) -> Result<(), Self> {
        if tasks.is_empty() && threads == 0 { Ok(()) } else { Err(Self { tasks, threads, left }) }
    }

    /// The tasks that were dropped by force, then those that are still running. Tasks in the queues of workers that do not
    /// return are only counted, in the `Display`.
    pub fn tasks(&self) -> &[UnendedTask] {
        &self.tasks
    }

    /// The number of threads that are left behind, because they are in a poll or a destructor that does not return.
    pub fn threads(&self) -> usize {
        self.threads
    }
}

impl UnendedTask {
    /// A task that is about to be dropped instead of run.
    pub(super) fn dropped(task: &Info) -> Self {
        Self { id: task.id(), name: task.name.as_deref().map(|name| name.to_string()), is_running: false }
    }

    /// A task that a worker of the runtime at this address polls.
    pub(super) fn running(runtime: *const (), id: TaskId) -> Self {
        Self { id, name: registry::name((runtime.addr(), id.0)), is_running: true }
    }

    /// The id of the task.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// Its name, if it was spawned with one. That of a task which is still running is only known with the feature
    /// `diagnostics`.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Whether a poll of it had not returned. Otherwise it was dropped, where it waited.
    pub fn is_running(&self) -> bool {
        self.is_running
    }
}

impl fmt::Display for UnendedTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.id)?;
        self.name.iter().try_for_each(|name| write!(f, " \"{name}\""))?;
        f.write_str(if self.is_running { " is still running" } else { " was dropped while it waited" })
    }
}

impl fmt::Display for Unended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the end has taken too long")?;
        self.tasks.iter().try_for_each(|task| write!(f, "\n{task}"))?;
        if self.threads > 0 {
            write!(f, "\nleft behind: {} of the threads, with {} unfinished tasks", self.threads, self.left)?;
        }
        Ok(())
    }
}

impl Error for Unended {}
