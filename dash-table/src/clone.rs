//! Copies of a table.

use core::hash::{BuildHasher, Hash};

use crate::observer::Observer;
use crate::table::DashTable;

/// A copy is a table of its own: it has the same entries and hasher and a clone of the observer,
/// and no cut is open in it. Looking at entries delivers nothing, and neither does filling a table
/// without cuts.
///
/// Takes O(entries), expected.
impl<K, V, S, O> Clone for DashTable<K, V, S, O>
where
    K: Clone + Hash + Eq,
    V: Clone,
    S: Clone + BuildHasher,
    O: Clone + Observer<K, V>,
{
    fn clone(&self) -> Self {
        let (hasher, observer) = (self.hasher().clone(), self.observer().clone());
        let mut copy = Self::with_hasher_and_observer(hasher, observer);
        copy.reserve(self.len());
        for (key, value) in self {
            let hash = copy.hash(key);
            copy.insert_absent(hash, (key.clone(), value.clone()));
        }
        copy
    }
}
