//! What a segment holds, counted.

use crate::geometry::{BUCKETS, REGULAR};
use crate::segment::{Place, Segment};

impl<K, V> Segment<K, V> {
    /// Entries, counted in O(buckets).
    pub(crate) fn count_entries(&self) -> usize {
        (0..self.bucket_count())
            .map(|bucket| self.entries(bucket).len())
            .sum()
    }

    /// Entries in the chain, counted in O(its buckets).
    pub(crate) fn count_chained(&self) -> usize {
        (BUCKETS..self.bucket_count())
            .map(|bucket| self.entries(bucket).len())
            .sum()
    }

    /// Entries that stand in the bucket after their home, counted in O(buckets).
    pub(crate) fn count_guests(&self) -> usize {
        (0..REGULAR)
            .map(|bucket| self.block.guests(bucket).len())
            .sum()
    }

    /// For each entry, the buckets that a lookup looks at until it finds it.
    pub(crate) fn probes(&self) -> impl Iterator<Item = usize> {
        let regular = (0..REGULAR).flat_map(|bucket| {
            let guests = self.block.guests(bucket);
            let slots = self.entries(bucket).slots();
            slots.map(move |slot| 1 + usize::from(guests.has(slot)))
        });
        let overflow = (REGULAR..self.bucket_count()).flat_map(move |bucket| {
            let slots = self.entries(bucket).slots();
            slots.map(move |slot| 2 + self.overflow_probes(Place { bucket, slot }))
        });
        regular.chain(overflow)
    }
}
