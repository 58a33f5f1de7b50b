//! Async queues with backpressure that lose nothing: [`Queue`], [`PriorityQueue`], [`LifoQueue`], and a [`channel`] that
//! closes by itself, with the meaning of Python's `asyncio.Queue` and its kin. For any executor, and for threads.
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
//! | fairness | strict FIFO from the first poll on: slots are granted to those who wait for room, and items handed to those who wait for items; nobody takes what is another's turn, `try_put`, `try_reserve` and `try_get` included |
//! | order | items leave in the order in which they entered (or by rank, or newest first). An item enters when its `put` is ready, not when that is granted its slot: the item of a `put` that was granted its slot and not polled since may be passed by another with a slot of its own. Items that one task puts one after the other keep their order |
//! | a dropped `put` | has not put: it waits for a *slot*, and moves its item in when it is polled with the slot granted |
//! | a dropped `get` | has not taken: an item that it was handed goes to the next getter, or back to its place |
//! | a failed `put` | gives its item back, in the error |
//! | capacity | never exceeded by puts. A slot that is granted or held takes room, so that a queue may be full and empty at once. Each item that a dropped `get` gives back may exceed it by one; nothing is put until there is room again |
//! | allocation | none per wait; the buffer grows to what was inside at once, and that of an unbounded queue shrinks after a burst |
//! | item and waker code | never runs under the queue's mutex, except `Ord` in a [`PriorityQueue`] |
//!
//! A grant sits in the future that it was made to: a `put` or `get` that waits and is then neither polled nor dropped
//! keeps the slot or the item. In a `select!`, drop the branches that lost.
//!
//! # When another queue is the better choice
//!
//! Between threads that do not await, `std::sync::mpsc` or `crossbeam-channel` need no mutex. A single value, once, is a
//! oneshot; the latest value for many readers is a watch; each item for every reader is a broadcast.
//!
//! At capacity 1 the promise that a dropped `put` has not put has a price: each item that had to wait costs its producer
//! a second poll. `kanal` takes the item straight out of the waiting sender, and was 1.7 times as fast there for one
//! producer and one consumer on one thread, and 2.3 times for four of each; `futures-intrusive` does the same and was
//! ahead by an eighth in the latter case. From capacity 16 on `kanal` was 5 to 25 % ahead on one thread, and all others
//! behind. On two workers `kanal` or the lock-free `crossfire` was mostly 1.2 to 5 times as fast, by the most where every
//! item is waited for. (`cargo run --release -p waitline-benches -- compare queue`.)
//!
//! # Recipes
//!
//! **Several producers, a clean end.** A [`channel`] closes when the last [`Sender`](channel::Sender) is dropped, and the
//! consumers drain what is left.
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
//! **A pool of workers, and waiting until all work is done.** `task_done` after each job, `join` for all of them; the
//! workers may put further jobs.
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
//! **Priorities.** Smallest first; [`Reverse`](std::cmp::Reverse) for the largest. Equal ones keep their order.
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
//! **A writer in batches.** Takes what there is, up to a limit, in one go: small batches while little comes, large ones
//! under load.
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
//! **An item that is costly to make, or must not be lost.** Reserve first: when the slot is there, the put cannot wait
//! any more, and a cancelled wait has cost no item.
//!
//! ```
//! # use waitline_queue::{Closed, Queue};
//! # async fn fetch() -> u32 { 7 }
//! async fn forward(queue: &Queue<u32>) -> Result<(), Closed> {
//!     let slot = queue.reserve().await?;
//!     // If this future is dropped here, the slot goes to the next one that waits.
//!     slot.put(fetch().await).map_err(|_| Closed)
//! }
//! # let queue = Queue::bounded(1);
//! # futures_lite::future::block_on(forward(&queue)).unwrap();
//! # assert_eq!(queue.try_get(), Ok(7));
//! ```
//!
//! **A rate set by the slowest.** A small capacity makes each stage wait for the next: the source runs at most as many
//! items ahead of the sink as the queues between them hold.
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
//! | `shutdown()`, `shutdown(immediate=True)` | [`close`](Queue::close), [`close_now`](Queue::close_now), which returns what was inside |
//! | `QueueFull`, `QueueEmpty`, `QueueShutDown` | [`TryPutError`], [`TryGetError`], [`PutError`], [`GetError`] |
//! | `task_done`, `join` | [`task_done`](Queue::task_done), [`join`](Queue::join) |
//! | `qsize`, `maxsize`, `empty`, `full` | [`len`](Queue::len), [`capacity`](Queue::capacity), [`is_empty`](Queue::is_empty), [`is_full`](Queue::is_full) |
//! | a woken getter that comes second finds the queue empty and waits again | cannot happen: the item was handed over |
//!
//! # Panics
//!
//! A wake-up that panics is passed on to whoever caused it, after all others were woken; a call that has taken an item
//! drops it then. No panic leaves a half-made change.
//!
//! A future that is polled after it was ready panics and changes nothing.
//!
//! # Features
//!
//! - `diagnostics`: keeps on record who waits and who has items that are not done, for the reports of [`waitline-executor`] (or
//!   of your own, with [`waitline::diagnostics`]), and calls each queue by its label. Without it that costs not a byte and not
//!   an instruction.
//! - `loom`: together with `--cfg loom` the queues run on loom's primitives, so that you can model-check your own code on
//!   top of them. See [`waitline::testing`]. Either alone has no effect.
//!
//! # How it is verified
//!
//! No `unsafe` code. Loom models at preemption bound 3 of puts, gets, cancels, closing and joining against each other
//! (`cargo loom`); random sequences of all operations against a model of `asyncio.Queue`; tests against the bugs that
//! libraries of this kind had; a storm on threads; mutants of each line of hand-over, give-back and closing.
//!
//! [`waitline-executor`]: https://docs.rs/waitline-executor
//! [`waitline::testing`]: https://docs.rs/waitline/latest/waitline/testing/

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod blocking;
#[doc(alias("mpsc", "mpmc"))]
pub mod channel;
#[cfg(doctest)]
mod compile_fail;
mod error;
mod get;
mod get_many;
mod heap;
mod join;
mod put;
mod queue;
mod reserve;
mod settle;
mod state;
mod store;

pub use error::{Closed, GetError, PutError, TaskDoneError, TryGetError, TryPutError, TryReserveError};
pub use get::Get;
pub use get_many::{GetMany, Items};
pub use join::Join;
pub use put::Put;
pub use queue::{AnyQueue, LifoQueue, PriorityQueue, Queue};
pub use reserve::{Reserve, Slot};

/// The orders in which items leave a queue. They serve to name the type of a future or a slot, as in
/// `Put<'_, T, order::Priority<T>>`, and do nothing by themselves.
pub mod order {
    pub use crate::store::{Fifo, Lifo, Priority};
}

/// The example in the README runs as a documentation test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
