//! [`BoundedSemaphore`].

use crate::{
    acquire::{Acquire, AcquireOwned},
    closed::{Closed, closed},
    permit::{AnySemaphore, OwnedPermit, Permit},
    raw::{MAX_PERMITS, PastMax, Raw, RawSemaphore},
    semaphore::Semaphore,
};
use std::{
    error::Error,
    fmt,
    panic::{RefUnwindSafe, UnwindSafe},
    sync::Arc,
};
use waitline::{
    const_unless_loom,
    diagnostics::Caller,
    sync::{
        atomic::{AtomicUsize, Ordering},
        block_on,
    },
};

/// A [`Semaphore`] that never has more permits than it was created with.
///
/// Like `asyncio.BoundedSemaphore`. A bookkeeping error that would admit too many tasks is reported where it is made.
/// Every permit is free, held or forgotten, and the three always add up to [`bound`](Self::bound):
/// [`release`](Self::release) returns forgotten permits and no others.
///
/// Fairness, cancellation, [closing](Semaphore#closing), memory ordering and wakers are those of [`Semaphore`]. The
/// permits have the same methods.
///
/// # Examples
///
/// ```
/// use waitline_sem::BoundedSemaphore;
///
/// # futures_lite::future::block_on(async {
/// let slots = BoundedSemaphore::new(2);
/// slots.acquire().await.forget();
/// assert!(slots.release(1).is_ok());
/// assert!(slots.release(1).is_err());
/// assert_eq!(slots.available_permits(), 2);
/// # });
/// ```
#[doc(alias = "limiter")]
pub struct BoundedSemaphore {
    raw: RawSemaphore,
    bound: usize,
    /// Incremented after permits are taken out, and decremented before they are put back. So
    /// `free + held + forgotten <= bound` always holds, and the difference is being moved from one of them to another.
    forgotten: AtomicUsize,
}

impl BoundedSemaphore {
    /// The largest possible bound: `usize::MAX / 2`.
    pub const MAX_PERMITS: usize = Semaphore::MAX_PERMITS;

    const_unless_loom! {
        /// A semaphore with `bound` permits, all of them free. `const`, except under loom.
        ///
        /// ```
        /// static SEMAPHORE: waitline_sem::BoundedSemaphore = waitline_sem::BoundedSemaphore::new(3);
        /// assert_eq!(SEMAPHORE.available_permits(), 3);
        /// ```
        ///
        /// # Panics
        ///
        /// If `bound` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
        #[inline]
        #[track_caller]
        pub const fn new(bound: usize) -> Self {
            assert!(bound <= MAX_PERMITS, "BoundedSemaphore::new: more permits than MAX_PERMITS (usize::MAX / 2)");
            let mut raw = RawSemaphore::new(bound);
            raw.set_kind("BoundedSemaphore");
            BoundedSemaphore { raw, bound, forgotten: AtomicUsize::new(0) }
        }
    }

    const_unless_loom! {
        /// Sets the semaphore's name in reports, with the feature `diagnostics`. Does nothing without it.
        ///
        /// ```
        /// static SEMAPHORE: waitline_sem::BoundedSemaphore =
        ///     waitline_sem::BoundedSemaphore::new(3).with_label("connections");
        /// ```
        #[inline]
        pub const fn with_label(mut self, label: &'static str) -> Self {
            self.raw.set_label(label);
            self
        }
    }

    /// The number of permits: free, held and forgotten ones together.
    ///
    /// ```
    /// let semaphore = waitline_sem::BoundedSemaphore::new(3);
    /// let permit = semaphore.try_acquire();
    /// assert_eq!(semaphore.bound(), 3);
    /// ```
    pub fn bound(&self) -> usize {
        self.bound
    }

    /// Waits for a permit, as [`Semaphore::acquire`] does. Like `asyncio.BoundedSemaphore.acquire`.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let semaphore = waitline_sem::BoundedSemaphore::new(1);
    /// let permit = semaphore.acquire().await;
    /// assert_eq!(semaphore.available_permits(), 0);
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If the bound is 0, because no permit could ever be granted. When the future is polled, if the semaphore is
    /// [closed](Semaphore#closing).
    #[doc(alias = "down")]
    #[inline]
    #[track_caller]
    pub fn acquire(&self) -> Acquire<'_, Self> {
        Acquire::new(self, self.can_be_granted(1, "acquire"))
    }

    /// Waits for `n` permits and takes them in one step, as [`Semaphore::acquire_many`] does. Ready at once if `n` is
    /// 0.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let semaphore = waitline_sem::BoundedSemaphore::new(5);
    /// let permits = semaphore.acquire_many(3).await;
    /// assert_eq!((permits.num_permits(), semaphore.available_permits()), (3, 2));
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If `n` is more than the [`bound`](Self::bound), because it could never be granted. When the future is polled, if
    /// the semaphore is [closed](Semaphore#closing).
    #[inline]
    #[track_caller]
    pub fn acquire_many(&self, n: usize) -> Acquire<'_, Self> {
        Acquire::new(self, self.can_be_granted(n, "acquire_many"))
    }

    /// Takes a permit if one is free, no task waits and the semaphore is open.
    ///
    /// ```
    /// let semaphore = waitline_sem::BoundedSemaphore::new(1);
    /// let permit = semaphore.try_acquire().unwrap();
    /// assert!(semaphore.try_acquire().is_none());
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_acquire(&self) -> Option<Permit<'_, Self>> {
        self.try_acquire_many(1)
    }

    /// Takes `n` permits if at least `n` are free, no task waits and the semaphore is open. If `n` is 0, the semaphore
    /// need only be open. Always `None` if `n` is more than the [`bound`](Self::bound).
    ///
    /// ```
    /// let semaphore = waitline_sem::BoundedSemaphore::new(3);
    /// assert!(semaphore.try_acquire_many(4).is_none());
    /// assert_eq!(semaphore.try_acquire_many(3).unwrap().num_permits(), 3);
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_acquire_many(&self, n: usize) -> Option<Permit<'_, Self>> {
        let location = Caller::here();
        self.raw.try_acquire(n).then(|| Permit::new(self, n, location))
    }

    /// Like [`acquire`](Self::acquire), but parks this thread until the permit is granted. See
    /// [`Semaphore::acquire_blocking`].
    ///
    /// ```
    /// let semaphore = waitline_sem::BoundedSemaphore::new(1);
    /// std::thread::scope(|scope| {
    ///     for _ in 0..3 {
    ///         scope.spawn(|| drop(semaphore.acquire_blocking()));
    ///     }
    /// });
    /// ```
    ///
    /// # Panics
    ///
    /// As [`acquire`](Self::acquire).
    #[doc(alias = "blocking_acquire")]
    #[track_caller]
    pub fn acquire_blocking(&self) -> Permit<'_, Self> {
        match self.block(1, "acquire_blocking") {
            Ok(permit) => permit,
            Err(Closed) => closed::<Self>("acquire_blocking"),
        }
    }

    /// Like [`acquire_many`](Self::acquire_many), but parks this thread until the permits are granted.
    ///
    /// ```
    /// let semaphore = waitline_sem::BoundedSemaphore::new(2);
    /// assert_eq!(semaphore.acquire_many_blocking(2).num_permits(), 2);
    /// ```
    ///
    /// # Panics
    ///
    /// As [`acquire_many`](Self::acquire_many).
    #[track_caller]
    pub fn acquire_many_blocking(&self, n: usize) -> Permit<'_, Self> {
        match self.block(n, "acquire_many_blocking") {
            Ok(permit) => permit,
            Err(Closed) => closed::<Self>("acquire_many_blocking"),
        }
    }

    /// Like [`acquire_blocking`](Self::acquire_blocking), but returns an error instead of panicking if the semaphore is
    /// closed.
    ///
    /// ```
    /// let semaphore = waitline_sem::BoundedSemaphore::new(1);
    /// assert!(semaphore.acquire_blocking_or_closed().is_ok());
    /// semaphore.close();
    /// assert_eq!(semaphore.acquire_blocking_or_closed().unwrap_err(), waitline_sem::Closed);
    /// ```
    ///
    /// # Errors
    ///
    /// If the semaphore is [closed](Self::close), before the call or while the thread waits.
    ///
    /// # Panics
    ///
    /// If the bound is 0, as [`acquire`](Self::acquire).
    #[track_caller]
    pub fn acquire_blocking_or_closed(&self) -> Result<Permit<'_, Self>, Closed> {
        self.block(1, "acquire_blocking_or_closed")
    }

    /// Like [`acquire_many_blocking`](Self::acquire_many_blocking), but returns an error instead of panicking if the
    /// semaphore is closed.
    ///
    /// ```
    /// let semaphore = waitline_sem::BoundedSemaphore::new(3);
    /// let permits = semaphore.acquire_many_blocking_or_closed(2).unwrap();
    /// semaphore.close();
    /// assert!(semaphore.acquire_many_blocking_or_closed(1).is_err());
    /// assert_eq!((permits.num_permits(), semaphore.available_permits()), (2, 1));
    /// ```
    ///
    /// # Errors
    ///
    /// If the semaphore is [closed](Self::close), before the call or while the thread waits.
    ///
    /// # Panics
    ///
    /// If `n` is more than the [`bound`](Self::bound), as [`acquire_many`](Self::acquire_many).
    #[track_caller]
    pub fn acquire_many_blocking_or_closed(&self, n: usize) -> Result<Permit<'_, Self>, Closed> {
        self.block(n, "acquire_many_blocking_or_closed")
    }

    #[track_caller]
    fn block(&self, n: usize, method: &str) -> Result<Permit<'_, Self>, Closed> {
        match self.try_acquire_many(n) {
            Some(permit) => Ok(permit),
            None => block_on(Acquire::new(self, self.can_be_granted(n, method)).or_closed()),
        }
    }

    /// Like [`acquire`](Self::acquire), but the permit owns an `Arc` of the semaphore, and can move into a task or a
    /// struct.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let semaphore = std::sync::Arc::new(waitline_sem::BoundedSemaphore::new(1));
    /// let permit = semaphore.clone().acquire_owned().await;
    /// std::thread::spawn(move || drop(permit)).join().unwrap();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// As [`acquire`](Self::acquire).
    #[doc(alias = "acquire_arc")]
    #[inline]
    #[track_caller]
    pub fn acquire_owned(self: Arc<Self>) -> AcquireOwned<Self> {
        let n = self.can_be_granted(1, "acquire_owned");
        AcquireOwned::new(self, n)
    }

    /// Like [`acquire_many`](Self::acquire_many), but returns an owned permit.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let semaphore = std::sync::Arc::new(waitline_sem::BoundedSemaphore::new(5));
    /// let permits = semaphore.clone().acquire_many_owned(3).await;
    /// assert_eq!((permits.num_permits(), semaphore.available_permits()), (3, 2));
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// As [`acquire_many`](Self::acquire_many).
    #[inline]
    #[track_caller]
    pub fn acquire_many_owned(self: Arc<Self>, n: usize) -> AcquireOwned<Self> {
        let n = self.can_be_granted(n, "acquire_many_owned");
        AcquireOwned::new(self, n)
    }

    /// Like [`try_acquire`](Self::try_acquire), but returns an owned permit. Drops the `Arc` if it fails: clone it
    /// first.
    ///
    /// ```
    /// let semaphore = std::sync::Arc::new(waitline_sem::BoundedSemaphore::new(1));
    /// let permit = semaphore.clone().try_acquire_owned().unwrap();
    /// assert!(semaphore.clone().try_acquire_owned().is_none());
    /// ```
    #[doc(alias = "try_acquire_arc")]
    #[inline]
    #[track_caller]
    pub fn try_acquire_owned(self: Arc<Self>) -> Option<OwnedPermit<Self>> {
        self.try_acquire_many_owned(1)
    }

    /// Like [`try_acquire_many`](Self::try_acquire_many), but returns an owned permit.
    ///
    /// ```
    /// let semaphore = std::sync::Arc::new(waitline_sem::BoundedSemaphore::new(3));
    /// let permits = semaphore.clone().try_acquire_many_owned(2).unwrap();
    /// assert_eq!((permits.num_permits(), semaphore.available_permits()), (2, 1));
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_acquire_many_owned(self: Arc<Self>, n: usize) -> Option<OwnedPermit<Self>> {
        let location = Caller::here();
        self.raw.try_acquire(n).then(|| OwnedPermit::new(self, n, location))
    }

    /// Releases `n` forgotten permits, to waiters first. Like `asyncio.BoundedSemaphore.release`.
    ///
    /// A [`Permit`] releases its permits by itself. This method is for permits that were [forgotten](Permit::forget),
    /// or taken away by [`forget_permits`](Self::forget_permits).
    ///
    /// ```
    /// # fn main() -> Result<(), waitline_sem::ReleaseError> {
    /// let semaphore = waitline_sem::BoundedSemaphore::new(2);
    /// semaphore.try_acquire().unwrap().forget();
    /// semaphore.release(1)?;
    /// assert_eq!(semaphore.available_permits(), 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If fewer than `n` permits are forgotten. The semaphore is unchanged then.
    #[doc(alias("add_permits", "up"))]
    pub fn release(&self, n: usize) -> Result<(), ReleaseError> {
        // Ordering: Acquire pairs with the Release in `note_forgotten`. Everything before permits were forgotten
        // happens before everything after they are acquired next, as if they had been dropped.
        let taken =
            self.forgotten.fetch_update(Ordering::Acquire, Ordering::Relaxed, |forgotten| forgotten.checked_sub(n));
        match taken {
            Ok(_) => {
                // Never more than the bound, so never refused.
                _ = self.raw.release(n, PastMax::Saturate);
                Ok(())
            }
            Err(forgotten) => Err(ReleaseError { permits: n, forgotten, bound: self.bound }),
        }
    }

    /// Takes up to `n` free permits away and returns how many, as [`Semaphore::forget_permits`] does. They can be
    /// [released](Self::release) again.
    ///
    /// ```
    /// let semaphore = waitline_sem::BoundedSemaphore::new(5);
    /// assert_eq!(semaphore.forget_permits(7), 5);
    /// assert!(semaphore.release(2).is_ok());
    /// assert_eq!(semaphore.available_permits(), 2);
    /// ```
    pub fn forget_permits(&self, n: usize) -> usize {
        let taken = self.raw.take_up_to(n);
        self.note_forgotten(taken);
        taken
    }

    /// Closes the semaphore for good: waiting acquires fail, and so do all later ones. Returns whether it was open
    /// before.
    ///
    /// See [`Semaphore::close`]. Held permits can still be released, and forgotten ones can be
    /// [released](Self::release): the bookkeeping continues.
    ///
    /// ```
    /// let semaphore = waitline_sem::BoundedSemaphore::new(2);
    /// let permit = semaphore.try_acquire().unwrap();
    /// assert!(semaphore.close());
    /// assert!(semaphore.try_acquire().is_none());
    /// permit.forget();
    /// assert!(semaphore.release(1).is_ok() && semaphore.release(1).is_err());
    /// assert_eq!(semaphore.available_permits(), 2);
    /// ```
    ///
    /// # Panics
    ///
    /// If a waker panics. All other waiters are woken first.
    pub fn close(&self) -> bool {
        self.raw.close()
    }

    /// Whether the semaphore is closed. See [`Semaphore::is_closed`].
    ///
    /// ```
    /// let semaphore = waitline_sem::BoundedSemaphore::new(1);
    /// assert!(!semaphore.is_closed());
    /// semaphore.close();
    /// assert!(semaphore.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.raw.is_closed()
    }

    /// How many permits are free now. Only a hint, as [`Semaphore::available_permits`] is.
    ///
    /// ```
    /// let semaphore = waitline_sem::BoundedSemaphore::new(2);
    /// let permit = semaphore.try_acquire();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// ```
    pub fn available_permits(&self) -> usize {
        self.raw.free()
    }

    /// How many futures and threads wait for permits now.
    ///
    /// ```
    /// assert_eq!(waitline_sem::BoundedSemaphore::new(1).waiters(), 0);
    /// ```
    pub fn waiters(&self) -> usize {
        self.raw.waiters()
    }

    #[inline]
    #[track_caller]
    pub(crate) fn can_be_granted(&self, n: usize, method: &str) -> usize {
        let bound = self.bound;
        assert!(n <= bound, "BoundedSemaphore::{method}: {n} permits wanted, but the bound is {bound}");
        n
    }
}

impl Raw for BoundedSemaphore {
    const NAME: &'static str = "BoundedSemaphore";

    #[inline(always)]
    fn raw(&self) -> &RawSemaphore {
        &self.raw
    }

    fn note_forgotten(&self, n: usize) {
        // Ordering: Release pairs with the Acquire in `release`.
        self.forgotten.fetch_add(n, Ordering::Release);
    }
}

impl AnySemaphore for BoundedSemaphore {}

// A panic inside a method leaves the semaphore unchanged or completely changed, never half changed.
impl UnwindSafe for BoundedSemaphore {}
impl RefUnwindSafe for BoundedSemaphore {}

/// `BoundedSemaphore { available: 1, waiters: 0, bound: 2 }`, with `closed: true` if it is closed. Never blocks:
/// `waiters` is `<busy>` while the mutex is taken.
impl fmt::Debug for BoundedSemaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("BoundedSemaphore");
        self.raw.debug_fields(&mut out);
        out.field("bound", &self.bound).finish()
    }
}

/// More permits were released to a [`BoundedSemaphore`] than had been forgotten. The semaphore is unchanged.
///
/// Like the `ValueError` of `asyncio.BoundedSemaphore.release`.
///
/// ```
/// let error = waitline_sem::BoundedSemaphore::new(2).release(1).unwrap_err();
/// assert_eq!(error.to_string(), "BoundedSemaphore::release(1): 0 of 2 permits are forgotten");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReleaseError {
    permits: usize,
    forgotten: usize,
    bound: usize,
}

impl fmt::Display for ReleaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ReleaseError { permits, forgotten, bound } = self;
        write!(f, "BoundedSemaphore::release({permits}): {forgotten} of {bound} permits are forgotten")
    }
}

impl Error for ReleaseError {}
