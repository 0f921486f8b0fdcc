//! What a table is made of, in numbers.

use crate::geometry::{BUCKETS, REGULAR, SLOTS};
use crate::segment::Segment;
use crate::table::DashTable;

/// Sizes and counts of one table, all exact.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// Segments: the units of growth.
    pub segments: usize,
    /// Entries of the directory, eight bytes each.
    pub directory_entries: usize,
    /// Physical buckets, stashes and chains included.
    pub buckets: usize,
    /// Slots for entries, in all buckets.
    pub slots: usize,
    /// Entries in the table.
    pub entries: usize,
    /// Those that stand in the bucket after their home.
    pub guest_entries: usize,
    /// Those that stand in a stash.
    pub stash_entries: usize,
    /// Those that stand in a chain, because no split could separate them.
    pub chain_entries: usize,
    /// Entries moved inside their segment to make room, since the table was made.
    pub displacements: u64,
    /// Segments split, since the table was made.
    pub splits: u64,
    /// Segments merged with their buddies, since the table was made.
    pub merges: u64,
    /// Buckets that a lookup looks at until it finds its entry, over all entries: one for an entry
    /// in its home, two for a guest, and one more for each bucket of the stash and the chain.
    pub probes: usize,
    /// The most that a lookup of one entry looks at.
    pub probes_max: usize,
}

impl<K, V, S, O> DashTable<K, V, S, O> {
    /// Counts everything anew, in O(buckets).
    pub fn stats(&self) -> Stats {
        let tally = self.tally();
        let segments = self.directory().segments();
        let buckets = self.bucket_count();
        let mut stats = Stats {
            segments: segments.owners(),
            directory_entries: self.directory().len(),
            buckets,
            slots: buckets * SLOTS,
            entries: tally.entries,
            displacements: tally.displacements,
            splits: tally.splits,
            merges: tally.merges,
            ..Stats::default()
        };
        for segment in segments.iter() {
            let count = |bucket| segment.entries(bucket).len();
            stats.guest_entries += segment.count_guests();
            stats.stash_entries += (REGULAR..BUCKETS).map(count).sum::<usize>();
            stats.chain_entries += (BUCKETS..segment.bucket_count()).map(count).sum::<usize>();
            for probes in segment.probes() {
                stats.probes += probes;
                stats.probes_max = stats.probes_max.max(probes);
            }
        }
        stats
    }

    /// Physical buckets of the table, which a traversal examines one by one. O(segments).
    pub fn bucket_count(&self) -> usize {
        self.directory()
            .segments()
            .iter()
            .map(Segment::bucket_count)
            .sum()
    }

    /// Buckets of all segments, without those of chains, which few tables have. O(1).
    ///
    /// ```
    /// let table: dash_table::DashTable<u32, u32> = (0..100_000).map(|key| (key, key)).collect();
    /// assert_eq!(table.segment_bucket_count(), table.bucket_count());
    /// ```
    pub fn segment_bucket_count(&self) -> usize {
        self.directory().segments().owners() * BUCKETS
    }

    /// Bytes that the table owns on the heap, as asked of the allocator. What keys and values own
    /// themselves is not counted. O(segments).
    pub fn memory_usage(&self) -> usize {
        let segments = self.directory().segments().iter().map(Segment::heap_bytes);
        self.directory().heap_bytes() + segments.sum::<usize>() + self.cuts().heap_bytes()
    }
}
