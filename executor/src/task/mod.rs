//! Tasks: their cells, their handles, and how they are spawned.

#[allow(unsafe_code)]
mod cell;
mod handle;
pub(crate) mod registry;
pub(crate) mod runtime;
#[allow(unsafe_code)]
pub(crate) mod spawn;
mod yield_now;

pub use cell::TaskId;
pub use handle::{JoinError, JoinHandle};
pub use spawn::{spawn, spawn_local, spawn_named, spawn_with_cleanup};
pub use yield_now::{YieldNow, yield_now};

pub(crate) use cell::{
    ABANDONED, Body, Info, Name, Outcome, PENDING, Quiet, TAKEN, build, build_unchecked, polled_after_ready, swallow,
};
