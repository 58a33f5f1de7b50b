//! The permits: borrowed and owned, of either semaphore.

use crate::{
    raw::{MAX_PERMITS, PastMax, Raw},
    semaphore::Semaphore,
};
use std::{fmt, mem, ops::Deref, ptr, sync::Arc};
use waitline::diagnostics::{Caller, Hold};

/// [`Semaphore`] or [`BoundedSemaphore`](crate::BoundedSemaphore): the semaphores that a permit or a future can belong
/// to. Sealed.
///
/// ```
/// use waitline_sem::{AnySemaphore, BoundedSemaphore, Permit, Semaphore};
///
/// fn count<S: AnySemaphore>(permits: &[Permit<'_, S>]) -> usize {
///     permits.iter().map(Permit::num_permits).sum()
/// }
///
/// let (plain, bounded) = (Semaphore::new(3), BoundedSemaphore::new(3));
/// assert_eq!(count(&[plain.try_acquire().unwrap()]), 1);
/// assert_eq!(count(&[bounded.try_acquire_many(3).unwrap()]), 3);
/// ```
pub trait AnySemaphore: Raw {}

/// Permits of a [`Semaphore`] or, as `Permit<'_, BoundedSemaphore>`, of a
/// [`BoundedSemaphore`](crate::BoundedSemaphore).
///
/// Dropping it releases them, to waiters first. The drop itself never panics: where [`release`](Semaphore::release)
/// would, it stops at [`MAX_PERMITS`](Semaphore::MAX_PERMITS) free permits. A permit that is leaked ([`mem::forget`])
/// stays held for ever.
///
/// ```
/// use waitline_sem::{Permit, Semaphore};
/// let semaphore = Semaphore::new(2);
/// let mut permits: Permit<'_> = semaphore.try_acquire_many(2).unwrap();
/// let one = permits.split(1).unwrap();
/// drop(permits);
/// assert_eq!(semaphore.available_permits(), 1);
/// one.forget();
/// ```
#[doc(alias("SemaphorePermit", "SemaphoreGuard"))]
#[must_use = "a permit that is not kept is given back at once"]
#[clippy::has_significant_drop]
pub struct Permit<'a, S: AnySemaphore = Semaphore>(Held<&'a S>);

/// Permits that own an [`Arc`] of their semaphore instead of a reference, so that they can move into a task or a
/// struct.
///
/// Dropping it releases them, as with [`Permit`].
///
/// ```
/// use std::sync::Arc;
/// use waitline_sem::{OwnedPermit, Semaphore};
/// let semaphore = Arc::new(Semaphore::new(1));
/// let permit: OwnedPermit = semaphore.clone().try_acquire_owned().unwrap();
/// std::thread::spawn(move || drop(permit)).join().unwrap();
/// assert_eq!(semaphore.available_permits(), 1);
/// ```
#[doc(alias("OwnedSemaphorePermit", "SemaphoreGuardArc"))]
#[must_use = "a permit that is not kept is given back at once"]
#[clippy::has_significant_drop]
pub struct OwnedPermit<S: AnySemaphore = Semaphore>(Held<Arc<S>>);

/// Permits that are released by drop.
struct Held<R: Deref<Target: AnySemaphore>> {
    from: R,
    permits: usize,
    hold: Hold,
}

impl<'a, S: AnySemaphore> Permit<'a, S> {
    /// The caller has acquired `permits` from `semaphore`, and transfers them to the permit.
    #[inline(always)]
    pub(crate) fn new(semaphore: &'a S, permits: usize, location: Caller) -> Self {
        Permit(Held { from: semaphore, permits, hold: semaphore.raw().note_holder(location) })
    }

    /// The number of permits.
    ///
    /// ```
    /// let semaphore = waitline_sem::Semaphore::new(5);
    /// assert_eq!(semaphore.try_acquire_many(3).unwrap().num_permits(), 3);
    /// ```
    pub fn num_permits(&self) -> usize {
        self.0.permits
    }

    /// Takes the permits away for good: they do not return to the semaphore.
    ///
    /// Other code can [`release`](Semaphore::release) the same number. This is how to pass permits on without the
    /// guard.
    ///
    /// ```
    /// let semaphore = waitline_sem::Semaphore::new(2);
    /// semaphore.try_acquire().unwrap().forget();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// semaphore.release(1);
    /// assert_eq!(semaphore.available_permits(), 2);
    /// ```
    pub fn forget(self) {
        self.0.forget();
    }

    /// Moves `n` of the permits into a new `Permit`. Returns `None` and changes nothing if there are fewer.
    ///
    /// `n` may be 0, or all of them: an empty permit can collect others by [`merge`](Self::merge).
    ///
    /// ```
    /// let semaphore = waitline_sem::Semaphore::new(5);
    /// let mut permits = semaphore.try_acquire_many(5).unwrap();
    /// drop(permits.split(2));
    /// assert_eq!((permits.num_permits(), semaphore.available_permits()), (3, 2));
    /// assert!(permits.split(4).is_none());
    /// ```
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.0.split(n).map(Permit)
    }

    /// Adds the permits of `other` to this one.
    ///
    /// ```
    /// let semaphore = waitline_sem::Semaphore::new(5);
    /// let mut permits = semaphore.try_acquire().unwrap();
    /// permits.merge(semaphore.try_acquire_many(2).unwrap());
    /// assert_eq!(permits.num_permits(), 3);
    /// ```
    ///
    /// # Panics
    ///
    /// If `other` belongs to another semaphore, or the sum is more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS). Then
    /// this permit is unchanged, and the drop of `other` releases its permits.
    #[track_caller]
    pub fn merge(&mut self, other: Self) {
        self.0.merge(other.0, "Permit::merge");
    }
}

impl<S: AnySemaphore> OwnedPermit<S> {
    /// The caller has acquired `permits` from `semaphore`, and transfers them to the permit.
    #[inline(always)]
    pub(crate) fn new(semaphore: Arc<S>, permits: usize, location: Caller) -> Self {
        let hold = semaphore.raw().note_holder(location);
        OwnedPermit(Held { from: semaphore, permits, hold })
    }

    /// The number of permits.
    ///
    /// ```
    /// let semaphore = std::sync::Arc::new(waitline_sem::Semaphore::new(5));
    /// assert_eq!(semaphore.try_acquire_owned().unwrap().num_permits(), 1);
    /// ```
    pub fn num_permits(&self) -> usize {
        self.0.permits
    }

    /// Takes the permits away for good, as [`Permit::forget`] does.
    ///
    /// ```
    /// let semaphore = std::sync::Arc::new(waitline_sem::Semaphore::new(2));
    /// semaphore.clone().try_acquire_owned().unwrap().forget();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// ```
    pub fn forget(self) {
        self.0.forget();
    }

    /// Moves `n` of the permits into a new `OwnedPermit`, as [`Permit::split`] does.
    ///
    /// ```
    /// let semaphore = std::sync::Arc::new(waitline_sem::Semaphore::new(5));
    /// let mut permits = semaphore.clone().try_acquire_many_owned(5).unwrap();
    /// let two = permits.split(2).unwrap();
    /// std::thread::spawn(move || drop(two)).join().unwrap();
    /// assert_eq!((permits.num_permits(), semaphore.available_permits()), (3, 2));
    /// ```
    pub fn split(&mut self, n: usize) -> Option<Self> {
        self.0.split(n).map(OwnedPermit)
    }

    /// Adds the permits of `other` to this one, as [`Permit::merge`] does.
    ///
    /// ```
    /// let semaphore = std::sync::Arc::new(waitline_sem::Semaphore::new(5));
    /// let mut permits = semaphore.clone().try_acquire_owned().unwrap();
    /// permits.merge(semaphore.clone().try_acquire_many_owned(2).unwrap());
    /// assert_eq!(permits.num_permits(), 3);
    /// ```
    ///
    /// # Panics
    ///
    /// If `other` belongs to another semaphore, or the sum is more than [`MAX_PERMITS`](Semaphore::MAX_PERMITS). Then
    /// this permit is unchanged, and the drop of `other` releases its permits.
    #[track_caller]
    pub fn merge(&mut self, other: Self) {
        self.0.merge(other.0, "OwnedPermit::merge");
    }
}

impl<R: Deref<Target: AnySemaphore>> Held<R> {
    fn forget(mut self) {
        self.from.note_forgotten(mem::take(&mut self.permits));
    }

    fn split(&mut self, n: usize) -> Option<Self>
    where
        R: Clone,
    {
        let rest = self.permits.checked_sub(n)?;
        let from = self.from.clone();
        self.permits = rest;
        Some(Held { from, permits: n, hold: self.hold.clone() })
    }

    #[track_caller]
    fn merge(&mut self, mut other: Self, method: &str) {
        assert!(ptr::eq(&*self.from, &*other.from), "{method}: the permits are of two different semaphores");
        let (mine, others) = (self.permits, other.permits);
        match mine.checked_add(others) {
            Some(sum) if sum <= MAX_PERMITS => self.permits = sum,
            _ => panic!("{method}: {mine} and {others} permits are more than MAX_PERMITS ({MAX_PERMITS})"),
        }
        other.permits = 0;
    }
}

impl<R: Deref<Target: AnySemaphore>> Drop for Held<R> {
    #[inline]
    fn drop(&mut self) {
        if self.permits != 0 {
            // Saturated releases are never refused.
            _ = self.from.raw().release(self.permits, PastMax::Saturate);
        }
    }
}

impl<S: AnySemaphore> fmt::Debug for Permit<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("permits", &self.num_permits()).finish()
    }
}

impl<S: AnySemaphore> fmt::Debug for OwnedPermit<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").field("permits", &self.num_permits()).finish()
    }
}
