//! Sleeping and timeouts.

use super::now;
use crate::task::{
    polled_after_ready,
    runtime::{self, Fate, Runtime, TimerKey},
};
use pin_project_lite::pin_project;
use std::{
    error::Error,
    fmt,
    future::Future,
    marker::PhantomPinned,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};
use waitline::diagnostics::Wait;

/// Waits for `duration`, beginning with the first poll. Like `asyncio.sleep`.
///
/// Never returns early. A sleep that has begun may move to another event loop, even after its own has ended, and keeps
/// its deadline. A duration of zero gives the other tasks one turn, like [`yield_now`](crate::yield_now). A duration
/// that ends beyond the range of [`Instant`] waits for ever.
///
/// # Cancel safety
///
/// Dropping the future removes its timer.
///
/// # Panics
///
/// If its first poll is outside of an event loop, or if it is polled outside of one after its own has ended.
///
/// # Examples
///
/// ```
/// use waitline_executor::{run, sleep};
/// use std::time::Duration;
///
/// run(async {
///     sleep(Duration::from_millis(1)).await;
/// });
/// ```
#[doc(alias = "delay")]
pub fn sleep(duration: Duration) -> Sleep {
    Sleep::new("sleep", State::For(duration))
}

/// Waits until `deadline`. Like [`sleep`], for a point in time.
///
/// A deadline that has passed gives the other tasks one turn.
///
/// # Panics
///
/// As [`sleep`].
///
/// # Examples
///
/// ```
/// use waitline_executor::{now, run, sleep_until};
/// use std::time::Duration;
///
/// run(async {
///     let end = now() + Duration::from_millis(1);
///     sleep_until(end).await;
///     assert!(now() >= end);
/// });
/// ```
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep::new("sleep_until", State::Until(deadline))
}

pin_project! {
    /// The future of [`sleep`] and [`sleep_until`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use waitline_executor::{Sleep, run, sleep};
    /// run(async {
    ///     let nap: Sleep = sleep(Duration::from_millis(1));
    ///     nap.await;
    /// });
    /// ```
    #[must_use = "a future does nothing unless it is awaited"]
    pub struct Sleep {
        state: State,
        // The public function that it comes from.
        caller: &'static str,
        wait: Wait,
        #[pin]
        pinned: PhantomPinned,
    }

    impl PinnedDrop for Sleep {
        fn drop(this: Pin<&mut Self>) {
            if let State::Waiting { runtime, timer, .. } = this.project().state {
                runtime.remove_timer(*timer);
            }
        }
    }
}

/// | state | next poll | leads to |
/// |---|---|---|
/// | `For`, `Until` | sets a timer | `Waiting`, `Due` if there is nothing to wait for, `Forever` |
/// | `Waiting` | asks whether the timer has fired | `Over`, or `Until` if it is in another loop, or its own has ended |
/// | `Due` | is ready: the others had their turn | `Over` |
/// | `Forever` | is pending | |
/// | `Over` | panics | |
#[derive(Debug)]
enum State {
    For(Duration),
    Until(Instant),
    Waiting { runtime: Arc<dyn Runtime>, timer: TimerKey, deadline: Instant },
    Due,
    Forever,
    Over,
}

impl Sleep {
    fn new(caller: &'static str, state: State) -> Self {
        Self { state, caller, wait: Wait::new(), pinned: PhantomPinned }
    }

    /// The sleep of an interval.
    pub(crate) fn until_tick(deadline: Instant) -> Self {
        Self::new("interval", State::Until(deadline))
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let (state, wait) = (this.state, this.wait);
        if let State::Waiting { runtime, timer, deadline } = state {
            let has_moved = runtime::is_elsewhere(runtime);
            let fate = if has_moved { Fate::Ended } else { runtime.update_timer(*timer, cx.waker()) };
            match fate {
                Fate::Pending => return Poll::Pending,
                Fate::Ended if runtime.remove_timer(*timer) => *state = State::Until(*deadline),
                Fate::Fired | Fate::Ended => {
                    wait.end();
                    *state = State::Over;
                    return Poll::Ready(());
                }
            }
        }
        let deadline = match state {
            State::For(duration) if duration.is_zero() => Deadline::Passed,
            State::For(duration) => now().checked_add(*duration).map_or(Deadline::Never, Deadline::At),
            State::Until(deadline) if *deadline <= now() => Deadline::Passed,
            State::Until(deadline) => Deadline::At(*deadline),
            State::Waiting { .. } => unreachable!("it has been looked at"),
            State::Forever => return Poll::Pending,
            State::Due => {
                *state = State::Over;
                return Poll::Ready(());
            }
            State::Over => polled_after_ready(),
        };
        let runtime = runtime::with_runtime(this.caller, Arc::clone);
        *state = match deadline {
            Deadline::Never => {
                wait.for_time(None);
                State::Forever
            }
            Deadline::Passed => {
                cx.waker().wake_by_ref();
                State::Due
            }
            Deadline::At(deadline) => {
                let timer = runtime.set_timer(deadline, cx.waker().clone());
                wait.for_time(Some(deadline));
                State::Waiting { runtime, timer, deadline }
            }
        };
        Poll::Pending
    }
}

enum Deadline {
    Passed,
    At(Instant),
    /// Beyond the range of the clock.
    Never,
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            State::For(duration) => f.debug_tuple("Sleep").field(duration).finish(),
            State::Until(deadline) => f.debug_tuple("Sleep").field(deadline).finish(),
            State::Waiting { .. } | State::Due => f.write_str("Sleep(<waiting>)"),
            State::Forever => f.write_str("Sleep(<for ever>)"),
            State::Over => f.write_str("Sleep(<over>)"),
        }
    }
}

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
/// As [`sleep`].
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
    Timeout { future, sleep: Sleep::new("timeout", State::For(duration)), is_over: false }
}

/// Runs `future` until `deadline` at most. Like `asyncio.timeout_at`.
///
/// # Errors
///
/// [`TimedOut`], if the time is over first.
///
/// # Panics
///
/// As [`sleep`].
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
    Timeout { future, sleep: Sleep::new("timeout_at", State::Until(deadline)), is_over: false }
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
