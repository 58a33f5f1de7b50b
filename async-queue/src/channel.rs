//! A queue in two halves that closes by itself when either of them is gone.
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

use crate::{
    error::{GetError, PutError, TaskDoneError, TryGetError, TryPutError, TryReserveError},
    get::{Get, GetMany, Items},
    join::Join,
    put::{Put, Reserve, Slot},
    raw::RawQueue,
    store::Fifo,
};
use std::{
    fmt,
    num::NonZeroUsize,
    panic::{RefUnwindSafe, UnwindSafe},
};
use waitline::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

struct Shared<T> {
    raw: RawQueue<Fifo<T>>,
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

/// A channel without a limit: a put never waits. Its memory shrinks after a burst, as that of
/// [`Queue::unbounded`](crate::Queue::unbounded).
///
/// ```
/// let (sender, receiver) = waitline_queue::channel::unbounded();
/// (0..100).for_each(|item| sender.try_put(item).unwrap());
/// drop(sender);
/// assert_eq!(receiver.len(), 100);
/// ```
#[track_caller]
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    channel(None)
}

#[track_caller]
fn channel<T>(capacity: Option<NonZeroUsize>) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared {
        raw: RawQueue::new("channel", capacity, Fifo::new()),
        senders: AtomicUsize::new(1),
        receivers: AtomicUsize::new(1),
    });
    (Sender(shared.clone()), Receiver(shared))
}

/// The half of a [`channel`](self) that puts. Clone it for more producers.
///
/// When the last one is dropped the queue is closed: those who get take what is left and are then told.
///
/// ```
/// let (sender, receiver) = waitline_queue::channel::unbounded();
/// let other = sender.clone();
/// sender.try_put(1).unwrap();
/// drop(sender);
/// other.try_put(2).unwrap();
/// drop(other);
/// assert_eq!([(); 3].map(|()| receiver.get_blocking().ok()), [Some(1), Some(2), None]);
/// ```
pub struct Sender<T>(Arc<Shared<T>>);

/// The half of a [`channel`](self) that gets. Clone it for more consumers: each item goes to one of them.
///
/// When the last one is dropped, puts fail from then on and give their item back. The items that are inside are dropped
/// at once, and everything counts as done: a [`join`](Sender::join) ends, because nobody is left to say so.
///
/// ```
/// let (sender, receiver) = waitline_queue::channel::unbounded();
/// let other = receiver.clone();
/// sender.try_put(1).unwrap();
/// assert_eq!(other.try_get(), Ok(1));
/// drop((receiver, other));
/// assert_eq!(sender.try_put(2).unwrap_err().into_inner(), 2);
/// ```
pub struct Receiver<T>(Arc<Shared<T>>);

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        // Cannot overflow: the Arc counts the same and aborts first.
        // Ordering: Relaxed; `self` keeps the count above 0.
        self.0.senders.fetch_add(1, Ordering::Relaxed);
        Sender(self.0.clone())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // Ordering: Relaxed is enough. What other senders did, they did under the queue's mutex before they counted down;
        // a close that came before it in the mutex's order would happen before the very write that we read here.
        if self.0.senders.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.raw.close();
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        // Cannot overflow, and Ordering: as for `Sender`.
        self.0.receivers.fetch_add(1, Ordering::Relaxed);
        Receiver(self.0.clone())
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // Ordering: Relaxed, as for `Sender`.
        if self.0.receivers.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.raw.abandon();
        }
    }
}

/// The methods that both halves have.
macro_rules! half {
    ($name:ident) => {
        impl<T> $name<T> {
            /// [`Queue::close`](crate::Queue::close): puts fail from now on, gets take what is left. Whether it was open.
            ///
            /// ```
            /// let (sender, receiver) = waitline_queue::channel::unbounded();
            /// sender.try_put(1).unwrap();
            /// assert!(receiver.close() && !sender.close());
            /// assert!(sender.try_put(2).is_err());
            /// assert_eq!(receiver.try_get(), Ok(1));
            /// ```
            pub fn close(&self) -> bool {
                self.0.raw.close()
            }

            /// [`Queue::close_now`](crate::Queue::close_now): closes, takes everything out and revokes held slots.
            ///
            /// ```
            /// let (sender, receiver) = waitline_queue::channel::unbounded();
            /// sender.try_put(1).unwrap();
            /// assert_eq!(receiver.close_now(), [1]);
            /// assert!(sender.is_closed() && receiver.is_empty());
            /// ```
            pub fn close_now(&self) -> Vec<T> {
                self.0.raw.close_now()
            }

            /// [`Queue::unfinished`](crate::Queue::unfinished): the number of items that are not done yet.
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
                self.0.raw.unfinished()
            }

            /// [`Queue::join`](crate::Queue::join): waits until no item is unfinished.
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
                self.0.raw.join()
            }

            /// [`Queue::len`](crate::Queue::len): the number of items inside.
            ///
            /// ```
            /// let (sender, receiver) = waitline_queue::channel::unbounded();
            /// sender.try_put(1).unwrap();
            /// assert_eq!((sender.len(), receiver.len()), (1, 1));
            /// ```
            pub fn len(&self) -> usize {
                self.0.raw.len()
            }

            /// [`Queue::capacity`](crate::Queue::capacity): `None` if there is no limit.
            ///
            /// ```
            /// let (sender, _receiver) = waitline_queue::channel::bounded::<u8>(2);
            /// assert_eq!(sender.capacity(), Some(2));
            /// ```
            pub fn capacity(&self) -> Option<usize> {
                self.0.raw.capacity()
            }

            /// Whether there is no item inside.
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

            /// [`Queue::is_full`](crate::Queue::is_full): whether a put would have to wait.
            ///
            /// ```
            /// let (sender, _receiver) = waitline_queue::channel::bounded(1);
            /// sender.try_put(1).unwrap();
            /// assert!(sender.is_full());
            /// ```
            pub fn is_full(&self) -> bool {
                self.0.raw.is_full()
            }

            /// Whether the channel was closed, by a call or because the other half is gone.
            ///
            /// ```
            /// let (sender, receiver) = waitline_queue::channel::bounded::<u8>(1);
            /// assert!(!sender.is_closed());
            /// drop(receiver);
            /// assert!(sender.is_closed());
            /// ```
            pub fn is_closed(&self) -> bool {
                self.0.raw.is_closed()
            }
        }

        /// `
        #[doc = concat!(stringify!($name), " { len: 3, capacity: Some(8), closed: false, waiters: 0 }")]
        /// `. Never blocks.
        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.raw.debug(stringify!($name), f)
            }
        }

        // As for `Queue`.
        impl<T> UnwindSafe for $name<T> {}
        impl<T> RefUnwindSafe for $name<T> {}
    };
}

half!(Sender);
half!(Receiver);

impl<T> Sender<T> {
    /// [`Queue::put`](crate::Queue::put): puts `item`, waiting for room if need be.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready it has not put; its item is dropped with it.
    ///
    /// # Errors
    ///
    /// If the channel is closed; the error holds the item.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let (sender, receiver) = waitline_queue::channel::bounded(1);
    /// sender.put("item").await.unwrap();
    /// drop(receiver);
    /// assert_eq!(sender.put("late").await.unwrap_err().into_inner(), "late");
    /// # });
    /// ```
    #[inline]
    #[track_caller]
    pub fn put(&self, item: T) -> Put<'_, T> {
        self.0.raw.put(item)
    }

    /// [`Queue::try_put`](crate::Queue::try_put): puts `item` if there is room that nobody waits for.
    ///
    /// # Errors
    ///
    /// If there is none, or the channel is closed; the error holds the item.
    ///
    /// ```
    /// use waitline_queue::{TryPutError, channel};
    /// let (sender, _receiver) = channel::bounded(1);
    /// sender.try_put(1).unwrap();
    /// assert_eq!(sender.try_put(2), Err(TryPutError::Full(2)));
    /// ```
    #[inline]
    pub fn try_put(&self, item: T) -> Result<(), TryPutError<T>> {
        self.0.raw.try_put(item)
    }

    /// [`Queue::put_blocking`](crate::Queue::put_blocking): [`put`](Self::put) with this thread parked while it waits.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    ///
    /// ```
    /// let (sender, receiver) = waitline_queue::channel::bounded(1);
    /// std::thread::spawn(move || (0..9).for_each(|item| sender.put_blocking(item).unwrap()));
    /// assert_eq!(std::iter::from_fn(|| receiver.get_blocking().ok()).sum::<u32>(), 36);
    /// ```
    #[track_caller]
    pub fn put_blocking(&self, item: T) -> Result<(), PutError<T>> {
        self.0.raw.put_blocking(item)
    }

    /// [`Queue::reserve`](crate::Queue::reserve): waits for room and keeps it.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future or the slot gives the room to the next one that waits.
    ///
    /// # Errors
    ///
    /// If the channel is closed before the slot is there.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    ///
    /// let (sender, receiver) = waitline_queue::channel::bounded(1);
    /// let slot = sender.reserve().await.unwrap();
    /// slot.put("certain").unwrap();
    /// assert_eq!(receiver.get().await, Ok("certain"));
    /// # });
    /// ```
    #[track_caller]
    pub fn reserve(&self) -> Reserve<'_, T> {
        self.0.raw.reserve()
    }

    /// [`Queue::try_reserve`](crate::Queue::try_reserve): reserves room if there is some that nobody waits for.
    ///
    /// # Errors
    ///
    /// If there is none, or the channel is closed.
    ///
    /// ```
    /// use waitline_queue::{TryReserveError, channel};
    /// let (sender, _receiver) = channel::bounded::<u8>(1);
    /// let slot = sender.try_reserve().unwrap();
    /// assert_eq!(sender.try_reserve().unwrap_err(), TryReserveError::Full);
    /// drop(slot);
    /// ```
    pub fn try_reserve(&self) -> Result<Slot<'_, T>, TryReserveError> {
        self.0.raw.try_reserve()
    }
}

impl<T> Receiver<T> {
    /// [`Queue::get`](crate::Queue::get): takes an item, waiting for one if need be.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready it has not taken.
    ///
    /// # Errors
    ///
    /// If the channel is closed and empty.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use waitline_queue::{GetError, channel};
    /// let (sender, receiver) = channel::bounded(1);
    /// sender.put("item").await.unwrap();
    /// drop(sender);
    /// assert_eq!(receiver.get().await, Ok("item"));
    /// assert_eq!(receiver.get().await, Err(GetError));
    /// # });
    /// ```
    #[inline]
    #[track_caller]
    pub fn get(&self) -> Get<'_, T> {
        self.0.raw.get()
    }

    /// [`Queue::try_get`](crate::Queue::try_get): takes an item if there is one.
    ///
    /// # Errors
    ///
    /// If there is none now, or, after a close, ever.
    ///
    /// ```
    /// use waitline_queue::{TryGetError, channel};
    /// let (sender, receiver) = channel::bounded::<u8>(1);
    /// assert_eq!(receiver.try_get(), Err(TryGetError::Empty));
    /// drop(sender);
    /// assert_eq!(receiver.try_get(), Err(TryGetError::Closed));
    /// ```
    #[inline]
    #[track_caller]
    pub fn try_get(&self) -> Result<T, TryGetError> {
        self.0.raw.try_get()
    }

    /// [`Queue::get_blocking`](crate::Queue::get_blocking): [`get`](Self::get) with this thread parked while it waits.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    ///
    /// ```
    /// let (sender, receiver) = waitline_queue::channel::bounded(1);
    /// std::thread::spawn(move || sender.put_blocking(7));
    /// assert_eq!(receiver.get_blocking(), Ok(7));
    /// ```
    #[track_caller]
    pub fn get_blocking(&self) -> Result<T, GetError> {
        self.0.raw.get_blocking()
    }

    /// [`Queue::get_many`](crate::Queue::get_many): takes up to `limit` items at once, waiting for the first.
    ///
    /// # Cancel safety
    ///
    /// Dropped before it is ready it has taken nothing.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let (sender, receiver) = waitline_queue::channel::unbounded();
    /// (0..5).for_each(|item| sender.try_put(item).unwrap());
    /// let mut batch = Vec::new();
    /// assert_eq!(receiver.get_many(&mut batch, 3).await, 3);
    /// assert_eq!(batch, [0, 1, 2]);
    /// # });
    /// ```
    #[track_caller]
    pub fn get_many<'a>(&'a self, out: &'a mut Vec<T>, limit: usize) -> GetMany<'a, T> {
        self.0.raw.get_many(out, limit)
    }

    /// [`Queue::items`](crate::Queue::items): the items as a stream, which ends when the channel is closed and empty.
    ///
    /// # Cancel safety
    ///
    /// Dropping the stream, or a `next()` on it, loses nothing.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use futures_lite::StreamExt;
    /// let (sender, receiver) = waitline_queue::channel::unbounded();
    /// (0..5).for_each(|item| sender.try_put(item).unwrap());
    /// drop(sender);
    /// assert_eq!(receiver.items().collect::<Vec<_>>().await, [0, 1, 2, 3, 4]);
    /// # });
    /// ```
    #[track_caller]
    pub fn items(&self) -> Items<'_, T> {
        self.0.raw.items()
    }

    /// [`Queue::task_done`](crate::Queue::task_done): says that an item which was taken has been worked on.
    ///
    /// # Errors
    ///
    /// If there were more calls than items; nothing has changed then.
    ///
    /// ```
    /// let (sender, receiver) = waitline_queue::channel::unbounded();
    /// sender.try_put(1).unwrap();
    /// receiver.try_get().unwrap();
    /// assert!(receiver.task_done().is_ok());
    /// assert!(receiver.task_done().is_err());
    /// ```
    pub fn task_done(&self) -> Result<(), TaskDoneError> {
        self.0.raw.task_done()
    }
}
