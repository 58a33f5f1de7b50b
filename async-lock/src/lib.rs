//! A strictly fair async lock.

mod guard;
mod lock;
mod raw;

pub use guard::{LockGuard, MappedLockGuard, OwnedLockGuard, OwnedMappedLockGuard};
pub use lock::{Acquire, AcquireOwned, Lock};
