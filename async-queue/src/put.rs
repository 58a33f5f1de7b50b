//! The methods that put, and [`Put`]. The state and its invariants are in `state`.

use crate::{
    blocking,
    error::{PutError, TryPutError},
    queue::{AnyQueue, QueueRef},
    state::{PUTTERS, QueueProtocol, Refusal, Request},
    store::{Fifo, Store},
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};
use waitline::{Decision, Entry, Handle, WaitQueue, Waiter};

impl<T, S: Store<Item = T>> AnyQueue<S> {
    /// Waits for a free slot, and puts `item`. Like `asyncio.Queue.put`.
    ///
    /// # Fairness
    ///
    /// Puts and [`reserve`](Self::reserve)s are granted slots in the order in which they began to wait, which is their
    /// first poll. A slot is granted to the first waiter itself: no other call gets it until that future is polled or
    /// dropped.
    ///
    /// The order is that of the slots, not of the items. An item enters when its put is polled with the slot granted.
    /// Items with other slots may enter before. A task that awaits each of its puts before the next one keeps its items
    /// in order.
    ///
    /// # Cancel safety
    ///
    /// A `put` that is dropped before it is ready has not put, and drops its item. To keep the item,
    /// [`reserve`](Self::reserve) a slot first.
    ///
    /// # Errors
    ///
    /// If the queue is closed before the item has entered. The error holds the item.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let queue = waitline_queue::Queue::bounded(1);
    /// queue.put("item").await.unwrap();
    /// assert_eq!(queue.get().await, Ok("item"));
    /// # });
    /// ```
    #[doc(alias("send", "push", "enqueue"))]
    #[inline]
    #[track_caller]
    pub fn put(&self, item: T) -> Put<'_, T, S> {
        Put { waiter: Waiter::new(PutterHandle(self), Request::new(item)) }
    }

    /// Puts `item` if a slot is free and no put waits. Like `asyncio.Queue.put_nowait`.
    ///
    /// It passes no waiter. Its item may enter before that of a [`put`](Self::put) that was granted a slot and has not
    /// been polled since.
    ///
    /// # Errors
    ///
    /// If no slot is free, or the queue is closed. The error holds the item.
    ///
    /// ```
    /// use waitline_queue::{Queue, TryPutError};
    /// let queue = Queue::bounded(1);
    /// queue.try_put(1).unwrap();
    /// assert_eq!(queue.try_put(2), Err(TryPutError::Full(2)));
    /// ```
    #[doc(alias("try_send", "put_nowait"))]
    #[inline]
    pub fn try_put(&self, item: T) -> Result<(), TryPutError<T>> {
        // Outlives the section: no item is dropped under the mutex (Q5).
        let mut item = Some(item);
        self.put_now(&mut item).map_err(|refusal| refused(refusal, item))
    }

    /// Puts `item` as [`put`](Self::put) does, and blocks the calling thread while it waits. Threads and futures share
    /// one FIFO queue. The item enters when the slot is granted, whether or not the thread runs by then. The thread
    /// yields a few times before it parks.
    ///
    /// Do not call it inside a future: it blocks the executor's thread.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    ///
    /// ```
    /// let queue = waitline_queue::Queue::bounded(1);
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| (0..9).for_each(|item| queue.put_blocking(item).unwrap()));
    ///     (0..9).for_each(|item| assert_eq!(queue.get_blocking(), Ok(item)));
    /// });
    /// ```
    #[doc(alias("blocking_send", "send_blocking"))]
    #[track_caller]
    pub fn put_blocking(&self, item: T) -> Result<(), PutError<T>> {
        match self.try_put(item) {
            Ok(()) => Ok(()),
            Err(TryPutError::Full(item)) => {
                let request = Request { is_blocking: true, ..Request::new(item) };
                blocking::wait(Put { waiter: Waiter::new(PutterHandle(self), request) })
            }
            Err(TryPutError::Closed(item)) => Err(PutError(item)),
        }
    }

    /// Puts the item, and leaves `None` in its place, unless the put is refused.
    #[inline(always)]
    fn put_now(&self, item: &mut Option<T>) -> Result<(), Refusal> {
        self.section_if(Result::is_ok, |queue| {
            queue.admit(queue.has_waiters::<PUTTERS>())?;
            queue.put(item);
            Ok(())
        })
    }
}

#[cold]
fn refused<T>(refusal: Refusal, item: Option<T>) -> TryPutError<T> {
    let item = item.expect("a refused item is still present");
    match refusal {
        Refusal::Full => TryPutError::Full(item),
        Refusal::Closed => TryPutError::Closed(item),
    }
}

/// The handle of a put or a reserve, which is granted a slot.
pub(crate) struct PutterHandle<R>(pub(crate) R);

impl<T, R: QueueRef<Item = T>> Handle for PutterHandle<R> {
    const CALL: &'static str = "put";

    type Protocol = QueueProtocol<R::Store>;

    #[inline(always)]
    fn queue(&self) -> &WaitQueue<Self::Protocol> {
        self.0.any().queue()
    }

    // No `cancel_queued`: each putter waits for one slot, so a queued putter blocks no waiter behind it that could go on
    // without it. The default does nothing.

    fn cancel_granted(&self, request: &mut Request<T>) {
        // A blocking put whose item has entered has used its slot. It cannot be cancelled: only a panic can drop it.
        if !request.is_blocking || request.item.is_some() {
            self.0.any().section(|queue| queue.return_grant());
        }
    }
}

/// Decides, in a section, whether a putter is granted a slot at once or waits for one. In a closed queue its wait ends
/// without one: `put_granted` and `hold_granted` find the queue closed then, and leave everything as it is (Q4).
pub(crate) fn wait_for_slot<'w, R: QueueRef>(mut entry: Entry<'w, PutterHandle<R>>) -> Decision<'w, PutterHandle<R>> {
    match entry.admit(entry.has_waiters::<PUTTERS>()) {
        Ok(()) => {
            entry.room -= 1;
            entry.ready()
        }
        Err(Refusal::Closed) => entry.ready(),
        Err(Refusal::Full) => entry.wait_in::<PUTTERS>(),
    }
}

pin_project! {
    /// The future of `put`.
    ///
    /// # Cancel safety
    ///
    /// A `Put` that is dropped before it is ready has not put: it drops its item, and a slot that it was granted goes
    /// to the next waiter.
    ///
    /// ```
    /// use waitline_queue::{Put, Queue};
    /// let queue = Queue::unbounded();
    /// let put: Put<'_, u8> = queue.put(1);
    /// drop(put);
    /// assert!(queue.is_empty());
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct Put<'a, T, S = Fifo<T>>
    where
        S: Store<Item = T>,
    {
        #[pin]
        waiter: Waiter<PutterHandle<&'a AnyQueue<S>>>,
    }
}

impl<T, S: Store<Item = T>> Future for Put<'_, T, S> {
    type Output = Result<(), PutError<T>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut waiter = self.project().waiter;
        let mut rejected = None;
        // Before the wait begins, one section may do.
        let at_once = waiter.as_mut().finish_if(|handle, request| match handle.0.put_now(&mut request.item) {
            Ok(()) => true,
            Err(Refusal::Full) => false,
            Err(Refusal::Closed) => {
                rejected = request.item.take();
                true
            }
        });
        if at_once.is_some() {
            return Poll::Ready(outcome(rejected));
        }
        let (PutterHandle(queue), mut request) = ready!(waiter.poll_wait(cx, wait_for_slot));
        // The wait is over: there is a slot, or the queue was closed. One more section lets the item in, or leaves it where
        // it is. (`settle` has let the item of a blocking put in when it granted the slot.)
        if request.item.is_some() {
            queue.section(|queue| queue.put_granted(&mut request.item));
        }
        Poll::Ready(outcome(request.item))
    }
}

/// The output of a put with this item left.
fn outcome<T>(left: Option<T>) -> Result<(), PutError<T>> {
    left.map_or(Ok(()), |item| Err(PutError(item)))
}

impl<T, S: Store<Item = T>> fmt::Debug for Put<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Put").field(&self.waiter).finish()
    }
}
