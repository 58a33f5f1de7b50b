//! A strictly fair async [`Lock`] at the price of a thread mutex, and a [`Condition`] without a thundering herd, with the
//! meaning of Python's `asyncio.Lock` and `asyncio.Condition`. For any executor, and for threads.
//!
//! ```
//! use waitline_lock::{Condition, Lock};
//!
//! # futures_lite::future::block_on(async {
//! let (jobs, added) = (Lock::new(Vec::new()), Condition::new());
//!
//! let worker = async {
//!     let guard = jobs.lock().await;
//!     let mut jobs = added.wait_while(guard, |jobs| jobs.is_empty()).await;
//!     jobs.pop()
//! };
//! let boss = async {
//!     let mut jobs = jobs.lock().await;
//!     jobs.push("dig");
//!     added.notify_one(&jobs);
//! };
//! let (job, ()) = futures_lite::future::zip(worker, boss).await;
//! assert_eq!(job, Some("dig"));
//! # });
//! ```
//!
//! # When another lock is the better choice
//!
//! If the lock is never held across an `.await`, `std::sync::Mutex` or `parking_lot::Mutex` is simpler, and under
//! contention faster: it lets whoever runs take the lock. This lock is for critical sections that await, and for
//! programs in which nobody may starve.
//!
//! That fairness has a price in one place. Two threads that hammer an *empty* critical section are handed the lock in
//! turns, a task switch each time and often across cores, where a barging lock lets one thread run through several
//! acquisitions. On 2 workers with 64 tasks an acquisition took about 140 ns, with the barging `async-lock` between 13 and
//! 130, from round to round; the other FIFO locks took about as long as this one or longer, tokio's at times much less, when
//! its tasks stayed on one worker. With 2 µs of work outside the lock all of them took the same. `notify_all` is a chain of
//! hand-offs: on one thread it is the fastest there is, on two workers a barging lock with `event-listener` took 0.6 of its
//! time. (`cargo run --release -p waitline-benches -- compare lock --only workers`.)
//!
//! # What is guaranteed
//!
//! | | |
//! |---|---|
//! | fairness | strict FIFO from the first poll on, by hand-off; nobody barges, `try_lock` included |
//! | cancellation | a dropped future loses its place, never the lock or a notification |
//! | allocation | none per wait |
//! | poisoning | none: a panic releases the lock |
//! | notified waiters | move to the lock's queue; each is woken once, when it holds the lock |
//! | size | `Lock<()>` 16 bytes, guards 8, `Acquire` 48 (64-bit machines) |
//!
//! # Features
//!
//! - `diagnostics`: keeps on record who waits and who holds, for the reports of [`waitline-executor`] (or of your own, with
//!   [`waitline::diagnostics`]), and calls each lock by its label. Without it that costs not a byte and not an instruction.
//! - `loom`: together with `--cfg loom` the lock runs on loom's primitives, so that you can model-check your own code on
//!   top of it. See [`waitline::testing`]. Either alone has no effect.
//!
//! # How it is verified
//!
//! Loom models at preemption bound 3 of every fast path, hand-off and cancellation (`cargo loom`); tests against the bugs
//! that libraries of this kind had; a storm on threads; AddressSanitizer and valgrind. `unsafe` is confined to the cell
//! around the value and its guards; the queue is [`waitline`]'s.
//!
//! [`waitline-executor`]: https://docs.rs/waitline-executor
//! [`waitline::testing`]: https://docs.rs/waitline/latest/waitline/testing/

#![cfg_attr(docsrs, feature(doc_cfg))]

mod condition;
mod guard;
mod lock;
mod raw;
mod wait;

pub use condition::Condition;
pub use guard::{LockGuard, MappedLockGuard, OwnedLockGuard, OwnedMappedLockGuard};
pub use lock::{Acquire, AcquireOwned, Lock};
pub use wait::{Guard, Wait, WaitWhile};

/// The example in the README runs as a documentation test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
