//! Inserting many entries, which wait for memory together.

use alloc::vec::Vec;
use core::cell::Cell;
use core::hash::{BuildHasher, Hash};

use smallvec::SmallVec;

use crate::hash::KeyHash;
use crate::observer::Observer;
use crate::table::DashTable;

/// Entries whose memory is asked for before the first of them is inserted: as many as a processor
/// can have requests under way for, or a few more.
const TOGETHER: usize = 32;

impl<K: Hash + Eq, V, S: BuildHasher, O: Observer<K, V>> DashTable<K, V, S, O> {
    /// Inserts all entries, in order, and tells `replaced` of each whose key was there: the key,
    /// and the value it had.
    ///
    /// As a loop of [`insert`](Self::insert)s, but faster in a table larger than the caches, where
    /// an insert mostly waits for memory: here a few of them wait together. Takes the next few
    /// entries out of the iterator before it inserts the first; if the iterator panics, these are
    /// dropped. Reserves nothing.
    ///
    /// ```
    /// let mut table = dash_table::DashTable::from([("one", 1)]);
    /// let mut old = Vec::new();
    /// table.insert_many([("two", 2), ("one", 10)], |key, value| old.push((key, value)));
    /// assert_eq!(old, [("one", 1)]);
    /// assert_eq!((table["one"], table["two"]), (10, 2));
    /// ```
    pub fn insert_many(
        &mut self,
        entries: impl IntoIterator<Item = (K, V)>,
        mut replaced: impl FnMut(K, V),
    ) {
        // Fused: it is asked once more after its end.
        let mut entries = entries.into_iter().fuse();
        let mut next = Vec::with_capacity(TOGETHER);
        let mut hashes: SmallVec<[KeyHash; TOGETHER]> = SmallVec::new();
        loop {
            // In a cell an entry is moved as a whole. Otherwise `drain` tells the last one from the
            // others by a byte of theirs, which then travels apart from the rest, and whoever reads
            // them together waits for that.
            next.extend(entries.by_ref().take(TOGETHER).map(Cell::new));
            if next.is_empty() {
                return;
            }
            // Not one by one as they came: to read a key that was written just now may take
            // longer than to hash it.
            for entry in &mut next {
                let hash = self.hash(&entry.get_mut().0);
                self.prefetch_tags(hash);
                hashes.push(hash);
            }
            for hash in &hashes {
                self.prefetch_room(*hash);
            }
            for (hash, entry) in hashes.drain(..).zip(next.drain(..)) {
                if let Some((key, value)) = self.insert_hashed(hash, entry.into_inner()) {
                    replaced(key, value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_inserts_are_what_one_after_the_other_would_be() {
        for count in 0..6 * TOGETHER {
            let entries: Vec<(usize, usize)> = (0..count).map(|n| (n * n % 37, n)).collect();
            let (mut one, mut many) = (DashTable::new(), DashTable::new());
            let mut expected = Vec::new();
            for &(key, value) in &entries {
                expected.extend(one.insert(key, value).map(|old| (key, old)));
            }
            let mut found = Vec::new();
            many.insert_many(entries, |key, value| found.push((key, value)));
            assert_eq!((&one, expected), (&many, found));
        }
    }

    #[test]
    fn iterator_is_not_asked_for_more_behind_its_end() {
        let mut table = DashTable::new();
        // Goes on behind what it takes for its end, as `map_while` may.
        let entries = [Some((1, 1)), None, Some((2, 2))];
        table.insert_many(entries.into_iter().map_while(|entry| entry), |_, _| ());
        assert_eq!((table.len(), table.get(&2)), (1, None));
    }
}
