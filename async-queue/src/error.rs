//! The errors of the queue's methods. The error of a put holds the item.

use std::{error::Error, fmt};

/// A put failed because the queue is closed. Holds the item.
///
/// ```
/// use waitline_queue::{PutError, Queue};
/// # futures_lite::future::block_on(async {
/// let queue = Queue::bounded(1);
/// queue.close();
/// assert_eq!(queue.put("item").await, Err(PutError("item")));
/// # });
/// ```
#[doc(alias = "SendError")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PutError<T>(pub T);

impl<T> PutError<T> {
    /// The item that was not put.
    ///
    /// ```
    /// let error = waitline_queue::PutError("item");
    /// assert_eq!(error.into_inner(), "item");
    /// ```
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// Shows no item, so that it needs no `T: Debug`.
impl<T> fmt::Debug for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PutError(..)")
    }
}

impl<T> fmt::Display for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("put into a closed queue")
    }
}

impl<T> Error for PutError<T> {}

/// Why an item could not be put at once. Holds the item.
///
/// ```
/// use waitline_queue::{Queue, TryPutError};
/// let queue = Queue::bounded(1);
/// queue.try_put("first").unwrap();
/// assert_eq!(queue.try_put("second"), Err(TryPutError::Full("second")));
/// ```
#[doc(alias = "TrySendError")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TryPutError<T> {
    /// No slot is free, or the free ones belong to waiters.
    Full(T),
    /// The queue is closed.
    Closed(T),
}

impl<T> TryPutError<T> {
    /// The item that was not put.
    ///
    /// ```
    /// let error = waitline_queue::TryPutError::Full("item");
    /// assert_eq!(error.into_inner(), "item");
    /// ```
    pub fn into_inner(self) -> T {
        match self {
            TryPutError::Full(item) | TryPutError::Closed(item) => item,
        }
    }

    /// Whether waiting would help.
    ///
    /// ```
    /// assert!(waitline_queue::TryPutError::Full("item").is_full());
    /// ```
    pub fn is_full(&self) -> bool {
        matches!(self, TryPutError::Full(_))
    }

    /// Whether the queue is closed.
    ///
    /// ```
    /// assert!(waitline_queue::TryPutError::Closed("item").is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        matches!(self, TryPutError::Closed(_))
    }
}

/// Shows no item, so that it needs no `T: Debug`.
impl<T> fmt::Debug for TryPutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryPutError::Full(_) => "Full(..)",
            TryPutError::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Display for TryPutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryPutError::Full(_) => "put into a full queue",
            TryPutError::Closed(_) => "put into a closed queue",
        })
    }
}

impl<T> Error for TryPutError<T> {}

/// A get failed because the queue is closed and will stay empty.
///
/// ```
/// let queue = waitline_queue::Queue::<u8>::unbounded();
/// queue.close();
/// assert_eq!(queue.get_blocking(), Err(waitline_queue::GetError));
/// ```
#[doc(alias = "RecvError")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GetError;

impl fmt::Display for GetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("get from a closed and empty queue")
    }
}

impl Error for GetError {}

/// Why no item could be taken at once.
///
/// ```
/// use waitline_queue::{Queue, TryGetError};
/// let queue = Queue::<u8>::unbounded();
/// assert_eq!(queue.try_get(), Err(TryGetError::Empty));
/// queue.close();
/// assert_eq!(queue.try_get(), Err(TryGetError::Closed));
/// ```
#[doc(alias = "TryRecvError")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryGetError {
    /// The queue is empty now.
    Empty,
    /// The queue is closed and will stay empty.
    Closed,
}

impl fmt::Display for TryGetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryGetError::Empty => "get from an empty queue",
            TryGetError::Closed => "get from a closed and empty queue",
        })
    }
}

impl Error for TryGetError {}

/// A reserve failed because the queue is closed, or the value of a [oneshot](crate::oneshot) will not come.
///
/// ```
/// # futures_lite::future::block_on(async {
/// let queue = waitline_queue::Queue::<u8>::unbounded();
/// queue.close();
/// assert_eq!(queue.reserve().await.unwrap_err(), waitline_queue::Closed);
/// # });
/// ```
#[doc(alias = "Disconnected")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the queue or channel is closed")
    }
}

impl Error for Closed {}

/// Why no slot could be reserved at once.
///
/// ```
/// use waitline_queue::{Queue, TryReserveError};
/// let queue = Queue::<u8>::unbounded();
/// queue.close();
/// assert_eq!(queue.try_reserve().unwrap_err(), TryReserveError::Closed);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryReserveError {
    /// No slot is free, or the free ones belong to waiters.
    Full,
    /// The queue is closed.
    Closed,
}

impl fmt::Display for TryReserveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryReserveError::Full => "reserve in a full queue",
            TryReserveError::Closed => "reserve in a closed queue",
        })
    }
}

impl Error for TryReserveError {}

/// `task_done` was called more often than there were items.
///
/// ```
/// let queue = waitline_queue::Queue::<u8>::unbounded();
/// assert_eq!(queue.task_done(), Err(waitline_queue::TaskDoneError));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskDoneError;

impl fmt::Display for TaskDoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("task_done was called while no item was unfinished")
    }
}

impl Error for TaskDoneError {}

/// Why an item could not be put in time. Holds the item.
///
/// ```
/// use std::time::Duration;
/// use waitline_queue::{PutTimeoutError, Queue};
/// let queue = Queue::bounded(1);
/// queue.try_put(1).unwrap();
/// assert_eq!(queue.put_blocking_timeout(2, Duration::from_millis(1)), Err(PutTimeoutError::TimedOut(2)));
/// ```
#[doc(alias = "SendTimeoutError")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum PutTimeoutError<T> {
    /// The time has passed, and the item was not put.
    TimedOut(T),
    /// The queue is closed.
    Closed(T),
}

impl<T> PutTimeoutError<T> {
    /// The item that was not put.
    ///
    /// ```
    /// assert_eq!(waitline_queue::PutTimeoutError::TimedOut("item").into_inner(), "item");
    /// ```
    pub fn into_inner(self) -> T {
        match self {
            PutTimeoutError::TimedOut(item) | PutTimeoutError::Closed(item) => item,
        }
    }
}

/// Shows no item, so that it needs no `T: Debug`.
impl<T> fmt::Debug for PutTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PutTimeoutError::TimedOut(_) => "TimedOut(..)",
            PutTimeoutError::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Display for PutTimeoutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PutTimeoutError::TimedOut(_) => "the time of a put has passed",
            PutTimeoutError::Closed(_) => "put into a closed queue",
        })
    }
}

impl<T> Error for PutTimeoutError<T> {}

/// Why no item could be taken in time.
///
/// ```
/// use std::time::Duration;
/// use waitline_queue::{GetTimeoutError, Queue};
/// let queue = Queue::<u8>::unbounded();
/// assert_eq!(queue.get_blocking_timeout(Duration::from_millis(1)), Err(GetTimeoutError::TimedOut));
/// ```
#[doc(alias = "RecvTimeoutError")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GetTimeoutError {
    /// The time has passed, and no item was taken.
    TimedOut,
    /// The queue is closed and will stay empty.
    Closed,
}

impl fmt::Display for GetTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            GetTimeoutError::TimedOut => "the time of a get has passed",
            GetTimeoutError::Closed => "get from a closed and empty queue",
        })
    }
}

impl Error for GetTimeoutError {}

/// Why no slot could be reserved in time.
///
/// ```
/// use std::time::Duration;
/// use waitline_queue::{Queue, ReserveTimeoutError};
/// let queue = Queue::bounded(1);
/// queue.try_put(1).unwrap();
/// assert_eq!(queue.reserve_blocking_timeout(Duration::ZERO).unwrap_err(), ReserveTimeoutError::TimedOut);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReserveTimeoutError {
    /// The time has passed, and no slot is held.
    TimedOut,
    /// The queue is closed.
    Closed,
}

impl fmt::Display for ReserveTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ReserveTimeoutError::TimedOut => "the time of a reserve has passed",
            ReserveTimeoutError::Closed => "reserve in a closed queue",
        })
    }
}

impl Error for ReserveTimeoutError {}
