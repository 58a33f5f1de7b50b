//! A strictly fair async semaphore, and a bounded one: requests of any size are served first in, first out, a wait
//! allocates nothing, and there is no error to unwrap. Pools can [close](Semaphore#closing) it.
//!
//! ```
//! use waitline_sem::Semaphore;
//!
//! # futures_lite::future::block_on(async {
//! let semaphore = Semaphore::new(3);
//! let permit = semaphore.acquire().await;
//! let two_more = semaphore.acquire_many(2).await;
//! assert!(semaphore.try_acquire().is_none());
//! drop(permit);
//! assert_eq!(semaphore.available_permits(), 1);
//! # });
//! ```
//!
//! It runs under any executor, and on plain threads by [`acquire_blocking`](Semaphore::acquire_blocking).
//!
//! # Which one
//!
//! - [`Semaphore`]: a drop releases permits, and [`release`](Semaphore::release) adds new ones at any time. Like
//!   `asyncio.Semaphore`.
//! - [`BoundedSemaphore`]: never more permits than at the beginning, and an error if too many are released. Like
//!   `asyncio.BoundedSemaphore`.
//! - One permit around some data is a lock: use [`waitline-lock`], or, if no code awaits while it holds the lock, the
//!   mutex of std or parking_lot. A limit on items that travel between tasks is a bounded queue: use
//!   [`waitline-queue`].
//!
//! # Guarantees
//!
//! | | |
//! |---|---|
//! | order | strictly first in, first out, by hand-off; no call passes a waiter, not even `try_acquire`, and small requests do not pass a large one |
//! | cancellation | a dropped future leaves the queue and loses nothing else; permits that it was granted go to the next waiters |
//! | allocation | none, also not for a wait |
//! | closing | one step: waiting and later acquires fail, held permits stay valid, and the task that closes can wait for their release |
//! | panics | a holder that panics releases its permits; a waker that panics does not affect other waiters; there is no poisoning |
//! | sizes | [`Semaphore`] 24 bytes, [`BoundedSemaphore`] 40, permits 16, futures at most 64 |
//!
//! Strict order has a price. If two busy threads acquire and release in a tight loop, each permit goes to a waiter that
//! must first be woken, where an unfair semaphore would let the running thread take it again. Strict order pays off as
//! soon as waiting times matter.
//!
//! # Recipes
//!
//! ## Limit concurrent calls
//!
//! At most two of these blocking calls (to an API without an async client, for example) run at a time. The others wait
//! without occupying a thread.
//!
//! ```
//! use waitline_executor::{gather, run, run_blocking};
//! use waitline_sem::Semaphore;
//!
//! fn call_the_api(id: u32) -> String {
//!     format!("answer {id}")
//! }
//!
//! let answers = run(async {
//!     let limit = Semaphore::new(2);
//!     let limit = &limit;
//!     gather((0..5).map(|id| async move {
//!         let _permit = limit.acquire().await;
//!         run_blocking(move || call_the_api(id)).await.expect("the call does not panic")
//!     }))
//!     .await
//! });
//! assert_eq!(answers[4], "answer 4");
//! ```
//!
//! The permit lives in the task that waits. If that task may be dropped during the call, move an [`OwnedPermit`] into
//! the closure, which then holds it as long as the call takes.
//!
//! ## A memory budget
//!
//! One permit for each KiB that may be in memory. A large job waits until enough memory is free for all of it.
//! Meanwhile, small jobs do not take that memory away.
//!
//! ```
//! use waitline_executor::{TaskGroup, run};
//! use waitline_sem::Semaphore;
//!
//! static BUDGET: Semaphore = Semaphore::new(1024);
//!
//! async fn process(bytes: usize) -> usize {
//!     let room = BUDGET.acquire_many(bytes.div_ceil(1024)).await;
//!     let mut buffer = vec![0_u8; bytes];
//!     // ... fill it, and work on it ...
//!     buffer[0] = 1;
//!     drop(buffer);
//!     drop(room);
//!     bytes
//! }
//!
//! let total: usize = run(async {
//!     let mut jobs = TaskGroup::new();
//!     for kib in [700, 10, 900, 10] {
//!         jobs.spawn(process(kib * 1024));
//!     }
//!     jobs.join_all().await.unwrap().iter().sum()
//! });
//! assert_eq!((total, BUDGET.available_permits()), (1620 * 1024, 1024));
//! ```
//!
//! A request for more permits than there will ever be waits for ever. Check the size first, or use a
//! [`BoundedSemaphore`], whose `acquire_many` refuses it.
//!
//! ## A token bucket
//!
//! At most `BURST` requests at once, and one more every `PERIOD` in the long run. A token is used up, so its permit is
//! forgotten. A timer task releases one at each tick, and a full bucket refuses it.
//!
//! ```
//! use std::{sync::Arc, time::Duration};
//! use waitline_executor::{interval, run, spawn};
//! use waitline_sem::BoundedSemaphore;
//!
//! const BURST: usize = 3;
//! const PERIOD: Duration = Duration::from_millis(1);
//!
//! run(async {
//!     let bucket = Arc::new(BoundedSemaphore::new(BURST));
//!     let refill = spawn({
//!         let bucket = bucket.clone();
//!         async move {
//!             let mut ticks = interval(PERIOD);
//!             loop {
//!                 ticks.tick().await;
//!                 // An error means that the bucket is full.
//!                 _ = bucket.release(1);
//!             }
//!         }
//!     });
//!     for _request in 0..5 {
//!         bucket.acquire().await.forget();
//!     }
//!     refill.cancel();
//! });
//! ```
//!
//! ## Hand a permit to another task
//!
//! An [`OwnedPermit`] can simply be sent. Where only a number can travel (over a wire, through a foreign callback), one
//! side forgets the permit, and the other side releases it when the work is done.
//!
//! ```
//! use std::sync::Arc;
//! use waitline_executor::{run, spawn, sync::Queue};
//! use waitline_sem::Semaphore;
//!
//! run(async {
//!     let limit = Arc::new(Semaphore::new(2));
//!     let jobs = Arc::new(Queue::unbounded());
//!     let worker = spawn({
//!         let (limit, jobs) = (limit.clone(), jobs.clone());
//!         async move {
//!             while let Ok(_job) = jobs.get().await {
//!                 // ... the work is done here, under the permit that was taken there ...
//!                 limit.release(1);
//!             }
//!         }
//!     });
//!     for job in 0..10 {
//!         // Never more than two jobs are queued or in work.
//!         limit.acquire().await.forget();
//!         jobs.put(job).await.unwrap();
//!     }
//!     jobs.close();
//!     worker.await.unwrap();
//!     assert_eq!(limit.available_permits(), 2);
//! });
//! ```
//!
//! ## A pool that can be closed
//!
//! A complete pool, except that it makes no real connections. A permit belongs to a connection in use, and is released
//! after it, without a guard. `close` fails all waiting acquires at once, and then waits until all connections are
//! back.
//!
//! ```
//! use std::sync::Mutex;
//! use waitline_executor::{run, spawn, yield_now};
//! use waitline_sem::{Closed, Semaphore};
//!
//! const LIMIT: usize = 2;
//! static PERMITS: Semaphore = Semaphore::new(LIMIT);
//! static IDLE: Mutex<Vec<String>> = Mutex::new(Vec::new());
//!
//! struct Connection(Option<String>);
//!
//! async fn get() -> Result<Connection, Closed> {
//!     PERMITS.acquire().or_closed().await?.forget();
//!     let idle = IDLE.lock().unwrap().pop();
//!     Ok(Connection(Some(idle.unwrap_or_else(|| "a new connection".to_owned()))))
//! }
//!
//! impl Drop for Connection {
//!     fn drop(&mut self) {
//!         IDLE.lock().unwrap().extend(self.0.take());
//!         PERMITS.release(1);
//!     }
//! }
//!
//! async fn close() {
//!     PERMITS.close();
//!     let _all = PERMITS.acquire_many(LIMIT).after_close().await;
//!     IDLE.lock().unwrap().clear();
//! }
//!
//! run(async {
//!     let in_use = [get().await.unwrap(), get().await.unwrap()];
//!     let waiting = spawn(async { get().await.is_err() });
//!     yield_now().await;
//!     let closing = spawn(close());
//!     assert!(waiting.await.unwrap());
//!     assert!(!closing.is_finished());
//!     drop(in_use);
//!     closing.await.unwrap();
//!     assert!(get().await.is_err() && IDLE.lock().unwrap().is_empty());
//! });
//! ```
//!
//! `after_close` is for the task that closes. It waits for every held permit, and also for a permit that was granted to
//! a waiter which is dropped before it is polled; a look at `available_permits` after a `release` could not find that
//! one. `examples/pools` in the repository has two tested pools, with the interfaces of deadpool's and sqlx's.
//!
//! # asyncio's names
//!
//! | asyncio | here |
//! |---|---|
//! | `Semaphore(value)`, `BoundedSemaphore(value)` | [`Semaphore::new`], [`BoundedSemaphore::new`] |
//! | `await s.acquire()`, `async with s` | [`acquire`](Semaphore::acquire): the permit is the block |
//! | `s.release()` | drop the [`Permit`], or [`release`](Semaphore::release) |
//! | `s.locked()` | `s.available_permits() == 0 \|\| s.waiters() > 0` |
//! | `ValueError` for one release too many | [`ReleaseError`] |
//! | – | [`close`](Semaphore::close), [`or_closed`](Acquire::or_closed), [`after_close`](Acquire::after_close) |
//!
//! # Features
//!
//! - `diagnostics`: records which tasks wait and which hold permits, for the reports of [`waitline-executor`] (or for
//!   your own, with [`waitline::diagnostics`]). Reports name each semaphore by its label. Without the feature this
//!   costs no byte and no instruction.
//! - `loom`, which takes effect only together with `--cfg loom`: the semaphores run under loom's scheduler, so that you
//!   can model-check your own code on top of them. See [`waitline::testing`].
//!
//! # How it is verified
//!
//! There is no unsafe code in this crate. `tests/loom.rs` models exclusion, counts, wake-ups, every kind of
//! cancellation and the data that permits carry, in all interleavings up to three preemptions; every atomic ordering
//! and every line that distributes permits was once weakened or removed, to see a model or a test fail. `tests/it`
//! tests the hazards that other semaphores met, a storm on four threads, and random sequences of calls against a
//! sequential model.
//!
//! [`waitline-executor`]: https://docs.rs/waitline-executor
//! [`waitline-lock`]: https://docs.rs/waitline-lock
//! [`waitline-queue`]: https://docs.rs/waitline-queue
//! [`waitline::testing`]: https://docs.rs/waitline/latest/waitline/testing/

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod acquire;
mod blocking;
mod bounded;
mod closed;
mod permit;
mod raw;
mod semaphore;
mod wait;

pub use acquire::{Acquire, AcquireOwned};
pub use blocking::AcquireTimeoutError;
pub use bounded::{BoundedSemaphore, ReleaseError};
pub use closed::{AfterClose, Closed, OrClosed};
pub use permit::{AnySemaphore, OwnedPermit, Permit};
pub use semaphore::Semaphore;

/// The example in the README runs as a documentation test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
