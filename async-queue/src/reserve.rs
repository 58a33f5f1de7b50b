//! The methods that reserve a slot, [`Reserve`], and [`Slot`]. The state and its invariants are in `state`.

use crate::{
    error::{Closed, PutError, TryReserveError},
    put::{PutterHandle, wait_for_slot},
    queue::{AnyQueue, QueueRef},
    state::{PUTTERS, Refusal, Request},
    store::{Fifo, Store},
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};
use waitline::Waiter;

impl<T, S: Store<Item = T>> AnyQueue<S> {
    /// Waits for a free slot and holds it, so that the item can be made when it is certain to enter.
    ///
    /// # Fairness
    ///
    /// Reserves and [`put`](Self::put)s share one FIFO queue.
    ///
    /// # Cancel safety
    ///
    /// A dropped future loses its position in the queue and nothing else. A dropped [`Slot`] goes to the next waiter.
    ///
    /// # Errors
    ///
    /// If the queue is closed before the slot is granted.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let queue = waitline_queue::Queue::bounded(1);
    /// let slot = queue.reserve().await.unwrap();
    /// assert!(queue.is_full());
    /// slot.put(1).unwrap();
    /// assert_eq!(queue.len(), 1);
    /// # });
    /// ```
    #[track_caller]
    pub fn reserve(&self) -> Reserve<'_, T, S> {
        Reserve { waiter: Waiter::new(PutterHandle(self), Request::EMPTY) }
    }

    /// Reserves a slot if one is free and no put waits.
    ///
    /// # Errors
    ///
    /// If no slot is free, or the queue is closed.
    ///
    /// ```
    /// use waitline_queue::{Queue, TryReserveError};
    /// let queue = Queue::<u8>::bounded(1);
    /// let slot = queue.try_reserve().unwrap();
    /// assert_eq!(queue.try_reserve().unwrap_err(), TryReserveError::Full);
    /// ```
    pub fn try_reserve(&self) -> Result<Slot<'_, T, S>, TryReserveError> {
        match self.reserve_now() {
            Ok(()) => Ok(Slot { queue: self }),
            Err(Refusal::Full) => Err(TryReserveError::Full),
            Err(Refusal::Closed) => Err(TryReserveError::Closed),
        }
    }

    /// Puts `item` into a held slot, and gives the slot up.
    pub(crate) fn put_into_held_slot(&self, item: T) -> Result<(), PutError<T>> {
        // Outlives the section (Q5).
        let mut item = Some(item);
        self.section(|queue| queue.put_into_slot(&mut item));
        item.map_or(Ok(()), |item| Err(PutError(item)))
    }

    pub(crate) fn reserve_now(&self) -> Result<(), Refusal> {
        self.section_if(Result::is_ok, |queue| {
            queue.admit(queue.has_waiters::<PUTTERS>())?;
            queue.hold_slot();
            Ok(())
        })
    }
}

pin_project! {
    /// The future of `reserve`.
    ///
    /// # Cancel safety
    ///
    /// A `Reserve` that is dropped before it is ready loses its position in the queue and nothing else. A slot that it
    /// was granted goes to the next waiter.
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
        waiter: Waiter<PutterHandle<&'a AnyQueue<S>>>,
    }
}

impl<'a, T, S: Store<Item = T>> Future for Reserve<'a, T, S> {
    type Output = Result<Slot<'a, T, S>, Closed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll_reserve(self.project().waiter, cx).map_ok(|queue| Slot { queue })
    }
}

/// Polls a wait for a slot. Ready when the caller holds a slot, or the queue is closed.
pub(crate) fn poll_reserve<T, R: QueueRef<Item = T>>(
    mut waiter: Pin<&mut Waiter<PutterHandle<R>>>,
    cx: &mut Context<'_>,
) -> Poll<Result<R, Closed>> {
    let mut outcome = Ok(());
    let at_once = waiter.as_mut().finish_if(|handle, _| {
        outcome = handle.0.any().reserve_now();
        !matches!(outcome, Err(Refusal::Full))
    });
    let (queue, is_held) = match at_once {
        Some((PutterHandle(queue), _)) => (queue, outcome.is_ok()),
        None => {
            let (PutterHandle(queue), _) = ready!(waiter.poll_wait(cx, wait_for_slot));
            let is_held = queue.any().section(|queue| queue.hold_granted());
            (queue, is_held)
        }
    };
    Poll::Ready(if is_held { Ok(queue) } else { Err(Closed) })
}

/// The right to put one item without waiting. A dropped slot goes to the next waiter.
///
/// A slot stays valid after `close`: gets that find the queue empty wait for its item. It is void after `close_now`.
///
/// ```
/// use waitline_queue::Queue;
/// let queue = Queue::bounded(1);
/// let slot = queue.try_reserve().unwrap();
/// assert!(queue.is_full() && queue.is_empty()); // the slot counts, although no item is in it yet
/// queue.close();
/// slot.put("promised").unwrap();
/// assert_eq!(queue.try_get(), Ok("promised"));
/// ```
#[doc(alias = "Permit")]
#[must_use = "a slot that is not kept is given up at once"]
#[clippy::has_significant_drop]
pub struct Slot<'a, T, S = Fifo<T>>
where
    S: Store<Item = T>,
{
    queue: &'a AnyQueue<S>,
}

impl<T, S: Store<Item = T>> Slot<'_, T, S> {
    /// Puts `item`. Never waits.
    ///
    /// # Errors
    ///
    /// Only after `close_now`. The error holds the item.
    ///
    /// ```
    /// use waitline_queue::{PutError, Queue};
    /// let queue = Queue::bounded(1);
    /// let slot = queue.try_reserve().unwrap();
    /// assert!(queue.close_now().is_empty());
    /// assert_eq!(slot.put("late"), Err(PutError("late")));
    /// ```
    pub fn put(self, item: T) -> Result<(), PutError<T>> {
        let queue = self.queue;
        // The put itself gives the slot up.
        mem::forget(self);
        queue.put_into_held_slot(item)
    }
}

impl<T, S: Store<Item = T>> Drop for Slot<'_, T, S> {
    fn drop(&mut self) {
        self.queue.section(|queue| queue.return_slot());
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
