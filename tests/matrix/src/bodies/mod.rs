//! The test bodies: for each primitive what it hands over between tasks, a wake-up by a thread that the executor knows
//! nothing of, cancellation after any number of polls, blocking calls next to async ones, and a mixture of all.

mod barrier;
mod broadcast;
mod condition;
mod event;
mod lock;
mod once_cell;
mod oneshot;
mod queue;
mod rwlock;
mod semaphore;
mod watch;

use crate::{Job, Tasks};
use std::time::Duration;

/// A test that runs on any executor.
#[derive(Debug, Clone, Copy)]
pub struct Body {
    /// What it is a test of.
    pub primitive: &'static str,
    /// What it does.
    pub name: &'static str,
    /// Makes its main future, which panics if the test fails.
    pub start: fn(Tasks) -> Job,
}

macro_rules! bodies {
    ($($primitive:ident: $($name:ident)+;)+) => {
        [$($(Body {
            primitive: stringify!($primitive),
            name: stringify!($name),
            start: |tasks| Box::pin($primitive::$name(tasks)),
        },)+)+]
    };
}

/// All of them.
pub fn all() -> impl Iterator<Item = Body> {
    bodies! {
        lock: hand_off foreign_wake cancel blocking stress;
        rwlock: hand_off foreign_wake cancel blocking stress;
        once_cell: hand_off foreign_wake cancel blocking stress;
        condition: hand_off foreign_wake cancel blocking stress;
        event: hand_off foreign_wake cancel blocking stress;
        barrier: hand_off foreign_wake cancel blocking stress;
        semaphore: hand_off foreign_wake cancel blocking stress bounded close;
        queue: hand_off foreign_wake cancel_get cancel_put blocking stress orders channel;
        watch: hand_off foreign_wake cancel blocking stress;
        broadcast: hand_off foreign_wake cancel blocking stress;
        oneshot: hand_off foreign_wake cancel blocking stress;
    }
    .into_iter()
}

/// A deadline that passes before the wait ends, or after it, as the machine likes.
const MICROSECOND: Duration = Duration::from_micros(1);

/// So many polls are enough for every future here: "dropped at every poll count" is 0 to this.
const POLLS: usize = 5;
