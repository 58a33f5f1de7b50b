//! The clock of a thread.

#[cfg(feature = "sim")]
use std::cell::Cell;
use std::time::Instant;

#[cfg(feature = "sim")]
thread_local! {
    /// The time on this thread, if its clock is stopped.
    static STOPPED_AT: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// The current time of the clock that `sleep_until` and `timeout_at` use. Like `asyncio.loop.time`, but it may be
/// called anywhere.
///
/// In a [simulation](crate::sim) it is the simulated time.
///
/// # Examples
///
/// ```
/// use waitline_executor::{now, run, sleep};
/// use std::time::Duration;
///
/// let begin = now();
/// run(sleep(Duration::from_millis(2)));
/// assert!(now() - begin >= Duration::from_millis(2));
/// ```
pub fn now() -> Instant {
    #[cfg(feature = "sim")]
    if let Some(time) = STOPPED_AT.get() {
        return time;
    }
    Instant::now()
}

/// Stops the clock of this thread at this time, or lets it go again. For drivers.
#[cfg(feature = "sim")]
pub(crate) fn stop_at(time: Option<Instant>) {
    STOPPED_AT.set(time);
}
