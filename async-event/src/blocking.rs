//! Waits that block the calling thread, beyond [`Event::wait_blocking`]: with a deadline, and at a barrier.

use crate::{Barrier, BarrierTurn, BrokenBarrier, Event};
use std::{error::Error, fmt, time::Duration};
use waitline::{
    TimedOut,
    sync::{block_on, block_on_timeout},
};

impl Event {
    /// Waits as [`wait_blocking`](Self::wait_blocking) does, but at most for `timeout`.
    ///
    /// A `timeout` of zero only looks whether the event is set; [`Duration::MAX`] never passes. A task uses its
    /// runtime's timeout around [`wait`](Self::wait).
    ///
    /// # Errors
    ///
    /// [`TimedOut`], if the time has passed and no [`set`](Self::set) has completed the wait.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let event = waitline_event::Event::new();
    /// assert!(event.wait_blocking_timeout(Duration::from_millis(1)).is_err());
    /// event.set();
    /// assert!(event.wait_blocking_timeout(Duration::ZERO).is_ok());
    /// ```
    #[doc(alias = "wait_timeout")]
    #[track_caller]
    pub fn wait_blocking_timeout(&self, timeout: Duration) -> Result<(), TimedOut> {
        if self.is_set() { Ok(()) } else { block_on_timeout(self.wait(), timeout).ok_or(TimedOut) }
    }
}

impl Barrier {
    /// Arrives, and waits with the calling thread parked until all parties have arrived. Threads and futures are
    /// parties of the same rounds.
    ///
    /// Do not call it inside a future: it blocks the executor's thread, which other parties may need to run.
    ///
    /// ```
    /// let barrier = waitline_event::Barrier::new(3);
    /// std::thread::scope(|scope| {
    ///     let parties = [(); 3].map(|()| scope.spawn(|| barrier.wait_blocking()));
    ///     let turns = parties.map(|party| party.join().unwrap().unwrap());
    ///     assert_eq!(turns.iter().filter(|turn| turn.is_leader()).count(), 1);
    /// });
    /// ```
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    #[doc(alias = "blocking_wait")]
    #[track_caller]
    pub fn wait_blocking(&self) -> Result<BarrierTurn, BrokenBarrier> {
        block_on(self.wait())
    }

    /// Waits as [`wait_blocking`](Self::wait_blocking) does, but at most for `timeout`.
    ///
    /// When the time has passed, the party takes its arrival back, as a future that is dropped does. It does not break
    /// the barrier. A `timeout` of zero succeeds for the last party of a round only; [`Duration::MAX`] never passes.
    ///
    /// # Errors
    ///
    /// [`BarrierTimeoutError::TimedOut`], if the time has passed and the round is not complete. Otherwise as
    /// [`wait`](Self::wait).
    ///
    /// ```
    /// # use std::time::Duration;
    /// use waitline_event::{Barrier, BarrierTimeoutError};
    /// let barrier = Barrier::new(2);
    /// assert_eq!(barrier.wait_blocking_timeout(Duration::from_millis(1)), Err(BarrierTimeoutError::TimedOut));
    /// assert_eq!(barrier.n_waiting(), 0);
    /// ```
    #[doc(alias = "wait_timeout")]
    #[track_caller]
    pub fn wait_blocking_timeout(&self, timeout: Duration) -> Result<BarrierTurn, BarrierTimeoutError> {
        match block_on_timeout(self.wait(), timeout) {
            Some(Ok(turn)) => Ok(turn),
            Some(Err(BrokenBarrier)) => Err(BarrierTimeoutError::Broken),
            None => Err(BarrierTimeoutError::TimedOut),
        }
    }
}

/// Why [`Barrier::wait_blocking_timeout`] returned without a [`BarrierTurn`].
///
/// ```
/// # use std::time::Duration;
/// # use waitline_event::{Barrier, BarrierTimeoutError};
/// let barrier = Barrier::new(2);
/// barrier.abort();
/// assert_eq!(barrier.wait_blocking_timeout(Duration::ZERO), Err(BarrierTimeoutError::Broken));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BarrierTimeoutError {
    /// The time has passed before all parties arrived. This party's arrival is taken back.
    TimedOut,
    /// The barrier was aborted or reset: [`BrokenBarrier`].
    Broken,
}

impl fmt::Display for BarrierTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BarrierTimeoutError::TimedOut => f.write_str("the time of a wait at a barrier has passed"),
            BarrierTimeoutError::Broken => BrokenBarrier.fmt(f),
        }
    }
}

impl Error for BarrierTimeoutError {}
