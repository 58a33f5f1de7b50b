//! [`Receiver`], the half that gets.

use super::{Half, Shared, role::Role};
use crate::{
    error::{GetError, TaskDoneError, TryGetError},
    get::Get,
    get_many::{GetMany, Items},
};
use waitline::sync::atomic::AtomicUsize;

/// The half of a [`channel`](super) that gets. Clone it for more consumers: each item goes to one of them.
///
/// When the last receiver is dropped, puts fail from then on and give their item back. The items inside are dropped at
/// once, and all items count as done, because no receiver is left to declare them done: every
/// [`join`](super::Sender::join) ends.
///
/// ```
/// let (sender, receiver) = waitline_queue::channel::unbounded();
/// let other = receiver.clone();
/// sender.try_put(1).unwrap();
/// assert_eq!(other.try_get(), Ok(1));
/// drop((receiver, other));
/// assert_eq!(sender.try_put(2).unwrap_err().into_inner(), 2);
/// ```
pub type Receiver<T> = Half<T, Gets>;

/// The role of a [`Receiver`].
#[derive(Debug)]
pub enum Gets {}

impl Role for Gets {
    const NAME: &'static str = "Receiver";

    const WEAK_NAME: &'static str = "WeakReceiver";

    fn count<T>(shared: &Shared<T>) -> &AtomicUsize {
        &shared.receivers
    }

    fn close<T>(shared: &Shared<T>) {
        shared.queue.abandon();
    }
}

impl<T> Receiver<T> {
    /// Waits for an item, and takes it: [`Queue::get`](crate::Queue::get).
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has not taken.
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
    #[doc(alias("recv", "pop"))]
    #[inline]
    #[track_caller]
    pub fn get(&self) -> Get<'_, T> {
        self.shared.queue.get()
    }

    /// Takes an item if there is one: [`Queue::try_get`](crate::Queue::try_get).
    ///
    /// # Errors
    ///
    /// If the channel is empty, or if it is closed and will stay empty.
    ///
    /// ```
    /// use waitline_queue::{TryGetError, channel};
    /// let (sender, receiver) = channel::bounded::<u8>(1);
    /// assert_eq!(receiver.try_get(), Err(TryGetError::Empty));
    /// drop(sender);
    /// assert_eq!(receiver.try_get(), Err(TryGetError::Closed));
    /// ```
    #[doc(alias("try_recv", "get_nowait"))]
    #[inline]
    #[track_caller]
    pub fn try_get(&self) -> Result<T, TryGetError> {
        self.shared.queue.try_get()
    }

    /// Takes an item as [`get`](Self::get) does, and blocks the calling thread while it waits:
    /// [`Queue::get_blocking`](crate::Queue::get_blocking).
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
    #[doc(alias("blocking_recv", "recv_blocking"))]
    #[track_caller]
    pub fn get_blocking(&self) -> Result<T, GetError> {
        self.shared.queue.get_blocking()
    }

    /// Waits until there is an item, takes up to `limit` items, and returns their number:
    /// [`Queue::get_many`](crate::Queue::get_many).
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has taken nothing.
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
    #[doc(alias = "recv_many")]
    #[track_caller]
    pub fn get_many<'a>(&'a self, out: &'a mut Vec<T>, limit: usize) -> GetMany<'a, T> {
        self.shared.queue.get_many(out, limit)
    }

    /// The items as a stream, which ends when the channel is closed and empty: [`Queue::items`](crate::Queue::items).
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
    #[doc(alias = "stream")]
    #[track_caller]
    pub fn items(&self) -> Items<'_, T> {
        self.shared.queue.items()
    }

    /// Declares one item that was taken done: [`Queue::task_done`](crate::Queue::task_done).
    ///
    /// # Errors
    ///
    /// If no item is unfinished. The call then changes nothing.
    ///
    /// ```
    /// let (sender, receiver) = waitline_queue::channel::unbounded();
    /// sender.try_put(1).unwrap();
    /// receiver.try_get().unwrap();
    /// assert!(receiver.task_done().is_ok());
    /// assert!(receiver.task_done().is_err());
    /// ```
    pub fn task_done(&self) -> Result<(), TaskDoneError> {
        self.shared.queue.task_done()
    }
}
