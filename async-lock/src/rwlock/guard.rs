//! [`RwGuard`], for the whole value: borrowed and owned, in three modes.

use super::{
    RwLock, RwUpgrade,
    mode::{Mode, Read, RwRef, Upgradable, Write},
    raw::RawRwLock,
};
use crate::guard::formats_as_its_value;
use std::{
    fmt,
    marker::PhantomData,
    mem::ManuallyDrop,
    ops::{Deref, DerefMut},
    ptr,
    sync::Arc,
};
use waitline::{
    diagnostics::{Caller, Hold},
    sync::block_on,
};

/// The right to a [`RwLock`]'s value: for reading or writing (`M`), with a reference or an `Arc` of the lock (`R`).
/// Dropping it releases the right.
///
/// The names to use are its six forms: [`RwLockReadGuard`], [`RwLockUpgradableReadGuard`], [`RwLockWriteGuard`],
/// [`OwnedRwLockReadGuard`], [`OwnedRwLockUpgradableReadGuard`] and [`OwnedRwLockWriteGuard`].
///
/// A borrowed read guard is `Send` if `T: Sync`. The other guards are `Send` if `T: Send + Sync`: a write guard may be
/// [downgraded](Self::downgrade) on another thread, which then shares the value with readers on this one.
///
/// ```
/// use waitline_lock::{RwLock, rwlock::{Read, RwGuard}};
/// let lock = RwLock::new(1);
/// let guard: RwGuard<&RwLock<i32>, Read> = lock.try_read().unwrap();
/// assert_eq!(*guard, 1);
/// ```
#[must_use = "a guard that is not kept releases the lock at once"]
#[clippy::has_significant_drop]
pub struct RwGuard<R: RwRef, M: Mode> {
    lock: R,
    /// The record in the reports. Dropped with the guard.
    hold: Hold,
    mode: PhantomData<M>,
}

/// The right to read a [`RwLock`]'s value beside other readers. Dropping it releases the read.
///
/// ```
/// use waitline_lock::{RwLock, RwLockReadGuard};
/// let names = RwLock::new(vec!["a"]);
/// let guard: RwLockReadGuard<'_, Vec<&str>> = names.try_read().unwrap();
/// assert_eq!(guard.len(), names.try_read().unwrap().len());
/// ```
pub type RwLockReadGuard<'a, T> = RwGuard<&'a RwLock<T>, Read>;

/// The right to read a [`RwLock`]'s value beside other readers, and to [upgrade](RwGuard::upgrade) to the writer. There
/// is one at a time. Dropping it releases the read.
///
/// ```
/// use waitline_lock::{RwLock, RwLockUpgradableReadGuard};
/// let number = RwLock::new(1);
/// let guard: RwLockUpgradableReadGuard<'_, i32> = number.try_upgradable_read().unwrap();
/// assert!(number.try_read().is_some() && number.try_upgradable_read().is_none());
/// ```
pub type RwLockUpgradableReadGuard<'a, T> = RwGuard<&'a RwLock<T>, Upgradable>;

/// The right to read and write a [`RwLock`]'s value alone. Dropping it releases the lock.
///
/// ```
/// use waitline_lock::{RwLock, RwLockWriteGuard};
/// let number = RwLock::new(1);
/// let mut guard: RwLockWriteGuard<'_, i32> = number.try_write().unwrap();
/// *guard += 1;
/// ```
pub type RwLockWriteGuard<'a, T> = RwGuard<&'a RwLock<T>, Write>;

/// A [read guard](RwLockReadGuard) with an `Arc` of the lock instead of a reference.
///
/// ```
/// use std::sync::Arc;
/// use waitline_lock::{OwnedRwLockReadGuard, RwLock};
/// let guard: OwnedRwLockReadGuard<i32> = Arc::new(RwLock::new(1)).try_read_owned().unwrap();
/// std::thread::spawn(move || assert_eq!(*guard, 1)).join().unwrap();
/// ```
#[doc(alias = "RwLockReadGuardArc")]
pub type OwnedRwLockReadGuard<T> = RwGuard<Arc<RwLock<T>>, Read>;

/// An [upgradable read guard](RwLockUpgradableReadGuard) with an `Arc` of the lock instead of a reference.
///
/// ```
/// use std::sync::Arc;
/// use waitline_lock::{OwnedRwLockUpgradableReadGuard, RwLock};
/// let lock = Arc::new(RwLock::new(1));
/// let guard: OwnedRwLockUpgradableReadGuard<i32> = lock.try_upgradable_read_owned().unwrap();
/// *OwnedRwLockUpgradableReadGuard::try_upgrade(guard).unwrap() += 1;
/// ```
#[doc(alias = "RwLockUpgradableReadGuardArc")]
pub type OwnedRwLockUpgradableReadGuard<T> = RwGuard<Arc<RwLock<T>>, Upgradable>;

/// A [write guard](RwLockWriteGuard) with an `Arc` of the lock instead of a reference.
///
/// ```
/// use std::sync::Arc;
/// use waitline_lock::{OwnedRwLockWriteGuard, RwLock};
/// let mut guard: OwnedRwLockWriteGuard<i32> = Arc::new(RwLock::new(1)).try_write_owned().unwrap();
/// std::thread::spawn(move || *guard += 1).join().unwrap();
/// ```
#[doc(alias = "RwLockWriteGuardArc")]
pub type OwnedRwLockWriteGuard<T> = RwGuard<Arc<RwLock<T>>, Write>;

// SAFETY: the guard consists of a `&T` and a reference to the lock's word and queue, which any thread may use.
unsafe impl<T: ?Sized + Sync> Send for RwLockReadGuard<'_, T> {}
// SAFETY: as above, with a `&T` that may become a `&mut T`.
unsafe impl<T: ?Sized + Send + Sync> Send for RwLockUpgradableReadGuard<'_, T> {}
// SAFETY: as above, with a `&mut T` that may become a `&T` beside others.
unsafe impl<T: ?Sized + Send + Sync> Send for RwLockWriteGuard<'_, T> {}
// SAFETY: a shared guard gives `&T` and nothing else.
unsafe impl<T: ?Sized + Sync, M: Mode> Sync for RwGuard<&RwLock<T>, M> {}
// SAFETY: as the borrowed guards, with an `Arc` whose last owner drops the value.
unsafe impl<T: ?Sized + Send + Sync, M: Mode> Send for RwGuard<Arc<RwLock<T>>, M> {}
// SAFETY: a shared guard gives `&T` and nothing else.
unsafe impl<T: ?Sized + Send + Sync, M: Mode> Sync for RwGuard<Arc<RwLock<T>>, M> {}

impl<R: RwRef, M: Mode> RwGuard<R, M> {
    /// # Safety
    ///
    /// The caller holds the right `M` of the lock, and gives it to the guard.
    #[inline(always)]
    pub(super) unsafe fn new(lock: R, location: Caller) -> Self {
        let hold = lock.rwlock().raw().note_holder(M::RIGHT, location);
        RwGuard { lock, hold, mode: PhantomData }
    }

    pub(super) fn raw(&self) -> &RawRwLock {
        self.lock.rwlock().raw()
    }

    /// Gives up the guard without releasing its right.
    #[inline(always)]
    pub(super) fn into_parts(guard: Self) -> (R, Hold) {
        let guard = ManuallyDrop::new(guard);
        // SAFETY: each is read once; the guard is never used or dropped again.
        unsafe { (ptr::read(&guard.lock), ptr::read(&guard.hold)) }
    }

    /// # Safety
    ///
    /// The caller has exchanged the guard's right for `N`.
    #[inline(always)]
    pub(super) unsafe fn exchanged<N: Mode>(guard: Self, location: Caller) -> RwGuard<R, N> {
        let (lock, _) = Self::into_parts(guard);
        // SAFETY: the guard had the right, which the caller has exchanged.
        unsafe { RwGuard::new(lock, location) }
    }

    /// Exchanges the right for a weaker one in one step.
    #[inline(always)]
    fn weaken<N: Mode>(guard: Self, location: Caller) -> RwGuard<R, N> {
        let must_settle = guard.raw().weaken(M::RIGHT, N::RIGHT);
        // SAFETY: just exchanged.
        let weaker = unsafe { Self::exchanged(guard, location) };
        // The guard exists by now, and a panic of a waker drops it.
        if must_settle {
            weaker.raw().settle_now();
        }
        weaker
    }
}

impl<R: RwRef> RwGuard<R, Write> {
    /// Makes a reader of the writer, with no other writer in between. Grants the readers at the front of the queue.
    ///
    /// An associated function, so that it hides no method of the value; so are those below.
    ///
    /// ```
    /// use waitline_lock::{RwLock, RwLockWriteGuard};
    /// let lock = RwLock::new(1);
    /// let mut writer = lock.try_write().unwrap();
    /// *writer = 2;
    /// let reader = RwLockWriteGuard::downgrade(writer);
    /// assert_eq!((*reader, *lock.try_read().unwrap()), (2, 2));
    /// ```
    #[track_caller]
    pub fn downgrade(guard: Self) -> RwGuard<R, Read> {
        Self::weaken(guard, Caller::here())
    }

    /// Makes an upgradable reader of the writer, with no other writer in between. Grants the readers at the front of
    /// the queue.
    ///
    /// ```
    /// use waitline_lock::{RwLock, RwLockUpgradableReadGuard, RwLockWriteGuard};
    /// let lock = RwLock::new(1);
    /// let reader = RwLockWriteGuard::downgrade_to_upgradable(lock.try_write().unwrap());
    /// assert_eq!(*lock.try_read().unwrap(), 1);
    /// *RwLockUpgradableReadGuard::try_upgrade(reader).unwrap() += 1;
    /// assert_eq!(lock.into_inner(), 2);
    /// ```
    #[track_caller]
    pub fn downgrade_to_upgradable(guard: Self) -> RwGuard<R, Upgradable> {
        Self::weaken(guard, Caller::here())
    }
}

impl<R: RwRef> RwGuard<R, Upgradable> {
    /// Waits until the other readers are gone, and becomes the writer.
    ///
    /// The value does not change in between: no other writer can come before. While the upgrade waits, newcomers wait
    /// behind it.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use waitline_lock::{RwLock, RwLockUpgradableReadGuard};
    /// let lock = RwLock::new(vec![1]);
    /// let list = lock.upgradable_read().await;
    /// if !list.contains(&2) {
    ///     RwLockUpgradableReadGuard::upgrade(list).await.push(2);
    /// }
    /// assert_eq!(*lock.read().await, [1, 2]);
    /// # });
    /// ```
    ///
    /// # Fairness
    ///
    /// An upgrade goes before all other waiters, writers included. It holds a read, so they could not go before it.
    ///
    /// # Cancel safety
    ///
    /// A dropped future releases the upgradable read, in whatever phase it is.
    #[track_caller]
    pub fn upgrade(guard: Self) -> RwUpgrade<R> {
        RwUpgrade::new(guard)
    }

    /// Becomes the writer as [`upgrade`](Self::upgrade) does, with the calling thread parked.
    ///
    /// Do not call it inside a future: it blocks the executor's thread, which the other readers may need to run.
    ///
    /// ```
    /// use waitline_lock::{RwLock, RwLockUpgradableReadGuard};
    /// let lock = RwLock::new(1);
    /// *RwLockUpgradableReadGuard::upgrade_blocking(lock.upgradable_read_blocking()) += 1;
    /// assert_eq!(lock.into_inner(), 2);
    /// ```
    #[track_caller]
    pub fn upgrade_blocking(guard: Self) -> RwGuard<R, Write> {
        match Self::try_upgrade(guard) {
            Ok(writer) => writer,
            Err(guard) => block_on(Self::upgrade(guard)),
        }
    }

    /// Becomes the writer if there is no other reader. As [`upgrade`](Self::upgrade), it goes before all waiters.
    ///
    /// ```
    /// use waitline_lock::{RwLock, RwLockUpgradableReadGuard};
    /// let lock = RwLock::new(1);
    /// let (reader, other) = (lock.try_upgradable_read().unwrap(), lock.try_read());
    /// let reader = RwLockUpgradableReadGuard::try_upgrade(reader).unwrap_err();
    /// drop(other);
    /// *RwLockUpgradableReadGuard::try_upgrade(reader).unwrap() += 1;
    /// ```
    ///
    /// # Errors
    ///
    /// The guard itself, if there are other readers.
    #[track_caller]
    pub fn try_upgrade(guard: Self) -> Result<RwGuard<R, Write>, Self> {
        if guard.raw().try_upgrade() {
            // SAFETY: just exchanged.
            Ok(unsafe { Self::exchanged(guard, Caller::here()) })
        } else {
            Err(guard)
        }
    }

    /// Makes an ordinary reader of the upgradable one. Grants those at the front of the queue that may now read.
    ///
    /// ```
    /// use waitline_lock::{RwLock, RwLockUpgradableReadGuard};
    /// let lock = RwLock::new(1);
    /// let reader = RwLockUpgradableReadGuard::downgrade(lock.try_upgradable_read().unwrap());
    /// assert_eq!(*lock.try_upgradable_read().unwrap(), *reader);
    /// ```
    #[track_caller]
    pub fn downgrade(guard: Self) -> RwGuard<R, Read> {
        Self::weaken(guard, Caller::here())
    }
}

impl<R: RwRef, M: Mode> Drop for RwGuard<R, M> {
    #[inline]
    fn drop(&mut self) {
        self.raw().release(M::RIGHT);
    }
}

impl<R: RwRef, M: Mode> Deref for RwGuard<R, M> {
    type Target = R::Value;
    #[inline]
    fn deref(&self) -> &R::Value {
        // SAFETY: the guard may read, and `&self` keeps its own `&mut` away.
        self.lock.rwlock().value().with(|value| unsafe { &*value })
    }
}

impl<R: RwRef> DerefMut for RwGuard<R, Write> {
    #[inline]
    fn deref_mut(&mut self) -> &mut R::Value {
        // SAFETY: the guard is the only one, and `&mut self` makes this the only reference.
        self.lock.rwlock().value().with_mut(|value| unsafe { &mut *value })
    }
}

formats_as_its_value! {
    [R: RwRef, M: Mode] RwGuard<R, M>, R::Value;
}
