//! [`Sender`], the half that sends, and its futures. The state and its invariants are in `state`.

use super::{
    Receiver, Shared,
    state::{BroadcastProtocol, CLOSING, GETTERS, Refusal, SENDERS, release, settle_and_wake},
};
use crate::{
    blocking,
    error::{PutError, TryPutError},
};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    panic::{RefUnwindSafe, UnwindSafe},
    pin::Pin,
    task::{Context, Poll, ready},
};
use waitline::{
    Handle, WaitQueue, Waiter,
    sync::{Arc, atomic::Ordering},
};

/// The half of a [broadcast](super) that sends. Clone it for more senders.
///
/// When the last sender is dropped, receivers get the values that are left, and then fail.
///
/// ```
/// use waitline_queue::broadcast;
/// let (sender, mut receiver) = broadcast::channel(4);
/// let other = sender.clone();
/// sender.try_send(1).unwrap();
/// other.try_send(2).unwrap();
/// drop((sender, other));
/// assert_eq!([(); 3].map(|()| receiver.get_blocking().ok()), [Some(1), Some(2), None]);
/// ```
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Sender { shared }
    }

    /// Sends a value to all present receivers. Waits while the channel is full, if it has
    /// [back-pressure](super#two-policies).
    ///
    /// # Fairness
    ///
    /// Values enter in the order in which their sends began to wait, which is their first poll.
    ///
    /// # Cancel safety
    ///
    /// The future gives its value away while it waits: the receiver that makes room lets the value enter. So a future
    /// that is dropped has not sent if it still waits for room; if there was room, the value has been sent, whether or
    /// not the future was polled since. A value that was not sent is dropped with the future.
    ///
    /// # Memory ordering
    ///
    /// Everything before the first poll of the send happens before the return of each get that takes the value.
    ///
    /// # Errors
    ///
    /// If there is no receiver, or the last one is dropped while the send waits. The error holds the value.
    ///
    /// # Panics
    ///
    /// If a waker panics. The value is sent, and all other receivers are woken first.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let (sender, mut receiver) = waitline_queue::broadcast::channel(1);
    /// sender.send("value").await.unwrap();
    /// assert_eq!(receiver.get().await, Ok("value"));
    /// drop(receiver);
    /// assert_eq!(sender.send("late").await.unwrap_err().into_inner(), "late");
    /// # });
    /// ```
    #[doc(alias("broadcast", "broadcast_direct", "put"))]
    #[track_caller]
    pub fn send(&self, value: T) -> SendValue<'_, T> {
        SendValue { waiter: Waiter::new(SenderHandle(&self.shared), Some(Arc::new(value))) }
    }

    /// Sends a value if there is room and no send waits. With [lagging](super::lagging) there always is.
    ///
    /// # Errors
    ///
    /// If the channel is full, or there is no receiver. The error holds the value.
    ///
    /// # Panics
    ///
    /// As [`send`](Self::send).
    ///
    /// ```
    /// use waitline_queue::{TryPutError, broadcast};
    /// let (sender, receiver) = broadcast::channel(1);
    /// sender.try_send(1).unwrap();
    /// assert_eq!(sender.try_send(2), Err(TryPutError::Full(2)));
    /// drop(receiver);
    /// assert_eq!(sender.try_send(3), Err(TryPutError::Closed(3)));
    /// ```
    #[doc(alias("try_broadcast", "put_nowait"))]
    pub fn try_send(&self, value: T) -> Result<(), TryPutError<T>> {
        let mut value = Some(Arc::new(value));
        match (self.shared.enter(&mut value), value) {
            (Err(Refusal::Full), Some(value)) => Err(TryPutError::Full(unsent(value))),
            (Err(Refusal::Closed), Some(value)) => Err(TryPutError::Closed(unsent(value))),
            _ => Ok(()),
        }
    }

    /// Sends a value as [`send`](Self::send) does, and blocks the calling thread while it waits. Threads and futures
    /// share one FIFO queue.
    ///
    /// Do not call it inside a future: it blocks the executor's thread.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    ///
    /// ```
    /// let (sender, mut receiver) = waitline_queue::broadcast::channel(1);
    /// std::thread::spawn(move || (0..9).for_each(|number| sender.send_blocking(number).unwrap()));
    /// assert_eq!(std::iter::from_fn(|| receiver.get_blocking().ok()).sum::<u32>(), 36);
    /// ```
    #[doc(alias("blocking_send", "broadcast_blocking"))]
    #[track_caller]
    pub fn send_blocking(&self, value: T) -> Result<(), PutError<T>> {
        blocking::wait(self.send(value))
    }

    /// A new receiver, for the values that are sent from now on. It opens a channel that had no receiver.
    ///
    /// ```
    /// let (sender, _first) = waitline_queue::broadcast::channel(2);
    /// sender.try_send(1).unwrap();
    /// let mut receiver = sender.subscribe();
    /// sender.try_send(2).unwrap();
    /// assert_eq!(receiver.try_get(), Ok(2));
    /// ```
    #[doc(alias = "new_receiver")]
    pub fn subscribe(&self) -> Receiver<T> {
        let mut queue = self.shared.queue.lock();
        let next = queue.end();
        queue.join(next);
        drop(queue);
        Receiver::new(self.shared.clone(), next)
    }

    /// Whether there is no receiver now, so that a send would fail. [`subscribe`](Self::subscribe) makes one.
    ///
    /// ```
    /// let (sender, receiver) = waitline_queue::broadcast::channel::<u32>(1);
    /// assert!(!sender.is_closed());
    /// drop(receiver);
    /// assert!(sender.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.receivers() == 0
    }

    /// Waits until there is no receiver. The wait is over once this has been true after its first poll, even if
    /// another receiver subscribes afterwards.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let (sender, receiver) = waitline_queue::broadcast::channel::<u32>(1);
    /// futures_lite::future::zip(sender.closed(), async { drop(receiver) }).await;
    /// # });
    /// ```
    #[track_caller]
    pub fn closed(&self) -> WaitClosed<'_, T> {
        WaitClosed { waiter: Waiter::new(ClosedHandle(&self.shared), None) }
    }

    /// The number of receivers.
    ///
    /// ```
    /// let (sender, receiver) = waitline_queue::broadcast::channel::<u32>(1);
    /// let other = receiver.clone();
    /// assert_eq!(sender.receivers(), 2);
    /// # drop(other);
    /// ```
    #[doc(alias = "receiver_count")]
    pub fn receivers(&self) -> usize {
        self.shared.queue.lock().receivers
    }

    /// The number of values that some receiver has yet to get.
    ///
    /// ```
    /// let (sender, _receiver) = waitline_queue::broadcast::channel(2);
    /// sender.try_send(1).unwrap();
    /// assert_eq!((sender.len(), sender.capacity()), (1, 2));
    /// ```
    pub fn len(&self) -> usize {
        self.shared.queue.lock().values()
    }

    /// Whether every receiver has got everything.
    ///
    /// ```
    /// let (sender, _receiver) = waitline_queue::broadcast::channel::<u32>(2);
    /// assert!(sender.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The maximum number of values inside.
    ///
    /// ```
    /// let (sender, _receiver) = waitline_queue::broadcast::lagging::<u32>(2);
    /// assert_eq!(sender.capacity(), 2);
    /// ```
    pub fn capacity(&self) -> usize {
        self.shared.capacity.get()
    }
}

/// A value that no receiver has seen.
fn unsent<T>(value: Arc<T>) -> T {
    Arc::try_unwrap(value).unwrap_or_else(|_| unreachable!("B4: a value that has not entered has one owner"))
}

impl<T> Shared<T> {
    /// Lets a value enter, if it may now, and wakes the receivers.
    #[inline]
    fn enter(&self, value: &mut Option<Arc<T>>) -> Result<(), Refusal> {
        let mut queue = self.queue.lock();
        queue.admit(queue.has_waiters::<SENDERS>())?;
        // Dropped last, without the mutex (B5).
        let _oldest = value.take().and_then(|value| queue.enter(value));
        release::<T, GETTERS>(&mut queue);
        settle_and_wake(queue);
        Ok(())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        // Cannot overflow: the Arc counts the same and aborts first.
        // Ordering: Relaxed; `self` keeps the count above 0.
        self.shared.senders.fetch_add(1, Ordering::Relaxed);
        Sender { shared: self.shared.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // Ordering: Relaxed is enough. The other senders had their last section before they counted down. If ours came
        // before such a section, it would happen before the write that we read here.
        if self.shared.senders.fetch_sub(1, Ordering::Relaxed) == 1 {
            let mut queue = self.shared.queue.lock();
            queue.ended = true;
            release::<T, GETTERS>(&mut queue);
            settle_and_wake(queue);
        }
    }
}

// As for `Queue`.
impl<T> UnwindSafe for Sender<T> {}
impl<T> RefUnwindSafe for Sender<T> {}

/// `Sender { len: 1, capacity: 2, receivers: 1, waiters: 0 }`. Never blocks, and shows no value.
impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.debug("Sender", f)
    }
}

/// The handle of a send. It is granted when its value has entered, or, with the value, when there is no receiver.
struct SenderHandle<'a, T>(&'a Shared<T>);

impl<T> Handle for SenderHandle<'_, T> {
    const CALL: &'static str = "send";

    type Protocol = BroadcastProtocol<T>;

    #[inline(always)]
    fn queue(&self) -> &WaitQueue<BroadcastProtocol<T>> {
        &self.0.queue
    }

    // Each send waits for room for one value, so a queued send that is dropped blocked no waiter behind it.

    /// The value has entered, and belongs to the receivers.
    fn cancel_granted(&self, _: &mut Option<Arc<T>>) {}
}

pin_project! {
    /// The future of [`Sender::send`].
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped while it waits for room has not sent, and drops its value. If there was room, the value
    /// has been sent, whether or not the future was polled since.
    ///
    /// ```
    /// use waitline_queue::broadcast::{self, SendValue};
    /// let (sender, _receiver) = broadcast::channel(1);
    /// let send: SendValue<'_, u32> = sender.send(1);
    /// assert!(futures_lite::future::block_on(send).is_ok());
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct SendValue<'a, T> {
        #[pin]
        waiter: Waiter<SenderHandle<'a, T>>,
    }
}

impl<T> Future for SendValue<'_, T> {
    type Output = Result<(), PutError<T>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut waiter = self.project().waiter;
        let at_once = waiter.as_mut().finish_if(|handle, value| !matches!(handle.0.enter(value), Err(Refusal::Full)));
        let (_, value) = match at_once {
            Some(finished) => finished,
            None => {
                let wait = waiter.poll_wait(cx, |mut entry| match entry.admit(entry.has_waiters::<SENDERS>()) {
                    Err(Refusal::Full) => entry.wait_in::<SENDERS>(),
                    Err(Refusal::Closed) => entry.ready(),
                    Ok(()) => {
                        let (state, value) = entry.parts();
                        // Only a channel with back-pressure was full before, so nothing is pushed out.
                        let pushed_out = value.take().and_then(|value| state.enter(value));
                        debug_assert!(pushed_out.is_none(), "a value was pushed out under the mutex");
                        entry.ready_then(|mut queue| {
                            release::<T, GETTERS>(&mut queue);
                            settle_and_wake(queue);
                        })
                    }
                });
                ready!(wait)
            }
        };
        Poll::Ready(value.map_or(Ok(()), |value| Err(PutError(unsent(value)))))
    }
}

impl<T> fmt::Debug for SendValue<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SendValue").field(&self.waiter).finish()
    }
}

/// The handle of a wait for the end of all receivers.
struct ClosedHandle<'a, T>(&'a Shared<T>);

impl<T> Handle for ClosedHandle<'_, T> {
    const CALL: &'static str = "closed";

    type Protocol = BroadcastProtocol<T>;

    #[inline(always)]
    fn queue(&self) -> &WaitQueue<BroadcastProtocol<T>> {
        &self.0.queue
    }

    /// The end is for all waiters, so a cancelled one has nothing to pass on.
    fn cancel_granted(&self, _: &mut Option<Arc<T>>) {}
}

pin_project! {
    /// The future of [`Sender::closed`]. Dropping it loses nothing.
    ///
    /// ```
    /// use waitline_queue::broadcast::{self, WaitClosed};
    /// let (sender, receiver) = broadcast::channel::<u32>(1);
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
            .poll_wait(cx, |entry| if entry.receivers == 0 { entry.ready() } else { entry.wait_in::<CLOSING>() });
        wait.map(drop)
    }
}

impl<T> fmt::Debug for WaitClosed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WaitClosed").field(&self.waiter).finish()
    }
}
