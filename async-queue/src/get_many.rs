//! The methods that get several items, [`GetMany`], and the stream [`Items`].

use crate::{
    get::Get,
    queue::AnyQueue,
    store::{Fifo, Store},
};
use futures_lite::Stream;
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    iter,
    pin::Pin,
    task::{Context, Poll, ready},
};
use waitline::diagnostics::Caller;

impl<T, S: Store<Item = T>> AnyQueue<S> {
    /// Waits until there is an item, takes up to `limit` items, and appends them to `out`. Returns their number.
    ///
    /// The number is 0 only if `limit` is 0, or if the queue is closed and empty as for [`get`](Self::get). The call
    /// passes no waiter, because there is no item in the queue while a get waits for one.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has taken nothing, and `out` is unchanged.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let queue = waitline_queue::Queue::bounded(8);
    /// for _ in 0..5 {
    ///     queue.put('x').await.unwrap();
    /// }
    /// let mut batch = Vec::new();
    /// assert_eq!(queue.get_many(&mut batch, 3).await, 3);
    /// assert_eq!(queue.get_many(&mut batch, 3).await, 2);
    /// assert_eq!(batch, ['x'; 5]);
    /// # });
    /// ```
    #[doc(alias = "recv_many")]
    #[track_caller]
    pub fn get_many<'a>(&'a self, out: &'a mut Vec<T>, limit: usize) -> GetMany<'a, T, S> {
        GetMany { first: self.get(), out, limit }
    }

    /// The items as a stream. It ends when the queue is closed and empty as for [`get`](Self::get).
    ///
    /// # Cancel safety
    ///
    /// As [`get`](Self::get): dropping the stream, or a `next()` on it, loses nothing.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use futures_lite::StreamExt;
    /// let queue = waitline_queue::Queue::bounded(8);
    /// queue.put(2).await.unwrap();
    /// queue.put(2).await.unwrap();
    /// queue.close();
    /// let sum = queue.items().fold(0, |sum, item| sum + item).await;
    /// assert_eq!(sum, 4);
    /// # });
    /// ```
    #[doc(alias = "stream")]
    #[track_caller]
    pub fn items(&self) -> Items<'_, T, S> {
        Items { queue: Some(self), get: None, location: Caller::here() }
    }

    /// Takes up to `limit` of the items that are in the queue now.
    pub(crate) fn take_many(&self, out: &mut Vec<T>, limit: usize, location: Caller) {
        let before = out.len();
        let wanted = |out: &Vec<T>| limit - (out.len() - before);
        loop {
            let more = self.section(|queue| {
                let fit = wanted(out).min(out.capacity() - out.len());
                out.extend(iter::from_fn(|| queue.take().map(|parcel| parcel.item)).take(fit));
                wanted(out).min(queue.store.len())
            });
            if more == 0 {
                break;
            }
            // Without the mutex, because it may be a large allocation.
            out.reserve(more);
        }
        (before..out.len()).for_each(|_| self.note_taken(location));
    }
}

pin_project! {
    /// The future of `get_many`.
    ///
    /// # Cancel safety
    ///
    /// As [`Get`]: a `GetMany` that is dropped before it is ready has taken nothing, and the vector is unchanged.
    ///
    /// ```
    /// use waitline_queue::{GetMany, Queue};
    /// let (queue, mut batch) = (Queue::<u8>::unbounded(), Vec::new());
    /// let get: GetMany<'_, u8> = queue.get_many(&mut batch, 64);
    /// # drop(get);
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct GetMany<'a, T, S = Fifo<T>>
    where
        S: Store<Item = T>,
    {
        #[pin]
        first: Get<'a, T, S>,
        out: &'a mut Vec<T>,
        limit: usize,
    }
}

impl<T, S: Store<Item = T>> Future for GetMany<'_, T, S> {
    type Output = usize;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        let this = self.project();
        let Some(others) = this.limit.checked_sub(1) else {
            this.first.give_up();
            return Poll::Ready(0);
        };
        let location = this.first.location();
        let (queue, Ok(first)) = ready!(this.first.poll_get(cx)) else { return Poll::Ready(0) };
        let before = this.out.len();
        this.out.push(first);
        queue.take_many(this.out, others, location);
        Poll::Ready(this.out.len() - before)
    }
}

pin_project! {
    /// The stream of `items`: gets one item after the other, and ends when the queue is closed and empty.
    ///
    /// # Cancel safety
    ///
    /// Dropping the stream, or a `next()` on it, loses nothing. An item that it was granted goes back to the queue, or
    /// stays for the next `next()`.
    ///
    /// A poll after the end returns `None` again.
    ///
    /// ```
    /// use waitline_queue::{Items, PriorityQueue, order::Priority};
    /// let queue = PriorityQueue::<u8>::unbounded();
    /// let items: Items<'_, u8, Priority<u8>> = queue.items();
    /// # drop(items);
    /// ```
    #[must_use = "streams do nothing unless polled"]
    pub struct Items<'a, T, S = Fifo<T>>
    where
        S: Store<Item = T>,
    {
        // None once the stream has ended.
        queue: Option<&'a AnyQueue<S>>,
        #[pin]
        get: Option<Get<'a, T, S>>,
        location: Caller,
    }
}

#[cfg(feature = "fused")]
impl<T, S: Store<Item = T>> Items<'_, T, S> {
    /// Whether the stream has ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.queue.is_none()
    }
}

impl<T, S: Store<Item = T>> Stream for Items<'_, T, S> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut this = self.project();
        let Some(queue) = *this.queue else { return Poll::Ready(None) };
        if this.get.is_none() {
            this.get.set(Some(queue.get().called_at(*this.location)));
        }
        let Some(get) = this.get.as_mut().as_pin_mut() else { unreachable!("it has just been set") };
        let item = ready!(get.poll(cx)).ok();
        this.get.set(None);
        if item.is_none() {
            *this.queue = None;
        }
        Poll::Ready(item)
    }
}

impl<T, S: Store<Item = T>> fmt::Debug for GetMany<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GetMany").field("first", &self.first).field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl<T, S: Store<Item = T>> fmt::Debug for Items<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items").field("get", &self.get).finish_non_exhaustive()
    }
}
