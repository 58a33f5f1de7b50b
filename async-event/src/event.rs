//! [`Event`] and the future that waits for it.
//!
//! | state | WAITING | RELEASED | the event is | next |
//! |---|---|---|---|---|
//! | `false` | any | any | clear | set |
//! | `true` | empty | any | set | clear |
//! | `true` | not empty | | impossible | |
//!
//! RELEASED (see [`release`](mod@crate::release)) has waiters only while some call of `set` is at work; `clear` does not
//! touch it.
//!
//! - **E1** The state under the mutex is the truth. The word is its copy for those who do not hold the mutex, and is
//!   written in the same section. Under the mutex nobody reads the word. (It would be as good, and save a byte that is
//!   padding now; but loom remembers one last access to an atomic, and a load before each store in `set` would hide
//!   from it that the store races with the load of a fast path.)
//! - **E2** The section that sets the state empties WAITING, and a waiter enters WAITING only if it finds the state clear
//!   in the same section. So nobody waits for a set event.

use crate::release::{RELEASED, WAITING, release, release_one};
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::Future,
    mem,
    panic::{RefUnwindSafe, UnwindSafe},
    pin::Pin,
    task::{Context, Poll},
};
use waitline::{
    Handle, List, Locked, Protocol, WaitQueue, Waiter, busy_or, const_unless_loom,
    sync::{
        atomic::{AtomicBool, Ordering},
        block_on,
    },
};

/// A flag that tasks and threads can wait for: a manual-reset event.
///
/// The meaning is that of Python's `asyncio.Event`. An event is *clear* at first. [`set`](Self::set) lets all go that
/// wait for it, and from then on nobody has to wait, until [`clear`](Self::clear).
///
/// # Set, then clear
///
/// `set` completes every wait that began before it, even if `clear` follows at once and before any of the waiters ran:
/// they do not look at the flag again. So `set` and `clear` in a row are a pulse that wakes exactly those who wait now.
/// All of them are chosen in one step, however many there are: who waits again from inside its wake-up is not woken by
/// the same `set`.
///
/// # Fairness
///
/// Waiters are woken in the order in which they began to wait. A wait begins at its future's first poll: a future that
/// was not polled before a `set` and `clear` waits for the next `set`.
///
/// # Cancel safety
///
/// A waiting future that is dropped loses nothing, and nobody else notices.
///
/// # Memory ordering
///
/// What was done before a `set` happens before the return of the waits that it completes, of the waits and
/// [`is_set`](Self::is_set) that find the event set by it, and of the `clear` that ends it. The last holds for each `set`
/// on the way, also for one that returned `false`: a consumer that clears the event and *then* looks at the data misses
/// nothing, as every producer sets it *after* writing.
///
/// # Panics
///
/// A panic in a waker that [`set`](Self::set) wakes goes on to its caller, after all others were woken.
///
/// # Examples
///
/// ```
/// use waitline_event::Event;
///
/// static READY: Event = Event::new();
///
/// std::thread::scope(|scope| {
///     scope.spawn(|| READY.wait_blocking());
///     scope.spawn(|| futures_lite::future::block_on(READY.wait()));
///     READY.set();
/// });
/// assert!(READY.is_set());
/// ```
#[doc(alias("Notify", "ManualResetEvent"))]
pub struct Event {
    queue: WaitQueue<EventProtocol>,
}

#[derive(Debug)]
enum EventProtocol {}

impl Protocol for EventProtocol {
    const NAME: &'static str = "Event";

    type Word = AtomicBool;
    type State = bool;
    type Data = ();
    type Lists = [List<()>; 2];
}

// A panic inside any method leaves the event as it was or as it is to be; none is half made.
impl UnwindSafe for Event {}
impl RefUnwindSafe for Event {}

impl Event {
    const_unless_loom! {
        /// An event that is clear. `const`, except under loom.
        ///
        /// ```
        /// static STARTED: waitline_event::Event = waitline_event::Event::new();
        /// assert!(!STARTED.is_set());
        /// ```
        #[inline]
        #[track_caller]
        pub const fn new() -> Self {
            Event { queue: WaitQueue::new(AtomicBool::new(false), false) }
        }
    }

    const_unless_loom! {
        /// Gives the event a name for reports, with the feature `diagnostics`; without it this does nothing.
        ///
        /// ```
        /// static STARTED: waitline_event::Event = waitline_event::Event::new().with_label("started");
        /// ```
        #[inline]
        pub const fn with_label(mut self, label: &'static str) -> Self {
            self.queue.set_label(label);
            self
        }
    }

    /// Whether the event is set now. The meaning of `asyncio.Event.is_set`.
    ///
    /// ```
    /// let event = waitline_event::Event::new();
    /// assert!(!event.is_set());
    /// event.set();
    /// assert!(event.is_set());
    /// ```
    #[inline]
    pub fn is_set(&self) -> bool {
        // Ordering: Acquire pairs with the Release in `set`.
        self.queue.word.load(Ordering::Acquire)
    }

    /// Sets the event and completes every wait that has begun. Says whether the event was clear before.
    ///
    /// The meaning of `asyncio.Event.set`. The wakers are called by this thread before `set` returns, 32 between two
    /// short sections of the event's mutex. When it returns, every wait that began before it is over for good, even if
    /// another `set` was at work on them: polling it is ready, whether or not its task ran yet.
    ///
    /// A waker may use the event. An executor that polls inside its wakers nests the calls: the depth of the stack is
    /// then the depth of that chain.
    ///
    /// ```
    /// # use std::pin::pin;
    /// # use waitline::testing::poll_once;
    /// let event = waitline_event::Event::new();
    /// let mut wait = pin!(event.wait());
    /// assert!(poll_once(wait.as_mut()).is_pending());
    ///
    /// assert!(event.set(), "it was clear");
    /// assert!(!event.set(), "it was set already");
    /// event.clear();
    /// assert!(poll_once(wait).is_ready(), "it began before the set");
    /// ```
    ///
    /// # Panics
    ///
    /// If a waker does; the event is set, and all others were woken first.
    #[doc(alias("notify_waiters", "signal"))]
    pub fn set(&self) -> bool {
        let mut queue = self.queue.lock();
        let was_clear = !mem::replace(&mut *queue, true);
        if was_clear {
            // Ordering: Release pairs with the Acquire in `is_set`. Who gets the mutex after us needs no more than that.
            queue.word().store(true, Ordering::Release);
            queue.splice::<WAITING, RELEASED>();
        }
        // Nobody is in WAITING now (E2); another set may have left somebody in RELEASED.
        match queue.len() {
            0 => {}
            1 => release_one(queue),
            _ => release(queue),
        }
        was_clear
    }

    /// Clears the event: who begins to wait from now on waits for the next [`set`](Self::set). Says whether the event
    /// was set before.
    ///
    /// The meaning of `asyncio.Event.clear`. Waits that a `set` has completed stay completed.
    ///
    /// ```
    /// let event = waitline_event::Event::new();
    /// assert!(!event.clear());
    /// event.set();
    /// assert!(event.clear());
    /// ```
    #[doc(alias = "reset")]
    #[inline]
    pub fn clear(&self) -> bool {
        // The mutex also hands over what came before a `set` that found the event set, and wrote nothing.
        let mut queue = self.queue.lock();
        // Ordering: Relaxed; who reads `false` has learnt nothing yet, and goes on to the mutex.
        queue.word().store(false, Ordering::Relaxed);
        mem::take(&mut *queue)
    }

    /// Waits until the event is set. The meaning of `asyncio.Event.wait`.
    ///
    /// If it is set already this is ready at once, at the cost of one atomic load.
    ///
    /// ```
    /// # futures_lite::future::block_on(async {
    /// let event = waitline_event::Event::new();
    /// futures_lite::future::zip(event.wait(), async { event.set() }).await;
    /// # });
    /// ```
    #[doc(alias("notified", "listen"))]
    #[inline]
    #[track_caller]
    pub fn wait(&self) -> Wait<'_> {
        Wait { waiter: Waiter::new(EventHandle(self), ()) }
    }

    /// Waits with this thread parked until the event is set. Threads and futures share one queue.
    ///
    /// Not for use inside a future: it stops the executor's thread, and with it maybe the one who is to set the event.
    ///
    /// ```
    /// let event = waitline_event::Event::new();
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| event.set());
    ///     event.wait_blocking();
    /// });
    /// ```
    #[doc(alias = "blocking_wait")]
    #[track_caller]
    pub fn wait_blocking(&self) {
        if !self.is_set() {
            block_on(self.wait());
        }
    }

    /// How many futures and threads wait for the next [`set`](Self::set) now.
    ///
    /// Those whom a `set` has let go are not among them, also while it is still at work waking them. (Only then, and only
    /// if the event has been cleared again, the waiters are counted one by one.)
    ///
    /// ```
    /// assert_eq!(waitline_event::Event::new().waiters(), 0);
    /// ```
    pub fn waiters(&self) -> usize {
        waiting(&mut self.queue.lock())
    }
}

/// The number of those in WAITING.
fn waiting(queue: &mut Locked<'_, EventProtocol>) -> usize {
    if **queue {
        return 0; // E2
    }
    if !queue.has_waiters::<RELEASED>() {
        return queue.len();
    }
    let mut count = 0;
    queue.for_each::<WAITING>(|()| count += 1);
    count
}

impl Default for Event {
    #[track_caller]
    fn default() -> Self {
        Event::new()
    }
}

/// `Event { is_set: false, waiters: 2 }`. Never blocks.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiters = self.queue.try_lock().map(|mut queue| waiting(&mut queue));
        f.debug_struct("Event").field("is_set", &self.is_set()).field("waiters", busy_or(&waiters)).finish()
    }
}

pin_project! {
    /// The future of [`Event::wait`]. Dropping it changes nothing for others.
    ///
    /// ```
    /// use waitline_event::{Event, Wait};
    /// let event = Event::new();
    /// let wait: Wait<'_> = event.wait();
    /// event.set();
    /// futures_lite::future::block_on(wait);
    /// ```
    #[must_use = "futures do nothing unless polled"]
    pub struct Wait<'a> {
        #[pin]
        waiter: Waiter<EventHandle<'a>>,
    }
}

impl Future for Wait<'_> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut waiter = self.project().waiter;
        if waiter.as_mut().finish_if(|handle, ()| handle.0.is_set()).is_some() {
            return Poll::Ready(());
        }
        let wait = waiter.poll_wait(cx, |entry| if *entry { entry.ready() } else { entry.wait_in::<WAITING>() });
        wait.map(drop)
    }
}

impl fmt::Debug for Wait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Wait").field(&self.waiter).finish()
    }
}

/// The handle of a future that waits for an event.
struct EventHandle<'a>(&'a Event);

impl Handle for EventHandle<'_> {
    type Protocol = EventProtocol;

    #[inline(always)]
    fn queue(&self) -> &WaitQueue<EventProtocol> {
        &self.0.queue
    }

    /// Nobody waits for a place in the queue, and a set is for all: a cancelled waiter has nothing to pass on.
    fn cancel_granted(&self, (): &mut ()) {}
}
