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
//! - [`Semaphore`]: permits come back by drop, and [`release`](Semaphore::release) adds new ones at will. The meaning of
//!   `asyncio.Semaphore`.
//! - [`BoundedSemaphore`]: never more permits than at the beginning, and an error for who releases too many. The meaning
//!   of `asyncio.BoundedSemaphore`.
//! - One permit around some data is a lock: take [`waitline-lock`], or, if nothing is awaited under it, the mutex of std or
//!   parking_lot. A limit on items that travel between tasks is a bounded queue: take [`waitline-queue`].
//!
//! # Guarantees
//!
//! | | |
//! |---|---|
//! | order | strictly first in, first out, by hand-off; nobody passes a waiter, `try_acquire` included, and a large request is not passed by small ones |
//! | cancellation | a dropped future loses its place and nothing else; a permit that it was granted goes to the next waiter |
//! | allocation | none, also not for a wait |
//! | closing | one step: waiting and later acquires fail, permits that are out stay valid and come back; who closes can wait for them |
//! | panics | a panicking holder gives its permits back; a panicking waker costs nobody else anything; there is no poisoning |
//! | sizes | [`Semaphore`] 24 bytes, [`BoundedSemaphore`] 40, permits 16, futures at most 64 |
//!
//! The price of strict order: with two busy threads and nothing to do between `acquire` and `acquire`, each permit goes to
//! a waiter that must first be woken, where an unfair semaphore would let the running thread take it again. It pays off
//! as soon as waiting times matter.
//!
//! # Recipes
//!
//! ## Limit concurrent calls
//!
//! At most two of these blocking calls (of an API without an async client, say) run at a time; the others wait for their
//! turn without a thread.
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
//! The permit lives in the task that waits. Who may drop that task while the call goes on moves an [`OwnedPermit`] into
//! the closure, which then holds it as long as the call takes.
//!
//! ## A memory budget
//!
//! One permit for each KiB that may be in memory. A large job waits until there is room for all of it; meanwhile small
//! ones do not take that room away.
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
//! A request for more than there will ever be waits for ever: check the size before, or take a [`BoundedSemaphore`], whose
//! `acquire_many` refuses it.
//!
//! ## A token bucket
//!
//! At most `BURST` requests at once, and one more every `PERIOD` in the long run. A token is used up, so its permit is
//! forgotten; a timer task releases one at each tick, and a full bucket says no.
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
//! An [`OwnedPermit`] can simply be sent. Where only a number can travel (over a wire, through a foreign callback), the one
//! side forgets the permit and the other releases it when the work is done.
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
//! The whole of it, but for making the connections. A permit belongs to a connection in use, and comes back after it,
//! without a guard. The close fails those who wait at once, and then waits until all connections are back.
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
//! `after_close` is for the one who closes: any permit that is out counts, and one that was granted to a waiter which is
//! dropped before it is polled counts as well, which no look at `available_permits` after a `release` could find. Two
//! tested pools in the shapes of deadpool's and sqlx's are in `examples/pools` of the repository.
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
//! - `diagnostics`: keeps on record who waits and who holds permits, for the reports of [`waitline-executor`] (or of your own, with
//!   [`waitline::diagnostics`]), and calls each semaphore by its label. Without it that costs not a byte and not an instruction.
//! - `loom`, which takes effect only together with `--cfg loom`: the semaphores run under loom's scheduler, so that you can
//!   model-check your own code on top of them. See [`waitline::testing`].
//!
//! # How it is verified
//!
//! There is no unsafe code in this crate. `tests/loom.rs` models exclusion, counts, wake-ups, every kind of cancellation
//! and the data that permits carry, in all interleavings up to three preemptions; every atomic ordering and every line
//! that distributes permits was weakened or left out once, to see a model or a test fail. `tests/it` has the hazards that
//! semaphores met elsewhere, a storm on four threads, and random sequences of calls against a sequential model.
//!
//! [`waitline-executor`]: https://docs.rs/waitline-executor
//! [`waitline-lock`]: https://docs.rs/waitline-lock
//! [`waitline-queue`]: https://docs.rs/waitline-queue
//! [`waitline::testing`]: https://docs.rs/waitline/latest/waitline/testing/

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod acquire;
mod bounded;
mod closed;
mod permit;
mod raw;
mod semaphore;
mod wait;

pub use acquire::{Acquire, AcquireOwned};
pub use bounded::{BoundedSemaphore, ReleaseError};
pub use closed::{AfterClose, Closed, OrClosed};
pub use permit::{AnySemaphore, OwnedPermit, Permit};
pub use semaphore::Semaphore;

/// The example in the README runs as a documentation test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
