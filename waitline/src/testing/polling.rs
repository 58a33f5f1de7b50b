//! Futures that are polled by hand.

use super::CountingWaker;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
};

/// Polls `future` once with a waker that does nothing.
///
/// ```
/// use std::{pin::pin, task::Poll};
/// let future = pin!(async { 7 });
/// assert_eq!(waitline::testing::poll_once(future), Poll::Ready(7));
/// ```
#[doc(alias = "now_or_never")]
pub fn poll_once<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    poll_with(future, Waker::noop())
}

/// Polls `future` once with `waker`.
///
/// ```
/// use std::{future::poll_fn, pin::pin, task::Poll};
/// use waitline::testing::{CountingWaker, poll_with};
/// let counter = CountingWaker::new();
/// let wakes_itself = pin!(poll_fn(|cx| {
///     cx.waker().wake_by_ref();
///     Poll::<()>::Pending
/// }));
/// assert!(poll_with(wakes_itself, &counter.waker()).is_pending());
/// assert_eq!(counter.count(), 1);
/// ```
pub fn poll_with<F: Future + ?Sized>(future: Pin<&mut F>, waker: &Waker) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(waker))
}

/// Boxes `future` and polls it once with a waker that does nothing. The future must begin to wait.
///
/// # Panics
///
/// If the future is ready.
///
/// ```
/// use std::future::pending;
/// use waitline::testing::{panic_message, queued};
/// let _waits = queued(pending::<()>());
/// assert!(panic_message(|| queued(async {})).is_some());
/// ```
#[track_caller]
pub fn queued<F: Future>(future: F) -> Pin<Box<F>> {
    queued_with(future, Waker::noop())
}

/// Boxes `future` and polls it once with `waker`. The future must begin to wait.
///
/// # Panics
///
/// If the future is ready.
///
/// ```
/// use waitline::testing::{CountingWaker, queued_with};
/// let counter = CountingWaker::new();
/// let _waits = queued_with(std::future::pending::<()>(), &counter.waker());
/// assert_eq!(counter.count(), 0);
/// ```
#[track_caller]
pub fn queued_with<F: Future>(future: F, waker: &Waker) -> Pin<Box<F>> {
    let mut future = Box::pin(future);
    assert!(poll_with(future.as_mut(), waker).is_pending(), "the future did not have to wait");
    future
}

/// Boxes `future` and polls it once with a waker that counts. The future must begin to wait.
///
/// # Panics
///
/// If the future is ready.
///
/// ```
/// let (_waits, waker) = waitline::testing::watched(std::future::pending::<()>());
/// assert_eq!(waker.count(), 0);
/// ```
#[track_caller]
pub fn watched<F: Future>(future: F) -> (Pin<Box<F>>, CountingWaker) {
    let waker = CountingWaker::new();
    (queued_with(future, &waker.waker()), waker)
}

/// Polls `future` once and returns its output. The future must be ready.
///
/// Takes a pinned box, or a reference to one, or what [`pin!`](std::pin::pin) returns.
///
/// # Panics
///
/// If the future is pending.
///
/// ```
/// use std::{future::pending, pin::pin};
/// use waitline::testing::{now, panic_message};
/// assert_eq!(now(pin!(async { 7 })), 7);
/// assert!(panic_message(|| now(pending::<()>())).is_some());
/// ```
#[track_caller]
pub fn now<F: Future + Unpin>(mut future: F) -> F::Output {
    match poll_once(Pin::new(&mut future)) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future is still pending"),
    }
}

/// Yields this thread until `condition` holds, for example until another thread has begun to wait.
///
/// ```
/// use std::sync::atomic::{AtomicBool, Ordering};
/// let started = AtomicBool::new(false);
/// std::thread::scope(|scope| {
///     scope.spawn(|| started.store(true, Ordering::Relaxed));
///     waitline::testing::yield_until(|| started.load(Ordering::Relaxed));
/// });
/// ```
pub fn yield_until(mut condition: impl FnMut() -> bool) {
    while !condition() {
        crate::sync::thread::yield_now();
    }
}
