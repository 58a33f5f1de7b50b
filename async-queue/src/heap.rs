//! A binary heap in which a panicking comparison can do no harm: each call first finds out, by comparisons alone, where
//! things go, and then moves them. (`std`'s heap drops the item that it was about to give.)
//!
//! What grows under the mutex is given its memory from outside by [`make_room`].

use crate::store::Parcel;
use std::mem;

/// Half of the memory is given back when three quarters are not in use, but this many parcels keep theirs.
pub(crate) const KEPT: usize = 64;

/// Counts a comparison, or a parcel that is moved, for the tests of what things cost.
#[inline(always)]
fn step(steps: usize) {
    #[cfg(test)]
    tests::STEPS.set(tests::STEPS.get() + steps);
    #[cfg(not(test))]
    let _ = steps;
}

/// Puts an item in, out of its place. `precedes` says whether a parcel of this number and item leaves before another.
#[inline]
pub(crate) fn push<T>(
    heap: &mut Vec<Parcel<T>>,
    order: u64,
    item: &mut Option<T>,
    precedes: impl Fn((&T, u64), &Parcel<T>) -> bool,
) {
    let last = heap.len();
    let mut place = last;
    if let Some(item) = item {
        while place > 0 && precedes((item, order), &heap[(place - 1) / 2]) {
            place = (place - 1) / 2;
            step(1);
        }
    }
    heap.push(Parcel::new(order, item));
    let mut hole = last;
    while hole > place {
        heap.swap(hole, (hole - 1) / 2);
        hole = (hole - 1) / 2;
        step(1);
    }
    step(2);
}

/// Takes the first parcel out.
#[inline]
pub(crate) fn pop<T>(heap: &mut Vec<Parcel<T>>, precedes: impl Fn((&T, u64), &Parcel<T>) -> bool) -> Option<Parcel<T>> {
    // The last one will take the place of the first: how far down does it have to go?
    let last = heap.len().checked_sub(1)?;
    let sinking = (&heap[last].item, heap[last].order);
    let mut place = 0;
    loop {
        let (left, right) = (2 * place + 1, 2 * place + 2);
        if left >= last {
            break;
        }
        step(2);
        let rival = right < last && precedes((&heap[right].item, heap[right].order), &heap[left]);
        let child = if rival { right } else { left };
        if precedes(sinking, &heap[child]) {
            break;
        }
        place = child;
    }
    let first = heap.swap_remove(0);
    // The way down: the ancestors of `place` are the prefixes of its number, counted from 1.
    let mut hole = 0;
    for up in (0..(place + 1).ilog2()).rev() {
        let child = ((place + 1) >> up) - 1;
        heap.swap(hole, child);
        hole = child;
        step(1);
    }
    step(1);
    Some(first)
}

/// Sees to it that one more parcel has a place in `heap`, if need be with the memory of `spare`.
///
/// If that is too little, nothing has changed, and the error says for how many parcels `spare` must have memory.
pub(crate) fn make_room<T>(heap: &mut Vec<Parcel<T>>, spare: &mut Vec<Parcel<T>>) -> Result<(), usize> {
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

/// Items that were given back to a queue that does not compare, in the order of their numbers.
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
        make_room(&mut self.0, spare)?;
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

    /// All of them, in no order.
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

    /// Gives `parcels` back to a store with `inside` newer items, and takes all out. Returns the number of steps.
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
        assert!(STEPS.get() - before - steps <= 100 * left.len(), "taking them costs too much");
        steps
    }

    /// A way through `0..n`.
    type Way = fn(u64) -> Box<dyn Iterator<Item = u64>>;

    const WAYS: [(&str, Way); 5] = [
        ("oldest first", |n| Box::new(0..n)),
        ("newest first", |n| Box::new((0..n).rev())),
        ("from both ends", |n| Box::new((0..n / 2).flat_map(move |k| [k, n - 1 - k]))),
        ("from the middle", |n| Box::new((0..n / 2).flat_map(move |k| [n / 2 - 1 - k, n / 2 + k]))),
        ("in leaps", |n| Box::new((0..n).map(move |k| k * 7_919 % n))),
    ];

    fn giving_back_costs_at_most_n_log_n<S: Store<Item = u64> + Debug>() {
        for (name, way) in WAYS {
            for inside in [0, 16_000] {
                let [once, twice] = [8_000, 16_000].map(|n| steps::<S>(way(n), n, inside));
                // Two steps for each level of a heap with 32,000 parcels, and what moves when its memory grows.
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
