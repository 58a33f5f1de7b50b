//! The methods that declare items done and wait for them, and [`Join`]. The state and its invariants are in `state`.

use crate::{
    error::TaskDoneError,
    queue::AnyQueue,
    settle::release_joiners,
    state::{JOINERS, QueueProtocol, Request},
    store::{Fifo, Store},
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use waitline::{Handle, WaitQueue, Waiter};

impl<T, S: Store<Item = T>> AnyQueue<S> {
    /// Declares one item that was taken done. Like `asyncio.Queue.task_done`.
    ///
    /// # Errors
    ///
    /// If no item is unfinished. The call then changes nothing.
    ///
    /// ```
    /// let queue = waitline_queue::Queue::bounded(8);
    /// queue.try_put(1).unwrap();
    /// queue.try_get().unwrap();
    /// assert_eq!(queue.task_done(), Ok(()));
    /// assert!(queue.task_done().is_err());
    /// ```
    pub fn task_done(&self) -> Result<(), TaskDoneError> {
        let is_done = self.section(|queue| {
            let is_done = queue.finish_item();
            if is_done {
                release_joiners(queue);
            }
            is_done
        });
        if !is_done {
            return Err(TaskDoneError);
        }
        self.queue().origin().item_done();
        Ok(())
    }

    /// The number of items that were ever put, minus the calls of [`task_done`](Self::task_done), minus those
    /// that [`close_now`](Self::close_now) took out.
    ///
    /// ```
    /// let queue = waitline_queue::Queue::bounded(8);
    /// queue.try_put(1).unwrap();
    /// queue.try_get().unwrap();
    /// assert_eq!(queue.unfinished(), 1);
    /// ```
    pub fn unfinished(&self) -> usize {
        self.queue().lock().unfinished()
    }

    /// Waits until no item is [`unfinished`](Self::unfinished). Like `asyncio.Queue.join`.
    ///
    /// The wait is over once this has been true at any time after the first poll, even if items are put afterwards.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let queue = waitline_queue::Queue::bounded(8);
    /// queue.put(1).await.unwrap();
    /// let worker = async {
    ///     queue.get().await.unwrap();
    ///     queue.task_done().unwrap();
    /// };
    /// futures_lite::future::zip(queue.join(), worker).await;
    /// # });
    /// ```
    #[track_caller]
    pub fn join(&self) -> Join<'_, T, S> {
        Join { waiter: Waiter::new(JoinerHandle(self), Request::EMPTY) }
    }
}

/// The handle of a join.
struct JoinerHandle<'a, S: Store>(&'a AnyQueue<S>);

impl<T, S: Store<Item = T>> Handle for JoinerHandle<'_, S> {
    const CALL: &'static str = "join";

    type Protocol = QueueProtocol<S>;

    fn queue(&self) -> &WaitQueue<Self::Protocol> {
        self.0.queue()
    }

    fn cancel_granted(&self, _: &mut Request<T>) {}
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
        waiter: Waiter<JoinerHandle<'a, S>>,
    }
}

impl<T, S: Store<Item = T>> Future for Join<'_, T, S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut waiter = self.project().waiter;
        if waiter.as_mut().finish_if(|handle, _| handle.0.unfinished() == 0).is_some() {
            return Poll::Ready(());
        }
        let wait = waiter
            .poll_wait(cx, |entry| if entry.unfinished() == 0 { entry.ready() } else { entry.wait_in::<JOINERS>() });
        wait.map(drop)
    }
}

impl<T, S: Store<Item = T>> fmt::Debug for Join<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Join").field(&self.waiter).finish()
    }
}
