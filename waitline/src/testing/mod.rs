//! A test kit for code built on the primitives: a model runner, loom-aware threads, polling by hand, misbehaving
//! wakers.
//!
//! The same test body runs on real threads in an ordinary build and under loom's scheduler in a build with
//! `--cfg loom --features loom`:
//!
//! ```
//! use waitline::testing::{block_on, model, spawn};
//!
//! model("two threads add", || {
//!     let count = waitline::sync::Arc::new(waitline::sync::atomic::AtomicUsize::new(0));
//!     let other = spawn({
//!         let count = count.clone();
//!         move || count.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
//!     });
//!     count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
//!     other.join().unwrap();
//!     assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), 2);
//!     assert_eq!(block_on(async { 1 }), 1);
//! });
//! ```
//!
//! | to test | use |
//! |---|---|
//! | all interleavings | [`model`], with [`spawn`] for threads and [`block_on`] for futures |
//! | a future at a given point | [`poll_once`], [`poll_with`], then send or drop it |
//! | a future that must wait, and one that must not | [`queued`], [`queued_with`], [`watched`]; [`now`] |
//! | a thread that has begun to wait | [`yield_until`] |
//! | which wakers are woken, how often, in which order, and whether they are kept | [`CountingWaker`], [`WakeOrder`] |
//! | wakers as foreign code | [`hooked_waker`], [`panicking_waker`], [`panicking_waker_at`], [`inline_waker`] |
//! | panics | [`panic_message`], [`during_panic`] |
//! | "does not allocate" | [`CountingAllocator`], [`allocations`], [`allocated_bytes`] |
//!
//! The guide `docs/model-checking.md` in the repository walks through the models of a connection pool
//! (`examples/pool`): what to write into `Cargo.toml`, which bounds to choose, what loom does not see, and how to use
//! it beside tokio.

mod alloc;
mod panics;
mod polling;
mod wakers;

pub use crate::sync::block_on;
pub use crate::sync::thread::{JoinHandle, spawn};
pub use alloc::{CountingAllocator, allocated_bytes, allocations};
pub use panics::{during_panic, panic_message};
pub use polling::{now, poll_once, poll_with, queued, queued_with, watched, yield_until};
pub use wakers::{
    CountingWaker, WakeOrder, WakerCall, hooked_waker, inline_waker, panicking_waker, panicking_waker_at,
};

/// Runs `body` once on real threads, or under loom in every interleaving up to the preemption bound.
///
/// Under loom the bound is `LOOM_MAX_PREEMPTIONS`, or 3 if that is not set (bound 2 is known to miss real bugs). The
/// number of interleavings is printed to standard error.
///
/// # Panics
///
/// If `body` panics in any interleaving, or (under loom) deadlocks in one.
///
/// ```
/// waitline::testing::model("nothing much", || assert_eq!(1 + 1, 2));
/// ```
pub fn model(name: &str, body: impl Fn() + Send + Sync + 'static) {
    #[cfg(not(all(loom, feature = "loom")))]
    {
        _ = name;
        body();
    }
    #[cfg(all(loom, feature = "loom"))]
    {
        use std::{
            io::Write,
            sync::{
                Arc,
                atomic::{AtomicUsize, Ordering},
            },
        };
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = builder.preemption_bound.or(Some(3));
        let bound = builder.preemption_bound.unwrap_or_default();
        let runs = Arc::new(AtomicUsize::new(0));
        let counter = runs.clone();
        builder.check(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            body();
        });
        // Bypasses the test harness, which would capture it: CI adds these lines up.
        let runs = runs.load(Ordering::Relaxed);
        _ = writeln!(std::io::stderr(), "loom model: {name}: {runs} interleavings at bound {bound}");
    }
}
