//! The futures that wait for a [`Condition`]. The phases of a wait and C1 to C3 are in `condition`.

use crate::{
    condition::{Condition, two_locks},
    guard::{LockGuard, MappedLockGuard, OwnedLockGuard, OwnedMappedLockGuard},
    lock::Lock,
    raw::{LockProtocol, LockRef, QUEUE, RawLock, release},
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    ops::DerefMut,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use waitline::{Handle, Locked, SideList, WaitQueue, Waiter, diagnostics::Caller};

/// The guards with which a task waits for a [`Condition`]: [`LockGuard`] and [`OwnedLockGuard`]. Sealed.
///
/// ```
/// use std::ops::DerefMut;
/// use waitline_lock::{Condition, Guard, Lock};
///
/// /// For borrowed and owned guards of a number.
/// async fn until_positive<G: Guard + DerefMut<Target = i32>>(changed: &Condition, guard: G) -> G {
///     changed.wait_while(guard, |number| *number <= 0).await
/// }
///
/// # futures_lite::future::block_on(async {
/// let (number, changed) = (Lock::new(7), Condition::new());
/// assert_eq!(*until_positive(&changed, number.lock().await).await, 7);
/// # });
/// ```
pub trait Guard: DerefMut + AnyGuard + sealed::Sealed {}

impl<T: ?Sized> Guard for LockGuard<'_, T> {}
impl<T: ?Sized> Guard for OwnedLockGuard<T> {}

/// The guards with which a [`Condition`] can be notified: all of them, because each one holds the lock. Sealed.
///
/// A wait takes a [`Guard`] of the whole value: others change the value meanwhile, and the part of a mapped guard may be
/// gone afterwards.
///
/// ```
/// use waitline_lock::{AnyGuard, Condition};
/// fn announce<G: AnyGuard>(changed: &Condition, guard: &G) {
///     changed.notify_all(guard);
/// }
/// ```
pub trait AnyGuard: sealed::Holds {}

impl<T: ?Sized> AnyGuard for LockGuard<'_, T> {}
impl<T: ?Sized> AnyGuard for OwnedLockGuard<T> {}
impl<U: ?Sized> AnyGuard for MappedLockGuard<'_, U> {}
impl<T: ?Sized, U: ?Sized> AnyGuard for OwnedMappedLockGuard<T, U> {}

pub(crate) mod sealed {
    use super::{
        Arc, Caller, Lock, LockGuard, LockRef, MappedLockGuard, OwnedLockGuard, OwnedMappedLockGuard, RawLock,
    };

    pub trait Holds {
        /// The lock that the guard holds.
        #[doc(hidden)]
        fn raw(&self) -> &RawLock;
    }

    impl<T: ?Sized> Holds for LockGuard<'_, T> {
        fn raw(&self) -> &RawLock {
            LockGuard::lock(self).raw()
        }
    }

    impl<T: ?Sized> Holds for OwnedLockGuard<T> {
        fn raw(&self) -> &RawLock {
            OwnedLockGuard::lock(self).raw()
        }
    }

    impl<U: ?Sized> Holds for MappedLockGuard<'_, U> {
        fn raw(&self) -> &RawLock {
            MappedLockGuard::raw_lock(self)
        }
    }

    impl<T: ?Sized, U: ?Sized> Holds for OwnedMappedLockGuard<T, U> {
        fn raw(&self) -> &RawLock {
            OwnedMappedLockGuard::raw_lock(self)
        }
    }

    pub trait Sealed: Sized {
        /// The guard's reference to the lock, without the right to its value.
        type Ref: LockRef;

        #[doc(hidden)]
        fn lock_ref(&self) -> Self::Ref;

        /// Gives up the guard without releasing the lock.
        #[doc(hidden)]
        fn into_lock(self) -> Self::Ref;

        /// # Safety
        ///
        /// The caller holds the lock, and passes it to the guard. (It was taken at `location`, for reports.)
        #[doc(hidden)]
        unsafe fn from_lock(lock: Self::Ref, location: Caller) -> Self;
    }

    impl<'a, T: ?Sized> Sealed for LockGuard<'a, T> {
        type Ref = &'a Lock<T>;
        fn lock_ref(&self) -> Self::Ref {
            LockGuard::lock(self)
        }
        fn into_lock(self) -> Self::Ref {
            LockGuard::into_held(self)
        }
        unsafe fn from_lock(lock: Self::Ref, location: Caller) -> Self {
            // SAFETY: by the caller's word.
            unsafe { LockGuard::new(lock, location) }
        }
    }

    impl<T: ?Sized> Sealed for OwnedLockGuard<T> {
        type Ref = Arc<Lock<T>>;
        fn lock_ref(&self) -> Self::Ref {
            OwnedLockGuard::lock(self).clone()
        }
        fn into_lock(self) -> Self::Ref {
            OwnedLockGuard::into_held(self)
        }
        unsafe fn from_lock(lock: Self::Ref, location: Caller) -> Self {
            // SAFETY: by the caller's word.
            unsafe { OwnedLockGuard::new(lock, location) }
        }
    }
}

/// The handle of a future that waits for a condition.
struct WaitHandle<'c, L> {
    condition: &'c Condition,
    lock: L,
}

impl<'c, L: LockRef> WaitHandle<'c, L> {
    /// # Safety
    ///
    /// The caller holds the lock, and gives it to the guard.
    unsafe fn into_guard<G: Guard<Ref = L>>(self, location: Caller) -> (&'c Condition, G) {
        // SAFETY: by the caller's word.
        (self.condition, unsafe { G::from_lock(self.lock, location) })
    }

    /// Passes an unused notification to the next waiter (C3).
    fn pass_on(&self, queue: &mut Locked<'_, LockProtocol>) {
        // No need to announce: if the cancelled wait was queued, `WAITERS` is still set; if it was granted, it releases
        // the lock next. An error means that the side list is empty of our waiters, and used with another lock by now.
        _ = self.condition.waiters.transfer::<QUEUE>(queue, 1);
    }
}

impl<L: LockRef> Handle for WaitHandle<'_, L> {
    type Protocol = LockProtocol;

    fn queue(&self) -> &WaitQueue<LockProtocol> {
        self.lock.raw().queue()
    }

    fn side_list(&self) -> Option<&SideList<LockProtocol>> {
        Some(&self.condition.waiters)
    }

    fn cancel_queued(&self, mut queue: Locked<'_, LockProtocol>, (): &mut ()) {
        self.pass_on(&mut queue);
    }

    fn cancel_granted(&self, (): &mut ()) {
        let mut queue = self.queue().lock();
        self.pass_on(&mut queue);
        let next = release(&mut queue);
        queue.unlock_and_wake(next);
    }
}

pin_project! {
    /// The future of [`Condition::wait`].
    ///
    /// ```
    /// use waitline_lock::{Condition, Lock, LockGuard, Wait};
    /// let (lock, condition) = (Lock::new(1), Condition::new());
    /// let wait: Wait<'_, LockGuard<'_, i32>> = condition.wait(lock.try_lock().unwrap());
    /// drop(wait);
    /// assert!(!lock.is_locked());
    /// ```
    #[must_use = "futures do nothing unless polled; dropping this one releases the lock"]
    pub struct Wait<'c, G: Guard> {
        // The waiter holds the lock while it is new, and after it is granted.
        #[pin]
        waiter: Waiter<WaitHandle<'c, G::Ref>>,
    }

    impl<G: Guard> PinnedDrop for Wait<'_, G> {
        fn drop(this: Pin<&mut Self>) {
            if let Some(waiting) = this.waiter.new_handle() {
                waiting.lock.raw().unlock();
            }
        }
    }
}

impl<'c, G: Guard> Wait<'c, G> {
    #[track_caller]
    pub(crate) fn new(condition: &'c Condition, guard: G) -> Self {
        Wait { waiter: Waiter::new(WaitHandle { condition, lock: guard.into_lock() }, ()) }
    }

    /// Takes the lock back from a wait that has not begun.
    fn take_lock(self: Pin<&mut Self>) -> Option<(&'c Condition, G)> {
        let mut waiter = self.project().waiter;
        let waiting = waiter.as_mut().finish_if(|_, ()| true);
        // SAFETY: a wait that has not begun holds the lock, and passes it to the guard.
        waiting.map(|(waiting, ())| unsafe { waiting.into_guard(waiter.location()) })
    }

    /// Polls until the lock is held again.
    fn poll_relock(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<(&'c Condition, G)> {
        let mut waiter = self.project().waiter;
        // C1: enters the side list, then releases the lock, in one section of the mutex.
        let wait = waiter.as_mut().poll_wait(cx, |entry| {
            let waits = entry.wait_in_side_list(|mut queue| {
                let next = release(&mut queue);
                queue.unlock_and_wake(next);
            });
            waits.unwrap_or_else(|foreign| two_locks("wait", foreign))
        });
        // SAFETY: a granted wait holds the lock, and passes it to the guard.
        wait.map(|(waiting, ())| unsafe { waiting.into_guard(waiter.location()) })
    }

    /// Starts a new wait that has not begun, with a lock that is held.
    fn restart(mut self: Pin<&mut Self>, condition: &'c Condition, guard: G) {
        let location = self.waiter.location();
        let waiter = Waiter::new(WaitHandle { condition, lock: guard.into_lock() }, ());
        self.set(Wait { waiter: waiter.called_at(location) });
    }
}

impl<G: Guard> Future for Wait<'_, G> {
    type Output = G;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<G> {
        self.poll_relock(cx).map(|(_, guard)| guard)
    }
}

impl<G: Guard> fmt::Debug for Wait<'_, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Wait").field(&self.waiter).finish()
    }
}

pin_project! {
    /// The future of [`Condition::wait_while`].
    ///
    /// ```
    /// use waitline_lock::{Condition, Lock, LockGuard, WaitWhile};
    /// let (lock, condition) = (Lock::new(1), Condition::new());
    /// let wait: WaitWhile<'_, LockGuard<'_, i32>, fn(&mut i32) -> bool> =
    ///     condition.wait_while(lock.try_lock().unwrap(), |number| *number == 0);
    /// assert_eq!(*futures_lite::future::block_on(wait), 1);
    /// ```
    #[must_use = "futures do nothing unless polled; dropping this one releases the lock"]
    pub struct WaitWhile<'c, G: Guard, F> {
        #[pin]
        wait: Wait<'c, G>,
        condition: F,
    }
}

impl<'c, G: Guard, F> WaitWhile<'c, G, F> {
    pub(crate) fn new(wait: Wait<'c, G>, condition: F) -> Self {
        WaitWhile { wait, condition }
    }
}

impl<G, F> Future for WaitWhile<'_, G, F>
where
    G: Guard,
    F: FnMut(&mut G::Target) -> bool,
{
    type Output = G;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<G> {
        let mut this = self.project();
        let (condition, mut guard) = match this.wait.as_mut().take_lock() {
            Some(first) => first,
            None => ready!(this.wait.as_mut().poll_relock(cx)),
        };
        // The predicate runs while the guard exists, so that a panic releases the lock.
        while (this.condition)(&mut *guard) {
            this.wait.as_mut().restart(condition, guard);
            (_, guard) = ready!(this.wait.as_mut().poll_relock(cx));
        }
        Poll::Ready(guard)
    }
}

impl<G: Guard, F> fmt::Debug for WaitWhile<'_, G, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitWhile").field("wait", &self.wait).finish_non_exhaustive()
    }
}
