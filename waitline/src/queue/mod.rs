//! The wait queue: a mutex, a list of pinned waiters, and the state that decides who goes next.
//!
//! The raw pointers of the family live in this folder, and only here. Its interface is safe: whatever a caller does with
//! it, no list is touched without its mutex and no waiter is freed while it is linked.
//!
//! # A waiter's life
//!
//! | [`Waiter`] | its `stage` | linked | who may touch links, waker and data | next |
//! |---|---|---|---|---|
//! | new | `NEW` | no | the owner | queued |
//! | idle | `IDLE` | no | the owner | queued, if it waits again |
//! | queued | address of its list's home | yes | whoever holds the mutex | granted, idle (cancelled) |
//! | granted | `GRANTED` | no | the owner | idle |
//!
//! # The list
//!
//! A circle of waiters and one pointer to its head; the head's `prev` is the tail. No sentinel: an empty queue holds no
//! address of its own and may be moved.
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
//! - **I2** `stage` is written under the mutex, except by the owner of a waiter that is not linked. It becomes `GRANTED`
//!   only by the last step of a grant.
//! - **I3** A grant goes: unlink, take the waker out, store `GRANTED` (Release), never touch the waiter again. From that
//!   store on the waiter belongs to its owner, who may free it before the granter's next instruction.
//! - **I4** A waiter is pinned before it is linked, and [`Waiter`]'s drop unlinks it first. Together: a linked waiter is
//!   alive. (A leaked one stays allocated for ever, which is just as good.)
//! - **I5** A queued waiter's `stage` names its home: the address of the [`WaitQueue`] in which it is linked, which is even,
//!   or one more than the address of the [`SideList`]. So a list at the very beginning of a queue is not taken for the queue. An
//!   unlink by way of any other home is refused. A primitive whose [`Handle`] changes its mind is thus caught, not trusted.
//! - **I6** A linked waiter's queue is neither moved nor freed: the waiter's handle keeps it borrowed (or counted) until
//!   the waiter's drop, and nobody is given `&mut` to a pinned handle.
//! - **I8** The links and the waker of a waiter are initialized while it is linked, the waker also while an [`Entry`] of it
//!   lives. Whoever ends that (a grant, a cancellation, an entry that was not used) takes the waker out.
//! - **I7** No foreign code (a waker's clone, wake or drop, the name of a task, a formatter) runs under the mutex;
//!   `will_wake` only compares.
//! - **I9** No `&mut` to what carries an invariant leaves this folder, but to a [`Locked`], which its owner may exchange for
//!   another: an [`Entry`] therefore enters lists only of the queue that its handle led to. A shared [`Locked`] may cross
//!   threads only if the state may be shared.

//!
//! # What safe code can lie about
//!
//! A [`Handle`] and a [`Protocol`] are written by others, in safe code. Whatever they do, no list is touched without its
//! mutex and no linked waiter is freed. `tests/it/hostile.rs` tries each row.
//!
//! | the lie | what happens | because of |
//! |---|---|---|
//! | `queue` or `side_list` leads elsewhere than when the waiter entered | abort, at the next poll or at the drop | I5 |
//! | `queue` or `side_list` panics in the drop of a linked waiter | abort | I4 |
//! | `queue` panics at the entry | panic; the waiter is idle | I8 |
//! | an entry's `Locked` is exchanged for another one | panic; the waiter is idle | I9 |
//! | a list number is wrong | panic; no waiter has entered, moved or been granted | checked first |
//! | the data of two waiters are exchanged | two values have changed places | data carry no invariant |
//! | a waiter is leaked in a list | it stays allocated; the queue may be moved and freed, and touches it only while it is linked | I4, I6 |
//! | a queue lies inside a queue, a side list inside the queue whose mutex guards it | nothing | I5: homes differ |
//! | `queue`, `side_list` or a cancellation locks a mutex that its own thread holds | the thread hangs, as with any mutex | |
//! | a waker or a task's name panics, re-enters or blocks | the primitive goes on; the panic goes to the caller | I7 |

mod list;
mod side_list;
mod waiter;

pub use list::{List, Lists};
pub use side_list::{ForeignQueue, SideList};
pub use waiter::{Entry, Handle, Waiter};

use crate::sync::{Mutex, MutexGuard, UnsafeCell, atomic::Ordering};
use crate::{Wakers, const_unless_loom, diagnostics::Origin, wakers::WakeAll};
use list::{GRANTED, Node};
use std::{
    fmt,
    marker::PhantomData,
    ops::{Deref, DerefMut},
    ptr,
    task::Waker,
};

/// What a primitive keeps in its [`WaitQueue`]. The types, bundled; implemented by an empty marker type.
pub trait Protocol {
    /// What the primitive is called in reports; see [`diagnostics`](crate::diagnostics).
    const NAME: &'static str = "primitive";

    /// The atomic word that fast paths use without the mutex, or `()`.
    type Word;
    /// What only the holder of the mutex sees.
    type State;
    /// What travels in each waiter: a request on the way in, a gift on the way out.
    type Data;
    /// `[List<Self::Data>; N]`, for a queue with N lists.
    type Lists: Lists<Self::Data>;
}

/// State and lists of waiters under one mutex, and an atomic word beside it.
///
/// An empty queue costs a byte for the mutex, a pointer for each list and four bytes for the count.
#[doc(alias = "WaitList")]
pub struct WaitQueue<P: Protocol> {
    /// The primitive's atomic word, for what can be decided without the mutex.
    pub word: P::Word,
    mutex: Mutex<()>,
    len: UnsafeCell<u32>,
    lists: UnsafeCell<P::Lists>,
    state: UnsafeCell<P::State>,
    origin: Origin,
}

// SAFETY: the queue owns its state and its word. Its list holds addresses of waiters whose data and wakers it hands
// over between threads, hence `Data: Send`; wakers are Send. Handles of waiters are never reached from here.
unsafe impl<P: Protocol<Word: Send, State: Send, Data: Send>> Send for WaitQueue<P> {}
// SAFETY: the word is shared as it is; all else is reached through the mutex only (I1), one thread at a time.
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

    /// What the queue is called in reports, to be named.
    #[inline]
    pub const fn origin_mut(&mut self) -> &mut Origin {
        &mut self.origin
    }

    /// What the queue is called in reports, to say who holds it.
    #[inline(always)]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Takes the mutex, for a short time: nothing waits under it, and no foreign code runs under it.
    #[inline]
    pub fn lock(&self) -> Locked<'_, P> {
        Locked { guard: self.mutex.lock(), queue: self, state: PhantomData }
    }

    /// Takes the mutex if it is free.
    #[inline]
    pub fn try_lock(&self) -> Option<Locked<'_, P>> {
        self.mutex.try_lock().map(|guard| Locked { guard, queue: self, state: PhantomData })
    }

    /// The primitive's own, at the end of its life.
    pub fn into_state(self) -> P::State {
        self.state.into_inner()
    }

    fn home(&self) -> usize {
        ptr::from_ref(self).addr()
    }
}

impl<P: Protocol<Word: fmt::Debug>> fmt::Debug for WaitQueue<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("WaitQueue");
        out.field("word", &self.word);
        // The formatter is foreign code, so the mutex is free again when it runs (I7).
        match self.try_lock().map(|locked| locked.len()) {
            Some(waiters) => out.field("waiters", &waiters),
            None => out.field("waiters", &format_args!("<busy>")),
        };
        out.finish()
    }
}

/// A [`WaitQueue`] whose mutex is held: derefs to the state. Dropping it releases the mutex.
pub struct Locked<'a, P: Protocol> {
    guard: MutexGuard<'a, ()>,
    queue: &'a WaitQueue<P>,
    /// A shared `Locked` gives `&State` (I9).
    state: PhantomData<&'a mut P::State>,
}

impl<P: Protocol> Deref for Locked<'_, P> {
    type Target = P::State;
    #[inline(always)]
    fn deref(&self) -> &P::State {
        // SAFETY: I1, and `&self` keeps every `&mut` from `deref_mut` away.
        self.queue.state.with(|state| unsafe { &*state })
    }
}

impl<P: Protocol> DerefMut for Locked<'_, P> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut P::State {
        // SAFETY: I1, and `&mut self` makes this the only reference.
        self.queue.state.with_mut(|state| unsafe { &mut *state })
    }
}

impl<P: Protocol> fmt::Debug for Locked<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locked").field("waiters", &self.len()).finish()
    }
}

impl<'a, P: Protocol> Locked<'a, P> {
    /// The queue's atomic word.
    #[inline(always)]
    pub fn word(&self) -> &'a P::Word {
        &self.queue.word
    }

    /// What the queue is called in reports.
    #[inline(always)]
    pub fn origin(&self) -> &'a Origin {
        &self.queue.origin
    }

    /// The number of queued waiters, of all lists together (side lists count their own).
    #[inline]
    pub fn len(&self) -> usize {
        // SAFETY: I1.
        self.queue.len.with(|len| unsafe { *len }) as usize
    }

    /// Whether nobody is queued in any list.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The waiter of list number `list` that has waited longest.
    #[inline]
    pub fn front(&mut self, list: usize) -> Option<Front<'_, 'a, P>> {
        let node = self.with_lists(|lists, _| lists.all()[list].head());
        if node.is_null() { None } else { Some(Front { locked: self, list, node }) }
    }

    /// Appends all of list `from` to list `to`, in constant time.
    ///
    /// # Panics
    ///
    /// If there is no such list: a bug of the primitive. Nothing has moved then.
    pub fn splice(&mut self, from: usize, to: usize) {
        self.with_lists(|lists, _| {
            let lists = lists.all();
            // Both numbers are checked before a waiter is detached.
            _ = &lists[to];
            let mut moved = std::mem::replace(&mut lists[from], List::EMPTY);
            // SAFETY: I1. The waiters' home is this queue (I5), whichever of its lists they are in.
            unsafe { lists[to].append(&mut moved) };
        });
    }

    /// Releases the mutex, then wakes `wakers`: the end of every section that grants.
    ///
    /// # Panics
    ///
    /// If a waker panics, after all of them were woken. In the middle of another panic its own is dropped, for two at once
    /// would abort the process.
    #[inline]
    pub fn unlock_and_wake(self, wakers: impl WakeAll) {
        drop(self.guard);
        wakers.wake_all();
    }

    /// Runs `f` on the data of each waiter of list number `list`, longest waiting first: in linear time, under the mutex.
    pub fn for_each(&mut self, list: usize, f: impl FnMut(&mut P::Data)) {
        // SAFETY: I1.
        self.with_lists(|lists, _| unsafe { lists.all()[list].for_each(f) });
    }

    /// Grants waiters of list number `list`, longest waiting first, until `wakers` is full or `limit` or all are granted.
    ///
    /// The same as to [`grant`](Front::grant) the front again and again, at a lower price for each. Returns how many.
    pub fn grant_front<const N: usize>(&mut self, list: usize, limit: usize, wakers: &mut Wakers<N>) -> usize {
        self.with_lists(|lists, len| {
            // SAFETY: I1.
            let granted = unsafe { lists.all()[list].grant_front(limit, wakers) };
            *len -= granted as u32;
            granted
        })
    }

    #[inline(always)]
    fn with_lists<R>(&mut self, f: impl FnOnce(&mut P::Lists, &mut u32) -> R) -> R {
        let queue = self.queue;
        // SAFETY: I1, and `&mut self` makes these the only references.
        queue.lists.with_mut(|lists| queue.len.with_mut(|len| unsafe { f(&mut *lists, &mut *len) }))
    }

    /// Takes a linked node out of whichever of the queue's lists it is in.
    ///
    /// # Safety
    ///
    /// `node` is linked in one of this queue's lists.
    #[inline(always)]
    unsafe fn unlink(&mut self, node: *const Node<P::Data>) {
        self.with_lists(|lists, len| {
            // SAFETY: I1; linked by the caller's word.
            unsafe { List::remove(lists.all(), node) };
            *len -= 1;
        });
    }
}

/// The longest waiting waiter of a list, under the mutex.
pub struct Front<'l, 'a, P: Protocol> {
    locked: &'l mut Locked<'a, P>,
    list: usize,
    node: *const Node<P::Data>,
}

impl<P: Protocol> fmt::Debug for Front<'_, '_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Front").finish_non_exhaustive()
    }
}

impl<P: Protocol> Front<'_, '_, P> {
    /// What the waiter asks for, and where to put what it gets.
    #[inline]
    pub fn data(&mut self) -> &mut P::Data {
        // SAFETY: the node is linked, hence alive (I4), and its data is ours while we hold the mutex (I1).
        unsafe { (*self.node).body.with_mut(|body| &mut (*body).data) }
    }

    /// Ends the wait: unlinks the waiter and tells its owner, who sees all that was done before this call.
    ///
    /// Returns the waker; wake it after the mutex is released. The waiter owns its grant whether or not it is woken.
    #[inline]
    pub fn grant(self) -> Waker {
        let node = self.node;
        // SAFETY: the node is linked (it is a list's head, under the mutex), hence alive (I4).
        unsafe {
            self.locked.with_lists(|lists, len| {
                lists.all()[self.list].pop_front();
                *len -= 1;
            });
            let waker = Node::end_wait(node);
            // Ordering: Release pairs with the Acquire in `Waiter::poll_grant`, which is all that the owner does before
            // it uses the data and what the grant stands for. I3: nothing of the node is touched after this store.
            (*node).stage.store(GRANTED, Ordering::Release);
            waker
        }
    }
}
