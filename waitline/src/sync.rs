//! The one switch between real synchronization and loom's. Every crate of the workspace takes its atomics, locks,
//! cells, `Arc` and `block_on` from here, so that the same source is shipped and model-checked.
//!
//! Under `cfg(all(loom, feature = "loom"))` these are loom's; otherwise they are std's, and parking_lot's small locks.

pub use crate::timeout::block_on_timeout;
pub use imp::*;

#[cfg(not(all(loom, feature = "loom")))]
mod imp {
    use std::{
        cell::Cell,
        future::Future,
        pin::pin,
        task::{Context, Poll, Waker},
    };

    pub use parking_lot::{Mutex, MutexGuard, RwLock, RwLockReadGuard};
    pub use std::sync::{Arc, atomic};
    pub use std::thread;

    thread_local! {
        static ALONE: Cell<bool> = const { Cell::new(false) };
    }

    /// Sets whether this thread is alone: no other thread could end a wait of it, so [`block_on`] panics instead of
    /// parking it for ever. For simulations. Returns the previous setting.
    pub fn set_alone(alone: bool) -> bool {
        ALONE.replace(alone)
    }

    /// Blocks the calling thread until `future` is ready: the thread is parked meanwhile.
    ///
    /// # Panics
    ///
    /// If it has to wait and the thread is [alone](set_alone).
    #[track_caller]
    pub fn block_on<F: Future>(future: F) -> F::Output {
        if !ALONE.get() {
            return futures_lite::future::block_on(future);
        }
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => would_wait_for_ever(),
        }
    }

    pub(crate) fn is_alone() -> bool {
        ALONE.get()
    }

    #[cold]
    #[track_caller]
    pub(crate) fn would_wait_for_ever() -> ! {
        panic!(
            "a blocking call would wait for ever: this thread runs a simulation, and no other task runs meanwhile; use \
             the async method"
        )
    }

    /// [`std::cell::UnsafeCell`] with the access methods of loom's cell, which checks every access for a data race.
    ///
    /// ```
    /// use waitline::sync::UnsafeCell;
    /// let mut cell = UnsafeCell::new(1);
    /// // SAFETY: there is no other reference to the cell.
    /// cell.with_mut(|value| unsafe { *value += 1 });
    /// assert_eq!(cell.into_inner(), 2);
    /// ```
    #[derive(Debug, Default)]
    #[repr(transparent)]
    pub struct UnsafeCell<T: ?Sized>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        /// Wraps `value`.
        ///
        /// ```
        /// static CELL: std::sync::Mutex<waitline::sync::UnsafeCell<u8>> = std::sync::Mutex::new(waitline::sync::UnsafeCell::new(1));
        /// # drop(CELL.lock());
        /// ```
        #[inline]
        pub const fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }

        /// Takes the value out. This is safe, because an owned cell is not shared.
        ///
        /// ```
        /// assert_eq!(waitline::sync::UnsafeCell::new("value").into_inner(), "value");
        /// ```
        #[inline]
        pub fn into_inner(self) -> T {
            self.0.into_inner()
        }
    }

    impl<T: ?Sized> UnsafeCell<T> {
        /// Calls `f` with a pointer for reading. Under loom the call is checked against concurrent writes.
        ///
        /// ```
        /// let cell = waitline::sync::UnsafeCell::new(1);
        /// // SAFETY: no other code writes the cell.
        /// assert_eq!(cell.with(|value| unsafe { *value }), 1);
        /// ```
        #[inline]
        pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            f(self.0.get())
        }

        /// Calls `f` with a pointer for writing. Under loom the call is checked against every concurrent access.
        ///
        /// ```
        /// let cell = waitline::sync::UnsafeCell::new(1);
        /// // SAFETY: there is no other reference to the cell.
        /// cell.with_mut(|value| unsafe { *value = 2 });
        /// ```
        #[inline]
        pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }

    /// Emits the function as written. Outside loom, constructors are `const`.
    #[doc(hidden)]
    #[macro_export]
    macro_rules! const_unless_loom {
        ($(#[$meta:meta])* $vis:vis const fn $($rest:tt)*) => { $(#[$meta])* $vis const fn $($rest)* };
    }
}

#[cfg(all(loom, feature = "loom"))]
mod imp {
    pub use loom::future::block_on;
    pub use loom::sync::{Arc, MutexGuard, RwLockReadGuard, RwLockWriteGuard, atomic};
    pub use loom::thread;

    /// Does nothing: a model is not a simulation.
    pub fn set_alone(alone: bool) -> bool {
        alone
    }

    /// [`loom::sync::Mutex`] with the interface of parking_lot's, which has no poisoning.
    #[derive(Debug, Default)]
    pub struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        /// Wraps `value`.
        pub fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        /// Takes the mutex.
        pub fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().expect("loom stops a model at its first panic")
        }

        /// Takes the mutex if it is free.
        pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
            self.0.try_lock().ok()
        }
    }

    /// [`loom::sync::RwLock`] with the interface of parking_lot's, which has no poisoning.
    #[derive(Debug, Default)]
    pub struct RwLock<T>(loom::sync::RwLock<T>);

    impl<T> RwLock<T> {
        /// Wraps `value`.
        pub fn new(value: T) -> Self {
            Self(loom::sync::RwLock::new(value))
        }

        /// Takes the lock for reading.
        pub fn read(&self) -> RwLockReadGuard<'_, T> {
            self.0.read().expect("loom stops a model at its first panic")
        }

        /// Takes the lock for reading if no thread writes or waits to write.
        pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
            self.0.try_read().ok()
        }

        /// Takes the lock for writing.
        pub fn write(&self) -> RwLockWriteGuard<'_, T> {
            self.0.write().expect("loom stops a model at its first panic")
        }
    }

    /// [`loom::cell::UnsafeCell`] for sized and unsized values.
    #[derive(Debug, Default)]
    pub struct UnsafeCell<T: ?Sized> {
        access: loom::cell::UnsafeCell<()>,
        value: std::cell::UnsafeCell<T>,
    }

    impl<T> UnsafeCell<T> {
        /// Wraps `value`.
        pub fn new(value: T) -> Self {
            Self { access: loom::cell::UnsafeCell::new(()), value: std::cell::UnsafeCell::new(value) }
        }

        /// Takes the value out.
        pub fn into_inner(self) -> T {
            self.value.into_inner()
        }
    }

    impl<T: ?Sized> UnsafeCell<T> {
        /// Calls `f` with a pointer for reading, checked against concurrent writes.
        pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
            self.access.with(|_| f(self.value.get()))
        }

        /// Calls `f` with a pointer for writing, checked against every concurrent access.
        pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            self.access.with_mut(|_| f(self.value.get()))
        }
    }

    /// Emits the function without `const`, because loom registers every object at run time.
    #[doc(hidden)]
    #[macro_export]
    macro_rules! const_unless_loom {
        ($(#[$meta:meta])* $vis:vis const fn $($rest:tt)*) => { $(#[$meta])* $vis fn $($rest)* };
    }
}
