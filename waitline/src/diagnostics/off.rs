//! Nothing is recorded: no field, no code.

use super::{Holding, Task, TaskKey, Waiting};
use std::{marker::PhantomData, time::Instant};

/// A place in the source; nothing without the feature.
#[derive(Debug, Clone, Copy)]
pub struct Caller(());

impl Caller {
    /// The place of the caller.
    #[inline(always)]
    pub const fn here() -> Self {
        Caller(())
    }
}

/// Who runs on this thread now; nothing without the feature.
#[derive(Debug, Default)]
pub struct Current(());

impl Current {
    /// Asks for the name of the task that is announced, or of the thread.
    #[inline(always)]
    pub fn get() -> Self {
        Current(())
    }
}

/// What a primitive is called in reports; nothing without the feature.
#[derive(Debug)]
pub struct Origin(());

impl Origin {
    /// That of a primitive of type `kind`, made by the caller.
    #[inline(always)]
    pub const fn new(kind: &'static str) -> Self {
        _ = kind;
        Origin(())
    }

    /// Sets the type.
    #[inline(always)]
    pub const fn set_kind(&mut self, kind: &'static str) {
        _ = kind;
    }

    /// Sets what the user calls it.
    #[inline(always)]
    pub const fn set_label(&mut self, label: &'static str) {
        _ = label;
    }

    /// Notes that the caller holds it alone from now on.
    #[inline(always)]
    pub fn hold_alone(&self, place: Caller) {
        _ = place;
    }

    /// Notes that it is not held alone any more.
    #[inline(always)]
    pub fn let_go(&self) {}

    /// Notes that the caller holds a part of it.
    #[inline(always)]
    pub fn hold(&self, place: Caller) -> Hold {
        _ = place;
        Hold(())
    }

    /// Notes that the caller has taken an item out of it.
    #[inline(always)]
    pub fn take_item(&self, place: Caller) {
        _ = place;
    }

    /// Notes that an item was done.
    #[inline(always)]
    pub fn item_done(&self) {}

    /// Notes that all items were done.
    #[inline(always)]
    pub fn all_done(&self) {}
}

/// A part of a primitive that is held, until it is dropped; nothing without the feature.
#[derive(Debug, Clone)]
pub struct Hold(());

/// A wait, until it is dropped; nothing without the feature.
#[derive(Debug)]
pub struct Wait(());

impl Wait {
    /// One that has not begun.
    #[inline(always)]
    pub const fn new() -> Self {
        Wait(())
    }

    /// The `current` task waits for a turn at a primitive, by the method `call`.
    #[inline(always)]
    pub fn for_primitive(&mut self, current: Current, origin: &Origin, call: &'static str, place: Caller) {
        _ = (current, origin, call, place);
    }

    /// The wait goes on at another primitive.
    #[inline(always)]
    pub fn moved_to(&mut self, origin: &Origin) {
        _ = origin;
    }

    /// The current task waits for the end of another.
    #[inline(always)]
    pub fn for_task(&mut self, task: impl FnOnce() -> TaskKey) {
        _ = task;
    }

    /// The current task waits for a point in time.
    #[inline(always)]
    pub fn for_time(&mut self, time: Option<Instant>) {
        _ = time;
    }

    /// What was waited for is there, and nobody has looked yet.
    #[inline(always)]
    pub fn granted(&mut self) {}

    /// The wait is over.
    #[inline(always)]
    pub fn end(&mut self) {}
}

impl Default for Wait {
    fn default() -> Self {
        Self::new()
    }
}

/// Announces the task that this thread polls, until the guard is dropped; nothing without the feature.
#[inline(always)]
pub fn enter(task: impl FnOnce() -> Task) -> Announced {
    _ = task;
    Announced(PhantomData)
}

/// The end of an announcement. Belongs to its thread.
#[derive(Debug)]
pub struct Announced(PhantomData<*const ()>);

/// The waits that are going on, in the order in which they began; none without the feature.
pub fn waits() -> Vec<Waiting> {
    Vec::new()
}

/// What is held, in the order in which it was taken; nothing without the feature.
pub fn holds() -> Vec<Holding> {
    Vec::new()
}
