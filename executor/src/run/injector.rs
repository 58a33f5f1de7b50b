//! The inbox of a runtime, for work from threads that do not run it.

use crate::key_map::trim;
use std::{collections::VecDeque, fmt};
use waitline::sync::{
    Mutex,
    atomic::{AtomicBool, Ordering},
};

/// A locked FIFO queue whose emptiness can be read without the lock.
///
/// Invariants:
///
/// - IJ1: `filled` changes only under the mutex, and then says whether `items` has any.
/// - IJ2: `push` sets `filled` before its caller unparks, and a parker registers itself before it reads `filled`. Both
///   sides have a full fence in between (see [`Parker`](super::parker::Parker)), so one of them sees the other.
pub(crate) struct Injector<T> {
    items: Mutex<VecDeque<T>>,
    filled: AtomicBool,
}

impl<T> Injector<T> {
    pub(crate) fn new() -> Self {
        Self { items: Mutex::new(VecDeque::new()), filled: AtomicBool::new(false) }
    }

    /// Adds `item` at the back. The caller unparks a thread afterwards.
    pub(crate) fn push(&self, item: T) {
        let mut items = self.items.lock();
        items.push_back(item);
        // Ordering: Relaxed. The mutex publishes the items; for the parker see IJ2.
        self.filled.store(true, Ordering::Relaxed);
    }

    /// Whether the queue is empty. Only a hint while other threads push; a parker relies on IJ2.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        !self.filled.load(Ordering::Relaxed)
    }

    /// Moves everything to the back of `out`, in order.
    pub(crate) fn drain_into(&self, out: &mut VecDeque<T>) {
        if self.is_empty() {
            return;
        }
        let mut items = self.items.lock();
        self.filled.store(false, Ordering::Relaxed);
        out.append(&mut items);
        trim(&mut items);
    }
}

impl<T> fmt::Debug for Injector<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Injector").field("empty", &self.is_empty()).finish()
    }
}
