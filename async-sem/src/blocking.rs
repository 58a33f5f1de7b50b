//! Waits that block the calling thread, beyond those without a deadline in `semaphore` and `bounded`: with a deadline,
//! for owned permits, and in the forms of a closed semaphore.

use crate::{
    acquire::{Acquire, AcquireOwned},
    bounded::BoundedSemaphore,
    closed::{AfterClose, Closed, OrClosed, closed},
    permit::{OwnedPermit, Permit},
    semaphore::Semaphore,
};
use std::{error::Error, fmt, future::Future, sync::Arc, time::Duration};
use waitline::sync::{block_on, block_on_timeout};

/// The methods that both semaphores have, with their docs.
macro_rules! blocking {
    ($Semaphore:ident, $permit:ty, $most:literal) => {
        impl $Semaphore {
            /// Acquires as [`acquire_blocking`](Self::acquire_blocking) does, but waits at most for `timeout`. Returns
            /// `None` then.
            ///
            /// The thread leaves the queue when the time has passed. A permit that it is granted at that moment is
            /// either returned or goes to the next waiters. A `timeout` of zero takes what is free and never waits;
            /// [`Duration::MAX`] never passes. A task uses its runtime's timeout around [`acquire`](Self::acquire).
            ///
            /// ```
            /// use std::time::Duration;
            #[doc = concat!("let semaphore = waitline_sem::", stringify!($Semaphore), "::new(1);")]
            /// let permit = semaphore.acquire_blocking_timeout(Duration::from_secs(1)).unwrap();
            /// assert!(semaphore.acquire_blocking_timeout(Duration::from_millis(1)).is_none());
            /// ```
            ///
            /// # Panics
            ///
            /// As [`acquire_blocking`](Self::acquire_blocking).
            #[doc(alias = "acquire_timeout")]
            #[track_caller]
            pub fn acquire_blocking_timeout(&self, timeout: Duration) -> Option<$permit> {
                self.block_for(1, timeout, "acquire_blocking_timeout")
            }

            /// Acquires as [`acquire_many_blocking`](Self::acquire_many_blocking) does, but waits at most for `timeout`,
            /// as [`acquire_blocking_timeout`](Self::acquire_blocking_timeout). Returns `None` then, and takes none of
            /// the permits.
            ///
            /// ```
            /// use std::time::Duration;
            #[doc = concat!("let semaphore = waitline_sem::", stringify!($Semaphore), "::new(3);")]
            /// let permits = semaphore.acquire_many_blocking_timeout(2, Duration::from_secs(1)).unwrap();
            /// assert!(semaphore.acquire_many_blocking_timeout(2, Duration::from_millis(1)).is_none());
            /// assert_eq!(semaphore.available_permits(), 1);
            /// ```
            ///
            /// # Panics
            ///
            /// As [`acquire_many_blocking`](Self::acquire_many_blocking).
            #[track_caller]
            pub fn acquire_many_blocking_timeout(&self, n: usize, timeout: Duration) -> Option<$permit> {
                self.block_for(n, timeout, "acquire_many_blocking_timeout")
            }

            /// Acquires as [`acquire_blocking_or_closed`](Self::acquire_blocking_or_closed) does, but waits at most for
            /// `timeout`, as [`acquire_blocking_timeout`](Self::acquire_blocking_timeout).
            ///
            /// ```
            /// use std::time::Duration;
            /// use waitline_sem::AcquireTimeoutError;
            #[doc = concat!("let semaphore = waitline_sem::", stringify!($Semaphore), "::new(1);")]
            /// let permit = semaphore.acquire_blocking_or_closed_timeout(Duration::from_secs(1)).unwrap();
            /// let timed_out = semaphore.acquire_blocking_or_closed_timeout(Duration::from_millis(1));
            /// assert_eq!(timed_out.unwrap_err(), AcquireTimeoutError::TimedOut);
            /// ```
            ///
            /// # Errors
            ///
            /// If the time has passed, or the semaphore is [closed](Self::close).
            ///
            /// # Panics
            ///
            #[doc = concat!("If ", $most, ".")]
            #[track_caller]
            pub fn acquire_blocking_or_closed_timeout(
                &self,
                timeout: Duration,
            ) -> Result<$permit, AcquireTimeoutError> {
                let n = self.can_be_granted(1, "acquire_blocking_or_closed_timeout");
                Acquire::new(self, n).or_closed().wait_blocking_timeout(timeout)
            }

            /// Acquires as [`acquire_many_blocking_or_closed`](Self::acquire_many_blocking_or_closed) does, but waits at
            /// most for `timeout`, as [`acquire_blocking_timeout`](Self::acquire_blocking_timeout).
            ///
            /// ```
            /// use std::time::Duration;
            /// use waitline_sem::AcquireTimeoutError;
            #[doc = concat!("let semaphore = waitline_sem::", stringify!($Semaphore), "::new(3);")]
            /// let permits = semaphore.acquire_many_blocking_or_closed_timeout(2, Duration::from_secs(1)).unwrap();
            /// semaphore.close();
            /// let closed = semaphore.acquire_many_blocking_or_closed_timeout(1, Duration::from_secs(1));
            /// assert_eq!(closed.unwrap_err(), AcquireTimeoutError::Closed);
            /// ```
            ///
            /// # Errors
            ///
            /// If the time has passed, or the semaphore is [closed](Self::close).
            ///
            /// # Panics
            ///
            #[doc = concat!("If ", $most, ".")]
            #[track_caller]
            pub fn acquire_many_blocking_or_closed_timeout(
                &self,
                n: usize,
                timeout: Duration,
            ) -> Result<$permit, AcquireTimeoutError> {
                let n = self.can_be_granted(n, "acquire_many_blocking_or_closed_timeout");
                Acquire::new(self, n).or_closed().wait_blocking_timeout(timeout)
            }

            /// Acquires as [`acquire_blocking`](Self::acquire_blocking) does, but the permit owns an `Arc` of the
            /// semaphore, and can move into a task or a struct.
            ///
            /// If the semaphore may be closed, call
            /// `acquire_owned().`[`or_closed()`](crate::AcquireOwned::or_closed)`.`[`wait_blocking()`](crate::OrClosed::wait_blocking).
            ///
            /// ```
            #[doc = concat!("let semaphore = std::sync::Arc::new(waitline_sem::", stringify!($Semaphore), "::new(1));")]
            /// let permit = semaphore.clone().acquire_owned_blocking();
            /// std::thread::spawn(move || drop(permit)).join().unwrap();
            /// assert_eq!(semaphore.available_permits(), 1);
            /// ```
            ///
            /// # Panics
            ///
            /// As [`acquire_blocking`](Self::acquire_blocking).
            #[doc(alias = "blocking_acquire_owned")]
            #[track_caller]
            pub fn acquire_owned_blocking(self: Arc<Self>) -> OwnedPermit<Self> {
                self.block_owned(1, "acquire_owned_blocking")
            }

            /// Acquires as [`acquire_owned_blocking`](Self::acquire_owned_blocking) does, but waits at most for
            /// `timeout`, as [`acquire_blocking_timeout`](Self::acquire_blocking_timeout). `None` drops the `Arc`: clone
            /// it first.
            ///
            /// ```
            /// use std::time::Duration;
            #[doc = concat!("let semaphore = std::sync::Arc::new(waitline_sem::", stringify!($Semaphore), "::new(1));")]
            /// let permit = semaphore.clone().acquire_owned_blocking_timeout(Duration::from_secs(1)).unwrap();
            /// assert!(semaphore.acquire_owned_blocking_timeout(Duration::from_millis(1)).is_none());
            /// ```
            ///
            /// # Panics
            ///
            /// As [`acquire_blocking`](Self::acquire_blocking).
            #[track_caller]
            pub fn acquire_owned_blocking_timeout(self: Arc<Self>, timeout: Duration) -> Option<OwnedPermit<Self>> {
                self.block_owned_for(1, timeout, "acquire_owned_blocking_timeout")
            }

            /// Acquires as [`acquire_many_blocking`](Self::acquire_many_blocking) does, but returns an owned permit.
            ///
            /// ```
            #[doc = concat!("let semaphore = std::sync::Arc::new(waitline_sem::", stringify!($Semaphore), "::new(3));")]
            /// let permits = semaphore.clone().acquire_many_owned_blocking(2);
            /// assert_eq!((permits.num_permits(), semaphore.available_permits()), (2, 1));
            /// ```
            ///
            /// # Panics
            ///
            /// As [`acquire_many_blocking`](Self::acquire_many_blocking).
            #[track_caller]
            pub fn acquire_many_owned_blocking(self: Arc<Self>, n: usize) -> OwnedPermit<Self> {
                self.block_owned(n, "acquire_many_owned_blocking")
            }

            /// Acquires as [`acquire_many_owned_blocking`](Self::acquire_many_owned_blocking) does, but waits at most
            /// for `timeout`, as [`acquire_blocking_timeout`](Self::acquire_blocking_timeout). `None` drops the `Arc`:
            /// clone it first.
            ///
            /// ```
            /// use std::time::Duration;
            #[doc = concat!("let semaphore = std::sync::Arc::new(waitline_sem::", stringify!($Semaphore), "::new(3));")]
            /// let permits = semaphore.clone().acquire_many_owned_blocking_timeout(2, Duration::from_secs(1)).unwrap();
            /// assert!(semaphore.acquire_many_owned_blocking_timeout(2, Duration::from_millis(1)).is_none());
            /// ```
            ///
            /// # Panics
            ///
            /// As [`acquire_many_blocking`](Self::acquire_many_blocking).
            #[track_caller]
            pub fn acquire_many_owned_blocking_timeout(
                self: Arc<Self>,
                n: usize,
                timeout: Duration,
            ) -> Option<OwnedPermit<Self>> {
                self.block_owned_for(n, timeout, "acquire_many_owned_blocking_timeout")
            }

            #[track_caller]
            fn block_for(&self, n: usize, timeout: Duration, method: &str) -> Option<$permit> {
                if let Some(permits) = self.try_acquire_many(n) {
                    return Some(permits);
                }
                let n = self.can_be_granted(n, method);
                let permits = block_on_timeout(Acquire::new(self, n).or_closed(), timeout)?;
                Some(permits.unwrap_or_else(|Closed| closed::<Self>(method)))
            }

            #[track_caller]
            fn block_owned(self: Arc<Self>, n: usize, method: &str) -> OwnedPermit<Self> {
                let n = self.can_be_granted(n, method);
                block_on(AcquireOwned::new(self, n).or_closed()).unwrap_or_else(|Closed| closed::<Self>(method))
            }

            #[track_caller]
            fn block_owned_for(
                self: Arc<Self>,
                n: usize,
                timeout: Duration,
                method: &str,
            ) -> Option<OwnedPermit<Self>> {
                let n = self.can_be_granted(n, method);
                let permits = block_on_timeout(AcquireOwned::new(self, n).or_closed(), timeout)?;
                Some(permits.unwrap_or_else(|Closed| closed::<Self>(method)))
            }
        }
    };
}

blocking!(Semaphore, Permit<'_>, "more permits are wanted than [`MAX_PERMITS`](Self::MAX_PERMITS)");
blocking!(BoundedSemaphore, Permit<'_, Self>, "more permits are wanted than the [`bound`](Self::bound)");

impl<F, P> OrClosed<F>
where
    Self: Future<Output = Result<P, Closed>>,
{
    /// Waits with the calling thread parked, instead of awaiting. Threads and futures share one queue.
    ///
    /// Do not call it inside a future: it blocks the executor's thread.
    ///
    /// ```
    /// let semaphore = std::sync::Arc::new(waitline_sem::Semaphore::new(1));
    /// assert!(semaphore.clone().acquire_owned().or_closed().wait_blocking().is_ok());
    /// semaphore.close();
    /// assert!(semaphore.acquire_owned().or_closed().wait_blocking().is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// If the semaphore is [closed](Semaphore::close).
    #[track_caller]
    pub fn wait_blocking(self) -> Result<P, Closed> {
        block_on(self)
    }

    /// Waits as [`wait_blocking`](Self::wait_blocking) does, but at most for `timeout`, as
    /// [`acquire_blocking_timeout`](Semaphore::acquire_blocking_timeout) does.
    ///
    /// ```
    /// use std::time::Duration;
    /// use waitline_sem::{AcquireTimeoutError, Semaphore};
    /// let semaphore = std::sync::Arc::new(Semaphore::new(0));
    /// let timed_out = semaphore.acquire_owned().or_closed().wait_blocking_timeout(Duration::from_millis(1));
    /// assert_eq!(timed_out.unwrap_err(), AcquireTimeoutError::TimedOut);
    /// ```
    ///
    /// # Errors
    ///
    /// If the time has passed, or the semaphore is [closed](Semaphore::close).
    #[track_caller]
    pub fn wait_blocking_timeout(self, timeout: Duration) -> Result<P, AcquireTimeoutError> {
        match block_on_timeout(self, timeout) {
            Some(permits) => permits.map_err(|Closed| AcquireTimeoutError::Closed),
            None => Err(AcquireTimeoutError::TimedOut),
        }
    }
}

impl<F> AfterClose<F>
where
    Self: Future,
{
    /// Waits with the calling thread parked, instead of awaiting. Threads and futures share one queue.
    ///
    /// Do not call it inside a future: it blocks the executor's thread.
    ///
    /// ```
    /// let semaphore = waitline_sem::Semaphore::new(3);
    /// semaphore.close();
    /// let all = semaphore.acquire_many(3).after_close().wait_blocking();
    /// assert_eq!(all.num_permits(), 3);
    /// ```
    ///
    /// # Panics
    ///
    /// If the semaphore is open.
    #[track_caller]
    pub fn wait_blocking(self) -> <Self as Future>::Output {
        block_on(self)
    }

    /// Waits as [`wait_blocking`](Self::wait_blocking) does, but at most for `timeout`, as
    /// [`acquire_blocking_timeout`](Semaphore::acquire_blocking_timeout) does. Returns `None` then, and takes none of
    /// the permits.
    ///
    /// ```
    /// use std::time::Duration;
    /// let semaphore = waitline_sem::Semaphore::new(3);
    /// let in_use = semaphore.try_acquire();
    /// semaphore.close();
    /// let all = semaphore.acquire_many(3).after_close().wait_blocking_timeout(Duration::from_millis(1));
    /// assert!(all.is_none());
    /// ```
    ///
    /// # Panics
    ///
    /// If the semaphore is open.
    #[track_caller]
    pub fn wait_blocking_timeout(self, timeout: Duration) -> Option<<Self as Future>::Output> {
        block_on_timeout(self, timeout)
    }
}

/// Why an acquire with a deadline has no permit.
///
/// ```
/// use std::time::Duration;
/// use waitline_sem::{AcquireTimeoutError, Semaphore};
/// let semaphore = Semaphore::new(0);
/// let error = semaphore.acquire_blocking_or_closed_timeout(Duration::ZERO).unwrap_err();
/// assert_eq!(error, AcquireTimeoutError::TimedOut);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AcquireTimeoutError {
    /// The time has passed. No permit was taken.
    TimedOut,
    /// The semaphore is closed: [`Closed`].
    Closed,
}

impl fmt::Display for AcquireTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AcquireTimeoutError::TimedOut => f.write_str("the time of a wait for permits has passed"),
            AcquireTimeoutError::Closed => Closed.fmt(f),
        }
    }
}

impl Error for AcquireTimeoutError {}
