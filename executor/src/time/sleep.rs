//! Sleeping.

use super::now;
use crate::task::{
    polled_after_ready,
    runtime::{self, Fate, Runtime, TimerKey},
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    marker::PhantomPinned,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
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
    Sleep::of("sleep", duration)
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
    Sleep::until("sleep_until", deadline)
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

    /// A sleep that calls itself `caller`, the public function that it is part of.
    pub(super) fn of(caller: &'static str, duration: Duration) -> Self {
        Self::new(caller, State::For(duration))
    }

    /// The same for a point in time.
    pub(super) fn until(caller: &'static str, deadline: Instant) -> Self {
        Self::new(caller, State::Until(deadline))
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
