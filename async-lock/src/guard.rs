//! The guards: borrowed and owned, for the whole value and for a part of it.

use crate::{
    lock::Lock,
    raw::{LockRef, RawLock},
};
use std::{
    fmt,
    marker::PhantomData,
    mem::ManuallyDrop,
    ops::{Deref, DerefMut},
    ptr::{self, NonNull},
    sync::Arc,
};
use waitline::diagnostics::Caller;

/// The right to a [`Lock`]'s value. Dropping it releases the lock.
///
/// `Send` if `T: Send`; `Sync` if `T: Send + Sync`, because [`LockGuard::lock`] gives the lock for a shared guard.
///
/// ```
/// use waitline_lock::{Lock, LockGuard};
/// let names = Lock::new(vec!["a"]);
/// let guard: LockGuard<'_, Vec<&str>> = names.try_lock().unwrap();
/// assert_eq!(guard.len(), 1);
/// drop(guard);
/// assert!(!names.is_locked());
/// ```
#[doc(alias = "MutexGuard")]
#[must_use = "a guard that is not kept releases the lock at once"]
#[clippy::has_significant_drop]
pub struct LockGuard<'a, T: ?Sized> {
    lock: &'a Lock<T>,
    /// The guard has the variance, Send and Sync of the only reference to the value.
    _value: PhantomData<&'a mut T>,
}

/// The right to a [`Lock`]'s value, with an `Arc` of the lock instead of a reference. Dropping it releases the lock.
///
/// ```
/// use std::sync::Arc;
/// use waitline_lock::{Lock, OwnedLockGuard};
/// let lock = Arc::new(Lock::new(1));
/// let mut guard: OwnedLockGuard<i32> = lock.clone().try_lock_owned().unwrap();
/// std::thread::spawn(move || *guard += 1).join().unwrap();
/// assert_eq!(*lock.try_lock().unwrap(), 2);
/// ```
#[doc(alias("OwnedMutexGuard", "MutexGuardArc"))]
#[must_use = "a guard that is not kept releases the lock at once"]
#[clippy::has_significant_drop]
pub struct OwnedLockGuard<T: ?Sized> {
    lock: Arc<Lock<T>>,
    _value: PhantomData<Box<T>>,
}

/// The right to a part of a [`Lock`]'s value, by [`LockGuard::map`]. Dropping it releases the lock.
///
/// ```
/// use waitline_lock::{Lock, LockGuard, MappedLockGuard};
/// let pair = Lock::new((1, "one"));
/// let mut number: MappedLockGuard<'_, i32> = LockGuard::map(pair.try_lock().unwrap(), |pair| &mut pair.0);
/// *number = 2;
/// drop(number);
/// assert_eq!(pair.into_inner(), (2, "one"));
/// ```
#[doc(alias = "MappedMutexGuard")]
#[must_use = "a guard that is not kept releases the lock at once"]
#[clippy::has_significant_drop]
pub struct MappedLockGuard<'a, U: ?Sized> {
    raw: Held<&'a RawLock>,
    part: NonNull<U>,
    _part: PhantomData<&'a mut U>,
}

/// The right to a part of a [`Lock`]'s value, by [`OwnedLockGuard::map`]. Dropping it releases the lock.
///
/// `Send` only if all of `T` is, because the last owner of the `Arc` drops the value.
///
/// ```
/// use std::sync::Arc;
/// use waitline_lock::{Lock, OwnedLockGuard, OwnedMappedLockGuard};
/// let pair = Arc::new(Lock::new((1, "one")));
/// let guard = pair.clone().try_lock_owned().unwrap();
/// let name: OwnedMappedLockGuard<(i32, &str), &str> = OwnedLockGuard::map(guard, |pair| &mut pair.1);
/// assert_eq!(*name, "one");
/// ```
#[doc(alias = "OwnedMappedMutexGuard")]
#[must_use = "a guard that is not kept releases the lock at once"]
#[clippy::has_significant_drop]
pub struct OwnedMappedLockGuard<T: ?Sized, U: ?Sized> {
    lock: Held<Arc<Lock<T>>>,
    part: NonNull<U>,
    /// Invariant in U, because the guard can write it.
    _part: PhantomData<*mut U>,
}

// SAFETY: the guard consists of a `&mut U` and a reference to the lock's byte and queue, which any thread may use.
unsafe impl<U: ?Sized + Send> Send for MappedLockGuard<'_, U> {}
// SAFETY: as above; a shared guard gives `&U` and nothing else.
unsafe impl<U: ?Sized + Sync> Sync for MappedLockGuard<'_, U> {}
// SAFETY: the guard consists of a `&mut U` and an `Arc<Lock<T>>`, which is Send if `T: Send`.
unsafe impl<T: ?Sized + Send, U: ?Sized + Send> Send for OwnedMappedLockGuard<T, U> {}
// SAFETY: a shared guard gives `&U`; the `Arc<Lock<T>>` in it is Sync if `T: Send`.
unsafe impl<T: ?Sized + Send, U: ?Sized + Sync> Sync for OwnedMappedLockGuard<T, U> {}

/// A held lock. Its drop releases it.
struct Held<R: LockRef>(R);

impl<R: LockRef> Drop for Held<R> {
    #[inline]
    fn drop(&mut self) {
        self.0.raw().unlock();
    }
}

impl<'a, T: ?Sized> LockGuard<'a, T> {
    /// # Safety
    ///
    /// The caller holds `lock`, and gives it to the guard.
    #[inline(always)]
    pub(crate) unsafe fn new(lock: &'a Lock<T>, location: Caller) -> Self {
        let guard = LockGuard { lock, _value: PhantomData };
        lock.raw().note_holder(location);
        guard
    }

    /// The lock that the guard holds. An associated function, so that it hides no method of the value.
    ///
    /// ```
    /// use waitline_lock::{Lock, LockGuard};
    /// let lock = Lock::new(1);
    /// let guard = lock.try_lock().unwrap();
    /// assert!(LockGuard::lock(&guard).is_locked());
    /// ```
    pub fn lock(guard: &Self) -> &'a Lock<T> {
        guard.lock
    }

    /// Gives up the guard without releasing the lock, and returns the lock.
    pub(crate) fn into_held(guard: Self) -> &'a Lock<T> {
        ManuallyDrop::new(guard).lock
    }

    /// Narrows the guard to a part of the value. The lock stays held until the new guard is dropped.
    ///
    /// ```
    /// use waitline_lock::{Lock, LockGuard};
    /// let lock = Lock::new((1, "two"));
    /// let mut first = LockGuard::map(lock.try_lock().unwrap(), |pair| &mut pair.0);
    /// *first += 10;
    /// drop(first);
    /// assert_eq!(lock.into_inner(), (11, "two"));
    /// ```
    ///
    /// # Panics
    ///
    /// If `part` does; the lock is then released.
    pub fn map<U: ?Sized>(mut guard: Self, part: impl FnOnce(&mut T) -> &mut U) -> MappedLockGuard<'a, U> {
        let part = NonNull::from(part(&mut *guard));
        MappedLockGuard { raw: Held(Self::into_held(guard).raw()), part, _part: PhantomData }
    }

    /// As [`map`](Self::map), if there is such a part; the guard comes back unharmed if there is not.
    ///
    /// ```
    /// use waitline_lock::{Lock, LockGuard};
    /// let lock = Lock::new(vec![1, 2]);
    /// let guard = lock.try_lock().unwrap();
    /// let guard = LockGuard::filter_map(guard, |list| list.get_mut(7)).unwrap_err();
    /// let second = LockGuard::filter_map(guard, |list| list.get_mut(1)).unwrap();
    /// assert_eq!(*second, 2);
    /// ```
    ///
    /// # Errors
    ///
    /// The guard itself, if `part` returns `None`.
    pub fn filter_map<U: ?Sized>(
        mut guard: Self,
        part: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<MappedLockGuard<'a, U>, Self> {
        match part(&mut *guard).map(NonNull::from) {
            Some(part) => Ok(MappedLockGuard { raw: Held(Self::into_held(guard).raw()), part, _part: PhantomData }),
            None => Err(guard),
        }
    }
}

impl<T: ?Sized> OwnedLockGuard<T> {
    /// # Safety
    ///
    /// The caller holds `lock`, and gives it to the guard.
    #[inline(always)]
    pub(crate) unsafe fn new(lock: Arc<Lock<T>>, location: Caller) -> Self {
        let guard = OwnedLockGuard { lock, _value: PhantomData };
        guard.lock.raw().note_holder(location);
        guard
    }

    /// The lock that the guard holds. An associated function, so that it hides no method of the value.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use waitline_lock::{Lock, OwnedLockGuard};
    /// let guard = Arc::new(Lock::new(1)).try_lock_owned().unwrap();
    /// assert!(OwnedLockGuard::lock(&guard).is_locked());
    /// ```
    pub fn lock(guard: &Self) -> &Arc<Lock<T>> {
        &guard.lock
    }

    /// Gives up the guard without releasing the lock, and returns the lock.
    pub(crate) fn into_held(guard: Self) -> Arc<Lock<T>> {
        let guard = ManuallyDrop::new(guard);
        // SAFETY: read once; the guard is never used or dropped again.
        unsafe { ptr::read(&guard.lock) }
    }

    /// Narrows the guard to a part of the value. The lock stays held until the new guard is dropped.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use waitline_lock::{Lock, OwnedLockGuard};
    /// let lock = Arc::new(Lock::new((1, "two")));
    /// let mut first = OwnedLockGuard::map(lock.clone().try_lock_owned().unwrap(), |pair| &mut pair.0);
    /// *first += 10;
    /// drop(first);
    /// assert_eq!(*lock.try_lock().unwrap(), (11, "two"));
    /// ```
    ///
    /// # Panics
    ///
    /// If `part` does; the lock is then released.
    pub fn map<U: ?Sized>(mut guard: Self, part: impl FnOnce(&mut T) -> &mut U) -> OwnedMappedLockGuard<T, U> {
        let part = NonNull::from(part(&mut *guard));
        OwnedMappedLockGuard { lock: Held(Self::into_held(guard)), part, _part: PhantomData }
    }

    /// As [`map`](Self::map), if there is such a part; the guard comes back unharmed if there is not.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use waitline_lock::{Lock, OwnedLockGuard};
    /// let guard = Arc::new(Lock::new(vec![1, 2])).try_lock_owned().unwrap();
    /// let guard = OwnedLockGuard::filter_map(guard, |list| list.get_mut(7)).unwrap_err();
    /// let second = OwnedLockGuard::filter_map(guard, |list| list.get_mut(1)).unwrap();
    /// assert_eq!(*second, 2);
    /// ```
    ///
    /// # Errors
    ///
    /// The guard itself, if `part` returns `None`.
    pub fn filter_map<U: ?Sized>(
        mut guard: Self,
        part: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<OwnedMappedLockGuard<T, U>, Self> {
        match part(&mut *guard).map(NonNull::from) {
            Some(part) => Ok(OwnedMappedLockGuard { lock: Held(Self::into_held(guard)), part, _part: PhantomData }),
            None => Err(guard),
        }
    }
}

impl<'a, U: ?Sized> MappedLockGuard<'a, U> {
    /// The lock that the guard holds.
    pub(crate) fn raw_lock(guard: &Self) -> &'a RawLock {
        guard.raw.0
    }

    /// Narrows the guard further.
    ///
    /// ```
    /// use waitline_lock::{Lock, LockGuard, MappedLockGuard};
    /// let lock = Lock::new(((1, 2), 3));
    /// let pair = LockGuard::map(lock.try_lock().unwrap(), |all| &mut all.0);
    /// let two = MappedLockGuard::map(pair, |pair| &mut pair.1);
    /// assert_eq!(*two, 2);
    /// ```
    pub fn map<V: ?Sized>(mut guard: Self, part: impl FnOnce(&mut U) -> &mut V) -> MappedLockGuard<'a, V> {
        let part = NonNull::from(part(&mut *guard));
        MappedLockGuard { raw: guard.raw, part, _part: PhantomData }
    }

    /// As [`map`](Self::map), if there is such a part.
    ///
    /// ```
    /// use waitline_lock::{Lock, LockGuard, MappedLockGuard};
    /// let lock = Lock::new((vec![1], ()));
    /// let list = LockGuard::map(lock.try_lock().unwrap(), |all| &mut all.0);
    /// let list = MappedLockGuard::filter_map(list, |list| list.get_mut(1)).unwrap_err();
    /// assert_eq!(*MappedLockGuard::filter_map(list, |list| list.get_mut(0)).unwrap(), 1);
    /// ```
    ///
    /// # Errors
    ///
    /// The guard itself, if `part` returns `None`.
    pub fn filter_map<V: ?Sized>(
        mut guard: Self,
        part: impl FnOnce(&mut U) -> Option<&mut V>,
    ) -> Result<MappedLockGuard<'a, V>, Self> {
        match part(&mut *guard).map(NonNull::from) {
            Some(part) => Ok(MappedLockGuard { raw: guard.raw, part, _part: PhantomData }),
            None => Err(guard),
        }
    }
}

impl<T: ?Sized, U: ?Sized> OwnedMappedLockGuard<T, U> {
    /// The lock that the guard holds.
    pub(crate) fn raw_lock(guard: &Self) -> &RawLock {
        guard.lock.0.raw()
    }
}

/// `U: 'static`, because the type of the new guard does not mention `U`: it would drop a lifetime of `U`, and the new
/// part could outlive what it refers to. (The first [`OwnedLockGuard::map`] keeps `T`.) To narrow to a part of a `U`
/// that borrows, do so in the first `map`.
impl<T: ?Sized, U: ?Sized + 'static> OwnedMappedLockGuard<T, U> {
    /// Narrows the guard further.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use waitline_lock::{Lock, OwnedLockGuard, OwnedMappedLockGuard};
    /// let guard = Arc::new(Lock::new(((1, 2), 3))).try_lock_owned().unwrap();
    /// let pair = OwnedLockGuard::map(guard, |all| &mut all.0);
    /// let two = OwnedMappedLockGuard::map(pair, |pair| &mut pair.1);
    /// assert_eq!(*two, 2);
    /// ```
    pub fn map<V: ?Sized>(mut guard: Self, part: impl FnOnce(&mut U) -> &mut V) -> OwnedMappedLockGuard<T, V> {
        let part = NonNull::from(part(&mut *guard));
        OwnedMappedLockGuard { lock: guard.lock, part, _part: PhantomData }
    }

    /// As [`map`](Self::map), if there is such a part.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use waitline_lock::{Lock, OwnedLockGuard, OwnedMappedLockGuard};
    /// let guard = Arc::new(Lock::new((vec![1], ()))).try_lock_owned().unwrap();
    /// let list = OwnedLockGuard::map(guard, |all| &mut all.0);
    /// let list = OwnedMappedLockGuard::filter_map(list, |list| list.get_mut(1)).unwrap_err();
    /// assert_eq!(*OwnedMappedLockGuard::filter_map(list, |list| list.get_mut(0)).unwrap(), 1);
    /// ```
    ///
    /// # Errors
    ///
    /// The guard itself, if `part` returns `None`.
    pub fn filter_map<V: ?Sized>(
        mut guard: Self,
        part: impl FnOnce(&mut U) -> Option<&mut V>,
    ) -> Result<OwnedMappedLockGuard<T, V>, Self> {
        match part(&mut *guard).map(NonNull::from) {
            Some(part) => Ok(OwnedMappedLockGuard { lock: guard.lock, part, _part: PhantomData }),
            None => Err(guard),
        }
    }
}

impl<T: ?Sized> Drop for LockGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.raw().unlock();
    }
}

impl<T: ?Sized> Drop for OwnedLockGuard<T> {
    #[inline]
    fn drop(&mut self) {
        self.lock.raw().unlock();
    }
}

impl<T: ?Sized> Deref for LockGuard<'_, T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock, and `&self` keeps `&mut` away.
        self.lock.value().with(|value| unsafe { &*value })
    }
}

impl<T: ?Sized> DerefMut for LockGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock, and `&mut self` makes this the only reference.
        self.lock.value().with_mut(|value| unsafe { &mut *value })
    }
}

impl<T: ?Sized> Deref for OwnedLockGuard<T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock, and `&self` keeps `&mut` away.
        self.lock.value().with(|value| unsafe { &*value })
    }
}

impl<T: ?Sized> DerefMut for OwnedLockGuard<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock, and `&mut self` makes this the only reference.
        self.lock.value().with_mut(|value| unsafe { &mut *value })
    }
}

impl<U: ?Sized> Deref for MappedLockGuard<'_, U> {
    type Target = U;
    #[inline]
    fn deref(&self) -> &U {
        // SAFETY: the guard holds the lock in which the part lies, and `&self` keeps `&mut` away.
        unsafe { self.part.as_ref() }
    }
}

impl<U: ?Sized> DerefMut for MappedLockGuard<'_, U> {
    #[inline]
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: the guard holds the lock in which the part lies, and `&mut self` makes this the only reference.
        unsafe { self.part.as_mut() }
    }
}

impl<T: ?Sized, U: ?Sized> Deref for OwnedMappedLockGuard<T, U> {
    type Target = U;
    #[inline]
    fn deref(&self) -> &U {
        // SAFETY: the guard holds the lock in which the part lies, and `&self` keeps `&mut` away.
        unsafe { self.part.as_ref() }
    }
}

impl<T: ?Sized, U: ?Sized> DerefMut for OwnedMappedLockGuard<T, U> {
    #[inline]
    fn deref_mut(&mut self) -> &mut U {
        // SAFETY: the guard holds the lock in which the part lies, and `&mut self` makes this the only reference.
        unsafe { self.part.as_mut() }
    }
}

macro_rules! formats_as_its_value {
    ($([$($generics:tt)*] $guard:ty, $value:ty;)*) => {$(
        impl<$($generics)*> fmt::Debug for $guard where $value: fmt::Debug {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&**self, f)
            }
        }

        impl<$($generics)*> fmt::Display for $guard where $value: fmt::Display {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&**self, f)
            }
        }
    )*};
}

pub(crate) use formats_as_its_value;

formats_as_its_value! {
    [T: ?Sized] LockGuard<'_, T>, T;
    [T: ?Sized] OwnedLockGuard<T>, T;
    [U: ?Sized] MappedLockGuard<'_, U>, U;
    [T: ?Sized, U: ?Sized] OwnedMappedLockGuard<T, U>, U;
}

/// Code that must not compile. A guard is invariant in what it can write, and outlives neither its lock nor a reference
/// that was reached through it.
///
/// ```compile_fail,E0308
/// # use waitline_lock::MappedLockGuard;
/// fn shorten<'g, 's>(guard: MappedLockGuard<'g, &'static str>) -> MappedLockGuard<'g, &'s str> {
///     guard
/// }
/// ```
///
/// ```compile_fail
/// # use waitline_lock::OwnedMappedLockGuard;
/// fn shorten<'s>(guard: OwnedMappedLockGuard<(), &'static str>) -> OwnedMappedLockGuard<(), &'s str> {
///     guard
/// }
/// ```
///
/// An owned guard that is mapped twice keeps the lifetimes of its first part. Otherwise this victim would be used after
/// it is freed.
///
/// ```compile_fail
/// use std::sync::Arc;
/// use waitline_lock::{Lock, OwnedLockGuard, OwnedMappedLockGuard};
/// fn escape<'s>(victim: &'s mut Vec<u64>) -> OwnedMappedLockGuard<(), Vec<u64>> {
///     let guard = Arc::new(Lock::new(())).try_lock_owned().unwrap();
///     let forgetful = OwnedLockGuard::map(guard, |_| Box::leak(Box::new(None::<&'s u64>)));
///     OwnedMappedLockGuard::map(forgetful, move |_| victim)
/// }
/// ```
///
/// ```compile_fail
/// use std::sync::Arc;
/// use waitline_lock::{Lock, OwnedLockGuard, OwnedMappedLockGuard};
/// fn escape<'s>(victim: &'s mut Vec<u64>) -> OwnedMappedLockGuard<(), Vec<u64>> {
///     let guard = Arc::new(Lock::new(())).try_lock_owned().unwrap();
///     let forgetful = OwnedLockGuard::filter_map(guard, |_| Some(Box::leak(Box::new(None::<&'s u64>)))).unwrap();
///     OwnedMappedLockGuard::filter_map(forgetful, move |_| Some(victim)).unwrap()
/// }
/// ```
///
/// Nor does any other guard let a reference escape through a leaked part, mapped once or twice:
///
/// ```compile_fail
/// use std::sync::Arc;
/// use waitline_lock::{Lock, OwnedLockGuard, OwnedMappedLockGuard};
/// fn escape<'s>(victim: &'s mut Vec<u64>) -> OwnedMappedLockGuard<(), Vec<u64>> {
///     let guard = Arc::new(Lock::new(())).try_lock_owned().unwrap();
///     OwnedLockGuard::map(guard, move |_| victim)
/// }
/// ```
///
/// ```compile_fail
/// use waitline_lock::{Lock, LockGuard, MappedLockGuard};
/// static LOCK: Lock<()> = Lock::new(());
/// fn escape<'s>(victim: &'s mut Vec<u64>) -> MappedLockGuard<'static, Vec<u64>> {
///     let guard = LOCK.try_lock().unwrap();
///     let forgetful = LockGuard::map(guard, |_| Box::leak(Box::new(None::<&'s u64>)));
///     MappedLockGuard::map(forgetful, move |_| victim)
/// }
/// ```
///
/// ```compile_fail
/// use waitline_lock::{Lock, LockGuard, MappedLockGuard};
/// static LOCK: Lock<()> = Lock::new(());
/// fn escape<'s>(victim: &'s mut Vec<u64>) -> MappedLockGuard<'static, Vec<u64>> {
///     let guard = LOCK.try_lock().unwrap();
///     let forgetful = LockGuard::filter_map(guard, |_| Some(Box::leak(Box::new(None::<&'s u64>)))).unwrap();
///     MappedLockGuard::filter_map(forgetful, move |_| Some(victim)).unwrap()
/// }
/// ```
///
/// ```compile_fail,E0505
/// let lock = waitline_lock::Lock::new(1);
/// let guard = lock.try_lock();
/// drop(lock);
/// drop(guard);
/// ```
///
/// ```compile_fail,E0505
/// let lock = waitline_lock::Lock::new(String::new());
/// let guard = lock.try_lock().unwrap();
/// let part: &str = guard.as_str();
/// drop(guard);
/// part.len();
/// ```
#[cfg(doctest)]
struct CompileFail;
