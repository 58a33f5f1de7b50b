//! The modes of guards, and the two ways in which they refer to their lock.

use super::{RwLock, raw::Right};
use std::sync::Arc;

/// What a guard may do: [`Read`], [`Upgradable`] or [`Write`]. Sealed.
///
/// ```
/// use waitline_lock::{RwLock, rwlock::{Mode, RwGuard}};
///
/// fn total<M: Mode>(list: &RwGuard<&RwLock<Vec<u32>>, M>) -> u32 {
///     list.iter().sum()
/// }
///
/// let list = RwLock::new(vec![1, 2]);
/// assert_eq!(total(&list.try_read().unwrap()), 3);
/// assert_eq!(total(&list.try_write().unwrap()), 3);
/// ```
pub trait Mode: sealed::Sealed + 'static {}

/// A mode that only reads: [`Read`] or [`Upgradable`]. Sealed.
///
/// ```
/// use waitline_lock::{RwLock, rwlock::{MappedRwGuard, RwGuard, SharedMode}};
///
/// fn first<'a, M: SharedMode>(list: RwGuard<&'a RwLock<[u8]>, M>) -> MappedRwGuard<'a, u8, M> {
///     RwGuard::<&RwLock<[u8]>, M>::map(list, |list| &list[0])
/// }
///
/// let list: &RwLock<[u8]> = &RwLock::new([1, 2]);
/// assert_eq!(*first(list.try_read().unwrap()), 1);
/// ```
pub trait SharedMode: Mode {}

/// The mode of a guard that reads beside other readers.
#[derive(Debug, Clone, Copy)]
pub enum Read {}

/// The mode of a guard that reads beside other readers, and may become the writer.
#[derive(Debug, Clone, Copy)]
pub enum Upgradable {}

/// The mode of a guard that reads and writes alone.
#[derive(Debug, Clone, Copy)]
pub enum Write {}

impl Mode for Read {}
impl Mode for Upgradable {}
impl Mode for Write {}
impl SharedMode for Read {}
impl SharedMode for Upgradable {}

/// A reference to a lock or an `Arc` of it, as guards and futures hold one. Sealed.
///
/// ```
/// use waitline_lock::{RwLock, rwlock::{Read, RwGuard, RwRef}};
///
/// /// For borrowed and owned guards.
/// fn double<R: RwRef<Value = u32>>(number: &RwGuard<R, Read>) -> u32 {
///     **number * 2
/// }
/// assert_eq!(double(&RwLock::new(4).try_read().unwrap()), 8);
/// ```
pub trait RwRef: sealed::Reference {}

impl<T: ?Sized> RwRef for &RwLock<T> {}
impl<T: ?Sized> RwRef for Arc<RwLock<T>> {}

pub(super) mod sealed {
    use super::*;

    pub trait Sealed {
        #[doc(hidden)]
        const RIGHT: Right;
        /// The method that waits for it, in reports.
        #[doc(hidden)]
        const CALL: &'static str;
    }

    impl Sealed for Read {
        const RIGHT: Right = Right::Read;
        const CALL: &'static str = "read";
    }

    impl Sealed for Upgradable {
        const RIGHT: Right = Right::Upgradable;
        const CALL: &'static str = "upgradable_read";
    }

    impl Sealed for Write {
        const RIGHT: Right = Right::Write;
        const CALL: &'static str = "write";
    }

    pub trait Reference {
        /// The lock's value.
        type Value: ?Sized;

        #[doc(hidden)]
        fn rwlock(&self) -> &RwLock<Self::Value>;
    }

    impl<T: ?Sized> Reference for &RwLock<T> {
        type Value = T;
        #[inline(always)]
        fn rwlock(&self) -> &RwLock<T> {
            self
        }
    }

    impl<T: ?Sized> Reference for Arc<RwLock<T>> {
        type Value = T;
        #[inline(always)]
        fn rwlock(&self) -> &RwLock<T> {
            self
        }
    }
}
