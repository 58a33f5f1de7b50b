//! The putters' side: [`Put`], [`Reserve`] and the [`Slot`] that it waits for.

use crate::{
    blocking,
    error::{Closed, PutError, TryPutError, TryReserveError},
    raw::{Cargo, PUTTERS, QueueProtocol, RawQueue, polled_after_ready},
    store::{Fifo, Store},
    turn::Refusal,
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};
use waitline::{Handle, Locked, WaitQueue, Waiter};

impl<T, S: Store<Item = T>> RawQueue<S> {
    #[inline]
    #[track_caller]
    pub(crate) fn put(&self, item: T) -> Put<'_, T, S> {
        Put { waiter: Waiter::new(Putter(self), Cargo::new(item)) }
    }

    #[inline]
    pub(crate) fn try_put(&self, item: T) -> Result<(), TryPutError<T>> {
        // Outlives the turn: no item is dropped under the mutex (Q5).
        let mut item = Some(item);
        self.attempt(|mut turn| turn.put(&mut item), Result::is_ok).map_err(|refusal| refused(refusal, item))
    }

    #[track_caller]
    pub(crate) fn put_blocking(&self, item: T) -> Result<(), PutError<T>> {
        match self.try_put(item) {
            Ok(()) => Ok(()),
            Err(TryPutError::Full(item)) => {
                let cargo = Cargo { is_blocking: true, ..Cargo::new(item) };
                blocking::wait(Put { waiter: Waiter::new(Putter(self), cargo) })
            }
            Err(TryPutError::Closed(item)) => Err(PutError(item)),
        }
    }

    #[track_caller]
    pub(crate) fn reserve(&self) -> Reserve<'_, T, S> {
        Reserve { waiter: Waiter::new(Putter(self), Cargo::EMPTY) }
    }

    pub(crate) fn try_reserve(&self) -> Result<Slot<'_, T, S>, TryReserveError> {
        match self.attempt(|mut turn| turn.reserve(), Result::is_ok) {
            Ok(()) => Ok(Slot { raw: self }),
            Err(Refusal::Full) => Err(TryReserveError::Full),
            Err(Refusal::Closed) => Err(TryReserveError::Closed),
        }
    }
}

#[cold]
fn refused<T>(refusal: Refusal, item: Option<T>) -> TryPutError<T> {
    let item = kept(item);
    match refusal {
        Refusal::Full => TryPutError::Full(item),
        Refusal::Closed => TryPutError::Closed(item),
    }
}

/// The item of a put that failed.
fn kept<T>(item: Option<T>) -> T {
    item.unwrap_or_else(|| polled_after_ready())
}

/// The handle of a put or a reserve: what it is granted is a slot.
struct Putter<'a, S: Store>(&'a RawQueue<S>);

impl<T, S: Store<Item = T>> Handle for Putter<'_, S> {
    const CALL: &'static str = "put";

    type Protocol = QueueProtocol<S>;

    #[inline(always)]
    fn queue(&self) -> &WaitQueue<Self::Protocol> {
        self.0.queue()
    }

    fn cancel_queued(&self, queue: Locked<'_, Self::Protocol>, _: &mut Cargo<T>) {
        // Each putter waits for one slot, so this one held nobody back who could go on without it.
        drop(queue);
    }

    fn cancel_granted(&self, cargo: &mut Cargo<T>) {
        // A blocking put whose item has entered uses its place; only a panic can drop it.
        if !cargo.is_blocking || cargo.item.is_some() {
            self.0.turn(|mut turn| turn.return_grant());
        }
    }
}

pin_project! {
    /// The future of `put`.
    ///
    /// # Cancel safety
    ///
    /// A `Put` that is dropped before it is ready has not put: its item is dropped with it, and a slot that it was
    /// granted goes to the next one that waits.
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
        waiter: Waiter<Putter<'a, S>>,
    }
}

impl<T, S: Store<Item = T>> Future for Put<'_, T, S> {
    type Output = Result<(), PutError<T>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut waiter = self.project().waiter;
        let raw = waiter.handle().0;
        let Some(mut cargo) = waiter.as_mut().fresh() else { return poll_granted_put(waiter, cx) };
        loop {
            match raw.attempt(|mut turn| turn.put(&mut cargo.item), Result::is_ok) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(Refusal::Closed) => return Poll::Ready(Err(PutError(kept(cargo.item.take())))),
                // Looked at here only: where there is room, the attempt finds it out.
                Err(Refusal::Full) if cargo.item.is_none() => polled_after_ready(),
                Err(Refusal::Full) if wait_for_room(raw, waiter.as_mut(), cx) => return Poll::Pending,
                Err(Refusal::Full) => cargo = waiter.as_mut().data(),
            }
        }
    }
}

/// Waits for a slot, unless there is something else to be done by now.
#[cold]
fn wait_for_room<'a, T, S: Store<Item = T>>(
    raw: &RawQueue<S>,
    waiter: Pin<&mut Waiter<Putter<'a, S>>>,
    cx: &mut Context<'_>,
) -> bool {
    raw.wait(waiter, cx, PUTTERS, |mut turn| matches!(turn.admit(), Err(Refusal::Full)))
}

fn poll_granted_put<T, S: Store<Item = T>>(
    mut waiter: Pin<&mut Waiter<Putter<'_, S>>>,
    cx: &mut Context<'_>,
) -> Poll<Result<(), PutError<T>>> {
    ready!(waiter.as_mut().poll_grant(cx));
    let raw = waiter.handle().0;
    let item = &mut waiter.data().item;
    if item.is_none() {
        // That of a blocking put, which has entered.
        return Poll::Ready(Ok(()));
    }
    let valid = raw.turn(|mut turn| turn.put_granted(item));
    Poll::Ready(if valid { Ok(()) } else { Err(PutError(kept(item.take()))) })
}

pin_project! {
    /// The future of `reserve`.
    ///
    /// # Cancel safety
    ///
    /// A `Reserve` that is dropped before it is ready loses its place among those who wait, and nothing else; a slot that
    /// it was granted goes to the next one.
    ///
    /// ```
    /// use waitline_queue::{Queue, Reserve};
    /// let queue = Queue::unbounded();
    /// let reserve: Reserve<'_, u8> = queue.reserve();
    /// # drop(reserve);
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct Reserve<'a, T, S = Fifo<T>>
    where
        S: Store<Item = T>,
    {
        #[pin]
        waiter: Waiter<Putter<'a, S>>,
    }
}

impl<'a, T, S: Store<Item = T>> Future for Reserve<'a, T, S> {
    type Output = Result<Slot<'a, T, S>, Closed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut waiter = self.project().waiter;
        let raw = waiter.handle().0;
        let Some(mut cargo) = waiter.as_mut().fresh() else {
            ready!(waiter.poll_grant(cx));
            let valid = raw.turn(|mut turn| turn.hold_granted());
            return Poll::Ready(if valid { Ok(Slot { raw }) } else { Err(Closed) });
        };
        cargo.check_not_over();
        loop {
            let outcome = match raw.attempt(|mut turn| turn.reserve(), Result::is_ok) {
                Ok(()) => Ok(Slot { raw }),
                Err(Refusal::Closed) => Err(Closed),
                Err(Refusal::Full) if wait_for_room(raw, waiter.as_mut(), cx) => return Poll::Pending,
                Err(Refusal::Full) => {
                    cargo = waiter.as_mut().data();
                    continue;
                }
            };
            cargo.end();
            return Poll::Ready(outcome);
        }
    }
}

/// The right to put one item, for which there is room already. Dropping it gives the room to the next one that waits.
///
/// A slot outlives `close`: it is a promise of an item, and those who get wait for it. It does not outlive `close_now`.
///
/// ```
/// use waitline_queue::Queue;
/// let queue = Queue::bounded(1);
/// let slot = queue.try_reserve().unwrap();
/// assert!(queue.is_full() && queue.is_empty()); // the room is taken, and no item is in it yet
/// queue.close();
/// slot.put("promised").unwrap();
/// assert_eq!(queue.try_get(), Ok("promised"));
/// ```
#[doc(alias = "Permit")]
#[must_use = "a slot that is not kept is given back at once"]
#[clippy::has_significant_drop]
pub struct Slot<'a, T, S = Fifo<T>>
where
    S: Store<Item = T>,
{
    raw: &'a RawQueue<S>,
}

impl<T, S: Store<Item = T>> Slot<'_, T, S> {
    /// Puts `item`. Never waits.
    ///
    /// # Errors
    ///
    /// Only after `close_now`; the error holds the item.
    ///
    /// ```
    /// use waitline_queue::{PutError, Queue};
    /// let queue = Queue::bounded(1);
    /// let slot = queue.try_reserve().unwrap();
    /// assert!(queue.close_now().is_empty());
    /// assert_eq!(slot.put("late"), Err(PutError("late")));
    /// ```
    pub fn put(self, item: T) -> Result<(), PutError<T>> {
        let raw = self.raw;
        // The put gives the slot up itself.
        mem::forget(self);
        // Outlives the turn (Q5).
        let mut item = Some(item);
        let valid = raw.turn(|mut turn| turn.put_into_slot(&mut item));
        if valid { Ok(()) } else { Err(PutError(kept(item))) }
    }
}

impl<T, S: Store<Item = T>> Drop for Slot<'_, T, S> {
    fn drop(&mut self) {
        self.raw.turn(|mut turn| turn.return_slot());
    }
}

impl<T, S: Store<Item = T>> fmt::Debug for Put<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Put").field(&self.waiter).finish()
    }
}

impl<T, S: Store<Item = T>> fmt::Debug for Reserve<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reserve").field(&self.waiter).finish()
    }
}

impl<T, S: Store<Item = T>> fmt::Debug for Slot<'_, T, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").finish_non_exhaustive()
    }
}
