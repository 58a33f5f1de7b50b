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

/// A counting semaphore whose waiters are granted permits strictly in the order in which their waits began, however
/// many permits each one wants.
///
/// Like `asyncio.Semaphore`. Beyond that, a drop releases a permit, and one request can ask for many permits. A program
/// that never [closes](Self::close) the semaphore has no error to unwrap. It works under any executor, and with threads
/// through [`acquire_blocking`](Self::acquire_blocking). If a program must never release more permits than it acquired,
/// use [`BoundedSemaphore`](crate::BoundedSemaphore).
///
/// # Fairness
///
/// First in, first out, by hand-off: released permits are granted to the waiter that has waited longest. No call passes
/// a waiter, not even [`try_acquire`](Self::try_acquire). A large request at the front of the queue blocks smaller ones
/// behind it until there are enough permits for it, so it is always granted in the end. A wait begins at its future's
/// first poll.
///
/// A granted waiter holds its permits even before it is polled again. So a future that is neither polled nor dropped
/// withholds them from other tasks, like a permit that is kept.
///
/// # Cancel safety
///
/// A waiting future that is dropped leaves the queue and loses nothing else. If there are enough permits for waiters
/// behind it, they are granted at once. If the future itself was granted permits, they go to the next waiters.
///
/// # Closing
///
/// [`close`](Self::close) is for pools and servers that shut down while tasks still wait for them. It is final, and
/// takes effect in one step:
///
/// | | once closed |
/// |---|---|
/// | waiting acquires | fail, woken in the order in which they began; no waiting acquire is granted a permit after the close |
/// | permits granted before the close, polled or not | stay valid |
/// | later acquires, those of 0 permits too | fail at their first poll, except those with [`after_close`](crate::Acquire::after_close) |
/// | `try_…` | `None` |
/// | [`release`](Self::release), a permit's drop | return the permits, which count as free |
/// | `forget`, `split`, `merge`, [`forget_permits`](Self::forget_permits), [`available_permits`](Self::available_permits) | work as before |
///
/// A failing acquire panics, because a program that never closes its semaphore should not have to handle the error. If
/// a semaphore may be closed, write `acquire().`[`or_closed()`](crate::Acquire::or_closed)`.await`, for a `Result` with
/// the error [`Closed`]; threads call [`acquire_blocking_or_closed`](Self::acquire_blocking_or_closed).
///
/// The task that closes the semaphore can wait until all permits are released, by
/// `acquire_many(all).`[`after_close()`](crate::Acquire::after_close)`.await`: [a
/// recipe](crate#a-pool-that-can-be-closed). asyncio's semaphores cannot be closed.
///
/// # Memory ordering
///
/// Everything before a release of permits happens before everything after they are acquired next. Everything before the
/// close happens before everything after an acquire that fails because of it.
///
/// # Wakers
///
/// The thread that releases permits or closes the semaphore calls the wakers, after it has granted the permits, and
/// without any internal lock. So if a waker panics, no other waiter loses a permit or a wake-up. A waker may poll
/// futures of the same semaphore directly; with a chain of such wakers, the stack grows with its length.
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
    /// The largest number of permits that can be free, requested, or held by one `Permit`: `usize::MAX / 2`.
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
        /// Sets the semaphore's name in reports, with the feature `diagnostics`. Does nothing without it.
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

    /// Waits for a permit. Like `asyncio.Semaphore.acquire`.
    ///
    /// The first poll takes a free permit, or else enters the queue. See the type for fairness and cancellation.
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

    /// Waits for `n` permits and takes them in one step. Ready at once if `n` is 0, even if other tasks wait.
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
    /// If `n` is more than [`MAX_PERMITS`](Self::MAX_PERMITS), because it could never be granted. Otherwise as
    /// [`acquire`](Self::acquire).
    #[inline]
    #[track_caller]
    pub fn acquire_many(&self, n: usize) -> Acquire<'_> {
        Acquire::new(self, self.can_be_granted(n, "acquire_many"))
    }

    /// Takes a permit if one is free, no task waits and the semaphore is open.
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

    /// Takes `n` permits if at least `n` are free, no task waits and the semaphore is open. If `n` is 0, the semaphore
    /// need only be open.
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
        let location = Caller::here();
        self.0.try_acquire(n).then(|| Permit::new(self, n, location))
    }

    /// Like [`acquire`](Self::acquire), but parks this thread until the permit is granted. Threads and futures share
    /// one queue.
    ///
    /// Do not call it inside a future: it blocks the executor's thread, and perhaps the tasks that hold the permits.
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

    /// Like [`acquire_many`](Self::acquire_many), but parks this thread until the permits are granted.
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

    /// Like [`acquire_blocking`](Self::acquire_blocking), but returns an error instead of panicking if the semaphore is
    /// closed.
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

    /// Like [`acquire_many_blocking`](Self::acquire_many_blocking), but returns an error instead of panicking if the
    /// semaphore is closed.
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
            None => block_on(Acquire::new(self, self.can_be_granted(n, method)).or_closed()),
        }
    }

    /// Like [`acquire`](Self::acquire), but the permit owns an `Arc` of the semaphore, and can move into a task or a
    /// struct.
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

    /// Like [`acquire_many`](Self::acquire_many), but returns an owned permit.
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
        let n = self.can_be_granted(n, "acquire_many_owned");
        AcquireOwned::new(self, n)
    }

    /// Like [`try_acquire`](Self::try_acquire), but returns an owned permit. Drops the `Arc` if it fails: clone it
    /// first.
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

    /// Like [`try_acquire_many`](Self::try_acquire_many), but returns an owned permit.
    ///
    /// ```
    /// let semaphore = std::sync::Arc::new(waitline_sem::Semaphore::new(3));
    /// let permits = semaphore.clone().try_acquire_many_owned(2).unwrap();
    /// assert_eq!((permits.num_permits(), semaphore.available_permits()), (2, 1));
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_acquire_many_owned(self: Arc<Self>, n: usize) -> Option<OwnedPermit> {
        let location = Caller::here();
        self.0.try_acquire(n).then(|| OwnedPermit::new(self, n, location))
    }

    /// Adds `n` permits, to waiters first. Like `asyncio.Semaphore.release`.
    ///
    /// A [`Permit`] releases its permits by itself. This method is for permits that were [forgotten](Permit::forget),
    /// and for new ones.
    ///
    /// ```
    /// let semaphore = waitline_sem::Semaphore::new(0);
    /// semaphore.release(2);
    /// assert_eq!(semaphore.available_permits(), 2);
    /// ```
    ///
    /// # Panics
    ///
    /// If these and the free permits are together more than [`MAX_PERMITS`](Self::MAX_PERMITS). The semaphore is
    /// unchanged then.
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

    /// Takes up to `n` free permits away for good, and returns how many: fewer if fewer are free.
    ///
    /// It does not wait, so it can shrink a semaphore that is in use. It takes free permits even while a waiter needs
    /// more of them, but none that is about to be granted.
    ///
    /// There is no `resize`, because it would have to choose between two ways to shrink. This is one; the other is
    /// `acquire_many(n).await.forget()`, which takes exactly `n`, in its turn, as they are released. To grow, call
    /// [`release`](Self::release).
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

    /// Closes the semaphore for good: waiting acquires fail, and so do all later ones. Returns whether it was open
    /// before.
    ///
    /// Held permits stay valid. See [Closing](Self#closing) for the details. The time that it takes is proportional to
    /// the number of waiters. asyncio has no such method.
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
    /// If a waker panics. All other waiters are woken first.
    pub fn close(&self) -> bool {
        self.0.close()
    }

    /// Whether the semaphore is closed. `true` is final.
    ///
    /// After a `try_acquire` that returned `None`, it distinguishes the two reasons: if it returns `false`, the
    /// semaphore was open, and no permit was available.
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

    /// How many permits are free now. Only a hint: the number may have changed by the time you look at it.
    ///
    /// While there are waiters, fewer permits are free than the front waiter wants, and
    /// [`try_acquire`](Self::try_acquire) cannot take them.
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

    #[inline]
    #[track_caller]
    pub(crate) fn can_be_granted(&self, n: usize, method: &str) -> usize {
        assert!(n <= MAX_PERMITS, "Semaphore::{method}({n}): more permits than MAX_PERMITS ({MAX_PERMITS})");
        n
    }
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

// A panic inside a method leaves the semaphore unchanged or completely changed, never half changed.
impl UnwindSafe for Semaphore {}
impl RefUnwindSafe for Semaphore {}

/// `Semaphore { available: 1, waiters: 0 }`, and `closed: true` if it is closed. Never blocks: `waiters` is `<busy>`
/// while the mutex is taken.
impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Semaphore");
        self.0.debug_fields(&mut out);
        out.finish()
    }
}
