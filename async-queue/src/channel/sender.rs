//! [`Sender`], the half that puts.

use super::{Half, Shared, role::Role};
use crate::{
    error::{PutError, TryPutError, TryReserveError},
    put::Put,
    reserve::{Reserve, Slot},
};
use waitline::sync::atomic::AtomicUsize;

/// The half of a [`channel`](super) that puts. Clone it for more producers.
///
/// When the last sender is dropped, the channel closes: gets take the items that are left, and then fail.
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
pub type Sender<T> = Half<T, Puts>;

/// The role of a [`Sender`].
#[derive(Debug)]
pub enum Puts {}

impl Role for Puts {
    const NAME: &'static str = "Sender";

    const WEAK_NAME: &'static str = "WeakSender";

    fn count<T>(shared: &Shared<T>) -> &AtomicUsize {
        &shared.senders
    }

    fn close<T>(shared: &Shared<T>) {
        _ = shared.queue.close();
    }
}

impl<T> Sender<T> {
    /// Waits for a free slot, and puts `item`: [`Queue::put`](crate::Queue::put).
    ///
    /// # Cancel safety
    ///
    /// A future that is dropped before it is ready has not put, and drops its item.
    ///
    /// # Errors
    ///
    /// If the channel is closed. The error holds the item.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let (sender, receiver) = waitline_queue::channel::bounded(1);
    /// sender.put("item").await.unwrap();
    /// drop(receiver);
    /// assert_eq!(sender.put("late").await.unwrap_err().into_inner(), "late");
    /// # });
    /// ```
    #[doc(alias("send", "push"))]
    #[inline]
    #[track_caller]
    pub fn put(&self, item: T) -> Put<'_, T> {
        self.shared.queue.put(item)
    }

    /// Puts `item` if a slot is free and no put waits: [`Queue::try_put`](crate::Queue::try_put).
    ///
    /// # Errors
    ///
    /// If no slot is free, or the channel is closed. The error holds the item.
    ///
    /// ```
    /// use waitline_queue::{TryPutError, channel};
    /// let (sender, _receiver) = channel::bounded(1);
    /// sender.try_put(1).unwrap();
    /// assert_eq!(sender.try_put(2), Err(TryPutError::Full(2)));
    /// ```
    #[doc(alias("try_send", "put_nowait"))]
    #[inline]
    pub fn try_put(&self, item: T) -> Result<(), TryPutError<T>> {
        self.shared.queue.try_put(item)
    }

    /// Puts `item` as [`put`](Self::put) does, and blocks the calling thread while it waits:
    /// [`Queue::put_blocking`](crate::Queue::put_blocking).
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
    #[doc(alias("blocking_send", "send_blocking"))]
    #[track_caller]
    pub fn put_blocking(&self, item: T) -> Result<(), PutError<T>> {
        self.shared.queue.put_blocking(item)
    }

    /// Waits for a free slot and holds it: [`Queue::reserve`](crate::Queue::reserve).
    ///
    /// # Cancel safety
    ///
    /// If the future or the slot is dropped, the slot goes to the next waiter.
    ///
    /// # Errors
    ///
    /// If the channel is closed before the slot is granted.
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
        self.shared.queue.reserve()
    }

    /// Reserves a slot if one is free and no put waits: [`Queue::try_reserve`](crate::Queue::try_reserve).
    ///
    /// # Errors
    ///
    /// If no slot is free, or the channel is closed.
    ///
    /// ```
    /// use waitline_queue::{TryReserveError, channel};
    /// let (sender, _receiver) = channel::bounded::<u8>(1);
    /// let slot = sender.try_reserve().unwrap();
    /// assert_eq!(sender.try_reserve().unwrap_err(), TryReserveError::Full);
    /// drop(slot);
    /// ```
    pub fn try_reserve(&self) -> Result<Slot<'_, T>, TryReserveError> {
        self.shared.queue.try_reserve()
    }
}
