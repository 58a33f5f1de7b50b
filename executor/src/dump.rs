//! [`Dump`]: the table of unfinished tasks.

use crate::{registry, task::TaskId};
use std::{fmt, panic::Location};

/// The unfinished tasks of a simulation that has stalled, each with where it was spawned.
///
/// Its `Display` prints them as a tree.
#[derive(Clone)]
pub struct Dump {
    tasks: Vec<DumpedTask>,
}

/// A task in a [`Dump`].
#[derive(Debug, Clone)]
pub struct DumpedTask {
    id: TaskId,
    name: Option<String>,
    place: &'static Location<'static>,
}

impl Dump {
    /// The tasks of the runtime at this address.
    pub(crate) fn of_runtime(address: *const ()) -> Self {
        let tasks = registry::list(Some(address.addr())).into_iter().map(|((_, id), entry)| DumpedTask {
            id,
            name: entry.name,
            place: entry.place,
        });
        Self { tasks: tasks.collect() }
    }

    /// The unfinished tasks, in the order of their ids; the future given to `run` comes first.
    pub fn tasks(&self) -> &[DumpedTask] {
        &self.tasks
    }
}

impl DumpedTask {
    /// The task; None for the future that was given to `run`.
    pub fn id(&self) -> Option<TaskId> {
        Some(self.id).filter(|id| *id != TaskId::MAIN)
    }

    /// Its name, if it was spawned with one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where it was spawned.
    pub fn spawned_at(&self) -> &'static Location<'static> {
        self.place
    }
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for DumpedTask { id, name, place } in &self.tasks {
            match (*id, name) {
                (TaskId::MAIN, _) => write!(f, "the main future, run at {place}")?,
                (id, Some(name)) => write!(f, "task {id} \"{name}\", spawned at {place}")?,
                (id, None) => write!(f, "task {id}, spawned at {place}")?,
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
