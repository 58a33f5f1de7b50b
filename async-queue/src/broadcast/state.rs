//! The state of a broadcast under its mutex, the lists of waiters, and what a section does to them.
//!
//! Values are numbered in the order in which they entered. Each receiver knows the number of the next value that it is
//! to get. The buffer holds the values that some receiver has yet to get.
//!
//! # Invariants
//!
//! - **B1** A value's `left` is the number of receivers that have yet to get it: those whose next number is not above
//!   the value's. So `left` never falls from the front to the back, and the values with 0, the dead ones, are at the
//!   front. They leave at once, except while the drop of a receiver takes out more than a section's share of them.
//! - **B2** When the mutex is free, no sender waits while there is room, except between two rounds of wake-ups. So a
//!   newcomer checks for waiting senders before it checks for room.
//! - **B3** A receiver waits only if it has got everything. The section in which a value enters, or in which the last
//!   sender leaves, releases all waiting receivers. A released receiver finds something, because nobody else can get it
//!   for this receiver.
//! - **B4** While there is no receiver, no value enters, and waiting senders are granted with their values still in
//!   their requests.
//! - **B5** No value is cloned or dropped under the mutex (an `Arc` of it is cloned), and no waker is cloned, woken or
//!   dropped under it.

use std::{collections::VecDeque, marker::PhantomData, num::NonZeroUsize};
use waitline::{FirstPanic, List, Locked, Protocol, WaitQueue, Wakers, sync::Arc};

/// The list of the senders that wait for room.
pub(super) const SENDERS: usize = 0;
/// The list of the receivers that wait for a value.
pub(super) const GETTERS: usize = 1;
/// The list of the waits for the end of all receivers.
pub(super) const CLOSING: usize = 2;
/// The list of the receivers, and of the waits for their end, that are released and are yet to be granted (B3).
pub(super) const RELEASED: usize = 3;

/// The number of waiters that are woken between two sections, and of values that the drop of a receiver takes out in
/// one. Models cannot afford many, so it is two there.
const ROUND: usize = if cfg!(all(loom, feature = "loom")) { 2 } else { 32 };

pub(super) struct BroadcastProtocol<T>(PhantomData<T>);

impl<T> Protocol for BroadcastProtocol<T> {
    const NAME: &'static str = "broadcast";

    type Word = ();
    type State = State<T>;
    /// Of a sender: the value, until it enters.
    type Data = Option<Arc<T>>;
    type Lists = [List<Option<Arc<T>>>; 4];
}

pub(super) type Section<'a, T> = Locked<'a, BroadcastProtocol<T>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    /// A send to a full channel waits.
    Wait,
    /// A send to a full channel drops the oldest value.
    Lag,
}

struct Slot<T> {
    value: Arc<T>,
    left: usize,
}

pub(super) struct State<T> {
    policy: Policy,
    capacity: usize,
    buffer: VecDeque<Slot<T>>,
    /// The number of the value at the front.
    first: u64,
    pub(super) receivers: usize,
    /// Whether all senders are gone.
    pub(super) ended: bool,
}

/// What a receiver has found.
pub(super) enum Taken<T> {
    Value(Arc<T>),
    /// The number of values that it missed.
    Lagged(u64),
    Nothing,
    End,
}

/// Why a value does not enter.
pub(super) enum Refusal {
    Full,
    Closed,
}

impl<T> State<T> {
    pub(super) fn new(policy: Policy, capacity: NonZeroUsize) -> Self {
        let buffer = VecDeque::new();
        State { policy, capacity: capacity.get(), buffer, first: 0, receivers: 1, ended: false }
    }

    /// The number of values inside.
    pub(super) fn values(&self) -> usize {
        self.buffer.len()
    }

    /// The number of the next value.
    pub(super) fn end(&self) -> u64 {
        self.first + self.buffer.len() as u64
    }

    /// Whether a newcomer's value may enter now (B2). `senders_wait`: whether a sender waits.
    pub(super) fn admit(&self, senders_wait: bool) -> Result<(), Refusal> {
        if self.receivers == 0 {
            Err(Refusal::Closed)
        } else if self.policy == Policy::Wait && (senders_wait || self.buffer.len() >= self.capacity) {
            Err(Refusal::Full)
        } else {
            Ok(())
        }
    }

    /// Lets a value enter. Returns the value that it pushes out, if there is one.
    pub(super) fn enter(&mut self, value: Arc<T>) -> Option<Arc<T>> {
        let oldest = if self.buffer.len() >= self.capacity { self.pop() } else { None };
        self.buffer.push_back(Slot { value, left: self.receivers });
        oldest
    }

    fn pop(&mut self) -> Option<Arc<T>> {
        let slot = self.buffer.pop_front()?;
        self.first += 1;
        Some(slot.value)
    }

    /// Whether a receiver would find something.
    pub(super) fn has_news(&self, next: u64) -> bool {
        next != self.end() || self.ended
    }

    /// Takes what is next for a receiver.
    pub(super) fn take(&mut self, next: &mut u64) -> Taken<T> {
        if *next < self.first {
            let missed = self.first - *next;
            *next = self.first;
            return Taken::Lagged(missed);
        }
        let index = (*next - self.first) as usize;
        let Some(slot) = self.buffer.get_mut(index) else {
            return if self.ended { Taken::End } else { Taken::Nothing };
        };
        *next += 1;
        slot.left -= 1;
        let value = if slot.left == 0 && index == 0 { self.pop() } else { Some(slot.value.clone()) };
        value.map_or(Taken::Nothing, Taken::Value)
    }

    /// The values that a receiver has yet to get.
    fn yet_to_get(&mut self, next: u64) -> impl Iterator<Item = &mut Slot<T>> {
        let index = next.saturating_sub(self.first) as usize;
        self.buffer.range_mut(index..)
    }

    /// The number of values that a receiver has yet to get, without those that it missed.
    pub(super) fn len_for(&self, next: u64) -> usize {
        (self.end() - next.max(self.first)) as usize
    }

    /// Adds a receiver that has yet to get what this one has yet to get. Takes linear time in that.
    pub(super) fn join(&mut self, next: u64) {
        self.receivers += 1;
        self.yet_to_get(next).for_each(|slot| slot.left += 1);
    }

    /// Removes a receiver. Takes linear time in the number of values that it has yet to get.
    fn leave(&mut self, next: u64) {
        self.receivers -= 1;
        self.yet_to_get(next).for_each(|slot| slot.left -= 1);
    }

    /// Takes dead values out, up to a section's share (B1). Returns whether there may be more.
    fn reap(&mut self, dead: &mut [Option<Arc<T>>; ROUND]) -> bool {
        for place in dead {
            if self.buffer.front().is_none_or(|slot| slot.left > 0) {
                return false;
            }
            *place = self.pop();
        }
        true
    }
}

/// Removes a receiver, and what only it held back.
///
/// # Panics
///
/// If a waker or the drop of a value panics. Everything is done first.
pub(super) fn leave<T>(waiters: &WaitQueue<BroadcastProtocol<T>>, next: u64) {
    let mut panic = FirstPanic::new();
    let mut queue = waiters.lock();
    queue.leave(next);
    if queue.receivers == 0 {
        release::<T, CLOSING>(&mut queue);
    }
    loop {
        let mut dead = [const { None }; ROUND];
        let more = queue.reap(&mut dead);
        panic.catch(|| settle_and_wake(queue));
        dead.into_iter().for_each(|value| panic.catch(|| drop(value)));
        if !more {
            break;
        }
        queue = waiters.lock();
    }
    panic.resume();
}

/// Releases the waiters of list `FROM`: all of them, in one step (B3).
pub(super) fn release<T, const FROM: usize>(queue: &mut Section<'_, T>) {
    if queue.has_waiters::<FROM>() {
        queue.splice::<FROM, RELEASED>();
    }
}

/// Grants everything that the section's change has made possible, and wakes the granted waiters, in rounds, without the
/// mutex.
#[inline]
pub(super) fn settle_and_wake<T>(queue: Section<'_, T>) {
    if queue.is_empty() {
        return;
    }
    queue.wake_in_rounds::<ROUND>(|mut queue, wakers| !settle(&mut queue, wakers));
}

/// Grants everything that can be granted, until `wakers` is full. Returns whether nothing is left to grant.
fn settle<T>(queue: &mut Section<'_, T>, wakers: &mut Wakers<ROUND>) -> bool {
    // A full buffer is looked at before the waiting senders, who are its reason to wait.
    while !matches!(queue.admit(false), Err(Refusal::Full)) {
        let is_open = queue.receivers > 0;
        let Some(mut sender) = queue.front::<SENDERS>() else { break };
        // B4: without a receiver, the value stays with its sender.
        let value = if is_open { sender.data().take() } else { None };
        wakers.push(sender.grant());
        if let Some(value) = value {
            // Senders wait only where nothing is pushed out.
            let pushed_out = queue.enter(value);
            debug_assert!(pushed_out.is_none(), "a sender was let in without room");
            release::<T, GETTERS>(queue);
        }
        if wakers.is_full() {
            return false;
        }
    }
    queue.grant_front::<RELEASED, ROUND>(ROUND, wakers);
    !wakers.is_full()
}
