//! Making and filling a table from entries.

use core::hash::{BuildHasher, Hash};

use crate::hash::DefaultHashBuilder;
use crate::observer::Observer;
use crate::table::DashTable;

/// Inserts every entry; of equal keys the last one's value stays.
///
/// Reserves room for what the iterator says it has at least, or half of that if the table is not
/// empty: some of the keys may be there.
impl<K, V, S, O> Extend<(K, V)> for DashTable<K, V, S, O>
where
    K: Hash + Eq,
    S: BuildHasher,
    O: Observer<K, V>,
{
    fn extend<T: IntoIterator<Item = (K, V)>>(&mut self, entries: T) {
        let entries = entries.into_iter();
        let (least, _) = entries.size_hint();
        self.reserve(if self.is_empty() {
            least
        } else {
            least.div_ceil(2)
        });
        self.insert_many(entries, |_, _| ());
    }
}

/// As from owned entries.
impl<'a, K, V, S, O> Extend<(&'a K, &'a V)> for DashTable<K, V, S, O>
where
    K: Hash + Eq + Copy,
    V: Copy,
    S: BuildHasher,
    O: Observer<K, V>,
{
    fn extend<T: IntoIterator<Item = (&'a K, &'a V)>>(&mut self, entries: T) {
        self.extend(entries.into_iter().map(|(key, value)| (*key, *value)));
    }
}

/// Of equal keys the last one's value stays.
impl<K, V, S, O> FromIterator<(K, V)> for DashTable<K, V, S, O>
where
    K: Hash + Eq,
    S: BuildHasher + Default,
    O: Observer<K, V> + Default,
{
    fn from_iter<T: IntoIterator<Item = (K, V)>>(entries: T) -> Self {
        let mut table = Self::default();
        table.extend(entries);
        table
    }
}

/// Of equal keys the last one's value stays.
impl<K: Hash + Eq, V, const N: usize> From<[(K, V); N]> for DashTable<K, V, DefaultHashBuilder> {
    fn from(entries: [(K, V); N]) -> Self {
        entries.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_equal_keys_the_last_value_stays() {
        let table = DashTable::from([(1, 'a'), (2, 'b'), (1, 'c')]);
        assert_eq!((table.len(), table[&1]), (2, 'c'));
    }

    #[test]
    fn an_endless_hint_is_not_believed() {
        let mut left = 3;
        let entries = core::iter::repeat_with(|| (0, 0)).take_while(|_| {
            left -= 1;
            left > 0
        });
        let mut table: DashTable<u32, u32> = DashTable::new();
        table.extend(entries);
        assert_eq!(table.len(), 1);
    }
}
