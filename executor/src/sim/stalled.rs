//! [`Stalled`].

use crate::dump::Dump;
use std::{error::Error, fmt, time::Duration};

/// Why a simulation did not end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    NothingReady,
    MaxPolls,
}

/// The error of a simulation that did not end: no task is ready and no timer is set, or the limit of polls is reached.
///
/// Its `Display` (and its `Debug`, for `unwrap`) shows which task waits for what; see [`Dump`].
///
/// # Examples
///
/// ```
/// use waitline_executor::{sim, sync::Event};
///
/// let stalled = sim::run(0, async { Event::new().wait().await }).unwrap_err();
/// assert!(!stalled.is_livelock());
/// assert!(stalled.to_string().starts_with("the simulation has stalled: no task is ready, and no timer is set"));
/// ```
pub struct Stalled {
    /// Boxed, to keep results small.
    inner: Box<Inner>,
}

struct Inner {
    seed: u64,
    reason: Reason,
    elapsed: Duration,
    polls: u64,
    tasks: Dump,
}

impl Stalled {
    pub(super) fn new(seed: u64, reason: Reason, elapsed: Duration, polls: u64, tasks: Dump) -> Self {
        Self { inner: Box::new(Inner { seed, reason, elapsed, polls, tasks }) }
    }

    /// The seed of the simulation.
    pub fn seed(&self) -> u64 {
        self.inner.seed
    }

    /// Whether the tasks ran on for ever (see [`Builder::max_polls`](super::Builder::max_polls)), instead of waiting
    /// for ever.
    pub fn is_livelock(&self) -> bool {
        self.inner.reason == Reason::MaxPolls
    }

    /// The simulated time that has passed.
    pub fn elapsed(&self) -> Duration {
        self.inner.elapsed
    }

    /// The unfinished tasks.
    pub fn tasks(&self) -> &Dump {
        &self.inner.tasks
    }
}

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { seed, reason, elapsed, polls, tasks } = &*self.inner;
        match reason {
            Reason::NothingReady => f.write_str("the simulation has stalled: no task is ready, and no timer is set")?,
            Reason::MaxPolls => f.write_str("the simulation does not end: its tasks go on and on")?,
        }
        writeln!(f, "\n(seed {seed}, after {polls} polls and {elapsed:?} of simulated time)\n")?;
        fmt::Display::fmt(tasks, f)
    }
}

impl fmt::Debug for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for Stalled {}
