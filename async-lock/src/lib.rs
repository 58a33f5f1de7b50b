//! A strictly fair async lock.

mod condition;
mod guard;
mod lock;
mod raw;

pub use condition::{Condition, Guard, Wait, WaitWhile};
pub use guard::{LockGuard, MappedLockGuard, OwnedLockGuard, OwnedMappedLockGuard};
pub use lock::{Acquire, AcquireOwned, Lock};
