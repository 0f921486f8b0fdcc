//! Copies of a table.

use alloc::boxed::Box;

use crate::geometry::{BUCKETS, REGULAR};
use crate::segment::{Place, Segment};
use crate::stash::Link;
use crate::table::DashTable;

/// A copy is a table of its own: it has the same entries and hasher and a clone of the observer,
/// and no cut is open in it. Making it delivers nothing.
///
/// Takes O(buckets + entries): every entry comes to stand where it stands in the original, and no
/// key is hashed.
impl<K: Clone, V: Clone, S: Clone, O: Clone> Clone for DashTable<K, V, S, O> {
    fn clone(&self) -> Self {
        let mut copy = Self::with_parts(self.hasher().clone(), self.observer().clone());
        let (directory, hook, _) = copy.parts();
        *directory = self.directory().map(Segment::copy);
        hook.tally.entries = self.len();
        copy
    }
}

impl<K: Clone, V: Clone> Segment<K, V> {
    /// The same entries in the same places. No cut has been opened when its buckets were changed
    /// last.
    fn copy(&self) -> Box<Self> {
        let mut copy = Self::new(self.depth(), self.position(), 0);
        for bucket in 0..self.bucket_count() {
            if bucket >= BUCKETS {
                copy.chain_mut().push(Link::empty());
            }
            let entries = self.entries(bucket);
            for (slot, (key, value)) in entries.slots().zip(entries) {
                let place = Place { bucket, slot };
                let Some(tag) = self.tag(place) else { continue };
                let entry = (key.clone(), value.clone());
                if bucket < REGULAR {
                    copy.block.put(bucket, slot, tag, entry);
                } else {
                    copy.put_overflow(self.overflow_home(place), place, tag, entry);
                }
            }
            if bucket < REGULAR {
                let guests = self.block.guests(bucket);
                guests.for_each(|slot| copy.block.mark_guest(bucket, slot));
            }
        }
        copy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_the_layout_of_the_original() {
        let table: DashTable<u32, u32> = (0..2_000).map(|key| (key, key)).collect();
        let copy = table.clone();
        let (original, copied) = (table.stats(), copy.stats());
        assert!(table.iter().eq(copy.iter()));
        assert_eq!(original.segments, copied.segments);
        assert_eq!(original.guest_entries, copied.guest_entries);
        assert_eq!(original.stash_entries, copied.stash_entries);
        assert_eq!(original.probes, copied.probes);
        assert!((0..2_000).all(|key| copy[&key] == key));
    }

    #[test]
    fn an_empty_copy_owns_no_memory() {
        let table: DashTable<u32, u32> = DashTable::new();
        assert_eq!(table.clone().memory_usage(), 0);
    }

    #[test]
    fn a_copy_of_what_has_grown_and_shrunk_is_whole() {
        let mut table: DashTable<u32, u32> = DashTable::new();
        for key in 0..4_000 {
            table.insert(key, key);
            if key % 3 != 0 {
                table.remove(&(key / 2));
            }
            if key % 512 == 0 {
                let mut copy = table.clone();
                assert!(copy == table);
                copy.retain(|key, _| key % 2 == 0);
                copy.shrink_to_fit();
                copy.extend(&table);
                assert!(copy == table);
            }
        }
    }
}
