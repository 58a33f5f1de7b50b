//! The state of a queue under its mutex, the lists of waiters, and the changes that a section makes.
//!
//! # The state, under the mutex
//!
//! | [`Phase`] | puts and reserves | gets | held slots |
//! |---|---|---|---|
//! | `Open` | enter if there is room, else wait | take, or wait | may put |
//! | `Closed` | fail, even after a slot was granted | take; wait for the held slots; then fail | may put |
//! | `Revoked` | fail | take (items that were given back), else fail | fail |
//!
//! A phase only moves down this table. The *room* is the number of further slots that the queue can grant: its
//! capacity, less the items inside, the slots granted to puts and reserves that have not been polled since, and the
//! [`Slot`](crate::Slot)s that are held. It is negative after an item was given back to a full queue.
//!
//! # Transitions
//!
//! Every method makes its change in a section of the mutex. At the end of the section, [`settle`](crate::settle) grants
//! everything that the change has made possible:
//!
//! | if there is | and | then |
//! |---|---|---|
//! | a waiting getter | an item | it is granted the item |
//! | a waiting getter | no item, no held slot, and the queue is closed | it is granted without an item, and fails |
//! | a waiting putter | room | it is granted a slot, or, if it cannot be cancelled, its item enters |
//! | a waiting putter | the queue is closed | it is granted without a slot, and fails |
//! | a released joiner or closer | | it is granted |
//!
//! # Invariants
//!
//! - **Q1** When the mutex is free, no getter waits while there is an item. So a newcomer that finds an item passes no
//!   waiter.
//! - **Q2** When the mutex is free, no putter waits while there is room, except between two rounds of wake-ups. So a
//!   newcomer checks for waiting putters before it checks for room. It needs room even if a getter waits: its item must
//!   not pass the one that a granted slot will bring.
//! - **Q3** `len + out` is the number of unfinished items, and never negative. Items that enter raise it; items that
//!   leave or come back only move between the two terms. Only `task_done` and `close_now` lower it.
//! - **Q4** Granted slots are void once the queue is closed, and held slots once it is revoked: nothing enters by them.
//!   `room` has no meaning once the queue is closed. `slots` is 0 once the queue is revoked, and a void slot is not
//!   counted down.
//! - **Q5** No item is dropped under the mutex, and no waker is cloned, woken or dropped under it. The only foreign
//!   code that runs under it is the items' `Ord` in a priority queue. If it panics, nothing has changed, and the end of
//!   the section still settles.
//! - **Q6** All joiners are released in one step, by moving them to a list of their own. A task that joins between two
//!   rounds of wake-ups is not released with them. The close releases the closers in the same way; no closer waits once
//!   the queue is closed.
//! - **Q7** Giving an item back takes at most logarithmic time in the number of items, and neither allocates nor frees
//!   memory under the mutex. (A put may grow the buffer there, and a get may shrink it: both at a constant cost per
//!   item.)

use crate::{
    heap::KEPT,
    store::{Parcel, Store},
};
use std::{marker::PhantomData, mem, num::NonZeroUsize};
use waitline::{List, Locked, Protocol};

/// The list of the waiters for a slot.
pub(crate) const PUTTERS: usize = 0;
/// The list of the waiters for an item.
pub(crate) const GETTERS: usize = 1;
/// The list of the waiters for the end of all items' work.
pub(crate) const JOINERS: usize = 2;
/// The list of the joiners and closers that are released, and are yet to be granted (Q6).
pub(crate) const RELEASED: usize = 3;
/// The list of the waiters for the close.
pub(crate) const CLOSERS: usize = 4;

/// The data of a waiter: the item of a put on its way in, or the item that a get was granted.
pub(crate) struct Request<T> {
    pub(crate) item: Option<T>,
    /// Of a put: a thread blocks until it ends. It cannot be cancelled, so its item may enter before it is polled.
    pub(crate) is_blocking: bool,
    /// Of an item that leaves: its number in the order in which items entered.
    pub(crate) order: u64,
}

impl<T> Request<T> {
    pub(crate) const EMPTY: Self = Request { item: None, is_blocking: false, order: 0 };

    #[inline(always)]
    pub(crate) fn new(item: T) -> Self {
        Request { item: Some(item), ..Request::EMPTY }
    }

    /// The data of a getter that is granted this item.
    #[inline(always)]
    pub(crate) fn leaving(parcel: Parcel<T>) -> Self {
        Request { item: Some(parcel.item), order: parcel.order, ..Request::EMPTY }
    }
}

pub(crate) struct QueueProtocol<S>(PhantomData<S>);

impl<T, S: Store<Item = T>> Protocol for QueueProtocol<S> {
    type Word = ();
    type State = State<S>;
    type Data = Request<T>;
    type Lists = [List<Request<T>>; 5];
}

/// A section of the queue's mutex.
pub(crate) type Section<'q, S> = Locked<'q, QueueProtocol<S>>;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Open,
    Closed,
    Revoked,
}

pub(crate) struct State<S> {
    pub(crate) store: S,
    pub(crate) phase: Phase,
    /// The number of further slots that can be granted.
    pub(crate) room: isize,
    /// The number of held slots.
    pub(crate) slots: usize,
    /// The number of items that were taken out, minus the number of those that are done (Q3).
    pub(crate) out: isize,
    /// The number of the next item, in the order in which items enter.
    pub(crate) order: u64,
    /// Memory for this many items is never given back.
    pub(crate) kept: usize,
}

/// Why a put or a reserve is refused.
pub(crate) enum Refusal {
    Full,
    Closed,
}

impl<T, S: Store<Item = T>> State<S> {
    pub(crate) const fn new(capacity: Option<NonZeroUsize>, store: S) -> Self {
        let room = match capacity {
            Some(capacity) if capacity.get() < isize::MAX as usize => capacity.get() as isize,
            _ => isize::MAX,
        };
        // A buffer that doubles stays below twice the capacity. Only items that are given back make it larger.
        let kept = match capacity {
            Some(capacity) if capacity.get() > KEPT / 2 => capacity.get().saturating_mul(2),
            _ => KEPT,
        };
        State { store, phase: Phase::Open, room, slots: 0, out: 0, order: 0, kept }
    }

    /// Whether there is no item and there will be none.
    pub(crate) fn is_drained(&self) -> bool {
        self.phase != Phase::Open && self.slots == 0 && self.store.len() == 0
    }

    /// Whether a newcomer may take a slot now (Q2). `putters_wait`: whether a putter waits.
    #[inline(always)]
    pub(crate) fn admit(&self, putters_wait: bool) -> Result<(), Refusal> {
        if self.phase != Phase::Open {
            Err(Refusal::Closed)
        } else if self.room > 0 && !putters_wait {
            Ok(())
        } else {
            Err(Refusal::Full)
        }
    }

    /// Puts an item for which there is room. If a comparison of the item panics, nothing changes.
    #[inline(always)]
    pub(crate) fn put(&mut self, item: &mut Option<T>) {
        let order = self.order;
        self.store.push(order, item);
        self.order = order + 1;
        self.room -= 1;
    }

    /// Takes a slot, for which there is room, as a held one.
    pub(crate) fn hold_slot(&mut self) {
        self.room -= 1;
        self.slots += 1;
    }

    /// Gives up a slot that was granted to a put or reserve. Has no effect that matters if the slot is void (Q4).
    pub(crate) fn return_grant(&mut self) {
        self.room += 1;
    }

    /// Gives up a held slot, unless it is void (Q4).
    pub(crate) fn return_slot(&mut self) {
        if self.phase != Phase::Revoked {
            self.slots -= 1;
            self.room += 1;
        }
    }

    /// Puts the item of a put that was granted a slot. Leaves the item if the slot is void (Q4).
    #[inline(always)]
    pub(crate) fn put_granted(&mut self, item: &mut Option<T>) {
        if self.phase == Phase::Open {
            self.room += 1;
            self.put(item);
        }
    }

    /// Turns a slot that was granted to a reserve into a held one. Returns `false` if the slot is void (Q4).
    pub(crate) fn hold_granted(&mut self) -> bool {
        let valid = self.phase == Phase::Open;
        if valid {
            self.slots += 1;
        }
        valid
    }

    /// Puts the item into a held slot. Leaves the item if the slot is void (Q4).
    pub(crate) fn put_into_slot(&mut self, item: &mut Option<T>) {
        if self.phase != Phase::Revoked {
            self.return_slot();
            self.put(item);
        }
    }

    /// Takes the item that leaves first. A newcomer that finds one passes no waiter, by Q1.
    ///
    /// It returns an `Option`, as its callers do: a `Result` whose error has a niche of its own is copied field by
    /// field, which is slow for large items.
    #[inline(always)]
    pub(crate) fn take(&mut self) -> Option<Parcel<T>> {
        let entered = self.order;
        let parcel = self.store.pop(entered)?;
        self.out += 1;
        self.room += 1;
        if self.store.allocated() > self.kept {
            shrink(&mut self.store);
        }
        Some(parcel)
    }

    /// Takes back an item that was granted to a get that was dropped before it was polled. As [`Store::put_back`].
    pub(crate) fn give_back(&mut self, request: &mut Request<T>, spare: &mut Vec<Parcel<T>>) -> Result<(), usize> {
        self.store.put_back(request.order, &mut request.item, spare)?;
        self.out -= 1;
        self.room -= 1;
        Ok(())
    }

    /// Closes the queue, or revokes it. Returns whether it was open.
    pub(crate) fn close(&mut self, phase: Phase) -> bool {
        let was_open = self.phase == Phase::Open;
        if was_open || phase == Phase::Revoked {
            self.phase = phase;
        }
        was_open
    }

    /// The number of unfinished items.
    pub(crate) fn unfinished(&self) -> usize {
        self.store.len().wrapping_add_signed(self.out)
    }

    /// Counts an item as done. Returns `false` if none is unfinished.
    pub(crate) fn finish_item(&mut self) -> bool {
        let is_one = self.unfinished() > 0;
        if is_one {
            self.out -= 1;
        }
        is_one
    }

    /// Takes everything out and voids the slots (Q4). `all_done`: the items that were taken before count as done, too.
    pub(crate) fn revoke(&mut self, all_done: bool) -> S {
        self.close(Phase::Revoked);
        self.slots = 0;
        // Items that were declared done before they were taken are not counted as done again (Q3).
        self.out = if all_done { 0 } else { self.out.max(0) };
        mem::replace(&mut self.store, S::EMPTY)
    }
}

/// Gives half of the memory back when three quarters are not in use, so that the cost is
/// amortized over the items of a burst.
#[cold]
fn shrink<S: Store>(store: &mut S) {
    let allocated = store.allocated();
    if store.len() < allocated / 4 {
        store.shrink(allocated / 2);
    }
}
