//! Room for entries that are still to come.

use core::hash::{BuildHasher, Hash};

use alloc::vec::Vec;

use crate::error::TryReserveError;
use crate::geometry::ENTRIES_MAX;
use crate::observer::Observer;
use crate::segment::Segment;
use crate::spread::Spread;
use crate::table::DashTable;

impl<K, V, S> DashTable<K, V, S> {
    /// An empty table with this hasher, which owns no memory yet.
    ///
    /// Any hasher whose 64-bit results differ from key to key will do, the identity included.
    /// One without a secret seed lets whoever chooses the keys make them collide.
    ///
    /// # Example
    ///
    /// ```
    /// use dash_table::DashTable;
    /// use std::hash::RandomState;
    ///
    /// let mut table = DashTable::with_hasher(RandomState::new());
    /// table.insert("one", 1);
    /// assert_eq!(table["one"], 1);
    /// ```
    pub fn with_hasher(hasher: S) -> Self {
        Self::with_parts(hasher, ())
    }
}

impl<K: Hash + Eq, V, S: BuildHasher> DashTable<K, V, S> {
    /// An empty table with this hasher and room for about `capacity` entries.
    pub fn with_capacity_and_hasher(capacity: usize, hasher: S) -> Self {
        let mut table = Self::with_hasher(hasher);
        table.reserve(capacity);
        table
    }
}

impl<K: Hash + Eq, V, S: BuildHasher, O: Observer<K, V>> DashTable<K, V, S, O> {
    /// Says that the table, which must be empty, will soon have about `entries` entries.
    ///
    /// No memory is taken for them: this only chooses how hashes are spread over segments, so that
    /// with so many entries about five sixths of all slots are in use, and not two thirds. More or
    /// fewer entries, or none at all, do no harm. A table that is not empty stays as it is.
    ///
    /// For those who fill a table little by little and cannot, or must not, take all memory
    /// beforehand; others [`reserve`](Self::reserve).
    ///
    /// ```
    /// use dash_table::DashTable;
    /// use std::hash::{BuildHasherDefault, DefaultHasher};
    ///
    /// // With a hasher that is seeded by chance, how many slots there are is a matter of chance.
    /// let mut planned = DashTable::with_hasher(BuildHasherDefault::<DefaultHasher>::default());
    /// planned.plan_for(60_000);
    /// assert_eq!(planned.memory_usage(), 0);
    /// planned.extend((0..60_000).map(|n| (n, n)));
    /// assert!(planned.stats().slots < 80_000);
    /// ```
    pub fn plan_for(&mut self, entries: usize) {
        if self.is_empty() {
            self.parts().0.spread_as(Spread::fitting(entries));
        }
    }

    /// How hashes are spread once this many entries have been reserved.
    pub(crate) fn spread_for(&self, entries: usize) -> Spread {
        match self.directory().spread() {
            Spread::GROWING if self.is_empty() => Spread::fitting(entries),
            spread => spread,
        }
    }

    /// As [`reserve`](Self::reserve), but says so when the room cannot be had.
    ///
    /// The allocator is first asked for all of it in one piece, which is given back at once; the
    /// table then takes it in the pieces that it needs. If somebody else takes the memory in
    /// between, the allocator's failure ends the program as it does elsewhere.
    ///
    /// # Errors
    ///
    /// When no table can hold so many entries, or the allocator refuses. The table has not
    /// changed then.
    ///
    /// # Example
    ///
    /// ```
    /// use dash_table::{DashTable, TryReserveError};
    ///
    /// let mut table: DashTable<u64, u64> = DashTable::new();
    /// table.try_reserve(1000)?;
    /// assert!(matches!(
    ///     table.try_reserve(usize::MAX),
    ///     Err(TryReserveError::TooManyEntries { .. })
    /// ));
    /// # Ok::<(), TryReserveError>(())
    /// ```
    pub fn try_reserve(&mut self, additional: usize) -> Result<(), TryReserveError> {
        let entries = self.len().saturating_add(additional);
        if entries > ENTRIES_MAX {
            return Err(TryReserveError::TooManyEntries {
                entries,
                entries_max: ENTRIES_MAX,
            });
        }
        let missing = self
            .spread_for(entries)
            .segments(entries)
            .saturating_sub(self.directory().segments().owners());
        let segment_bytes = size_of::<Segment<K, V>>().saturating_add(4 * size_of::<usize>());
        let bytes = missing.saturating_mul(segment_bytes);
        let mut probe: Vec<u8> = Vec::new();
        probe
            .try_reserve_exact(bytes)
            .map_err(|source| TryReserveError::OutOfMemory { bytes, source })?;
        // Kept from the optimiser, which may do without an allocation that nobody uses.
        drop(core::hint::black_box(probe));
        self.reserve(additional);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_entries_than_there_are_places_is_an_error() {
        let mut table: DashTable<u8, u8> = DashTable::new();
        let refused = table.try_reserve(ENTRIES_MAX + 1);
        assert!(matches!(
            refused,
            Err(TryReserveError::TooManyEntries { .. })
        ));
        assert_eq!(table.memory_usage(), 0);
    }

    #[test]
    #[should_panic(expected = "capacity overflow")]
    fn reserving_more_than_there_are_places_panics() {
        let mut table: DashTable<u8, u8> = DashTable::new();
        table.insert(1, 1);
        table.reserve(usize::MAX);
    }

    #[test]
    #[should_panic(expected = "capacity overflow")]
    fn a_capacity_that_no_table_has_panics() {
        drop(DashTable::<u8, u8>::with_capacity(ENTRIES_MAX + 1));
    }

    #[test]
    fn more_memory_than_there_is_is_an_error() {
        let mut table: DashTable<u32, [u64; 1500]> = DashTable::new();
        table.insert(1, [7; 1500]);
        let refused = table.try_reserve(ENTRIES_MAX / 2);
        assert!(matches!(refused, Err(TryReserveError::OutOfMemory { .. })));
        assert_eq!((table.len(), table[&1][0]), (1, 7));
    }

    #[test]
    fn what_is_granted_is_reserved() {
        let mut table: DashTable<u32, u32> = DashTable::new();
        table.try_reserve(5_000).unwrap();
        assert!(table.stats().slots >= 5_000);
        let before = table.memory_usage();
        table.try_reserve(4_000).unwrap();
        assert_eq!(table.memory_usage(), before);
    }
}
