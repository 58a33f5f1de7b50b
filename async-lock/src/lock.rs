//! [`Lock`] and the futures that wait for it.

use crate::{
    guard::{LockGuard, OwnedLockGuard},
    raw::{LockProtocol, QUEUE, RawLock, ToRaw, try_lock_or_announce},
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

/// A mutual exclusion lock whose waiters get it strictly in the order in which they began to wait.
///
/// The meaning is that of Python's `asyncio.Lock`; the value inside and the guard are what a Rust reader expects of a
/// `Mutex`. It works under any executor, and with threads through [`lock_blocking`](Self::lock_blocking).
///
/// # Fairness
///
/// First in, first out, by hand-off: a release with waiters gives the lock to the one that has waited longest, and the
/// lock is never free in between. Nobody passes a waiter, [`try_lock`](Self::try_lock) included. A wait begins at its
/// future's first poll.
///
/// Since the lock is handed over, a waiter that has been given it holds it even before it is polled again: a future
/// that nobody polls (and nobody drops) keeps the others waiting, like a guard that is kept.
///
/// # Cancel safety
///
/// A waiting future that is dropped loses its place in the queue and nothing else; if it had been given the lock, the
/// lock goes to the next waiter.
///
/// # No poisoning
///
/// A guard dropped by a panic releases the lock like any other, as asyncio's `async with` does. If a half made change
/// must not be seen, put that into the value. A lock may be shared across `catch_unwind` (`RefUnwindSafe`), like std's
/// `Mutex`: the value is reached only by way of the lock, so a reader expects what the last holder left.
///
/// # Memory ordering
///
/// What was done under the lock happens before whatever the next holder does.
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

// A panic under the lock poisons nothing, by design: who looks at the value afterwards goes through the lock, as with std's
// `Mutex` and its `PoisonError::into_inner`. The lock itself is never left half changed.
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
        /// Gives the lock a name for reports, with the feature `diagnostics`; without it this does nothing.
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

    /// Takes the value out of a lock that nobody shares.
    ///
    /// ```
    /// assert_eq!(waitline_lock::Lock::new(7).into_inner(), 7);
    /// ```
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Lock<T> {
    /// The value of a lock that nobody shares; no locking needed.
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

    /// Waits for the lock. The meaning of `asyncio.Lock.acquire`.
    ///
    /// The place in the queue is taken at the first poll, and a free lock is taken there and then. See the type for
    /// fairness and cancellation.
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
        Acquire { waiter: Waiter::new(Via(self), ()) }
    }

    /// Takes the lock if it is free and nobody waits for it.
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
        let place = Caller::here();
        // SAFETY: we have just taken the lock.
        self.raw.try_lock().then(|| unsafe { LockGuard::new(self, place) })
    }

    /// Takes the lock, with this thread parked until its turn comes. Threads and futures share one queue.
    ///
    /// Not for use inside a future: it stops the executor's thread, and with it maybe the holder of the lock.
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

    /// [`lock`](Self::lock) for a guard that owns its way to the lock, and can move into a task or a struct.
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
        AcquireOwned { waiter: Waiter::new(Via(self), ()) }
    }

    /// [`try_lock`](Self::try_lock) for an owned guard. The lock's `Arc` is dropped if it fails: clone it first.
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
        let place = Caller::here();
        // SAFETY: we have just taken the lock.
        self.raw.try_lock().then(|| unsafe { OwnedLockGuard::new(self, place) })
    }

    /// Whether somebody holds the lock now. A hint: it may have changed by the time you look at it.
    ///
    /// The meaning of `asyncio.Lock.locked`.
    ///
    /// ```
    /// let lock = waitline_lock::Lock::new(());
    /// let guard = lock.try_lock();
    /// assert!(lock.is_locked());
    /// ```
    pub fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }

    /// How many futures and threads wait for the lock now; those who wait for a condition's notification are not
    /// among them.
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

/// `Lock { data: 5, waiters: 0 }`, or `<locked>` for the data while somebody holds it. Never blocks.
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
pub(crate) struct Via<R>(pub(crate) R);

impl<R: ToRaw> Handle for Via<R> {
    const CALL: &'static str = "lock";

    type Protocol = LockProtocol;

    #[inline(always)]
    fn queue(&self) -> &WaitQueue<LockProtocol> {
        self.0.raw().queue()
    }

    // L1: if a queued waiter that is dropped was the last one, `WAITERS` stays until the unlock that finds nobody.

    fn cancel_granted(&self, (): &mut ()) {
        self.0.raw().unlock();
    }
}

/// Polls a wait for the lock; ready with the way to the lock when the lock is ours.
#[inline(always)]
fn poll_acquire<R: ToRaw>(mut waiter: Pin<&mut Waiter<Via<R>>>, cx: &mut Context<'_>) -> Poll<R> {
    if let Some((Via(lock), ())) = waiter.as_mut().finish_if(|via, ()| via.0.raw().try_lock()) {
        return Poll::Ready(lock);
    }
    let wait =
        waiter.poll_wait(
            cx,
            |entry| if try_lock_or_announce(entry.word()) { entry.ready() } else { entry.wait_in::<QUEUE>() },
        );
    wait.map(|(Via(lock), ())| lock)
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
        waiter: Waiter<Via<&'a Lock<T>>>,
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
        waiter: Waiter<Via<Arc<Lock<T>>>>,
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
