//! [`Receiver`], the half that gets, and [`Get`], its wait. The state and its invariants are in `state`.

use super::{
    Shared,
    error::{GetError, TryGetError},
    state::{BroadcastProtocol, GETTERS, SENDERS, Taken, leave, settle_and_wake},
};
use crate::blocking;
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    panic::{RefUnwindSafe, UnwindSafe},
    pin::Pin,
    task::{Context, Poll, ready},
};
use waitline::{Handle, WaitQueue, Waiter, sync::Arc};

/// The half of a [broadcast](super) that gets: every value that is sent after it was made. A clone gets everything that
/// the original has yet to get.
///
/// To drop a receiver, or to clone it, takes time linear in the number of values that it has yet to get. The drop frees
/// those that no other receiver waits for, and lets waiting senders go on. When the last receiver is dropped, waiting
/// sends fail and give their values back.
///
/// ```
/// let (sender, mut receiver) = waitline_queue::broadcast::channel(2);
/// sender.try_send(1).unwrap();
/// let mut other = receiver.clone();
/// assert_eq!((receiver.try_get(), other.try_get()), (Ok(1), Ok(1)));
/// ```
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// The number of the next value to get.
    next: u64,
}

impl<T> Receiver<T> {
    pub(super) fn new(shared: Arc<Shared<T>>, next: u64) -> Self {
        Receiver { shared, next }
    }

    /// The number of values that this receiver can get now. Values that it missed do not count.
    ///
    /// ```
    /// let (sender, receiver) = waitline_queue::broadcast::channel(2);
    /// sender.try_send(1).unwrap();
    /// assert_eq!(receiver.len(), 1);
    /// ```
    pub fn len(&self) -> usize {
        self.shared.queue.lock().len_for(self.next)
    }

    /// Whether this receiver has got everything.
    ///
    /// ```
    /// let (_sender, receiver) = waitline_queue::broadcast::channel::<u32>(2);
    /// assert!(receiver.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T: Clone> Receiver<T> {
    /// Waits for the next value, and gets a clone of it; the last receiver to get it gets the value itself.
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has taken nothing.
    ///
    /// # Errors
    ///
    /// [`GetError::Closed`] if all senders are gone, and this receiver has got everything. [`GetError::Lagged`] if it
    /// was too slow in a [lagging](super::lagging) channel: the next get goes on with the oldest value that is left.
    ///
    /// # Panics
    ///
    /// If the value's `clone` panics. The value then counts as got by this receiver; others get it as usual. Also if
    /// the waker of a sender that goes on panics: the value is dropped then.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use waitline_queue::broadcast::{self, GetError};
    /// let (sender, mut receiver) = broadcast::channel(1);
    /// sender.send(1).await.unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.get().await, Ok(1));
    /// assert_eq!(receiver.get().await, Err(GetError::Closed));
    /// # });
    /// ```
    #[doc(alias("recv", "next"))]
    #[inline]
    #[track_caller]
    pub fn get(&mut self) -> Get<'_, T> {
        Get { waiter: Waiter::new(GetterHandle(&self.shared), None), next: &mut self.next }
    }

    /// Gets the next value if there is one.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get), and [`TryGetError::Empty`] if there is no value now.
    ///
    /// # Panics
    ///
    /// As [`get`](Self::get).
    ///
    /// ```
    /// use waitline_queue::broadcast::{self, TryGetError};
    /// let (sender, mut receiver) = broadcast::channel(1);
    /// assert_eq!(receiver.try_get(), Err(TryGetError::Empty));
    /// sender.try_send(1).unwrap();
    /// assert_eq!(receiver.try_get(), Ok(1));
    /// ```
    #[doc(alias("try_recv", "get_nowait"))]
    pub fn try_get(&mut self) -> Result<T, TryGetError> {
        match self.shared.take(&mut self.next) {
            Taken::Value(value) => Ok(own(value)),
            Taken::Lagged(missed) => Err(TryGetError::Lagged(missed)),
            Taken::Nothing => Err(TryGetError::Empty),
            Taken::End => Err(TryGetError::Closed),
        }
    }

    /// Gets the next value as [`get`](Self::get) does, and blocks the calling thread while it waits. The thread yields a
    /// few times before it parks.
    ///
    /// Do not call it inside a future: it blocks the executor's thread.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    ///
    /// ```
    /// let (sender, mut receiver) = waitline_queue::broadcast::channel(1);
    /// std::thread::spawn(move || sender.send_blocking(7));
    /// assert_eq!(receiver.get_blocking(), Ok(7));
    /// ```
    #[doc(alias("blocking_recv", "recv_blocking"))]
    #[track_caller]
    pub fn get_blocking(&mut self) -> Result<T, GetError> {
        blocking::wait(self.get())
    }
}

/// The value, or, if others have yet to get it, a clone of it. Foreign code, without the mutex (B5).
fn own<T: Clone>(value: Arc<T>) -> T {
    Arc::try_unwrap(value).unwrap_or_else(|value| T::clone(&value))
}

impl<T> Shared<T> {
    /// Takes what is next for a receiver, and lets a sender in that waited for the room.
    #[inline]
    fn take(&self, next: &mut u64) -> Taken<T> {
        let mut queue = self.queue.lock();
        let taken = queue.take(next);
        if queue.has_waiters::<SENDERS>() {
            settle_and_wake(queue);
        }
        taken
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.shared.queue.lock().join(self.next);
        Receiver { shared: self.shared.clone(), next: self.next }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        leave(&self.shared.queue, self.next);
    }
}

// As for `Queue`.
impl<T> UnwindSafe for Receiver<T> {}
impl<T> RefUnwindSafe for Receiver<T> {}

/// `Receiver { len: 1, capacity: 2, receivers: 1, waiters: 0 }`: of the channel. Never blocks, and shows no value.
impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.debug("Receiver", f)
    }
}

/// The handle of a get. It is granted when there is something to take.
struct GetterHandle<'a, T>(&'a Shared<T>);

impl<T> Handle for GetterHandle<'_, T> {
    const CALL: &'static str = "get";

    type Protocol = BroadcastProtocol<T>;

    #[inline(always)]
    fn queue(&self) -> &WaitQueue<BroadcastProtocol<T>> {
        &self.0.queue
    }

    /// Nothing was taken yet: the value stays in the buffer, for this receiver.
    fn cancel_granted(&self, _: &mut Option<Arc<T>>) {}
}

pin_project! {
    /// The future of [`Receiver::get`].
    ///
    /// # Cancel safety
    ///
    /// A `Get` that is dropped before it is ready has taken nothing.
    ///
    /// ```
    /// use waitline_queue::broadcast::{self, Get};
    /// let (sender, mut receiver) = broadcast::channel(1);
    /// sender.try_send(1).unwrap();
    /// let get: Get<'_, u32> = receiver.get();
    /// assert_eq!(futures_lite::future::block_on(get), Ok(1));
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct Get<'a, T> {
        #[pin]
        waiter: Waiter<GetterHandle<'a, T>>,
        next: &'a mut u64,
    }
}

impl<T: Clone> Future for Get<'_, T> {
    type Output = Result<T, GetError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (mut waiter, next) = (this.waiter, this.next);
        let mut taken = Taken::Nothing;
        let at_once = waiter.as_mut().finish_if(|handle, _| {
            taken = handle.0.take(next);
            !matches!(taken, Taken::Nothing)
        });
        if at_once.is_none() {
            // Only a look: what the section took would be lost if the drop of the unused waker panicked.
            let wait = waiter
                .poll_wait(cx, |entry| if entry.has_news(**next) { entry.ready() } else { entry.wait_in::<GETTERS>() });
            let (GetterHandle(shared), _) = ready!(wait);
            taken = shared.take(next);
        }
        Poll::Ready(match taken {
            Taken::Value(value) => Ok(own(value)),
            Taken::Lagged(missed) => Err(GetError::Lagged(missed)),
            Taken::End => Err(GetError::Closed),
            Taken::Nothing => unreachable!("B3: a released receiver finds something"),
        })
    }
}

impl<T> fmt::Debug for Get<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Get").field(&self.waiter).finish()
    }
}
