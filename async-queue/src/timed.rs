//! The methods that block the calling thread, beyond `put_blocking` and `get_blocking`: with a deadline, and for slots,
//! several items and joins.

use crate::{
    blocking,
    error::{Closed, GetTimeoutError, PutError, PutTimeoutError, ReserveTimeoutError, TryGetError, TryPutError},
    queue::AnyQueue,
    reserve::Slot,
    store::Store,
};
use std::time::Duration;
use waitline::{
    TimedOut,
    diagnostics::Caller,
    sync::{block_on, block_on_timeout},
};

impl<T, S: Store<Item = T>> AnyQueue<S> {
    /// Puts `item` as [`put_blocking`](Self::put_blocking) does, but waits at most for `timeout`.
    ///
    /// The thread waits for a slot, and its item enters when it runs with the slot granted. When the time has passed,
    /// it leaves the queue of waiters, and a slot that it is granted at that moment is either used or goes to the next
    /// waiter. A `timeout` of zero never waits; [`Duration::MAX`] never passes. A task uses its runtime's timeout around
    /// [`reserve`](Self::reserve).
    ///
    /// # Errors
    ///
    /// If the time has passed, or the queue is closed. The error holds the item.
    ///
    /// ```
    /// use std::time::Duration;
    /// let queue = waitline_queue::Queue::bounded(1);
    /// queue.put_blocking_timeout(1, Duration::from_secs(1)).unwrap();
    /// let error = queue.put_blocking_timeout(2, Duration::from_millis(1)).unwrap_err();
    /// assert_eq!((error.into_inner(), queue.len()), (2, 1));
    /// ```
    #[doc(alias = "send_timeout")]
    #[track_caller]
    pub fn put_blocking_timeout(&self, item: T, timeout: Duration) -> Result<(), PutTimeoutError<T>> {
        let item = match self.try_put(item) {
            Ok(()) => return Ok(()),
            Err(TryPutError::Full(item)) => item,
            Err(TryPutError::Closed(item)) => return Err(PutTimeoutError::Closed(item)),
        };
        match blocking::wait_timeout(self.reserve(), timeout) {
            Some(Ok(slot)) => slot.put(item).map_err(|PutError(item)| PutTimeoutError::Closed(item)),
            Some(Err(Closed)) => Err(PutTimeoutError::Closed(item)),
            None => Err(PutTimeoutError::TimedOut(item)),
        }
    }

    /// Takes an item as [`get_blocking`](Self::get_blocking) does, but waits at most for `timeout`.
    ///
    /// When the time has passed, the thread leaves the queue of waiters, and an item that it is granted at that moment
    /// is either returned or goes to the next waiter, or back to its position. A `timeout` of zero never waits;
    /// [`Duration::MAX`] never passes. A task uses its runtime's timeout around [`get`](Self::get).
    ///
    /// # Errors
    ///
    /// If the time has passed, or the queue is closed and empty.
    ///
    /// ```
    /// use std::time::Duration;
    /// let queue = waitline_queue::Queue::bounded(1);
    /// queue.try_put(1).unwrap();
    /// assert_eq!(queue.get_blocking_timeout(Duration::from_secs(1)), Ok(1));
    /// assert!(queue.get_blocking_timeout(Duration::from_millis(1)).is_err());
    /// ```
    #[doc(alias = "recv_timeout")]
    #[track_caller]
    pub fn get_blocking_timeout(&self, timeout: Duration) -> Result<T, GetTimeoutError> {
        match self.try_get() {
            Ok(item) => Ok(item),
            Err(TryGetError::Closed) => Err(GetTimeoutError::Closed),
            Err(TryGetError::Empty) => match blocking::wait_timeout(self.get(), timeout) {
                Some(item) => item.map_err(|_| GetTimeoutError::Closed),
                None => Err(GetTimeoutError::TimedOut),
            },
        }
    }

    /// Waits for a free slot as [`reserve`](Self::reserve) does, and blocks the calling thread meanwhile. Threads and
    /// futures share one FIFO queue. The thread yields a few times before it parks.
    ///
    /// Do not call it inside a future: it blocks the executor's thread.
    ///
    /// # Errors
    ///
    /// As [`reserve`](Self::reserve).
    ///
    /// ```
    /// let queue = waitline_queue::Queue::bounded(1);
    /// queue.reserve_blocking().unwrap().put(1).unwrap();
    /// assert_eq!(queue.len(), 1);
    /// ```
    #[doc(alias = "blocking_reserve")]
    #[track_caller]
    pub fn reserve_blocking(&self) -> Result<Slot<'_, T, S>, Closed> {
        blocking::wait(self.reserve())
    }

    /// Waits for a free slot as [`reserve_blocking`](Self::reserve_blocking) does, but at most for `timeout`, as
    /// [`put_blocking_timeout`](Self::put_blocking_timeout) does.
    ///
    /// # Errors
    ///
    /// If the time has passed, or the queue is closed.
    ///
    /// ```
    /// use std::time::Duration;
    /// let queue = waitline_queue::Queue::<u8>::bounded(1);
    /// let slot = queue.reserve_blocking_timeout(Duration::from_secs(1)).unwrap();
    /// assert!(queue.reserve_blocking_timeout(Duration::from_millis(1)).is_err());
    /// ```
    #[track_caller]
    pub fn reserve_blocking_timeout(&self, timeout: Duration) -> Result<Slot<'_, T, S>, ReserveTimeoutError> {
        match blocking::wait_timeout(self.reserve(), timeout) {
            Some(slot) => slot.map_err(|Closed| ReserveTimeoutError::Closed),
            None => Err(ReserveTimeoutError::TimedOut),
        }
    }

    /// Takes up to `limit` items if there are any, appends them to `out`, and returns their number. It is 0 only if
    /// `limit` is 0.
    ///
    /// # Errors
    ///
    /// If the queue is empty, or if it is closed and will stay empty. `out` is unchanged then.
    ///
    /// ```
    /// use waitline_queue::{Queue, TryGetError};
    /// let (queue, mut batch) = (Queue::from_iter(1..=5), Vec::new());
    /// assert_eq!(queue.try_get_many(&mut batch, 3), Ok(3));
    /// assert_eq!(queue.try_get_many(&mut batch, 3), Ok(2));
    /// assert_eq!(queue.try_get_many(&mut batch, 3), Err(TryGetError::Empty));
    /// assert_eq!(batch, [1, 2, 3, 4, 5]);
    /// ```
    #[doc(alias("try_recv_many", "drain"))]
    #[track_caller]
    pub fn try_get_many(&self, out: &mut Vec<T>, limit: usize) -> Result<usize, TryGetError> {
        let Some(others) = limit.checked_sub(1) else { return Ok(0) };
        let before = out.len();
        out.push(self.try_get()?);
        self.take_many(out, others, Caller::here());
        Ok(out.len() - before)
    }

    /// Takes up to `limit` items as [`get_many`](Self::get_many) does, and blocks the calling thread while it waits for
    /// the first one. Threads and futures share one FIFO queue.
    ///
    /// Do not call it inside a future: it blocks the executor's thread.
    ///
    /// ```
    /// let (queue, mut batch) = (waitline_queue::Queue::bounded(8), Vec::new());
    /// (0..5).for_each(|item| queue.put_blocking(item).unwrap());
    /// assert_eq!(queue.get_many_blocking(&mut batch, 3), 3);
    /// assert_eq!(batch, [0, 1, 2]);
    /// ```
    #[doc(alias = "blocking_recv_many")]
    #[track_caller]
    pub fn get_many_blocking(&self, out: &mut Vec<T>, limit: usize) -> usize {
        blocking::wait(self.get_many(out, limit))
    }

    /// Takes up to `limit` items as [`get_many_blocking`](Self::get_many_blocking) does, but waits at most for
    /// `timeout`, as [`get_blocking_timeout`](Self::get_blocking_timeout) does. As for [`get_many`](Self::get_many), 0
    /// means that the queue is closed and empty, or that `limit` is 0.
    ///
    /// # Errors
    ///
    /// If the time has passed. `out` is unchanged then.
    ///
    /// ```
    /// use std::time::Duration;
    /// use waitline_queue::TimedOut;
    /// let (queue, mut batch) = (waitline_queue::Queue::bounded(8), Vec::new());
    /// queue.try_put(1).unwrap();
    /// assert_eq!(queue.get_many_blocking_timeout(&mut batch, 3, Duration::from_secs(1)), Ok(1));
    /// assert_eq!(queue.get_many_blocking_timeout(&mut batch, 3, Duration::from_millis(1)), Err(TimedOut));
    /// ```
    #[track_caller]
    pub fn get_many_blocking_timeout(
        &self,
        out: &mut Vec<T>,
        limit: usize,
        timeout: Duration,
    ) -> Result<usize, TimedOut> {
        blocking::wait_timeout(self.get_many(out, limit), timeout).ok_or(TimedOut)
    }

    /// Waits as [`join`](Self::join) does, with the calling thread parked.
    ///
    /// Do not call it inside a future: it blocks the executor's thread.
    ///
    /// ```
    /// let queue = waitline_queue::Queue::bounded(8);
    /// queue.put_blocking(1).unwrap();
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| {
    ///         queue.get_blocking().unwrap();
    ///         queue.task_done().unwrap();
    ///     });
    ///     queue.join_blocking();
    /// });
    /// assert_eq!(queue.unfinished(), 0);
    /// ```
    #[track_caller]
    pub fn join_blocking(&self) {
        block_on(self.join());
    }

    /// Waits as [`join_blocking`](Self::join_blocking) does, but at most for `timeout`. A `timeout` of zero only looks
    /// whether all items are done; [`Duration::MAX`] never passes.
    ///
    /// # Errors
    ///
    /// If the time has passed and items are unfinished.
    ///
    /// ```
    /// use std::time::Duration;
    /// let queue = waitline_queue::Queue::bounded(8);
    /// queue.put_blocking(1).unwrap();
    /// assert!(queue.join_blocking_timeout(Duration::from_millis(1)).is_err());
    /// ```
    #[track_caller]
    pub fn join_blocking_timeout(&self, timeout: Duration) -> Result<(), TimedOut> {
        block_on_timeout(self.join(), timeout).ok_or(TimedOut)
    }
}
