//! The methods that get one item, and [`Get`]. The state and its invariants are in `state`.

use crate::{
    blocking,
    error::{GetError, TryGetError},
    queue::{AnyQueue, QueueRef},
    settle::settle_and_wake,
    state::{GETTERS, QueueProtocol, Request},
    store::{Fifo, Store},
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};
use waitline::{FirstPanic, Handle, WaitQueue, Waiter, diagnostics::Caller};

impl<T, S: Store<Item = T>> AnyQueue<S> {
    /// Waits for an item, and takes it. Like `asyncio.Queue.get`.
    ///
    /// # Fairness
    ///
    /// Gets are granted items in the order in which they began to wait, which is their first poll. An item is granted
    /// to the first waiter itself: it stays with that future until the future is polled or dropped.
    ///
    /// # Cancel safety
    ///
    /// A `get` that is dropped before it is ready has not taken. An item that it was granted goes to the next waiter,
    /// or back to its position in the queue: items that come back leave in the order in which they entered. Each of
    /// them may exceed the capacity by one; no further item enters until a slot is free again.
    ///
    /// # Errors
    ///
    /// If the queue is closed and empty, and no held [`Slot`](crate::Slot) could still bring an item.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use waitline_queue::{GetError, Queue};
    /// let queue = Queue::bounded(1);
    /// queue.put(1).await.unwrap();
    /// queue.close();
    /// assert_eq!(queue.get().await, Ok(1));
    /// assert_eq!(queue.get().await, Err(GetError));
    /// # });
    /// ```
    #[doc(alias("recv", "pop", "dequeue"))]
    #[inline]
    #[track_caller]
    pub fn get(&self) -> Get<'_, T, S> {
        Get { waiter: Waiter::new(GetterHandle(self), Request::EMPTY) }
    }

    /// Takes an item if there is one. Like `asyncio.Queue.get_nowait`.
    ///
    /// It passes no waiter: there is no item while a get waits for one.
    ///
    /// # Errors
    ///
    /// If the queue is empty, or if it is closed and will stay empty.
    ///
    /// ```
    /// use waitline_queue::{Queue, TryGetError};
    /// let queue = Queue::<u8>::bounded(1);
    /// assert_eq!(queue.try_get(), Err(TryGetError::Empty));
    /// ```
    #[doc(alias("try_recv", "get_nowait"))]
    #[inline]
    #[track_caller]
    pub fn try_get(&self) -> Result<T, TryGetError> {
        match self.take_now(Caller::here()) {
            (Some(item), _) => Ok(item),
            (None, true) => Err(TryGetError::Closed),
            (None, false) => Err(TryGetError::Empty),
        }
    }

    /// Takes an item as [`get`](Self::get) does, and blocks the calling thread while it waits. Threads and futures
    /// share one FIFO queue. The thread yields a few times before it parks.
    ///
    /// Do not call it inside a future: it blocks the executor's thread.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    ///
    /// ```
    /// let queue = waitline_queue::Queue::bounded(1);
    /// queue.try_put(1).unwrap();
    /// assert_eq!(queue.get_blocking(), Ok(1));
    /// ```
    #[doc(alias("blocking_recv", "recv_blocking"))]
    #[track_caller]
    pub fn get_blocking(&self) -> Result<T, GetError> {
        match self.try_get() {
            Ok(item) => Ok(item),
            Err(TryGetError::Empty) => blocking::wait(self.get()),
            Err(TryGetError::Closed) => Err(GetError),
        }
    }

    /// Takes an item if there is one. Also returns whether there is none and will be none.
    #[inline(always)]
    fn take_now(&self, location: Caller) -> (Option<T>, bool) {
        let mut drained = false;
        let item = self.section_if(Option::is_some, |queue| {
            let parcel = queue.take();
            if parcel.is_none() {
                drained = queue.is_drained();
            }
            parcel.map(|parcel| parcel.item)
        });
        if item.is_some() {
            self.note_taken(location);
        }
        (item, drained)
    }
}

/// The handle of a get, which is granted an item, or, if there will be none, nothing.
pub(crate) struct GetterHandle<R>(pub(crate) R);

impl<T, R: QueueRef<Item = T>> Handle for GetterHandle<R> {
    const CALL: &'static str = "get";

    type Protocol = QueueProtocol<R::Store>;

    #[inline(always)]
    fn queue(&self) -> &WaitQueue<Self::Protocol> {
        self.0.any().queue()
    }

    // Each getter waits for one item, so a queued getter that is dropped blocked no waiter behind it.

    fn cancel_granted(&self, request: &mut Request<T>) {
        if request.item.is_none() {
            return;
        }
        // A panic of a comparison is resumed, except while the thread is panicking already.
        let mut panic = FirstPanic::new();
        panic.catch(|| {
            // Memory for the store, and afterwards its old memory. It is allocated and freed without the mutex (Q7).
            let mut spare = Vec::new();
            let mut give_back =
                |spare: &mut _| self.0.any().section_if(Result::is_ok, |queue| queue.give_back(request, spare));
            while let Err(needed) = give_back(&mut spare) {
                spare = Vec::with_capacity(needed);
            }
        });
        panic.resume();
    }
}

pin_project! {
    /// The future of `get`.
    ///
    /// # Cancel safety
    ///
    /// A `Get` that is dropped before it is ready has not taken: an item that it was granted goes to the next waiter,
    /// or back to its position in the queue.
    ///
    /// ```
    /// use waitline_queue::{Get, Queue};
    /// let queue = Queue::<u8>::unbounded();
    /// let get: Get<'_, u8> = queue.get();
    /// # drop(get);
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct Get<'a, T, S = Fifo<T>>
    where
        S: Store<Item = T>,
    {
        #[pin]
        waiter: Waiter<GetterHandle<&'a AnyQueue<S>>>,
    }
}

impl<'a, T, S: Store<Item = T>> Get<'a, T, S> {
    /// Overrides the location shown in reports.
    pub(crate) fn called_at(self, location: Caller) -> Self {
        Get { waiter: self.waiter.called_at(location) }
    }

    pub(crate) fn location(&self) -> Caller {
        self.waiter.location()
    }

    /// Polls for the item, and returns it with the queue.
    #[inline(always)]
    pub(crate) fn poll_get(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<(&'a AnyQueue<S>, Result<T, GetError>)> {
        poll_get(self.project().waiter, cx)
    }

    /// Ends a get that has not begun.
    ///
    /// # Panics
    ///
    /// If the get is over.
    pub(crate) fn give_up(self: Pin<&mut Self>) {
        let mut waiter = self.project().waiter;
        if waiter.as_mut().finish_if(|_, _| true).is_none() {
            _ = waiter.poll_wait(&mut Context::from_waker(Waker::noop()), |entry| entry.ready());
        }
    }
}

/// Polls a wait for an item, and returns the item with the way to its queue.
#[inline(always)]
pub(crate) fn poll_get<T, R: QueueRef<Item = T>>(
    mut waiter: Pin<&mut Waiter<GetterHandle<R>>>,
    cx: &mut Context<'_>,
) -> Poll<(R, Result<T, GetError>)> {
    let location = waiter.location();
    let mut found = None;
    let at_once = waiter.as_mut().finish_if(|handle, _| {
        let drained;
        (found, drained) = handle.0.any().take_now(location);
        found.is_some() || drained
    });
    if let Some((GetterHandle(queue), _)) = at_once {
        return Poll::Ready((queue, found.ok_or(GetError)));
    }
    let wait = waiter.poll_wait(cx, |mut entry| {
        let (queue, request) = entry.parts();
        if let Some(parcel) = queue.take() {
            *request = Request::leaving(parcel);
            entry.ready_then(settle_and_wake)
        } else if queue.is_drained() {
            entry.ready()
        } else {
            entry.wait_in::<GETTERS>()
        }
    });
    let (GetterHandle(queue), request) = ready!(wait);
    if request.item.is_some() {
        queue.any().note_taken(location);
    }
    Poll::Ready((queue, request.item.ok_or(GetError)))
}

impl<T, S: Store<Item = T>> Future for Get<'_, T, S> {
    type Output = Result<T, GetError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_get(cx).map(|(_, item)| item)
    }
}

impl<T, S: Store<Item = T>> fmt::Debug for Get<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Get").field(&self.waiter).finish()
    }
}
