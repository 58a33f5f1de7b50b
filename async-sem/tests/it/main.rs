//! What the semaphores promise, on real threads and by polling by hand.
//!
//! The hazards that comments number are those of `docs/hazards.md`.

#![cfg(not(all(loom, feature = "loom")))]

mod after_close;
mod auto_traits;
mod bounded;
mod cancel;
mod close;
mod close_wakers;
mod fairness;
mod limits;
mod permits;
mod reference;
mod semaphore;
mod storm;
mod timeout;
mod unwinding;
mod wakers;
