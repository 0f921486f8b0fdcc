//! The place of one key in a table, looked up once: there or not there.

use core::fmt;
use core::hash::{BuildHasher, Hash};
use core::mem;

use crate::hash::{DefaultHashBuilder, KeyHash};
use crate::observer::Observer;
use crate::position::Position;
use crate::table::DashTable;

/// The place of one key, there or not there; see [`DashTable::entry`].
///
/// # Example
///
/// ```
/// use dash_table::{DashTable, Entry};
///
/// let mut stock = DashTable::new();
/// *stock.entry("pears").or_insert(0) += 5;
/// stock.entry("pears").and_modify(|pears| *pears -= 2).or_insert(1);
/// assert_eq!(stock["pears"], 3);
///
/// if let Entry::Occupied(pears) = stock.entry("pears") {
///     assert_eq!(pears.remove(), 3);
/// }
/// assert!(stock.is_empty());
/// ```
pub enum Entry<'a, K, V, S = DefaultHashBuilder, O = ()> {
    /// The table has the key.
    Occupied(OccupiedEntry<'a, K, V, S, O>),
    /// The table does not have the key.
    Vacant(VacantEntry<'a, K, V, S, O>),
}

/// An entry that is there.
///
/// What lends or takes the value delivers the entry's bucket first; looking does not.
pub struct OccupiedEntry<'a, K, V, S = DefaultHashBuilder, O = ()> {
    table: &'a mut DashTable<K, V, S, O>,
    // Invariant: an entry of `table`.
    position: Position,
}

/// The place of a key that is not there.
pub struct VacantEntry<'a, K, V, S = DefaultHashBuilder, O = ()> {
    table: &'a mut DashTable<K, V, S, O>,
    // Invariant: that of `key`, which `table` does not have.
    hash: KeyHash,
    key: K,
}

impl<K: Hash + Eq, V, S: BuildHasher, O: Observer<K, V>> DashTable<K, V, S, O> {
    /// The place of a key, to look at, fill, change or empty with one lookup.
    ///
    /// Takes O(1) expected time, and delivers nothing: what is then done with the entry does.
    ///
    /// # Example
    ///
    /// ```
    /// let mut letters = dash_table::DashTable::new();
    /// for letter in "banana".chars() {
    ///     *letters.entry(letter).or_insert(0) += 1;
    /// }
    /// assert_eq!(letters[&'a'], 3);
    /// ```
    #[inline]
    pub fn entry(&mut self, key: K) -> Entry<'_, K, V, S, O> {
        let hash = self.hash(&key);
        match self.position(hash, |other| *other == key) {
            Some(position) => Entry::Occupied(OccupiedEntry {
                table: self,
                position,
            }),
            None => Entry::Vacant(VacantEntry {
                table: self,
                hash,
                key,
            }),
        }
    }
}

impl<'a, K: Hash + Eq, V, S: BuildHasher, O: Observer<K, V>> Entry<'a, K, V, S, O> {
    /// The value, after `default` was inserted if there was none.
    #[inline]
    pub fn or_insert(self, default: V) -> &'a mut V {
        self.or_insert_with(|| default)
    }

    /// The value, after what `default` makes was inserted if there was none.
    #[inline]
    pub fn or_insert_with(self, default: impl FnOnce() -> V) -> &'a mut V {
        self.or_insert_with_key(|_| default())
    }

    /// The value, after what `default` makes of the key was inserted if there was none.
    #[inline]
    pub fn or_insert_with_key(self, default: impl FnOnce(&K) -> V) -> &'a mut V {
        match self {
            Self::Occupied(entry) => entry.into_mut(),
            Self::Vacant(entry) => {
                let value = default(entry.key());
                entry.insert(value)
            }
        }
    }

    /// The value, after its type's default was inserted if there was none.
    #[inline]
    pub fn or_default(self) -> &'a mut V
    where
        V: Default,
    {
        self.or_insert_with(V::default)
    }

    /// Changes the value if there is one. Delivers its bucket first.
    #[inline]
    #[must_use]
    pub fn and_modify(mut self, change: impl FnOnce(&mut V)) -> Self {
        if let Self::Occupied(entry) = &mut self {
            change(entry.get_mut());
        }
        self
    }

    /// Sets the value, whether there was one or not.
    #[inline]
    pub fn insert_entry(self, value: V) -> OccupiedEntry<'a, K, V, S, O> {
        match self {
            Self::Occupied(mut entry) => {
                entry.insert(value);
                entry
            }
            Self::Vacant(entry) => entry.insert_entry(value),
        }
    }
}

impl<K, V, S, O> Entry<'_, K, V, S, O> {
    /// The key: the table's own if it is there, the one given if not.
    #[inline]
    pub fn key(&self) -> &K {
        match self {
            Self::Occupied(entry) => entry.key(),
            Self::Vacant(entry) => entry.key(),
        }
    }
}

impl<K, V, S, O> OccupiedEntry<'_, K, V, S, O> {
    /// The key, as the table stores it.
    #[inline]
    pub fn key(&self) -> &K {
        self.table.entry_at(self.position).0
    }

    /// The value.
    #[inline]
    pub fn get(&self) -> &V {
        self.table.entry_at(self.position).1
    }
}

impl<'a, K, V, S, O: Observer<K, V>> OccupiedEntry<'a, K, V, S, O> {
    /// The value, to change. Delivers its bucket before it lends.
    #[inline]
    pub fn get_mut(&mut self) -> &mut V {
        self.table.value_at_mut(self.position)
    }

    /// The value, to change for as long as the table is borrowed. Delivers its bucket before it
    /// lends.
    #[inline]
    pub fn into_mut(self) -> &'a mut V {
        self.table.value_at_mut(self.position)
    }

    /// Sets the value, and gives back the one before. Delivers the bucket first.
    #[inline]
    pub fn insert(&mut self, value: V) -> V {
        mem::replace(self.get_mut(), value)
    }
}

impl<K: Hash + Eq, V, S: BuildHasher, O: Observer<K, V>> OccupiedEntry<'_, K, V, S, O> {
    /// Removes the entry, and gives back its value. Delivers the bucket first.
    #[inline]
    pub fn remove(self) -> V {
        self.remove_entry().1
    }

    /// Removes the entry, and gives it back. Delivers the bucket first.
    #[inline]
    pub fn remove_entry(self) -> (K, V) {
        self.table.remove_at(self.position)
    }
}

impl<K, V, S, O> VacantEntry<'_, K, V, S, O> {
    /// The key that is not there.
    #[inline]
    pub fn key(&self) -> &K {
        &self.key
    }

    /// Gives the key back.
    #[inline]
    pub fn into_key(self) -> K {
        self.key
    }
}

impl<'a, K: Hash + Eq, V, S: BuildHasher, O: Observer<K, V>> VacantEntry<'a, K, V, S, O> {
    /// Inserts a value, and lends it.
    #[inline]
    pub fn insert(self, value: V) -> &'a mut V {
        self.insert_entry(value).into_mut()
    }

    /// Inserts a value.
    #[inline]
    pub fn insert_entry(self, value: V) -> OccupiedEntry<'a, K, V, S, O> {
        let position = self.table.insert_absent(self.hash, (self.key, value));
        OccupiedEntry {
            table: self.table,
            position,
        }
    }
}

impl<K: fmt::Debug, V: fmt::Debug, S, O> fmt::Debug for Entry<'_, K, V, S, O> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = formatter.debug_tuple("Entry");
        match self {
            Self::Occupied(entry) => tuple.field(entry),
            Self::Vacant(entry) => tuple.field(entry),
        };
        tuple.finish()
    }
}

impl<K: fmt::Debug, V: fmt::Debug, S, O> fmt::Debug for OccupiedEntry<'_, K, V, S, O> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = formatter.debug_struct("OccupiedEntry");
        fields.field("key", self.key()).field("value", self.get());
        fields.finish_non_exhaustive()
    }
}

impl<K: fmt::Debug, V, S, O> fmt::Debug for VacantEntry<'_, K, V, S, O> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("VacantEntry")
            .field(&self.key)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::string::String;

    use super::*;

    #[test]
    fn a_vacant_entry_that_is_dropped_changes_nothing() {
        let mut table: DashTable<u32, u32> = DashTable::new();
        assert!(matches!(table.entry(1), Entry::Vacant(_)));
        assert_eq!(table.memory_usage(), 0);
    }

    #[test]
    fn an_entry_keeps_the_key_that_was_there_first() {
        let mut table = DashTable::new();
        let first = String::from("key");
        let address = first.as_ptr();
        table.insert(first, 1);
        let mut entry = table.entry("key".into()).insert_entry(2);
        assert_eq!(entry.key().as_ptr(), address);
        assert_eq!(entry.insert(3), 2);
        assert_eq!(entry.remove_entry().0.as_ptr(), address);
    }

    #[test]
    fn an_entry_inserted_by_a_split_is_the_one_lent() {
        let mut table = DashTable::new();
        for key in 0..5_000_u32 {
            let lent = table.entry(key).insert_entry(key);
            assert_eq!((*lent.key(), *lent.get()), (key, key));
        }
        assert!(table.stats().splits > 0);
    }
}
