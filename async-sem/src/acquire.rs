//! The futures that wait for permits, of both semaphores.

use crate::{
    closed::{AfterClose, Closed, OrClosed, closed, open},
    permit::{AnySemaphore, OwnedPermit, Permit},
    raw::{CLOSED, OPEN},
    semaphore::Semaphore,
    wait::{SemaphoreHandle, poll_acquire, poll_after_close},
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
    /// Dropping it leaves the queue, or releases the permits that it was granted and not polled for.
    ///
    /// # Panics
    ///
    /// When it is polled, if the semaphore is [closed](Semaphore::close). If the semaphore may be closed, await
    /// [`or_closed`](Self::or_closed).
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
        waiter: Waiter<SemaphoreHandle<&'a S>>,
    }
}

impl<'a, S: AnySemaphore> Acquire<'a, S> {
    #[inline(always)]
    #[track_caller]
    pub(crate) fn new(semaphore: &'a S, permits: usize) -> Self {
        Acquire { waiter: Waiter::new(SemaphoreHandle(semaphore), permits) }
    }

    /// The same wait, with an error instead of a panic if the semaphore is [closed](Semaphore::close).
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let semaphore = waitline_sem::Semaphore::new(1);
    /// assert!(semaphore.acquire().or_closed().await.is_ok());
    /// semaphore.close();
    /// assert_eq!(semaphore.acquire().or_closed().await.unwrap_err(), waitline_sem::Closed);
    /// # });
    /// ```
    #[inline(always)]
    pub fn or_closed(self) -> OrClosed<Self> {
        OrClosed::new(self)
    }

    /// Waits for permits of a semaphore that is already [closed](Semaphore::close): the free ones, and those that are
    /// released later. So the task that closes a semaphore can wait for all of its permits.
    ///
    /// Several such waits are served first in, first out, and no other waits precede them. See
    /// [Closing](Semaphore#closing).
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let semaphore = waitline_sem::Semaphore::new(2);
    /// let permit = semaphore.try_acquire();
    /// semaphore.close();
    /// futures_lite::future::zip(
    ///     async { assert_eq!(semaphore.acquire_many(2).after_close().await.num_permits(), 2) },
    ///     async { drop(permit) },
    /// )
    /// .await;
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// When it is polled for the first time, if the semaphore is open.
    #[inline(always)]
    pub fn after_close(self) -> AfterClose<Self> {
        AfterClose::new(self)
    }

    pub(crate) fn poll_after_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Permit<'a, S>> {
        let mut waiter = self.project().waiter;
        match poll_after_close(waiter.as_mut(), cx) {
            Poll::Ready((_, OPEN)) => open::<S>("acquire"),
            Poll::Ready((semaphore, permits)) => Poll::Ready(Permit::new(semaphore, permits, waiter.location())),
            Poll::Pending => Poll::Pending,
        }
    }

    #[inline(always)]
    pub(crate) fn poll_or_closed(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Permit<'a, S>, Closed>> {
        let mut waiter = self.project().waiter;
        match poll_acquire(waiter.as_mut(), cx) {
            Poll::Ready((_, CLOSED)) => Poll::Ready(Err(Closed)),
            Poll::Ready((semaphore, permits)) => Poll::Ready(Ok(Permit::new(semaphore, permits, waiter.location()))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<'a, S: AnySemaphore> Future for Acquire<'a, S> {
    type Output = Permit<'a, S>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut waiter = self.project().waiter;
        match poll_acquire(waiter.as_mut(), cx) {
            Poll::Ready((_, CLOSED)) => closed::<S>("acquire"),
            Poll::Ready((semaphore, permits)) => Poll::Ready(Permit::new(semaphore, permits, waiter.location())),
            Poll::Pending => Poll::Pending,
        }
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
    /// Dropping it leaves the queue, or releases the permits that it was granted and not polled for.
    ///
    /// # Panics
    ///
    /// When it is polled, if the semaphore is [closed](Semaphore::close). If the semaphore may be closed, await
    /// [`or_closed`](Self::or_closed).
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
        waiter: Waiter<SemaphoreHandle<Arc<S>>>,
    }
}

impl<S: AnySemaphore> AcquireOwned<S> {
    #[inline(always)]
    #[track_caller]
    pub(crate) fn new(semaphore: Arc<S>, permits: usize) -> Self {
        AcquireOwned { waiter: Waiter::new(SemaphoreHandle(semaphore), permits) }
    }

    /// The same wait, with an error instead of a panic if the semaphore is [closed](Semaphore::close).
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let semaphore = std::sync::Arc::new(waitline_sem::Semaphore::new(1));
    /// assert!(semaphore.clone().acquire_owned().or_closed().await.is_ok());
    /// semaphore.close();
    /// assert_eq!(semaphore.acquire_owned().or_closed().await.unwrap_err(), waitline_sem::Closed);
    /// # });
    /// ```
    #[inline(always)]
    pub fn or_closed(self) -> OrClosed<Self> {
        OrClosed::new(self)
    }

    /// Waits for permits of a semaphore that is already [closed](Semaphore::close): the free ones, and those that are
    /// released later. So the task that closes a semaphore can wait for all of its permits.
    ///
    /// Several such waits are served first in, first out, and no other waits precede them. See
    /// [Closing](Semaphore#closing).
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let semaphore = std::sync::Arc::new(waitline_sem::Semaphore::new(2));
    /// let permit = semaphore.try_acquire();
    /// semaphore.close();
    /// futures_lite::future::zip(
    ///     async { assert_eq!(semaphore.clone().acquire_many_owned(2).after_close().await.num_permits(), 2) },
    ///     async { drop(permit) },
    /// )
    /// .await;
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// When it is polled for the first time, if the semaphore is open.
    #[inline(always)]
    pub fn after_close(self) -> AfterClose<Self> {
        AfterClose::new(self)
    }

    pub(crate) fn poll_after_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<OwnedPermit<S>> {
        let mut waiter = self.project().waiter;
        match poll_after_close(waiter.as_mut(), cx) {
            Poll::Ready((_, OPEN)) => open::<S>("acquire_owned"),
            Poll::Ready((semaphore, permits)) => Poll::Ready(OwnedPermit::new(semaphore, permits, waiter.location())),
            Poll::Pending => Poll::Pending,
        }
    }

    #[inline(always)]
    pub(crate) fn poll_or_closed(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<OwnedPermit<S>, Closed>> {
        let mut waiter = self.project().waiter;
        match poll_acquire(waiter.as_mut(), cx) {
            Poll::Ready((_, CLOSED)) => Poll::Ready(Err(Closed)),
            Poll::Ready((semaphore, permits)) => {
                Poll::Ready(Ok(OwnedPermit::new(semaphore, permits, waiter.location())))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AnySemaphore> Future for AcquireOwned<S> {
    type Output = OwnedPermit<S>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut waiter = self.project().waiter;
        match poll_acquire(waiter.as_mut(), cx) {
            Poll::Ready((_, CLOSED)) => closed::<S>("acquire_owned"),
            Poll::Ready((semaphore, permits)) => Poll::Ready(OwnedPermit::new(semaphore, permits, waiter.location())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<S: AnySemaphore> fmt::Debug for AcquireOwned<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AcquireOwned").field(&self.waiter).finish()
    }
}
