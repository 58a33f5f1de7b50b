//! The getters' side: [`Get`], [`GetMany`] and the stream [`Items`].

use crate::{
    blocking,
    error::{GetError, TryGetError},
    raw::{Cargo, GETTERS, QueueProtocol, RawQueue},
    store::{Fifo, Store},
    turn::Turn,
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
use waitline::{FirstPanic, Handle, Locked, WaitQueue, Waiter, diagnostics::Caller};

impl<T, S: Store<Item = T>> RawQueue<S> {
    #[inline]
    #[track_caller]
    pub(crate) fn get(&self) -> Get<'_, T, S> {
        Get { waiter: Waiter::new(Getter(self), Cargo::EMPTY) }
    }

    #[inline]
    #[track_caller]
    pub(crate) fn try_get(&self) -> Result<T, TryGetError> {
        match self.take(Caller::here()) {
            (Some(item), _) => Ok(item),
            (None, true) => Err(TryGetError::Closed),
            (None, false) => Err(TryGetError::Empty),
        }
    }

    /// An item; if there is none, whether there never will be one.
    #[inline(always)]
    fn take(&self, place: Caller) -> (Option<T>, bool) {
        let mut drained = false;
        let attempt = |mut turn: Turn<'_, '_, S>| {
            let parcel = turn.take();
            if parcel.is_none() {
                drained = turn.is_drained();
            }
            parcel.map(|parcel| parcel.item)
        };
        let item = self.attempt(attempt, Option::is_some);
        if item.is_some() {
            self.note_taken(place);
        }
        (item, drained)
    }

    #[track_caller]
    pub(crate) fn get_blocking(&self) -> Result<T, GetError> {
        match self.try_get() {
            Ok(item) => Ok(item),
            Err(TryGetError::Empty) => blocking::wait(self.get()),
            Err(TryGetError::Closed) => Err(GetError),
        }
    }

    #[track_caller]
    pub(crate) fn get_many<'a>(&'a self, out: &'a mut Vec<T>, limit: usize) -> GetMany<'a, T, S> {
        GetMany { first: self.get(), out, limit }
    }

    #[track_caller]
    pub(crate) fn items(&self) -> Items<'_, T, S> {
        Items { raw: self, get: None, place: Caller::here() }
    }

    /// Takes up to `limit` items that are there now.
    fn take_many(&self, out: &mut Vec<T>, limit: usize, place: Caller) {
        let before = out.len();
        let wanted = |out: &Vec<T>| limit - (out.len() - before);
        loop {
            let more = self.turn(|mut turn| {
                let places = wanted(out).min(out.capacity() - out.len());
                out.extend(iter::from_fn(|| turn.take().map(|parcel| parcel.item)).take(places));
                wanted(out).min(turn.store.len())
            });
            if more == 0 {
                break;
            }
            // Without the mutex: it may be much.
            out.reserve(more);
        }
        (before..out.len()).for_each(|_| self.note_taken(place));
    }
}

/// The handle of a get: what it is granted is an item, or the news that there will be none.
struct Getter<'a, S: Store>(&'a RawQueue<S>);

impl<T, S: Store<Item = T>> Handle for Getter<'_, S> {
    const CALL: &'static str = "get";

    type Protocol = QueueProtocol<S>;

    #[inline(always)]
    fn queue(&self) -> &WaitQueue<Self::Protocol> {
        self.0.queue()
    }

    fn cancel_queued(&self, queue: Locked<'_, Self::Protocol>, _: &mut Cargo<T>) {
        // Each getter waits for one item, so this one held nobody back who could go on without it.
        drop(queue);
    }

    fn cancel_granted(&self, cargo: &mut Cargo<T>) {
        if cargo.item.is_none() {
            return;
        }
        // A comparison that panics goes on, but not in the middle of another panic.
        let mut panic = FirstPanic::new();
        panic.catch(|| {
            // The store's new memory on the way in, its old one on the way out: both without the mutex (Q7).
            let mut spare = Vec::new();
            let mut give_back = |spare: &mut _| self.0.attempt(|mut turn| turn.give_back(cargo, spare), Result::is_ok);
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
    /// A `Get` that is dropped before it is ready has not taken: an item that it was handed goes to the next one that
    /// waits, or back to its place in the queue.
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
        waiter: Waiter<Getter<'a, S>>,
    }
}

impl<T, S: Store<Item = T>> Future for Get<'_, T, S> {
    type Output = Result<T, GetError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut waiter = self.project().waiter;
        let (raw, place) = (waiter.handle().0, waiter.place());
        let Some(mut cargo) = waiter.as_mut().fresh() else {
            ready!(waiter.as_mut().poll_grant(cx));
            let item = waiter.data().item.take();
            if item.is_some() {
                raw.note_taken(place);
            }
            return Poll::Ready(item.ok_or(GetError));
        };
        cargo.check_not_over();
        loop {
            let (item, drained) = raw.take(place);
            if item.is_some() || drained {
                cargo.end();
                return Poll::Ready(item.ok_or(GetError));
            }
            if wait_for_item(raw, waiter.as_mut(), cx) {
                return Poll::Pending;
            }
            cargo = waiter.as_mut().data();
        }
    }
}

/// Waits for an item, unless there is something else to be done by now.
#[cold]
fn wait_for_item<'a, T, S: Store<Item = T>>(
    raw: &RawQueue<S>,
    waiter: Pin<&mut Waiter<Getter<'a, S>>>,
    cx: &mut Context<'_>,
) -> bool {
    raw.wait(waiter, cx, GETTERS, |turn| turn.is_dry())
}

pin_project! {
    /// The future of `get_many`.
    ///
    /// # Cancel safety
    ///
    /// As [`Get`]: dropped before it is ready it has taken nothing, and the vector is as it was.
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
            // The first get never begins.
            let cargo = this.first.project().waiter.data();
            cargo.check_not_over();
            cargo.end();
            return Poll::Ready(0);
        };
        let (raw, place) = (this.first.waiter.handle().0, this.first.waiter.place());
        let Ok(first) = ready!(this.first.poll(cx)) else { return Poll::Ready(0) };
        let before = this.out.len();
        this.out.push(first);
        raw.take_many(this.out, others, place);
        Poll::Ready(this.out.len() - before)
    }
}

pin_project! {
    /// The stream of `items`: gets one item after the other, and ends when the queue is closed and empty.
    ///
    /// # Cancel safety
    ///
    /// Dropping it, or a `next()` on it, loses nothing: an item that it was handed goes back, or stays for the next
    /// `next()`.
    ///
    /// # Panics
    ///
    /// If it is polled after its end. Combinators that do so need a fused stream, as `futures_lite::StreamExt::fuse` makes.
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
        raw: &'a RawQueue<S>,
        #[pin]
        get: Option<Get<'a, T, S>>,
        place: Caller,
    }
}

impl<T, S: Store<Item = T>> Stream for Items<'_, T, S> {
    type Item = T;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut this = self.project();
        if this.get.is_none() {
            let waiter = Waiter::new(Getter(*this.raw), Cargo::EMPTY).called_at(*this.place);
            this.get.set(Some(Get { waiter }));
        }
        let Some(get) = this.get.as_mut().as_pin_mut() else { unreachable!("it has just been set") };
        let item = ready!(get.poll(cx)).ok();
        if item.is_some() {
            this.get.set(None);
        }
        // The get that has found the end stays: whoever polls again polls it after it was ready.
        Poll::Ready(item)
    }
}

impl<T, S: Store<Item = T>> fmt::Debug for Get<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Get").field(&self.waiter).finish()
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
