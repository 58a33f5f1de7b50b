//! A binary heap that a panicking comparison leaves unchanged: each call first finds the target index by comparisons
//! alone, and only then moves items. (`std`'s heap drops the item that it was about to return.)
//!
//! A vector that grows under the mutex gets memory that was allocated without it: see [`grow_if_full`].

use crate::store::Parcel;
use std::mem;

/// A store gives half of its memory back when three quarters are not in use, but keeps memory for this many parcels.
pub(crate) const KEPT: usize = 64;

/// Counts comparisons and moved parcels, for the tests of their number.
#[inline(always)]
fn step(steps: usize) {
    #[cfg(test)]
    tests::STEPS.set(tests::STEPS.get() + steps);
    #[cfg(not(test))]
    let _ = steps;
}

/// Takes `item` and puts it into the heap. `precedes` returns whether a parcel with this item and number leaves before
/// another.
#[inline]
pub(crate) fn push<T>(
    heap: &mut Vec<Parcel<T>>,
    order: u64,
    item: &mut Option<T>,
    precedes: impl Fn((&T, u64), &Parcel<T>) -> bool,
) {
    let last = heap.len();
    let mut index = last;
    if let Some(item) = item {
        while index > 0 && precedes((item, order), &heap[(index - 1) / 2]) {
            index = (index - 1) / 2;
            step(1);
        }
    }
    heap.push(Parcel::new(order, item));
    let mut hole = last;
    while hole > index {
        heap.swap(hole, (hole - 1) / 2);
        hole = (hole - 1) / 2;
        step(1);
    }
    step(2);
}

/// Takes the first parcel out.
#[inline]
pub(crate) fn pop<T>(heap: &mut Vec<Parcel<T>>, precedes: impl Fn((&T, u64), &Parcel<T>) -> bool) -> Option<Parcel<T>> {
    // The last parcel replaces the first one. Find the index down to which it sinks.
    let last = heap.len().checked_sub(1)?;
    let sinking = (&heap[last].item, heap[last].order);
    let mut index = 0;
    loop {
        let (left, right) = (2 * index + 1, 2 * index + 2);
        if left >= last {
            break;
        }
        step(2);
        let rival = right < last && precedes((&heap[right].item, heap[right].order), &heap[left]);
        let child = if rival { right } else { left };
        if precedes(sinking, &heap[child]) {
            break;
        }
        index = child;
    }
    let first = heap.swap_remove(0);
    // The path down: counted from 1, the ancestors of an index are the prefixes of its binary digits.
    let mut hole = 0;
    for up in (0..(index + 1).ilog2()).rev() {
        let child = ((index + 1) >> up) - 1;
        heap.swap(hole, child);
        hole = child;
        step(1);
    }
    step(1);
    Some(first)
}

/// Makes sure that `heap` has memory for one more parcel, by exchanging it with that of `spare` if necessary.
///
/// If the memory of `spare` is too small, nothing changes, and the error is the number of parcels that `spare` must
/// have memory for.
pub(crate) fn grow_if_full<T>(heap: &mut Vec<Parcel<T>>, spare: &mut Vec<Parcel<T>>) -> Result<(), usize> {
    if heap.len() == heap.capacity() {
        if spare.capacity() <= heap.len() {
            return Err((2 * heap.len()).max(4));
        }
        step(heap.len());
        spare.append(heap);
        mem::swap(heap, spare);
    }
    Ok(())
}

/// A heap of the items that were given back to a queue that does not compare items, ordered by their numbers.
pub(crate) struct Returned<T, const NEWEST_FIRST: bool>(Vec<Parcel<T>>);

impl<T, const NEWEST_FIRST: bool> Returned<T, NEWEST_FIRST> {
    pub(crate) const fn new() -> Self {
        Returned(Vec::new())
    }

    #[inline(always)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The number of the parcel that leaves first.
    pub(crate) fn first(&self) -> Option<u64> {
        self.0.first().map(|parcel| parcel.order)
    }

    /// As [`Store::put_back`](crate::store::Store::put_back).
    #[cold]
    pub(crate) fn push(&mut self, order: u64, item: &mut Option<T>, spare: &mut Vec<Parcel<T>>) -> Result<(), usize> {
        grow_if_full(&mut self.0, spare)?;
        push(&mut self.0, order, item, Self::precedes);
        Ok(())
    }

    #[cold]
    pub(crate) fn pop(&mut self) -> Option<Parcel<T>> {
        let first = pop(&mut self.0, Self::precedes);
        if self.0.capacity() > KEPT && self.0.len() < self.0.capacity() / 4 {
            step(self.0.len());
            self.0.shrink_to(self.0.capacity() / 2);
        }
        first
    }

    /// All parcels, in any order.
    pub(crate) fn into_parcels(self) -> Vec<Parcel<T>> {
        self.0
    }

    fn precedes(a: (&T, u64), b: &Parcel<T>) -> bool {
        if NEWEST_FIRST { a.1 > b.order } else { a.1 < b.order }
    }
}

#[cfg(test)]
mod tests {
    use crate::store::{Fifo, Lifo, Parcel, Priority, Store};
    use std::{cell::Cell, fmt::Debug};

    thread_local! {
        pub(super) static STEPS: Cell<usize> = const { Cell::new(0) };
    }

    /// Gives `parcels` back to a store with `inside` newer items, and takes all of them out. Returns the number of
    /// steps of giving them back.
    fn steps<S: Store<Item = u64> + Debug>(parcels: impl Iterator<Item = u64>, n: u64, inside: u64) -> usize {
        let (mut store, mut spare) = (S::EMPTY, Vec::new());
        (n..n + inside).for_each(|order| store.push(order, &mut Some(order)));
        let before = STEPS.get();
        for order in parcels {
            let mut item = Some(order);
            while let Err(needed) = store.put_back(order, &mut item, &mut spare) {
                assert_eq!(item, Some(order));
                spare = Vec::with_capacity(needed);
            }
        }
        let steps = STEPS.get() - before;
        let entered = n + inside;
        let left = std::iter::from_fn(|| store.pop(entered)).inspect(|parcel| assert_eq!(parcel.item, parcel.order));
        let left: Vec<u64> = left.map(|parcel: Parcel<u64>| parcel.order).collect();
        assert!(left.len() as u64 == n + inside && (left.is_sorted() || left.iter().rev().is_sorted()));
        assert!(STEPS.get() - before - steps <= 100 * left.len(), "taking them out costs too much");
        steps
    }

    /// A permutation of `0..n`.
    type Permutation = fn(u64) -> Box<dyn Iterator<Item = u64>>;

    const PERMUTATIONS: [(&str, Permutation); 5] = [
        ("oldest first", |n| Box::new(0..n)),
        ("newest first", |n| Box::new((0..n).rev())),
        ("from both ends", |n| Box::new((0..n / 2).flat_map(move |k| [k, n - 1 - k]))),
        ("from the middle", |n| Box::new((0..n / 2).flat_map(move |k| [n / 2 - 1 - k, n / 2 + k]))),
        ("in leaps", |n| Box::new((0..n).map(move |k| k * 7_919 % n))),
    ];

    fn giving_back_costs_at_most_n_log_n<S: Store<Item = u64> + Debug>() {
        for (name, permutation) in PERMUTATIONS {
            for inside in [0, 16_000] {
                let [once, twice] = [8_000, 16_000].map(|n| steps::<S>(permutation(n), n, inside));
                // Two steps for each level of a heap with 32,000 parcels, and the moves when its memory grows.
                assert!(twice <= 16_000 * (2 * 15 + 4), "{name}, {inside} inside: {twice} steps");
                assert!(twice <= 5 * once / 2, "{name}, {inside} inside: {once} steps, {twice} for twice as many");
            }
        }
    }

    #[test]
    fn giving_back_to_a_fifo_costs_at_most_n_log_n() {
        giving_back_costs_at_most_n_log_n::<Fifo<u64>>();
    }

    #[test]
    fn giving_back_to_a_lifo_costs_at_most_n_log_n() {
        giving_back_costs_at_most_n_log_n::<Lifo<u64>>();
    }

    #[test]
    fn giving_back_to_a_priority_queue_costs_at_most_n_log_n() {
        giving_back_costs_at_most_n_log_n::<Priority<u64>>();
    }
}
