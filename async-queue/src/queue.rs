//! The three queues: thin skins over the one implementation in `raw`, each with its order.

use crate::{
    error::{GetError, PutError, TaskDoneError, TryGetError, TryPutError, TryReserveError},
    get::{Get, GetMany, Items},
    join::Join,
    put::{Put, Reserve, Slot},
    raw::RawQueue,
    store::{Fifo, Lifo, Priority},
};
use std::{fmt, num::NonZeroUsize};
use waitline::const_unless_loom;

/// Writes a queue type with all its methods. `$order` is a sentence of the docs, `$bound` what the order asks of items.
macro_rules! queue {
    ($(#[$doc:meta])* $name:ident, $store:ident, [$($bound:tt)*]) => {
        $(#[$doc])*
        pub struct $name<T: $($bound)*>(RawQueue<$store<T>>);

        impl<T: $($bound)*> $name<T> {
            const_unless_loom! {
                /// An empty queue for up to `capacity` items. `const`, except under loom; allocates with its first put.
                ///
                /// # Panics
                ///
                /// If `capacity` is 0: use `unbounded` for a queue without a limit.
                #[doc = concat!("\n```\nlet queue = waitline_queue::", stringify!($name), "::bounded(8);")]
                #[doc = "queue.try_put(1).unwrap();\nassert_eq!(queue.capacity(), Some(8));\n```"]
                #[inline]
                #[track_caller]
                pub const fn bounded(capacity: usize) -> Self {
                    let Some(capacity) = NonZeroUsize::new(capacity) else {
                        panic!(concat!(
                            stringify!($name), "::bounded: the capacity is 0 and must be at least 1; ",
                            "a queue without a limit is ", stringify!($name), "::unbounded()"
                        ))
                    };
                    $name(RawQueue::new(stringify!($name), Some(capacity), $store::new()))
                }
            }

            const_unless_loom! {
                /// An empty queue without a limit: a put never waits. `const`, except under loom.
                ///
                /// Its memory grows with its items (it doubles) and shrinks after a burst: whenever three quarters of it
                /// are not in use, half is given back, down to 64 items.
                #[doc = concat!("\n```\nlet queue = waitline_queue::", stringify!($name), "::unbounded();")]
                #[doc = "queue.try_put(1).unwrap();\nassert_eq!(queue.capacity(), None);\n```"]
                #[inline]
                #[track_caller]
                pub const fn unbounded() -> Self {
                    $name(RawQueue::new(stringify!($name), None, $store::new()))
                }
            }

            const_unless_loom! {
                /// Gives the queue a name for reports, with the feature `diagnostics`; without it this does nothing.
                #[doc = concat!("\n```\nlet queue = waitline_queue::", stringify!($name),
                    "::bounded(8).with_label(\"jobs\");")]
                #[doc = "queue.try_put(1).unwrap();\n```"]
                #[inline]
                pub const fn with_label(mut self, label: &'static str) -> Self {
                    self.0.origin_mut().set_label(label);
                    self
                }
            }

            /// Puts `item`, waiting for room if need be. The meaning of `asyncio.Queue.put`.
            ///
            /// # Fairness
            ///
            /// Those who wait for room, with `put` or [`reserve`](Self::reserve), get it in the order in which they
            /// began to wait, which is their first poll. Room is granted to the first one itself: until its future is
            /// polled or dropped, nobody else gets it.
            ///
            /// What is ordered is the room, not the items. An item enters when its put is polled with the room granted;
            /// if there is room for others too, theirs may enter before. A task that awaits each of its puts before the
            /// next one keeps its items in order.
            ///
            /// # Cancel safety
            ///
            /// A `put` that is dropped before it is ready has not put; its item is dropped with it. To keep the item,
            /// [`reserve`](Self::reserve) first.
            ///
            /// # Errors
            ///
            /// If the queue is closed before the item is in; the error holds the item.
            #[doc = concat!("\n```\n# futures_lite::future::block_on(async {\nlet queue = waitline_queue::",
                stringify!($name), "::bounded(1);")]
            #[doc = "queue.put(\"item\").await.unwrap();\nassert_eq!(queue.get().await, Ok(\"item\"));\n# });\n```"]
            #[doc(alias("send", "push", "enqueue"))]
            #[inline]
            #[track_caller]
            pub fn put(&self, item: T) -> Put<'_, T, $store<T>> {
                self.0.put(item)
            }

            /// Puts `item` if there is room that nobody waits for. The meaning of `asyncio.Queue.put_nowait`.
            ///
            /// It takes nobody's room. Its item may enter before that of a [`put`](Self::put) that was granted room and has
            /// not been polled since.
            ///
            /// # Errors
            ///
            /// If there is none, or the queue is closed; the error holds the item.
            #[doc = concat!("\n```\nuse waitline_queue::{", stringify!($name), ", TryPutError};\nlet queue = ",
                stringify!($name), "::bounded(1);")]
            #[doc = "queue.try_put(1).unwrap();\nassert_eq!(queue.try_put(2), Err(TryPutError::Full(2)));\n```"]
            #[doc(alias("try_send", "put_nowait"))]
            #[inline]
            pub fn try_put(&self, item: T) -> Result<(), TryPutError<T>> {
                self.0.try_put(item)
            }

            /// [`put`](Self::put) with this thread waiting, in one line with the futures that wait. Its item enters as soon as
            /// it is its turn, whether or not the thread runs by then. It yields a few times before it parks.
            ///
            /// Not for use inside a future: it stops the executor's thread.
            ///
            /// # Errors
            ///
            /// As [`put`](Self::put).
            #[doc = concat!("\n```\nlet queue = waitline_queue::", stringify!($name), "::bounded(1);")]
            #[doc = "std::thread::scope(|scope| {"]
            #[doc = "    scope.spawn(|| (0..9).for_each(|item| queue.put_blocking(item).unwrap()));"]
            #[doc = "    (0..9).for_each(|item| assert_eq!(queue.get_blocking(), Ok(item)));\n});\n```"]
            #[doc(alias("blocking_send", "send_blocking"))]
            #[track_caller]
            pub fn put_blocking(&self, item: T) -> Result<(), PutError<T>> {
                self.0.put_blocking(item)
            }

            /// Waits for room and keeps it, so that the item can be made, or the decision taken, when it is certain.
            ///
            /// # Fairness
            ///
            /// One line with [`put`](Self::put).
            ///
            /// # Cancel safety
            ///
            /// Dropping the future loses its place in the line and nothing else. Dropping the [`Slot`] gives the room to
            /// the next one in line.
            ///
            /// # Errors
            ///
            /// If the queue is closed before the slot is there.
            #[doc = concat!("\n```\n# futures_lite::future::block_on(async {\nlet queue = waitline_queue::",
                stringify!($name), "::bounded(1);")]
            #[doc = "let slot = queue.reserve().await.unwrap();\nassert!(queue.is_full());\nslot.put(1).unwrap();"]
            #[doc = "assert_eq!(queue.len(), 1);\n# });\n```"]
            #[track_caller]
            pub fn reserve(&self) -> Reserve<'_, T, $store<T>> {
                self.0.reserve()
            }

            /// Reserves room if there is some that nobody waits for.
            ///
            /// # Errors
            ///
            /// If there is none, or the queue is closed.
            #[doc = concat!("\n```\nuse waitline_queue::{", stringify!($name), ", TryReserveError};\nlet queue = ",
                stringify!($name), "::<u8>::bounded(1);")]
            #[doc = "let slot = queue.try_reserve().unwrap();"]
            #[doc = "assert_eq!(queue.try_reserve().unwrap_err(), TryReserveError::Full);\n```"]
            pub fn try_reserve(&self) -> Result<Slot<'_, T, $store<T>>, TryReserveError> {
                self.0.try_reserve()
            }

            /// Takes an item, waiting for one if need be. The meaning of `asyncio.Queue.get`.
            ///
            /// # Fairness
            ///
            /// Those who wait are served in the order in which they began to wait, which is their first poll. An item is
            /// handed to the first one itself: until its future is polled or dropped, the item is there.
            ///
            /// # Cancel safety
            ///
            /// A `get` that is dropped before it is ready has not taken. An item that it was handed goes to the next one
            /// that waits, or back to where it was: items that come back stand in the order in which they entered. They
            /// are the only ones that may exceed the capacity, each by one; nothing is put until there is room again.
            ///
            /// # Errors
            ///
            /// If the queue is closed and empty, and no [`Slot`] is held that might still bring an item.
            #[doc = concat!("\n```\n# futures_lite::future::block_on(async {\nuse waitline_queue::{GetError, ",
                stringify!($name), "};\nlet queue = ", stringify!($name), "::bounded(1);")]
            #[doc = "queue.put(1).await.unwrap();\nqueue.close();\nassert_eq!(queue.get().await, Ok(1));"]
            #[doc = "assert_eq!(queue.get().await, Err(GetError));\n# });\n```"]
            #[doc(alias("recv", "pop", "dequeue"))]
            #[inline]
            #[track_caller]
            pub fn get(&self) -> Get<'_, T, $store<T>> {
                self.0.get()
            }

            /// Takes an item if there is one. The meaning of `asyncio.Queue.get_nowait`.
            ///
            /// Nobody is passed: while somebody waits for an item there is none.
            ///
            /// # Errors
            ///
            /// If there is none now, or, after a close, ever.
            #[doc = concat!("\n```\nuse waitline_queue::{", stringify!($name), ", TryGetError};\nlet queue = ",
                stringify!($name), "::<u8>::bounded(1);")]
            #[doc = "assert_eq!(queue.try_get(), Err(TryGetError::Empty));\n```"]
            #[doc(alias("try_recv", "get_nowait"))]
            #[inline]
            #[track_caller]
            pub fn try_get(&self) -> Result<T, TryGetError> {
                self.0.try_get()
            }

            /// [`get`](Self::get) with this thread waiting, in one line with the futures that wait. It yields a few times
            /// before it parks.
            ///
            /// Not for use inside a future: it stops the executor's thread.
            ///
            /// # Errors
            ///
            /// As [`get`](Self::get).
            #[doc = concat!("\n```\nlet queue = waitline_queue::", stringify!($name), "::bounded(1);")]
            #[doc = "queue.try_put(1).unwrap();\nassert_eq!(queue.get_blocking(), Ok(1));\n```"]
            #[doc(alias("blocking_recv", "recv_blocking"))]
            #[track_caller]
            pub fn get_blocking(&self) -> Result<T, GetError> {
                self.0.get_blocking()
            }

            /// Takes up to `limit` items at once and appends them to `out`, waiting until there is at least one.
            ///
            /// The number of items taken: 0 only if the queue is closed and empty as for [`get`](Self::get), or `limit`
            /// is 0. It passes nobody, since items stay in the queue only while nobody waits for one.
            ///
            /// # Cancel safety
            ///
            /// Dropped before it is ready it has taken nothing, and `out` is as it was.
            #[doc = concat!("\n```\n# futures_lite::future::block_on(async {\nlet queue = waitline_queue::",
                stringify!($name), "::bounded(8);")]
            #[doc = "for _ in 0..5 {\n    queue.put('x').await.unwrap();\n}\nlet mut batch = Vec::new();"]
            #[doc = "assert_eq!(queue.get_many(&mut batch, 3).await, 3);"]
            #[doc = "assert_eq!(queue.get_many(&mut batch, 3).await, 2);\nassert_eq!(batch, ['x'; 5]);\n# });\n```"]
            #[doc(alias = "recv_many")]
            #[track_caller]
            pub fn get_many<'a>(&'a self, out: &'a mut Vec<T>, limit: usize) -> GetMany<'a, T, $store<T>> {
                self.0.get_many(out, limit)
            }

            /// The items as a stream, which ends when the queue is closed and empty as for [`get`](Self::get).
            ///
            /// # Cancel safety
            ///
            /// As [`get`](Self::get): dropping the stream, or a `next()` on it, loses nothing.
            #[doc = concat!("\n```\n# futures_lite::future::block_on(async {\nuse futures_lite::StreamExt;\nlet queue = \
                waitline_queue::", stringify!($name), "::bounded(8);")]
            #[doc = "queue.put(2).await.unwrap();\nqueue.put(2).await.unwrap();\nqueue.close();"]
            #[doc = "let sum = queue.items().fold(0, |sum, item| sum + item).await;\nassert_eq!(sum, 4);\n# });\n```"]
            #[doc(alias = "stream")]
            #[track_caller]
            pub fn items(&self) -> Items<'_, T, $store<T>> {
                self.0.items()
            }

            /// Closes the queue: from now on puts fail, and gets take what is left. Whether it was open.
            ///
            /// The meaning of `asyncio.Queue.shutdown`. Puts that wait fail and give their item back, those too that
            /// were granted room and not polled since; waiting reserves fail likewise. A [`Slot`] that is held may still
            /// put, and gets that find the queue empty wait for it.
            #[doc = concat!("\n```\nuse waitline_queue::{", stringify!($name), ", TryGetError, TryPutError};\nlet queue = ",
                stringify!($name), "::bounded(8);")]
            #[doc = "queue.try_put(1).unwrap();\nassert!(queue.close());\nassert!(!queue.close());"]
            #[doc = "assert_eq!(queue.try_put(2), Err(TryPutError::Closed(2)));"]
            #[doc = "assert_eq!(queue.try_get(), Ok(1));\nassert_eq!(queue.try_get(), Err(TryGetError::Closed));\n```"]
            #[doc(alias = "shutdown")]
            pub fn close(&self) -> bool {
                self.0.close()
            }

            /// Closes the queue, takes everything out of it, in the order in which it would have left, and revokes the
            /// slots that are held.
            ///
            /// The meaning of `asyncio.Queue.shutdown(immediate=True)`: the items that it takes out count as done. An
            /// item that was handed to a get before belongs to that get; if that is dropped unseen, the item goes back
            /// into the queue, where a later get, or `close_now`, finds it.
            #[doc = concat!("\n```\nlet queue = waitline_queue::", stringify!($name), "::bounded(8);")]
            #[doc = "queue.try_put(1).unwrap();\nassert_eq!(queue.close_now(), [1]);"]
            #[doc = "assert_eq!(queue.unfinished(), 0);\n```"]
            #[doc(alias = "shutdown")]
            pub fn close_now(&self) -> Vec<T> {
                self.0.close_now()
            }

            /// Says that an item which was taken has been worked on. The meaning of `asyncio.Queue.task_done`.
            ///
            /// # Errors
            ///
            /// If there were more calls than items; nothing has changed then.
            #[doc = concat!("\n```\nlet queue = waitline_queue::", stringify!($name), "::bounded(8);")]
            #[doc = "queue.try_put(1).unwrap();\nqueue.try_get().unwrap();\nassert_eq!(queue.task_done(), Ok(()));"]
            #[doc = "assert!(queue.task_done().is_err());\n```"]
            pub fn task_done(&self) -> Result<(), TaskDoneError> {
                self.0.task_done()
            }

            /// The number of items that were ever put, minus the calls of [`task_done`](Self::task_done), minus those
            /// that [`close_now`](Self::close_now) took out.
            #[doc = concat!("\n```\nlet queue = waitline_queue::", stringify!($name), "::bounded(8);")]
            #[doc = "queue.try_put(1).unwrap();\nqueue.try_get().unwrap();\nassert_eq!(queue.unfinished(), 1);\n```"]
            pub fn unfinished(&self) -> usize {
                self.0.unfinished()
            }

            /// Waits until no item is [`unfinished`](Self::unfinished). The meaning of `asyncio.Queue.join`.
            ///
            /// It is enough that this comes true once after the first poll, whatever is put afterwards.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future loses nothing.
            #[doc = concat!("\n```\n# futures_lite::future::block_on(async {\nlet queue = waitline_queue::",
                stringify!($name), "::bounded(8);")]
            #[doc = "queue.put(1).await.unwrap();\nlet worker = async {\n    queue.get().await.unwrap();"]
            #[doc = "    queue.task_done().unwrap();\n};"]
            #[doc = "futures_lite::future::zip(queue.join(), worker).await;\n# });\n```"]
            #[track_caller]
            pub fn join(&self) -> Join<'_, T, $store<T>> {
                self.0.join()
            }

            /// The number of items inside; reserved room does not count. The meaning of `asyncio.Queue.qsize`.
            #[doc = concat!("\n```\nlet queue = waitline_queue::", stringify!($name), "::bounded(8);")]
            #[doc = "queue.try_put(1).unwrap();\nassert_eq!(queue.len(), 1);\n```"]
            #[doc(alias = "qsize")]
            pub fn len(&self) -> usize {
                self.0.len()
            }

            /// How many items the queue takes, or `None` if it has no limit.
            #[doc = concat!("\n```\nlet queue = waitline_queue::", stringify!($name), "::<u8>::bounded(8);")]
            #[doc = "assert_eq!(queue.capacity(), Some(8));\n```"]
            #[doc(alias = "maxsize")]
            pub fn capacity(&self) -> Option<usize> {
                self.0.capacity()
            }

            /// Whether there is no item inside. An empty queue may be [full](Self::is_full) at the same time.
            #[doc = concat!("\n```\nlet queue = waitline_queue::", stringify!($name), "::<u8>::bounded(8);")]
            #[doc = "assert!(queue.is_empty());\n```"]
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// Whether a put would have to wait, because there is no room, or others wait for it. Once the queue is closed,
            /// whether its capacity is used up, by items and by [`Slot`]s that are held. Like `asyncio.Queue.full`.
            ///
            /// Room that belongs to a [`Slot`], or to a put that was granted it and has not been polled since, is taken
            /// although no item is in it. Such a queue is full and [empty](Self::is_empty) at once:
            #[doc = concat!("\n```\nlet queue = waitline_queue::", stringify!($name), "::bounded(1);")]
            #[doc = "let slot = queue.try_reserve().unwrap();\nassert!(queue.is_full() && queue.is_empty());"]
            #[doc = "slot.put(1).unwrap();\nqueue.close();\nassert!(queue.is_full() && !queue.is_empty());\n```"]
            pub fn is_full(&self) -> bool {
                self.0.is_full()
            }

            /// Whether the queue was closed, in whichever way.
            #[doc = concat!("\n```\nlet queue = waitline_queue::", stringify!($name), "::<u8>::bounded(8);")]
            #[doc = "queue.close();\nassert!(queue.is_closed());\n```"]
            pub fn is_closed(&self) -> bool {
                self.0.is_closed()
            }
        }

        /// `
        #[doc = concat!(stringify!($name), " { len: 3, capacity: Some(8), closed: false, waiters: 0 }")]
        /// `. Never blocks.
        impl<T: $($bound)*> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.debug(stringify!($name), f)
            }
        }
    };
}

queue! {
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
    Queue, Fifo, []
}

queue! {
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
    PriorityQueue, Priority, [Ord]
}

queue! {
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
    LifoQueue, Lifo, []
}
