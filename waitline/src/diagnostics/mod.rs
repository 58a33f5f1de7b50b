//! Who waits for what, and who holds it: a record that the primitives keep with the feature `diagnostics`.
//!
//! Without the feature everything here is of size zero and does nothing. With it, every wait and every acquisition is noted in
//! one table of the process, with the place in the source of the call; that costs a lock and a few allocations each, and is
//! meant for tests and for the hunt for a hang.
//!
//! A primitive keeps an [`Origin`] (its [`WaitQueue`](crate::WaitQueue) brings one along), and says who holds it. An executor
//! [announces](enter) which task it polls, and can tell what a task [waits](Wait) for besides primitives. [`waits`] and
//! [`holds`] read the table.

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

/// Names a task: the address of its runtime, and its number there.
pub type TaskKey = (usize, u64);

/// A task, as its executor announces it.
#[derive(Debug, Clone, Copy)]
pub struct Task {
    /// Which one it is.
    pub key: TaskKey,
    /// Says what it is called in reports, such as `task 3 "teller"`. Called without any mutex held; a panic is replaced by
    /// the task's number.
    pub describe: fn(TaskKey) -> String,
}

/// Somebody who waits for something or holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The task, if it was announced.
    pub task: Option<TaskKey>,
    /// What it is called in reports: the task, or the thread.
    pub text: String,
}

/// A primitive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thing {
    /// Its number, unique within the process.
    pub id: u64,
    /// Its type.
    pub kind: &'static str,
    /// What the user calls it.
    pub label: Option<&'static str>,
    /// Where it was made.
    pub created: &'static Location<'static>,
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A turn at a primitive, by the method of this name.
    Primitive(Thing, &'static str),
    /// The end of a task.
    Task(TaskKey),
    /// A point in time; None for one that never comes.
    Time(Option<Instant>),
}

/// A wait that is going on.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// Who waits.
    pub who: Who,
    /// Where the wait was called for, if that is known.
    pub place: Option<&'static Location<'static>>,
    /// For what.
    pub target: Target,
    /// Whether it was given already to the one who waits, who was not polled since.
    pub granted: bool,
}

/// How something is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// The primitive, or a part of it.
    Turn,
    /// An item that was taken out of it and is not done.
    Item,
}

/// Something that somebody holds.
#[derive(Debug, Clone)]
pub struct Holding {
    /// Who took it.
    pub who: Who,
    /// Where it was taken.
    pub place: &'static Location<'static>,
    /// The number of the primitive.
    pub thing: u64,
    /// How it is held.
    pub holds: Holds,
}
