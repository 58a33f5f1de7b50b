//! [`AnyQueue`], the one implementation of all queues; and their names, one for each order.

use crate::{
    settle::{release_joiners, settle_and_wake},
    state::{PUTTERS, Phase, QueueProtocol, Refusal, Section, State},
    store::{Fifo, Lifo, Priority, Store},
};
use std::{
    fmt, mem,
    num::NonZeroUsize,
    panic::{RefUnwindSafe, UnwindSafe},
};
use waitline::{WaitQueue, busy_or, const_unless_loom, diagnostics::Caller};

/// The one implementation behind [`Queue`], [`PriorityQueue`] and [`LifoQueue`], which differ in their [order](crate::order).
///
/// Call it by one of these names, in which the order is settled:
///
/// ```
/// use waitline_queue::{AnyQueue, LifoQueue, order::Lifo};
/// let queue: AnyQueue<Lifo<u8>> = LifoQueue::bounded(8);
/// queue.try_put(1).unwrap();
/// ```
pub struct AnyQueue<S: Store> {
    queue: WaitQueue<QueueProtocol<S>>,
    capacity: Option<NonZeroUsize>,
}

/// A queue whose items leave in the order in which they entered. The meaning of `asyncio.Queue`.
///
/// See the [crate] for what all queues promise.
///
/// ```
/// # futures_lite::future::block_on(async {
/// let queue = waitline_queue::Queue::bounded(2);
/// queue.put("first").await.unwrap();
/// queue.put("second").await.unwrap();
/// assert_eq!(queue.get().await, Ok("first"));
/// # });
/// ```
#[doc(alias("channel", "mpmc"))]
pub type Queue<T> = AnyQueue<Fifo<T>>;

/// A queue whose smallest item leaves first; equal ones leave in the order in which they entered. The meaning of
/// `asyncio.PriorityQueue`.
///
/// For the largest first, put [`Reverse`](std::cmp::Reverse). See the [crate] for what all queues promise.
///
/// # Panics
///
/// Items are compared while the queue's mutex is held: a comparison must not use the queue, or it blocks for ever.
/// A comparison that panics is passed on to whoever put or took; what it was about to do has not happened, and the
/// item it was to put is dropped. (In [`close_now`](Self::close_now), and where an item goes back, that item or
/// all are dropped.) A comparison that is no total order gives items in any order, but neither loses nor doubles them.
///
/// # Examples
///
/// ```
/// use waitline_queue::PriorityQueue;
/// let queue = PriorityQueue::unbounded();
/// for job in [(3, "sweep"), (1, "alarm"), (2, "mail")] {
///     queue.try_put(job).unwrap();
/// }
/// assert_eq!(queue.close_now(), [(1, "alarm"), (2, "mail"), (3, "sweep")]);
/// ```
#[doc(alias = "heap")]
pub type PriorityQueue<T> = AnyQueue<Priority<T>>;

/// A queue whose newest item leaves first. The meaning of `asyncio.LifoQueue`.
///
/// See the [crate] for what all queues promise.
///
/// ```
/// let undo = waitline_queue::LifoQueue::unbounded();
/// undo.try_put("typed a").unwrap();
/// undo.try_put("typed b").unwrap();
/// assert_eq!(undo.try_get(), Ok("typed b"));
/// ```
#[doc(alias = "stack")]
pub type LifoQueue<T> = AnyQueue<Lifo<T>>;

// A panic leaves the queue as whole as it was: no code of the user's runs while it is half changed. So what borrows it, such
// as a slot, may cross a `catch_unwind`, too.
impl<S: Store> UnwindSafe for AnyQueue<S> {}
impl<S: Store> RefUnwindSafe for AnyQueue<S> {}

impl<T, S: Store<Item = T>> AnyQueue<S> {
    const_unless_loom! {
        /// An empty queue for up to `capacity` items. `const`, except under loom; allocates with its first put.
        ///
        /// # Panics
        ///
        /// If `capacity` is 0: use `unbounded` for a queue without a limit.
        ///
        /// ```
        /// let queue = waitline_queue::Queue::bounded(8);
        /// queue.try_put(1).unwrap();
        /// assert_eq!(queue.capacity(), Some(8));
        /// ```
        #[inline]
        #[track_caller]
        pub const fn bounded(capacity: usize) -> Self {
            let Some(capacity) = NonZeroUsize::new(capacity) else { panic!("{}", S::NO_CAPACITY) };
            Self::new(S::NAME, Some(capacity))
        }
    }

    const_unless_loom! {
        /// An empty queue without a limit: a put never waits. `const`, except under loom.
        ///
        /// Its memory grows with its items (it doubles) and shrinks after a burst: whenever three quarters of it
        /// are not in use, half is given back, down to 64 items.
        ///
        /// ```
        /// let queue = waitline_queue::Queue::unbounded();
        /// queue.try_put(1).unwrap();
        /// assert_eq!(queue.capacity(), None);
        /// ```
        #[inline]
        #[track_caller]
        pub const fn unbounded() -> Self {
            Self::new(S::NAME, None)
        }
    }

    const_unless_loom! {
        /// Gives the queue a name for reports, with the feature `diagnostics`; without it this does nothing.
        ///
        /// ```
        /// let queue = waitline_queue::Queue::bounded(8).with_label("jobs");
        /// queue.try_put(1).unwrap();
        /// ```
        #[inline]
        pub const fn with_label(mut self, label: &'static str) -> Self {
            self.queue.set_label(label);
            self
        }
    }

    const_unless_loom! {
        /// `kind` is what reports call it.
        #[inline]
        #[track_caller]
        pub(crate) const fn new(kind: &'static str, capacity: Option<NonZeroUsize>) -> Self {
            let mut queue = WaitQueue::new((), State::new(capacity, S::EMPTY));
            queue.set_kind(kind);
            AnyQueue { queue, capacity }
        }
    }

    /// Closes the queue: from now on puts fail, and gets take what is left. Whether it was open.
    ///
    /// The meaning of `asyncio.Queue.shutdown`. Puts that wait fail and give their item back, those too that
    /// were granted room and not polled since; waiting reserves fail likewise. A [`Slot`](crate::Slot) that is held may still
    /// put, and gets that find the queue empty wait for it.
    ///
    /// ```
    /// use waitline_queue::{Queue, TryGetError, TryPutError};
    /// let queue = Queue::bounded(8);
    /// queue.try_put(1).unwrap();
    /// assert!(queue.close());
    /// assert!(!queue.close());
    /// assert_eq!(queue.try_put(2), Err(TryPutError::Closed(2)));
    /// assert_eq!(queue.try_get(), Ok(1));
    /// assert_eq!(queue.try_get(), Err(TryGetError::Closed));
    /// ```
    #[doc(alias = "shutdown")]
    pub fn close(&self) -> bool {
        self.section(|queue| queue.close(Phase::Closed))
    }

    /// Closes the queue, takes everything out of it, in the order in which it would have left, and revokes the
    /// slots that are held.
    ///
    /// The meaning of `asyncio.Queue.shutdown(immediate=True)`: the items that it takes out count as done. An
    /// item that was handed to a get before belongs to that get; if that is dropped unseen, the item goes back
    /// into the queue, where a later get, or `close_now`, finds it.
    ///
    /// ```
    /// let queue = waitline_queue::Queue::bounded(8);
    /// queue.try_put(1).unwrap();
    /// assert_eq!(queue.close_now(), [1]);
    /// assert_eq!(queue.unfinished(), 0);
    /// ```
    #[doc(alias = "shutdown")]
    pub fn close_now(&self) -> Vec<T> {
        self.revoke(false).into_items()
    }

    /// The number of items inside; reserved room does not count. The meaning of `asyncio.Queue.qsize`.
    ///
    /// ```
    /// let queue = waitline_queue::Queue::bounded(8);
    /// queue.try_put(1).unwrap();
    /// assert_eq!(queue.len(), 1);
    /// ```
    #[doc(alias = "qsize")]
    pub fn len(&self) -> usize {
        self.queue.lock().store.len()
    }

    /// How many items the queue takes, or `None` if it has no limit.
    ///
    /// ```
    /// let queue = waitline_queue::Queue::<u8>::bounded(8);
    /// assert_eq!(queue.capacity(), Some(8));
    /// ```
    #[doc(alias = "maxsize")]
    pub fn capacity(&self) -> Option<usize> {
        self.capacity.map(NonZeroUsize::get)
    }

    /// Whether there is no item inside. An empty queue may be [full](Self::is_full) at the same time.
    ///
    /// ```
    /// let queue = waitline_queue::Queue::<u8>::bounded(8);
    /// assert!(queue.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a put would have to wait, because there is no room, or others wait for it. Once the queue is closed,
    /// whether its capacity is used up, by items and by [`Slot`](crate::Slot)s that are held. Like `asyncio.Queue.full`.
    ///
    /// Room that belongs to a [`Slot`](crate::Slot), or to a put that was granted it and has not been polled since, is taken
    /// although no item is in it. Such a queue is full and [empty](Self::is_empty) at once:
    ///
    /// ```
    /// let queue = waitline_queue::Queue::bounded(1);
    /// let slot = queue.try_reserve().unwrap();
    /// assert!(queue.is_full() && queue.is_empty());
    /// slot.put(1).unwrap();
    /// queue.close();
    /// assert!(queue.is_full() && !queue.is_empty());
    /// ```
    pub fn is_full(&self) -> bool {
        let queue = self.queue.lock();
        match queue.admit(queue.has_waiters::<PUTTERS>()) {
            Ok(()) => false,
            Err(Refusal::Full) => true,
            // The room counts grants that are void by now (Q4).
            Err(Refusal::Closed) => self.capacity().is_some_and(|capacity| queue.store.len() + queue.slots >= capacity),
        }
    }

    /// Whether the queue was closed, in whichever way.
    ///
    /// ```
    /// let queue = waitline_queue::Queue::<u8>::bounded(8);
    /// queue.close();
    /// assert!(queue.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.queue.lock().phase != Phase::Open
    }

    /// Closes the queue and drops what is in it, as nobody is left who could take it. All that was put counts as done.
    pub(crate) fn abandon(&self) {
        drop(self.revoke(true));
    }

    /// `all_done`: also the items that were taken and not declared done.
    fn revoke(&self, all_done: bool) -> S {
        self.section(|queue| {
            let store = queue.revoke(all_done);
            release_joiners(queue);
            store
        })
    }

    #[inline(always)]
    pub(crate) fn queue(&self) -> &WaitQueue<QueueProtocol<S>> {
        &self.queue
    }

    /// Notes that the caller has taken an item, for reports.
    #[inline(always)]
    pub(crate) fn note_taken(&self, location: Caller) {
        self.queue.origin().take_item(location);
    }

    /// Makes a change in a section of the mutex, and what the change makes possible.
    #[inline(always)]
    pub(crate) fn section<R>(&self, change: impl FnOnce(&mut Section<'_, S>) -> R) -> R {
        self.section_if(|_| true, change)
    }

    /// The same for a change that may fail: `changed` says whether there is anything to settle.
    #[inline(always)]
    pub(crate) fn section_if<R>(
        &self,
        changed: impl FnOnce(&R) -> bool,
        change: impl FnOnce(&mut Section<'_, S>) -> R,
    ) -> R {
        let rescue = Rescue(self);
        let mut section = self.queue.lock();
        let result = change(&mut section);
        mem::forget(rescue);
        if !section.is_empty() && changed(&result) {
            settle_and_wake(section);
        }
        result
    }

    pub(crate) fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = self.queue.try_lock().map(|queue| (queue.store.len(), queue.phase != Phase::Open, queue.len()));
        f.debug_struct(name)
            .field("len", busy_or(&seen.map(|seen| seen.0)))
            .field("capacity", &self.capacity())
            .field("closed", busy_or(&seen.map(|seen| seen.1)))
            .field("waiters", busy_or(&seen.map(|seen| seen.2)))
            .finish()
    }
}

/// `Queue { len: 3, capacity: Some(8), closed: false, waiters: 0 }`. Never blocks: `<busy>` stands for what is being changed.
impl<T, S: Store<Item = T>> fmt::Debug for AnyQueue<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.debug(S::NAME, f)
    }
}

/// Settles after a section in which foreign code (a comparison) panicked.
struct Rescue<'q, S: Store>(&'q AnyQueue<S>);

impl<S: Store> Drop for Rescue<'_, S> {
    #[cold]
    fn drop(&mut self) {
        settle_and_wake(self.0.queue.lock());
    }
}
