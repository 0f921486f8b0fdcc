//! Equality of tables, and lookup by index.

use core::borrow::Borrow;
use core::hash::{BuildHasher, Hash};
use core::ops::Index;

use crate::observer::Observer;
use crate::table::DashTable;

/// Whether both hold the same entries; cuts and observers do not matter. O(entries), expected.
impl<K, V, S, O> PartialEq for DashTable<K, V, S, O>
where
    K: Hash + Eq,
    V: PartialEq,
    S: BuildHasher,
    O: Observer<K, V>,
{
    fn eq(&self, other: &Self) -> bool {
        let has = |(key, value): (&K, &V)| other.get(key).is_some_and(|others| *value == *others);
        self.len() == other.len() && self.iter().all(has)
    }
}

impl<K, V, S, O> Eq for DashTable<K, V, S, O>
where
    K: Hash + Eq,
    V: Eq,
    S: BuildHasher,
    O: Observer<K, V>,
{
}

/// There is no `IndexMut`, as there is none for `HashMap`: see [`DashTable::get_mut`].
///
/// # Panics
///
/// When the key is not there.
impl<K, Q, V, S, O> Index<&Q> for DashTable<K, V, S, O>
where
    K: Hash + Eq + Borrow<Q>,
    Q: Hash + Eq + ?Sized,
    S: BuildHasher,
    O: Observer<K, V>,
{
    type Output = V;

    #[inline]
    fn index(&self, key: &Q) -> &V {
        match self.get(key) {
            Some(value) => value,
            None => panic!("there is no entry with this key"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_equal_whatever_their_layout() {
        let small: DashTable<u32, u32> = (0..100).map(|key| (key, key)).collect();
        let mut large: DashTable<u32, u32> = DashTable::with_capacity(10_000);
        large.extend(&small);
        assert_eq!(small, large);
        large.insert(7, 8);
        assert_ne!(small, large);
        large.remove(&7);
        assert_ne!(small, large);
        large.insert(100, 100);
        assert_ne!(small, large, "as many entries, but others");
    }

    #[test]
    #[should_panic(expected = "there is no entry with this key")]
    fn indexing_panics_when_the_key_is_not_there() {
        let table: DashTable<u32, u32> = DashTable::new();
        let _ = table[&1];
    }
}
