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

use std::{future::Future, pin::Pin, sync::Arc};
use waitline::testing::poll_once;
use waitline_lock::{AcquireOwned, Lock};

/// A wait for `lock` that has begun.
fn queued<T: Send>(lock: &Arc<Lock<T>>) -> Pin<Box<AcquireOwned<T>>> {
    let mut wait = Box::pin(lock.clone().lock_owned());
    assert!(poll_once(wait.as_mut()).is_pending(), "the lock was free");
    wait
}

/// The output of a future that must be ready at this poll.
#[track_caller]
fn now<F: Future>(future: Pin<&mut F>) -> F::Output {
    match poll_once(future) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => panic!("the future is still pending"),
    }
}
