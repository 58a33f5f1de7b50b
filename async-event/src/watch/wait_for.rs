//! [`WaitFor`], the wait for a value that meets a condition. The invariants are in the parent module.

use super::{
    CLOSED, Closed, Ref,
    receiver::{ChangedHandle, poll_news},
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};
use waitline::{Waiter, sync::atomic::Ordering};

pin_project! {
    /// The future of [`Receiver::wait_for`](super::Receiver::wait_for).
    ///
    /// # Cancel safety
    ///
    /// Values that did not meet the condition count as seen. Nothing else is lost when the future is dropped.
    ///
    /// ```
    /// use waitline_event::watch::{self, WaitFor};
    /// let (_sender, mut receiver) = watch::channel(1);
    /// let wait: WaitFor<'_, u32, _> = receiver.wait_for(|value| *value == 1);
    /// assert!(futures_lite::future::block_on(wait).is_ok());
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct WaitFor<'a, T, F> {
        #[pin]
        waiter: Waiter<ChangedHandle<'a, T>>,
        condition: F,
    }
}

impl<'a, T, F> WaitFor<'a, T, F> {
    pub(super) fn new(waiter: Waiter<ChangedHandle<'a, T>>, condition: F) -> Self {
        WaitFor { waiter, condition }
    }
}

impl<'a, T, F: FnMut(&T) -> bool> Future for WaitFor<'a, T, F> {
    type Output = Result<Ref<'a, T>, Closed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let location = this.waiter.location();
        // Before the first wait, the present value comes first.
        let (mut handle, ()) = match this.waiter.as_mut().finish_if(|_, ()| true) {
            Some(finished) => finished,
            None => ready!(poll_news(this.waiter.as_mut(), cx)),
        };
        loop {
            let value = handle.shared.value.read();
            let meets = (this.condition)(&value);
            // Ordering: Relaxed, by W1: the read lock makes the version of this value visible.
            let word = handle.shared.queue.word.load(Ordering::Relaxed);
            *handle.seen = word & !CLOSED;
            if meets {
                return Poll::Ready(Ok(Ref::new(value)));
            }
            drop(value);
            if word & CLOSED != 0 {
                // W3: it was the last value.
                return Poll::Ready(Err(Closed));
            }
            this.waiter.set(Waiter::new(handle, ()).called_at(location));
            (handle, ()) = ready!(poll_news(this.waiter.as_mut(), cx));
        }
    }
}

impl<T, F> fmt::Debug for WaitFor<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WaitFor").field(&self.waiter).finish()
    }
}
