//! One value, sent once: a [`Sender`] that resolves a future by hand, and the [`Receiver`], which is that future.
//!
//! Like `asyncio.Future`, as `loop.create_future()` makes it: `set_result` is [`send`](Sender::send), and `cancel` is a
//! drop of the receiver.
//!
//! ```
//! use waitline_queue::oneshot;
//!
//! # futures_lite::future::block_on(async {
//! let (sender, receiver) = oneshot::channel();
//! let worker = async move { sender.send(6 * 7) };
//! let (answer, sent) = futures_lite::future::zip(receiver, worker).await;
//! assert_eq!((answer, sent), (Ok(42), Ok(())));
//! # });
//! ```
//!
//! # What is guaranteed
//!
//! | | |
//! |---|---|
//! | a send | never waits. It succeeds if the receiver is there to take the value, or gives the value back |
//! | a value that was sent | is received, or dropped with the receiver. The sender's side never keeps it |
//! | a dropped sender | ends the wait with [`Closed`] |
//! | a dropped receiver | fails the send, and ends every wait of [`closed`](Sender::closed) |
//! | allocation | one for a [`channel`], none with a [`Place`], none per wait |
//! | item and waker code | never runs under the mutex |
//!
//! # Cancel safety
//!
//! The receiver itself is the future, and it is `Unpin`. Await `&mut receiver` to give up the wait (in a timeout, in a
//! `select!`) and keep the receiver: nothing is lost then, and it can be awaited again. A receiver that is dropped drops
//! a value that was sent to it.
//!
//! # Without an allocation
//!
//! A [`channel`] allocates the place that both halves share. A [`Place`] is such a place on the stack or in a field: its
//! halves borrow it, and it can be used again.
//!
//! # Recipes
//!
//! **A request with its answer.** The worker skips requests whose client has given up.
//!
//! ```
//! use waitline_queue::{channel, oneshot};
//! # use futures_lite::future::{block_on, zip};
//!
//! let (requests, inbox) = channel::bounded::<(u32, oneshot::Sender<u32>)>(8);
//! let worker = async move {
//!     while let Ok((number, answer)) = inbox.get().await {
//!         if !answer.is_closed() {
//!             _ = answer.send(number * number); // it fails if the client has given up meanwhile
//!         }
//!     }
//! };
//! let client = async move {
//!     let (answer, receiver) = oneshot::channel();
//!     requests.put((12, answer)).await.unwrap();
//!     receiver.await
//! };
//! assert_eq!(block_on(zip(worker, client)).1, Ok(144));
//! ```
//!
//! **Work that stops when nobody waits for it.** Race it against [`closed`](Sender::closed).
//!
//! ```
//! use waitline_queue::oneshot;
//! # use futures_lite::future::{block_on, or, pending};
//!
//! let (sender, receiver) = oneshot::channel::<u32>();
//! let search = pending::<u32>();
//! drop(receiver);
//! let found = or(async { Some(search.await) }, async {
//!     sender.closed().await;
//!     None
//! });
//! assert_eq!(block_on(found), None);
//! ```

mod receiver;
mod sender;

pub use crate::error::Closed;
pub use receiver::Receiver;
pub use sender::{Sender, WaitClosed};

use std::{
    fmt,
    marker::PhantomData,
    panic::{RefUnwindSafe, UnwindSafe},
    task::Waker,
};
use waitline::{
    List, Locked, Protocol, WaitQueue, busy_or, const_unless_loom,
    diagnostics::{Caller, Current, Wait},
    sync::Arc,
};

/// The list of the waits for the receiver's end.
const CLOSING: usize = 0;

/// A channel for one value. It allocates once, for the [`Place`] that its halves share.
///
/// Like `loop.create_future()` in asyncio.
///
/// ```
/// let (sender, mut receiver) = waitline_queue::oneshot::channel();
/// sender.send(7).unwrap();
/// assert_eq!(receiver.try_get(), Ok(7));
/// ```
#[doc(alias("Future", "Promise", "completion"))]
#[inline]
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let place = Arc::new(Place::new());
    (Sender::new(place.clone()), Receiver::new(place))
}

/// What the two halves share: room for the value, and for the waker of the receiver.
///
/// A [`channel`] allocates one. Or keep one on the stack or in a field, and let the halves of
/// [its channel](Self::channel) borrow it.
pub struct Place<T> {
    queue: WaitQueue<OneshotProtocol<T>>,
}

struct OneshotProtocol<T>(PhantomData<T>);

impl<T> Protocol for OneshotProtocol<T> {
    const NAME: &'static str = "oneshot";

    type Word = ();
    type State = State<T>;
    type Data = ();
    type Lists = [List<()>; 1];
}

/// The state under the mutex.
///
/// | `open` | `value` | `parked` | the channel | next |
/// |---|---|---|---|---|
/// | yes | none | may be | waits for its value | sent; closed |
/// | no | some | none | holds a value for the receiver | closed, by a get or by the receiver's drop |
/// | no | none | none | is closed | |
///
/// - **O1** The section that ends `open` takes the parked receiver out, and wakes it after the mutex is released. A
///   receiver parks only if it finds the channel open in the same section. So no receiver waits for a closed channel.
/// - **O2** A value enters only while the channel is open, and an open channel has a receiver. The drop of the receiver
///   takes the value out. So no value outlives its receiver.
/// - **O3** CLOSING has waiters only while the channel is open, except between two rounds of wake-ups: they wait for the
///   receiver's end, and the sender that they borrow does not send meanwhile.
/// - **O4** No value and no waker is dropped, and no waker is cloned or woken, under the mutex.
struct State<T> {
    open: bool,
    value: Option<T>,
    parked: Option<Parked>,
}

/// A receiver that waits. Not a waiter in a list: there is one receiver at most, and it may move between two polls.
struct Parked {
    waker: Waker,
    /// The record of the wait, for reports.
    _wait: Wait,
}

impl Parked {
    fn new<T>(waker: &Waker, place: &Place<T>, location: Caller) -> Self {
        let mut wait = Wait::new();
        wait.for_primitive(Current::get(), place.queue.origin(), "get", location);
        Parked { waker: waker.clone(), _wait: wait }
    }
}

type Section<'a, T> = Locked<'a, OneshotProtocol<T>>;

impl<T> Place<T> {
    const_unless_loom! {
        /// An empty place. `const`, except under loom.
        ///
        /// ```
        /// let place = waitline_queue::oneshot::Place::<u32>::new();
        /// # drop(place);
        /// ```
        #[inline]
        #[track_caller]
        pub const fn new() -> Self {
            Place { queue: WaitQueue::new((), State { open: true, value: None, parked: None }) }
        }
    }

    const_unless_loom! {
        /// Sets the name of this place's next channel in reports, with the feature `diagnostics`. Does nothing without
        /// it.
        ///
        /// ```
        /// let mut place = waitline_queue::oneshot::Place::<u32>::new().with_label("answer");
        /// let (_sender, _receiver) = place.channel();
        /// ```
        #[inline]
        pub const fn with_label(mut self, label: &'static str) -> Self {
            self.queue.set_label(label);
            self
        }
    }

    /// A channel for one value in this place, without an allocation. The place can be used again when both halves are
    /// dropped.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// use waitline_queue::oneshot::Place;
    /// let mut place = Place::new();
    /// for number in 0..3 {
    ///     let (sender, receiver) = place.channel();
    ///     sender.send(number).unwrap();
    ///     assert_eq!(receiver.await, Ok(number));
    /// }
    /// # });
    /// ```
    #[inline]
    pub fn channel(&mut self) -> (Sender<T, &Self>, Receiver<T, &Self>) {
        // A half that was forgotten has left its state here.
        let mut queue = self.queue.lock();
        let forgotten = (queue.value.take(), queue.parked.take());
        queue.open = true;
        drop(queue);
        drop(forgotten);
        (Sender::new(self), Receiver::new(self))
    }
}

impl<T> Default for Place<T> {
    #[track_caller]
    fn default() -> Self {
        Place::new()
    }
}

// A panic inside a method leaves the state unchanged or completely changed, never half changed.
impl<T> UnwindSafe for Place<T> {}
impl<T> RefUnwindSafe for Place<T> {}

impl<T> Place<T> {
    /// The fields of a `Debug` that never blocks and shows no value.
    fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = self.queue.try_lock().map(|queue| (queue.open, queue.value.is_some()));
        f.debug_struct(name)
            .field("open", busy_or(&seen.map(|seen| seen.0)))
            .field("sent", busy_or(&seen.map(|seen| seen.1)))
            .finish()
    }
}

/// `Place { open: true, sent: false }`. Never blocks, and shows no value.
impl<T> fmt::Debug for Place<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.debug("Place", f)
    }
}

mod at {
    use super::{Arc, Place};

    /// How a half reaches its place: an `Arc` or a reference. Sealed.
    pub trait At<T>: Unpin {
        #[doc(hidden)]
        fn place(&self) -> &Place<T>;
    }

    impl<T> At<T> for Arc<Place<T>> {
        #[inline(always)]
        fn place(&self) -> &Place<T> {
            self
        }
    }

    impl<T> At<T> for &Place<T> {
        #[inline(always)]
        fn place(&self) -> &Place<T> {
            self
        }
    }
}

use at::At;
