//! A queue in two halves that closes by itself when either half is gone.
//!
//! ```
//! use waitline_queue::channel;
//!
//! # futures_lite::future::block_on(async {
//! let (sender, receiver) = channel::bounded(4);
//! let producer = async move {
//!     for item in 0..10 {
//!         sender.put(item).await.unwrap();
//!     }
//!     // The only sender is gone here, which ends the loop below.
//! };
//! let consumer = async {
//!     let mut sum = 0;
//!     while let Ok(item) = receiver.get().await {
//!         sum += item;
//!     }
//!     sum
//! };
//! let ((), sum) = futures_lite::future::zip(producer, consumer).await;
//! assert_eq!(sum, 45);
//! # });
//! ```

mod owned;
mod receiver;
mod sender;
mod timed;
mod weak;

pub use receiver::{Gets, Receiver};
pub use sender::{Puts, Sender};
pub use weak::{WeakHalf, WeakReceiver, WeakSender};

use crate::{AnyQueue, Join, Queue, QueueRef, UntilClosed, queue::sealed, store::Fifo};
use std::{
    fmt,
    marker::PhantomData,
    num::NonZeroUsize,
    panic::{RefUnwindSafe, UnwindSafe},
};
use waitline::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The state that the halves share: the queue, and the number of halves with each role.
#[doc(hidden)]
#[derive(Debug)]
pub struct Shared<T> {
    queue: Queue<T>,
    senders: AtomicUsize,
    receivers: AtomicUsize,
}

/// A channel for up to `capacity` items.
///
/// # Panics
///
/// If `capacity` is 0: use [`unbounded`] for a channel without a limit.
///
/// ```
/// let (sender, receiver) = waitline_queue::channel::bounded(1);
/// sender.try_put(1).unwrap();
/// assert!(sender.is_full());
/// assert_eq!(receiver.try_get(), Ok(1));
/// ```
#[doc(alias("channel", "sync_channel"))]
#[track_caller]
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let Some(capacity) = NonZeroUsize::new(capacity) else {
        panic!(
            "channel::bounded: the capacity is 0 and must be at least 1; a channel without a limit is \
             channel::unbounded()"
        )
    };
    channel(Some(capacity))
}

/// A channel without a limit: a put never waits. Its memory shrinks after a burst, as that of a
/// [`Queue::unbounded`](crate::Queue::unbounded) does.
///
/// ```
/// let (sender, receiver) = waitline_queue::channel::unbounded();
/// (0..100).for_each(|item| sender.try_put(item).unwrap());
/// drop(sender);
/// assert_eq!(receiver.len(), 100);
/// ```
#[doc(alias = "unbounded_channel")]
#[track_caller]
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    channel(None)
}

#[track_caller]
fn channel<T>(capacity: Option<NonZeroUsize>) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared {
        queue: AnyQueue::new("channel", capacity),
        senders: AtomicUsize::new(1),
        receivers: AtomicUsize::new(1),
    });
    (Half::new(shared.clone()), Half::new(shared))
}

/// One half of a channel: a [`Sender`] or a [`Receiver`], by its role. These are the methods that both have.
pub struct Half<T, R: Role> {
    shared: Arc<Shared<T>>,
    role: PhantomData<fn(R)>,
}

mod role {
    use super::Shared;
    use waitline::sync::atomic::AtomicUsize;

    /// The role of a half: it puts, or it gets. Sealed.
    pub trait Role {
        #[doc(hidden)]
        const NAME: &'static str;

        #[doc(hidden)]
        const WEAK_NAME: &'static str;

        /// The number of halves with this role.
        #[doc(hidden)]
        fn count<T>(shared: &Shared<T>) -> &AtomicUsize;

        /// Called when the last half with this role is dropped.
        #[doc(hidden)]
        fn close<T>(shared: &Shared<T>);
    }
}

use role::Role;

impl<T, R: Role> Half<T, R> {
    fn new(shared: Arc<Shared<T>>) -> Self {
        Half { shared, role: PhantomData }
    }
}

impl<T, R: Role> Clone for Half<T, R> {
    fn clone(&self) -> Self {
        // Cannot overflow: the Arc counts the same and aborts first.
        // Ordering: Relaxed; `self` keeps the count above 0.
        R::count(&self.shared).fetch_add(1, Ordering::Relaxed);
        Half::new(self.shared.clone())
    }
}

impl<T, R: Role> Drop for Half<T, R> {
    fn drop(&mut self) {
        // Ordering: Relaxed is enough. The other halves used the queue under its mutex before they counted down. If our
        // close came before such a use in the mutex's order, it would happen before the write that we read here.
        if R::count(&self.shared).fetch_sub(1, Ordering::Relaxed) == 1 {
            R::close(&self.shared);
        }
    }
}

// As for `Queue`.
impl<T, R: Role> UnwindSafe for Half<T, R> {}
impl<T, R: Role> RefUnwindSafe for Half<T, R> {}

impl<T, R: Role> sealed::Sealed for Half<T, R> {}

/// A half leads to the queue of its channel.
impl<T, R: Role> QueueRef for Half<T, R> {
    type Item = T;
    type Store = Fifo<T>;
    fn any(&self) -> &Queue<T> {
        &self.shared.queue
    }
}

impl<T, R: Role> Half<T, R> {
    /// Closes the channel, and returns whether it was open: [`Queue::close`](crate::Queue::close).
    ///
    /// ```
    /// let (sender, receiver) = waitline_queue::channel::unbounded();
    /// sender.try_put(1).unwrap();
    /// assert!(receiver.close() && !sender.close());
    /// assert!(sender.try_put(2).is_err());
    /// assert_eq!(receiver.try_get(), Ok(1));
    /// ```
    pub fn close(&self) -> bool {
        self.shared.queue.close()
    }

    /// Closes the channel, revokes the held slots, and returns all items:
    /// [`Queue::close_now`](crate::Queue::close_now).
    ///
    /// ```
    /// let (sender, receiver) = waitline_queue::channel::unbounded();
    /// sender.try_put(1).unwrap();
    /// assert_eq!(receiver.close_now(), [1]);
    /// assert!(sender.is_closed() && receiver.is_empty());
    /// ```
    pub fn close_now(&self) -> Vec<T> {
        self.shared.queue.close_now()
    }

    /// The number of items that are not done: [`Queue::unfinished`](crate::Queue::unfinished).
    ///
    /// ```
    /// let (sender, receiver) = waitline_queue::channel::unbounded();
    /// sender.try_put(1).unwrap();
    /// receiver.try_get().unwrap();
    /// assert_eq!(sender.unfinished(), 1);
    /// receiver.task_done().unwrap();
    /// assert_eq!(sender.unfinished(), 0);
    /// ```
    pub fn unfinished(&self) -> usize {
        self.shared.queue.unfinished()
    }

    /// Waits until no item is unfinished: [`Queue::join`](crate::Queue::join).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    ///
    /// let (sender, receiver) = waitline_queue::channel::unbounded();
    /// sender.try_put(1).unwrap();
    /// receiver.get().await.unwrap();
    /// receiver.task_done().unwrap();
    /// sender.join().await;
    /// # });
    /// ```
    #[track_caller]
    pub fn join(&self) -> Join<'_, T> {
        self.shared.queue.join()
    }

    /// The number of items inside: [`Queue::len`](crate::Queue::len).
    ///
    /// ```
    /// let (sender, receiver) = waitline_queue::channel::unbounded();
    /// sender.try_put(1).unwrap();
    /// assert_eq!((sender.len(), receiver.len()), (1, 1));
    /// ```
    pub fn len(&self) -> usize {
        self.shared.queue.len()
    }

    /// The maximum number of items, or `None` if there is no limit: [`Queue::capacity`](crate::Queue::capacity).
    ///
    /// ```
    /// let (sender, _receiver) = waitline_queue::channel::bounded::<u8>(2);
    /// assert_eq!(sender.capacity(), Some(2));
    /// ```
    pub fn capacity(&self) -> Option<usize> {
        self.shared.queue.capacity()
    }

    /// Whether there is no item inside. An empty channel may be [full](Self::is_full) at the same time.
    ///
    /// ```
    /// let (sender, receiver) = waitline_queue::channel::bounded(1);
    /// assert!(receiver.is_empty());
    /// sender.try_put(1).unwrap();
    /// assert!(!receiver.is_empty() && receiver.is_full());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a put would have to wait; once closed, whether the capacity is used up:
    /// [`Queue::is_full`](crate::Queue::is_full).
    ///
    /// ```
    /// let (sender, _receiver) = waitline_queue::channel::bounded(1);
    /// sender.try_put(1).unwrap();
    /// assert!(sender.is_full());
    /// ```
    pub fn is_full(&self) -> bool {
        self.shared.queue.is_full()
    }

    /// Waits until the channel is closed, by a call or because one of its halves is gone:
    /// [`Queue::closed`](crate::Queue::closed). So a producer learns that all receivers are gone.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let (sender, receiver) = waitline_queue::channel::bounded::<u8>(1);
    /// futures_lite::future::zip(sender.closed(), async { drop(receiver) }).await;
    /// # });
    /// ```
    #[track_caller]
    pub fn closed(&self) -> UntilClosed<'_, T> {
        self.shared.queue.closed()
    }

    /// Whether the channel was closed, by a call or because one of its halves is gone.
    ///
    /// ```
    /// let (sender, receiver) = waitline_queue::channel::bounded::<u8>(1);
    /// assert!(!sender.is_closed());
    /// drop(receiver);
    /// assert!(sender.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.shared.queue.is_closed()
    }
}

/// `Sender { len: 3, capacity: Some(8), closed: false, waiters: 0 }`. Never blocks.
impl<T, R: Role> fmt::Debug for Half<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.queue.debug(R::NAME, f)
    }
}
