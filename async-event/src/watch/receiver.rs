//! [`Receiver`], the half that sees the value, and [`Changed`], its wait. The invariants are in the parent module.

use super::{CLOSED, CLOSING, Closed, STEP, Shared, WAITING, WaitFor, WatchProtocol, release_all};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    ops::Deref,
    pin::Pin,
    task::{Context, Poll, ready},
};
use waitline::{
    Handle, WaitQueue, Waiter,
    sync::{Arc, RwLockReadGuard, atomic::Ordering, block_on},
};

/// The half of a [watch](super) that sees the latest value. Each receiver remembers which value it has seen; a clone has
/// seen what the original has.
///
/// ```
/// let (sender, mut receiver) = waitline_event::watch::channel(1);
/// sender.send(2).unwrap();
/// let other = receiver.clone();
/// assert_eq!(*receiver.borrow_and_update(), 2);
/// assert_eq!((receiver.has_changed(), other.has_changed()), (Ok(false), Ok(true)));
/// ```
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// The version that was seen, without CLOSED.
    seen: usize,
}

impl<T> Receiver<T> {
    pub(super) fn new(shared: Arc<Shared<T>>, seen: usize) -> Self {
        Receiver { shared, seen }
    }

    /// Locks the latest value for reading, and leaves open whether it was seen. See [Borrows](super#borrows).
    ///
    /// ```
    /// let (_sender, receiver) = waitline_event::watch::channel(1);
    /// assert_eq!(*receiver.borrow(), 1);
    /// ```
    #[doc(alias = "get")]
    #[inline]
    pub fn borrow(&self) -> Ref<'_, T> {
        Ref::new(self.shared.value.read())
    }

    /// Locks the latest value for reading, and counts it as seen. See [Borrows](super#borrows).
    ///
    /// ```
    /// let (sender, mut receiver) = waitline_event::watch::channel(1);
    /// sender.send(2).unwrap();
    /// assert_eq!(*receiver.borrow_and_update(), 2);
    /// assert_eq!(receiver.has_changed(), Ok(false));
    /// ```
    #[inline]
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        let value = self.shared.value.read();
        // W1: the version of this value.
        self.seen = self.shared.word() & !CLOSED;
        Ref::new(value)
    }

    /// Whether there is a value that this receiver has not seen.
    ///
    /// # Errors
    ///
    /// If there is none, and all senders are gone.
    ///
    /// ```
    /// use waitline_event::watch::{self, Closed};
    /// let (sender, mut receiver) = watch::channel(1);
    /// sender.send(2).unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.has_changed(), Ok(true));
    /// assert_eq!(*receiver.borrow_and_update(), 2);
    /// assert_eq!(receiver.has_changed(), Err(Closed));
    /// ```
    pub fn has_changed(&self) -> Result<bool, Closed> {
        match self.shared.word() {
            word if word & !CLOSED != self.seen => Ok(true),
            word if word & CLOSED != 0 => Err(Closed),
            _ => Ok(false),
        }
    }

    /// Makes this receiver count the present value as one that it has not seen.
    ///
    /// ```
    /// let (_sender, mut receiver) = waitline_event::watch::channel(1);
    /// receiver.mark_changed();
    /// assert!(receiver.changed_blocking().is_ok());
    /// ```
    pub fn mark_changed(&mut self) {
        self.seen = (self.shared.word() & !CLOSED).wrapping_sub(STEP);
    }

    /// Makes this receiver count the present value as seen.
    ///
    /// ```
    /// let (sender, mut receiver) = waitline_event::watch::channel(1);
    /// sender.send(2).unwrap();
    /// receiver.mark_unchanged();
    /// assert_eq!(receiver.has_changed(), Ok(false));
    /// ```
    pub fn mark_unchanged(&mut self) {
        self.seen = self.shared.word() & !CLOSED;
    }

    /// Waits until there is a value that this receiver has not seen, and counts it as seen. Look at it by
    /// [`borrow`](Self::borrow), or by [`borrow_and_update`](Self::borrow_and_update), which also counts a still newer
    /// one as seen.
    ///
    /// If there is such a value already, the first poll is ready, at the cost of one atomic load.
    ///
    /// # Fairness
    ///
    /// A send wakes the receivers in the order in which they began to wait, which is their first poll.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has changed nothing: the value that it was woken for is still
    /// unseen.
    ///
    /// # Errors
    ///
    /// If there is no such value, and all senders are gone.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let (sender, mut receiver) = waitline_event::watch::channel(1);
    /// let (changed, sent) = futures_lite::future::zip(receiver.changed(), async { sender.send(2) }).await;
    /// assert!(changed.is_ok() && sent.is_ok());
    /// # });
    /// ```
    #[doc(alias("recv", "next"))]
    #[inline]
    #[track_caller]
    pub fn changed(&mut self) -> Changed<'_, T> {
        Changed { waiter: Waiter::new(self.handle(), ()) }
    }

    /// Waits as [`changed`](Self::changed) does, with the calling thread parked.
    ///
    /// Do not call it inside a future: it blocks the executor's thread.
    ///
    /// # Errors
    ///
    /// As [`changed`](Self::changed).
    ///
    /// ```
    /// let (sender, mut receiver) = waitline_event::watch::channel(1);
    /// std::thread::spawn(move || sender.send(2));
    /// receiver.changed_blocking().unwrap();
    /// assert_eq!(*receiver.borrow(), 2);
    /// ```
    #[track_caller]
    pub fn changed_blocking(&mut self) -> Result<(), Closed> {
        block_on(self.changed())
    }

    /// Waits until the value is such that `condition` returns true, counts it as seen, and returns it locked for
    /// reading. The present value comes first, seen or not.
    ///
    /// The closure runs while the value is [locked](super#borrows). Values that come while this receiver does not run
    /// may be skipped.
    ///
    /// # Cancel safety
    ///
    /// Values for which `condition` returned false count as seen. Nothing else is lost when the future is dropped.
    ///
    /// # Errors
    ///
    /// If all senders are gone, and `condition` returns false for the last value.
    ///
    /// # Panics
    ///
    /// If `condition` panics. The value is unlocked, and does not count as seen; the future must not be polled again.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let (sender, mut receiver) = waitline_event::watch::channel(1);
    /// sender.send(7).unwrap();
    /// assert_eq!(*receiver.wait_for(|value| *value > 5).await.unwrap(), 7);
    /// drop(sender);
    /// assert!(receiver.wait_for(|value| *value > 9).await.is_err());
    /// # });
    /// ```
    #[track_caller]
    pub fn wait_for<F: FnMut(&T) -> bool>(&mut self, condition: F) -> WaitFor<'_, T, F> {
        WaitFor::new(Waiter::new(self.handle(), ()), condition)
    }

    /// Waits as [`wait_for`](Self::wait_for) does, with the calling thread parked.
    ///
    /// Do not call it inside a future: it blocks the executor's thread.
    ///
    /// # Errors
    ///
    /// As [`wait_for`](Self::wait_for).
    ///
    /// ```
    /// let (sender, mut receiver) = waitline_event::watch::channel(0);
    /// std::thread::spawn(move || (0..10).for_each(|n| sender.send(n).unwrap()));
    /// assert_eq!(*receiver.wait_for_blocking(|n| *n == 9).unwrap(), 9);
    /// ```
    #[track_caller]
    pub fn wait_for_blocking(&mut self, condition: impl FnMut(&T) -> bool) -> Result<Ref<'_, T>, Closed> {
        block_on(self.wait_for(condition))
    }

    fn handle(&mut self) -> ChangedHandle<'_, T> {
        ChangedHandle { shared: &self.shared, seen: &mut self.seen }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        // Cannot overflow: the Arc counts the same and aborts first.
        // Ordering: Relaxed; `self` keeps the count above 0.
        self.shared.receivers.fetch_add(1, Ordering::Relaxed);
        Receiver { shared: self.shared.clone(), seen: self.seen }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let queue = self.shared.queue.lock();
        // Ordering: Release pairs with the Acquire in `Shared::receivers`. The waits that end here are ordered by the
        // mutex.
        if self.shared.receivers.fetch_sub(1, Ordering::Release) == 1 {
            release_all::<CLOSING>(queue);
        }
    }
}

/// `Receiver { senders: 1, receivers: 2, waiters: 0 }`. Never blocks, and shows no value.
impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.debug("Receiver", f)
    }
}

/// The latest value, locked for reading until it is dropped. See [Borrows](super#borrows).
///
/// ```
/// use waitline_event::watch::{self, Ref};
/// let (_sender, receiver) = watch::channel(1);
/// let value: Ref<'_, u32> = receiver.borrow();
/// assert_eq!(*value, 1);
/// ```
#[must_use = "the value is unlocked at once"]
pub struct Ref<'a, T> {
    value: RwLockReadGuard<'a, T>,
}

impl<'a, T> Ref<'a, T> {
    #[inline(always)]
    pub(super) fn new(value: RwLockReadGuard<'a, T>) -> Self {
        Ref { value }
    }
}

impl<T> Deref for Ref<'_, T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: fmt::Display> fmt::Display for Ref<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

/// The handle of a receiver that waits.
pub(super) struct ChangedHandle<'a, T> {
    pub(super) shared: &'a Shared<T>,
    pub(super) seen: &'a mut usize,
}

impl<T> ChangedHandle<'_, T> {
    /// Whether there is an unseen value, or the senders are gone.
    #[inline(always)]
    pub(super) fn has_news(&self) -> bool {
        self.shared.word() != *self.seen
    }
}

impl<T> Handle for ChangedHandle<'_, T> {
    const CALL: &'static str = "changed";

    type Protocol = WatchProtocol;

    #[inline(always)]
    fn queue(&self) -> &WaitQueue<WatchProtocol> {
        &self.shared.queue
    }

    /// A value is for all receivers, so a cancelled one has nothing to pass on. For this receiver it is still unseen.
    fn cancel_granted(&self, (): &mut ()) {}
}

pin_project! {
    /// The future of [`Receiver::changed`].
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has changed nothing.
    ///
    /// ```
    /// use waitline_event::watch::{self, Changed};
    /// let (sender, mut receiver) = watch::channel(1);
    /// sender.send(2).unwrap();
    /// let changed: Changed<'_, u32> = receiver.changed();
    /// assert!(futures_lite::future::block_on(changed).is_ok());
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct Changed<'a, T> {
        #[pin]
        waiter: Waiter<ChangedHandle<'a, T>>,
    }
}

impl<T> Future for Changed<'_, T> {
    type Output = Result<(), Closed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut waiter = self.project().waiter;
        let (handle, ()) = match waiter.as_mut().finish_if(|handle, ()| handle.has_news()) {
            Some(finished) => finished,
            None => ready!(poll_news(waiter, cx)),
        };
        let version = handle.shared.word() & !CLOSED;
        if version == *handle.seen {
            return Poll::Ready(Err(Closed));
        }
        *handle.seen = version;
        Poll::Ready(Ok(()))
    }
}

impl<T> fmt::Debug for Changed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Changed").field(&self.waiter).finish()
    }
}

/// Waits until the word differs from what the receiver has seen.
pub(super) fn poll_news<'a, T>(
    waiter: Pin<&mut Waiter<ChangedHandle<'a, T>>>,
    cx: &mut Context<'_>,
) -> Poll<(ChangedHandle<'a, T>, ())> {
    // W2.
    waiter.poll_wait(cx, |entry| if entry.handle().has_news() { entry.ready() } else { entry.wait_in::<WAITING>() })
}
