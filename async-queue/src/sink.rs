//! [`PutSink`], a sink that puts.

use crate::{
    error::Closed,
    owned::{OwnedSlot, ReserveOwned},
    queue::{AnyQueue, Queue, QueueRef},
    store::Store,
};
use futures_sink::Sink;
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

impl<T, S: Store<Item = T>> AnyQueue<S> {
    /// A sink that puts its items here, one slot after the other.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use futures_lite::future::poll_fn;
    /// use futures_sink::Sink;
    /// use std::pin::pin;
    /// let queue = waitline_queue::Queue::bounded(1);
    /// let mut sink = pin!(queue.sink());
    /// poll_fn(|cx| sink.as_mut().poll_ready(cx)).await?;
    /// sink.as_mut().start_send(1)?;
    /// assert_eq!(queue.try_get(), Ok(1));
    /// # Ok::<(), waitline_queue::Closed>(())
    /// # }).unwrap();
    /// ```
    pub fn sink(&self) -> PutSink<T, &Self> {
        PutSink::new(self)
    }

    /// A sink as [`sink`](Self::sink). It holds the `Arc`, so that it can move into a task.
    ///
    /// ```
    /// let queue = std::sync::Arc::new(waitline_queue::Queue::<u8>::bounded(1));
    /// let sink = queue.clone().sink_owned();
    /// # drop(sink);
    /// ```
    pub fn sink_owned(self: Arc<Self>) -> PutSink<T, Arc<Self>> {
        PutSink::new(self)
    }
}

pin_project! {
    /// A sink that puts: the feature `sink`. It waits for a slot, puts the item into it, and has nothing to flush.
    ///
    /// A sink that is ready holds a slot. Close or drop it if it is not used: this gives the slot up. Closing the sink
    /// of a [`Sender`](crate::channel::Sender) drops the sender; that of a queue leaves the queue open.
    ///
    /// # Errors
    ///
    /// [`Closed`], if the queue is closed, or if the sink itself is. An item that comes too late is dropped; to keep it,
    /// use [`reserve_owned`](crate::Queue::reserve_owned).
    ///
    /// # Panics
    ///
    /// `start_send` panics if the sink was not ready.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use waitline_queue::{PutSink, Queue};
    /// let sink: PutSink<u8> = Arc::new(Queue::bounded(1)).sink_owned();
    /// # drop(sink);
    /// ```
    #[must_use = "sinks do nothing unless polled"]
    pub struct PutSink<T, R = Arc<Queue<T>>>
    where
        R: QueueRef<Item = T>,
    {
        // At most one of the three is there: none once the sink is closed.
        queue: Option<R>,
        #[pin]
        reserve: Option<ReserveOwned<T, R>>,
        slot: Option<OwnedSlot<T, R>>,
    }
}

impl<T, R: QueueRef<Item = T>> PutSink<T, R> {
    pub(crate) fn new(queue: R) -> Self {
        PutSink { queue: Some(queue), reserve: None, slot: None }
    }
}

impl<T, R: QueueRef<Item = T>> Sink<T> for PutSink<T, R> {
    type Error = Closed;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        let mut this = self.project();
        if this.slot.is_some() {
            return Poll::Ready(Ok(()));
        }
        if let Some(queue) = this.queue.take() {
            this.reserve.set(Some(ReserveOwned::new(queue)));
        }
        let Some(reserve) = this.reserve.as_mut().as_pin_mut() else { return Poll::Ready(Err(Closed)) };
        let slot = ready!(reserve.poll(cx));
        this.reserve.set(None);
        *this.slot = Some(slot?);
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, item: T) -> Result<(), Closed> {
        let this = self.project();
        let Some(slot) = this.slot.take() else { panic!("PutSink::start_send: the sink is not ready") };
        let (queue, outcome) = slot.put_and_return(item);
        *this.queue = Some(queue);
        outcome.map_err(|_| Closed)
    }

    /// An item that was sent is in the queue.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        let mut this = self.project();
        this.reserve.set(None);
        *this.slot = None;
        *this.queue = None;
        Poll::Ready(Ok(()))
    }
}

impl<T, R: QueueRef<Item = T>> fmt::Debug for PutSink<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutSink").field("reserve", &self.reserve).field("slot", &self.slot).finish_non_exhaustive()
    }
}
