//! Guards of a part of a [`RwLock`]'s value: borrowed and owned, in three modes.

use super::{
    RwLock,
    mode::{Mode, Read, Upgradable, Write},
    raw::RawRwLock,
};
use crate::guard::formats_as_its_value;
use std::{
    fmt,
    marker::PhantomData,
    ops::{Deref, DerefMut},
    ptr::NonNull,
    sync::Arc,
};
use waitline::diagnostics::Hold;

/// The right to a part of a [`RwLock`]'s value, in the mode `M`, by [`RwGuard::map`](super::RwGuard::map).
/// Dropping it releases the right.
///
/// The names to use are its three forms: [`MappedRwLockReadGuard`], [`MappedRwLockUpgradableReadGuard`] and
/// [`MappedRwLockWriteGuard`].
///
/// ```
/// use waitline_lock::{RwLock, RwLockReadGuard, rwlock::{MappedRwGuard, Read}};
/// let pair = RwLock::new((1, "one"));
/// let number: MappedRwGuard<'_, i32, Read> = RwLockReadGuard::map(pair.try_read().unwrap(), |pair| &pair.0);
/// assert_eq!(*number, 1);
/// ```
#[must_use = "a guard that is not kept releases the lock at once"]
#[clippy::has_significant_drop]
pub struct MappedRwGuard<'a, U: ?Sized, M: Mode> {
    pub(super) held: Held<&'a RawRwLock, M>,
    /// In the value that `held` gives access to.
    pub(super) part: NonNull<U>,
    /// Invariant in U, and outlived by it, as a guard that writes must be.
    pub(super) _part: PhantomData<&'a mut U>,
}

/// The right to read a part of a [`RwLock`]'s value, by [`RwLockReadGuard::map`](super::RwGuard::map).
///
/// ```
/// use waitline_lock::{MappedRwLockReadGuard, RwLock, RwLockReadGuard};
/// let pair = RwLock::new((1, "one"));
/// let name: MappedRwLockReadGuard<'_, &str> = RwLockReadGuard::map(pair.try_read().unwrap(), |pair| &pair.1);
/// assert_eq!(*name, "one");
/// ```
pub type MappedRwLockReadGuard<'a, U> = MappedRwGuard<'a, U, Read>;

/// The right to read a part of a [`RwLock`]'s value, from an upgradable read. It keeps other upgradable readers out, but
/// cannot be upgraded.
///
/// ```
/// use waitline_lock::{MappedRwLockUpgradableReadGuard, RwLock, RwLockUpgradableReadGuard};
/// let pair = RwLock::new((1, "one"));
/// let guard = pair.try_upgradable_read().unwrap();
/// let name: MappedRwLockUpgradableReadGuard<'_, &str> = RwLockUpgradableReadGuard::map(guard, |pair| &pair.1);
/// assert_eq!(*name, "one");
/// ```
pub type MappedRwLockUpgradableReadGuard<'a, U> = MappedRwGuard<'a, U, Upgradable>;

/// The right to write a part of a [`RwLock`]'s value, by [`RwLockWriteGuard::map`](super::RwGuard::map).
///
/// ```
/// use waitline_lock::{MappedRwLockWriteGuard, RwLock, RwLockWriteGuard};
/// let pair = RwLock::new((1, "one"));
/// let mut number: MappedRwLockWriteGuard<'_, i32> = RwLockWriteGuard::map(pair.try_write().unwrap(), |pair| &mut pair.0);
/// *number += 1;
/// ```
pub type MappedRwLockWriteGuard<'a, U> = MappedRwGuard<'a, U, Write>;

/// The right to a part of a [`RwLock`]'s value, in the mode `M`, with an `Arc` of the lock. Dropping it releases the
/// right.
///
/// The names to use are its three forms: [`OwnedMappedRwLockReadGuard`], [`OwnedMappedRwLockUpgradableReadGuard`] and
/// [`OwnedMappedRwLockWriteGuard`].
///
/// `Send` only if all of `T` is, because the last owner of the `Arc` drops the value.
///
/// ```
/// use std::sync::Arc;
/// use waitline_lock::{OwnedRwLockReadGuard, RwLock, rwlock::{OwnedMappedRwGuard, Read}};
/// let guard = Arc::new(RwLock::new((1, "one"))).try_read_owned().unwrap();
/// let number: OwnedMappedRwGuard<(i32, &str), i32, Read> = OwnedRwLockReadGuard::map(guard, |pair| &pair.0);
/// assert_eq!(*number, 1);
/// ```
#[must_use = "a guard that is not kept releases the lock at once"]
#[clippy::has_significant_drop]
pub struct OwnedMappedRwGuard<T: ?Sized, U: ?Sized, M: Mode> {
    pub(super) held: Held<Arc<RwLock<T>>, M>,
    /// In the value that `held` gives access to.
    pub(super) part: NonNull<U>,
    /// Invariant in U, as a guard that writes must be.
    pub(super) _part: PhantomData<*mut U>,
}

/// A [mapped read guard](MappedRwLockReadGuard) with an `Arc` of the lock instead of a reference.
///
/// ```
/// use std::sync::Arc;
/// use waitline_lock::{OwnedMappedRwLockReadGuard, OwnedRwLockReadGuard, RwLock};
/// let guard = Arc::new(RwLock::new((1, 2))).try_read_owned().unwrap();
/// let second: OwnedMappedRwLockReadGuard<(i32, i32), i32> = OwnedRwLockReadGuard::map(guard, |pair| &pair.1);
/// assert_eq!(*second, 2);
/// ```
pub type OwnedMappedRwLockReadGuard<T, U> = OwnedMappedRwGuard<T, U, Read>;

/// A [mapped upgradable read guard](MappedRwLockUpgradableReadGuard) with an `Arc` of the lock instead of a reference.
///
/// ```
/// use std::sync::Arc;
/// use waitline_lock::{OwnedMappedRwLockUpgradableReadGuard, OwnedRwLockUpgradableReadGuard, RwLock};
/// let guard = Arc::new(RwLock::new((1, 2))).try_upgradable_read_owned().unwrap();
/// let second: OwnedMappedRwLockUpgradableReadGuard<(i32, i32), i32> =
///     OwnedRwLockUpgradableReadGuard::map(guard, |pair| &pair.1);
/// assert_eq!(*second, 2);
/// ```
pub type OwnedMappedRwLockUpgradableReadGuard<T, U> = OwnedMappedRwGuard<T, U, Upgradable>;

/// A [mapped write guard](MappedRwLockWriteGuard) with an `Arc` of the lock instead of a reference.
///
/// ```
/// use std::sync::Arc;
/// use waitline_lock::{OwnedMappedRwLockWriteGuard, OwnedRwLockWriteGuard, RwLock};
/// let guard = Arc::new(RwLock::new((1, 2))).try_write_owned().unwrap();
/// let mut second: OwnedMappedRwLockWriteGuard<(i32, i32), i32> = OwnedRwLockWriteGuard::map(guard, |pair| &mut pair.1);
/// *second += 1;
/// ```
pub type OwnedMappedRwLockWriteGuard<T, U> = OwnedMappedRwGuard<T, U, Write>;

/// A held right. Its drop releases it.
pub(super) struct Held<R: RawRef, M: Mode> {
    pub(super) lock: R,
    /// The record in the reports.
    pub(super) _hold: Hold,
    pub(super) mode: PhantomData<M>,
}

/// What leads to a lock without its value's type, or to an `Arc` of the lock.
pub(super) trait RawRef {
    fn raw(&self) -> &RawRwLock;
}

impl RawRef for &RawRwLock {
    #[inline(always)]
    fn raw(&self) -> &RawRwLock {
        self
    }
}

impl<T: ?Sized> RawRef for Arc<RwLock<T>> {
    #[inline(always)]
    fn raw(&self) -> &RawRwLock {
        RwLock::raw(self)
    }
}

impl<R: RawRef, M: Mode> Drop for Held<R, M> {
    #[inline]
    fn drop(&mut self) {
        self.lock.raw().release(M::RIGHT);
    }
}

// SAFETY: the guard consists of a `&U` and a reference to the lock's word and queue, which any thread may use.
unsafe impl<U: ?Sized + Sync> Send for MappedRwLockReadGuard<'_, U> {}
// SAFETY: as above; it cannot be upgraded.
unsafe impl<U: ?Sized + Sync> Send for MappedRwLockUpgradableReadGuard<'_, U> {}
// SAFETY: as above, with a `&mut U`; it cannot be downgraded.
unsafe impl<U: ?Sized + Send> Send for MappedRwLockWriteGuard<'_, U> {}
// SAFETY: a shared guard gives `&U` and nothing else.
unsafe impl<U: ?Sized + Sync, M: Mode> Sync for MappedRwGuard<'_, U, M> {}
// SAFETY: the guard consists of a `&U` or a `&mut U`, and an `Arc<RwLock<T>>`, which is Send if `T: Send + Sync`.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Send + Sync, M: Mode> Send for OwnedMappedRwGuard<T, U, M> {}
// SAFETY: a shared guard gives `&U`; the `Arc<RwLock<T>>` in it is Sync if `T: Send + Sync`.
unsafe impl<T: ?Sized + Send + Sync, U: ?Sized + Sync, M: Mode> Sync for OwnedMappedRwGuard<T, U, M> {}

impl<U: ?Sized, M: Mode> Deref for MappedRwGuard<'_, U, M> {
    type Target = U;
    #[inline]
    fn deref(&self) -> &U {
        // SAFETY: the guard may read the value in which the part lies, and `&self` keeps its own `&mut` away.
        unsafe { self.part.as_ref() }
    }
}

impl<U: ?Sized> DerefMut for MappedRwGuard<'_, U, Write> {
    #[inline]
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: the guard is the only one, made from a `&mut U`, and `&mut self` makes this the only reference.
        unsafe { self.part.as_mut() }
    }
}

impl<T: ?Sized, U: ?Sized, M: Mode> Deref for OwnedMappedRwGuard<T, U, M> {
    type Target = U;
    #[inline]
    fn deref(&self) -> &U {
        // SAFETY: the guard may read the value in which the part lies, and `&self` keeps its own `&mut` away.
        unsafe { self.part.as_ref() }
    }
}

impl<T: ?Sized, U: ?Sized> DerefMut for OwnedMappedRwGuard<T, U, Write> {
    #[inline]
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: the guard is the only one, made from a `&mut U`, and `&mut self` makes this the only reference.
        unsafe { self.part.as_mut() }
    }
}

formats_as_its_value! {
    [U: ?Sized, M: Mode] MappedRwGuard<'_, U, M>, U;
    [T: ?Sized, U: ?Sized, M: Mode] OwnedMappedRwGuard<T, U, M>, U;
}

/// Code that must not compile. A guard that writes is invariant in what it can write, and no guard outlives its lock or
/// a reference that was reached through it.
///
/// ```compile_fail,E0308
/// # use waitline_lock::MappedRwLockWriteGuard;
/// fn shorten<'g, 's>(guard: MappedRwLockWriteGuard<'g, &'static str>) -> MappedRwLockWriteGuard<'g, &'s str> {
///     guard
/// }
/// ```
///
/// ```compile_fail
/// # use waitline_lock::OwnedMappedRwLockWriteGuard;
/// fn shorten<'s>(guard: OwnedMappedRwLockWriteGuard<(), &'static str>) -> OwnedMappedRwLockWriteGuard<(), &'s str> {
///     guard
/// }
/// ```
///
/// An owned guard that is mapped twice keeps the lifetimes of its first part. Otherwise this victim would be used after
/// it is freed.
///
/// ```compile_fail
/// use std::sync::Arc;
/// use waitline_lock::*;
/// fn escape<'s>(victim: &'s mut Vec<u64>) -> OwnedMappedRwLockWriteGuard<(), Vec<u64>> {
///     let guard = Arc::new(RwLock::new(())).try_write_owned().unwrap();
///     let forgetful = OwnedRwLockWriteGuard::map(guard, |_| Box::leak(Box::new(None::<&'s u64>)));
///     OwnedMappedRwLockWriteGuard::map(forgetful, move |_| victim)
/// }
/// ```
///
/// ```compile_fail
/// use std::sync::Arc;
/// use waitline_lock::*;
/// fn escape<'s>(victim: &'s Vec<u64>) -> OwnedMappedRwLockReadGuard<(), Vec<u64>> {
///     let guard = Arc::new(RwLock::new(())).try_read_owned().unwrap();
///     let forgetful = OwnedRwLockReadGuard::map(guard, |_| Box::leak(Box::new(None::<&'s u64>)));
///     OwnedMappedRwLockReadGuard::map(forgetful, move |_| victim)
/// }
/// ```
///
/// ```compile_fail
/// use std::sync::Arc;
/// use waitline_lock::*;
/// fn escape<'s>(victim: &'s Vec<u64>) -> OwnedMappedRwLockReadGuard<(), Vec<u64>> {
///     let guard = Arc::new(RwLock::new(())).try_read_owned().unwrap();
///     let forgetful =
///         OwnedRwLockReadGuard::filter_map(guard, |_| Some(&*Box::leak(Box::new(None::<&'s u64>)))).unwrap();
///     OwnedMappedRwLockReadGuard::filter_map(forgetful, move |_| Some(victim)).unwrap()
/// }
/// ```
///
/// Nor does any other guard let a reference escape through a leaked part, mapped once or twice:
///
/// ```compile_fail
/// use std::sync::Arc;
/// use waitline_lock::*;
/// fn escape<'s>(victim: &'s Vec<u64>) -> OwnedMappedRwLockReadGuard<(), Vec<u64>> {
///     let guard = Arc::new(RwLock::new(())).try_read_owned().unwrap();
///     OwnedRwLockReadGuard::map(guard, move |_| victim)
/// }
/// ```
///
/// ```compile_fail
/// use waitline_lock::*;
/// static LOCK: RwLock<()> = RwLock::new(());
/// fn escape<'s>(victim: &'s Vec<u64>) -> MappedRwLockReadGuard<'static, Vec<u64>> {
///     let forgetful = RwLockReadGuard::map(LOCK.try_read().unwrap(), |_| Box::leak(Box::new(None::<&'s u64>)));
///     MappedRwLockReadGuard::map(forgetful, move |_| victim)
/// }
/// ```
///
/// A reader does not write, and a guard does not outlive its lock:
///
/// ```compile_fail,E0594
/// let lock = waitline_lock::RwLock::new(1);
/// *lock.try_read().unwrap() = 2;
/// ```
///
/// ```compile_fail,E0594
/// let lock = waitline_lock::RwLock::new(1);
/// *lock.try_upgradable_read().unwrap() = 2;
/// ```
///
/// ```compile_fail,E0505
/// let lock = waitline_lock::RwLock::new(1);
/// let guard = lock.try_read();
/// drop(lock);
/// drop(guard);
/// ```
///
/// ```compile_fail,E0505
/// use waitline_lock::{RwLock, RwLockWriteGuard};
/// let lock = RwLock::new(String::new());
/// let guard = lock.try_write().unwrap();
/// let part: &str = guard.as_str();
/// let guard = RwLockWriteGuard::downgrade(guard);
/// part.len();
/// ```
#[cfg(doctest)]
struct CompileFail;
