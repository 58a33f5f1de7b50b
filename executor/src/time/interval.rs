//! Ticks at regular intervals.

use super::{Sleep, now};
use crate::task::polled_after_ready;
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

/// Ticks once in each `period`. The first tick is at the first call of [`tick`](Interval::tick), without a wait.
///
/// # Missed ticks
///
/// A [`tick`](Interval::tick) that is called late completes at once, and further ticks that were due by then are
/// skipped: the next one is in the future, a whole number of periods after the first. So a slow step neither causes a
/// burst of ticks nor shifts later ticks.
///
/// # Panics
///
/// If `period` is zero.
///
/// # Examples
///
/// ```
/// use waitline_executor::{interval, run};
/// use std::time::Duration;
///
/// run(async {
///     let period = Duration::from_millis(2);
///     let mut interval = interval(period);
///     let first = interval.tick().await;
///     let second = interval.tick().await;
///     assert_eq!(second - first, period);
/// });
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    assert!(!period.is_zero(), "`interval` with a period of zero: use `yield_now` to go on at each turn");
    Interval { period, next: Next::First }
}

/// The ticks of [`interval`].
///
/// ```
/// use std::time::Duration;
/// use waitline_executor::{Interval, interval, run};
///
/// struct Heartbeat {
///     beats: Interval,
/// }
///
/// run(async {
///     let mut heart = Heartbeat { beats: interval(Duration::from_millis(1)) };
///     for _ in 0..3 {
///         heart.beats.tick().await;
///     }
/// });
/// ```
#[derive(Debug)]
pub struct Interval {
    period: Duration,
    next: Next,
}

/// When the next tick is due.
#[derive(Debug, Clone, Copy)]
enum Next {
    /// At the first call of `tick`.
    First,
    At(Instant),
    /// Beyond the range of the clock.
    Never,
}

impl Interval {
    /// Waits for the next tick, and returns the time at which it was due.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no tick.
    ///
    /// # Panics
    ///
    /// If it has to wait outside of an event loop.
    ///
    /// ```
    /// use std::time::Duration;
    /// use waitline_executor::{interval, run};
    /// run(async {
    ///     let mut ticks = interval(Duration::from_millis(1));
    ///     let first = ticks.tick().await;
    ///     assert!(ticks.tick().await > first);
    /// });
    /// ```
    pub fn tick(&mut self) -> Tick<'_> {
        Tick { interval: self, sleep: None, is_over: false }
    }

    /// The time between two ticks.
    ///
    /// ```
    /// use std::time::Duration;
    /// use waitline_executor::{interval, run};
    /// let period = run(async { interval(Duration::from_millis(1)).period() });
    /// assert_eq!(period.as_millis(), 1);
    /// ```
    pub fn period(&self) -> Duration {
        self.period
    }

    /// The first tick after `now`, a whole number of periods after the one that was `due`.
    fn following(&self, due: Instant, now: Instant) -> Next {
        let (late, period) = (now.saturating_duration_since(due).as_nanos(), self.period.as_nanos());
        let nanos = (late / period + 1).saturating_mul(period);
        let (seconds, rest) = (u64::try_from(nanos / 1_000_000_000), (nanos % 1_000_000_000) as u32);
        seconds.ok().and_then(|seconds| due.checked_add(Duration::new(seconds, rest))).map_or(Next::Never, Next::At)
    }
}

pin_project! {
    /// The future of [`Interval::tick`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use waitline_executor::{Tick, interval, run};
    /// run(async {
    ///     let mut ticks = interval(Duration::from_millis(1));
    ///     let tick: Tick<'_> = ticks.tick();
    ///     tick.await;
    /// });
    /// ```
    #[derive(Debug)]
    #[must_use = "a future does nothing unless it is awaited"]
    pub struct Tick<'a> {
        interval: &'a mut Interval,
        #[pin]
        sleep: Option<Sleep>,
        is_over: bool,
    }
}

impl Future for Tick<'_> {
    type Output = Instant;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Instant> {
        let mut this = self.project();
        if *this.is_over {
            polled_after_ready();
        }
        let due = match this.interval.next {
            Next::First => now(),
            Next::At(due) => due,
            Next::Never => return Poll::Pending,
        };
        if this.sleep.is_none() && due > now() {
            this.sleep.set(Some(Sleep::until("interval", due)));
        }
        if let Some(sleep) = this.sleep.as_mut().as_pin_mut() {
            ready!(sleep.poll(cx));
        }
        *this.is_over = true;
        this.interval.next = this.interval.following(due, now());
        Poll::Ready(due)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn missed_ticks_are_skipped_and_the_beat_is_kept() {
        let period = Duration::from_millis(10);
        let (interval, due) = (interval(period), Instant::now());
        for (late, next) in [(0, 10), (1, 10), (9, 10), (10, 20), (11, 20), (25, 30), (1000, 1010)] {
            let following = interval.following(due, due + Duration::from_millis(late));
            let Next::At(following) = following else { panic!("a tick after {late} ms") };
            assert_eq!(following - due, Duration::from_millis(next), "after {late} ms");
        }
    }

    #[test]
    fn a_period_beyond_the_clock_ticks_once() {
        for period in [Duration::MAX, Duration::from_secs(u64::MAX / 2)] {
            let now = Instant::now();
            assert!(matches!(interval(period).following(now, now), Next::Never));
        }
    }
}
