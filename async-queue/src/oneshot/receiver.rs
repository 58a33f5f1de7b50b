//! [`Receiver`], the half that is the future of the value. The state and its invariants are in the parent module.

use super::{Arc, At, CLOSING, Closed, Parked, Place, Section};
use crate::{blocking, error::TryGetError};
use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    panic::{RefUnwindSafe, UnwindSafe},
    pin::Pin,
    task::{Context, Poll},
};
use waitline::{FirstPanic, diagnostics::Caller};

/// The number of waits for the receiver's end that are woken between two sections. Models cannot afford many, so a
/// round is two there.
const ROUND: usize = if cfg!(all(loom, feature = "loom")) { 2 } else { 32 };

/// The half of a [oneshot](super) that gets the value: a future of it. Like `asyncio.Future`.
///
/// The second parameter says where the value comes from: an allocation of its own, or a borrowed [`Place`].
///
/// # Errors
///
/// [`Closed`], if the sender is dropped without a send, or the receiver is [closed](Self::close) before one.
///
/// # Cancel safety
///
/// A receiver that is dropped drops a value that was sent to it. To give up a wait and keep the receiver, await
/// `&mut receiver`: then nothing is lost.
///
/// # Panics
///
/// If it is polled after it was ready. Nothing changes then.
///
/// ```
/// # futures_lite::future::block_on(async {
/// use waitline_queue::oneshot::{self, Closed};
/// let (sender, receiver) = oneshot::channel();
/// sender.send("value").unwrap();
/// assert_eq!(receiver.await, Ok("value"));
///
/// let (sender, receiver) = oneshot::channel::<u32>();
/// drop(sender);
/// assert_eq!(receiver.await, Err(Closed));
/// # });
/// ```
#[must_use = "futures do nothing unless polled"]
pub struct Receiver<T, P: At<T> = Arc<Place<T>>> {
    /// None once the future was ready.
    place: Option<P>,
    /// Where the channel was made: the call that waits, for reports.
    location: Caller,
    value: PhantomData<fn() -> T>,
}

impl<T, P: At<T>> Receiver<T, P> {
    #[inline(always)]
    #[track_caller]
    pub(super) fn new(place: P) -> Self {
        Receiver { place: Some(place), location: Caller::here(), value: PhantomData }
    }

    /// Takes the value if it was sent.
    ///
    /// # Errors
    ///
    /// If nothing was sent yet, or if nothing will be sent any more. The latter also after the value was taken.
    ///
    /// ```
    /// use waitline_queue::{TryGetError, oneshot};
    /// let (sender, mut receiver) = oneshot::channel();
    /// assert_eq!(receiver.try_get(), Err(TryGetError::Empty));
    /// sender.send(1).unwrap();
    /// assert_eq!(receiver.try_get(), Ok(1));
    /// assert_eq!(receiver.try_get(), Err(TryGetError::Closed));
    /// ```
    #[doc(alias("try_recv", "result"))]
    pub fn try_get(&mut self) -> Result<T, TryGetError> {
        let Some(place) = &self.place else { return Err(TryGetError::Closed) };
        let mut queue = place.place().queue.lock();
        match queue.value.take() {
            Some(value) => Ok(value),
            None if queue.open => Err(TryGetError::Empty),
            None => Err(TryGetError::Closed),
        }
    }

    /// Waits for the value with the calling thread parked. The thread yields a few times before it parks.
    ///
    /// Do not call it inside a future: it blocks the executor's thread.
    ///
    /// # Errors
    ///
    /// [`Closed`], as the future.
    ///
    /// ```
    /// let (sender, receiver) = waitline_queue::oneshot::channel();
    /// std::thread::spawn(move || sender.send(7));
    /// assert_eq!(receiver.get_blocking(), Ok(7));
    /// ```
    #[doc(alias("blocking_recv", "recv", "recv_blocking"))]
    #[track_caller]
    pub fn get_blocking(mut self) -> Result<T, Closed> {
        self.location = Caller::here();
        blocking::wait(self)
    }

    /// Closes the channel, and returns whether it was open: a send fails from now on, and waits of
    /// [`closed`](super::Sender::closed) end. Like `asyncio.Future.cancel`.
    ///
    /// A value that was sent before stays, and can be taken.
    ///
    /// ```
    /// use waitline_queue::oneshot;
    /// let (sender, mut receiver) = oneshot::channel();
    /// assert!(receiver.close() && !receiver.close());
    /// assert_eq!(sender.send(1), Err(1));
    ///
    /// let (sender, mut receiver) = oneshot::channel();
    /// sender.send(1).unwrap();
    /// assert!(!receiver.close());
    /// assert_eq!(receiver.try_get(), Ok(1));
    /// ```
    ///
    /// # Panics
    ///
    /// If a waker panics. The channel is closed, and all others are woken first.
    #[doc(alias = "cancel")]
    pub fn close(&mut self) -> bool {
        let Some(place) = &self.place else { return false };
        let mut queue = place.place().queue.lock();
        let (was_open, parked) = (queue.open, queue.parked.take());
        queue.open = false;
        release(queue, (parked, None::<T>));
        was_open
    }
}

/// Ends the waits for the receiver's end (O3), then drops `removed`, whatever panics: both without the mutex (O4).
fn release<T, R>(queue: Section<'_, T>, removed: (Option<Parked>, Option<R>)) {
    let mut panic = FirstPanic::new();
    panic.catch(|| {
        queue.wake_in_rounds::<ROUND>(|mut queue, wakers| {
            // Nobody enters a closed channel's list, so this ends.
            queue.grant_front::<CLOSING, ROUND>(ROUND, wakers);
            wakers.is_full()
        });
    });
    panic.catch(|| drop(removed.0));
    panic.catch(|| drop(removed.1));
    panic.resume();
}

impl<T, P: At<T>> Drop for Receiver<T, P> {
    fn drop(&mut self) {
        let Some(place) = &self.place else { return };
        let mut queue = place.place().queue.lock();
        queue.open = false;
        let removed = (queue.parked.take(), queue.value.take());
        release(queue, removed);
    }
}

impl<T, P: At<T>> Future for Receiver<T, P> {
    type Output = Result<T, Closed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let Some(place) = &this.place else { panic!("a waiting future was polled after it was ready") };
        let place = place.place();
        let mut fresh = None;
        let outcome = loop {
            let mut queue = place.queue.lock();
            if !queue.open {
                if fresh.is_none() {
                    break queue.value.take();
                }
                // Dropped before the value is taken: if its drop panics, nothing is lost (O4).
                drop(queue);
                fresh = None;
                continue;
            }
            if queue.parked.as_ref().is_some_and(|parked| parked.waker.will_wake(cx.waker())) {
                return Poll::Pending;
            }
            if let Some(fresh) = fresh.take() {
                let replaced = queue.parked.replace(fresh);
                drop(queue);
                drop(replaced);
                return Poll::Pending;
            }
            drop(queue);
            fresh = Some(Parked::new(cx.waker(), place, this.location));
        };
        this.place = None;
        Poll::Ready(outcome.ok_or(Closed))
    }
}

// As for `Place`.
impl<T, P: At<T>> UnwindSafe for Receiver<T, P> {}
impl<T, P: At<T>> RefUnwindSafe for Receiver<T, P> {}

/// `Receiver { open: false, sent: true }`, or `Receiver(over)` after it was ready. Never blocks, and shows no value.
impl<T, P: At<T>> fmt::Debug for Receiver<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => place.place().debug("Receiver", f),
            None => f.write_str("Receiver(over)"),
        }
    }
}
