//! Containers whose memory follows what is in them now, not what once was.

use slab::{Slab, VacantEntry};
use std::collections::{BTreeMap, VecDeque};

/// Room for so many is never given back.
pub(crate) const FEW: usize = 64;

/// Values at places that do not move, as in a [`Slab`], which however keeps the room of its fullest time.
///
/// Invariants:
///
/// - P1: the value at `key` is in `dense` at `key - base` if `key >= base`, else in `sparse` at `key`.
/// - P2: after each removal, `dense` has room for four times its values at most, or for [`FEW`]. If it had more, its values, a
///   quarter or less of those that were once in it, would go to `sparse`, whose room is less than three times its values.
///
/// So all together takes room for four times the values that are in it at most, or for [`FEW`]; and what moves is paid for by
/// those that went.
#[derive(Debug)]
pub(crate) struct Places<T> {
    dense: Slab<T>,
    base: u64,
    sparse: BTreeMap<u64, T>,
}

impl<T> Places<T> {
    pub(crate) const fn new() -> Self {
        Self { dense: Slab::new(), base: 0, sparse: BTreeMap::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.dense.len() + self.sparse.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A place for a value. The first ones are numbered from 0.
    #[inline]
    pub(crate) fn vacant_entry(&mut self) -> (u64, VacantEntry<'_, T>) {
        let entry = self.dense.vacant_entry();
        (self.base + entry.key() as u64, entry)
    }

    #[inline]
    pub(crate) fn insert(&mut self, value: T) -> u64 {
        self.base + self.dense.insert(value) as u64
    }

    /// The place in `dense`, if it is there.
    #[inline]
    fn dense_key(&self, key: u64) -> Option<usize> {
        key.checked_sub(self.base).map(|key| key as usize)
    }

    #[inline]
    pub(crate) fn get(&self, key: u64) -> Option<&T> {
        match self.dense_key(key) {
            Some(key) => self.dense.get(key),
            None => self.sparse.get(&key),
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: u64) -> Option<&mut T> {
        match self.dense_key(key) {
            Some(key) => self.dense.get_mut(key),
            None => self.sparse.get_mut(&key),
        }
    }

    #[inline]
    pub(crate) fn remove(&mut self, key: u64) -> Option<T> {
        let Some(key) = self.dense_key(key) else { return self.sparse.remove(&key) };
        let value = self.dense.try_remove(key);
        if is_roomy(self.dense.len(), self.dense.capacity()) {
            self.thin_out();
        }
        value
    }

    /// Restores P2.
    #[cold]
    fn thin_out(&mut self) {
        let dense = std::mem::take(&mut self.dense);
        let (base, room) = (self.base, dense.capacity());
        // No key is given twice for different times of one place; 2^64 of them are enough.
        self.base += room as u64;
        self.sparse.extend(dense.into_iter().map(|(key, value)| (base + key as u64, value)));
    }

    /// All values, by place.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.sparse.values().chain(self.dense.iter().map(|(_, value)| value))
    }

    /// All values, by place.
    pub(crate) fn into_values(self) -> impl Iterator<Item = T> {
        self.sparse.into_values().chain(self.dense.into_iter().map(|(_, value)| value))
    }

    /// All values, by place.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.sparse.values_mut().chain(self.dense.iter_mut().map(|(_, value)| value))
    }
}

impl<T> Default for Places<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether so much room for so few is to be given back.
#[inline]
pub(crate) fn is_roomy(len: usize, capacity: usize) -> bool {
    capacity > FEW && len < capacity / 4
}

/// Gives back the room of a queue that was fuller once. To be called now and then while it empties.
#[inline]
pub(crate) fn trim<T>(queue: &mut VecDeque<T>) {
    if is_roomy(queue.len(), queue.capacity()) {
        queue.shrink_to(FEW.max(2 * queue.len()));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn places_stay_while_others_go() {
        let mut places = Places::new();
        let keys: Vec<u64> = (0..100_000).map(|n| places.insert(n)).collect();
        assert_eq!(keys, (0..100_000).collect::<Vec<u64>>());
        for (n, key) in keys.iter().enumerate() {
            if n % 100 != 0 {
                assert_eq!(places.remove(*key), Some(n));
                assert_eq!(places.remove(*key), None);
            }
        }
        let later: Vec<u64> = (100_000..100_100).map(|n| places.insert(n)).collect();
        let kept = keys.iter().step_by(100).chain(&later);
        let values: Vec<usize> = places.values().copied().collect();
        assert_eq!(values, (0..100_000).step_by(100).chain(100_000..100_100).collect::<Vec<_>>());
        assert_eq!(places.len(), 1100);
        for (key, value) in kept.zip(values) {
            assert_eq!(places.get(*key), Some(&value));
            assert_eq!(places.get_mut(*key), Some(&mut value.clone()));
            assert_eq!(places.remove(*key), Some(value));
        }
        assert!(places.is_empty());
        assert!(places.dense.capacity() <= FEW && places.sparse.is_empty());
    }

    #[test]
    fn a_vacant_place_is_nobody_elses() {
        let mut places = Places::new();
        for round in 0..10 {
            let keys: Vec<u64> = (0..200)
                .map(|n| {
                    let (key, entry) = places.vacant_entry();
                    entry.insert(n);
                    assert_eq!(places.get(key), Some(&n), "in round {round}");
                    key
                })
                .collect();
            keys.into_iter().skip(round).for_each(|key| _ = places.remove(key));
        }
        assert_eq!(places.len(), (0..10).sum());
    }
}
