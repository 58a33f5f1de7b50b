//! The wait queue: a mutex, lists of pinned waiters, and the state that decides which waiter is granted next.
//!
//! All raw pointers of the workspace's wait lists are in this folder. Its interface is safe: whatever safe code does
//! with it, no list is touched without its mutex, and no waiter is freed while it is linked.
//!
//! | file | holds |
//! |---|---|
//! | `waiter.rs` | [`Waiter`], the owner's side: poll, cancellation; and [`Handle`], which a primitive implements |
//! | `entry.rs` | [`Entry`], the section in which a waiter decides whether to wait |
//! | `locked.rs` | [`Locked`], every other section: grants and wake-ups |
//! | `list.rs` | the node and the circle of nodes |
//! | `side_list.rs` | [`SideList`], a list beside the queue, for conditions |
//!
//! # A waiter's life
//!
//! | [`Waiter`] | its `stage` | linked | who may touch links, waker and data | next |
//! |---|---|---|---|---|
//! | new | `NEW` | no | the owner | queued; granted (ready at its entry); over (fast path) |
//! | queued | the id of the list it is in | yes | the holder of the mutex | granted; over (it has left at the end of its time); dropped (cancelled) |
//! | granted | `GRANTED` | no | the owner | over; dropped (the grant is passed on) |
//! | over | `OVER` | no | nobody: handle and data have been taken out, or dropped | dropped |
//!
//! # The list
//!
//! A list is a circle of waiters and one pointer to its head. The head's `prev` is the tail. There is no sentinel, so
//! an empty queue contains no address of its own and may be moved.
//!
//! ```text
//!            ┌──────────────── prev ─────────────────┐
//!            │                                       ▼
//!  head ──▶ [A] ── next ──▶ [B] ── next ──▶ [C] ── next ──▶ (A)
//!         longest              ◀── prev ──  newest
//!          waiting
//! ```
//!
//! # Invariants
//!
//! - **I1** A queue's lists, and the links, waker and data of every waiter in them, are touched only under its mutex.
//! - **I2** `stage` is written under the mutex, except by the owner of a waiter that is not linked. Other threads
//!   store `GRANTED` only as the last step of a grant.
//! - **I3** A grant unlinks the waiter, takes the waker out, stores `GRANTED` (Release), and never touches the waiter
//!   again. After that store the waiter belongs to its owner, who may free it before the granter's next instruction.
//! - **I4** A waiter is pinned before it is linked, and [`Waiter`]'s drop unlinks it first. Together: a linked waiter
//!   is alive. (A leaked waiter stays allocated for ever, so it is alive too.)
//! - **I5** A queued waiter's `stage` is the id of the list that it is in. The id of a [`WaitQueue`] is its address,
//!   which is even; the id of a [`SideList`] is its address plus one. So a side list at the start of a queue is not
//!   mistaken for the queue. A waiter is unlinked only through the list that its stage names: a [`Handle`] that leads
//!   elsewhere is caught, not trusted.
//! - **I6** A linked waiter's queue is neither moved nor freed. The waiter's handle keeps it borrowed (or counted)
//!   until the wait is over or dropped, and no code gets `&mut` to a pinned handle.
//! - **I7** No foreign code (a waker's clone, wake or drop, the name of a task, a formatter) runs under the mutex.
//!   `will_wake` only compares.
//! - **I8** The links and the waker of a waiter are initialized while it is linked, the waker also while an [`Entry`]
//!   of it lives. Whatever ends that (a grant, a cancellation, an entry that is ready or dropped) takes the waker out.
//! - **I9** No `&mut` to a value that carries an invariant leaves this folder. An [`Entry`] gives `&mut` to the state
//!   and to the data, which are the primitive's, but not to the [`Locked`] inside, which could be swapped for another
//!   queue's. A shared [`Locked`] may cross threads only if the state may be shared.
//!
//! # What safe code can lie about
//!
//! Other crates write [`Handle`] and [`Protocol`] implementations in safe code. Whatever these do, no list is touched
//! without its mutex and no linked waiter is freed. `tests/it/hostile.rs` tries each row.
//!
//! | the lie | what happens | because of |
//! |---|---|---|
//! | `queue` or `side_list` leads elsewhere than when the waiter entered | abort, at the next poll or at the drop | I5 |
//! | `queue` or `side_list` panics in the drop of a linked waiter | abort | I4 |
//! | `queue` panics at the entry, or the decision panics | panic; the waiter is new | I8 |
//! | a handle without a side list enters it | panic; the waiter is new | |
//! | the decision panics after the waiter has entered, or was made ready | panic; the waiter is queued, or granted | I4 |
//! | the [`Locked`] of an entry is swapped, an entry is used twice, a decision is another entry's, a list number is wrong | does not compile | I9 |
//! | the data of two waiters are swapped | each waiter has the other's data | I9 |
//! | a waiter is leaked in a list | it stays allocated; the queue may be moved and freed | I4, I6 |
//! | a side list lies inside the queue whose mutex guards it | nothing | I5 |
//! | the handle locks a mutex that its own thread holds, or leaks an entry | the thread hangs, as with any mutex | |
//! | a waker or a task's name panics, re-enters or blocks | the primitive stays consistent; the panic goes to the caller | I7 |
//!
//! # Prior art, and what differs
//!
//! Queues whose nodes live with their waiters go back to the MCS and CLH locks (Mellor-Crummey and Scott; Craig; Landin
//! and Hagersten), where each thread spins on its own node. Here a waiter lives in a future, which may be dropped at
//! any time, in the middle of the queue. Lock-free queues of the MCS and CLH family pay dearly for such a cancellation.
//! So the list is doubly linked and under a mutex that is held for some tens of instructions, as in tokio's and
//! maitake-sync's intrusive lists. Fast paths decide by one atomic word and never take the mutex. Three things differ
//! from those lists:
//!
//! - The grant itself travels in the node. A granted waiter owns what it waited for and finds it in its data. Its next
//!   poll takes no mutex and makes no second attempt, and no other waiter can pass it (strict hand-off).
//! - A waiter is linked in one of several lists of its queue, or in a side list, and moves between them in constant
//!   time without a wake-up. Moving a condition's waiters to the lock's queue is known from kernels as wait morphing.
//! - The interface is safe. A handle in safe code decides what happens to the grant of a cancelled waiter, and an entry
//!   that its decision consumes replaces a protocol of several calls.

mod entry;
mod list;
mod locked;
mod side_list;
mod waiter;

pub use entry::{Decision, Entry};
pub use list::{List, Lists};
pub use locked::{Front, Locked};
pub use side_list::{ForeignQueue, SideList};
pub use waiter::{Handle, Waiter};

use crate::sync::{Mutex, UnsafeCell};
use crate::{busy_or, const_unless_loom, diagnostics::Origin};
use std::{fmt, marker::PhantomData, ptr};

/// The types that a primitive keeps in its [`WaitQueue`]. An empty marker type implements it.
pub trait Protocol {
    /// The name of the primitive in reports; see [`diagnostics`](crate::diagnostics).
    const NAME: &'static str = "primitive";

    /// The atomic word that fast paths use without the mutex, or `()`.
    type Word;
    /// The state, which only the holder of the mutex sees.
    type State;
    /// The data in each waiter: a request when the wait begins, and what was granted when it ends.
    type Data;
    /// `[List<Self::Data>; N]`, for a queue with N lists.
    type Lists: Lists<Self::Data>;
}

/// The protocol of a primitive with a state, no word, and one list, number 0.
///
/// ```
/// use waitline::{OneList, WaitQueue};
/// let queue = WaitQueue::<OneList<u32>>::new((), 7);
/// assert_eq!(*queue.lock(), 7);
/// ```
#[derive(Debug)]
pub struct OneList<S, D = ()>(PhantomData<fn(S, D)>);

impl<S, D> Protocol for OneList<S, D> {
    type Word = ();
    type State = S;
    type Data = D;
    type Lists = [List<D>; 1];
}

/// A state and lists of waiters under one mutex, and an atomic word beside it.
///
/// An empty queue costs a byte for the mutex, a pointer for each list and four bytes for the count.
#[doc(alias = "WaitList")]
pub struct WaitQueue<P: Protocol> {
    /// The primitive's atomic word, for decisions without the mutex.
    pub word: P::Word,
    mutex: Mutex<()>,
    len: UnsafeCell<u32>,
    lists: UnsafeCell<P::Lists>,
    state: UnsafeCell<P::State>,
    origin: Origin,
}

// SAFETY: the queue owns its state and its word. Its lists hold addresses of waiters, whose data and wakers move
// between threads, hence `Data: Send`; wakers are Send. The handles of waiters are never reached from here.
unsafe impl<P: Protocol<Word: Send, State: Send, Data: Send>> Send for WaitQueue<P> {}
// SAFETY: the word is Sync; everything else is reached only through the mutex (I1), by one thread at a time.
unsafe impl<P: Protocol<Word: Sync, State: Send, Data: Send>> Sync for WaitQueue<P> {}

impl<P: Protocol> WaitQueue<P> {
    const_unless_loom! {
        /// An empty queue.
        #[inline]
        #[track_caller]
        pub const fn new(word: P::Word, state: P::State) -> Self {
            WaitQueue {
                word,
                mutex: Mutex::new(()),
                len: UnsafeCell::new(0),
                lists: UnsafeCell::new(<P::Lists as Lists<P::Data>>::EMPTY),
                state: UnsafeCell::new(state),
                origin: Origin::new(P::NAME),
            }
        }
    }

    /// Overrides [`Protocol::NAME`], the name of the queue in reports.
    #[inline]
    pub const fn set_kind(&mut self, kind: &'static str) {
        self.origin.set_kind(kind);
    }

    /// Sets the label that the user gave the queue, for reports.
    #[inline]
    pub const fn set_label(&mut self, label: &'static str) {
        self.origin.set_label(label);
    }

    /// The identity of the queue in reports, to record its holders.
    #[inline(always)]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Takes the mutex. Hold it only briefly: do not wait and do not run foreign code under it.
    #[inline]
    pub fn lock(&self) -> Locked<'_, P> {
        Locked::new(self, self.mutex.lock())
    }

    /// Takes the mutex if it is free.
    #[inline]
    pub fn try_lock(&self) -> Option<Locked<'_, P>> {
        self.mutex.try_lock().map(|guard| Locked::new(self, guard))
    }

    /// The address, which is even.
    fn id(&self) -> usize {
        ptr::from_ref(self).addr()
    }
}

impl<P: Protocol<Word: fmt::Debug>> fmt::Debug for WaitQueue<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The formatter is foreign code, so the mutex is free again when it runs (I7).
        let waiters = self.try_lock().map(|locked| locked.len());
        f.debug_struct("WaitQueue").field("word", &self.word).field("waiters", busy_or(&waiters)).finish()
    }
}
