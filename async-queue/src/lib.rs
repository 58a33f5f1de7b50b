//! Async queues with backpressure that lose nothing: [`Queue`], [`PriorityQueue`], [`LifoQueue`], and a [`channel`]
//! that closes by itself, with the semantics of Python's `asyncio.Queue` and its variants. And channels of other kinds:
//! a [`oneshot`] for a single value, and a [`broadcast`] of each value to every receiver. For any executor, and for
//! threads.
//!
//! ```
//! use waitline_queue::Queue;
//!
//! # futures_lite::future::block_on(async {
//! let queue = Queue::bounded(2);
//!
//! let producer = async {
//!     for item in 0..10 {
//!         queue.put(item).await.unwrap(); // waits while two items are inside
//!     }
//!     queue.close();
//! };
//! let consumer = async {
//!     let mut sum = 0;
//!     while let Ok(item) = queue.get().await {
//!         sum += item;
//!     }
//!     sum
//! };
//! let ((), sum) = futures_lite::future::zip(producer, consumer).await;
//! assert_eq!(sum, 45);
//! # });
//! ```
//!
//! # What is guaranteed
//!
//! | | |
//! |---|---|
//! | fairness | strict FIFO from the first poll on: slots are granted to waiting putters, and items to waiting getters, in the order in which they began to wait; no call passes a waiter, `try_put`, `try_reserve` and `try_get` included |
//! | order | items leave in the order in which they entered (or by rank, or newest first). An item enters when its `put` is ready, not when the `put` is granted its slot: until a granted `put` is polled, an item with another slot may enter first. Items that one task puts one after the other keep their order |
//! | a dropped `put` | has not put: it waits for a *slot*, and moves its item in when it is polled with the slot granted |
//! | a dropped `get` | has not taken: an item that it was granted goes to the next getter, or back to its position |
//! | a failed `put` | gives its item back, in the error |
//! | capacity | never exceeded by puts. A slot that is granted or held counts, so that a queue may be full and empty at once. Each item that a dropped `get` gives back may exceed the capacity by one; no further item enters until a slot is free again |
//! | allocation | none per wait; the buffer grows to the largest number of items inside, and that of an unbounded queue shrinks after a burst |
//! | item and waker code | never runs under the queue's mutex, except `Ord` in a [`PriorityQueue`] |
//!
//! A grant stays in the future that was granted: a `put` or `get` that waits and is then neither polled nor dropped
//! keeps the slot or the item. In a `select!`, drop the branches that lost.
//!
//! # When another queue is the better choice
//!
//! Between threads that do not await, `std::sync::mpsc` and `crossbeam-channel` need no mutex. For a single value, use
//! a [`oneshot`]; for the latest value and many readers, a watch (of `waitline-event`); for each item and every reader, a [`broadcast`].
//!
//! At capacity 1, the promise that a dropped `put` has not put has a price: each item that has to wait costs its
//! producer a second poll. A channel that takes the item out of the waiting sender, such as `kanal`, is faster there.
//! Between several threads, a lock-free channel such as `crossfire` may be faster at any capacity. `benches/README.md`
//! in the repository has the figures.
//!
//! # Recipes
//!
//! **Several producers, a clean end.** A [`channel`] closes when the last [`Sender`](channel::Sender) is dropped, and
//! the consumers drain what is left.
//!
//! ```
//! use waitline_queue::channel;
//!
//! let (sender, receiver) = channel::bounded(8);
//! std::thread::scope(|scope| {
//!     for source in 0..3 {
//!         let sender = sender.clone();
//!         scope.spawn(move || (0..5).for_each(|item| sender.put_blocking((source, item)).unwrap()));
//!     }
//!     drop(sender);
//!     let mut fanned_in = Vec::new();
//!     while let Ok(item) = receiver.get_blocking() {
//!         fanned_in.push(item);
//!     }
//!     assert_eq!(fanned_in.len(), 15);
//! });
//! ```
//!
//! **A pool of workers, and a wait until all work is done.** Call `task_done` after each job, and `join` to wait for
//! all of them. The workers may put further jobs.
//!
//! ```
//! use waitline_queue::Queue;
//! # use futures_lite::future::{block_on, zip};
//!
//! let jobs = Queue::unbounded();
//! jobs.try_put(20_u32).unwrap();
//! let worker = async || {
//!     while let Ok(job) = jobs.get().await {
//!         if job > 1 {
//!             jobs.try_put(job / 2).unwrap();
//!         }
//!         jobs.task_done().unwrap();
//!     }
//! };
//! let boss = async {
//!     jobs.join().await; // 20, 10, 5, 2 and 1 are done
//!     jobs.close();
//! };
//! block_on(zip(zip(worker(), worker()), boss));
//! assert_eq!(jobs.unfinished(), 0);
//! ```
//!
//! **Priorities.** The smallest item leaves first; use [`Reverse`](std::cmp::Reverse) for the largest. Equal items keep
//! their order.
//!
//! ```
//! use std::cmp::Reverse;
//! use waitline_queue::PriorityQueue;
//!
//! let jobs = PriorityQueue::bounded(8);
//! for (urgency, name) in [(1, "tidy up"), (9, "put out fire"), (5, "answer")] {
//!     jobs.try_put((Reverse(urgency), name)).unwrap();
//! }
//! assert_eq!(jobs.try_get().unwrap().1, "put out fire");
//! ```
//!
//! **A writer in batches.** It takes all items that there are, up to a limit, in one call: small batches under a light
//! load, large ones under a heavy load.
//!
//! ```
//! use waitline_queue::Queue;
//! # use futures_lite::future::{block_on, zip};
//!
//! let lines = Queue::bounded(100);
//! let writer = async {
//!     let (mut batch, mut writes) = (Vec::new(), 0);
//!     while lines.get_many(&mut batch, 64).await > 0 {
//!         writes += 1; // write the whole batch
//!         batch.clear();
//!     }
//!     writes
//! };
//! let source = async {
//!     for line in 0..200 {
//!         lines.put(line).await.unwrap();
//!     }
//!     lines.close();
//! };
//! let (writes, ()) = block_on(zip(writer, source));
//! assert!(writes < 10);
//! ```
//!
//! **An item that is costly to make, or must not be lost.** Reserve a slot first: a put into a slot never waits, and a
//! cancelled wait loses no item.
//!
//! ```
//! # use waitline_queue::{Closed, Queue};
//! # async fn fetch() -> u32 { 7 }
//! async fn forward(queue: &Queue<u32>) -> Result<(), Closed> {
//!     let slot = queue.reserve().await?;
//!     // If this future is dropped here, the slot goes to the next waiter.
//!     slot.put(fetch().await).map_err(|_| Closed)
//! }
//! # let queue = Queue::bounded(1);
//! # futures_lite::future::block_on(forward(&queue)).unwrap();
//! # assert_eq!(queue.try_get(), Ok(7));
//! ```
//!
//! **A pipeline at the rate of its slowest stage.** A small capacity makes each stage wait for the next: the source is
//! at most as many items ahead of the sink as the queues between them hold.
//!
//! ```
//! use futures_lite::StreamExt;
//! use waitline_queue::channel;
//! # use futures_lite::future::{block_on, zip};
//!
//! let (raw, to_parse) = channel::bounded(2);
//! let (parsed, to_sum) = channel::bounded(2);
//! let source = async move {
//!     for number in 1..=100 {
//!         raw.put(number.to_string()).await.unwrap();
//!     }
//! };
//! let parser = async move {
//!     let mut texts = std::pin::pin!(to_parse.items());
//!     while let Some(text) = texts.next().await {
//!         parsed.put(text.parse::<u32>().unwrap()).await.unwrap();
//!     }
//! };
//! let sink = async { to_sum.items().fold(0, |sum, number| sum + number).await };
//! assert_eq!(block_on(zip(zip(source, parser), sink)).1, 5050);
//! ```
//!
//! # Coming from asyncio
//!
//! | asyncio | here |
//! |---|---|
//! | `Queue(maxsize=8)`, `Queue()` | `Queue::bounded(8)`, `Queue::unbounded()` |
//! | `put`, `get` | [`put`](Queue::put), [`get`](Queue::get) |
//! | `put_nowait`, `get_nowait` | [`try_put`](Queue::try_put), [`try_get`](Queue::try_get) |
//! | `shutdown()`, `shutdown(immediate=True)` | [`close`](Queue::close), [`close_now`](Queue::close_now), which returns the items inside |
//! | `QueueFull`, `QueueEmpty`, `QueueShutDown` | [`TryPutError`], [`TryGetError`], [`PutError`], [`GetError`] |
//! | `task_done`, `join` | [`task_done`](Queue::task_done), [`join`](Queue::join) |
//! | `qsize`, `maxsize`, `empty`, `full` | [`len`](Queue::len), [`capacity`](Queue::capacity), [`is_empty`](Queue::is_empty), [`is_full`](Queue::is_full) |
//! | `loop.create_future()`, `set_result`, `cancel` | [`oneshot::channel`], [`send`](oneshot::Sender::send), a drop of the receiver |
//! | a woken getter that another one overtakes finds the queue empty and waits again | cannot happen: the getter was granted the item |
//!
//! # Panics
//!
//! If a waker panics, the panic goes to the call that woke it, after all others are woken. If that call has taken an
//! item, the item is dropped. No panic leaves a half-made change.
//!
//! A future that is polled after it was ready panics and changes nothing.
//!
//! # Features
//!
//! - `diagnostics`: records which tasks wait, and which tasks have items that are not done, for the reports of
//!   [`waitline-executor`] (or for your own, with [`waitline::diagnostics`]). Reports name each queue by its label.
//!   Without the feature this costs no byte and no instruction.
//! - `sink`: `PutSink`, a `futures_sink::Sink` that puts, from `sink` and `sink_owned`.
//! - `fused`: the streams of items implement `futures_core::stream::FusedStream`. (They are fused without it, too.)
//! - `loom`: together with `--cfg loom`, the queues run on loom's primitives, so that you can model-check your own code
//!   on top of them. See [`waitline::testing`]. Either one alone has no effect.
//!
//! # How it is verified
//!
//! The crate has no `unsafe` code. It is verified by loom models of put, get, cancel, close and join against each other
//! at preemption bound 3 (`cargo loom`), random sequences of all operations against a model of `asyncio.Queue`, tests
//! for the bugs that similar libraries had, a storm on threads, and mutants of each line that hands off, gives back or
//! closes.
//!
//! [`waitline-executor`]: https://docs.rs/waitline-executor
//! [`waitline::testing`]: https://docs.rs/waitline/latest/waitline/testing/

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod blocking;
#[doc(alias("fan-out", "multicast"))]
pub mod broadcast;
#[doc(alias("mpsc", "mpmc"))]
pub mod channel;
mod closed;
mod collect;
#[cfg(doctest)]
mod compile_fail;
mod error;
#[cfg(feature = "fused")]
mod fused;
mod get;
mod get_many;
mod heap;
mod join;
#[doc(alias("future", "promise"))]
pub mod oneshot;
mod owned;
mod put;
mod queue;
mod reserve;
mod settle;
#[cfg(feature = "sink")]
mod sink;
mod state;
mod store;
mod timed;

pub use closed::UntilClosed;
pub use error::{
    Closed, GetError, GetTimeoutError, PutError, PutTimeoutError, ReserveTimeoutError, TaskDoneError, TryGetError,
    TryPutError, TryReserveError,
};
pub use get::Get;
pub use get_many::{GetMany, Items};
pub use join::Join;
pub use owned::{OwnedItems, OwnedSlot, ReserveOwned};
pub use put::Put;
pub use queue::{AnyQueue, LifoQueue, PriorityQueue, Queue, QueueRef};
pub use reserve::{Reserve, Slot};
#[cfg(feature = "sink")]
pub use sink::PutSink;
pub use waitline::TimedOut;

/// The orders in which items leave a queue. Use them to name the type of a future or a slot, as in
/// `Put<'_, T, order::Priority<T>>`. They do nothing by themselves.
pub mod order {
    pub use crate::store::{Fifo, Lifo, Priority};
}

/// The example in the README runs as a documentation test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
