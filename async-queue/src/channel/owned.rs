//! The methods that give a half away, for a slot or a stream that can move into a task.

use super::{Receiver, Sender};
use crate::{
    blocking,
    error::{Closed, ReserveTimeoutError, TryReserveError},
    owned::{OwnedItems, OwnedSlot, ReserveOwned},
};
use std::time::Duration;

impl<T> Sender<T> {
    /// Waits for a free slot that holds this sender: [`Queue::reserve_owned`](crate::Queue::reserve_owned). Clone the
    /// sender first to keep one. The channel stays open until the slot is used or dropped.
    ///
    /// # Errors
    ///
    /// If the channel is closed before the slot is granted.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let (sender, receiver) = waitline_queue::channel::bounded(1);
    /// let slot = sender.reserve_owned().await.unwrap();
    /// std::thread::spawn(move || slot.put("certain"));
    /// assert_eq!(receiver.get().await, Ok("certain"));
    /// # });
    /// ```
    #[track_caller]
    pub fn reserve_owned(self) -> ReserveOwned<T, Self> {
        ReserveOwned::new(self)
    }

    /// Reserves a slot that holds this sender, if one is free and no put waits:
    /// [`Queue::try_reserve_owned`](crate::Queue::try_reserve_owned). An error drops the sender: clone it first.
    ///
    /// # Errors
    ///
    /// If no slot is free, or the channel is closed.
    ///
    /// ```
    /// let (sender, _receiver) = waitline_queue::channel::bounded::<u8>(1);
    /// let slot = sender.clone().try_reserve_owned().unwrap();
    /// assert!(sender.try_reserve_owned().is_err());
    /// ```
    pub fn try_reserve_owned(self) -> Result<OwnedSlot<T, Self>, TryReserveError> {
        OwnedSlot::try_new(self)
    }

    /// Waits for a free slot that holds this sender, with the calling thread blocked:
    /// [`Queue::reserve_owned_blocking`](crate::Queue::reserve_owned_blocking).
    ///
    /// # Errors
    ///
    /// If the channel is closed before the slot is granted.
    ///
    /// ```
    /// let (sender, receiver) = waitline_queue::channel::bounded(1);
    /// sender.reserve_owned_blocking().unwrap().put(1).unwrap();
    /// assert_eq!(receiver.get_blocking(), Ok(1));
    /// ```
    #[track_caller]
    pub fn reserve_owned_blocking(self) -> Result<OwnedSlot<T, Self>, Closed> {
        blocking::wait(self.reserve_owned())
    }

    /// Waits at most for `timeout` for a free slot that holds this sender:
    /// [`Queue::reserve_owned_blocking_timeout`](crate::Queue::reserve_owned_blocking_timeout). An error drops the
    /// sender: clone it first.
    ///
    /// # Errors
    ///
    /// If the time has passed, or the channel is closed.
    ///
    /// ```
    /// use std::time::Duration;
    /// let (sender, _receiver) = waitline_queue::channel::bounded(1);
    /// sender.try_put(1).unwrap();
    /// assert!(sender.reserve_owned_blocking_timeout(Duration::from_millis(1)).is_err());
    /// ```
    #[track_caller]
    pub fn reserve_owned_blocking_timeout(self, timeout: Duration) -> Result<OwnedSlot<T, Self>, ReserveTimeoutError> {
        match blocking::wait_timeout(self.reserve_owned(), timeout) {
            Some(slot) => slot.map_err(|Closed| ReserveTimeoutError::Closed),
            None => Err(ReserveTimeoutError::TimedOut),
        }
    }

    /// A sink that puts its items here, with the feature `sink`: [`Queue::sink`](crate::Queue::sink).
    ///
    /// ```
    /// let (sender, receiver) = waitline_queue::channel::bounded::<u8>(1);
    /// let sink = sender.sink();
    /// drop(sink);
    /// assert!(!receiver.is_closed());
    /// ```
    #[cfg(feature = "sink")]
    pub fn sink(&self) -> crate::PutSink<T, &crate::Queue<T>> {
        self.shared.queue.sink()
    }

    /// A sink that puts its items here, with the feature `sink`. It holds this sender, until it is closed or dropped.
    ///
    /// ```
    /// let (sender, receiver) = waitline_queue::channel::bounded::<u8>(1);
    /// let sink = sender.sink_owned();
    /// drop(sink);
    /// assert!(receiver.is_closed());
    /// ```
    #[cfg(feature = "sink")]
    pub fn sink_owned(self) -> crate::PutSink<T, Self> {
        crate::PutSink::new(self)
    }
}

impl<T> Receiver<T> {
    /// The items as a stream that holds this receiver: [`Queue::items_owned`](crate::Queue::items_owned). When the
    /// stream has ended or is dropped, the receiver is gone.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use futures_lite::StreamExt;
    /// let (sender, receiver) = waitline_queue::channel::unbounded();
    /// (0..5).for_each(|item| sender.try_put(item).unwrap());
    /// drop(sender);
    /// assert_eq!(receiver.items_owned().collect::<Vec<_>>().await, [0, 1, 2, 3, 4]);
    /// # });
    /// ```
    #[doc(alias("stream", "into_stream"))]
    #[track_caller]
    pub fn items_owned(self) -> OwnedItems<T, Self> {
        OwnedItems::new(self)
    }
}
