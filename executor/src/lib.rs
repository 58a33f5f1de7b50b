//! A minimal async executor with the semantics of asyncio's event loop: tasks, timers, timeouts, groups and a blocking
//! pool.
//!
//! ```
//! use std::time::Duration;
//! use waitline_executor::{gather, run, run_blocking, sleep, spawn, timeout};
//!
//! let (text, late, squares) = run(async {
//!     let text = spawn(async {
//!         sleep(Duration::from_millis(1)).await;
//!         "a task"
//!     });
//!     let late = timeout(Duration::from_millis(1), std::future::pending::<()>()).await;
//!     let squares = gather((0..3_u64).map(|n| run_blocking(move || n * n))).await;
//!     (text.await.unwrap(), late.is_err(), squares.into_iter().map(Result::unwrap).sum::<u64>())
//! });
//! assert_eq!((text, late, squares), ("a task", true, 5));
//! ```
//!
//! It has no I/O. The sockets of `async-net` and of other crates with their own reactor work on it. Tokio's sockets
//! need tokio, and the primitives of this family work there as well. (`examples/servers` in the repository does both.)
//!
//! # Guarantees
//!
//! | | |
//! |---|---|
//! | order | on one thread strictly FIFO: a task that is woken goes to the end of the run queue, and nothing overtakes it |
//! | starvation | the loop checks timers and wakes from other threads after 1 to 61 turns, about each millisecond, however busy it is |
//! | allocation | one per [`spawn`], none per wake; cancelled timers do not accumulate |
//! | cancellation | drops the future at its `.await` and runs its destructors; the end of [`run`] does so for all tasks, and [`run_with_limit`] limits the time that it waits for their cleanups |
//! | panics | end their task with a [`JoinError`]; the loop and the other tasks continue |
//! | wakers that panic | cost no other task a wake-up, and never abort the process, not even during another panic |
//! | memory | proportional to the number of live tasks, timers, members and tokens: at most four entries for each; [`run`] keeps none |
//! | idleness | an idle loop sleeps until its next timer or a wake; it never spins or polls at intervals |
//!
//! A future that is polled after it was ready panics and changes nothing. A future that has begun can continue in
//! another event loop.
//!
//! # asyncio's names
//!
//! [`from_asyncio`] compares them side by side, with examples.
//!
//! | asyncio | here |
//! |---|---|
//! | `run` | [`run`]; on several threads [`Executor`] |
//! | `create_task` | [`spawn`], [`spawn_local`], [`spawn_named`] |
//! | `Task.cancel`, `done`, `get_name` | [`JoinHandle::cancel`], [`is_finished`](JoinHandle::is_finished), [`name`](JoinHandle::name) |
//! | `sleep`, `sleep(0)` | [`sleep`], [`yield_now`] |
//! | `wait_for`, `timeout`, `timeout_at` | [`timeout`], [`timeout_at`] |
//! | `gather`, `as_completed`, `wait` | [`gather`], [`try_gather`], [`as_completed`], [`wait`] |
//! | `TaskGroup` | [`TaskGroup`] |
//! | `try … finally` with `await` in it | [`spawn_with_cleanup`] |
//! | `to_thread`, `run_in_executor` | [`run_blocking`], [`ThreadPool::run`] |
//!
//! # The primitives
//!
//! [`sync`] re-exports the locks, events, semaphores and queues of the family, so that one dependency is enough:
//!
//! ```
//! use std::sync::Arc;
//! use waitline_executor::{run, spawn, sync::Queue};
//!
//! run(async {
//!     let queue = Arc::new(Queue::bounded(1));
//!     let producer = spawn({
//!         let queue = queue.clone();
//!         async move {
//!             for n in 0..3 {
//!                 queue.put(n).await.unwrap();
//!             }
//!             queue.close();
//!         }
//!     });
//!     let mut sum = 0;
//!     while let Ok(n) = queue.get().await {
//!         sum += n;
//!     }
//!     producer.await.unwrap();
//!     assert_eq!(sum, 3);
//! });
//! ```
//!
//! # Tests that can be repeated
//!
//! [`sim`] runs the same programs with seeded schedules and simulated time, and reports which task waits for which if
//! they hang. The [guide](simulation) leads from a test that hangs now and then to its cause.
//!
//! ```
//! # #[cfg(feature = "sim")] {
//! use std::time::Duration;
//! use waitline_executor::{sim, sleep};
//!
//! sim::many(0..100, || sleep(Duration::from_secs(86_400)));
//! # }
//! ```
//!
//! # Features
//!
//! - `sim`, on by default: the module [`sim`]. Without it the loop has no trace of simulations.
//! - `diagnostics`: reports of stalls, and `dump()`, show what each task waits for and which task holds it.
//! - `loom`: for this crate's own models.
//!
//! # How it is verified
//!
//! Every guarantee above has tests in `tests/it`, and random programs of tasks that spawn, cancel, panic, sleep and
//! block run on both kinds of event loop. `tests/hostile.rs` mistreats handles and wakers across threads, under
//! AddressSanitizer too, and `tests/memory.rs` counts bytes. `tests/loom.rs` models what threads share: parking against
//! waking, the injector, the run queue of a worker against its thieves, which worker sleeps or is woken, who keeps the
//! clock, and who watches what a worker has claimed. Unsafe code is confined to two places. Making tasks needs it:
//! `async-task`'s cell around a body that borrows its info, and the promise that futures which are not `Send` stay on
//! their thread. So does the run queue of a worker, whose owner uses it without a mutex.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(unsafe_code)]

mod blocking;
mod dump;
mod group;
mod key_map;
mod run;
#[cfg(feature = "sim")]
#[doc(alias = "deterministic")]
pub mod sim;
mod task;
mod time;

pub use blocking::{IDLE_TIME, SHARED_THREADS, ThreadPool, block_in_place, run_blocking};
#[cfg(feature = "diagnostics")]
pub use dump::dump;
#[cfg(any(feature = "sim", feature = "diagnostics"))]
pub use dump::{Dump, DumpedTask};
pub use group::{
    AsCompleted, CancelToken, Cancelled, Gather, JoinAll, JoinNext, ReturnWhen, TaskGroup, TryGather, Wait,
    as_completed, gather, try_gather, wait,
};
pub use run::{Executor, ExecutorBuilder, Unended, UnendedTask, run, run_with_limit};
pub use task::{
    JoinError, JoinHandle, TaskId, YieldNow, spawn, spawn_local, spawn_named, spawn_with_cleanup, yield_now,
};
pub use time::{Interval, Sleep, Tick, TimedOut, Timeout, interval, now, sleep, sleep_until, timeout, timeout_at};

/// The primitives of the family: locks and conditions, events and barriers, semaphores, queues and channels.
///
/// Each is also a crate of its own that does not depend on this executor. The types are re-exported here; their guards,
/// permits, futures and errors are in the modules.
pub mod sync {
    pub use waitline_event as event;
    pub use waitline_lock as lock;
    pub use waitline_queue as queue;
    pub use waitline_sem as sem;

    pub use waitline_event::{Barrier, Event, watch};
    pub use waitline_lock::{Condition, Lock, OnceCell, RwLock};
    pub use waitline_queue::{LifoQueue, PriorityQueue, Queue, broadcast, channel, oneshot};
    pub use waitline_sem::{BoundedSemaphore, Semaphore};
}

/// The examples in the README, and in the workspace's, run as documentation tests.
#[cfg(all(doctest, feature = "sim"))]
#[doc = include_str!("../README.md")]
#[doc = include_str!("../../README.md")]
struct Readme;

#[doc = include_str!("../docs/from-asyncio.md")]
pub mod from_asyncio {}

#[cfg(feature = "sim")]
#[doc = include_str!("../docs/simulation.md")]
pub mod simulation {}
