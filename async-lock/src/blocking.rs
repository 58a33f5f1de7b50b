//! Waits that block the calling thread, beyond [`Lock::lock_blocking`]: with a deadline, for an owned guard, and for a
//! condition.

use crate::{
    condition::Condition,
    guard::{LockGuard, OwnedLockGuard},
    lock::{Lock, LockHandle, poll_acquire},
    wait::Guard,
};
use std::{error::Error, fmt, future::poll_fn, pin::pin, sync::Arc, time::Duration};
use waitline::{
    Waiter,
    sync::{block_on, block_on_timeout},
};

impl<T: ?Sized> Lock<T> {
    /// Waits for the lock as [`lock_blocking`](Self::lock_blocking) does, but at most for `timeout`. Returns `None`
    /// then.
    ///
    /// The thread leaves the queue when the time has passed. If it is granted the lock at that moment, the lock is
    /// either returned or handed to the next waiter. A `timeout` of zero takes a free lock and never waits;
    /// [`Duration::MAX`] never passes. A task uses its runtime's timeout around [`lock`](Self::lock).
    ///
    /// ```
    /// use std::time::Duration;
    /// let lock = waitline_lock::Lock::new(1);
    /// let guard = lock.lock_blocking_timeout(Duration::from_secs(1)).unwrap();
    /// assert!(lock.lock_blocking_timeout(Duration::from_millis(1)).is_none());
    /// ```
    #[doc(alias("try_lock_for", "lock_timeout"))]
    #[track_caller]
    pub fn lock_blocking_timeout(&self, timeout: Duration) -> Option<LockGuard<'_, T>> {
        match self.try_lock() {
            Some(guard) => Some(guard),
            None => block_on_timeout(self.lock(), timeout),
        }
    }

    /// Waits as [`lock_blocking`](Self::lock_blocking) does, for an owned guard.
    ///
    /// ```
    /// use std::sync::Arc;
    /// let lock = Arc::new(waitline_lock::Lock::new(1));
    /// let guard = lock.clone().lock_owned_blocking();
    /// std::thread::spawn(move || assert_eq!(*guard, 1)).join().unwrap();
    /// ```
    #[doc(alias("blocking_lock_owned", "lock_arc_blocking"))]
    #[track_caller]
    pub fn lock_owned_blocking(self: Arc<Self>) -> OwnedLockGuard<T> {
        block_on(self.lock_owned())
    }

    /// Waits as [`lock_blocking_timeout`](Self::lock_blocking_timeout) does, for an owned guard. `None` drops the
    /// `Arc`: clone it first.
    ///
    /// ```
    /// use std::{sync::Arc, time::Duration};
    /// let lock = Arc::new(waitline_lock::Lock::new(1));
    /// let guard = lock.clone().lock_owned_blocking_timeout(Duration::from_secs(1)).unwrap();
    /// assert!(lock.lock_owned_blocking_timeout(Duration::from_millis(1)).is_none());
    /// ```
    #[doc(alias("try_lock_arc_for", "lock_owned_timeout"))]
    #[track_caller]
    pub fn lock_owned_blocking_timeout(self: Arc<Self>, timeout: Duration) -> Option<OwnedLockGuard<T>> {
        block_on_timeout(self.lock_owned(), timeout)
    }
}

impl Condition {
    /// Waits as [`wait`](Self::wait) does, with the calling thread parked. Threads and futures share one list.
    ///
    /// Do not call it inside a future: it blocks the executor's thread, which the notifying task may need to run.
    ///
    /// ```
    /// # use waitline_lock::{Condition, Lock};
    /// let (door, opened) = (Lock::new(false), Condition::new());
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| {
    ///         let mut open = door.lock_blocking();
    ///         *open = true;
    ///         opened.notify_all(&open);
    ///     });
    ///     let mut open = door.lock_blocking();
    ///     while !*open {
    ///         open = opened.wait_blocking(open);
    ///     }
    /// });
    /// ```
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    #[track_caller]
    pub fn wait_blocking<G: Guard>(&self, guard: G) -> G {
        block_on(self.wait(guard))
    }

    /// Waits as [`wait_blocking`](Self::wait_blocking) does, but at most for `timeout`. Takes the lock again in both
    /// cases, however long that takes.
    ///
    /// When the time has passed, the thread leaves the condition, and queues for the lock behind its other waiters. If
    /// it was notified and does not hold the lock yet, its notification goes to the next waiter; if there is none, only
    /// a look at the value shows what has changed. So look at the value after a time-out too, as
    /// [`wait_while_blocking_timeout`](Self::wait_while_blocking_timeout) does. With a `timeout` of zero, the thread
    /// lets the waiters of the lock pass; [`Duration::MAX`] never passes.
    ///
    /// # Errors
    ///
    /// [`WaitTimedOut`], with the guard, if the time has passed.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use waitline_lock::{Condition, Lock};
    /// let (number, changed) = (Lock::new(7), Condition::new());
    /// let timed_out = changed.wait_blocking_timeout(number.lock_blocking(), Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(*timed_out.into_inner(), 7);
    /// ```
    ///
    /// # Panics
    ///
    /// As [`wait`](Self::wait).
    #[doc(alias("wait_timeout", "wait_for"))]
    #[track_caller]
    pub fn wait_blocking_timeout<G: Guard>(&self, guard: G, timeout: Duration) -> Result<G, WaitTimedOut<G>> {
        let lock = guard.lock_ref();
        block_on_timeout(self.wait(guard), timeout).ok_or_else(|| WaitTimedOut(lock_again(lock)))
    }

    /// Waits as [`wait_while`](Self::wait_while) does, with the calling thread parked.
    ///
    /// ```
    /// # use waitline_lock::{Condition, Lock};
    /// let (jobs, added) = (Lock::new(Vec::new()), Condition::new());
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| {
    ///         let mut jobs = jobs.lock_blocking();
    ///         jobs.push("dig");
    ///         added.notify_one(&jobs);
    ///     });
    ///     let mut jobs = added.wait_while_blocking(jobs.lock_blocking(), |jobs| jobs.is_empty());
    ///     assert_eq!(jobs.pop(), Some("dig"));
    /// });
    /// ```
    ///
    /// # Panics
    ///
    /// As [`wait_while`](Self::wait_while).
    #[track_caller]
    pub fn wait_while_blocking<G, F>(&self, guard: G, condition: F) -> G
    where
        G: Guard,
        F: FnMut(&mut G::Target) -> bool,
    {
        block_on(self.wait_while(guard, condition))
    }

    /// Waits as [`wait_while_blocking`](Self::wait_while_blocking) does, but at most for `timeout`. Takes the lock
    /// again in both cases, as [`wait_blocking_timeout`](Self::wait_blocking_timeout) does, and calls `condition` once
    /// more when the time has passed.
    ///
    /// # Errors
    ///
    /// [`WaitTimedOut`], with the guard, if the time has passed and `condition` is still true.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use waitline_lock::{Condition, Lock};
    /// let (jobs, added) = (Lock::new(vec!["dig"]), Condition::new());
    /// let wait = || {
    ///     let guard = jobs.lock_blocking();
    ///     added.wait_while_blocking_timeout(guard, |jobs| jobs.is_empty(), Duration::from_millis(1))
    /// };
    /// assert_eq!(wait().unwrap().pop(), Some("dig"));
    /// assert!(wait().is_err());
    /// ```
    ///
    /// # Panics
    ///
    /// As [`wait_while`](Self::wait_while).
    #[doc(alias("wait_timeout_while", "wait_while_for"))]
    #[track_caller]
    pub fn wait_while_blocking_timeout<G, F>(
        &self,
        guard: G,
        mut condition: F,
        timeout: Duration,
    ) -> Result<G, WaitTimedOut<G>>
    where
        G: Guard,
        F: FnMut(&mut G::Target) -> bool,
    {
        let lock = guard.lock_ref();
        if let Some(guard) = block_on_timeout(self.wait_while(guard, &mut condition), timeout) {
            return Ok(guard);
        }
        let mut guard: G = lock_again(lock);
        if condition(&mut *guard) { Err(WaitTimedOut(guard)) } else { Ok(guard) }
    }
}

/// Waits for the lock that a wait for a condition has released, with the calling thread parked.
#[track_caller]
fn lock_again<G: Guard>(lock: G::Ref) -> G {
    let mut waiter = pin!(Waiter::new(LockHandle(lock), ()));
    let location = waiter.location();
    let lock = block_on(poll_fn(|cx| poll_acquire(waiter.as_mut(), cx)));
    // SAFETY: `poll_acquire` is ready when the lock is ours.
    unsafe { G::from_lock(lock, location) }
}

/// The time of a blocking wait for a [`Condition`] has passed. Holds the guard of the lock, which is taken again.
///
/// ```
/// use std::time::Duration;
/// use waitline_lock::{Condition, Lock, WaitTimedOut};
/// let (lock, condition) = (Lock::new(1), Condition::new());
/// let WaitTimedOut(guard) = condition.wait_blocking_timeout(lock.lock_blocking(), Duration::ZERO).unwrap_err();
/// assert_eq!(*guard, 1);
/// ```
#[doc(alias = "WaitTimeoutResult")]
pub struct WaitTimedOut<G>(pub G);

impl<G> WaitTimedOut<G> {
    /// The guard.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use waitline_lock::{Condition, Lock};
    /// # let (lock, condition) = (Lock::new(1), Condition::new());
    /// let waited = condition.wait_blocking_timeout(lock.lock_blocking(), Duration::ZERO);
    /// let guard = waited.unwrap_or_else(|timed_out| timed_out.into_inner());
    /// # drop(guard);
    /// ```
    pub fn into_inner(self) -> G {
        self.0
    }
}

/// Shows no value, so that it needs no `T: Debug`.
impl<G> fmt::Debug for WaitTimedOut<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WaitTimedOut(..)")
    }
}

impl<G> fmt::Display for WaitTimedOut<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time of a wait for a condition has passed")
    }
}

impl<G> Error for WaitTimedOut<G> {}
