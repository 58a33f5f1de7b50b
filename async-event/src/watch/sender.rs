//! [`Sender`], the half that replaces the value. The invariants are in the parent module.

use super::{CLOSED, CLOSING, Receiver, Ref, STEP, Shared, WAITING, WatchProtocol, release_all};
use pin_project_lite::pin_project;
use std::{
    error::Error,
    fmt,
    future::Future,
    mem,
    ops::DerefMut,
    pin::Pin,
    task::{Context, Poll},
};
use waitline::{
    Handle, WaitQueue, Waiter,
    sync::{Arc, atomic::Ordering},
};

/// The half of a [watch](super) that replaces the value. Clone it for more senders.
///
/// When the last sender is dropped, receivers that have seen the last value get [`Closed`](super::Closed).
///
/// ```
/// use waitline_event::watch;
/// let (sender, receiver) = watch::channel(1);
/// let other = sender.clone();
/// other.send(2).unwrap();
/// drop((sender, other));
/// assert_eq!(receiver.has_changed(), Ok(true));
/// assert_eq!(*receiver.borrow(), 2);
/// ```
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Sender { shared }
    }

    /// Replaces the value, and wakes all receivers that wait for a change. Drops the old value.
    ///
    /// It blocks while the value is [borrowed](super#borrows).
    ///
    /// # Memory ordering
    ///
    /// Everything before the send happens before the return of the [`changed`](Receiver::changed) that it ends, and of
    /// the borrow that sees its value.
    ///
    /// # Errors
    ///
    /// If there is no receiver: gives the value back, and changes nothing. Use [`send_replace`](Self::send_replace) to
    /// store a value for receivers to come.
    ///
    /// # Panics
    ///
    /// If a waker panics. The value is replaced, and all other receivers are woken first.
    ///
    /// ```
    /// let (sender, receiver) = waitline_event::watch::channel(1);
    /// sender.send(2).unwrap();
    /// assert_eq!(*receiver.borrow(), 2);
    /// drop(receiver);
    /// assert_eq!(sender.send(3).unwrap_err().into_inner(), 3);
    /// assert_eq!(*sender.borrow(), 2);
    /// ```
    #[doc(alias("set", "publish"))]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.is_closed() {
            return Err(SendError(value));
        }
        drop(self.send_replace(value));
        Ok(())
    }

    /// Replaces the value as [`send`](Self::send) does, also if there is no receiver, and returns the old one.
    ///
    /// # Panics
    ///
    /// As [`send`](Self::send).
    ///
    /// ```
    /// let (sender, _) = waitline_event::watch::channel(1);
    /// assert_eq!(sender.send_replace(2), 1);
    /// assert_eq!(*sender.subscribe().borrow(), 2);
    /// ```
    pub fn send_replace(&self, value: T) -> T {
        let mut current = self.shared.value.write();
        let old = mem::replace(&mut *current, value);
        self.publish(current);
        old
    }

    /// Changes the value in place, also if there is no receiver, and wakes all receivers that wait for a change.
    ///
    /// The closure runs while the value is [locked](super#borrows).
    ///
    /// # Panics
    ///
    /// If the closure panics. The value stays as the closure left it, but the change is not announced: no receiver is
    /// woken, and none counts the value as new. Later sends work as before. Also if a waker panics, as
    /// [`send`](Self::send) does.
    ///
    /// ```
    /// let (sender, receiver) = waitline_event::watch::channel(vec![1]);
    /// sender.send_modify(|list| list.push(2));
    /// assert_eq!(*receiver.borrow(), [1, 2]);
    /// ```
    #[doc(alias("update", "modify"))]
    pub fn send_modify(&self, modify: impl FnOnce(&mut T)) {
        self.send_if_modified(|value| {
            modify(value);
            true
        });
    }

    /// Changes the value in place, and wakes all receivers that wait for a change if `modify` returns true. Returns
    /// what `modify` has returned.
    ///
    /// If it returns false, no receiver counts the value as new, even if the closure has changed it.
    ///
    /// # Panics
    ///
    /// As [`send_modify`](Self::send_modify).
    ///
    /// ```
    /// let (sender, receiver) = waitline_event::watch::channel(1);
    /// let raise_to = |limit: u32| {
    ///     sender.send_if_modified(|value| {
    ///         let is_higher = limit > *value;
    ///         *value = limit.max(*value);
    ///         is_higher
    ///     })
    /// };
    /// assert!(raise_to(2) && !raise_to(1));
    /// assert_eq!(*receiver.borrow(), 2);
    /// ```
    pub fn send_if_modified(&self, modify: impl FnOnce(&mut T) -> bool) -> bool {
        let mut current = self.shared.value.write();
        let modified = modify(&mut current);
        if modified {
            self.publish(current);
        }
        modified
    }

    /// Announces the change that was made under this write lock.
    fn publish(&self, current: impl DerefMut<Target = T>) {
        let queue = self.shared.queue.lock();
        // Ordering: Release pairs with the Acquire in `Shared::word`. Under the write lock (W1), and in the section (W2).
        queue.word().fetch_add(STEP, Ordering::Release);
        // W5.
        drop(current);
        release_all::<WAITING>(queue);
    }

    /// Locks the value for reading. See [Borrows](super#borrows).
    ///
    /// ```
    /// let (sender, _receiver) = waitline_event::watch::channel(1);
    /// assert_eq!(*sender.borrow(), 1);
    /// ```
    pub fn borrow(&self) -> Ref<'_, T> {
        Ref::new(self.shared.value.read())
    }

    /// A new receiver, which counts the present value as seen. It opens a channel that had no receiver.
    ///
    /// ```
    /// let (sender, _) = waitline_event::watch::channel(1);
    /// assert!(sender.is_closed());
    /// let receiver = sender.subscribe();
    /// assert!(!sender.is_closed());
    /// assert_eq!(receiver.has_changed(), Ok(false));
    /// ```
    pub fn subscribe(&self) -> Receiver<T> {
        // Ordering: Relaxed; a new receiver hands nothing over.
        self.shared.receivers.fetch_add(1, Ordering::Relaxed);
        // There is a sender, so the word has no CLOSED.
        Receiver::new(self.shared.clone(), self.shared.word())
    }

    /// Whether there is no receiver now. [`subscribe`](Self::subscribe) makes one.
    ///
    /// ```
    /// let (sender, receiver) = waitline_event::watch::channel(1);
    /// assert!(!sender.is_closed());
    /// drop(receiver);
    /// assert!(sender.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.receivers() == 0
    }

    /// The number of receivers.
    ///
    /// ```
    /// let (sender, receiver) = waitline_event::watch::channel(1);
    /// let other = receiver.clone();
    /// assert_eq!(sender.receivers(), 2);
    /// # drop(other);
    /// ```
    #[doc(alias = "receiver_count")]
    pub fn receivers(&self) -> usize {
        self.shared.receivers()
    }

    /// Waits until there is no receiver. The wait is over once this has been true after its first poll, even if
    /// another receiver subscribes afterwards.
    ///
    /// # Memory ordering
    ///
    /// Everything before the drop of each receiver happens before the return of this wait, and of an
    /// [`is_closed`](Self::is_closed) that is true.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let (sender, receiver) = waitline_event::watch::channel(1);
    /// futures_lite::future::zip(sender.closed(), async { drop(receiver) }).await;
    /// # });
    /// ```
    #[track_caller]
    pub fn closed(&self) -> WaitClosed<'_, T> {
        WaitClosed { waiter: Waiter::new(ClosedHandle(&self.shared), ()) }
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
        let shared = &*self.shared;
        // Ordering: Relaxed is enough for W3. Each other sender had its last section before it counted down. If our
        // section came before that one, it would happen before the write that we read here.
        if shared.senders.fetch_sub(1, Ordering::Relaxed) == 1 {
            let queue = shared.queue.lock();
            // Ordering: Relaxed. It keeps the Release of the last version, and who sees CLOSED alone relies on nothing.
            queue.word().fetch_or(CLOSED, Ordering::Relaxed);
            release_all::<WAITING>(queue);
        }
    }
}

/// `Sender { senders: 1, receivers: 2, waiters: 0 }`. Never blocks, and shows no value.
impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.debug("Sender", f)
    }
}

/// A send failed because there is no receiver. Holds the value.
///
/// ```
/// let (sender, receiver) = waitline_event::watch::channel("first");
/// drop(receiver);
/// let error = sender.send("second").unwrap_err();
/// assert_eq!(error.into_inner(), "second");
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

impl<T> SendError<T> {
    /// The value that was not sent.
    ///
    /// ```
    /// assert_eq!(waitline_event::watch::SendError("value").into_inner(), "value");
    /// ```
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// Shows no value, so that it needs no `T: Debug`.
impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError(..)")
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("send to a watch without a receiver")
    }
}

impl<T> Error for SendError<T> {}

/// The handle of a wait for the end of all receivers.
struct ClosedHandle<'a, T>(&'a Shared<T>);

impl<T> Handle for ClosedHandle<'_, T> {
    const CALL: &'static str = "closed";

    type Protocol = WatchProtocol;

    #[inline(always)]
    fn queue(&self) -> &WaitQueue<WatchProtocol> {
        &self.0.queue
    }

    /// The end is for all waiters, so a cancelled one has nothing to pass on.
    fn cancel_granted(&self, (): &mut ()) {}
}

pin_project! {
    /// The future of [`Sender::closed`]. Dropping it loses nothing.
    ///
    /// ```
    /// use waitline_event::watch::{self, WaitClosed};
    /// let (sender, receiver) = watch::channel(1);
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
        let wait = self.project().waiter.poll_wait(cx, |entry| match entry.handle().0.receivers() {
            0 => entry.ready(),
            _ => entry.wait_in::<CLOSING>(),
        });
        wait.map(drop)
    }
}

impl<T> fmt::Debug for WaitClosed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WaitClosed").field(&self.waiter).finish()
    }
}
