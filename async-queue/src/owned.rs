//! What outlives a borrow of its queue: [`OwnedSlot`] and [`OwnedItems`], for tasks that are spawned.

use crate::{
    blocking,
    error::{Closed, PutError, ReserveTimeoutError, TryReserveError},
    get::{GetterHandle, poll_get},
    put::PutterHandle,
    queue::{AnyQueue, Queue, QueueRef},
    reserve::poll_reserve,
    state::{Refusal, Request},
    store::Store,
};
use futures_lite::Stream;
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use waitline::{Waiter, diagnostics::Caller};

impl<T, S: Store<Item = T>> AnyQueue<S> {
    /// Waits for a free slot as [`reserve`](Self::reserve) does. The slot holds the `Arc`, so that it can move into a
    /// task.
    ///
    /// # Errors
    ///
    /// As [`reserve`](Self::reserve).
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let queue = std::sync::Arc::new(waitline_queue::Queue::bounded(1));
    /// let slot = queue.clone().reserve_owned().await.unwrap();
    /// std::thread::spawn(move || slot.put(1)).join().unwrap().unwrap();
    /// assert_eq!(queue.try_get(), Ok(1));
    /// # });
    /// ```
    #[track_caller]
    pub fn reserve_owned(self: Arc<Self>) -> ReserveOwned<T, Arc<Self>> {
        ReserveOwned::new(self)
    }

    /// Reserves a slot as [`try_reserve`](Self::try_reserve) does, for an owned one. An error drops the `Arc`: clone it
    /// first.
    ///
    /// # Errors
    ///
    /// As [`try_reserve`](Self::try_reserve).
    ///
    /// ```
    /// let queue = std::sync::Arc::new(waitline_queue::Queue::<u8>::bounded(1));
    /// let slot = queue.clone().try_reserve_owned().unwrap();
    /// assert!(queue.try_reserve_owned().is_err());
    /// ```
    pub fn try_reserve_owned(self: Arc<Self>) -> Result<OwnedSlot<T, Arc<Self>>, TryReserveError> {
        OwnedSlot::try_new(self)
    }

    /// Waits for a free slot as [`reserve_blocking`](Self::reserve_blocking) does, for an owned one.
    ///
    /// # Errors
    ///
    /// As [`reserve`](Self::reserve).
    ///
    /// ```
    /// let queue = std::sync::Arc::new(waitline_queue::Queue::bounded(1));
    /// queue.clone().reserve_owned_blocking().unwrap().put(1).unwrap();
    /// assert_eq!(queue.try_get(), Ok(1));
    /// ```
    #[track_caller]
    pub fn reserve_owned_blocking(self: Arc<Self>) -> Result<OwnedSlot<T, Arc<Self>>, Closed> {
        blocking::wait(self.reserve_owned())
    }

    /// Waits for a free slot as [`reserve_blocking_timeout`](Self::reserve_blocking_timeout) does, for an owned one. An
    /// error drops the `Arc`: clone it first.
    ///
    /// # Errors
    ///
    /// If the time has passed, or the queue is closed.
    ///
    /// ```
    /// use std::time::Duration;
    /// let queue = std::sync::Arc::new(waitline_queue::Queue::<u8>::bounded(1));
    /// let slot = queue.clone().reserve_owned_blocking_timeout(Duration::from_secs(1)).unwrap();
    /// assert!(queue.reserve_owned_blocking_timeout(Duration::from_millis(1)).is_err());
    /// ```
    #[track_caller]
    pub fn reserve_owned_blocking_timeout(
        self: Arc<Self>,
        timeout: Duration,
    ) -> Result<OwnedSlot<T, Arc<Self>>, ReserveTimeoutError> {
        match blocking::wait_timeout(self.reserve_owned(), timeout) {
            Some(slot) => slot.map_err(|Closed| ReserveTimeoutError::Closed),
            None => Err(ReserveTimeoutError::TimedOut),
        }
    }

    /// The items as a stream, as [`items`](Self::items). The stream holds the `Arc`, so that it can move into a task.
    ///
    /// # Cancel safety
    ///
    /// As [`items`](Self::items).
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use futures_lite::StreamExt;
    /// let queue = std::sync::Arc::new(waitline_queue::Queue::from_iter([1, 2]));
    /// queue.close();
    /// assert_eq!(queue.items_owned().collect::<Vec<_>>().await, [1, 2]);
    /// # });
    /// ```
    #[doc(alias("stream", "into_stream"))]
    #[track_caller]
    pub fn items_owned(self: Arc<Self>) -> OwnedItems<T, Arc<Self>> {
        OwnedItems::new(self)
    }
}

pin_project! {
    /// The future of `reserve_owned`.
    ///
    /// # Cancel safety
    ///
    /// As [`Reserve`](crate::Reserve).
    ///
    /// ```
    /// use std::sync::Arc;
    /// use waitline_queue::{Queue, ReserveOwned};
    /// let reserve: ReserveOwned<u8> = Arc::new(Queue::unbounded()).reserve_owned();
    /// # drop(reserve);
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct ReserveOwned<T, R = Arc<Queue<T>>>
    where
        R: QueueRef<Item = T>,
    {
        #[pin]
        waiter: Waiter<PutterHandle<R>>,
    }
}

impl<T, R: QueueRef<Item = T>> ReserveOwned<T, R> {
    #[track_caller]
    pub(crate) fn new(queue: R) -> Self {
        ReserveOwned { waiter: Waiter::new(PutterHandle(queue), Request::EMPTY) }
    }
}

impl<T, R: QueueRef<Item = T>> Future for ReserveOwned<T, R> {
    type Output = Result<OwnedSlot<T, R>, Closed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll_reserve(self.project().waiter, cx).map_ok(OwnedSlot::new)
    }
}

/// The right to put one item without waiting, as [`Slot`](crate::Slot), with an `Arc` of its queue or a
/// [`Sender`](crate::channel::Sender) instead of a reference. A dropped slot goes to the next waiter.
///
/// ```
/// use std::sync::Arc;
/// use waitline_queue::{OwnedSlot, Queue};
/// let queue = Arc::new(Queue::bounded(1));
/// let slot: OwnedSlot<u8> = queue.clone().try_reserve_owned().unwrap();
/// assert!(queue.is_full());
/// slot.put(1).unwrap();
/// assert_eq!(queue.try_get(), Ok(1));
/// ```
#[doc(alias = "OwnedPermit")]
#[must_use = "a slot that is not kept is given up at once"]
#[clippy::has_significant_drop]
pub struct OwnedSlot<T, R = Arc<Queue<T>>>
where
    R: QueueRef<Item = T>,
{
    /// Taken out by the put, which gives the slot up.
    queue: Option<R>,
    _item: PhantomData<fn(T)>,
}

impl<T, R: QueueRef<Item = T>> OwnedSlot<T, R> {
    /// For a slot that the caller holds.
    pub(crate) fn new(queue: R) -> Self {
        OwnedSlot { queue: Some(queue), _item: PhantomData }
    }

    pub(crate) fn try_new(queue: R) -> Result<Self, TryReserveError> {
        match queue.any().reserve_now() {
            Ok(()) => Ok(OwnedSlot::new(queue)),
            Err(Refusal::Full) => Err(TryReserveError::Full),
            Err(Refusal::Closed) => Err(TryReserveError::Closed),
        }
    }

    /// Puts `item`. Never waits.
    ///
    /// # Errors
    ///
    /// Only after `close_now`. The error holds the item.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use waitline_queue::{PutError, Queue};
    /// let queue = Arc::new(Queue::bounded(1));
    /// let slot = queue.clone().try_reserve_owned().unwrap();
    /// assert!(queue.close_now().is_empty());
    /// assert_eq!(slot.put("late"), Err(PutError("late")));
    /// ```
    pub fn put(self, item: T) -> Result<(), PutError<T>> {
        self.put_and_return(item).1
    }

    /// Puts `item`, and returns the way to the queue.
    pub(crate) fn put_and_return(mut self, item: T) -> (R, Result<(), PutError<T>>) {
        let queue = self.queue.take().expect("only the put, which consumes the slot, takes it");
        let outcome = queue.any().put_into_held_slot(item);
        (queue, outcome)
    }
}

impl<T, R: QueueRef<Item = T>> Drop for OwnedSlot<T, R> {
    fn drop(&mut self) {
        if let Some(queue) = &self.queue {
            queue.any().section(|queue| queue.return_slot());
        }
    }
}

pin_project! {
    /// The stream of `items_owned`: as [`Items`](crate::Items), with an `Arc` of its queue or a
    /// [`Receiver`](crate::channel::Receiver) instead of a reference, which it drops at its end.
    ///
    /// # Cancel safety
    ///
    /// As [`Items`](crate::Items).
    ///
    /// ```
    /// use std::sync::Arc;
    /// use waitline_queue::{OwnedItems, PriorityQueue};
    /// let queue = Arc::new(PriorityQueue::<u8>::unbounded());
    /// let items: OwnedItems<u8, Arc<PriorityQueue<u8>>> = queue.items_owned();
    /// # drop(items);
    /// ```
    #[must_use = "streams do nothing unless polled"]
    pub struct OwnedItems<T, R = Arc<Queue<T>>>
    where
        R: QueueRef<Item = T>,
    {
        // None while a get has it, and once the stream has ended.
        queue: Option<R>,
        #[pin]
        get: Option<Waiter<GetterHandle<R>>>,
        location: Caller,
    }
}

impl<T, R: QueueRef<Item = T>> OwnedItems<T, R> {
    #[track_caller]
    pub(crate) fn new(queue: R) -> Self {
        OwnedItems { queue: Some(queue), get: None, location: Caller::here() }
    }

    /// Whether the stream has ended.
    #[cfg(feature = "fused")]
    pub(crate) fn has_ended(&self) -> bool {
        self.queue.is_none() && self.get.is_none()
    }
}

impl<T, R: QueueRef<Item = T>> Stream for OwnedItems<T, R> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut this = self.project();
        if let Some(queue) = this.queue.take() {
            let get = Waiter::new(GetterHandle(queue), Request::EMPTY);
            this.get.set(Some(get.called_at(*this.location)));
        }
        let Some(get) = this.get.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let (queue, item) = ready!(poll_get(get, cx));
        this.get.set(None);
        if item.is_ok() {
            *this.queue = Some(queue);
        }
        Poll::Ready(item.ok())
    }
}

impl<T, R: QueueRef<Item = T>> fmt::Debug for ReserveOwned<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReserveOwned").field(&self.waiter).finish()
    }
}

impl<T, R: QueueRef<Item = T>> fmt::Debug for OwnedSlot<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedSlot").finish_non_exhaustive()
    }
}

impl<T, R: QueueRef<Item = T>> fmt::Debug for OwnedItems<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedItems").field("get", &self.get).finish_non_exhaustive()
    }
}
