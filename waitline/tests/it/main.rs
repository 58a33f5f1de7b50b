//! The wait queue and the test kit, by hand. The models are in `tests/loom.rs`.
#![cfg(not(all(loom, feature = "loom")))]

#[path = "../toy/mod.rs"]
mod toy;

mod diagnostics;
mod for_each;
mod queue;
mod testing;
mod wakers;
