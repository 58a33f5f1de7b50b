//! The simulation: determinism, virtual time, stalls and faults; and what it finds.
#![cfg(not(loom))]

mod channel_storms;
mod closing;
mod determinism;
mod endings;
mod faults;
mod planted;
#[cfg(feature = "diagnostics")]
mod reports;
mod same_program;
mod storms;
mod time;

/// The message of the panic in `f`.
fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    waitline::testing::panic_message(f).expect("it should panic")
}
