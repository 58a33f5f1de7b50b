//! In which order items leave a queue: the three stores that a queue can keep its items in.

use crate::raw::polled_after_ready;
use std::{collections::VecDeque, fmt, mem};

/// First in, first out: the order of [`Queue`](crate::Queue) and of [`channel`](crate::channel).
///
/// ```
/// use waitline_queue::{Put, Queue, order::Fifo};
/// let queue = Queue::unbounded();
/// let put: Put<'_, u8, Fifo<u8>> = queue.put(1);
/// # drop(put);
/// ```
pub struct Fifo<T> {
    /// One after the other, so that their numbers need not be kept: the first one's is `first`.
    ring: VecDeque<T>,
    first: u64,
    /// Items that were given back, newest first; all of them older than those in the ring.
    returned: Vec<Parcel<T>>,
}

/// Last in, first out: the order of [`LifoQueue`](crate::LifoQueue).
///
/// ```
/// use waitline_queue::{LifoQueue, Put, order::Lifo};
/// let queue = LifoQueue::unbounded();
/// let put: Put<'_, u8, Lifo<u8>> = queue.put(1);
/// # drop(put);
/// ```
pub struct Lifo<T>(Vec<Parcel<T>>);

/// Smallest first, equal ones in the order in which they entered: the order of
/// [`PriorityQueue`](crate::PriorityQueue).
///
/// ```
/// use waitline_queue::{PriorityQueue, Put, order::Priority};
/// let queue = PriorityQueue::unbounded();
/// let put: Put<'_, u8, Priority<u8>> = queue.put(1);
/// # drop(put);
/// ```
pub struct Priority<T>(Vec<Parcel<T>>);

/// An item inside the queue.
#[derive(Debug)]
pub struct Parcel<T> {
    /// Its number in the order in which items entered.
    pub(crate) order: u64,
    pub(crate) item: T,
}

/// A collection of items that knows which one leaves next.
///
/// A call whose comparison of two items panics has changed nothing; an item that it was to take is still in its place.
pub trait Store: Default {
    /// What is kept.
    type Item;

    /// Whether `push` compares items.
    const COMPARES: bool;

    /// The number of items.
    fn len(&self) -> usize;

    /// Takes `item`, which is newer than all others, out of its place.
    fn push(&mut self, order: u64, item: &mut Option<Self::Item>);

    /// Takes an item back that was here before, as if it had never left.
    fn put_back(&mut self, order: u64, item: &mut Option<Self::Item>);

    /// Gives the item whose turn it is.
    fn pop(&mut self) -> Option<Parcel<Self::Item>>;

    /// For how many items memory is allocated.
    fn allocated(&self) -> usize;

    /// Gives the memory for more than `items` items back, as far as it is not in use.
    fn shrink(&mut self, items: usize);

    /// All items in the order in which they would have left.
    fn into_items(self) -> Vec<Self::Item>;
}

/// The item that a call was given.
fn taken<T>(item: &mut Option<T>) -> T {
    item.take().unwrap_or_else(|| polled_after_ready())
}

impl<T> Fifo<T> {
    pub(crate) const fn new() -> Self {
        Fifo { ring: VecDeque::new(), first: 0, returned: Vec::new() }
    }
}

impl<T> Store for Fifo<T> {
    type Item = T;
    const COMPARES: bool = false;

    #[inline]
    fn len(&self) -> usize {
        self.ring.len() + self.returned.len()
    }

    #[inline]
    fn push(&mut self, order: u64, item: &mut Option<T>) {
        debug_assert_eq!(order, self.first + self.ring.len() as u64);
        self.ring.push_back(taken(item));
    }

    #[cold]
    fn put_back(&mut self, order: u64, item: &mut Option<T>) {
        let place = self.returned.partition_point(|parcel| parcel.order > order);
        self.returned.insert(place, Parcel { order, item: taken(item) });
    }

    #[inline]
    fn pop(&mut self) -> Option<Parcel<T>> {
        if !self.returned.is_empty() {
            return self.returned.pop();
        }
        let item = self.ring.pop_front()?;
        let order = self.first;
        self.first = order + 1;
        Some(Parcel { order, item })
    }

    #[inline]
    fn allocated(&self) -> usize {
        self.ring.capacity()
    }

    fn shrink(&mut self, items: usize) {
        self.ring.shrink_to(items);
    }

    fn into_items(self) -> Vec<T> {
        self.returned.into_iter().rev().map(|parcel| parcel.item).chain(self.ring).collect()
    }
}

impl<T> Lifo<T> {
    pub(crate) const fn new() -> Self {
        Lifo(Vec::new())
    }
}

impl<T> Store for Lifo<T> {
    type Item = T;
    const COMPARES: bool = false;

    #[inline]
    fn len(&self) -> usize {
        self.0.len()
    }

    #[inline]
    fn push(&mut self, order: u64, item: &mut Option<T>) {
        self.0.push(Parcel { order, item: taken(item) });
    }

    fn put_back(&mut self, order: u64, item: &mut Option<T>) {
        let place = self.0.partition_point(|parcel| parcel.order < order);
        self.0.insert(place, Parcel { order, item: taken(item) });
    }

    #[inline]
    fn pop(&mut self) -> Option<Parcel<T>> {
        self.0.pop()
    }

    #[inline]
    fn allocated(&self) -> usize {
        self.0.capacity()
    }

    fn shrink(&mut self, items: usize) {
        self.0.shrink_to(items);
    }

    fn into_items(self) -> Vec<T> {
        self.0.into_iter().rev().map(|parcel| parcel.item).collect()
    }
}

/// A binary heap in which a panicking comparison can do no harm: each call first finds out, by comparisons alone, where
/// things go, and then moves them. (`std`'s heap drops the item that it was about to give.)
impl<T: Ord> Priority<T> {
    fn precedes(a: (&T, u64), b: &Parcel<T>) -> bool {
        a.0.cmp(&b.item).then(a.1.cmp(&b.order)).is_lt()
    }
}

impl<T> Priority<T> {
    pub(crate) const fn new() -> Self {
        Priority(Vec::new())
    }
}

impl<T: Ord> Store for Priority<T> {
    type Item = T;
    const COMPARES: bool = true;

    #[inline]
    fn len(&self) -> usize {
        self.0.len()
    }

    fn push(&mut self, order: u64, item: &mut Option<T>) {
        let last = self.0.len();
        let mut place = last;
        if let Some(item) = item {
            while place > 0 && Self::precedes((item, order), &self.0[(place - 1) / 2]) {
                place = (place - 1) / 2;
            }
        }
        self.0.push(Parcel { order, item: taken(item) });
        let mut hole = last;
        while hole > place {
            self.0.swap(hole, (hole - 1) / 2);
            hole = (hole - 1) / 2;
        }
    }

    fn put_back(&mut self, order: u64, item: &mut Option<T>) {
        self.push(order, item);
    }

    fn pop(&mut self) -> Option<Parcel<T>> {
        // The last one will take the place of the first: how far down does it have to go?
        let last = self.0.len().checked_sub(1)?;
        let sinking = (&self.0[last].item, self.0[last].order);
        let mut place = 0;
        loop {
            let (left, right) = (2 * place + 1, 2 * place + 2);
            if left >= last {
                break;
            }
            let rival = right < last && Self::precedes((&self.0[right].item, self.0[right].order), &self.0[left]);
            let child = if rival { right } else { left };
            if Self::precedes(sinking, &self.0[child]) {
                break;
            }
            place = child;
        }
        let first = self.0.swap_remove(0);
        // The way down: the ancestors of `place` are the prefixes of its number, counted from 1.
        let mut hole = 0;
        for up in (0..(place + 1).ilog2()).rev() {
            let child = ((place + 1) >> up) - 1;
            self.0.swap(hole, child);
            hole = child;
        }
        Some(first)
    }

    #[inline]
    fn allocated(&self) -> usize {
        self.0.capacity()
    }

    fn shrink(&mut self, items: usize) {
        self.0.shrink_to(items);
    }

    fn into_items(mut self) -> Vec<T> {
        let mut parcels = mem::take(&mut self.0);
        parcels.sort_unstable_by(|a, b| a.item.cmp(&b.item).then(a.order.cmp(&b.order)));
        parcels.into_iter().map(|parcel| parcel.item).collect()
    }
}

impl<T> Default for Fifo<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Default for Lifo<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Default for Priority<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Fifo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fifo({})", self.len())
    }
}

impl<T> fmt::Debug for Lifo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lifo({})", self.0.len())
    }
}

impl<T> fmt::Debug for Priority<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Priority({})", self.0.len())
    }
}
