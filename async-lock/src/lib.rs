//! A strictly fair async [`Lock`] that costs as little as a thread mutex, an [`RwLock`] with upgradable reads, a
//! [`Condition`] without a thundering herd, and a [`OnceCell`]. `Lock` and `Condition` have the semantics of Python's `asyncio.Lock` and
//! `asyncio.Condition`. For any executor, and for threads.
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
//! If the lock is never held across an `.await`, `std::sync::Mutex` or `parking_lot::Mutex` is simpler, and faster
//! under contention, because it lets any running thread take the lock. This lock is for critical sections that await,
//! and for programs in which no task may starve.
//!
//! Fairness has a price in two places. Two threads that compete for an *empty* critical section hand the lock to each
//! other, which costs a task switch for each acquisition, often across cores. A barging lock lets one thread acquire it
//! several times in a row. With even a little work outside the lock, the difference disappears. And
//! [`notify_all`](Condition::notify_all) is a chain of hand-offs: on one thread that is fast, on several workers a
//! barging lock may be faster. `benches/README.md` in the repository has the figures.
//!
//! An [`RwLock`] pays off if readers hold it for long, across an `.await` for instance, and writers are few. Otherwise a
//! [`Lock`] is as fast and simpler. A task that holds a read must not wait for a second one:
//! [the reason](RwLock#a-read-inside-a-read).
//!
//! A [`OnceCell`] is for values whose making awaits. Otherwise use `std::sync::OnceLock` or `LazyLock`.
//!
//! # What is guaranteed
//!
//! | | |
//! |---|---|
//! | fairness | strict FIFO from the first poll on, by hand-off; no call barges, `try_lock` included |
//! | readers and writers | in phases: the front writer, or all readers up to the next writer; only an upgrade, which holds a read, goes before |
//! | cancellation | a dropped future loses its position in the queue, never the lock or a notification |
//! | allocation | none per wait |
//! | poisoning | none: a panic releases the lock |
//! | notified waiters | move to the lock's queue; each one is woken once, when it holds the lock |
//! | size | `Lock<()>` 16 bytes, guards 8, `Acquire` 48; `RwLock<()>` 40, its futures 56; `OnceCell<()>` 24 (64-bit machines) |
//!
//! # Features
//!
//! - `diagnostics`: records which tasks wait for each lock and which task holds it, for the reports of
//!   [`waitline-executor`] (or for your own, with [`waitline::diagnostics`]). Reports name each lock by its label.
//!   Without the feature this costs no byte and no instruction.
//! - `loom`: together with `--cfg loom`, the lock runs on loom's primitives, so that you can model-check your own code
//!   on top of it. See [`waitline::testing`]. Either one alone has no effect.
//!
//! # How it is verified
//!
//! By loom models of every fast path, hand-off and cancellation at preemption bound 3 (`cargo loom`), tests for the
//! bugs that similar libraries had, a storm on threads, AddressSanitizer, and valgrind. `unsafe` is confined to the
//! cells around values and to their guards. The wait queue is [`waitline`]'s.
//!
//! [`waitline-executor`]: https://docs.rs/waitline-executor
//! [`waitline::testing`]: https://docs.rs/waitline/latest/waitline/testing/

#![cfg_attr(docsrs, feature(doc_cfg))]

mod blocking;
mod condition;
mod guard;
mod lock;
mod once_cell;
mod raw;
pub mod rwlock;
mod wait;

pub use blocking::WaitTimedOut;
pub use condition::Condition;
pub use guard::{LockGuard, MappedLockGuard, OwnedLockGuard, OwnedMappedLockGuard};
pub use lock::{Acquire, AcquireOwned, Lock};
pub use once_cell::{GetOrInit, GetOrTryInit, OnceCell, WaitSet};
pub use rwlock::{
    MappedRwLockReadGuard, MappedRwLockUpgradableReadGuard, MappedRwLockWriteGuard, OwnedMappedRwLockReadGuard,
    OwnedMappedRwLockUpgradableReadGuard, OwnedMappedRwLockWriteGuard, OwnedRwLockReadGuard,
    OwnedRwLockUpgradableReadGuard, OwnedRwLockWriteGuard, RwLock, RwLockReadGuard, RwLockUpgradableReadGuard,
    RwLockWriteGuard,
};
pub use wait::{AnyGuard, Guard, Wait, WaitWhile};

/// The example in the README runs as a documentation test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
