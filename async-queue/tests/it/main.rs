//! Tests with futures polled by hand, wakers and payloads that misbehave, random sequences, and threads. The models are
//! in `tests/loom.rs`.
#![cfg(not(all(loom, feature = "loom")))]

mod asyncio;
mod auto_traits;
mod cancel;
mod channels;
mod close;
mod fairness;
mod payloads;
mod ready;
mod reference;
mod storm;
mod unwinding;
mod wakers;

use std::{fmt::Debug, future::Future, pin::Pin, task::Poll};
use waitline::testing::{CountingWaker, poll_once};

/// A wait that has begun, and the waker that it waits with.
#[track_caller]
fn waiting<F: Future>(future: F) -> (Pin<Box<F>>, CountingWaker) {
    let (mut future, waker) = (Box::pin(future), CountingWaker::new());
    assert!(waker.poll(future.as_mut()).is_pending(), "the future did not have to wait");
    (future, waker)
}

/// The output of a future that must be ready at this poll.
#[track_caller]
fn now<F: Future>(future: Pin<&mut F>) -> F::Output {
    match poll_once(future) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future is still pending"),
    }
}

/// Returns when `number` waiters are in `queue`, of which some come from other threads.
fn until_waiting(queue: &impl Debug, number: usize) {
    while !format!("{queue:?}").ends_with(&format!("waiters: {number} }}")) {
        std::thread::yield_now();
    }
}

/// How often each was woken.
fn counts<'a>(wakers: impl IntoIterator<Item = &'a CountingWaker>) -> Vec<usize> {
    wakers.into_iter().map(CountingWaker::count).collect()
}
