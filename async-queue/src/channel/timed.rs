//! The methods of both halves that block the calling thread, beyond `put_blocking` and `get_blocking`.

use super::{Half, Receiver, Sender, role::Role};
use crate::{
    error::{Closed, GetTimeoutError, PutTimeoutError, ReserveTimeoutError, TryGetError},
    reserve::Slot,
};
use std::time::Duration;
use waitline::TimedOut;

impl<T> Sender<T> {
    /// Puts `item`, and waits at most for `timeout`:
    /// [`Queue::put_blocking_timeout`](crate::Queue::put_blocking_timeout).
    ///
    /// # Errors
    ///
    /// If the time has passed, or the channel is closed. The error holds the item.
    ///
    /// ```
    /// use std::time::Duration;
    /// use waitline_queue::{PutTimeoutError, channel};
    /// let (sender, _receiver) = channel::bounded(1);
    /// sender.try_put(1).unwrap();
    /// assert_eq!(sender.put_blocking_timeout(2, Duration::from_millis(1)), Err(PutTimeoutError::TimedOut(2)));
    /// ```
    #[doc(alias = "send_timeout")]
    #[track_caller]
    pub fn put_blocking_timeout(&self, item: T, timeout: Duration) -> Result<(), PutTimeoutError<T>> {
        self.shared.queue.put_blocking_timeout(item, timeout)
    }

    /// Waits for a free slot with the calling thread blocked:
    /// [`Queue::reserve_blocking`](crate::Queue::reserve_blocking).
    ///
    /// # Errors
    ///
    /// If the channel is closed before the slot is granted.
    ///
    /// ```
    /// let (sender, receiver) = waitline_queue::channel::bounded(1);
    /// sender.reserve_blocking().unwrap().put("certain").unwrap();
    /// assert_eq!(receiver.try_get(), Ok("certain"));
    /// ```
    #[doc(alias = "blocking_reserve")]
    #[track_caller]
    pub fn reserve_blocking(&self) -> Result<Slot<'_, T>, Closed> {
        self.shared.queue.reserve_blocking()
    }

    /// Waits for a free slot at most for `timeout`:
    /// [`Queue::reserve_blocking_timeout`](crate::Queue::reserve_blocking_timeout).
    ///
    /// # Errors
    ///
    /// If the time has passed, or the channel is closed.
    ///
    /// ```
    /// use std::time::Duration;
    /// let (sender, _receiver) = waitline_queue::channel::bounded::<u8>(1);
    /// let slot = sender.reserve_blocking_timeout(Duration::from_secs(1)).unwrap();
    /// assert!(sender.reserve_blocking_timeout(Duration::from_millis(1)).is_err());
    /// ```
    #[track_caller]
    pub fn reserve_blocking_timeout(&self, timeout: Duration) -> Result<Slot<'_, T>, ReserveTimeoutError> {
        self.shared.queue.reserve_blocking_timeout(timeout)
    }
}

impl<T> Receiver<T> {
    /// Takes an item, and waits at most for `timeout`:
    /// [`Queue::get_blocking_timeout`](crate::Queue::get_blocking_timeout).
    ///
    /// # Errors
    ///
    /// If the time has passed, or the channel is closed and empty.
    ///
    /// ```
    /// use std::time::Duration;
    /// use waitline_queue::{GetTimeoutError, channel};
    /// let (_sender, receiver) = channel::bounded::<u8>(1);
    /// assert_eq!(receiver.get_blocking_timeout(Duration::from_millis(1)), Err(GetTimeoutError::TimedOut));
    /// ```
    #[doc(alias = "recv_timeout")]
    #[track_caller]
    pub fn get_blocking_timeout(&self, timeout: Duration) -> Result<T, GetTimeoutError> {
        self.shared.queue.get_blocking_timeout(timeout)
    }

    /// Takes up to `limit` items if there are any: [`Queue::try_get_many`](crate::Queue::try_get_many).
    ///
    /// # Errors
    ///
    /// If the channel is empty, or if it is closed and will stay empty.
    ///
    /// ```
    /// use waitline_queue::{TryGetError, channel};
    /// let (sender, receiver) = channel::unbounded();
    /// sender.try_put(1).unwrap();
    /// drop(sender);
    /// let mut batch = Vec::new();
    /// assert_eq!(receiver.try_get_many(&mut batch, 3), Ok(1));
    /// assert_eq!(receiver.try_get_many(&mut batch, 3), Err(TryGetError::Closed));
    /// ```
    #[doc(alias = "try_recv_many")]
    #[track_caller]
    pub fn try_get_many(&self, out: &mut Vec<T>, limit: usize) -> Result<usize, TryGetError> {
        self.shared.queue.try_get_many(out, limit)
    }

    /// Takes up to `limit` items with the calling thread blocked until there is one:
    /// [`Queue::get_many_blocking`](crate::Queue::get_many_blocking).
    ///
    /// ```
    /// let (sender, receiver) = waitline_queue::channel::unbounded();
    /// (0..5).for_each(|item| sender.try_put(item).unwrap());
    /// let mut batch = Vec::new();
    /// assert_eq!(receiver.get_many_blocking(&mut batch, 3), 3);
    /// ```
    #[doc(alias = "blocking_recv_many")]
    #[track_caller]
    pub fn get_many_blocking(&self, out: &mut Vec<T>, limit: usize) -> usize {
        self.shared.queue.get_many_blocking(out, limit)
    }

    /// Takes up to `limit` items, and waits at most for `timeout`:
    /// [`Queue::get_many_blocking_timeout`](crate::Queue::get_many_blocking_timeout).
    ///
    /// # Errors
    ///
    /// If the time has passed.
    ///
    /// ```
    /// use std::time::Duration;
    /// let (_sender, receiver) = waitline_queue::channel::unbounded::<u8>();
    /// let mut batch = Vec::new();
    /// assert!(receiver.get_many_blocking_timeout(&mut batch, 3, Duration::from_millis(1)).is_err());
    /// ```
    #[track_caller]
    pub fn get_many_blocking_timeout(
        &self,
        out: &mut Vec<T>,
        limit: usize,
        timeout: Duration,
    ) -> Result<usize, TimedOut> {
        self.shared.queue.get_many_blocking_timeout(out, limit, timeout)
    }
}

impl<T, R: Role> Half<T, R> {
    /// Waits with the calling thread parked until no item is unfinished:
    /// [`Queue::join_blocking`](crate::Queue::join_blocking).
    ///
    /// ```
    /// let (sender, receiver) = waitline_queue::channel::unbounded();
    /// sender.try_put(1).unwrap();
    /// receiver.try_get().unwrap();
    /// receiver.task_done().unwrap();
    /// sender.join_blocking();
    /// ```
    #[track_caller]
    pub fn join_blocking(&self) {
        self.shared.queue.join_blocking();
    }

    /// Waits at most for `timeout` until no item is unfinished:
    /// [`Queue::join_blocking_timeout`](crate::Queue::join_blocking_timeout).
    ///
    /// # Errors
    ///
    /// If the time has passed and items are unfinished.
    ///
    /// ```
    /// use std::time::Duration;
    /// let (sender, _receiver) = waitline_queue::channel::unbounded();
    /// sender.try_put(1).unwrap();
    /// assert!(sender.join_blocking_timeout(Duration::from_millis(1)).is_err());
    /// ```
    #[track_caller]
    pub fn join_blocking_timeout(&self, timeout: Duration) -> Result<(), TimedOut> {
        self.shared.queue.join_blocking_timeout(timeout)
    }
    /// Waits with the calling thread parked until the channel is closed:
    /// [`Queue::closed_blocking`](crate::Queue::closed_blocking).
    ///
    /// ```
    /// let (sender, receiver) = waitline_queue::channel::bounded::<u8>(1);
    /// std::thread::spawn(move || drop(receiver));
    /// sender.closed_blocking();
    /// ```
    #[track_caller]
    pub fn closed_blocking(&self) {
        self.shared.queue.closed_blocking();
    }

    /// Waits at most for `timeout` until the channel is closed:
    /// [`Queue::closed_blocking_timeout`](crate::Queue::closed_blocking_timeout).
    ///
    /// # Errors
    ///
    /// If the time has passed and the channel is open.
    ///
    /// ```
    /// use std::time::Duration;
    /// let (sender, _receiver) = waitline_queue::channel::bounded::<u8>(1);
    /// assert!(sender.closed_blocking_timeout(Duration::from_millis(1)).is_err());
    /// ```
    #[track_caller]
    pub fn closed_blocking_timeout(&self, timeout: Duration) -> Result<(), TimedOut> {
        self.shared.queue.closed_blocking_timeout(timeout)
    }
}
