//! What both maps can do, under one name.

use std::hash::Hash;

use dash_table::DashTable;

/// The hasher of both maps: seeded once and for all, so that every round does the same.
pub(crate) type Hasher = foldhash::fast::FixedState;

/// A hash map that can be measured.
pub(crate) trait Map<K, V> {
    fn empty() -> Self;
    fn presized(capacity: usize) -> Self;
    fn insert(&mut self, key: K, value: V) -> Option<V>;
    fn get(&self, key: &K) -> Option<&V>;
    fn remove(&mut self, key: &K) -> Option<V>;
    fn for_each(&self, visit: impl FnMut(&K, &V));
    fn len(&self) -> usize;
    /// Bytes on the heap.
    fn bytes(&self) -> usize;
}

/// The table without an observer.
pub(crate) type Ours<K, V> = DashTable<K, V, Hasher>;

/// hashbrown with the same hasher.
pub(crate) type Peer<K, V> = hashbrown::HashMap<K, V, Hasher>;

impl<K: Hash + Eq, V> Map<K, V> for Ours<K, V> {
    fn empty() -> Self {
        Self::with_hasher_and_observer(Hasher::default(), ())
    }

    fn presized(capacity: usize) -> Self {
        let mut table = Self::empty();
        table.reserve(capacity);
        table
    }

    #[inline]
    fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.insert(key, value)
    }

    #[inline]
    fn get(&self, key: &K) -> Option<&V> {
        self.get(key)
    }

    #[inline]
    fn remove(&mut self, key: &K) -> Option<V> {
        self.remove(key)
    }

    fn for_each(&self, mut visit: impl FnMut(&K, &V)) {
        for (key, value) in self {
            visit(key, value);
        }
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn bytes(&self) -> usize {
        self.memory_usage()
    }
}

impl<K: Hash + Eq, V> Map<K, V> for Peer<K, V> {
    fn empty() -> Self {
        Self::with_hasher(Hasher::default())
    }

    fn presized(capacity: usize) -> Self {
        Self::with_capacity_and_hasher(capacity, Hasher::default())
    }

    #[inline]
    fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.insert(key, value)
    }

    #[inline]
    fn get(&self, key: &K) -> Option<&V> {
        self.get(key)
    }

    #[inline]
    fn remove(&mut self, key: &K) -> Option<V> {
        self.remove(key)
    }

    fn for_each(&self, mut visit: impl FnMut(&K, &V)) {
        for (key, value) in self {
            visit(key, value);
        }
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn bytes(&self) -> usize {
        self.allocation_size()
    }
}
