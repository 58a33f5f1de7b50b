//! The errors of a broadcast's receiver. Those of its sender are [`PutError`](crate::PutError) and
//! [`TryPutError`](crate::TryPutError).

use std::{error::Error, fmt};

/// Why [`Receiver::get`](super::Receiver::get) has no value.
///
/// ```
/// use waitline_queue::broadcast::{self, GetError};
/// let (sender, mut receiver) = broadcast::lagging(1);
/// (1..=3).for_each(|number| sender.try_send(number).unwrap());
/// drop(sender);
/// assert_eq!(receiver.get_blocking(), Err(GetError::Lagged(2)));
/// assert_eq!(receiver.get_blocking(), Ok(3));
/// assert_eq!(receiver.get_blocking(), Err(GetError::Closed));
/// ```
#[doc(alias = "RecvError")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GetError {
    /// All senders are gone, and the receiver has got everything.
    Closed,
    /// The receiver was too slow, and missed this number of values. The next get returns the oldest one that is left.
    Lagged(u64),
}

impl fmt::Display for GetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GetError::Closed => f.write_str("get from a closed broadcast"),
            GetError::Lagged(missed) => write!(f, "the receiver was too slow and missed {missed} values"),
        }
    }
}

impl Error for GetError {}

/// Why [`Receiver::try_get`](super::Receiver::try_get) has no value.
///
/// ```
/// use waitline_queue::broadcast::{self, TryGetError};
/// let (sender, mut receiver) = broadcast::channel::<u32>(1);
/// assert_eq!(receiver.try_get(), Err(TryGetError::Empty));
/// drop(sender);
/// assert_eq!(receiver.try_get(), Err(TryGetError::Closed));
/// ```
#[doc(alias = "TryRecvError")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryGetError {
    /// The receiver has got everything that was sent.
    Empty,
    /// All senders are gone, and the receiver has got everything.
    Closed,
    /// The receiver was too slow, and missed this number of values. The next get returns the oldest one that is left.
    Lagged(u64),
}

impl fmt::Display for TryGetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryGetError::Empty => f.write_str("get from a broadcast without a new value"),
            TryGetError::Closed => GetError::Closed.fmt(f),
            TryGetError::Lagged(missed) => GetError::Lagged(*missed).fmt(f),
        }
    }
}

impl Error for TryGetError {}
