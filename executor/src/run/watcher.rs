//! What the keeper of the clock sees of the other workers.

use super::steal::{StealQueue, Thin};
use std::{
    cell::{Cell, RefCell},
    mem,
};

/// What a watcher sees when it looks at the queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Look {
    /// Nothing has moved since the last look, and no queue has anything.
    Quiet,
    /// Something has moved, and no queue has anything.
    Moving,
    /// A queue has something, and either had nothing at the last look or has moved since.
    Waiting,
    /// A queue had something at the last look, still has, and has not moved.
    Stuck,
}

/// Compares the queues with what they were.
#[derive(Debug, Default)]
pub(crate) struct Watcher {
    /// For each queue, what changes when it moves, and whether it had anything.
    seen: RefCell<Vec<(usize, bool)>>,
    stuck: Cell<Option<usize>>,
}

impl Watcher {
    /// The worst that any queue shows.
    pub(crate) fn look<T: Thin>(&self, queues: &[StealQueue<T>]) -> Look {
        let mut seen = self.seen.borrow_mut();
        seen.resize(queues.len(), (0, false));
        self.stuck.set(None);
        let looks = queues.iter().zip(seen.iter_mut()).enumerate().map(|(index, (queue, seen))| {
            let now = (queue.moves(), !queue.is_empty());
            match (now.1, mem::replace(seen, now) == now) {
                (false, true) => Look::Quiet,
                (false, false) => Look::Moving,
                (true, false) => Look::Waiting,
                (true, true) => {
                    self.stuck.set(Some(index));
                    Look::Stuck
                }
            }
        });
        looks.max().unwrap_or(Look::Quiet)
    }

    /// The number of a queue that the last look found stuck, once.
    pub(crate) fn take_stuck(&self) -> Option<usize> {
        self.stuck.take()
    }
}
