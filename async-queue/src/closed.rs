//! The methods that wait for the close, and [`UntilClosed`]. The state and its invariants are in `state`.

use crate::{
    queue::AnyQueue,
    state::{CLOSERS, Phase, QueueProtocol, Request},
    store::{Fifo, Store},
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use waitline::{
    Handle, TimedOut, WaitQueue, Waiter,
    sync::{block_on, block_on_timeout},
};

impl<T, S: Store<Item = T>> AnyQueue<S> {
    /// Waits until the queue is closed. A producer can stop its work then, even if it has nothing to put.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let queue = waitline_queue::Queue::<u8>::unbounded();
    /// futures_lite::future::zip(queue.closed(), async { queue.close() }).await;
    /// # });
    /// ```
    #[track_caller]
    pub fn closed(&self) -> UntilClosed<'_, T, S> {
        UntilClosed { waiter: Waiter::new(CloserHandle(self), Request::EMPTY) }
    }

    /// Waits as [`closed`](Self::closed) does, with the calling thread parked.
    ///
    /// ```
    /// let queue = waitline_queue::Queue::<u8>::unbounded();
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| queue.close());
    ///     queue.closed_blocking();
    /// });
    /// ```
    #[track_caller]
    pub fn closed_blocking(&self) {
        block_on(self.closed());
    }

    /// Waits as [`closed_blocking`](Self::closed_blocking) does, but at most for `timeout`.
    ///
    /// # Errors
    ///
    /// If the time has passed and the queue is open.
    ///
    /// ```
    /// use std::time::Duration;
    /// let queue = waitline_queue::Queue::<u8>::unbounded();
    /// assert!(queue.closed_blocking_timeout(Duration::from_millis(1)).is_err());
    /// ```
    #[track_caller]
    pub fn closed_blocking_timeout(&self, timeout: Duration) -> Result<(), TimedOut> {
        block_on_timeout(self.closed(), timeout).ok_or(TimedOut)
    }
}

/// The handle of a wait for the close.
struct CloserHandle<'a, S: Store>(&'a AnyQueue<S>);

impl<T, S: Store<Item = T>> Handle for CloserHandle<'_, S> {
    const CALL: &'static str = "closed";

    type Protocol = QueueProtocol<S>;

    fn queue(&self) -> &WaitQueue<Self::Protocol> {
        self.0.queue()
    }

    fn cancel_granted(&self, _: &mut Request<T>) {}
}

pin_project! {
    /// The future of `closed`.
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing.
    ///
    /// ```
    /// use waitline_queue::{Queue, UntilClosed};
    /// let queue = Queue::<u8>::unbounded();
    /// let closed: UntilClosed<'_, u8> = queue.closed();
    /// queue.close();
    /// futures_lite::future::block_on(closed);
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct UntilClosed<'a, T, S = Fifo<T>>
    where
        S: Store<Item = T>,
    {
        #[pin]
        waiter: Waiter<CloserHandle<'a, S>>,
    }
}

impl<T, S: Store<Item = T>> Future for UntilClosed<'_, T, S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut waiter = self.project().waiter;
        if waiter.as_mut().finish_if(|handle, _| handle.0.is_closed()).is_some() {
            return Poll::Ready(());
        }
        let wait = waiter.poll_wait(cx, |entry| match entry.phase {
            Phase::Open => entry.wait_in::<CLOSERS>(),
            Phase::Closed | Phase::Revoked => entry.ready(),
        });
        wait.map(drop)
    }
}

impl<T, S: Store<Item = T>> fmt::Debug for UntilClosed<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UntilClosed").field(&self.waiter).finish()
    }
}
