//! [`Wakers`]: the wakers of one round of grants, to be woken after the mutex is released.

use crate::{FirstPanic, foreign};
use arrayvec::ArrayVec;
use std::{fmt, task::Waker};

/// A batch of up to `N` wakers, stored inline without an allocation.
///
/// Collect wakers under the mutex, release it, then call [`wake_all`](Self::wake_all). A primitive with more than `N`
/// waiters to wake does so in rounds. Its wake-up is atomic if it chooses the waiters before the first round.
///
/// ```
/// use waitline::{Wakers, testing::CountingWaker};
/// let counter = CountingWaker::new();
/// let mut wakers = Wakers::<8>::new();
/// wakers.push(counter.waker()); // under the mutex
/// assert_eq!(counter.count(), 0);
/// wakers.wake_all(); // after it is released
/// assert_eq!(counter.count(), 1);
/// ```
pub struct Wakers<const N: usize = 32>(ArrayVec<Waker, N>);

impl<const N: usize> Wakers<N> {
    /// An empty batch.
    ///
    /// ```
    /// assert!(waitline::Wakers::<8>::new().is_empty());
    /// ```
    #[inline(always)]
    pub fn new() -> Self {
        Wakers(ArrayVec::new())
    }

    /// Whether there are `N` wakers, so that the round is over.
    ///
    /// ```
    /// use std::task::Waker;
    /// let mut wakers = waitline::Wakers::<1>::new();
    /// wakers.push(Waker::noop().clone());
    /// assert!(wakers.is_full());
    /// ```
    #[inline(always)]
    pub fn is_full(&self) -> bool {
        self.0.is_full()
    }

    /// Whether there is no waker.
    ///
    /// ```
    /// assert!(waitline::Wakers::<8>::new().is_empty());
    /// ```
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a waker.
    ///
    /// # Panics
    ///
    /// If there are `N` wakers already.
    ///
    /// ```
    /// use waitline::{Wakers, testing::CountingWaker};
    /// let counter = CountingWaker::new();
    /// let mut wakers = Wakers::<8>::new();
    /// wakers.push(counter.waker());
    /// assert_eq!((counter.held(), wakers.is_empty()), (1, false));
    /// ```
    #[inline(always)]
    pub fn push(&mut self, waker: Waker) {
        self.0.push(waker);
    }

    /// Wakes all, in the order in which they were added, and leaves the batch empty.
    ///
    /// # Panics
    ///
    /// If a waker panics. The other wakers are woken first; then the first panic is resumed, and later ones are
    /// dropped. If the thread is panicking already, all of them are dropped, because two panics at once would abort the
    /// process.
    ///
    /// ```
    /// use waitline::{Wakers, testing::CountingWaker};
    /// let counter = CountingWaker::new();
    /// let mut wakers = Wakers::<8>::new();
    /// wakers.push(counter.waker());
    /// wakers.wake_all();
    /// assert_eq!((counter.count(), counter.held(), wakers.is_empty()), (1, 0, true));
    /// ```
    #[inline]
    pub fn wake_all(&mut self) {
        // The common rounds need no `FirstPanic`: no waker comes after a single one that panics.
        if self.0.len() <= 1 { self.0.pop().wake_them() } else { self.wake_many() }
    }

    fn wake_many(&mut self) {
        let mut panic = FirstPanic::new();
        for waker in self.0.drain(..) {
            panic.catch(|| waker.wake());
        }
        panic.resume();
    }
}

/// The argument of [`Locked::unlock_and_wake`](crate::Locked::unlock_and_wake): a [`Waker`], an `Option` of one, or
/// [`Wakers`].
pub trait WakeAll {
    #[doc(hidden)]
    fn wake_them(self);
}

impl WakeAll for Waker {
    #[inline(always)]
    fn wake_them(self) {
        foreign(|| self.wake());
    }
}

impl WakeAll for Option<Waker> {
    #[inline(always)]
    fn wake_them(self) {
        if let Some(waker) = self {
            waker.wake_them();
        }
    }
}

impl<const N: usize> WakeAll for Wakers<N> {
    #[inline(always)]
    fn wake_them(mut self) {
        self.wake_all();
    }
}

impl<const N: usize> Default for Wakers<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> fmt::Debug for Wakers<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wakers({} of {N})", self.0.len())
    }
}
