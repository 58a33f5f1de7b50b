//! Tests with futures polled by hand, wakers that misbehave, and threads. The models are in `tests/loom.rs`.
#![cfg(not(all(loom, feature = "loom")))]

mod auto_traits;
mod cancel;
mod condition;
mod fairness;
mod guards;
mod state;
mod storm;
mod unwinding;
mod wakers;
