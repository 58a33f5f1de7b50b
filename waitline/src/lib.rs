//! The wait queue under the Waitline primitives: strictly FIFO, intrusive, without an allocation per wait, and with a
//! safe interface.
//!
//! If you want a lock, an event, a semaphore or a queue, take [`waitline-lock`], [`waitline-event`], [`waitline-sem`] or
//! [`waitline-queue`]. This crate is for those who build a primitive of their own, and for whoever tests code on top of
//! the primitives (module `testing`, with the feature of that name).
//!
//! [`waitline-lock`]: https://docs.rs/waitline-lock
//! [`waitline-event`]: https://docs.rs/waitline-event
//! [`waitline-sem`]: https://docs.rs/waitline-sem
//! [`waitline-queue`]: https://docs.rs/waitline-queue
//!
//! # A primitive in forty lines
//!
//! A gate that lets one waiter through at each `open`. The future decides, with the mutex held, whether it must wait
//! ([`Entry`]); whoever has something to give hands it to the [`Front`] waiter; and [`Handle`] says what is to be done with
//! a gift whose waiter is dropped.
//!
//! ```
//! use pin_project_lite::pin_project;
//! use std::{future::Future, pin::Pin, task::{Context, Poll}};
//! use waitline::{Handle, List, Locked, Protocol, WaitQueue, Waiter};
//!
//! enum GateProtocol {}
//!
//! impl Protocol for GateProtocol {
//!     type Word = ();
//!     type State = usize; // passes that nobody waits for
//!     type Data = ();
//!     type Lists = [List<()>; 1];
//! }
//!
//! pub struct Gate(WaitQueue<GateProtocol>);
//!
//! impl Gate {
//!     pub fn open(&self) {
//!         let mut queue = self.0.lock();
//!         let next = queue.front(0).map(|first| first.grant());
//!         if next.is_none() {
//!             *queue += 1;
//!         }
//!         drop(queue); // wakers are foreign code: never under the mutex
//!         if let Some(waker) = next {
//!             waker.wake();
//!         }
//!     }
//!
//!     pub fn pass(&self) -> Pass<'_> {
//!         Pass { waiter: Waiter::new(ByRef(self), ()) }
//!     }
//! }
//!
//! struct ByRef<'a>(&'a Gate);
//!
//! impl Handle for ByRef<'_> {
//!     type Protocol = GateProtocol;
//!     fn queue(&self) -> &WaitQueue<GateProtocol> {
//!         &self.0.0
//!     }
//!     fn cancel_queued(&self, _queue: Locked<'_, GateProtocol>, _: &mut ()) {}
//!     fn cancel_granted(&self, _: &mut ()) {
//!         self.0.open(); // the pass goes to the next
//!     }
//! }
//!
//! pin_project! {
//!     pub struct Pass<'a> {
//!         #[pin]
//!         waiter: Waiter<ByRef<'a>>,
//!     }
//! }
//!
//! impl Future for Pass<'_> {
//!     type Output = ();
//!     fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
//!         let waiter = self.project().waiter;
//!         if waiter.has_begun() {
//!             return waiter.poll_grant(cx);
//!         }
//!         let mut entry = waiter.entry(cx.waker());
//!         if **entry > 0 {
//!             **entry -= 1;
//!             return Poll::Ready(());
//!         }
//!         entry.wait_in(0);
//!         Poll::Pending
//!     }
//! }
//!
//! let gate = Gate(WaitQueue::new((), 0));
//! let mut waiting = Box::pin(gate.pass());
//! assert!(waitline::testing::poll_once(waiting.as_mut()).is_pending());
//! gate.open();
//! assert!(waitline::testing::poll_once(waiting.as_mut()).is_ready());
//! ```
//!
//! A larger one, which uses what there is besides (data that travels with a waiter, several lists, a side list, wake-ups in
//! rounds), is `tests/toy` in the repository.
//!
//! # What is guaranteed
//!
//! | | |
//! |---|---|
//! | order | the waiters of a list are granted in the order in which they entered it |
//! | allocation | none: the waiter lives in its future, the list is made of waiters |
//! | cancellation | a dropped waiter is unlinked in constant time, or its grant is given to [`Handle::cancel_granted`] |
//! | a grant | happens before the poll that sees it; that poll takes no mutex |
//! | wakers | cloned before the mutex is taken, woken and dropped after it is released |
//! | a forgotten future | keeps what it was granted; it is not unsound |
//! | misuse | whatever a [`Handle`] or [`Protocol`] in safe code does, a linked waiter is never freed: it ends in a panic or an abort (the head of `src/queue/mod.rs` lists the cases) |
//!
//! A wake-up that polls the same primitive inline (some executors do) works; a chain of n of them is n stack frames deep.
//!
//! # Features
//!
//! - `diagnostics`: keeps on record who waits for what and who holds it; see the module [`diagnostics`]. Without it not a byte
//!   and not an instruction is spent on that.
//! - `testing`: the module `testing`, a test kit.
//! - `loom`: together with `--cfg loom`, all synchronization of this crate and of those on top of it is loom's. Either
//!   alone has no effect.
//!
//! # How it is verified
//!
//! Loom models at preemption bound 3 (`cargo loom`), tests with polling by hand and with wakers that misbehave,
//! AddressSanitizer and valgrind. Raw pointers live in one folder, `src/queue`, whose head lists the invariants that each
//! `SAFETY` comment cites.

#![cfg_attr(docsrs, feature(doc_cfg))]

// What is in it is there without the feature too, and does nothing then.
#[cfg_attr(docsrs, doc(auto_cfg = false))]
pub mod diagnostics;
mod first_panic;
mod queue;
// What is in it is there on loom too, by another definition.
#[cfg_attr(docsrs, doc(auto_cfg = false))]
pub mod sync;
#[cfg(feature = "testing")]
pub mod testing;
mod wakers;

pub use first_panic::FirstPanic;
pub(crate) use first_panic::foreign;
pub use queue::{Entry, ForeignQueue, Front, Handle, List, Lists, Locked, Protocol, SideList, WaitQueue, Waiter};
pub use wakers::{WakeAll, Wakers};

/// The example in the README runs as a documentation test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
