//! [`AnyQueue`], the one implementation of all queues, and the queue types, one for each order.

use crate::{
    settle::{release_closers, release_joiners, settle_and_wake},
    state::{PUTTERS, Phase, QueueProtocol, Refusal, Section, State},
    store::{Fifo, Lifo, Priority, Store},
};
use std::{
    fmt, mem,
    num::NonZeroUsize,
    panic::{RefUnwindSafe, UnwindSafe},
    sync::Arc,
};
use waitline::{WaitQueue, busy_or, const_unless_loom, diagnostics::Caller};

/// The one implementation behind [`Queue`], [`PriorityQueue`] and [`LifoQueue`], which differ in their
/// [order](crate::order).
///
/// Use one of these types, which determine the order:
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

/// A queue whose items leave in the order in which they entered. Like `asyncio.Queue`.
///
/// See the [crate] for the guarantees of all queues.
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

/// A queue whose smallest item leaves first. Equal items leave in the order in which they entered. Like
/// `asyncio.PriorityQueue`.
///
/// For the largest first, put [`Reverse`](std::cmp::Reverse). See the [crate] for the guarantees of all queues.
///
/// # Panics
///
/// Items are compared while the queue's mutex is held: a comparison must not use the queue, or it blocks for ever. If a
/// comparison panics, the panic goes to the call that put or took. That call has changed nothing, and the item that it
/// was to put is dropped. (A panic in [`close_now`](Self::close_now) drops all items; a panic while an item goes back
/// drops that item.) With a comparison that is no total order, items leave in any order, but none is lost or
/// duplicated.
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

/// A queue whose newest item leaves first. Like `asyncio.LifoQueue`.
///
/// See the [crate] for the guarantees of all queues.
///
/// ```
/// let undo = waitline_queue::LifoQueue::unbounded();
/// undo.try_put("typed a").unwrap();
/// undo.try_put("typed b").unwrap();
/// assert_eq!(undo.try_get(), Ok("typed b"));
/// ```
#[doc(alias = "stack")]
pub type LifoQueue<T> = AnyQueue<Lifo<T>>;

// A panic leaves no queue half changed: no user code runs in the middle of a change. So a value that borrows a queue,
// such as a slot, may cross a `catch_unwind`, too.
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
        /// Its memory doubles as needed and shrinks after a burst: when three quarters are not in use, the queue gives
        /// half back, down to 64 items.
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
        /// Sets the queue's name in reports, with the feature `diagnostics`. Does nothing without it.
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
        /// `kind` is the name of its type in reports.
        #[inline]
        #[track_caller]
        pub(crate) const fn new(kind: &'static str, capacity: Option<NonZeroUsize>) -> Self {
            let mut queue = WaitQueue::new((), State::new(capacity, S::EMPTY));
            queue.set_kind(kind);
            AnyQueue { queue, capacity }
        }
    }

    /// Closes the queue, and returns whether it was open. Like `asyncio.Queue.shutdown`.
    ///
    /// From now on puts fail, and gets take the items that are left. Waiting puts fail and give their item back, even
    /// if they were granted a slot and have not been polled since. Waiting reserves fail likewise. A held
    /// [`Slot`](crate::Slot) may still put, and gets that find the queue empty wait for it.
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
        self.section(|queue| {
            let was_open = queue.close(Phase::Closed);
            release_closers(queue);
            was_open
        })
    }

    /// Closes the queue, revokes the held slots, and returns all items, in the order in which they would have left.
    /// Like `asyncio.Queue.shutdown(immediate=True)`.
    ///
    /// The returned items count as done. An item that was granted to a get before belongs to that get. If the get is
    /// dropped before it is polled, the item goes back into the queue, where a later get or `close_now` finds it.
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

    /// The number of items inside. Reserved slots do not count. Like `asyncio.Queue.qsize`.
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

    /// The maximum number of items, or `None` if there is no limit. Like `asyncio.Queue.maxsize`.
    ///
    /// ```
    /// let queue = waitline_queue::Queue::<u8>::bounded(8);
    /// assert_eq!(queue.capacity(), Some(8));
    /// ```
    #[doc(alias = "maxsize")]
    pub fn capacity(&self) -> Option<usize> {
        self.capacity.map(NonZeroUsize::get)
    }

    /// Whether there is no item inside. An empty queue may be [full](Self::is_full) at the same time. Like
    /// `asyncio.Queue.empty`.
    ///
    /// ```
    /// let queue = waitline_queue::Queue::<u8>::bounded(8);
    /// assert!(queue.is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a put would have to wait, because no slot is free, or because other puts wait. Once the queue is closed,
    /// whether items and held [`Slot`](crate::Slot)s use up its capacity. Like `asyncio.Queue.full`.
    ///
    /// A slot that is held, or was granted to a put that has not been polled since, counts although no item is in it.
    /// So a queue may be full and [empty](Self::is_empty) at once:
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
            // `room` counts granted slots that are void by now (Q4).
            Err(Refusal::Closed) => self.capacity().is_some_and(|capacity| queue.store.len() + queue.slots >= capacity),
        }
    }

    /// Whether the queue was closed, by [`close`](Self::close) or [`close_now`](Self::close_now).
    ///
    /// ```
    /// let queue = waitline_queue::Queue::<u8>::bounded(8);
    /// queue.close();
    /// assert!(queue.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.queue.lock().phase != Phase::Open
    }

    /// Closes the queue and drops its items, because no receiver is left. All items that were put count as done.
    pub(crate) fn abandon(&self) {
        drop(self.revoke(true));
    }

    /// Takes everything out. `all_done`: items that were taken before and not declared done count as done, too.
    fn revoke(&self, all_done: bool) -> S {
        self.section(|queue| {
            let store = queue.revoke(all_done);
            release_joiners(queue);
            release_closers(queue);
            store
        })
    }

    #[inline(always)]
    pub(crate) fn queue(&self) -> &WaitQueue<QueueProtocol<S>> {
        &self.queue
    }

    /// Records, for reports, that the caller has taken an item.
    #[inline(always)]
    pub(crate) fn note_taken(&self, location: Caller) {
        self.queue.origin().take_item(location);
    }

    /// Makes a change in a section of the mutex, and grants everything that the change makes possible.
    #[inline(always)]
    pub(crate) fn section<R>(&self, change: impl FnOnce(&mut Section<'_, S>) -> R) -> R {
        self.section_if(|_| true, change)
    }

    /// Does the same with a change that may fail: `changed` returns whether there is anything to settle.
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

/// `Queue { len: 3, capacity: Some(8), closed: false, waiters: 0 }`. Never blocks: shows `<busy>` if the mutex is held.
impl<T, S: Store<Item = T>> fmt::Debug for AnyQueue<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.debug(S::NAME, f)
    }
}

/// A way to a queue: a reference, an `Arc`, or a half of a channel. Sealed.
///
/// The types of what outlives a borrow name it, as in `OwnedSlot<u8, Sender<u8>>`.
///
/// ```
/// use std::sync::Arc;
/// use waitline_queue::{OwnedSlot, Queue, QueueRef};
///
/// /// For slots of queues and channels alike.
/// fn fill<R: QueueRef<Item = u8>>(slot: OwnedSlot<u8, R>) {
///     slot.put(7).unwrap();
/// }
///
/// let queue = Arc::new(Queue::bounded(1));
/// fill(queue.clone().try_reserve_owned().unwrap());
/// assert_eq!(queue.try_get(), Ok(7));
/// ```
pub trait QueueRef: sealed::Sealed {
    /// The items of the queue.
    type Item;
    /// The order in which they leave.
    type Store: Store<Item = Self::Item>;
    #[doc(hidden)]
    fn any(&self) -> &AnyQueue<Self::Store>;
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

impl<S: Store> sealed::Sealed for &AnyQueue<S> {}
impl<S: Store> sealed::Sealed for Arc<AnyQueue<S>> {}

impl<T, S: Store<Item = T>> QueueRef for &AnyQueue<S> {
    type Item = T;
    type Store = S;
    #[inline(always)]
    fn any(&self) -> &AnyQueue<S> {
        self
    }
}

impl<T, S: Store<Item = T>> QueueRef for Arc<AnyQueue<S>> {
    type Item = T;
    type Store = S;
    #[inline(always)]
    fn any(&self) -> &AnyQueue<S> {
        self
    }
}

/// Settles after a section in which foreign code (a comparison) has panicked.
struct Rescue<'q, S: Store>(&'q AnyQueue<S>);

impl<S: Store> Drop for Rescue<'_, S> {
    #[cold]
    fn drop(&mut self) {
        settle_and_wake(self.0.queue.lock());
    }
}
