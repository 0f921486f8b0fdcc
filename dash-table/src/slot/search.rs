//! How an entry is found in a block.
#![expect(
    unsafe_code,
    reason = "reads slots that its invariants say are initialised"
)]

use super::Block;
use super::entries::Entries;
use crate::fingerprint;
use crate::geometry::SLOTS;
use crate::hash::{KeyHash, Tag};

/// An entry, and where it stands.
pub(crate) struct Found<'a, T> {
    pub(crate) bucket: usize,
    pub(crate) slot: usize,
    pub(crate) entry: &'a T,
}

impl<T, const N: usize, H> Block<T, N, H> {
    /// The first entry of a bucket that has this tag and satisfies `is_match`.
    pub(crate) fn find(
        &self,
        bucket: usize,
        tag: Tag,
        is_match: impl Fn(&T) -> bool,
    ) -> Option<Found<'_, T>> {
        let left = self.groups[bucket].tagged(tag);
        let entries = Entries {
            left,
            slots: &self.slots.0[bucket],
        };
        let (slot, entry) = left.zip(entries).find(|(_, entry)| is_match(entry))?;
        Some(Found {
            bucket,
            slot,
            entry,
        })
    }

    /// The first entry in the home of `hash` or the bucket after it that has this hash's tag and
    /// satisfies `is_match`.
    ///
    /// Which of the two buckets holds it is a coin toss, so no branch depends on that: a
    /// mispredicted one would wait for memory, and keep later lookups from starting. For the same
    /// reason every instruction counts: the fewer, the more lookups overlap their cache misses.
    ///
    /// # Panics
    ///
    /// When there is no bucket after that home.
    #[inline]
    pub(crate) fn find_in_pair(
        &self,
        hash: KeyHash,
        is_match: impl Fn(&T) -> bool + Copy,
    ) -> Option<Found<'_, T>> {
        let (slot, entry) = self.search_pair(hash, is_match)?;
        Some(Found {
            bucket: slot / SLOTS,
            slot: slot % SLOTS,
            entry,
        })
    }

    /// As [`find_in_pair`](Self::find_in_pair), for who does not ask where the entry stands.
    #[inline]
    pub(crate) fn get_in_pair(
        &self,
        hash: KeyHash,
        is_match: impl Fn(&T) -> bool + Copy,
    ) -> Option<&T> {
        Some(self.search_pair(hash, is_match)?.1)
    }

    /// The entry, and its slot, counted from the first of the block.
    #[inline]
    fn search_pair(
        &self,
        hash: KeyHash,
        is_match: impl Fn(&T) -> bool + Copy,
    ) -> Option<(usize, &T)> {
        let (home, tag) = (hash.home(), hash.tag());
        assert!(home + 1 < N, "bucket {home} is nobody's home");
        let slots = self.slots.0.as_flattened();
        // Most entries stand in this line, so that the lookup waits for tags and entry at once.
        fingerprint::prefetch(slots.as_ptr().wrapping_add(hash.best_slot()).cast());
        let here = u32::from(self.groups[home].tagged(tag).bits());
        let there = u32::from(self.groups[home + 1].tagged(tag).bits());
        let mut left = here | there << SLOTS;
        while left != 0 {
            let slot = hash.first_slot() + left.trailing_zeros() as usize;
            // SAFETY: the two buckets from `home` on, of which there are two, have 2 * SLOTS slots
            // from its first on, and the sets of both have no bit beyond.
            let entry = unsafe { slots.get_unchecked(slot) };
            // SAFETY: the slot has a tag, so it is occupied; see the invariant on `slots`.
            let entry = unsafe { entry.assume_init_ref() };
            if is_match(entry) {
                return Some((slot, entry));
            }
            left &= left - 1;
        }
        None
    }
}
