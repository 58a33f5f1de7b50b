//! Tests with futures polled by hand, wakers and payloads that misbehave, random sequences, and threads. The models are
//! in `tests/loom.rs`.
//!
//! The hazards that comments number are those of `docs/hazards.md`.
#![cfg(not(all(loom, feature = "loom")))]

mod asyncio;
mod auto_traits;
mod broadcast;
mod cancel;
mod channels;
mod close;
mod fairness;
mod oneshot;
mod owned;
mod payloads;
mod ready;
mod reference;
mod storm;
mod timeout;
mod unwinding;
mod wakers;

use std::fmt::Debug;
use waitline::testing::{CountingWaker, yield_until};

/// Returns when `number` waiters are in `queue`, of which some come from other threads.
fn until_waiting(queue: &impl Debug, number: usize) {
    yield_until(|| format!("{queue:?}").ends_with(&format!("waiters: {number} }}")));
}

/// How often each was woken.
fn counts<'a>(wakers: impl IntoIterator<Item = &'a CountingWaker>) -> Vec<usize> {
    wakers.into_iter().map(CountingWaker::count).collect()
}
