//! The three stores in which a queue can keep its items. The store determines the order in which they leave.

use crate::heap::{self, Returned};
use std::{cmp::Reverse, collections::VecDeque, fmt, mem};

/// First in, first out: the order of [`Queue`](crate::Queue) and of [`channel`](crate::channel).
///
/// ```
/// use waitline_queue::{Put, Queue, order::Fifo};
/// let queue = Queue::unbounded();
/// let put: Put<'_, u8, Fifo<u8>> = queue.put(1);
/// # drop(put);
/// ```
pub struct Fifo<T> {
    /// Items with consecutive numbers, up to the item that entered last, so that the numbers need not be stored.
    ring: VecDeque<T>,
    /// Items that were given back. All of them are older than those in the ring.
    returned: Returned<T, false>,
}

/// Last in, first out: the order of [`LifoQueue`](crate::LifoQueue).
///
/// ```
/// use waitline_queue::{LifoQueue, Put, order::Lifo};
/// let queue = LifoQueue::unbounded();
/// let put: Put<'_, u8, Lifo<u8>> = queue.put(1);
/// # drop(put);
/// ```
pub struct Lifo<T> {
    /// Oldest first.
    stack: Vec<Parcel<T>>,
    /// Items that were given back, of any age.
    returned: Returned<T, true>,
}

/// Smallest first, equal items in the order in which they entered: the order of
/// [`PriorityQueue`](crate::PriorityQueue).
///
/// ```
/// use waitline_queue::{PriorityQueue, Put, order::Priority};
/// let queue = PriorityQueue::unbounded();
/// let put: Put<'_, u8, Priority<u8>> = queue.put(1);
/// # drop(put);
/// ```
pub struct Priority<T>(
    /// A heap.
    Vec<Parcel<T>>,
);

/// An item inside the queue.
#[derive(Debug)]
pub struct Parcel<T> {
    /// Its number in the order in which items entered.
    pub(crate) order: u64,
    pub(crate) item: T,
}

impl<T> Parcel<T> {
    /// Takes the item that a call was passed.
    #[inline(always)]
    pub(crate) fn new(order: u64, item: &mut Option<T>) -> Self {
        Parcel { order, item: taken(item) }
    }
}

/// A collection of items in the order in which they leave a queue.
///
/// If a call's comparison of two items panics, the call has changed nothing, and has not taken its item.
pub trait Store: Sized {
    /// The type of the items.
    type Item;

    /// The name of the queue with this order.
    const NAME: &'static str;

    /// The panic message of `bounded(0)`.
    const NO_CAPACITY: &'static str;

    /// No items.
    const EMPTY: Self;

    /// Whether `push` compares items.
    const COMPARES: bool;

    /// The number of items.
    fn len(&self) -> usize;

    /// Takes `item`, which is newer than all others, and leaves `None` in its place.
    fn push(&mut self, order: u64, item: &mut Option<Self::Item>);

    /// Takes an item back that was in the store before, as if it had never left. Neither allocates nor frees memory.
    ///
    /// If the store's memory and that of `spare` are too small, nothing changes, and the error is the number of items
    /// that `spare` must have memory for. Afterwards `spare` may have other memory, and has no items.
    fn put_back(
        &mut self,
        order: u64,
        item: &mut Option<Self::Item>,
        spare: &mut Vec<Parcel<Self::Item>>,
    ) -> Result<(), usize>;

    /// Takes the item that leaves first. So far, `entered` items have been pushed.
    fn pop(&mut self, entered: u64) -> Option<Parcel<Self::Item>>;

    /// The number of items that memory is allocated for.
    fn allocated(&self) -> usize;

    /// Gives back unused memory beyond that for `items` items.
    fn shrink(&mut self, items: usize);

    /// All items in the order in which they would have left.
    fn into_items(self) -> Vec<Self::Item>;
}

macro_rules! no_capacity {
    ($queue:literal) => {
        concat!(
            $queue,
            "::bounded: the capacity is 0 and must be at least 1; a queue without a limit is ",
            $queue,
            "::unbounded()"
        )
    };
}

/// Takes the item that a call was passed.
fn taken<T>(item: &mut Option<T>) -> T {
    item.take().expect("a put has an item until it has put")
}

impl<T> Store for Fifo<T> {
    type Item = T;
    const NAME: &'static str = "Queue";
    const NO_CAPACITY: &'static str = no_capacity!("Queue");
    const EMPTY: Self = Fifo { ring: VecDeque::new(), returned: Returned::new() };
    const COMPARES: bool = false;

    #[inline]
    fn len(&self) -> usize {
        self.ring.len() + self.returned.len()
    }

    #[inline]
    fn push(&mut self, _: u64, item: &mut Option<T>) {
        self.ring.push_back(taken(item));
    }

    fn put_back(&mut self, order: u64, item: &mut Option<T>, spare: &mut Vec<Parcel<T>>) -> Result<(), usize> {
        self.returned.push(order, item, spare)
    }

    #[inline]
    fn pop(&mut self, entered: u64) -> Option<Parcel<T>> {
        if self.returned.len() > 0 {
            return self.returned.pop();
        }
        let order = entered - self.ring.len() as u64;
        let item = self.ring.pop_front()?;
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
        let mut returned = self.returned.into_parcels();
        returned.sort_unstable_by_key(|parcel| parcel.order);
        returned.into_iter().map(|parcel| parcel.item).chain(self.ring).collect()
    }
}

impl<T> Store for Lifo<T> {
    type Item = T;
    const NAME: &'static str = "LifoQueue";
    const NO_CAPACITY: &'static str = no_capacity!("LifoQueue");
    const EMPTY: Self = Lifo { stack: Vec::new(), returned: Returned::new() };
    const COMPARES: bool = false;

    #[inline]
    fn len(&self) -> usize {
        self.stack.len() + self.returned.len()
    }

    #[inline]
    fn push(&mut self, order: u64, item: &mut Option<T>) {
        self.stack.push(Parcel::new(order, item));
    }

    fn put_back(&mut self, order: u64, item: &mut Option<T>, spare: &mut Vec<Parcel<T>>) -> Result<(), usize> {
        self.returned.push(order, item, spare)
    }

    #[inline]
    fn pop(&mut self, _: u64) -> Option<Parcel<T>> {
        // `None` is less than any number.
        if self.returned.len() > 0 && self.returned.first() > self.stack.last().map(|parcel| parcel.order) {
            return self.returned.pop();
        }
        self.stack.pop()
    }

    #[inline]
    fn allocated(&self) -> usize {
        self.stack.capacity()
    }

    fn shrink(&mut self, items: usize) {
        self.stack.shrink_to(items);
    }

    fn into_items(self) -> Vec<T> {
        let mut parcels = self.stack;
        parcels.extend(self.returned.into_parcels());
        parcels.sort_unstable_by_key(|parcel| Reverse(parcel.order));
        parcels.into_iter().map(|parcel| parcel.item).collect()
    }
}

impl<T: Ord> Priority<T> {
    fn precedes(a: (&T, u64), b: &Parcel<T>) -> bool {
        a.0.cmp(&b.item).then(a.1.cmp(&b.order)).is_lt()
    }
}

impl<T: Ord> Store for Priority<T> {
    type Item = T;
    const NAME: &'static str = "PriorityQueue";
    const NO_CAPACITY: &'static str = no_capacity!("PriorityQueue");
    const EMPTY: Self = Priority(Vec::new());
    const COMPARES: bool = true;

    #[inline]
    fn len(&self) -> usize {
        self.0.len()
    }

    fn push(&mut self, order: u64, item: &mut Option<T>) {
        heap::push(&mut self.0, order, item, Self::precedes);
    }

    fn put_back(&mut self, order: u64, item: &mut Option<T>, spare: &mut Vec<Parcel<T>>) -> Result<(), usize> {
        heap::grow_if_full(&mut self.0, spare)?;
        self.push(order, item);
        Ok(())
    }

    fn pop(&mut self, _: u64) -> Option<Parcel<T>> {
        heap::pop(&mut self.0, Self::precedes)
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

impl<T> fmt::Debug for Fifo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fifo({})", self.len())
    }
}

impl<T> fmt::Debug for Lifo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lifo({})", self.len())
    }
}

impl<T> fmt::Debug for Priority<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Priority({})", self.0.len())
    }
}
