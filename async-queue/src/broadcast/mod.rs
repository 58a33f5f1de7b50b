//! Every value to every receiver: a bounded broadcast, with back-pressure or with lagging receivers.
//!
//! ```
//! use waitline_queue::broadcast;
//!
//! # futures_lite::future::block_on(async {
//! let (sender, mut receiver) = broadcast::channel(2);
//! let mut other = sender.subscribe();
//! let producer = async move {
//!     for number in 1..=10 {
//!         sender.send(number).await.unwrap(); // waits while two numbers wait for the slower receiver
//!     }
//! };
//! let sum = async |receiver: &mut broadcast::Receiver<u32>| {
//!     let mut sum = 0;
//!     while let Ok(number) = receiver.get().await {
//!         sum += number;
//!     }
//!     sum
//! };
//! # use futures_lite::future::zip;
//! let ((), sums) = zip(producer, zip(sum(&mut receiver), sum(&mut other))).await;
//! assert_eq!(sums, (55, 55));
//! # });
//! ```
//!
//! asyncio has no such type. It is a list of queues, one for each receiver, that share one copy of each value.
//!
//! # Two policies
//!
//! A channel holds the values that some receiver has yet to get, up to its capacity. What happens when it is full is
//! said when it is made:
//!
//! | | [`channel`] | [`lagging`] |
//! |---|---|---|
//! | a send to a full channel | waits for the slowest receiver | drops the oldest value |
//! | a slow receiver | holds up the senders | misses values, and is told how many: [`GetError::Lagged`] |
//! | use it for | values that must all arrive | live data, where the newest values count |
//!
//! # What is guaranteed
//!
//! | | |
//! |---|---|
//! | order | each receiver gets the values in the order of their sends, without a gap that it is not told of |
//! | fairness | strict FIFO: senders that wait enter their values in the order in which they began to wait. No send and no `try_send` passes a waiting one |
//! | a dropped `get` | has taken nothing |
//! | a dropped `send` | has not sent, if it still waits for room. If there is room for its value, the value has been sent, polled or not |
//! | a dropped receiver | frees what it held back, and lets senders go on |
//! | the end | comes for receivers when the senders are gone, after the last value; for senders while there is no receiver, with their values given back |
//! | allocation | one per value, none per wait. The buffer grows to the largest number of values inside |
//! | item and waker code | never runs under the mutex: neither `Clone` nor `Drop` of values |
//!
//! # Copies
//!
//! Each receiver gets a clone of the value, and the last one the value itself. The clone is made in the task that gets
//! it, from a shared reference: so values must be `Sync` to be sent to other threads. Wrap large values in an
//! [`Arc`].
//!
//! # Recipes
//!
//! **A feed that nobody may hold up.** A slow client is told what it missed, and goes on with the oldest value that is
//! left.
//!
//! ```
//! use waitline_queue::broadcast::{self, GetError};
//!
//! let (sender, mut client) = broadcast::lagging(2);
//! for price in [10, 11, 12, 13] {
//!     sender.try_send(price).unwrap();
//! }
//! # futures_lite::future::block_on(async {
//! assert_eq!(client.get().await, Err(GetError::Lagged(2)));
//! assert_eq!(client.get().await, Ok(12));
//! # });
//! ```

mod error;
mod receiver;
mod sender;
mod state;

pub use error::{GetError, TryGetError};
pub use receiver::{Get, Receiver};
pub use sender::{SendValue, Sender, WaitClosed};

use state::{BroadcastProtocol, Policy, State};
use std::{fmt, num::NonZeroUsize};
use waitline::{
    WaitQueue, busy_or,
    sync::{Arc, atomic::AtomicUsize},
};

/// A channel with back-pressure: a send to a full channel waits for the slowest receiver.
///
/// # Panics
///
/// If `capacity` is 0.
///
/// ```
/// use waitline_queue::{TryPutError, broadcast};
/// let (sender, mut receiver) = broadcast::channel(1);
/// sender.try_send(1).unwrap();
/// assert_eq!(sender.try_send(2), Err(TryPutError::Full(2)));
/// assert_eq!(receiver.try_get(), Ok(1));
/// ```
#[doc(alias("broadcast", "fan-out", "multicast"))]
#[track_caller]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    new(Policy::Wait, "broadcast::channel", capacity)
}

/// A channel whose sends never wait: a send to a full channel drops the oldest value, and receivers that have not got
/// it are told how many they missed.
///
/// # Panics
///
/// If `capacity` is 0.
///
/// ```
/// use waitline_queue::broadcast::{self, TryGetError};
/// let (sender, mut receiver) = broadcast::lagging(1);
/// sender.try_send(1).unwrap();
/// sender.try_send(2).unwrap();
/// assert_eq!(receiver.try_get(), Err(TryGetError::Lagged(1)));
/// assert_eq!(receiver.try_get(), Ok(2));
/// ```
#[doc(alias("overflow", "overwrite"))]
#[track_caller]
pub fn lagging<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    new(Policy::Lag, "broadcast::lagging", capacity)
}

#[track_caller]
fn new<T>(policy: Policy, name: &str, capacity: usize) -> (Sender<T>, Receiver<T>) {
    let Some(capacity) = NonZeroUsize::new(capacity) else {
        panic!("{name}: the capacity is 0 and must be at least 1")
    };
    let shared = Arc::new(Shared {
        queue: WaitQueue::new((), State::new(policy, capacity)),
        capacity,
        senders: AtomicUsize::new(1),
    });
    (Sender::new(shared.clone()), Receiver::new(shared, 0))
}

/// What the halves share.
struct Shared<T> {
    queue: WaitQueue<BroadcastProtocol<T>>,
    capacity: NonZeroUsize,
    senders: AtomicUsize,
}

impl<T> Shared<T> {
    fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = self.queue.try_lock().map(|queue| (queue.values(), queue.receivers, queue.len()));
        f.debug_struct(name)
            .field("len", busy_or(&seen.map(|seen| seen.0)))
            .field("capacity", &self.capacity)
            .field("receivers", busy_or(&seen.map(|seen| seen.1)))
            .field("waiters", busy_or(&seen.map(|seen| seen.2)))
            .finish()
    }
}
