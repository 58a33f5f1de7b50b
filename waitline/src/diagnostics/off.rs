//! The record without the feature `diagnostics`: no fields, no code.

use super::{HeldAs, Holding, Task, TaskKey, Waiting};
use std::{marker::PhantomData, time::Instant};

/// A source location; nothing without the feature.
#[derive(Debug, Clone, Copy)]
pub struct Caller(());

impl Caller {
    /// The location of the caller.
    #[inline(always)]
    pub const fn here() -> Self {
        Caller(())
    }
}

/// The task or thread that runs now; nothing without the feature.
#[derive(Debug, Default)]
pub struct Current(());

impl Current {
    /// Finds the name of the announced task, or of the thread if there is none.
    #[inline(always)]
    pub fn get() -> Self {
        Current(())
    }
}

/// The identity of a primitive in reports; nothing without the feature.
#[derive(Debug)]
pub struct Origin(());

impl Origin {
    /// The identity of a primitive of type `kind`, created by the caller.
    #[inline(always)]
    pub const fn new(kind: &'static str) -> Self {
        _ = kind;
        Origin(())
    }

    /// Sets the primitive's type.
    #[inline(always)]
    pub const fn set_kind(&mut self, kind: &'static str) {
        _ = kind;
    }

    /// Sets the label that the user gave the primitive.
    #[inline(always)]
    pub const fn set_label(&mut self, label: &'static str) {
        _ = label;
    }

    /// Records that the caller is now the only holder.
    #[inline(always)]
    pub fn hold_alone(&self, location: Caller) {
        _ = location;
    }

    /// Records that the only holder has released the primitive.
    #[inline(always)]
    pub fn release(&self) {}

    /// Records that the caller is one of several holders.
    #[inline(always)]
    pub fn hold(&self, location: Caller) -> Hold {
        _ = location;
        Hold(())
    }

    /// Records that the caller is one of several holders, and as what it holds the primitive.
    #[inline(always)]
    pub fn hold_as(&self, held_as: HeldAs, location: Caller) -> Hold {
        _ = (held_as, location);
        Hold(())
    }

    /// Records that the caller has taken an item out.
    #[inline(always)]
    pub fn take_item(&self, location: Caller) {
        _ = location;
    }

    /// Records that an item is done.
    #[inline(always)]
    pub fn item_done(&self) {}

    /// Records that all items are done.
    #[inline(always)]
    pub fn all_done(&self) {}
}

/// The record of one of several holders, until it is dropped; nothing without the feature.
#[derive(Debug, Clone)]
pub struct Hold(());

/// The record of a wait, until it is dropped; nothing without the feature.
#[derive(Debug)]
pub struct Wait(());

impl Wait {
    /// The record of a wait that has not begun.
    #[inline(always)]
    pub const fn new() -> Self {
        Wait(())
    }

    /// Records that the `current` task waits for a grant of a primitive, by the method `call`.
    #[inline(always)]
    pub fn for_primitive(&mut self, current: Current, origin: &Origin, call: &'static str, location: Caller) {
        _ = (current, origin, call, location);
    }

    /// Records that the waiter has moved to another primitive.
    #[inline(always)]
    pub fn moved_to(&mut self, origin: &Origin) {
        _ = origin;
    }

    /// Records that the current task waits for the end of another.
    #[inline(always)]
    pub fn for_task(&mut self, task: impl FnOnce() -> TaskKey) {
        _ = task;
    }

    /// Records that the current task waits for a point in time.
    #[inline(always)]
    pub fn for_time(&mut self, time: Option<Instant>) {
        _ = time;
    }

    /// Records that the waiter has been granted and has not been polled since.
    #[inline(always)]
    pub fn granted(&mut self) {}

    /// Records that the wait is over.
    #[inline(always)]
    pub fn end(&mut self) {}
}

impl Default for Wait {
    fn default() -> Self {
        Self::new()
    }
}

/// Announces the task that this thread polls, until the returned value is dropped; nothing without the feature.
#[inline(always)]
pub fn enter(task: impl FnOnce() -> Task) -> Announced {
    _ = task;
    Announced(PhantomData)
}

/// An announcement. Its drop ends it, on the thread that made it.
#[derive(Debug)]
pub struct Announced(PhantomData<*const ()>);

/// The waits that have begun and are not over, in the order in which they began; none without the feature.
pub fn waits() -> Vec<Waiting> {
    Vec::new()
}

/// All that is held, in the order in which it was taken; nothing without the feature.
pub fn holds() -> Vec<Holding> {
    Vec::new()
}
