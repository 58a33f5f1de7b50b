//! The latest value, for many tasks: a [`Sender`] replaces it, and each [`Receiver`] looks at it and waits for the next
//! one.
//!
//! ```
//! use waitline_event::watch;
//!
//! # futures_lite::future::block_on(async {
//! let (sender, mut receiver) = watch::channel("starting");
//! let program = async move {
//!     sender.send("running").unwrap();
//!     sender.send("done").unwrap();
//! };
//! let status = async {
//!     let mut seen = vec![*receiver.borrow()];
//!     while receiver.changed().await.is_ok() {
//!         seen.push(*receiver.borrow_and_update());
//!     }
//!     seen
//! };
//! let (seen, ()) = futures_lite::future::zip(status, program).await;
//! assert_eq!(seen, ["starting", "done"], "a slow receiver skips values, but never the last one");
//! # });
//! ```
//!
//! asyncio has no such type. It is a value beside an `Event`, without the races between the two.
//!
//! # What is guaranteed
//!
//! | | |
//! |---|---|
//! | the last value | is missed by no receiver, also if the senders are gone |
//! | a slow receiver | skips values, and holds nobody up |
//! | order | receivers are woken in the order in which they began to wait |
//! | a send | chooses the receivers that it wakes in one step, however many they are |
//! | cancellation | a dropped wait loses nothing: what it was woken for is still unseen |
//! | allocation | one for the channel, none per value and none per wait |
//! | closing | it closes by itself: for receivers when all senders are gone, for senders while there is no receiver |
//!
//! # Borrows
//!
//! [`borrow`](Receiver::borrow) locks the value for reading: any number of receivers may look at the same time. A send
//! blocks its thread until all of them are dropped, and a borrow that comes while a send waits comes after it. So keep a
//! borrow for some instructions, not over an `.await` (the compiler rejects it in a task that is `Send`), and not beside
//! another one of the same channel in the same thread, which may deadlock. Clone the value to keep it.
//!
//! The closures of [`send_modify`](Sender::send_modify), [`send_if_modified`](Sender::send_if_modified) and
//! [`wait_for`](Receiver::wait_for) run under this lock: they must not use the same channel. Nothing of yours runs under
//! the mutex of the wait queue.
//!
//! # Recipes
//!
//! **A configuration that may change.** Each task reads it at each use, and one reacts to changes.
//!
//! ```
//! use waitline_event::watch;
//!
//! #[derive(Clone)]
//! struct Config {
//!     limit: usize,
//! }
//!
//! let (sender, receiver) = watch::channel(Config { limit: 10 });
//! let limit = move || receiver.borrow().limit;
//! assert_eq!(limit(), 10);
//! sender.send_modify(|config| config.limit = 20);
//! assert_eq!(limit(), 20);
//! ```
//!
//! **Wait until a value is as it should be.**
//!
//! ```
//! use waitline_event::watch;
//! # futures_lite::future::block_on(async {
//! let (connections, mut receiver) = watch::channel(3);
//! let drained = async { *receiver.wait_for(|connections| *connections == 0).await.unwrap() };
//! let closing = async {
//!     for _ in 0..3 {
//!         connections.send_modify(|connections| *connections -= 1);
//!     }
//! };
//! assert_eq!(futures_lite::future::zip(drained, closing).await.0, 0);
//! # });
//! ```

mod receiver;
mod sender;
mod wait_for;

pub use receiver::{Changed, Receiver, Ref};
pub use sender::{SendError, Sender, WaitClosed};
pub use wait_for::WaitFor;

use crate::release::{RELEASED, WAITING, release, release_one};
use std::{error::Error, fmt};
use waitline::{
    List, Locked, Protocol, WaitQueue, busy_or,
    sync::{
        Arc, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

/// A channel for the latest value. `value` is the first one, and the receiver counts it as seen.
///
/// ```
/// let (sender, mut receiver) = waitline_event::watch::channel(1);
/// assert_eq!(receiver.has_changed(), Ok(false));
/// sender.send(2).unwrap();
/// assert_eq!(*receiver.borrow_and_update(), 2);
/// ```
#[doc(alias("broadcast", "Property", "Signal"))]
#[track_caller]
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared {
        value: RwLock::new(value),
        queue: WaitQueue::new(AtomicUsize::new(0), ()),
        senders: AtomicUsize::new(1),
        receivers: AtomicUsize::new(1),
    });
    (Sender::new(shared.clone()), Receiver::new(shared, 0))
}

/// The list of the waits for the end of all receivers. The receivers wait in WAITING.
const CLOSING: usize = 2;

/// The bit of the word that says that all senders are gone. The rest is the version, which each send raises by
/// [`STEP`]; a receiver keeps the version that it has seen.
const CLOSED: usize = 1;
const STEP: usize = 2;

#[derive(Debug)]
enum WatchProtocol {}

impl Protocol for WatchProtocol {
    const NAME: &'static str = "watch";

    type Word = AtomicUsize;
    type State = ();
    type Data = ();
    type Lists = [List<()>; 3];
}

/// What the halves share.
///
/// - **W1** The version is raised under the write lock of the value, after the change. So under the read lock, version
///   and value belong together.
/// - **W2** The version is raised, and CLOSED is set, in the section that releases the waiting receivers. A receiver
///   waits only if it finds the word unchanged in its section. So no receiver waits beside a value that it has not seen,
///   and none is released without one.
/// - **W3** CLOSED is set in a section, after the last sender's last section. So a word with CLOSED has the last version.
/// - **W4** The count of receivers falls only in a section. The one in which it becomes 0 releases the waits for that,
///   which wait only if they find another number in their section.
/// - **W5** A sender holds no lock when it wakes, or when it drops a value.
struct Shared<T> {
    value: RwLock<T>,
    queue: WaitQueue<WatchProtocol>,
    senders: AtomicUsize,
    receivers: AtomicUsize,
}

impl<T> Shared<T> {
    /// The version, and CLOSED.
    #[inline(always)]
    fn word(&self) -> usize {
        // Ordering: Acquire pairs with the Release in `Sender::publish`: who sees a version sees what came before its
        // send.
        self.queue.word.load(Ordering::Acquire)
    }

    /// The number of receivers.
    #[inline(always)]
    fn receivers(&self) -> usize {
        // Ordering: Acquire pairs with the Release in the drop of a receiver.
        self.receivers.load(Ordering::Acquire)
    }

    fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiters = self.queue.try_lock().map(|queue| queue.len());
        f.debug_struct(name)
            .field("senders", &self.senders.load(Ordering::Relaxed))
            .field("receivers", &self.receivers.load(Ordering::Relaxed))
            .field("waiters", busy_or(&waiters))
            .finish()
    }
}

/// Releases all waiters of list `FROM`, and wakes them in rounds.
fn release_all<const FROM: usize>(mut queue: Locked<'_, WatchProtocol>) {
    queue.splice::<FROM, RELEASED>();
    // The length counts the waiters of other lists, too. This is more than there are in RELEASED, and does no harm:
    // a call stops at the end of that list.
    match queue.len() {
        0 => {}
        1 => release_one(queue),
        _ => release(queue),
    }
}

/// All senders are gone, and the last value was seen; or, of a blocking or async wait, it will not come to pass.
///
/// ```
/// let (sender, mut receiver) = waitline_event::watch::channel(1);
/// drop(sender);
/// assert_eq!(receiver.changed_blocking(), Err(waitline_event::watch::Closed));
/// ```
#[doc(alias = "RecvError")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("all senders of the watch are gone")
    }
}

impl Error for Closed {}
