//! [`Lock`] and the futures that wait for it.

use crate::{
    guard::{LockGuard, OwnedLockGuard},
    raw::{LockProtocol, LockRef, QUEUE, RawLock, try_lock_or_announce},
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    panic::{RefUnwindSafe, UnwindSafe},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use waitline::{
    Handle, WaitQueue, Waiter, busy_or, const_unless_loom,
    diagnostics::Caller,
    sync::{UnsafeCell, block_on},
};

/// A mutual exclusion lock that its waiters acquire strictly in the order in which they began to wait.
///
/// Like `asyncio.Lock`, with a value inside and a guard, as a Rust reader expects of a `Mutex`. It works under any
/// executor, and with threads through [`lock_blocking`](Self::lock_blocking).
///
/// # Fairness
///
/// First in, first out, by hand-off: a release grants the lock to the waiter that has waited longest, and the lock is
/// never free in between. No call passes a waiter, [`try_lock`](Self::try_lock) included. A wait begins at its future's
/// first poll.
///
/// A granted waiter holds the lock even before it is polled again. So a granted future that is neither polled nor
/// dropped keeps the other waiters waiting, like a guard that is kept.
///
/// # Cancel safety
///
/// A waiting future that is dropped loses its position in the queue and nothing else. If it has been granted the lock,
/// the lock goes to the next waiter.
///
/// # No poisoning
///
/// A guard that a panic drops releases the lock like any other, as asyncio's `async with` does. If other holders must
/// detect a half-made change, record that in the value. A lock may be shared across `catch_unwind` (`RefUnwindSafe`),
/// like std's `Mutex`: the value is reached only through the lock, so every holder expects what the last one left.
///
/// # Memory ordering
///
/// Everything that one holder does under the lock happens before everything that the next holder does under it.
///
/// # Examples
///
/// ```
/// use waitline_lock::Lock;
///
/// static TOTAL: Lock<u64> = Lock::new(0);
///
/// # futures_lite::future::block_on(async {
/// *TOTAL.lock().await += 3;
/// assert_eq!(*TOTAL.lock().await, 3);
/// # });
/// ```
#[doc(alias = "Mutex")]
pub struct Lock<T: ?Sized> {
    raw: RawLock,
    value: UnsafeCell<T>,
}

// SAFETY: the lock owns its value.
unsafe impl<T: ?Sized + Send> Send for Lock<T> {}
// SAFETY: a shared lock gives `&mut T` to one thread at a time, which is as good as sending the value there and back.
unsafe impl<T: ?Sized + Send> Sync for Lock<T> {}

// A panic under the lock poisons nothing, by design: later code reaches the value only through the lock, as with std's
// `Mutex` and its `PoisonError::into_inner`. The lock itself is never half changed.
impl<T: ?Sized> UnwindSafe for Lock<T> {}
impl<T: ?Sized> RefUnwindSafe for Lock<T> {}

impl<T> Lock<T> {
    const_unless_loom! {
        /// A free lock around `value`. `const`, except under loom.
        ///
        /// ```
        /// static LOCK: waitline_lock::Lock<Vec<u8>> = waitline_lock::Lock::new(Vec::new());
        /// assert!(!LOCK.is_locked());
        /// ```
        #[inline]
        #[track_caller]
        pub const fn new(value: T) -> Self {
            Lock { raw: RawLock::new(), value: UnsafeCell::new(value) }
        }
    }

    const_unless_loom! {
        /// Sets the lock's name in reports, with the feature `diagnostics`. Does nothing without it.
        ///
        /// ```
        /// static ACCOUNTS: waitline_lock::Lock<Vec<u64>> = waitline_lock::Lock::new(Vec::new()).with_label("accounts");
        /// ```
        #[inline]
        pub const fn with_label(mut self, label: &'static str) -> Self {
            self.raw.set_label(label);
            self
        }
    }

    /// Takes the value out of the lock, which is not shared.
    ///
    /// ```
    /// assert_eq!(waitline_lock::Lock::new(7).into_inner(), 7);
    /// ```
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Lock<T> {
    /// The value of a lock that is not shared, without locking it.
    ///
    /// ```
    /// let mut lock = waitline_lock::Lock::new(1);
    /// *lock.get_mut() = 2;
    /// assert_eq!(lock.into_inner(), 2);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        // SAFETY: `&mut self`: there is no guard.
        self.value.with_mut(|value| unsafe { &mut *value })
    }

    /// Waits for the lock. Like `asyncio.Lock.acquire`.
    ///
    /// The first poll takes a free lock at once, and otherwise enters the queue. See the type for fairness and
    /// cancellation.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let lock = waitline_lock::Lock::new(String::new());
    /// lock.lock().await.push('x');
    /// assert_eq!(*lock.lock().await, "x");
    /// # });
    /// ```
    #[doc(alias = "acquire")]
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> Acquire<'_, T> {
        Acquire { waiter: Waiter::new(LockHandle(self), ()) }
    }

    /// Takes the lock if it is free and has no waiters.
    ///
    /// ```
    /// let lock = waitline_lock::Lock::new(());
    /// let guard = lock.try_lock().unwrap();
    /// assert!(lock.try_lock().is_none());
    /// ```
    #[doc(alias = "try_acquire")]
    #[inline]
    #[track_caller]
    pub fn try_lock(&self) -> Option<LockGuard<'_, T>> {
        let location = Caller::here();
        // SAFETY: we have just taken the lock.
        self.raw.try_lock().then(|| unsafe { LockGuard::new(self, location) })
    }

    /// Waits for the lock with the calling thread parked. Threads and futures share one queue.
    ///
    /// Do not call it inside a future: it blocks the executor's thread, which the holder of the lock may need to run.
    ///
    /// ```
    /// let lock = waitline_lock::Lock::new(0);
    /// std::thread::scope(|scope| {
    ///     for _ in 0..4 {
    ///         scope.spawn(|| *lock.lock_blocking() += 1);
    ///     }
    /// });
    /// assert_eq!(lock.into_inner(), 4);
    /// ```
    #[doc(alias = "blocking_lock")]
    #[track_caller]
    pub fn lock_blocking(&self) -> LockGuard<'_, T> {
        match self.try_lock() {
            Some(guard) => guard,
            None => block_on(self.lock()),
        }
    }

    /// Waits for the lock as [`lock`](Self::lock) does. The guard holds the `Arc`, so that it can move into a task or a
    /// struct.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use std::sync::Arc;
    /// let lock = Arc::new(waitline_lock::Lock::new(1));
    /// let guard = lock.clone().lock_owned().await;
    /// std::thread::spawn(move || assert_eq!(*guard, 1)).join().unwrap();
    /// # });
    /// ```
    #[doc(alias = "lock_arc")]
    #[inline]
    #[track_caller]
    pub fn lock_owned(self: Arc<Self>) -> AcquireOwned<T> {
        AcquireOwned { waiter: Waiter::new(LockHandle(self), ()) }
    }

    /// Takes the lock as [`try_lock`](Self::try_lock) does, for an owned guard. A failure drops the `Arc`: clone it
    /// first.
    ///
    /// ```
    /// use std::sync::Arc;
    /// let lock = Arc::new(waitline_lock::Lock::new(1));
    /// let guard = lock.clone().try_lock_owned().unwrap();
    /// assert!(lock.clone().try_lock_owned().is_none());
    /// ```
    #[doc(alias = "try_lock_arc")]
    #[track_caller]
    pub fn try_lock_owned(self: Arc<Self>) -> Option<OwnedLockGuard<T>> {
        let location = Caller::here();
        // SAFETY: we have just taken the lock.
        self.raw.try_lock().then(|| unsafe { OwnedLockGuard::new(self, location) })
    }

    /// Whether the lock is held now. Like `asyncio.Lock.locked`.
    ///
    /// A hint: it may have changed by the time that the caller looks at it.
    ///
    /// ```
    /// let lock = waitline_lock::Lock::new(());
    /// let guard = lock.try_lock();
    /// assert!(lock.is_locked());
    /// ```
    pub fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }

    /// The number of futures and threads that wait for the lock now. Waiters for a condition's notification do not
    /// count.
    ///
    /// ```
    /// assert_eq!(waitline_lock::Lock::new(()).waiters(), 0);
    /// ```
    pub fn waiters(&self) -> usize {
        self.raw.queue().lock().len()
    }

    pub(crate) fn raw(&self) -> &RawLock {
        &self.raw
    }

    pub(crate) fn value(&self) -> &UnsafeCell<T> {
        &self.value
    }
}

impl<T: Default> Default for Lock<T> {
    #[track_caller]
    fn default() -> Self {
        Lock::new(T::default())
    }
}

impl<T> From<T> for Lock<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        Lock::new(value)
    }
}

/// `Lock { data: 5, waiters: 0 }`, or `<locked>` for the data while the lock is held. Never blocks.
impl<T: ?Sized + fmt::Debug> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Lock");
        match self.try_lock() {
            Some(guard) => out.field("data", &&*guard),
            None => out.field("data", &format_args!("<locked>")),
        };
        out.field("waiters", busy_or(&self.raw.queue().try_lock().map(|queue| queue.len()))).finish()
    }
}

/// The handle of a future that waits for the lock.
pub(crate) struct LockHandle<R>(pub(crate) R);

impl<R: LockRef> Handle for LockHandle<R> {
    const CALL: &'static str = "lock";

    type Protocol = LockProtocol;

    #[inline(always)]
    fn queue(&self) -> &WaitQueue<LockProtocol> {
        self.0.raw().queue()
    }

    // L1: if the last queued waiter is dropped, `WAITERS` stays set until an unlock finds no waiter.

    fn cancel_granted(&self, (): &mut ()) {
        self.0.raw().unlock();
    }
}

/// Polls a wait for the lock. Ready when the lock is ours.
#[inline(always)]
pub(crate) fn poll_acquire<R: LockRef>(mut waiter: Pin<&mut Waiter<LockHandle<R>>>, cx: &mut Context<'_>) -> Poll<R> {
    if let Some((LockHandle(lock), ())) = waiter.as_mut().finish_if(|handle, ()| handle.0.raw().try_lock()) {
        return Poll::Ready(lock);
    }
    let wait =
        waiter.poll_wait(
            cx,
            |entry| if try_lock_or_announce(entry.word()) { entry.ready() } else { entry.wait_in::<QUEUE>() },
        );
    wait.map(|(LockHandle(lock), ())| lock)
}

pin_project! {
    /// The future of [`Lock::lock`].
    ///
    /// ```
    /// use waitline_lock::{Acquire, Lock};
    /// let lock = Lock::new(1);
    /// let acquire: Acquire<'_, i32> = lock.lock();
    /// assert_eq!(*futures_lite::future::block_on(acquire), 1);
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct Acquire<'a, T: ?Sized> {
        #[pin]
        waiter: Waiter<LockHandle<&'a Lock<T>>>,
    }
}

impl<'a, T: ?Sized> Future for Acquire<'a, T> {
    type Output = LockGuard<'a, T>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut waiter = self.project().waiter;
        // SAFETY: `poll_acquire` is ready when the lock is ours.
        poll_acquire(waiter.as_mut(), cx).map(|lock| unsafe { LockGuard::new(lock, waiter.location()) })
    }
}

impl<T: ?Sized> fmt::Debug for Acquire<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Acquire").field(&self.waiter).finish()
    }
}

pin_project! {
    /// The future of [`Lock::lock_owned`].
    ///
    /// ```
    /// use std::sync::Arc;
    /// use waitline_lock::{AcquireOwned, Lock};
    /// let acquire: AcquireOwned<i32> = Arc::new(Lock::new(1)).lock_owned();
    /// assert_eq!(*futures_lite::future::block_on(acquire), 1);
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct AcquireOwned<T: ?Sized> {
        #[pin]
        waiter: Waiter<LockHandle<Arc<Lock<T>>>>,
    }
}

impl<T: ?Sized> Future for AcquireOwned<T> {
    type Output = OwnedLockGuard<T>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut waiter = self.project().waiter;
        // SAFETY: `poll_acquire` is ready when the lock is ours.
        poll_acquire(waiter.as_mut(), cx).map(|lock| unsafe { OwnedLockGuard::new(lock, waiter.location()) })
    }
}

impl<T: ?Sized> fmt::Debug for AcquireOwned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AcquireOwned").field(&self.waiter).finish()
    }
}
