//! The wait queue under the Waitline primitives: strictly FIFO, intrusive, without an allocation per wait, and with a
//! safe interface.
//!
//! If you want a lock, an event, a semaphore or a queue, use [`waitline-lock`], [`waitline-event`], [`waitline-sem`] or
//! [`waitline-queue`]. Use this crate to build a primitive of your own, and to test code on top of the primitives
//! (module `testing`, with the feature of that name).
//!
//! [`waitline-lock`]: https://docs.rs/waitline-lock
//! [`waitline-event`]: https://docs.rs/waitline-event
//! [`waitline-sem`]: https://docs.rs/waitline-sem
//! [`waitline-queue`]: https://docs.rs/waitline-queue
//!
//! # A primitive in thirty lines
//!
//! A gate that admits one waiter at each `open`. [`Waiter::wait`] drives the wait: its closure runs once, with the
//! mutex held, and decides whether the waiter is [`ready`](Entry::ready) or must [`wait_in`](Entry::wait_in) a list. A
//! method that releases something [grants](Front::grant) it to the [`front`](Locked::front) waiter. A [`Handle`]
//! decides what happens to a grant whose waiter is dropped.
//!
//! ```
//! use std::pin::pin;
//! use waitline::{Front, Handle, OneList, WaitQueue, Waiter};
//!
//! struct Gate(WaitQueue<OneList<usize>>); // the state: passes that no waiter has taken
//!
//! impl Gate {
//!     fn open(&self) {
//!         let mut queue = self.0.lock();
//!         let waker = queue.front::<0>().map(Front::grant);
//!         *queue += usize::from(waker.is_none());
//!         queue.unlock_and_wake(waker); // wakers are foreign code: never under the mutex
//!     }
//!
//!     async fn pass(&self) {
//!         let waiter = pin!(Waiter::new(self, ()));
//!         let wait = waiter.wait(|mut passes| match passes.checked_sub(1) {
//!             Some(rest) => {
//!                 *passes = rest;
//!                 passes.ready()
//!             }
//!             None => passes.wait_in::<0>(),
//!         });
//!         wait.await;
//!     }
//! }
//!
//! impl Handle for &Gate {
//!     type Protocol = OneList<usize>;
//!     fn queue(&self) -> &WaitQueue<OneList<usize>> {
//!         &self.0
//!     }
//!     fn cancel_granted(&self, _: &mut ()) {
//!         self.open(); // the next waiter gets the pass
//!     }
//! }
//!
//! let gate = Gate(WaitQueue::new((), 0));
//! let mut waiting = pin!(gate.pass());
//! assert!(waitline::testing::poll_once(waiting.as_mut()).is_pending());
//! gate.open();
//! assert!(waitline::testing::poll_once(waiting.as_mut()).is_ready());
//! ```
//!
//! No call can be made in a wrong order. A decision consumes its [`Entry`], a wait that is over panics if it is polled,
//! and a wrong list number does not compile:
//!
//! ```compile_fail
//! # use waitline::{Handle, OneList, WaitQueue, Waiter};
//! # struct Pass<'a>(&'a WaitQueue<OneList<()>>);
//! # impl Handle for Pass<'_> {
//! #     type Protocol = OneList<()>;
//! #     fn queue(&self) -> &WaitQueue<OneList<()>> { self.0 }
//! #     fn cancel_granted(&self, _: &mut ()) {}
//! # }
//! # let queue = WaitQueue::<OneList<()>>::new((), ());
//! # let mut waiter = Box::pin(Waiter::new(Pass(&queue), ()));
//! # let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
//! _ = waiter.as_mut().poll_wait(&mut cx, |entry| entry.wait_in::<1>()); // the queue has one list, number 0
//! ```
//!
//! A named future pins its [`Waiter`] structurally (for example with pin-project-lite) and calls
//! [`poll_wait`](Waiter::poll_wait) in its own `poll`. Your own [`Protocol`] can add an atomic word for fast paths, and
//! more lists. `tests/toy` in the repository is a larger primitive, with data in its waiters, a side list, and wake-ups
//! in rounds.
//!
//! # What is guaranteed
//!
//! | | |
//! |---|---|
//! | order | the waiters of a list are granted in the order in which they entered it |
//! | allocation | none: the waiter lives in its future, the list is made of waiters |
//! | cancellation | a dropped waiter is unlinked in constant time, or [`Handle::cancel_granted`] passes its grant on |
//! | a grant | happens before the poll that sees it; that poll takes no mutex |
//! | wakers | cloned before the mutex is taken, woken and dropped after it is released |
//! | a leaked future | keeps what it was granted; this is sound |
//! | misuse | whatever a [`Handle`] or [`Protocol`] in safe code does, a linked waiter is never freed: misuse ends in a panic or an abort (the head of `src/queue/mod.rs` lists the cases) |
//!
//! A waker may poll a future of the same primitive inline, as some executors do. A chain of n such wake-ups needs n
//! stack frames.
//!
//! # Features
//!
//! - `diagnostics`: records which tasks wait, for what, and which tasks hold it; see the module [`diagnostics`].
//!   Without the feature this costs no byte and no instruction.
//! - `testing`: the module `testing`, a test kit.
//! - `loom`: together with `--cfg loom`, all synchronization of this crate and of the crates on top of it is loom's.
//!   Either one alone has no effect.
//!
//! # How it is verified
//!
//! By loom models at preemption bound 3 (`cargo loom`), tests that poll by hand and use misbehaving wakers,
//! AddressSanitizer, and valgrind. All raw pointers are in one folder, `src/queue`. The head of its `mod.rs` lists the
//! invariants that the `SAFETY` comments cite.

#![cfg_attr(docsrs, feature(doc_cfg))]

mod busy;
// Its items exist without the feature, too, and do nothing then.
#[cfg_attr(docsrs, doc(auto_cfg = false))]
pub mod diagnostics;
mod first_panic;
mod queue;
// Its items exist under loom, too, with other definitions.
#[cfg_attr(docsrs, doc(auto_cfg = false))]
pub mod sync;
#[cfg(feature = "testing")]
pub mod testing;
mod timeout;
mod wakers;

pub use busy::busy_or;
pub use first_panic::FirstPanic;
pub(crate) use first_panic::foreign;
pub use queue::{
    Decision, Entry, ForeignQueue, Front, Handle, List, Lists, Locked, OneList, Protocol, SideList, WaitQueue, Waiter,
};
pub use timeout::TimedOut;
pub use wakers::{WakeAll, Wakers};

/// The example in the README runs as a documentation test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
