//! Containers whose memory is proportional to their present contents, not to their largest.

use slab::{Slab, VacantEntry};
use std::collections::{BTreeMap, VecDeque};

/// The capacity for this many values is never released. Small in models, so that they release some.
pub(crate) const FEW: usize = if cfg!(loom) { 2 } else { 64 };

/// A map from keys that it chooses itself to values. Like a [`Slab`], which however keeps the capacity of its fullest
/// time.
///
/// Invariants:
///
/// - KM1: the value at `key` is in `dense` at `key - base` if `key >= base`, else in `sparse` at `key`.
/// - KM2: after each removal, the capacity of `dense` is at most four times its number of values, or [`FEW`]. If it
///   would be larger, the values, at most a quarter of those that were once in it, move to `sparse`, whose capacity is
///   less than three times its number of values.
///
/// So the total capacity is at most four times the number of values, or [`FEW`], and the removals pay for the moves
/// (amortised).
#[derive(Debug)]
pub(crate) struct KeyMap<T> {
    dense: Slab<T>,
    base: u64,
    sparse: BTreeMap<u64, T>,
}

impl<T> KeyMap<T> {
    pub(crate) const fn new() -> Self {
        Self { dense: Slab::new(), base: 0, sparse: BTreeMap::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.dense.len() + self.sparse.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An entry for a value, with its key. The first keys count from 0.
    #[inline]
    pub(crate) fn vacant_entry(&mut self) -> (u64, VacantEntry<'_, T>) {
        let entry = self.dense.vacant_entry();
        (self.base + entry.key() as u64, entry)
    }

    #[inline]
    pub(crate) fn insert(&mut self, value: T) -> u64 {
        self.base + self.dense.insert(value) as u64
    }

    /// The index in `dense`, if the key belongs there.
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

    /// Restores KM2.
    #[cold]
    fn thin_out(&mut self) {
        let dense = std::mem::take(&mut self.dense);
        let (base, room) = (self.base, dense.capacity());
        // Keys in `dense` from now on differ from all earlier ones. 2^64 keys are enough.
        self.base += room as u64;
        self.sparse.extend(dense.into_iter().map(|(key, value)| (base + key as u64, value)));
    }

    /// All values, by key.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.sparse.values().chain(self.dense.iter().map(|(_, value)| value))
    }

    /// All values, by key.
    pub(crate) fn into_values(self) -> impl Iterator<Item = T> {
        self.sparse.into_values().chain(self.dense.into_iter().map(|(_, value)| value))
    }

    /// All values, by key.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.sparse.values_mut().chain(self.dense.iter_mut().map(|(_, value)| value))
    }
}

impl<T> Default for KeyMap<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a container with this length is to release part of this capacity.
#[inline]
pub(crate) fn is_roomy(len: usize, capacity: usize) -> bool {
    capacity > FEW && len < capacity / 4
}

/// Releases the unused capacity of a queue. To be called from time to time while it empties.
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
    fn keys_stay_valid_while_others_are_removed() {
        let mut map = KeyMap::new();
        let keys: Vec<u64> = (0..100_000).map(|n| map.insert(n)).collect();
        assert_eq!(keys, (0..100_000).collect::<Vec<u64>>());
        for (n, key) in keys.iter().enumerate() {
            if n % 100 != 0 {
                assert_eq!(map.remove(*key), Some(n));
                assert_eq!(map.remove(*key), None);
            }
        }
        let later: Vec<u64> = (100_000..100_100).map(|n| map.insert(n)).collect();
        let kept = keys.iter().step_by(100).chain(&later);
        let values: Vec<usize> = map.values().copied().collect();
        assert_eq!(values, (0..100_000).step_by(100).chain(100_000..100_100).collect::<Vec<_>>());
        assert_eq!(map.len(), 1100);
        for (key, value) in kept.zip(values) {
            assert_eq!(map.get(*key), Some(&value));
            assert_eq!(map.get_mut(*key), Some(&mut value.clone()));
            assert_eq!(map.remove(*key), Some(value));
        }
        assert!(map.is_empty());
        assert!(map.dense.capacity() <= FEW && map.sparse.is_empty());
    }

    #[test]
    fn a_vacant_key_belongs_to_no_other_value() {
        let mut map = KeyMap::new();
        for round in 0..10 {
            let keys: Vec<u64> = (0..200)
                .map(|n| {
                    let (key, entry) = map.vacant_entry();
                    entry.insert(n);
                    assert_eq!(map.get(key), Some(&n), "in round {round}");
                    key
                })
                .collect();
            keys.into_iter().skip(round).for_each(|key| _ = map.remove(key));
        }
        assert_eq!(map.len(), (0..10).sum());
    }
}
