//! [`Event`] and the future that waits for it.
//!
//! | state | WAITING | RELEASED | the event is | next |
//! |---|---|---|---|---|
//! | `false` | any | any | clear | set |
//! | `true` | empty | any | set | clear |
//! | `true` | not empty | | impossible | |
//!
//! RELEASED (see [`release`](mod@crate::release)) has waiters only while a call of `set` runs. `clear` does not touch
//! it.
//!
//! - **E1** The state under the mutex is authoritative. The word is a copy for code that does not hold the mutex, and
//!   is written in the same section. No code reads the word under the mutex. (It could, and save a byte that is padding
//!   now. But loom remembers only the last access to an atomic, and a load before each store in `set` would hide the
//!   race between the store and the load of a fast path.)
//! - **E2** The section that sets the state empties WAITING, and a waiter enters WAITING only if it finds the state
//!   clear in the same section. So no waiter waits for a set event.

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
/// Like `asyncio.Event`. A new event is *clear*. [`set`](Self::set) releases all its waiters, and from then on no wait
/// blocks, until [`clear`](Self::clear).
///
/// # Set, then clear
///
/// `set` completes every wait that began before it, even if `clear` follows at once and before any waiter ran: the
/// waiters do not look at the flag again. So `set` and `clear` in a row are a pulse that wakes exactly the waiters of
/// that moment. `set` chooses them all in one step, however many there are: a task that waits again from inside its
/// wake-up is not woken by the same `set`.
///
/// # Fairness
///
/// Waiters are woken in the order in which they began to wait. A wait begins at its future's first poll: a future that
/// was not polled before a `set` and `clear` waits for the next `set`.
///
/// # Cancel safety
///
/// A waiting future that is dropped loses nothing, and has no effect on other waiters.
///
/// # Memory ordering
///
/// Everything before a `set` happens before the return of the waits that it completes, of the waits and calls of
/// [`is_set`](Self::is_set) that find the event set by it, and of the `clear` that ends it. For `clear`, this holds for
/// each earlier `set`, even for one that returned `false`. So a consumer that clears the event and *then* looks at the
/// data misses nothing if every producer sets it *after* writing.
///
/// # Panics
///
/// If a waker that [`set`](Self::set) wakes panics, the panic goes to the caller of `set`. All other waiters are woken
/// first.
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

// A panic inside a method leaves the event unchanged or completely changed, never half changed.
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
        /// Sets the event's name in reports, with the feature `diagnostics`. Does nothing without it.
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

    /// Whether the event is set now. Like `asyncio.Event.is_set`.
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

    /// Sets the event, completes every wait that has begun, and returns whether the event was clear before. Like
    /// `asyncio.Event.set`.
    ///
    /// This thread calls the wakers before `set` returns, up to 32 between two short sections of the event's mutex.
    /// When `set` returns, every wait that began before it is complete, even one that another `set` released: its next
    /// poll is ready, whether or not its task has run yet.
    ///
    /// A waker may use the event. If an executor polls inside its wakers, each such wake-up needs a stack frame.
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
    /// If a waker panics. The event is set, and all other waiters are woken first.
    #[doc(alias("notify_waiters", "signal"))]
    pub fn set(&self) -> bool {
        let mut queue = self.queue.lock();
        let was_clear = !mem::replace(&mut *queue, true);
        if was_clear {
            // Ordering: Release pairs with the Acquire in `is_set`. The mutex orders us with its next holder.
            queue.word().store(true, Ordering::Release);
            queue.splice::<WAITING, RELEASED>();
        }
        // WAITING is empty now (E2). Another `set` may have left waiters in RELEASED.
        match queue.len() {
            0 => {}
            1 => release_one(queue),
            _ => release(queue),
        }
        was_clear
    }

    /// Clears the event, and returns whether it was set before. Like `asyncio.Event.clear`.
    ///
    /// A wait that begins from now on waits for the next [`set`](Self::set). Waits that a `set` has completed stay
    /// complete.
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
        // The mutex also makes everything visible that happened before a `set` that found the event set and wrote
        // nothing.
        let mut queue = self.queue.lock();
        // Ordering: Relaxed; a reader of `false` relies on nothing yet, and takes the mutex next.
        queue.word().store(false, Ordering::Relaxed);
        mem::take(&mut *queue)
    }

    /// Waits until the event is set. Like `asyncio.Event.wait`.
    ///
    /// If the event is set already, the first poll is ready, at the cost of one atomic load.
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

    /// Waits with the calling thread parked until the event is set. Threads and futures share one queue.
    ///
    /// Do not call it inside a future: it blocks the executor's thread, which the task that sets the event may need to
    /// run.
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

    /// The number of futures and threads that wait for the next [`set`](Self::set) now.
    ///
    /// Waiters that a `set` has released do not count, even while it still wakes them. (Only then, and only if the
    /// event has been cleared again, the call takes time linear in their number.)
    ///
    /// ```
    /// assert_eq!(waitline_event::Event::new().waiters(), 0);
    /// ```
    pub fn waiters(&self) -> usize {
        waiting(&mut self.queue.lock())
    }
}

/// The number of waiters in WAITING.
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

    /// A `set` is for all waiters, so a cancelled waiter has nothing to pass on.
    fn cancel_granted(&self, (): &mut ()) {}
}
