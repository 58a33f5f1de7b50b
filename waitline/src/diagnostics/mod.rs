//! A record of the tasks that wait and of what they wait for and hold, kept with the feature `diagnostics`.
//!
//! Without the feature, everything here has size zero and does nothing. With it, one table of the process records every
//! wait and every acquisition, with the source location of the call. Each record costs a lock and a few allocations, so
//! use the feature in tests and to find the cause of a hang.
//!
//! A primitive keeps an [`Origin`], which its [`WaitQueue`](crate::WaitQueue) contains, and records its holders there.
//! An executor [announces](enter) the task that it polls, and can record what a task [waits](Wait) for besides
//! primitives.
//! [`waits`] and [`holds`] read the table.

#[cfg(not(feature = "diagnostics"))]
mod off;
#[cfg(feature = "diagnostics")]
mod on;

#[cfg(not(feature = "diagnostics"))]
use off as imp;
#[cfg(feature = "diagnostics")]
use on as imp;

pub use imp::{Announced, Caller, Current, Hold, Origin, Wait, enter, holds, waits};

use std::{panic::Location, time::Instant};

#[cfg(all(loom, feature = "loom", feature = "diagnostics"))]
compile_error!("the feature `diagnostics` keeps its table outside of the models: leave it out together with `loom`");

/// The identity of a task: the address of its runtime, and its number there.
pub type TaskKey = (usize, u64);

/// A task, as its executor announces it.
#[derive(Debug, Clone, Copy)]
pub struct Task {
    /// The identity of the task.
    pub key: TaskKey,
    /// Returns the name of the task in reports, such as `task 3 "teller"`. It is called without any mutex held. If it
    /// panics, reports show the task's number instead.
    pub describe: fn(TaskKey) -> String,
}

/// The task, or the thread outside of any task, that waits for something or holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskOrThread {
    /// The task, if its executor announced it.
    pub task: Option<TaskKey>,
    /// The name of the task or of the thread in reports.
    pub name: String,
}

/// A primitive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Primitive {
    /// Its number, unique within the process.
    pub id: u64,
    /// Its type.
    pub kind: &'static str,
    /// The label that the user gave it.
    pub label: Option<&'static str>,
    /// The location where it was created.
    pub created: &'static Location<'static>,
}

/// What a wait is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A grant of a primitive, by the method of this name.
    Primitive(Primitive, &'static str),
    /// The end of a task.
    Task(TaskKey),
    /// A point in time; None for one that never comes.
    Time(Option<Instant>),
}

/// A wait that has begun and is not over.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The task or thread that waits.
    pub by: TaskOrThread,
    /// The location of the call that waits, if it is known.
    pub location: Option<&'static Location<'static>>,
    /// What the wait is for.
    pub target: Target,
    /// Whether the waiter has been granted what it waits for, and has not been polled since.
    pub granted: bool,
}

/// What is held of a primitive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeldAs {
    /// The primitive itself, or some of its permits.
    Primitive,
    /// The primitive, to read beside other readers.
    Reader,
    /// The primitive, to read beside other readers, with the right to become the writer.
    UpgradableReader,
    /// The primitive, to write.
    Writer,
    /// An item that was taken out of it and is not done.
    Item,
}

/// A primitive, or an item of it, that a task or thread holds.
#[derive(Debug, Clone)]
pub struct Holding {
    /// The task or thread that took it.
    pub by: TaskOrThread,
    /// The location where it was taken.
    pub location: &'static Location<'static>,
    /// The [number](Primitive::id) of the primitive.
    pub primitive: u64,
    /// What is held of the primitive.
    pub held_as: HeldAs,
}
