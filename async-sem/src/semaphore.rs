//! [`Semaphore`].

use crate::{
    acquire::{Acquire, AcquireOwned},
    closed::{Closed, closed},
    permit::{AnySemaphore, OwnedPermit, Permit},
    raw::{MAX_PERMITS, PastMax, Raw, RawSemaphore, Refused},
};
use std::{
    fmt,
    panic::{RefUnwindSafe, UnwindSafe},
    sync::Arc,
};
use waitline::{const_unless_loom, diagnostics::Caller, sync::block_on};

/// A number of permits, for which waiters wait strictly in the order in which they began, however many each wants.
///
/// The meaning is that of Python's `asyncio.Semaphore`; permits that come back by drop, and requests for many of them,
/// are what a Rust reader expects. A program that never [closes](Self::close) it has no error to unwrap. It works under
/// any executor, and with threads through [`acquire_blocking`](Self::acquire_blocking). If more permits should never come
/// back than were taken out, use [`BoundedSemaphore`](crate::BoundedSemaphore).
///
/// # Fairness
///
/// First in, first out, by hand-off: permits that are given back go to the one that has waited longest. Nobody passes a
/// waiter, [`try_acquire`](Self::try_acquire) included. A large request at the head of the queue holds back small ones
/// behind it, until there are enough permits for it: it always gets its turn. A wait begins at its future's first poll.
///
/// Since permits are handed over, a waiter that has been given them holds them even before it is polled again: a future
/// that nobody polls (and nobody drops) keeps them from the others, like a permit that is kept.
///
/// # Cancel safety
///
/// A waiting future that is dropped loses its place in the queue and nothing else. If it held back others for whom
/// there are permits enough, these go on at once; if it had been given permits, they go to the next waiters.
///
/// # Closing
///
/// [`close`](Self::close) is for pools and servers that end while others still wait for them. It is final, and one step:
///
/// | | once closed |
/// |---|---|
/// | waiting acquires | fail, woken in the order in which they began; nobody is granted a permit after the close |
/// | permits granted before the close, polled or not | stay valid |
/// | later acquires, those of 0 permits too | fail at their first poll, but for those that say [`after_close`](crate::Acquire::after_close) |
/// | `try_…` | `None` |
/// | [`release`](Self::release), a permit's drop | give the permits back, to be counted as free |
/// | `forget`, `split`, `merge`, [`forget_permits`](Self::forget_permits), [`available_permits`](Self::available_permits) | go on |
///
/// A failing acquire panics, since whoever never closes a semaphore should not have to handle the error. Where a semaphore
/// may be closed, write `acquire().`[`or_closed()`](crate::Acquire::or_closed)`.await`, for a `Result` with the error
/// [`Closed`]; threads call [`acquire_blocking_or_closed`](Self::acquire_blocking_or_closed).
///
/// Whoever closes can wait until all permits are back, by
/// `acquire_many(all).`[`after_close()`](crate::Acquire::after_close)`.await`: [a recipe](crate#a-pool-that-can-be-closed).
/// asyncio's semaphores have no counterpart to any of this.
///
/// # Memory ordering
///
/// What was done before permits were given back happens before whatever is done by those who get them next. What was done
/// before the close happens before whatever is done by those who fail because of it.
///
/// # Wakers
///
/// Wakers run on the thread that gives permits back or closes, after the permits have been handed over, and without any
/// internal lock: one that panics costs nobody else a permit or a wake-up, and one that polls futures of the same
/// semaphore on the spot works (with a chain of such wakers, the stack grows with its length).
///
/// # Examples
///
/// ```
/// use waitline_sem::Semaphore;
///
/// static CONNECTIONS: Semaphore = Semaphore::new(2);
///
/// # futures_lite::future::block_on(async {
/// let first = CONNECTIONS.acquire().await;
/// let second = CONNECTIONS.acquire().await;
/// assert!(CONNECTIONS.try_acquire().is_none());
/// drop(first);
/// assert_eq!(CONNECTIONS.available_permits(), 1);
/// # });
/// ```
#[doc(alias = "limiter")]
pub struct Semaphore(RawSemaphore);

impl Semaphore {
    /// The largest number of permits that may be free, be asked for or be held by one permit: `usize::MAX / 2`.
    pub const MAX_PERMITS: usize = MAX_PERMITS;

    const_unless_loom! {
        /// A semaphore with `permits` free permits. `const`, except under loom.
        ///
        /// ```
        /// static SEMAPHORE: waitline_sem::Semaphore = waitline_sem::Semaphore::new(3);
        /// assert_eq!(SEMAPHORE.available_permits(), 3);
        /// ```
        ///
        /// # Panics
        ///
        /// If `permits` is more than [`MAX_PERMITS`](Self::MAX_PERMITS).
        #[inline]
        #[track_caller]
        pub const fn new(permits: usize) -> Self {
            assert!(permits <= MAX_PERMITS, "Semaphore::new: more permits than MAX_PERMITS (usize::MAX / 2)");
            Semaphore(RawSemaphore::new(permits))
        }
    }

    const_unless_loom! {
        /// Gives the semaphore a name for reports, with the feature `diagnostics`; without it this does nothing.
        ///
        /// ```
        /// static SEMAPHORE: waitline_sem::Semaphore = waitline_sem::Semaphore::new(3).with_label("connections");
        /// ```
        #[inline]
        pub const fn with_label(mut self, label: &'static str) -> Self {
            self.0.set_label(label);
            self
        }
    }

    /// Waits for a permit. The meaning of `asyncio.Semaphore.acquire`.
    ///
    /// The place in the queue is taken at the first poll, and a free permit is taken there and then. See the type for
    /// fairness and cancellation.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let semaphore = waitline_sem::Semaphore::new(1);
    /// let permit = semaphore.acquire().await;
    /// assert_eq!(semaphore.available_permits(), 0);
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If the semaphore is [closed](Semaphore#closing), when the future is polled.
    #[doc(alias = "down")]
    #[inline]
    #[track_caller]
    pub fn acquire(&self) -> Acquire<'_> {
        Acquire::new(self, 1)
    }

    /// Waits for `n` permits, and takes them all at once. Ready at once if `n` is 0, even if others wait.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let semaphore = waitline_sem::Semaphore::new(5);
    /// let permits = semaphore.acquire_many(3).await;
    /// assert_eq!(permits.num_permits(), 3);
    /// assert_eq!(semaphore.available_permits(), 2);
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If `n` is more than [`MAX_PERMITS`](Self::MAX_PERMITS): it could never be granted. And as [`acquire`](Self::acquire).
    #[inline]
    #[track_caller]
    pub fn acquire_many(&self, n: usize) -> Acquire<'_> {
        Acquire::new(self, can_be_granted(n, "acquire_many"))
    }

    /// Takes a permit if one is free, nobody waits and the semaphore is open.
    ///
    /// ```
    /// let semaphore = waitline_sem::Semaphore::new(1);
    /// let permit = semaphore.try_acquire().unwrap();
    /// assert!(semaphore.try_acquire().is_none());
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_acquire(&self) -> Option<Permit<'_>> {
        self.try_acquire_many(1)
    }

    /// Takes `n` permits if so many are free, nobody waits and the semaphore is open. If `n` is 0, it need only be open.
    ///
    /// ```
    /// let semaphore = waitline_sem::Semaphore::new(3);
    /// let permits = semaphore.try_acquire_many(2).unwrap();
    /// assert!(semaphore.try_acquire_many(2).is_none());
    /// assert_eq!(semaphore.available_permits(), 1);
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_acquire_many(&self, n: usize) -> Option<Permit<'_>> {
        let place = Caller::here();
        self.0.try_acquire(n).then(|| Permit::new(self, n, place))
    }

    /// [`acquire`](Self::acquire), with this thread parked until its turn comes. Threads and futures share one queue.
    ///
    /// Not for use inside a future: it stops the executor's thread, and with it maybe the holders of the permits.
    ///
    /// ```
    /// let semaphore = waitline_sem::Semaphore::new(2);
    /// std::thread::scope(|scope| {
    ///     for _ in 0..4 {
    ///         scope.spawn(|| drop(semaphore.acquire_blocking()));
    ///     }
    /// });
    /// assert_eq!(semaphore.available_permits(), 2);
    /// ```
    ///
    /// # Panics
    ///
    /// If the semaphore is [closed](Semaphore#closing), before the call or while the thread waits.
    #[doc(alias = "blocking_acquire")]
    #[track_caller]
    pub fn acquire_blocking(&self) -> Permit<'_> {
        match self.block(1, "acquire_blocking") {
            Ok(permit) => permit,
            Err(Closed) => closed::<Self>("acquire_blocking"),
        }
    }

    /// [`acquire_many`](Self::acquire_many), with this thread parked until its turn comes.
    ///
    /// ```
    /// let semaphore = waitline_sem::Semaphore::new(2);
    /// assert_eq!(semaphore.acquire_many_blocking(2).num_permits(), 2);
    /// ```
    ///
    /// # Panics
    ///
    /// As [`acquire_many`](Self::acquire_many) and [`acquire_blocking`](Self::acquire_blocking).
    #[track_caller]
    pub fn acquire_many_blocking(&self, n: usize) -> Permit<'_> {
        match self.block(n, "acquire_many_blocking") {
            Ok(permit) => permit,
            Err(Closed) => closed::<Self>("acquire_many_blocking"),
        }
    }

    /// [`acquire_blocking`](Self::acquire_blocking), with an error instead of a panic if the semaphore is closed.
    ///
    /// ```
    /// let semaphore = waitline_sem::Semaphore::new(1);
    /// assert!(semaphore.acquire_blocking_or_closed().is_ok());
    /// semaphore.close();
    /// assert_eq!(semaphore.acquire_blocking_or_closed().unwrap_err(), waitline_sem::Closed);
    /// ```
    ///
    /// # Errors
    ///
    /// If the semaphore is [closed](Self::close), before the call or while the thread waits.
    #[track_caller]
    pub fn acquire_blocking_or_closed(&self) -> Result<Permit<'_>, Closed> {
        self.block(1, "acquire_blocking_or_closed")
    }

    /// [`acquire_many_blocking`](Self::acquire_many_blocking), with an error instead of a panic if the semaphore is closed.
    ///
    /// ```
    /// let semaphore = waitline_sem::Semaphore::new(3);
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
    /// If `n` is more than [`MAX_PERMITS`](Self::MAX_PERMITS), as [`acquire_many`](Self::acquire_many).
    #[track_caller]
    pub fn acquire_many_blocking_or_closed(&self, n: usize) -> Result<Permit<'_>, Closed> {
        self.block(n, "acquire_many_blocking_or_closed")
    }

    #[track_caller]
    fn block(&self, n: usize, method: &str) -> Result<Permit<'_>, Closed> {
        match self.try_acquire_many(n) {
            Some(permit) => Ok(permit),
            None => block_on(Acquire::new(self, can_be_granted(n, method)).or_closed()),
        }
    }

    /// [`acquire`](Self::acquire) for a permit that owns its way to the semaphore, and can move into a task or a struct.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let semaphore = std::sync::Arc::new(waitline_sem::Semaphore::new(1));
    /// let permit = semaphore.clone().acquire_owned().await;
    /// std::thread::spawn(move || drop(permit)).join().unwrap();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If the semaphore is [closed](Semaphore#closing), when the future is polled.
    #[doc(alias = "acquire_arc")]
    #[inline]
    #[track_caller]
    pub fn acquire_owned(self: Arc<Self>) -> AcquireOwned {
        AcquireOwned::new(self, 1)
    }

    /// [`acquire_many`](Self::acquire_many) for an owned permit.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let semaphore = std::sync::Arc::new(waitline_sem::Semaphore::new(5));
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
    pub fn acquire_many_owned(self: Arc<Self>, n: usize) -> AcquireOwned {
        AcquireOwned::new(self, can_be_granted(n, "acquire_many_owned"))
    }

    /// [`try_acquire`](Self::try_acquire) for an owned permit. The `Arc` is dropped if it fails: clone it first.
    ///
    /// ```
    /// let semaphore = std::sync::Arc::new(waitline_sem::Semaphore::new(1));
    /// let permit = semaphore.clone().try_acquire_owned().unwrap();
    /// assert!(semaphore.clone().try_acquire_owned().is_none());
    /// ```
    #[doc(alias = "try_acquire_arc")]
    #[inline]
    #[track_caller]
    pub fn try_acquire_owned(self: Arc<Self>) -> Option<OwnedPermit> {
        self.try_acquire_many_owned(1)
    }

    /// [`try_acquire_many`](Self::try_acquire_many) for an owned permit.
    ///
    /// ```
    /// let semaphore = std::sync::Arc::new(waitline_sem::Semaphore::new(3));
    /// let permits = semaphore.clone().try_acquire_many_owned(2).unwrap();
    /// assert_eq!((permits.num_permits(), semaphore.available_permits()), (2, 1));
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_acquire_many_owned(self: Arc<Self>, n: usize) -> Option<OwnedPermit> {
        let place = Caller::here();
        self.0.try_acquire(n).then(|| OwnedPermit::new(self, n, place))
    }

    /// Adds `n` permits, to waiters first. The meaning of `asyncio.Semaphore.release`.
    ///
    /// A [`Permit`] gives its permits back by itself: this is for permits that were [forgotten](Permit::forget), and for
    /// new ones.
    ///
    /// ```
    /// let semaphore = waitline_sem::Semaphore::new(0);
    /// semaphore.release(2);
    /// assert_eq!(semaphore.available_permits(), 2);
    /// ```
    ///
    /// # Panics
    ///
    /// If these and the free permits are together more than [`MAX_PERMITS`](Self::MAX_PERMITS); nothing is changed then.
    #[doc(alias("add_permits", "up"))]
    #[inline]
    #[track_caller]
    pub fn release(&self, n: usize) {
        let done = if n <= MAX_PERMITS {
            self.0.release(n, PastMax::Refuse)
        } else {
            Err(Refused { free: self.available_permits() })
        };
        if let Err(Refused { free }) = done {
            too_many(n, free);
        }
    }

    /// Takes up to `n` free permits away for good, and says how many: fewer if fewer are free.
    ///
    /// It does not wait, so it can shrink a semaphore that is in use: it takes free permits even while a waiter hopes
    /// for more of them, but none that is on its way to a waiter.
    ///
    /// ```
    /// let semaphore = waitline_sem::Semaphore::new(5);
    /// assert_eq!(semaphore.forget_permits(3), 3);
    /// assert_eq!(semaphore.forget_permits(3), 2);
    /// assert_eq!(semaphore.available_permits(), 0);
    /// ```
    pub fn forget_permits(&self, n: usize) -> usize {
        self.0.take_up_to(n)
    }

    /// Closes the semaphore for good: waiting acquires fail, and so do all later ones. Says whether it was open before.
    ///
    /// Permits that are out stay valid. See [Closing](Self#closing) for all that it does; it takes time in proportion to the
    /// number of waiters. asyncio has no such method.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let semaphore = waitline_sem::Semaphore::new(1);
    /// let permit = semaphore.acquire().await;
    /// assert!(semaphore.close());
    /// assert!(semaphore.acquire().or_closed().await.is_err());
    /// drop(permit);
    /// assert_eq!(semaphore.available_permits(), 1);
    /// assert!(semaphore.try_acquire().is_none());
    /// assert!(!semaphore.close());
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If a waker panics, after everybody was told.
    pub fn close(&self) -> bool {
        self.0.close()
    }

    /// Whether the semaphore is closed. `true` is a lasting answer.
    ///
    /// After a `try_acquire` that has returned `None` it tells the two reasons apart: with `false` the semaphore was open,
    /// and no permit was to be had.
    ///
    /// ```
    /// let semaphore = waitline_sem::Semaphore::new(0);
    /// assert!(semaphore.try_acquire().is_none() && !semaphore.is_closed());
    /// semaphore.close();
    /// assert!(semaphore.try_acquire().is_none() && semaphore.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }

    /// How many permits are free now. A hint: it may have changed by the time you look at it.
    ///
    /// While there are waiters these are fewer than the first of them wants, and [`try_acquire`](Self::try_acquire)
    /// does not get them.
    ///
    /// ```
    /// let semaphore = waitline_sem::Semaphore::new(2);
    /// let permit = semaphore.try_acquire();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// ```
    pub fn available_permits(&self) -> usize {
        self.0.free()
    }

    /// How many futures and threads wait for permits now.
    ///
    /// ```
    /// assert_eq!(waitline_sem::Semaphore::new(0).waiters(), 0);
    /// ```
    pub fn waiters(&self) -> usize {
        self.0.waiters()
    }
}

#[inline]
#[track_caller]
fn can_be_granted(n: usize, method: &str) -> usize {
    assert!(n <= MAX_PERMITS, "Semaphore::{method}({n}): more permits than MAX_PERMITS ({MAX_PERMITS})");
    n
}

#[cold]
#[track_caller]
fn too_many(n: usize, free: usize) -> ! {
    panic!("Semaphore::release({n}): with {free} free permits that is past MAX_PERMITS ({MAX_PERMITS})")
}

impl Raw for Semaphore {
    const NAME: &'static str = "Semaphore";

    #[inline(always)]
    fn raw(&self) -> &RawSemaphore {
        &self.0
    }

    fn note_forgotten(&self, _n: usize) {}
}

impl AnySemaphore for Semaphore {}

// No panic leaves a half-made change.
impl UnwindSafe for Semaphore {}
impl RefUnwindSafe for Semaphore {}

/// `Semaphore { available: 1, waiters: 0 }`, and `closed: true` if it is. Never blocks: `waiters` is `<busy>` while
/// somebody changes the queue.
impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Semaphore");
        self.0.debug_fields(&mut out);
        out.finish()
    }
}
