//! The queue without its skins: the state, the four lists of waiters, and `settle`, which decides who goes next.
//!
//! # The state, under the mutex
//!
//! | [`Phase`] | puts and reserves | gets | held slots |
//! |---|---|---|---|
//! | `Open` | enter while there is room, else wait | take, or wait | may put |
//! | `Closed` | fail, those that were granted a slot too | take; wait for the held slots; then fail | may put |
//! | `Revoked` | fail | take (items that were given back), else fail | fail |
//!
//! A phase only moves down this table. There is *room* for the capacity, less the items inside, the slots granted to puts
//! and reserves that have not been polled since, and the [`Slot`](crate::Slot)s that are held; a negative one after an
//! item was given back to a full queue.
//!
//! # Transitions
//!
//! Every method makes its change in a [`Turn`], at whose end `settle` does what the change makes possible, until nothing
//! more can be decided:
//!
//! | if there is | and | then |
//! |---|---|---|
//! | a waiting getter | an item | it is handed the item |
//! | a waiting getter | none, none promised, and the queue closed | it is told so |
//! | a waiting putter | room | it is granted a slot, or, if it cannot be cancelled, its item enters |
//! | a waiting putter | the queue closed | it is told so |
//! | a released joiner | | it is told so |
//!
//! # Invariants
//!
//! - **Q1** When the mutex is free, no getter waits while there is an item. So a newcomer that finds an item passes nobody.
//! - **Q2** When the mutex is free, no putter waits while there is room, except between two rounds of wake-ups. So a
//!   newcomer looks at the waiting putters before it looks for room, and needs room even if a getter waits: an item may
//!   not pass the one that a granted slot will bring.
//! - **Q3** `len + out` is the number of unfinished items, and never negative. Items that enter, leave or come back move
//!   between the two; only `task_done` and `close_now` lower the sum.
//! - **Q4** Grants are void once the queue is closed, and slots once it is revoked: nothing enters by them. Nobody looks at
//!   `room` once the queue is closed; `slots` is 0 once it is revoked, and a void one is not counted down.
//! - **Q5** Items are not dropped under the mutex, no waker is cloned, woken or dropped under it. The one piece of
//!   foreign code that runs under it is the items' `Ord` in a priority queue; if it panics, nothing has changed, and the
//!   end of the turn still settles.
//! - **Q6** A list of joiners is released as a whole, by moving it to a list of its own: who joins between two rounds of
//!   wake-ups is not released with it.
//! - **Q7** An item that goes back costs at most the logarithm of the number of items, and neither allocates nor frees memory
//!   under the mutex. (A put may let the buffer grow there, and a get may shrink it: both at a constant cost per item.)

use crate::{
    heap::KEPT,
    settle::settle_and_wake,
    store::{Parcel, Store},
    turn::{Refusal, Turn},
};
use std::{
    fmt,
    marker::PhantomData,
    mem,
    num::NonZeroUsize,
    panic::{RefUnwindSafe, UnwindSafe},
    pin::Pin,
    task::Context,
};
use waitline::{
    Handle, List, Locked, Protocol, WaitQueue, Waiter, const_unless_loom,
    diagnostics::{Caller, Origin},
};

/// The list of those who wait for a slot: puts and reserves.
pub(crate) const PUTTERS: usize = 0;
/// The list of those who wait for an item.
pub(crate) const GETTERS: usize = 1;
/// The list of those who wait until no item is unfinished.
pub(crate) const JOINERS: usize = 2;
/// The list of joiners for whom that has come true (Q6).
pub(crate) const RELEASED: usize = 3;

/// Says what every future of this crate says that is polled after it was ready, as [`Waiter::poll_grant`] does.
#[cold]
pub(crate) fn polled_after_ready() -> ! {
    panic!("a waiting future was polled after it was ready")
}

/// What travels in a waiter: the item of a put on its way in, the item for a get on its way out.
pub(crate) struct Cargo<T> {
    pub(crate) item: Option<T>,
    /// Of a put: it has a thread of its own, which waits for its end. Nobody can drop it, so its item need not wait for it.
    pub(crate) is_blocking: bool,
    /// The future was ready without a wait, so that its stage does not say that it was. (A put has no item then.)
    pub(crate) is_over: bool,
    /// Of an item that leaves: its number in the order in which items entered.
    pub(crate) order: u64,
}

impl<T> Cargo<T> {
    pub(crate) const EMPTY: Self = Cargo { item: None, is_blocking: false, is_over: false, order: 0 };

    #[inline(always)]
    pub(crate) fn new(item: T) -> Self {
        Cargo { item: Some(item), ..Cargo::EMPTY }
    }

    /// An item that leaves.
    #[inline(always)]
    pub(crate) fn leaving(parcel: Parcel<T>) -> Self {
        Cargo { item: Some(parcel.item), order: parcel.order, ..Cargo::EMPTY }
    }

    /// Panics if the future was ready without a wait.
    #[inline(always)]
    pub(crate) fn check_not_over(&self) {
        if self.is_over {
            polled_after_ready();
        }
    }

    /// Notes that the future is ready, without a wait.
    #[inline(always)]
    pub(crate) fn end(&mut self) {
        self.is_over = true;
    }
}

pub(crate) struct QueueProtocol<S>(PhantomData<S>);

impl<T, S: Store<Item = T>> Protocol for QueueProtocol<S> {
    /// The capacity, `None` if there is no limit.
    type Word = Option<NonZeroUsize>;
    type State = State<S>;
    type Data = Cargo<T>;
    type Lists = [List<Cargo<T>>; 4];
}

pub(crate) type Guard<'q, S> = Locked<'q, QueueProtocol<S>>;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Open,
    Closed,
    Revoked,
}

pub(crate) struct State<S> {
    pub(crate) store: S,
    pub(crate) phase: Phase,
    /// How many more items or slots have a place.
    pub(crate) room: isize,
    /// Slots that are held.
    pub(crate) slots: usize,
    /// Items that were taken out, minus those that were done (Q3).
    pub(crate) out: isize,
    /// The number of the next item.
    pub(crate) order: u64,
    /// Memory for this many items is kept, whatever they are used for.
    pub(crate) kept: usize,
}

/// A queue of any order.
pub(crate) struct RawQueue<S: Store>(WaitQueue<QueueProtocol<S>>);

// A panic leaves the queue as whole as it was: no code of the user's runs while it is half changed. So what borrows it, such
// as a slot, may cross a `catch_unwind`, too.
impl<S: Store> UnwindSafe for RawQueue<S> {}
impl<S: Store> RefUnwindSafe for RawQueue<S> {}

impl<T, S: Store<Item = T>> RawQueue<S> {
    const_unless_loom! {
        /// `kind` is what reports call it.
        #[inline]
        #[track_caller]
        pub(crate) const fn new(kind: &'static str, capacity: Option<NonZeroUsize>, store: S) -> Self {
            let room = match capacity {
                Some(capacity) if capacity.get() < isize::MAX as usize => capacity.get() as isize,
                _ => isize::MAX,
            };
            // A buffer that doubles reaches less than twice the capacity; only items that were given back make it larger.
            let kept = match capacity {
                Some(capacity) if capacity.get() > KEPT / 2 => capacity.get().saturating_mul(2),
                _ => KEPT,
            };
            let state = State { store, phase: Phase::Open, room, slots: 0, out: 0, order: 0, kept };
            let mut queue = WaitQueue::new(capacity, state);
            queue.origin_mut().set_kind(kind);
            RawQueue(queue)
        }
    }

    /// What the queue is called in reports, to be named.
    #[inline]
    pub(crate) const fn origin_mut(&mut self) -> &mut Origin {
        self.0.origin_mut()
    }

    /// Notes that whoever calls has taken an item.
    #[inline(always)]
    pub(crate) fn note_taken(&self, place: Caller) {
        self.0.origin().take_item(place);
    }

    #[inline(always)]
    pub(crate) fn queue(&self) -> &WaitQueue<QueueProtocol<S>> {
        &self.0
    }

    /// Takes the mutex, makes a change, settles, unlocks and wakes. A change that panics is settled too (Q5).
    #[inline(always)]
    pub(crate) fn turn<R>(&self, change: impl FnOnce(Turn<'_, '_, S>) -> R) -> R {
        self.attempt(change, |_| true)
    }

    /// The same, for what may turn out to change nothing: then there is nothing to settle.
    #[inline(always)]
    pub(crate) fn attempt<R>(&self, change: impl FnOnce(Turn<'_, '_, S>) -> R, changed: impl FnOnce(&R) -> bool) -> R {
        let rescue = Rescue(self);
        let mut locked = self.0.lock();
        let result = change(Turn(&mut locked));
        mem::forget(rescue);
        if !locked.is_empty() && changed(&result) {
            settle_and_wake(self, locked);
        }
        result
    }

    /// Enters `list` if `must_wait`; otherwise the caller tries again. Changes nothing, so that there is nothing to settle.
    #[inline(always)]
    pub(crate) fn wait<H: Handle<Protocol = QueueProtocol<S>>>(
        &self,
        waiter: Pin<&mut Waiter<H>>,
        cx: &mut Context<'_>,
        list: usize,
        must_wait: impl FnOnce(Turn<'_, '_, S>) -> bool,
    ) -> bool {
        let mut entry = waiter.entry(cx.waker());
        let wait = must_wait(Turn(&mut entry));
        if wait {
            entry.wait_in(list);
        }
        wait
    }

    /// A turn without a change of its own.
    #[cold]
    pub(crate) fn settle(&self) {
        settle_and_wake(self, self.0.lock());
    }

    pub(crate) fn capacity(&self) -> Option<usize> {
        self.0.word.map(NonZeroUsize::get)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().store.len()
    }

    /// Whether a put would have to wait; once closed, whether the capacity is used up.
    pub(crate) fn is_full(&self) -> bool {
        let mut locked = self.0.lock();
        let mut turn = Turn(&mut locked);
        match turn.admit() {
            Ok(()) => false,
            Err(Refusal::Full) => true,
            // The room counts grants that are void by now (Q4).
            Err(Refusal::Closed) => self.capacity().is_some_and(|capacity| turn.store.len() + turn.slots >= capacity),
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.lock().phase != Phase::Open
    }

    pub(crate) fn unfinished(&self) -> usize {
        Turn(&mut self.0.lock()).unfinished()
    }

    pub(crate) fn close(&self) -> bool {
        self.turn(|mut turn| turn.close(Phase::Closed))
    }

    pub(crate) fn close_now(&self) -> Vec<T> {
        self.revoke(false).into_items()
    }

    /// What `close_now` does, for a queue from which nobody will take any more: what was taken counts as done, too.
    pub(crate) fn abandon(&self) {
        drop(self.revoke(true));
    }

    /// Takes everything out. The caller drops it, without the mutex (Q5).
    fn revoke(&self, all_done: bool) -> S {
        self.turn(|mut turn| {
            turn.close(Phase::Revoked);
            turn.slots = 0;
            let store = mem::take(&mut turn.store);
            // Items that were declared done before they were taken are not done again (Q3).
            turn.out = if all_done { 0 } else { turn.out.max(0) };
            turn.release_joiners();
            store
        })
    }

    pub(crate) fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct(name);
        match self.0.try_lock() {
            Some(locked) => {
                out.field("len", &locked.store.len())
                    .field("capacity", &self.capacity())
                    .field("closed", &(locked.phase != Phase::Open))
                    .field("waiters", &locked.len());
            }
            None => {
                out.field("len", &format_args!("<busy>")).field("capacity", &self.capacity());
            }
        }
        out.finish()
    }
}

/// Runs `settle` where a turn was left by a panic, after the mutex is released.
struct Rescue<'q, S: Store>(&'q RawQueue<S>);

impl<T, S: Store<Item = T>> Drop for Rescue<'_, S> {
    fn drop(&mut self) {
        self.0.settle();
    }
}
