//! The run queue of a worker, from which other workers may steal.

use crate::key_map::trim;
use std::{collections::VecDeque, fmt};
use waitline::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

/// A FIFO queue whose owner pushes and pops, and from whose front other workers steal half.
///
/// Invariants:
///
/// - SQ1: `len` changes only under the mutex, and then is the number of items. So it can be read as a hint without the
///   mutex, and a thread that goes to sleep relies on it as described at [`Sleepers`](super::sleepers::Sleepers).
/// - SQ2: no thread holds the mutexes of two queues at once, so thieves cannot deadlock.
pub(crate) struct StealQueue<T> {
    items: Mutex<VecDeque<T>>,
    len: AtomicUsize,
}

impl<T> StealQueue<T> {
    pub(crate) fn new() -> Self {
        Self { items: Mutex::new(VecDeque::new()), len: AtomicUsize::new(0) }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len.load(Ordering::Relaxed) == 0
    }

    pub(crate) fn push(&self, item: T) {
        let mut items = self.items.lock();
        items.push_back(item);
        // Ordering: Relaxed, here and below, by SQ1.
        self.len.store(items.len(), Ordering::Relaxed);
    }

    /// Moves everything from `batch` to the back.
    pub(crate) fn append(&self, batch: &mut VecDeque<T>) {
        let mut items = self.items.lock();
        items.append(batch);
        self.len.store(items.len(), Ordering::Relaxed);
    }

    pub(crate) fn pop(&self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        let mut items = self.items.lock();
        let item = items.pop_front();
        trim(&mut items);
        self.len.store(items.len(), Ordering::Relaxed);
        item
    }

    /// Takes the older half, at least one item if there is any: returns the oldest, and puts the others at the back of
    /// `mine`.
    pub(crate) fn steal_into(&self, mine: &Self) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        let (oldest, mut rest) = {
            let mut items = self.items.lock();
            let half = items.len().div_ceil(2);
            let kept = items.split_off(half);
            let mut stolen = std::mem::replace(&mut *items, kept);
            self.len.store(items.len(), Ordering::Relaxed);
            (stolen.pop_front(), stolen)
        };
        if !rest.is_empty() {
            mine.append(&mut rest);
        }
        oldest
    }
}

impl<T> fmt::Debug for StealQueue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StealQueue").field("len", &self.len.load(Ordering::Relaxed)).finish()
    }
}
