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
//! A phase only moves down this table. *Room* is `len + granted + slots < capacity`: the items inside, the slots
//! granted to puts and reserves that have not been polled since, and the [`Slot`](crate::Slot)s that are held.
//!
//! # Transitions
//!
//! Every method makes its change in a [`Turn`], at whose end [`settle`](Turn) does what the change makes possible, until
//! nothing more can be decided:
//!
//! | if there is | and | then |
//! |---|---|---|
//! | a waiting getter | an item | it is handed the item |
//! | a waiting getter | none, none promised, and the queue closed | it is told so |
//! | a waiting putter | room | it is granted a slot |
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
//! - **Q4** `granted` is 0 unless the queue is open, `slots` is 0 once it is revoked: who comes with a grant or a slot
//!   that is void counts nothing down.
//! - **Q5** Items are not dropped under the mutex, no waker is cloned, woken or dropped under it. The one piece of
//!   foreign code that runs under it is the items' `Ord` in a priority queue; if it panics, nothing has changed, and the
//!   end of the turn still settles.
//! - **Q6** A list of joiners is released as a whole, by moving it to a list of its own: who joins between two rounds of
//!   wake-ups is not released with it.

use crate::{
    error::TryGetError,
    store::{Parcel, Store},
};
use std::{
    fmt,
    marker::PhantomData,
    mem,
    num::NonZeroUsize,
    ops::{Deref, DerefMut},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    task::Waker,
    thread,
};
use waitline::{Entry, Front, Handle, List, Locked, Protocol, WaitQueue, Wakers, const_unless_loom};

/// The list of those who wait for a slot: puts and reserves.
pub(crate) const PUTTERS: usize = 0;
/// The list of those who wait for an item.
pub(crate) const GETTERS: usize = 1;
/// The list of those who wait until no item is unfinished.
pub(crate) const JOINERS: usize = 2;
/// The list of joiners for whom that has come true (Q6).
const RELEASED: usize = 3;

/// An unbounded queue keeps memory for this many items, whatever it is used for.
const KEPT: usize = 64;

/// What travels in a waiter: the item of a put on its way in, the item for a get on its way out.
pub(crate) struct Cargo<T> {
    pub(crate) item: Option<T>,
    /// Of an item that leaves: its number in the order in which items entered.
    pub(crate) order: u64,
}

impl<T> Cargo<T> {
    pub(crate) const EMPTY: Self = Cargo { item: None, order: 0 };

    #[inline(always)]
    pub(crate) fn new(item: T) -> Self {
        Cargo { item: Some(item), order: 0 }
    }
}

pub(crate) struct QueueProtocol<T, S>(PhantomData<(T, S)>);

impl<T, S: Store<T>> Protocol for QueueProtocol<T, S> {
    /// The capacity, `None` if there is no limit.
    type Word = Option<NonZeroUsize>;
    type State = State<S>;
    type Data = Cargo<T>;
    type Lists = [List<Cargo<T>>; 4];
}

type Guard<'q, T, S> = Locked<'q, QueueProtocol<T, S>>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Closed,
    Revoked,
}

pub(crate) struct State<S> {
    store: S,
    phase: Phase,
    /// Slots of puts and reserves that were granted and have not been polled since.
    granted: usize,
    /// Slots that are held.
    slots: usize,
    /// Items that were taken out, minus those that were done (Q3).
    out: isize,
    /// The number of the next item.
    order: u64,
}

/// Why an item or a reservation has no place.
pub(crate) enum Refusal {
    Full,
    Closed,
}

/// A queue of any order.
pub(crate) struct RawQueue<T, S: Store<T>>(WaitQueue<QueueProtocol<T, S>>);

impl<T, S: Store<T>> RawQueue<T, S> {
    const_unless_loom! {
        pub(crate) const fn new(capacity: Option<NonZeroUsize>, store: S) -> Self {
            let state = State { store, phase: Phase::Open, granted: 0, slots: 0, out: 0, order: 0 };
            RawQueue(WaitQueue::new(capacity, state))
        }
    }

    #[inline(always)]
    pub(crate) fn queue(&self) -> &WaitQueue<QueueProtocol<T, S>> {
        &self.0
    }

    /// Takes the mutex.
    #[inline(always)]
    pub(crate) fn turn(&self) -> Turn<'_, T, S, Guard<'_, T, S>> {
        Turn { raw: self, guard: Some(self.0.lock()) }
    }

    /// The same, for a waiter that may have to wait.
    #[inline(always)]
    pub(crate) fn turn_of<'q, H>(&'q self, entry: Entry<'q, H>) -> Turn<'q, T, S, Entry<'q, H>>
    where
        H: Handle<Protocol = QueueProtocol<T, S>>,
    {
        Turn { raw: self, guard: Some(entry) }
    }

    pub(crate) fn capacity(&self) -> Option<usize> {
        self.0.word.map(NonZeroUsize::get)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.lock().store.len()
    }

    /// Whether a put would have to wait.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self.turn().admit(), Err(Refusal::Full))
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.lock().phase != Phase::Open
    }

    pub(crate) fn unfinished(&self) -> usize {
        self.turn().unfinished()
    }

    pub(crate) fn close(&self) -> bool {
        self.turn().close(Phase::Closed)
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
        let mut turn = self.turn();
        turn.close(Phase::Revoked);
        turn.slots = 0;
        let store = mem::take(&mut turn.store);
        // Items that were declared done before they were taken are not done again (Q3).
        turn.out = if all_done { 0 } else { turn.out.max(0) };
        turn.release_joiners();
        store
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

/// What holds the mutex: its guard, alone or in a waiter's entry.
pub(crate) trait Hold<'q, T: 'q, S: Store<T> + 'q> {
    fn locked(&self) -> &Guard<'q, T, S>;
    fn locked_mut(&mut self) -> &mut Guard<'q, T, S>;
}

impl<'q, T, S: Store<T>> Hold<'q, T, S> for Guard<'q, T, S> {
    #[inline(always)]
    fn locked(&self) -> &Guard<'q, T, S> {
        self
    }
    #[inline(always)]
    fn locked_mut(&mut self) -> &mut Guard<'q, T, S> {
        self
    }
}

impl<'q, T, S: Store<T>, H: Handle<Protocol = QueueProtocol<T, S>>> Hold<'q, T, S> for Entry<'q, H> {
    #[inline(always)]
    fn locked(&self) -> &Guard<'q, T, S> {
        self
    }
    #[inline(always)]
    fn locked_mut(&mut self) -> &mut Guard<'q, T, S> {
        self
    }
}

/// The time in which the mutex is held. Its end settles, unlocks, and wakes; also if it ends by a panic (Q5).
pub(crate) struct Turn<'q, T, S: Store<T>, G: Hold<'q, T, S>> {
    raw: &'q RawQueue<T, S>,
    /// Present until the turn ends.
    guard: Option<G>,
}

impl<'q, T, S: Store<T>, G: Hold<'q, T, S>> Deref for Turn<'q, T, S, G> {
    type Target = Guard<'q, T, S>;
    #[inline(always)]
    fn deref(&self) -> &Self::Target {
        self.guard.as_ref().expect("the turn goes on").locked()
    }
}

impl<'q, T, S: Store<T>, G: Hold<'q, T, S>> DerefMut for Turn<'q, T, S, G> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.guard.as_mut().expect("the turn goes on").locked_mut()
    }
}

impl<'q, T, S: Store<T>, G: Hold<'q, T, S>> Drop for Turn<'q, T, S, G> {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(guard) = self.guard.take()
            && !guard.locked().is_empty()
        {
            settle_and_wake(self.raw, guard);
        }
    }
}

impl<'q, T, S: Store<T>, H: Handle<Protocol = QueueProtocol<T, S>>> Turn<'q, T, S, Entry<'q, H>> {
    /// What the waiter brings.
    pub(crate) fn cargo(&mut self) -> &mut Cargo<T> {
        self.guard.as_mut().expect("the turn goes on").data()
    }

    /// Ends the turn, which has changed nothing, with the waiter in a list.
    pub(crate) fn wait_in(mut self, list: usize) {
        self.guard.take().expect("the turn goes on").wait_in(list);
    }
}

impl<'q, T, S: Store<T>, G: Hold<'q, T, S>> Turn<'q, T, S, G> {
    /// Whether a newcomer may take a place now.
    #[inline(always)]
    fn admit(&mut self) -> Result<(), Refusal> {
        if self.phase != Phase::Open {
            Err(Refusal::Closed)
        } else if has_room(self) && self.front(PUTTERS).is_none() {
            Ok(())
        } else {
            Err(Refusal::Full)
        }
    }

    /// Lets an item in that has a place.
    #[inline(always)]
    fn enter(&mut self, item: &mut Option<T>) {
        let order = self.order;
        self.store.push(order, item);
        self.order = order + 1;
    }

    /// A newcomer's put. Takes the item out of its place if it succeeds.
    #[inline(always)]
    pub(crate) fn put(&mut self, item: &mut Option<T>) -> Result<(), Refusal> {
        self.admit()?;
        self.enter(item);
        Ok(())
    }

    /// A newcomer's reservation.
    pub(crate) fn reserve(&mut self) -> Result<(), Refusal> {
        self.admit()?;
        self.slots += 1;
        Ok(())
    }

    /// Gives the place up that was granted to a waiting put or reserve; `false` if it was void (Q4).
    pub(crate) fn redeem_grant(&mut self) -> bool {
        let valid = self.phase == Phase::Open;
        if valid {
            self.granted -= 1;
        }
        valid
    }

    /// Gives the place of a held slot up; `false` if it was void (Q4).
    pub(crate) fn redeem_slot(&mut self) -> bool {
        let valid = self.phase != Phase::Revoked;
        if valid {
            self.slots -= 1;
        }
        valid
    }

    /// Puts the item of a waiting put that was granted its slot.
    pub(crate) fn put_granted(&mut self, item: &mut Option<T>) -> bool {
        let valid = self.redeem_grant();
        if valid {
            self.enter(item);
        }
        valid
    }

    /// Makes the grant of a waiting reserve a held slot.
    pub(crate) fn hold_granted(&mut self) -> bool {
        let valid = self.redeem_grant();
        if valid {
            self.slots += 1;
        }
        valid
    }

    /// Puts into a held slot.
    pub(crate) fn put_into_slot(&mut self, item: &mut Option<T>) -> bool {
        let valid = self.redeem_slot();
        if valid {
            self.enter(item);
        }
        valid
    }

    /// Takes the item whose turn it is. Nobody waits for it, by Q1.
    #[inline(always)]
    pub(crate) fn get(&mut self) -> Result<T, TryGetError> {
        match take(self) {
            Some(parcel) => Ok(parcel.item),
            None if is_drained(self) => Err(TryGetError::Closed),
            None => Err(TryGetError::Empty),
        }
    }

    /// Takes an item back that was handed to a get which was dropped before it saw it.
    pub(crate) fn give_back(&mut self, cargo: &mut Cargo<T>) {
        self.store.put_back(cargo.order, &mut cargo.item);
        self.out -= 1;
    }

    /// Whether this is a change.
    fn close(&mut self, phase: Phase) -> bool {
        let was_open = self.phase == Phase::Open;
        if was_open || phase == Phase::Revoked {
            self.phase = phase;
        }
        self.granted = 0;
        was_open
    }

    /// The number of unfinished items.
    pub(crate) fn unfinished(&self) -> usize {
        self.store.len().wrapping_add_signed(self.out)
    }

    /// Finishes an item; `false` if there is none.
    pub(crate) fn finish(&mut self) -> bool {
        if self.unfinished() == 0 {
            return false;
        }
        self.out -= 1;
        self.release_joiners();
        true
    }

    fn release_joiners(&mut self) {
        if self.unfinished() == 0 {
            self.splice(JOINERS, RELEASED);
        }
    }
}

/// Whether a putter may be granted a slot.
#[inline(always)]
fn has_room<T, S: Store<T>>(locked: &Guard<'_, T, S>) -> bool {
    let taken = locked.store.len() + locked.granted + locked.slots;
    locked.word().is_none_or(|capacity| taken < capacity.get())
}

/// Whether there is no item and will be none.
fn is_drained<T, S: Store<T>>(locked: &Guard<'_, T, S>) -> bool {
    locked.phase != Phase::Open && locked.slots == 0 && locked.store.len() == 0
}

#[inline(always)]
fn take<T, S: Store<T>>(locked: &mut Guard<'_, T, S>) -> Option<Parcel<T>> {
    let unbounded = locked.word().is_none();
    let state: &mut State<S> = locked;
    let parcel = state.store.pop()?;
    state.out += 1;
    if unbounded && state.store.allocated() > KEPT {
        shrink(&mut state.store);
    }
    Some(parcel)
}

/// Gives half of the memory back when three quarters are not in use, so that a burst is paid for by its own items only.
#[cold]
fn shrink<T, S: Store<T>>(store: &mut S) {
    let allocated = store.allocated();
    if store.len() < allocated / 4 {
        store.shrink(allocated / 2);
    }
}

/// The next transition of the table above; the waker is to be woken after the mutex is released.
fn decide<T, S: Store<T>>(locked: &mut Guard<'_, T, S>) -> Option<Waker> {
    if locked.front(GETTERS).is_some() {
        let parcel = take(locked);
        if parcel.is_some() || is_drained(locked) {
            let mut getter = locked.front(GETTERS)?;
            if let Some(Parcel { order, item }) = parcel {
                *getter.data() = Cargo { item: Some(item), order };
            }
            return Some(getter.grant());
        }
    }
    if locked.front(PUTTERS).is_some() {
        let open = locked.phase == Phase::Open;
        if !open || has_room(locked) {
            locked.granted += usize::from(open);
            return locked.front(PUTTERS).map(Front::grant);
        }
    }
    locked.front(RELEASED).map(Front::grant)
}

/// Makes transitions until nothing more can be decided; `false` if there are more than `wakers` can hold.
fn settle<T, S: Store<T>>(locked: &mut Guard<'_, T, S>, wakers: &mut Wakers) -> bool {
    while !wakers.is_full() {
        match decide(locked) {
            Some(waker) => wakers.push(waker),
            None => return true,
        }
    }
    false
}

/// The end of a turn while somebody waits.
#[cold]
fn settle_and_wake<'q, T, S, G>(raw: &'q RawQueue<T, S>, mut guard: G)
where
    S: Store<T>,
    G: Hold<'q, T, S>,
{
    let mut wakers = Wakers::new();
    let settled = settle(guard.locked_mut(), &mut wakers);
    drop(guard);
    if settled && !thread::panicking() {
        return wakers.wake_all();
    }
    wake_in_rounds(raw, settled, wakers);
}

/// A waker that panics must not keep those of later rounds asleep, nor make an abort of a panic that is under way.
#[cold]
fn wake_in_rounds<T, S: Store<T>>(raw: &RawQueue<T, S>, mut settled: bool, mut wakers: Wakers) {
    let mut first_panic = None;
    loop {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| wakers.wake_all())) {
            match first_panic {
                None => first_panic = Some(panic),
                Some(_) => mem::forget(panic),
            }
        }
        if settled {
            break;
        }
        settled = settle(&mut raw.0.lock(), &mut wakers);
    }
    match first_panic {
        Some(panic) if thread::panicking() => mem::forget(panic),
        Some(panic) => resume_unwind(panic),
        None => {}
    }
}
