//! The timers of a runtime: a heap of deadlines in which a cancelled timer costs nothing until it surfaces.

use crate::{
    key_map::{FEW, KeyMap, is_roomy},
    task::{
        runtime::{Fate, TimerKey},
        swallow,
    },
    time::now,
};
use parking_lot::Mutex;
use std::{cmp::Reverse, collections::BinaryHeap, fmt, mem, task::Waker, time::Instant};
use waitline::{FirstPanic, busy_or};

/// All timers of one runtime.
///
/// Invariants:
///
/// - T1: a timer is pending exactly while `entries[key].serial` is its serial number. Firing and cancelling remove the
///   entry.
/// - T2: every pending timer has one item in `heap`, until the end. Items without a pending timer are stale; at most
///   half of the heap (or [`FEW`] items) is stale, and its capacity is at most four times its number of items (or
///   [`FEW`]). With [`KeyMap`]'s invariants, memory is proportional to the number of pending timers.
/// - T3: a waker is never cloned, woken or dropped under the mutex.
/// - T4: after the end no timer fires. Timers that are pending then stay pending, without their wakers, so that each
///   can see that it has not fired.
pub(crate) struct Timers(Mutex<State>);

struct State {
    heap: BinaryHeap<Reverse<Due>>,
    entries: KeyMap<Entry>,
    next_serial: u64,
    has_ended: bool,
}

struct Entry {
    serial: u64,
    waker: Waker,
}

/// Ordered by deadline, then by age: timers of one instant fire in the order in which they were set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    deadline: Instant,
    serial: u64,
    key: u64,
}

impl State {
    fn is_pending(entries: &KeyMap<Entry>, due: &Due) -> bool {
        entries.get(due.key).is_some_and(|entry| entry.serial == due.serial)
    }

    fn entry(&mut self, timer: TimerKey) -> Option<&mut Entry> {
        self.entries.get_mut(timer.key).filter(|entry| entry.serial == timer.serial)
    }

    /// Restores T2 after a cancellation.
    fn sweep(&mut self) {
        if self.heap.len() > FEW && self.heap.len() > 2 * self.entries.len() {
            let entries = &self.entries;
            self.heap.retain(|Reverse(due)| Self::is_pending(entries, due));
        }
        self.trim();
    }

    /// Restores T2 after items were removed.
    #[inline]
    fn trim(&mut self) {
        if is_roomy(self.heap.len(), self.heap.capacity()) {
            self.heap.shrink_to(FEW.max(2 * self.heap.len()));
        }
    }

    /// The earliest pending deadline. Drops stale items on the way.
    fn next(&mut self) -> Option<Instant> {
        while let Some(Reverse(due)) = self.heap.peek() {
            if Self::is_pending(&self.entries, due) {
                return Some(due.deadline);
            }
            self.heap.pop();
        }
        None
    }
}

impl Timers {
    pub(crate) fn new() -> Self {
        let (heap, entries) = (BinaryHeap::new(), KeyMap::new());
        Self(Mutex::new(State { heap, entries, next_serial: 0, has_ended: false }))
    }

    /// Sets a timer that wakes `waker` at `deadline`. Also returns whether it is now the earliest of all.
    pub(crate) fn insert(&self, deadline: Instant, waker: Waker) -> (TimerKey, bool) {
        let mut guard = self.0.lock();
        let state = &mut *guard;
        let serial = state.next_serial;
        state.next_serial += 1;
        let key = state.entries.insert(Entry { serial, waker });
        let due = Due { deadline, serial, key };
        state.heap.push(Reverse(due));
        let is_earliest = state.heap.peek() == Some(&Reverse(due));
        (TimerKey { serial, key }, is_earliest)
    }

    /// The state of the timer. If it is pending, it wakes `waker` from now on.
    pub(crate) fn update(&self, timer: TimerKey, waker: &Waker) -> Fate {
        {
            let mut state = self.0.lock();
            let has_ended = state.has_ended;
            match state.entry(timer) {
                None => return Fate::Fired,
                Some(_) if has_ended => return Fate::Ended,
                Some(entry) if entry.waker.will_wake(waker) => return Fate::Pending,
                Some(_) => {}
            }
        }
        // T3: foreign code runs here.
        let mut waker = waker.clone();
        let mut state = self.0.lock();
        let has_ended = state.has_ended;
        let fate = match state.entry(timer) {
            None => Fate::Fired,
            Some(_) if has_ended => Fate::Ended,
            Some(entry) => {
                mem::swap(&mut entry.waker, &mut waker);
                Fate::Pending
            }
        };
        drop(state);
        drop(waker);
        fate
    }

    /// Cancels the timer. Returns whether it had not fired.
    pub(crate) fn remove(&self, timer: TimerKey) -> bool {
        let mut state = self.0.lock();
        if state.entry(timer).is_none() {
            return false;
        }
        let entry = state.entries.remove(timer.key);
        state.sweep();
        drop(state);
        // This may run while a panic unwinds, and must not panic then.
        let mut panic = FirstPanic::new();
        panic.catch(|| drop(entry));
        panic.resume();
        true
    }

    /// The earliest pending deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.lock().next()
    }

    /// Removes all timers that are due, and moves their wakers to `wakers`, for the caller to wake.
    pub(crate) fn take_due(&self, wakers: &mut Vec<Waker>) {
        let mut guard = self.0.lock();
        let state = &mut *guard;
        if state.heap.is_empty() {
            return;
        }
        let now = now();
        while let Some(Reverse(due)) = state.heap.peek() {
            // A stale one stays until it surfaces.
            if due.deadline > now {
                break;
            }
            let key = State::is_pending(&state.entries, due).then_some(due.key);
            if let Some(entry) = key.and_then(|key| state.entries.remove(key)) {
                wakers.push(entry.waker);
            }
            state.heap.pop();
        }
        state.trim();
    }

    /// Ends the timers with their runtime, and wakes their tasks, which have to wait in another runtime (T4).
    pub(crate) fn end(&self) {
        let mut wakers: Vec<Waker> = {
            let mut state = self.0.lock();
            state.has_ended = true;
            state.heap = BinaryHeap::new();
            let gone = |entry: &mut Entry| mem::replace(&mut entry.waker, Waker::noop().clone());
            state.entries.values_mut().map(gone).collect()
        };
        fire(&mut wakers);
    }
}

/// Wakes all of `wakers`.
#[inline]
pub(crate) fn fire(wakers: &mut Vec<Waker>) {
    for waker in wakers.drain(..) {
        // A timer may be polled by a foreign combinator whose waker panics. The others must fire all the same.
        swallow(|| waker.wake());
    }
    if is_roomy(0, wakers.capacity()) {
        wakers.shrink_to(FEW);
    }
}

impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pending = self.0.try_lock().map(|state| state.entries.len());
        f.debug_struct("Timers").field("pending", busy_or(&pending)).finish()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::time::Duration;
    use waitline::testing::CountingWaker;

    #[test]
    fn cancelled_timers_do_not_accumulate() {
        let timers = Timers::new();
        let far = Instant::now() + Duration::from_secs(3600);
        let kept = timers.insert(far, Waker::noop().clone()).0;
        for _ in 0..100_000 {
            let (key, _) = timers.insert(far, Waker::noop().clone());
            timers.remove(key);
            assert!(timers.0.lock().heap.len() <= FEW + 1);
        }
        assert_eq!(timers.0.lock().entries.len(), 1);
        assert_eq!(timers.next(), Some(far));
        timers.remove(kept);
        assert_eq!(timers.next(), None);
        assert_eq!(timers.0.lock().heap.len(), 0);
    }

    #[test]
    fn due_timers_come_out_in_order_of_deadline_then_age() {
        let timers = Timers::new();
        let now = Instant::now();
        let wakers: Vec<Waker> = (0..6).map(|_| CountingWaker::new().waker()).collect();
        for (i, waker) in wakers.iter().enumerate() {
            let deadline = now.checked_sub(Duration::from_millis(if i % 2 == 0 { 1 } else { 2 })).unwrap();
            timers.insert(deadline, waker.clone());
        }
        timers.insert(now + Duration::from_secs(3600), Waker::noop().clone());
        let mut due = Vec::new();
        timers.take_due(&mut due);
        let order: Vec<usize> =
            due.iter().map(|waker| wakers.iter().position(|other| other.will_wake(waker)).unwrap()).collect();
        assert_eq!(order, [1, 3, 5, 0, 2, 4]);
    }

    #[test]
    fn a_fired_or_cancelled_key_names_nothing_even_after_it_is_reused() {
        let timers = Timers::new();
        let past = Instant::now();
        let far = past + Duration::from_secs(3600);
        let (fired, _) = timers.insert(past, Waker::noop().clone());
        timers.take_due(&mut Vec::new());
        let waker = CountingWaker::new();
        let (live, earliest) = timers.insert(far, waker.waker());
        assert_eq!(live.key, fired.key, "the key is reused, or the test tests nothing");
        assert!(earliest);
        timers.remove(fired);
        assert_eq!(timers.update(fired, Waker::noop()), Fate::Fired);
        assert_eq!(timers.update(live, &waker.waker()), Fate::Pending);
        assert_eq!(timers.next(), Some(far));
        assert_eq!(waker.held(), 1);
    }
}
