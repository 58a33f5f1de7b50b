//! The futures that wait for permits.

use crate::{
    permit::{AnySemaphore, OwnedPermit, Permit},
    raw::{Via, poll_acquire},
    semaphore::Semaphore,
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use waitline::Waiter;

pin_project! {
    /// The future of [`Semaphore::acquire`] and [`Semaphore::acquire_many`], and of a bounded semaphore's.
    ///
    /// Dropping it gives up its place in the queue, or gives back the permits that it was granted but not polled for.
    ///
    /// ```
    /// use waitline_sem::{Acquire, Semaphore};
    /// let semaphore = Semaphore::new(1);
    /// let acquire: Acquire<'_> = semaphore.acquire();
    /// assert_eq!(futures_lite::future::block_on(acquire).num_permits(), 1);
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct Acquire<'a, S: AnySemaphore = Semaphore> {
        #[pin]
        waiter: Waiter<Via<&'a S>>,
    }
}

impl<'a, S: AnySemaphore> Acquire<'a, S> {
    #[inline(always)]
    #[track_caller]
    pub(crate) fn new(semaphore: &'a S, permits: usize) -> Self {
        Acquire { waiter: Waiter::new(Via(semaphore), permits) }
    }
}

impl<'a, S: AnySemaphore> Future for Acquire<'a, S> {
    type Output = Permit<'a, S>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut waiter = self.project().waiter;
        poll_acquire(waiter.as_mut(), cx).map(|permits| Permit::new(waiter.handle().0, permits, waiter.place()))
    }
}

impl<S: AnySemaphore> fmt::Debug for Acquire<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Acquire").field(&self.waiter).finish()
    }
}

pin_project! {
    /// The future of [`Semaphore::acquire_owned`] and [`Semaphore::acquire_many_owned`], and of a bounded semaphore's.
    ///
    /// Dropping it gives up its place in the queue, or gives back the permits that it was granted but not polled for.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use waitline_sem::{AcquireOwned, BoundedSemaphore};
    /// let acquire: AcquireOwned<BoundedSemaphore> = Arc::new(BoundedSemaphore::new(1)).acquire_owned();
    /// assert_eq!(futures_lite::future::block_on(acquire).num_permits(), 1);
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct AcquireOwned<S: AnySemaphore = Semaphore> {
        #[pin]
        waiter: Waiter<Via<Arc<S>>>,
    }
}

impl<S: AnySemaphore> AcquireOwned<S> {
    #[inline(always)]
    #[track_caller]
    pub(crate) fn new(semaphore: Arc<S>, permits: usize) -> Self {
        AcquireOwned { waiter: Waiter::new(Via(semaphore), permits) }
    }
}

impl<S: AnySemaphore> Future for AcquireOwned<S> {
    type Output = OwnedPermit<S>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut waiter = self.project().waiter;
        poll_acquire(waiter.as_mut(), cx)
            .map(|permits| OwnedPermit::new(waiter.handle().0.clone(), permits, waiter.place()))
    }
}

impl<S: AnySemaphore> fmt::Debug for AcquireOwned<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AcquireOwned").field(&self.waiter).finish()
    }
}
