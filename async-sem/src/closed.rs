//! Acquiring from a closed semaphore: [`Closed`], [`OrClosed`], [`AfterClose`].

use crate::{
    acquire::{Acquire, AcquireOwned},
    permit::{AnySemaphore, OwnedPermit, Permit},
    raw::Raw,
};
use pin_project_lite::pin_project;
use std::{
    error::Error,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// The semaphore is closed: no permit can ever be acquired from it again.
///
/// ```
/// # futures_lite::future::block_on(async {
/// use waitline_sem::{Closed, Semaphore};
/// let semaphore = Semaphore::new(1);
/// semaphore.close();
/// let error: Closed = semaphore.acquire().or_closed().await.unwrap_err();
/// assert_eq!(error.to_string(), "acquire from a closed semaphore");
/// # });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("acquire from a closed semaphore")
    }
}

impl Error for Closed {}

/// The panic of an acquire that does not handle a close.
#[cold]
#[inline(never)]
#[track_caller]
pub(crate) fn closed<S: Raw>(method: &str) -> ! {
    let semaphore = S::NAME;
    let (blocking, timeout) = match method.strip_suffix("_timeout") {
        Some(blocking) => (blocking, "_timeout"),
        None => (method, ""),
    };
    let instead = match blocking.strip_suffix("_blocking") {
        Some(owned) if owned.ends_with("_owned") => format!("call `{owned}().or_closed().wait_blocking{timeout}()`"),
        Some(_) => format!("call `{blocking}_or_closed{timeout}`"),
        None => format!("await `{method}().or_closed()`"),
    };
    panic!("{semaphore}::{method}: the semaphore is closed; {instead} where it may be")
}

/// The panic of an `after_close` wait on a semaphore that is still open.
#[cold]
pub(crate) fn open<S: Raw>(method: &str) -> ! {
    panic!("{}::{method}: `after_close()` is for a closed semaphore, and this one is open", S::NAME)
}

pin_project! {
    /// The future of [`Acquire::or_closed`] and [`AcquireOwned::or_closed`]: a permit, or [`Closed`].
    ///
    /// Dropping it drops the inner future.
    ///
    /// ```
    /// use waitline_sem::{Acquire, OrClosed, Semaphore};
    /// let semaphore = Semaphore::new(1);
    /// let acquire: OrClosed<Acquire<'_>> = semaphore.acquire().or_closed();
    /// assert_eq!(futures_lite::future::block_on(acquire).unwrap().num_permits(), 1);
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct OrClosed<F> {
        #[pin]
        acquire: F,
    }
}

impl<F> OrClosed<F> {
    #[inline(always)]
    pub(crate) fn new(acquire: F) -> Self {
        OrClosed { acquire }
    }
}

impl<'a, S: AnySemaphore> Future for OrClosed<Acquire<'a, S>> {
    type Output = Result<Permit<'a, S>, Closed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().acquire.poll_or_closed(cx)
    }
}

impl<S: AnySemaphore> Future for OrClosed<AcquireOwned<S>> {
    type Output = Result<OwnedPermit<S>, Closed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().acquire.poll_or_closed(cx)
    }
}

impl<F: fmt::Debug> fmt::Debug for OrClosed<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OrClosed").field(&self.acquire).finish()
    }
}

pin_project! {
    /// The future of [`Acquire::after_close`] and [`AcquireOwned::after_close`].
    ///
    /// Dropping it drops the inner future.
    ///
    /// ```
    /// use waitline_sem::{Acquire, AfterClose, Semaphore};
    /// let semaphore = Semaphore::new(3);
    /// semaphore.close();
    /// let all: AfterClose<Acquire<'_>> = semaphore.acquire_many(3).after_close();
    /// assert_eq!(futures_lite::future::block_on(all).num_permits(), 3);
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct AfterClose<F> {
        #[pin]
        acquire: F,
    }
}

impl<F> AfterClose<F> {
    #[inline(always)]
    pub(crate) fn new(acquire: F) -> Self {
        AfterClose { acquire }
    }
}

impl<'a, S: AnySemaphore> Future for AfterClose<Acquire<'a, S>> {
    type Output = Permit<'a, S>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().acquire.poll_after_close(cx)
    }
}

impl<S: AnySemaphore> Future for AfterClose<AcquireOwned<S>> {
    type Output = OwnedPermit<S>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().acquire.poll_after_close(cx)
    }
}

impl<F: fmt::Debug> fmt::Debug for AfterClose<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AfterClose").field(&self.acquire).finish()
    }
}
