//! Timeouts.

use super::Sleep;
use crate::task::polled_after_ready;
use pin_project_lite::pin_project;
use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

/// Runs `future` for at most `duration`, beginning with the first poll. Like `asyncio.wait_for` and `asyncio.timeout`.
///
/// The future is polled before the clock is checked: a future that is ready at once succeeds even with a duration of
/// zero. When the time is over, the future is dropped at its current `.await`, once the `Timeout` itself is dropped.
///
/// See [`timeout_at`] for a point in time.
///
/// # Errors
///
/// [`TimedOut`], if the time is over first.
///
/// # Cancel safety
///
/// Dropping it drops `future` and removes the timer. To keep a future that timed out, pass a reference:
/// `timeout(limit, &mut task)`.
///
/// # Panics
///
/// As [`sleep`](crate::sleep).
///
/// # Examples
///
/// ```
/// use waitline_executor::{run, timeout};
/// use std::{future::pending, time::Duration};
///
/// run(async {
///     assert_eq!(timeout(Duration::from_secs(1), async { 1 }).await, Ok(1));
///     assert!(timeout(Duration::from_millis(1), pending::<()>()).await.is_err());
/// });
/// ```
#[doc(alias = "wait_for")]
pub fn timeout<F: Future>(duration: Duration, future: F) -> Timeout<F> {
    Timeout { future, sleep: Sleep::of("timeout", duration), is_over: false }
}

/// Runs `future` until `deadline` at most. Like `asyncio.timeout_at`.
///
/// # Errors
///
/// [`TimedOut`], if the time is over first.
///
/// # Panics
///
/// As [`sleep`](crate::sleep).
///
/// # Examples
///
/// ```
/// use waitline_executor::{now, run, timeout_at};
///
/// run(async {
///     assert!(timeout_at(now(), std::future::pending::<()>()).await.is_err());
/// });
/// ```
pub fn timeout_at<F: Future>(deadline: Instant, future: F) -> Timeout<F> {
    Timeout { future, sleep: Sleep::until("timeout_at", deadline), is_over: false }
}

pin_project! {
    /// The future of [`timeout`] and [`timeout_at`].
    ///
    /// ```
    /// use std::{future::{Pending, pending}, time::Duration};
    /// use waitline_executor::{Timeout, run, timeout};
    /// run(async {
    ///     let waiting: Timeout<Pending<()>> = timeout(Duration::from_millis(1), pending());
    ///     assert!(waiting.await.is_err());
    /// });
    /// ```
    #[derive(Debug)]
    #[must_use = "a future does nothing unless it is awaited"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        #[pin]
        sleep: Sleep,
        is_over: bool,
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, TimedOut>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if *this.is_over {
            polled_after_ready();
        }
        let outcome = match this.future.poll(cx) {
            Poll::Ready(output) => Ok(output),
            Poll::Pending => {
                ready!(this.sleep.poll(cx));
                Err(TimedOut(()))
            }
        };
        *this.is_over = true;
        Poll::Ready(outcome)
    }
}

/// The time given to [`timeout`] or [`timeout_at`] was over before the future was done.
///
/// ```
/// use std::{future::pending, time::Duration};
/// use waitline_executor::{TimedOut, run, timeout};
/// let late: Result<(), TimedOut> = run(async { timeout(Duration::from_millis(1), pending()).await });
/// println!("{}", late.unwrap_err());
/// ```
#[doc(alias("Elapsed", "TimeoutError"))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimedOut(());

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the future was not done in time")
    }
}

impl Error for TimedOut {}
