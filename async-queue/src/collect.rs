//! Queues made from items, and taken apart into items.

use crate::{queue::AnyQueue, store::Store};
use std::vec;

/// An empty queue without a limit, like `asyncio.Queue()`.
///
/// ```
/// assert_eq!(waitline_queue::Queue::<u8>::default().capacity(), None);
/// ```
impl<T, S: Store<Item = T>> Default for AnyQueue<S> {
    #[track_caller]
    fn default() -> Self {
        AnyQueue::unbounded()
    }
}

/// A queue without a limit, with these items inside, put in this order.
///
/// ```
/// use waitline_queue::PriorityQueue;
/// let jobs: PriorityQueue<_> = [3, 1, 2].into_iter().collect();
/// assert_eq!(jobs.try_get(), Ok(1));
/// assert_eq!(jobs.unfinished(), 3);
/// ```
impl<T, S: Store<Item = T>> FromIterator<T> for AnyQueue<S> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let queue = AnyQueue::unbounded();
        for item in items {
            assert!(queue.try_put(item).is_ok(), "an open queue without a limit has room");
        }
        queue
    }
}

/// The items inside, in the order in which they would have left. It does not wait for further ones.
///
/// ```
/// let undo = waitline_queue::LifoQueue::from_iter(["a", "b"]);
/// assert!(undo.into_iter().eq(["b", "a"]));
/// ```
impl<T, S: Store<Item = T>> IntoIterator for AnyQueue<S> {
    type Item = T;
    type IntoIter = vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.close_now().into_iter()
    }
}
