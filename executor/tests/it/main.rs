//! The executor's behaviour, as a program sees it. The models are in `tests/loom.rs`.
#![cfg(not(loom))]
// Without the feature there are fewer tests, which need less.
#![cfg_attr(not(feature = "sim"), allow(dead_code, unused_imports))]

mod again;
mod block_in_place;
mod blocking;
mod cancel;
mod ending;
mod executor;
mod group;
mod misuse;
mod moved;
mod random;
mod run;
mod task;
mod time;

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
};

/// The seeds of tests that need no real time: each runs in so many schedules.
const SCHEDULES: std::ops::Range<u64> = 0..20;

/// Counts how often it was dropped; clones share the count.
#[derive(Debug, Clone, Default)]
struct DropCount(Arc<AtomicUsize>);

impl DropCount {
    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    fn guard(&self) -> DropGuard {
        DropGuard(self.clone())
    }
}

#[derive(Debug)]
struct DropGuard(DropCount);

impl Drop for DropGuard {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Calls its closure when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Is pending for ever, and counts its polls.
async fn count_polls(count: Arc<AtomicUsize>) {
    poll_fn(|_| {
        count.fetch_add(1, Ordering::SeqCst);
        Poll::Pending
    })
    .await
}
