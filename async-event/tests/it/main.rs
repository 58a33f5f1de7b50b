//! Behaviour of the event and the barrier, by hand-polling and on threads. The models are in `tests/loom.rs`.
#![cfg(not(all(loom, feature = "loom")))]

mod barrier;
mod barrier_hazards;
mod event;
mod event_hazards;
mod model;
mod stress;
mod traits;
mod unwinding;
