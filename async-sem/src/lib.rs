//! A strictly fair async semaphore, and a bounded one.

#![forbid(unsafe_code)]

mod acquire;
mod bounded;
mod permit;
mod raw;
mod semaphore;

pub use acquire::{Acquire, AcquireOwned};
pub use bounded::{BoundedSemaphore, ReleaseError};
pub use permit::{AnySemaphore, OwnedPermit, Permit};
pub use semaphore::Semaphore;
