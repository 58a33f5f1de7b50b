//! Waiting until every item is done: [`Join`].

use crate::{
    error::TaskDoneError,
    raw::{Cargo, JOINERS, QueueProtocol, RawQueue},
    store::{Fifo, Store},
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use waitline::{Handle, Locked, WaitQueue, Waiter};

impl<T, S: Store<Item = T>> RawQueue<S> {
    pub(crate) fn task_done(&self) -> Result<(), TaskDoneError> {
        self.queue().origin().item_done();
        if self.turn(|mut turn| turn.finish()) { Ok(()) } else { Err(TaskDoneError) }
    }

    #[track_caller]
    pub(crate) fn join(&self) -> Join<'_, T, S> {
        Join { waiter: Waiter::new(Joiner(self), Cargo::EMPTY) }
    }
}

/// The handle of a join: what it is granted is the news, which nobody else needs.
struct Joiner<'a, S: Store>(&'a RawQueue<S>);

impl<T, S: Store<Item = T>> Handle for Joiner<'_, S> {
    const CALL: &'static str = "join";

    type Protocol = QueueProtocol<S>;

    fn queue(&self) -> &WaitQueue<Self::Protocol> {
        self.0.queue()
    }

    fn cancel_queued(&self, queue: Locked<'_, Self::Protocol>, _: &mut Cargo<T>) {
        drop(queue);
    }

    fn cancel_granted(&self, _: &mut Cargo<T>) {}
}

pin_project! {
    /// The future of `join`.
    ///
    /// # Cancel safety
    ///
    /// Dropping it loses nothing.
    ///
    /// ```
    /// use waitline_queue::{Join, Queue};
    /// let queue = Queue::<u8>::unbounded();
    /// let join: Join<'_, u8> = queue.join();
    /// futures_lite::future::block_on(join);
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct Join<'a, T, S = Fifo<T>>
    where
        S: Store<Item = T>,
    {
        #[pin]
        waiter: Waiter<Joiner<'a, S>>,
    }
}

impl<T, S: Store<Item = T>> Future for Join<'_, T, S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut waiter = self.project().waiter;
        let raw = waiter.handle().0;
        let Some(cargo) = waiter.as_mut().fresh() else { return waiter.poll_grant(cx) };
        cargo.check_not_over();
        while raw.unfinished() > 0 {
            if raw.wait(waiter.as_mut(), cx, JOINERS, |turn| turn.unfinished() > 0) {
                return Poll::Pending;
            }
        }
        waiter.data().end();
        Poll::Ready(())
    }
}

impl<T, S: Store<Item = T>> fmt::Debug for Join<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Join").field(&self.waiter).finish()
    }
}
