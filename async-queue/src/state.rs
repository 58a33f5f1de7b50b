//! The state of a queue under its mutex, the four lists of waiters, and what can be done in a section of the mutex.
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
//! Every method makes its change in a section of the mutex, at whose end [`settle`](crate::settle) does what the change makes
//! possible, until nothing more can be decided:
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
//!   end of the section still settles.
//! - **Q6** A list of joiners is released as a whole, by moving it to a list of its own: who joins between two rounds of
//!   wake-ups is not released with it.
//! - **Q7** An item that goes back costs at most the logarithm of the number of items, and neither allocates nor frees memory
//!   under the mutex. (A put may let the buffer grow there, and a get may shrink it: both at a constant cost per item.)

use crate::{
    heap::KEPT,
    store::{Parcel, Store},
};
use std::{marker::PhantomData, mem, num::NonZeroUsize};
use waitline::{List, Locked, Protocol};

/// The list of those who wait for room.
pub(crate) const PUTTERS: usize = 0;
/// The list of those who wait for an item.
pub(crate) const GETTERS: usize = 1;
/// The list of those who wait until everything is done.
pub(crate) const JOINERS: usize = 2;
/// The list of joiners for whom that has come true (Q6).
pub(crate) const RELEASED: usize = 3;

/// What travels in a waiter: the item of a put on its way in, the item for a get on its way out.
pub(crate) struct Request<T> {
    pub(crate) item: Option<T>,
    /// Of a put: it has a thread of its own, which waits for its end. Nobody can drop it, so its item need not wait for it.
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

    /// An item that leaves.
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
    type Lists = [List<Request<T>>; 4];
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

/// Why an item or a reservation has no place.
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
        // A buffer that doubles reaches less than twice the capacity; only items that were given back make it larger.
        let kept = match capacity {
            Some(capacity) if capacity.get() > KEPT / 2 => capacity.get().saturating_mul(2),
            _ => KEPT,
        };
        State { store, phase: Phase::Open, room, slots: 0, out: 0, order: 0, kept }
    }

    /// Whether there is no item and will be none.
    pub(crate) fn is_drained(&self) -> bool {
        self.phase != Phase::Open && self.slots == 0 && self.store.len() == 0
    }

    /// Whether a newcomer may have a slot now, given whether putters wait (Q2).
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

    /// Lets an item in for which there is room. If its comparison with others panics, there still is.
    #[inline(always)]
    pub(crate) fn put(&mut self, item: &mut Option<T>) {
        let order = self.order;
        self.store.push(order, item);
        self.order = order + 1;
        self.room -= 1;
    }

    /// Holds a slot for which there is room.
    pub(crate) fn hold_slot(&mut self) {
        self.room -= 1;
        self.slots += 1;
    }

    /// Gives the slot up that was granted to a waiting put or reserve. If that is void, it does not matter (Q4).
    pub(crate) fn return_grant(&mut self) {
        self.room += 1;
    }

    /// Gives a held slot up, unless it is void (Q4).
    pub(crate) fn return_slot(&mut self) {
        if self.phase != Phase::Revoked {
            self.slots -= 1;
            self.room += 1;
        }
    }

    /// Puts the item of a waiting put that was granted its slot; leaves it if that is void (Q4).
    #[inline(always)]
    pub(crate) fn put_granted(&mut self, item: &mut Option<T>) {
        if self.phase == Phase::Open {
            self.room += 1;
            self.put(item);
        }
    }

    /// Makes the grant of a waiting reserve a held slot; `false` if it is void (Q4).
    pub(crate) fn hold_granted(&mut self) -> bool {
        let valid = self.phase == Phase::Open;
        if valid {
            self.slots += 1;
        }
        valid
    }

    /// Puts the item into a held slot; leaves it if that is void (Q4).
    pub(crate) fn put_into_slot(&mut self, item: &mut Option<T>) {
        if self.phase != Phase::Revoked {
            self.return_slot();
            self.put(item);
        }
    }

    /// Takes the item whose turn it is. A newcomer that finds one passes nobody, by Q1.
    ///
    /// An `Option`, and in what follows too: a `Result` whose error has a niche of its own is copied in odd pieces, which
    /// cost 9 ns for an item of 64 bytes.
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

    /// Takes an item back that was handed to a get which was dropped before it saw it. As [`Store::put_back`].
    pub(crate) fn give_back(&mut self, request: &mut Request<T>, spare: &mut Vec<Parcel<T>>) -> Result<(), usize> {
        self.store.put_back(request.order, &mut request.item, spare)?;
        self.out -= 1;
        self.room -= 1;
        Ok(())
    }

    /// Whether this is a change.
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

    /// Finishes an item; `false` if there is none.
    pub(crate) fn finish_item(&mut self) -> bool {
        let is_one = self.unfinished() > 0;
        if is_one {
            self.out -= 1;
        }
        is_one
    }

    /// Takes everything out and voids the slots (Q4). `all_done`: the items that were taken are done, too.
    pub(crate) fn revoke(&mut self, all_done: bool) -> S {
        self.close(Phase::Revoked);
        self.slots = 0;
        // Items that were declared done before they were taken are not done again (Q3).
        self.out = if all_done { 0 } else { self.out.max(0) };
        mem::replace(&mut self.store, S::EMPTY)
    }
}

/// Gives half of the memory back when three quarters are not in use, so that a burst is paid for by its own items only.
#[cold]
fn shrink<S: Store>(store: &mut S) {
    let allocated = store.allocated();
    if store.len() < allocated / 4 {
        store.shrink(allocated / 2);
    }
}
