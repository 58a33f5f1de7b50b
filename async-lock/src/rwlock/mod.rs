//! A readers-writer lock, [`RwLock`], with its guards in three modes and its futures.
//!
//! | | whole value, borrowed | whole value, owned | part, borrowed | part, owned |
//! |---|---|---|---|---|
//! | read | [`RwLockReadGuard`] | [`OwnedRwLockReadGuard`] | [`MappedRwLockReadGuard`] | [`OwnedMappedRwLockReadGuard`] |
//! | upgradable read | [`RwLockUpgradableReadGuard`] | [`OwnedRwLockUpgradableReadGuard`] | [`MappedRwLockUpgradableReadGuard`] | [`OwnedMappedRwLockUpgradableReadGuard`] |
//! | write | [`RwLockWriteGuard`] | [`OwnedRwLockWriteGuard`] | [`MappedRwLockWriteGuard`] | [`OwnedMappedRwLockWriteGuard`] |
//! | all of them are | [`RwGuard`] | [`RwGuard`] | [`MappedRwGuard`] | [`OwnedMappedRwGuard`] |

mod acquire;
mod guard;
mod map;
mod mapped;
mod mode;
mod raw;

pub use acquire::{RwAcquire, RwUpgrade};
pub use guard::{
    OwnedRwLockReadGuard, OwnedRwLockUpgradableReadGuard, OwnedRwLockWriteGuard, RwGuard, RwLockReadGuard,
    RwLockUpgradableReadGuard, RwLockWriteGuard,
};
pub use mapped::{
    MappedRwGuard, MappedRwLockReadGuard, MappedRwLockUpgradableReadGuard, MappedRwLockWriteGuard, OwnedMappedRwGuard,
    OwnedMappedRwLockReadGuard, OwnedMappedRwLockUpgradableReadGuard, OwnedMappedRwLockWriteGuard,
};
pub use mode::{Mode, Read, RwRef, SharedMode, Upgradable, Write};

use raw::RawRwLock;
use std::{
    fmt,
    panic::{RefUnwindSafe, UnwindSafe},
    sync::Arc,
};
use waitline::{
    busy_or, const_unless_loom,
    diagnostics::Caller,
    sync::{UnsafeCell, block_on},
};

/// A lock that many readers share, or one writer has alone. Its waiters acquire it strictly in the order in which they
/// began to wait.
///
/// An [upgradable read](Self::upgradable_read) coexists with readers, and can become the writer without another writer
/// in between. The lock works under any executor, and with threads through the `…_blocking` methods.
///
/// # Fairness
///
/// First in, first out, by hand-off in phases. A release grants the waiter that has waited longest: if it is a writer,
/// the writer alone; if it is a reader, at once all readers up to the next writer. No call passes a waiter, the
/// `try_…` methods included: a reader that comes while a writer waits waits behind it. So neither readers nor writers
/// starve. A second upgradable reader waits for the first, and those behind it wait with it. A wait begins at its
/// future's first poll.
///
/// Only an [upgrade](RwGuard::upgrade) goes before all others: it holds a read already, so no writer could go first.
///
/// A granted waiter holds the lock even before it is polled again. So a granted future that is neither polled nor
/// dropped keeps the other waiters waiting, like a guard that is kept.
///
/// # A read inside a read
///
/// **A task that holds a read and waits for a second one can deadlock.** If a writer waits by then, the second read
/// waits behind the writer, and the writer waits for the end of the first read. This is the price of fairness: a lock
/// that admits the second read lets readers starve writers. Pass the guard, or a reference to the value, to the code
/// that needs it. With the feature `diagnostics`, reports show such a task as waiting for itself.
///
/// # Cancel safety
///
/// A waiting future that is dropped loses its position in the queue and nothing else. If it has been granted the lock,
/// the lock goes to the next waiters. A dropped [upgrade](RwGuard::upgrade) releases its read.
///
/// # No poisoning
///
/// A guard that a panic drops releases the lock like any other. If others must detect a half-made change, record that
/// in the value. A lock may be shared across `catch_unwind` (`RefUnwindSafe`), like std's `RwLock`.
///
/// # Memory ordering
///
/// Everything that a writer does under the lock happens before everything that later holders do under it. Everything
/// that a reader does under it happens before everything that later writers do.
///
/// # Examples
///
/// ```
/// use waitline_lock::RwLock;
///
/// static NAMES: RwLock<Vec<&str>> = RwLock::new(Vec::new());
///
/// # futures_lite::future::block_on(async {
/// NAMES.write().await.push("Ada");
/// let (one, other) = (NAMES.read().await, NAMES.try_read().unwrap());
/// assert_eq!(one[0], other[0]);
/// # });
/// ```
pub struct RwLock<T: ?Sized> {
    raw: RawRwLock,
    value: UnsafeCell<T>,
}

// SAFETY: the lock owns its value.
unsafe impl<T: ?Sized + Send> Send for RwLock<T> {}
// SAFETY: a shared lock gives `&T` to several threads at a time, and `&mut T` to one.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

// A panic under the lock poisons nothing, by design; see `Lock`.
impl<T: ?Sized> UnwindSafe for RwLock<T> {}
impl<T: ?Sized> RefUnwindSafe for RwLock<T> {}

impl<T> RwLock<T> {
    const_unless_loom! {
        /// A free lock around `value`. `const`, except under loom.
        ///
        /// ```
        /// static LOCK: waitline_lock::RwLock<Vec<u8>> = waitline_lock::RwLock::new(Vec::new());
        /// assert!(!LOCK.is_locked());
        /// ```
        #[inline]
        #[track_caller]
        pub const fn new(value: T) -> Self {
            RwLock { raw: RawRwLock::new(), value: UnsafeCell::new(value) }
        }
    }

    const_unless_loom! {
        /// Sets the lock's name in reports, with the feature `diagnostics`. Does nothing without it.
        ///
        /// ```
        /// static NAMES: waitline_lock::RwLock<Vec<&str>> = waitline_lock::RwLock::new(Vec::new()).with_label("names");
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
    /// assert_eq!(waitline_lock::RwLock::new(7).into_inner(), 7);
    /// ```
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwLock<T> {
    /// The value of a lock that is not shared, without locking it.
    ///
    /// ```
    /// let mut lock = waitline_lock::RwLock::new(1);
    /// *lock.get_mut() = 2;
    /// assert_eq!(lock.into_inner(), 2);
    /// ```
    pub fn get_mut(&mut self) -> &mut T {
        // SAFETY: `&mut self`: there is no guard.
        self.value.with_mut(|value| unsafe { &mut *value })
    }

    /// Waits to read the value, beside other readers.
    ///
    /// The first poll takes the lock at once if no writer holds it and nobody waits, and otherwise enters the queue. See
    /// the type for fairness, cancellation and [a read inside a read](Self#a-read-inside-a-read).
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let lock = waitline_lock::RwLock::new("value");
    /// assert_eq!(*lock.read().await, "value");
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// When it is polled, if there are `usize::MAX / 16` readers already, which only forgotten guards can cause. Nothing
    /// changes then. The other methods for readers do the same.
    #[inline]
    #[track_caller]
    pub fn read(&self) -> RwAcquire<&Self, Read> {
        RwAcquire::new(self)
    }

    /// Waits to read and write the value, alone.
    ///
    /// The first poll takes a free lock at once, and otherwise enters the queue. See the type for fairness and
    /// cancellation.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let lock = waitline_lock::RwLock::new(1);
    /// *lock.write().await += 1;
    /// assert_eq!(lock.into_inner(), 2);
    /// # });
    /// ```
    #[inline]
    #[track_caller]
    pub fn write(&self) -> RwAcquire<&Self, Write> {
        RwAcquire::new(self)
    }

    /// Waits to read the value, beside other readers, with the right to [upgrade](RwGuard::upgrade) to the writer.
    ///
    /// There is one upgradable reader at a time: two that both waited to upgrade would wait for each other. So code
    /// that may have to write, but seldom does, reads by this method.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use waitline_lock::{RwLock, RwLockUpgradableReadGuard};
    /// let cache = RwLock::new(None);
    /// let read = cache.upgradable_read().await;
    /// if read.is_none() {
    ///     *RwLockUpgradableReadGuard::upgrade(read).await = Some("computed");
    /// }
    /// assert_eq!(*cache.read().await, Some("computed"));
    /// # });
    /// ```
    #[inline]
    #[track_caller]
    pub fn upgradable_read(&self) -> RwAcquire<&Self, Upgradable> {
        RwAcquire::new(self)
    }

    /// Takes the lock for reading if no writer holds it and nobody waits.
    ///
    /// ```
    /// let lock = waitline_lock::RwLock::new(());
    /// let (one, other) = (lock.try_read().unwrap(), lock.try_read().unwrap());
    /// assert!(lock.try_write().is_none());
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        self.try_acquire(Caller::here())
    }

    /// Takes the lock for writing if it is free.
    ///
    /// ```
    /// let lock = waitline_lock::RwLock::new(());
    /// let guard = lock.try_write().unwrap();
    /// assert!(lock.try_read().is_none());
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        self.try_acquire(Caller::here())
    }

    /// Takes the lock for an upgradable read if neither a writer nor another upgradable reader holds it and nobody
    /// waits.
    ///
    /// ```
    /// let lock = waitline_lock::RwLock::new(());
    /// let guard = lock.try_upgradable_read().unwrap();
    /// assert!(lock.try_read().is_some() && lock.try_upgradable_read().is_none());
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_upgradable_read(&self) -> Option<RwLockUpgradableReadGuard<'_, T>> {
        self.try_acquire(Caller::here())
    }

    #[inline(always)]
    fn try_acquire<M: Mode>(&self, location: Caller) -> Option<RwGuard<&Self, M>> {
        // SAFETY: we have just taken the right.
        self.raw.try_acquire(M::RIGHT).then(|| unsafe { RwGuard::new(self, location) })
    }

    /// Waits to read with the calling thread parked. Threads and futures share one queue.
    ///
    /// Do not call it inside a future: it blocks the executor's thread, which the holder of the lock may need to run.
    ///
    /// ```
    /// let lock = waitline_lock::RwLock::new(1);
    /// std::thread::scope(|scope| {
    ///     for _ in 0..4 {
    ///         scope.spawn(|| assert_eq!(*lock.read_blocking(), 1));
    ///     }
    /// });
    /// ```
    #[doc(alias = "blocking_read")]
    #[track_caller]
    pub fn read_blocking(&self) -> RwLockReadGuard<'_, T> {
        self.acquire_blocking()
    }

    /// Waits to write as [`read_blocking`](Self::read_blocking) waits to read.
    ///
    /// ```
    /// let lock = waitline_lock::RwLock::new(0);
    /// std::thread::scope(|scope| {
    ///     for _ in 0..4 {
    ///         scope.spawn(|| *lock.write_blocking() += 1);
    ///     }
    /// });
    /// assert_eq!(lock.into_inner(), 4);
    /// ```
    #[doc(alias = "blocking_write")]
    #[track_caller]
    pub fn write_blocking(&self) -> RwLockWriteGuard<'_, T> {
        self.acquire_blocking()
    }

    /// Waits for an upgradable read as [`read_blocking`](Self::read_blocking) waits for a read.
    ///
    /// ```
    /// let lock = waitline_lock::RwLock::new(1);
    /// assert_eq!(*lock.upgradable_read_blocking(), 1);
    /// ```
    #[track_caller]
    pub fn upgradable_read_blocking(&self) -> RwLockUpgradableReadGuard<'_, T> {
        self.acquire_blocking()
    }

    #[inline(always)]
    #[track_caller]
    fn acquire_blocking<M: Mode>(&self) -> RwGuard<&Self, M> {
        match self.try_acquire(Caller::here()) {
            Some(guard) => guard,
            None => block_on(RwAcquire::new(self)),
        }
    }

    /// Waits as [`read`](Self::read) does. The guard holds the `Arc`, so that it can move into a task or a struct.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use std::sync::Arc;
    /// let lock = Arc::new(waitline_lock::RwLock::new(1));
    /// let guard = lock.clone().read_owned().await;
    /// std::thread::spawn(move || assert_eq!(*guard, 1)).join().unwrap();
    /// # });
    /// ```
    #[doc(alias = "read_arc")]
    #[inline]
    #[track_caller]
    pub fn read_owned(self: Arc<Self>) -> RwAcquire<Arc<Self>, Read> {
        RwAcquire::new(self)
    }

    /// Waits as [`write`](Self::write) does, for an owned guard.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let lock = std::sync::Arc::new(waitline_lock::RwLock::new(1));
    /// *lock.clone().write_owned().await += 1;
    /// assert_eq!(*lock.read().await, 2);
    /// # });
    /// ```
    #[doc(alias = "write_arc")]
    #[inline]
    #[track_caller]
    pub fn write_owned(self: Arc<Self>) -> RwAcquire<Arc<Self>, Write> {
        RwAcquire::new(self)
    }

    /// Waits as [`upgradable_read`](Self::upgradable_read) does, for an owned guard.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let lock = std::sync::Arc::new(waitline_lock::RwLock::new(1));
    /// assert_eq!(*lock.clone().upgradable_read_owned().await, 1);
    /// # });
    /// ```
    #[doc(alias = "upgradable_read_arc")]
    #[inline]
    #[track_caller]
    pub fn upgradable_read_owned(self: Arc<Self>) -> RwAcquire<Arc<Self>, Upgradable> {
        RwAcquire::new(self)
    }

    /// Takes the lock as [`try_read`](Self::try_read) does, for an owned guard. A failure drops the `Arc`: clone it
    /// first.
    ///
    /// ```
    /// let lock = std::sync::Arc::new(waitline_lock::RwLock::new(1));
    /// let guard = lock.clone().try_read_owned().unwrap();
    /// assert_eq!(*guard, 1);
    /// ```
    #[doc(alias = "try_read_arc")]
    #[track_caller]
    pub fn try_read_owned(self: Arc<Self>) -> Option<OwnedRwLockReadGuard<T>> {
        self.try_acquire_owned(Caller::here())
    }

    /// Takes the lock as [`try_write`](Self::try_write) does, for an owned guard. A failure drops the `Arc`: clone it
    /// first.
    ///
    /// ```
    /// let lock = std::sync::Arc::new(waitline_lock::RwLock::new(1));
    /// let guard = lock.clone().try_write_owned().unwrap();
    /// assert!(lock.try_write_owned().is_none());
    /// ```
    #[doc(alias = "try_write_arc")]
    #[track_caller]
    pub fn try_write_owned(self: Arc<Self>) -> Option<OwnedRwLockWriteGuard<T>> {
        self.try_acquire_owned(Caller::here())
    }

    /// Takes the lock as [`try_upgradable_read`](Self::try_upgradable_read) does, for an owned guard. A failure drops
    /// the `Arc`: clone it first.
    ///
    /// ```
    /// let lock = std::sync::Arc::new(waitline_lock::RwLock::new(1));
    /// let guard = lock.clone().try_upgradable_read_owned().unwrap();
    /// assert!(lock.try_upgradable_read_owned().is_none());
    /// ```
    #[doc(alias = "try_upgradable_read_arc")]
    #[track_caller]
    pub fn try_upgradable_read_owned(self: Arc<Self>) -> Option<OwnedRwLockUpgradableReadGuard<T>> {
        self.try_acquire_owned(Caller::here())
    }

    #[inline(always)]
    fn try_acquire_owned<M: Mode>(self: Arc<Self>, location: Caller) -> Option<RwGuard<Arc<Self>, M>> {
        // SAFETY: we have just taken the right.
        self.raw.try_acquire(M::RIGHT).then(|| unsafe { RwGuard::new(self, location) })
    }

    /// Whether a reader or a writer holds the lock now.
    ///
    /// A hint: it may have changed by the time that the caller looks at it.
    ///
    /// ```
    /// let lock = waitline_lock::RwLock::new(());
    /// let guard = lock.try_read();
    /// assert!(lock.is_locked());
    /// ```
    pub fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }

    /// The number of futures and threads that wait for the lock now, upgrades included.
    ///
    /// ```
    /// assert_eq!(waitline_lock::RwLock::new(()).waiters(), 0);
    /// ```
    pub fn waiters(&self) -> usize {
        self.raw.queue().lock().len()
    }

    pub(crate) fn raw(&self) -> &RawRwLock {
        &self.raw
    }

    pub(crate) fn value(&self) -> &UnsafeCell<T> {
        &self.value
    }
}

impl<T: Default> Default for RwLock<T> {
    #[track_caller]
    fn default() -> Self {
        RwLock::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    #[track_caller]
    fn from(value: T) -> Self {
        RwLock::new(value)
    }
}

/// `RwLock { data: 5, waiters: 0 }`, or `<locked>` for the data while nobody may read them at once. Never blocks.
impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("RwLock");
        match self.try_read() {
            Some(guard) => out.field("data", &&*guard),
            None => out.field("data", &format_args!("<locked>")),
        };
        out.field("waiters", busy_or(&self.raw.queue().try_lock().map(|queue| queue.len()))).finish()
    }
}
