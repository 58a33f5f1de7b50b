//! [`Sender`], the half that sends the value. The state and its invariants are in the parent module.

use super::{Arc, At, CLOSING, OneshotProtocol, Place};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    marker::PhantomData,
    panic::{RefUnwindSafe, UnwindSafe},
    pin::Pin,
    task::{Context, Poll},
};
use waitline::{Handle, WaitQueue, Waiter};

/// The half of a [oneshot](super) that sends the value. If it is dropped without a send, the receiver gets
/// [`Closed`](super::Closed).
///
/// The second parameter says where the value goes: to an allocation of its own, or to a borrowed [`Place`].
///
/// ```
/// let (sender, mut receiver) = waitline_queue::oneshot::channel::<u32>();
/// drop(sender);
/// assert!(receiver.try_get().is_err());
/// ```
#[doc(alias = "Promise")]
pub struct Sender<T, P: At<T> = Arc<Place<T>>> {
    /// None once it has sent.
    place: Option<P>,
    value: PhantomData<fn(T)>,
}

impl<T, P: At<T>> Sender<T, P> {
    #[inline(always)]
    pub(super) fn new(place: P) -> Self {
        Sender { place: Some(place), value: PhantomData }
    }

    /// Sends the value, without waiting. Like `asyncio.Future.set_result`.
    ///
    /// # Errors
    ///
    /// If the receiver is dropped or closed: gives the value back.
    ///
    /// # Memory ordering
    ///
    /// Everything before the send happens before the return of the get that takes the value.
    ///
    /// # Panics
    ///
    /// If the receiver's waker panics. The value is sent nevertheless.
    ///
    /// ```
    /// use waitline_queue::oneshot;
    /// let (sender, receiver) = oneshot::channel();
    /// assert_eq!(sender.send("in time"), Ok(()));
    /// assert_eq!(receiver.get_blocking(), Ok("in time"));
    ///
    /// let (sender, receiver) = oneshot::channel();
    /// drop(receiver);
    /// assert_eq!(sender.send("late"), Err("late"));
    /// ```
    #[doc(alias("set_result", "resolve", "complete"))]
    #[inline]
    pub fn send(mut self, value: T) -> Result<(), T> {
        // Taken out, so that the drop of `self` has nothing to do.
        let Some(place) = self.place.take() else {
            unreachable!("only `send` takes the place, and consumes the sender")
        };
        let mut queue = place.place().queue.lock();
        if !queue.open {
            return Err(value);
        }
        queue.open = false;
        queue.value = Some(value);
        let parked = queue.parked.take();
        queue.unlock_and_wake(parked.map(|parked| parked.waker));
        Ok(())
    }

    /// Whether the receiver is dropped or closed, so that a send would fail. Like `asyncio.Future.cancelled`.
    ///
    /// ```
    /// let (sender, receiver) = waitline_queue::oneshot::channel::<u32>();
    /// assert!(!sender.is_closed());
    /// drop(receiver);
    /// assert!(sender.is_closed());
    /// ```
    #[doc(alias("is_canceled", "is_cancelled"))]
    pub fn is_closed(&self) -> bool {
        // There is a sender, so nothing was sent (O3).
        !self.place().queue.lock().open
    }

    /// Waits until the receiver is dropped or closed.
    ///
    /// # Fairness
    ///
    /// All waits end in one step, and are woken in the order in which they began.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let (sender, receiver) = waitline_queue::oneshot::channel::<u32>();
    /// futures_lite::future::zip(sender.closed(), async { drop(receiver) }).await;
    /// # });
    /// ```
    #[doc(alias("poll_canceled", "cancellation"))]
    #[track_caller]
    pub fn closed(&self) -> WaitClosed<'_, T> {
        WaitClosed { waiter: Waiter::new(ClosedHandle(self.place()), ()) }
    }

    fn place(&self) -> &Place<T> {
        let Some(place) = &self.place else { unreachable!("only `send` takes the place, and consumes the sender") };
        place.place()
    }
}

impl<T, P: At<T>> Drop for Sender<T, P> {
    fn drop(&mut self) {
        let Some(place) = &self.place else { return };
        let mut queue = place.place().queue.lock();
        queue.open = false;
        let parked = queue.parked.take();
        queue.unlock_and_wake(parked.map(|parked| parked.waker));
    }
}

// As for `Place`.
impl<T, P: At<T>> UnwindSafe for Sender<T, P> {}
impl<T, P: At<T>> RefUnwindSafe for Sender<T, P> {}

/// `Sender { open: true, sent: false }`. Never blocks, and shows no value.
impl<T, P: At<T>> fmt::Debug for Sender<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place().debug("Sender", f)
    }
}

/// The handle of a wait for the receiver's end.
struct ClosedHandle<'a, T>(&'a Place<T>);

impl<T> Handle for ClosedHandle<'_, T> {
    const CALL: &'static str = "closed";

    type Protocol = OneshotProtocol<T>;

    #[inline(always)]
    fn queue(&self) -> &WaitQueue<OneshotProtocol<T>> {
        &self.0.queue
    }

    /// The end is for all waiters, so a cancelled one has nothing to pass on.
    fn cancel_granted(&self, (): &mut ()) {}
}

pin_project! {
    /// The future of [`Sender::closed`]. Dropping it loses nothing.
    ///
    /// ```
    /// use waitline_queue::oneshot::{self, WaitClosed};
    /// let (sender, receiver) = oneshot::channel::<u32>();
    /// let closed: WaitClosed<'_, u32> = sender.closed();
    /// drop(receiver);
    /// futures_lite::future::block_on(closed);
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct WaitClosed<'a, T> {
        #[pin]
        waiter: Waiter<ClosedHandle<'a, T>>,
    }
}

impl<T> Future for WaitClosed<'_, T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let wait = self
            .project()
            .waiter
            .poll_wait(cx, |entry| if entry.open { entry.wait_in::<CLOSING>() } else { entry.ready() });
        wait.map(drop)
    }
}

impl<T> fmt::Debug for WaitClosed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WaitClosed").field(&self.waiter).finish()
    }
}
