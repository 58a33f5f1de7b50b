//! Tests with futures polled by hand, wakers that misbehave, and threads. The models are in `tests/loom.rs`.
//!
//! The hazards that comments number are those of `docs/hazards.md`.
#![cfg(not(all(loom, feature = "loom")))]

mod auto_traits;
mod cancel;
mod condition;
mod fairness;
mod guards;
mod once_cell;
mod rwlock;
mod state;
mod storm;
mod timeout;
mod unwinding;
mod wakers;
