//! What the semaphores promise, on real threads and by polling by hand.
//!
//! The hazards that comments number are those of `docs/hazards.md`.

#![cfg(not(all(loom, feature = "loom")))]

mod after_close;
mod auto_traits;
mod bounded;
mod cancel;
mod close;
mod close_wakers;
mod fairness;
mod limits;
mod permits;
mod reference;
mod semaphore;
mod storm;
mod unwinding;
mod wakers;

use std::{future::Future, pin::Pin, task::Poll};
use waitline::testing::{CountingWaker, poll_once, poll_with};

/// A future that has just begun to wait.
#[track_caller]
fn queued<F: Future>(future: F) -> Pin<Box<F>> {
    queued_with(future, &CountingWaker::new())
}

/// The same, with a waker to watch.
#[track_caller]
fn queued_with<F: Future>(future: F, waker: &CountingWaker) -> Pin<Box<F>> {
    let mut future = Box::pin(future);
    assert!(poll_with(future.as_mut(), &waker.waker()).is_pending(), "this future was to wait");
    future
}

/// What a future that needs to wait no longer is ready with.
#[track_caller]
fn granted<F: Future>(mut future: Pin<Box<F>>) -> F::Output {
    match poll_once(future.as_mut()) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("this future was to be granted"),
    }
}
