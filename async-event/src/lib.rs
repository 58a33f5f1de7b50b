//! An [`Event`] that tasks wait for and that is set and cleared by hand, and a [`Barrier`] at which tasks meet round
//! after round, with the semantics of Python's `asyncio.Event` and `asyncio.Barrier`. And a [`watch`], which tells many
//! tasks the latest value. For any executor, and for threads.
//!
//! ```
//! use waitline_event::Event;
//!
//! # futures_lite::future::block_on(async {
//! let ready = Event::new();
//! let visitor = async {
//!     ready.wait().await;
//!     "in"
//! };
//! let host = async { ready.set() };
//! assert_eq!(futures_lite::future::zip(visitor, host).await, ("in", true));
//! # });
//! ```
//!
//! # When something else is the better choice
//!
//! - One value for one receiver: a oneshot channel. One value for all: `std::sync::OnceLock` if no task awaits it, or a
//!   [`watch`].
//! - Only threads wait: `std::sync::Barrier`, or a `Condvar` beside a flag.
//! - A wait for a condition on data: [`waitline_lock::Condition`]. An event has no data, and no lock that keeps the
//!   data unchanged between the set and the end of the wait.
//! - Permits that each waiter uses up: [`waitline_sem::Semaphore`]. A set event is not used up.
//!
//! # Recipes
//!
//! **A shutdown signal.** Each worker races its next step against the event. A worker that comes late finds it set.
//!
//! ```
//! use futures_lite::future::{self, block_on};
//! use waitline_event::Event;
//!
//! static SHUTDOWN: Event = Event::new();
//!
//! async fn serve() -> &'static str {
//!     loop {
//!         let request = async { Some(next_request().await) };
//!         let stop = async {
//!             SHUTDOWN.wait().await;
//!             None
//!         };
//!         // The first future that is ready. The stop has precedence.
//!         match future::or(stop, request).await {
//!             Some(_request) => {}
//!             None => return "closed",
//!         }
//!     }
//! }
//! # async fn next_request() -> u32 { future::yield_now().await; 1 }
//!
//! std::thread::scope(|scope| {
//!     let servers: Vec<_> = (0..2).map(|_| scope.spawn(|| block_on(serve()))).collect();
//!     SHUTDOWN.set();
//!     assert!(servers.into_iter().all(|server| server.join().unwrap() == "closed"));
//! });
//! ```
//!
//! **A readiness gate.** Requests pass while the gate is open, at the cost of one atomic load each, and queue while it
//! is closed. When the gate opens, all queued requests pass, even if it closes again at once.
//!
//! ```
//! # use futures_lite::future::{block_on, zip};
//! # use waitline_event::Event;
//! struct Backend {
//!     connected: Event,
//! }
//!
//! impl Backend {
//!     async fn request(&self) -> &'static str {
//!         self.connected.wait().await;
//!         "answer"
//!     }
//!     fn on_connect(&self) {
//!         self.connected.set();
//!     }
//!     fn on_disconnect(&self) {
//!         self.connected.clear();
//!     }
//! }
//!
//! let backend = Backend { connected: Event::new() };
//! let (answer, ()) = block_on(zip(backend.request(), async {
//!     backend.on_connect();
//!     backend.on_disconnect();
//! }));
//! assert_eq!(answer, "answer");
//! ```
//!
//! **A start line for a load test.** All clients connect first. Then all start at once, and one measures the time.
//!
//! ```
//! # use futures_lite::future::block_on;
//! # use waitline_event::Barrier;
//! let start = Barrier::new(3);
//! let client = || block_on(async {
//!     // Connect here.
//!     let turn = start.wait().await?;
//!     let begin = turn.is_leader().then(std::time::Instant::now);
//!     // Send requests here.
//!     start.wait().await?;
//!     Ok::<_, waitline_event::BrokenBarrier>(begin.map(|begin| begin.elapsed()))
//! });
//! std::thread::scope(|scope| {
//!     let clients: Vec<_> = (0..3).map(|_| scope.spawn(client)).collect();
//!     let times = clients.into_iter().filter_map(|client| client.join().unwrap().unwrap());
//!     assert_eq!(times.count(), 1);
//! });
//! ```
//!
//! A client that cannot connect calls [`abort`](Barrier::abort), so that the others' waits end with an error. Or it
//! drops its wait, and another client arrives instead.
//!
//! # What is guaranteed
//!
//! | | |
//! |---|---|
//! | set | completes every wait that began before it, in one step, even if `clear` follows at once |
//! | rounds | end in one step; a party of the next round never mixes with slow parties of the last one |
//! | order | waiters are woken, and parties numbered, in the order of their futures' first poll |
//! | cancellation | a dropped wait leaves no trace; a dropped party takes its arrival back |
//! | the last value | of a [`watch`] is missed by no receiver; a slow receiver skips values |
//! | allocation | none per wait |
//! | panics | if a waker panics, the other waiters are woken nevertheless; nothing is poisoned |
//! | size | `Event` 24 bytes, `Barrier` 48; their futures 48 and 64 (64-bit machines) |
//!
//! *Not* guaranteed: that the event is still set when a task runs whose wait is over. And a barrier cannot know that a
//! party will never arrive, because its task is never polled again. `abort` is for that.
//!
//! # Features
//!
//! - `diagnostics`: records which tasks wait, for the reports of [`waitline-executor`] (or for your own, with
//!   [`waitline::diagnostics`]). Reports name each primitive by its label. Without the feature this costs no byte and
//!   no instruction.
//! - `loom`: together with `--cfg loom`, all types run on loom's primitives, so that you can model-check your own code
//!   on top of them. See [`waitline::testing`]. Either one alone has no effect.
//!
//! # How it is verified
//!
//! By loom models at preemption bound 3 (`cargo loom`): set, clear, wait and cancel against one another, and the
//! barrier's rounds with cancel, abort and reset; and the watch's values against waits, ends and cancels. By random sequences against a sequential model of the event and the barrier, tests
//! for the bugs that similar libraries had, and a storm on threads. This crate has no `unsafe`; the wait queue is
//! [`waitline`]'s.
//!
//! [`waitline-executor`]: https://docs.rs/waitline-executor
//! [`waitline::testing`]: https://docs.rs/waitline/latest/waitline/testing/
//! [`waitline_lock::Condition`]: https://docs.rs/waitline-lock/latest/waitline_lock/struct.Condition.html
//! [`waitline_sem::Semaphore`]: https://docs.rs/waitline-sem/latest/waitline_sem/struct.Semaphore.html

#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod barrier;
mod blocking;
mod event;
mod release;
#[doc(alias("latest", "observable"))]
pub mod watch;

pub use barrier::{Barrier, BarrierTurn, BarrierWait, BrokenBarrier};
pub use blocking::BarrierTimeoutError;
pub use event::{Event, Wait};
pub use waitline::TimedOut;

/// The example in the README runs as a documentation test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
