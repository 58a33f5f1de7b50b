//! The wait queue and the test kit, by hand. The models are in `tests/loom.rs`.
//!
//! The hazards that comments number are those of `docs/hazards.md`.
#![cfg(not(all(loom, feature = "loom")))]

#[path = "../toy/mod.rs"]
mod toy;

mod auto_traits;
mod diagnostics;
mod for_each;
mod hostile;
mod queue;
mod testing;
mod timeout;
mod wakers;
