//! `map` and `filter_map`: from a guard of a value to a guard of a part of it.

use super::{
    RwLock,
    guard::RwGuard,
    mapped::{Held, MappedRwGuard, OwnedMappedRwGuard},
    mode::{Mode, SharedMode, Write},
};
use std::{marker::PhantomData, ptr::NonNull, sync::Arc};

impl<'a, T: ?Sized, M: Mode> RwGuard<&'a RwLock<T>, M> {
    /// `part` points into the value that the guard gives access to.
    #[inline(always)]
    fn narrowed<U: ?Sized>(guard: Self, part: NonNull<U>) -> MappedRwGuard<'a, U, M> {
        let (lock, _hold) = Self::into_parts(guard);
        MappedRwGuard { held: Held { lock: lock.raw(), _hold, mode: PhantomData }, part, _part: PhantomData }
    }
}

impl<T: ?Sized, M: Mode> RwGuard<Arc<RwLock<T>>, M> {
    /// `part` points into the value that the guard gives access to.
    #[inline(always)]
    fn narrowed_owned<U: ?Sized>(guard: Self, part: NonNull<U>) -> OwnedMappedRwGuard<T, U, M> {
        let (lock, _hold) = Self::into_parts(guard);
        OwnedMappedRwGuard { held: Held { lock, _hold, mode: PhantomData }, part, _part: PhantomData }
    }
}

impl<'a, T: ?Sized, M: SharedMode> RwGuard<&'a RwLock<T>, M> {
    /// Narrows the guard to a part of the value, and keeps the lock.
    ///
    /// ```
    /// use waitline_lock::{RwLock, RwLockReadGuard};
    /// let lock = RwLock::new((1, 2));
    /// let second = RwLockReadGuard::map(lock.try_read().unwrap(), |pair| &pair.1);
    /// assert_eq!(*second, 2);
    /// ```
    ///
    /// # Panics
    ///
    /// If `part` does; the lock is then released.
    pub fn map<U: ?Sized>(guard: Self, part: impl FnOnce(&T) -> &U) -> MappedRwGuard<'a, U, M> {
        let part = NonNull::from(part(&*guard));
        Self::narrowed(guard, part)
    }

    /// As [`map`](Self::map), if there is such a part; the guard comes back unharmed if there is not.
    ///
    /// ```
    /// use waitline_lock::{RwLock, RwLockReadGuard};
    /// let lock = RwLock::new(vec![1, 2]);
    /// let guard = RwLockReadGuard::filter_map(lock.try_read().unwrap(), |list| list.get(7)).unwrap_err();
    /// assert_eq!(*RwLockReadGuard::filter_map(guard, |list| list.get(1)).unwrap(), 2);
    /// ```
    ///
    /// # Errors
    ///
    /// The guard itself, if `part` returns `None`.
    pub fn filter_map<U: ?Sized>(
        guard: Self,
        part: impl FnOnce(&T) -> Option<&U>,
    ) -> Result<MappedRwGuard<'a, U, M>, Self> {
        match part(&*guard).map(NonNull::from) {
            Some(part) => Ok(Self::narrowed(guard, part)),
            None => Err(guard),
        }
    }
}

impl<T: ?Sized, M: SharedMode> RwGuard<Arc<RwLock<T>>, M> {
    /// Narrows the guard to a part of the value, and keeps the lock.
    ///
    /// ```
    /// use waitline_lock::{OwnedRwLockReadGuard, RwLock};
    /// let lock = std::sync::Arc::new(RwLock::new((1, 2)));
    /// let second = OwnedRwLockReadGuard::map(lock.clone().try_read_owned().unwrap(), |pair| &pair.1);
    /// assert_eq!(*second, 2);
    /// ```
    ///
    /// # Panics
    ///
    /// If `part` does; the lock is then released.
    pub fn map<U: ?Sized>(guard: Self, part: impl FnOnce(&T) -> &U) -> OwnedMappedRwGuard<T, U, M> {
        let part = NonNull::from(part(&*guard));
        Self::narrowed_owned(guard, part)
    }

    /// As [`map`](Self::map), if there is such a part; the guard comes back unharmed if there is not.
    ///
    /// ```
    /// use waitline_lock::{OwnedRwLockReadGuard, RwLock};
    /// let lock = std::sync::Arc::new(RwLock::new(vec![1, 2]));
    /// let guard = OwnedRwLockReadGuard::filter_map(lock.clone().try_read_owned().unwrap(), |list| list.get(7)).unwrap_err();
    /// assert_eq!(*OwnedRwLockReadGuard::filter_map(guard, |list| list.get(1)).unwrap(), 2);
    /// ```
    ///
    /// # Errors
    ///
    /// The guard itself, if `part` returns `None`.
    pub fn filter_map<U: ?Sized>(
        guard: Self,
        part: impl FnOnce(&T) -> Option<&U>,
    ) -> Result<OwnedMappedRwGuard<T, U, M>, Self> {
        match part(&*guard).map(NonNull::from) {
            Some(part) => Ok(Self::narrowed_owned(guard, part)),
            None => Err(guard),
        }
    }
}

impl<'a, U: ?Sized, M: SharedMode> MappedRwGuard<'a, U, M> {
    /// Narrows the guard further.
    ///
    /// ```
    /// use waitline_lock::{MappedRwLockReadGuard, RwLock, RwLockReadGuard};
    /// let lock = RwLock::new(((1, 2), 3));
    /// let pair = RwLockReadGuard::map(lock.try_read().unwrap(), |all| &all.0);
    /// assert_eq!(*MappedRwLockReadGuard::map(pair, |pair| &pair.1), 2);
    /// ```
    pub fn map<V: ?Sized>(guard: Self, part: impl FnOnce(&U) -> &V) -> MappedRwGuard<'a, V, M> {
        let part = NonNull::from(part(&*guard));
        MappedRwGuard { held: guard.held, part, _part: PhantomData }
    }

    /// As [`map`](Self::map), if there is such a part; the guard comes back unharmed if there is not.
    ///
    /// ```
    /// use waitline_lock::{MappedRwLockReadGuard, RwLock, RwLockReadGuard};
    /// let lock = RwLock::new((vec![1], 3));
    /// let list = RwLockReadGuard::map(lock.try_read().unwrap(), |all| &all.0);
    /// let list = MappedRwLockReadGuard::filter_map(list, |list| list.get(1)).unwrap_err();
    /// assert_eq!(*MappedRwLockReadGuard::filter_map(list, |list| list.get(0)).unwrap(), 1);
    /// ```
    ///
    /// # Errors
    ///
    /// The guard itself, if `part` returns `None`.
    pub fn filter_map<V: ?Sized>(
        guard: Self,
        part: impl FnOnce(&U) -> Option<&V>,
    ) -> Result<MappedRwGuard<'a, V, M>, Self> {
        match part(&*guard).map(NonNull::from) {
            Some(part) => Ok(MappedRwGuard { held: guard.held, part, _part: PhantomData }),
            None => Err(guard),
        }
    }
}

/// `U: 'static`, because the type of the new guard does not mention `U`: it would drop a lifetime of `U`, and the new
/// part could outlive what it refers to. (The first [`map`](RwGuard::map) keeps `T`.) To narrow to a part of a `U` that
/// borrows, do so in the first `map`.
impl<T: ?Sized, U: ?Sized + 'static, M: SharedMode> OwnedMappedRwGuard<T, U, M> {
    /// Narrows the guard further.
    ///
    /// ```
    /// use waitline_lock::{OwnedMappedRwLockReadGuard, OwnedRwLockReadGuard, RwLock};
    /// let lock = std::sync::Arc::new(RwLock::new(((1, 2), 3)));
    /// let pair = OwnedRwLockReadGuard::map(lock.clone().try_read_owned().unwrap(), |all| &all.0);
    /// assert_eq!(*OwnedMappedRwLockReadGuard::map(pair, |pair| &pair.1), 2);
    /// ```
    pub fn map<V: ?Sized>(guard: Self, part: impl FnOnce(&U) -> &V) -> OwnedMappedRwGuard<T, V, M> {
        let part = NonNull::from(part(&*guard));
        OwnedMappedRwGuard { held: guard.held, part, _part: PhantomData }
    }

    /// As [`map`](Self::map), if there is such a part; the guard comes back unharmed if there is not.
    ///
    /// ```
    /// use waitline_lock::{OwnedMappedRwLockReadGuard, OwnedRwLockReadGuard, RwLock};
    /// let lock = std::sync::Arc::new(RwLock::new((vec![1], 3)));
    /// let list = OwnedRwLockReadGuard::map(lock.clone().try_read_owned().unwrap(), |all| &all.0);
    /// let list = OwnedMappedRwLockReadGuard::filter_map(list, |list| list.get(1)).unwrap_err();
    /// assert_eq!(*OwnedMappedRwLockReadGuard::filter_map(list, |list| list.get(0)).unwrap(), 1);
    /// ```
    ///
    /// # Errors
    ///
    /// The guard itself, if `part` returns `None`.
    pub fn filter_map<V: ?Sized>(
        guard: Self,
        part: impl FnOnce(&U) -> Option<&V>,
    ) -> Result<OwnedMappedRwGuard<T, V, M>, Self> {
        match part(&*guard).map(NonNull::from) {
            Some(part) => Ok(OwnedMappedRwGuard { held: guard.held, part, _part: PhantomData }),
            None => Err(guard),
        }
    }
}

impl<'a, T: ?Sized> RwGuard<&'a RwLock<T>, Write> {
    /// Narrows the guard to a part of the value, and keeps the lock.
    ///
    /// ```
    /// use waitline_lock::{RwLock, RwLockWriteGuard};
    /// let lock = RwLock::new((1, 2));
    /// let mut second = RwLockWriteGuard::map(lock.try_write().unwrap(), |pair| &mut pair.1);
    /// *second += 1;
    /// assert_eq!(*second, 3);
    /// ```
    ///
    /// # Panics
    ///
    /// If `part` does; the lock is then released.
    pub fn map<U: ?Sized>(mut guard: Self, part: impl FnOnce(&mut T) -> &mut U) -> MappedRwGuard<'a, U, Write> {
        let part = NonNull::from(part(&mut *guard));
        Self::narrowed(guard, part)
    }

    /// As [`map`](Self::map), if there is such a part; the guard comes back unharmed if there is not.
    ///
    /// ```
    /// use waitline_lock::{RwLock, RwLockWriteGuard};
    /// let lock = RwLock::new(vec![1, 2]);
    /// let guard = RwLockWriteGuard::filter_map(lock.try_write().unwrap(), |list| list.get_mut(7)).unwrap_err();
    /// assert_eq!(*RwLockWriteGuard::filter_map(guard, |list| list.get_mut(1)).unwrap(), 2);
    /// ```
    ///
    /// # Errors
    ///
    /// The guard itself, if `part` returns `None`.
    pub fn filter_map<U: ?Sized>(
        mut guard: Self,
        part: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<MappedRwGuard<'a, U, Write>, Self> {
        match part(&mut *guard).map(NonNull::from) {
            Some(part) => Ok(Self::narrowed(guard, part)),
            None => Err(guard),
        }
    }
}

impl<T: ?Sized> RwGuard<Arc<RwLock<T>>, Write> {
    /// Narrows the guard to a part of the value, and keeps the lock.
    ///
    /// ```
    /// use waitline_lock::{OwnedRwLockWriteGuard, RwLock};
    /// let lock = std::sync::Arc::new(RwLock::new((1, 2)));
    /// let mut second = OwnedRwLockWriteGuard::map(lock.clone().try_write_owned().unwrap(), |pair| &mut pair.1);
    /// *second += 1;
    /// assert_eq!(*second, 3);
    /// ```
    ///
    /// # Panics
    ///
    /// If `part` does; the lock is then released.
    pub fn map<U: ?Sized>(mut guard: Self, part: impl FnOnce(&mut T) -> &mut U) -> OwnedMappedRwGuard<T, U, Write> {
        let part = NonNull::from(part(&mut *guard));
        Self::narrowed_owned(guard, part)
    }

    /// As [`map`](Self::map), if there is such a part; the guard comes back unharmed if there is not.
    ///
    /// ```
    /// use waitline_lock::{OwnedRwLockWriteGuard, RwLock};
    /// let lock = std::sync::Arc::new(RwLock::new(vec![1, 2]));
    /// let guard = OwnedRwLockWriteGuard::filter_map(lock.clone().try_write_owned().unwrap(), |list| list.get_mut(7)).unwrap_err();
    /// assert_eq!(*OwnedRwLockWriteGuard::filter_map(guard, |list| list.get_mut(1)).unwrap(), 2);
    /// ```
    ///
    /// # Errors
    ///
    /// The guard itself, if `part` returns `None`.
    pub fn filter_map<U: ?Sized>(
        mut guard: Self,
        part: impl FnOnce(&mut T) -> Option<&mut U>,
    ) -> Result<OwnedMappedRwGuard<T, U, Write>, Self> {
        match part(&mut *guard).map(NonNull::from) {
            Some(part) => Ok(Self::narrowed_owned(guard, part)),
            None => Err(guard),
        }
    }
}

impl<'a, U: ?Sized> MappedRwGuard<'a, U, Write> {
    /// Narrows the guard further.
    ///
    /// ```
    /// use waitline_lock::{MappedRwLockWriteGuard, RwLock, RwLockWriteGuard};
    /// let lock = RwLock::new(((1, 2), 3));
    /// let pair = RwLockWriteGuard::map(lock.try_write().unwrap(), |all| &mut all.0);
    /// assert_eq!(*MappedRwLockWriteGuard::map(pair, |pair| &mut pair.1), 2);
    /// ```
    pub fn map<V: ?Sized>(mut guard: Self, part: impl FnOnce(&mut U) -> &mut V) -> MappedRwGuard<'a, V, Write> {
        let part = NonNull::from(part(&mut *guard));
        MappedRwGuard { held: guard.held, part, _part: PhantomData }
    }

    /// As [`map`](Self::map), if there is such a part; the guard comes back unharmed if there is not.
    ///
    /// ```
    /// use waitline_lock::{MappedRwLockWriteGuard, RwLock, RwLockWriteGuard};
    /// let lock = RwLock::new((vec![1], 3));
    /// let list = RwLockWriteGuard::map(lock.try_write().unwrap(), |all| &mut all.0);
    /// let list = MappedRwLockWriteGuard::filter_map(list, |list| list.get_mut(1)).unwrap_err();
    /// assert_eq!(*MappedRwLockWriteGuard::filter_map(list, |list| list.get_mut(0)).unwrap(), 1);
    /// ```
    ///
    /// # Errors
    ///
    /// The guard itself, if `part` returns `None`.
    pub fn filter_map<V: ?Sized>(
        mut guard: Self,
        part: impl FnOnce(&mut U) -> Option<&mut V>,
    ) -> Result<MappedRwGuard<'a, V, Write>, Self> {
        match part(&mut *guard).map(NonNull::from) {
            Some(part) => Ok(MappedRwGuard { held: guard.held, part, _part: PhantomData }),
            None => Err(guard),
        }
    }
}

/// `U: 'static`, because the type of the new guard does not mention `U`: it would drop a lifetime of `U`, and the new
/// part could outlive what it refers to. (The first [`map`](RwGuard::map) keeps `T`.) To narrow to a part of a `U` that
/// borrows, do so in the first `map`.
impl<T: ?Sized, U: ?Sized + 'static> OwnedMappedRwGuard<T, U, Write> {
    /// Narrows the guard further.
    ///
    /// ```
    /// use waitline_lock::{OwnedMappedRwLockWriteGuard, OwnedRwLockWriteGuard, RwLock};
    /// let lock = std::sync::Arc::new(RwLock::new(((1, 2), 3)));
    /// let pair = OwnedRwLockWriteGuard::map(lock.clone().try_write_owned().unwrap(), |all| &mut all.0);
    /// assert_eq!(*OwnedMappedRwLockWriteGuard::map(pair, |pair| &mut pair.1), 2);
    /// ```
    pub fn map<V: ?Sized>(mut guard: Self, part: impl FnOnce(&mut U) -> &mut V) -> OwnedMappedRwGuard<T, V, Write> {
        let part = NonNull::from(part(&mut *guard));
        OwnedMappedRwGuard { held: guard.held, part, _part: PhantomData }
    }

    /// As [`map`](Self::map), if there is such a part; the guard comes back unharmed if there is not.
    ///
    /// ```
    /// use waitline_lock::{OwnedMappedRwLockWriteGuard, OwnedRwLockWriteGuard, RwLock};
    /// let lock = std::sync::Arc::new(RwLock::new((vec![1], 3)));
    /// let list = OwnedRwLockWriteGuard::map(lock.clone().try_write_owned().unwrap(), |all| &mut all.0);
    /// let list = OwnedMappedRwLockWriteGuard::filter_map(list, |list| list.get_mut(1)).unwrap_err();
    /// assert_eq!(*OwnedMappedRwLockWriteGuard::filter_map(list, |list| list.get_mut(0)).unwrap(), 1);
    /// ```
    ///
    /// # Errors
    ///
    /// The guard itself, if `part` returns `None`.
    pub fn filter_map<V: ?Sized>(
        mut guard: Self,
        part: impl FnOnce(&mut U) -> Option<&mut V>,
    ) -> Result<OwnedMappedRwGuard<T, V, Write>, Self> {
        match part(&mut *guard).map(NonNull::from) {
            Some(part) => Ok(OwnedMappedRwGuard { held: guard.held, part, _part: PhantomData }),
            None => Err(guard),
        }
    }
}
