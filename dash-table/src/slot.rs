//! Uninitialised storage: buckets of slots, in one allocation, with a header of the owner's.
#![expect(
    unsafe_code,
    reason = "owns uninitialised slots; all of them are in this file"
)]

use std::mem::{self, MaybeUninit};

use crate::geometry::SLOTS;
use crate::group::Group;
use crate::hash::Tag;
use crate::slot_set::SlotSet;

/// `N` buckets of [`SLOTS`] slots each, and the groups that say which are occupied.
///
/// Groups stand together, before all slots: a home and its neighbour mostly share a cache line.
#[repr(C)]
pub(crate) struct Block<H, T, const N: usize> {
    pub(crate) header: H,
    groups: [Group; N],
    // Invariant: `slots[b][s]` is initialised whenever `groups[b]` shows slot `s` occupied.
    slots: [[MaybeUninit<T>; SLOTS]; N],
}

/// The entries of one bucket.
pub(crate) struct Entries<'a, T> {
    // Invariant: every slot in `left` is initialised.
    left: SlotSet,
    slots: &'a [MaybeUninit<T>; SLOTS],
}

impl<H, T, const N: usize> Block<H, T, N> {
    /// Allocates a block without entries.
    ///
    /// The slots are never touched, nor do they pass over the stack: a block of large values
    /// may be megabytes.
    pub(crate) fn boxed(header: H) -> Box<Self> {
        let mut block = Box::<Self>::new_uninit();
        let target = block.as_mut_ptr();
        // SAFETY: `target` points into the live allocation; no reference is made.
        let header_field = unsafe { &raw mut (*target).header };
        // SAFETY: the field is valid for writes, and holds nothing that needs dropping.
        unsafe { header_field.write(header) };
        // SAFETY: as for the header.
        let groups_field = unsafe { &raw mut (*target).groups };
        // SAFETY: as for the header.
        unsafe { groups_field.write([Group::default(); N]) };
        // SAFETY: header and groups are written; slots are MaybeUninit, and no group shows
        // one occupied.
        unsafe { block.assume_init() }
    }

    /// Fingerprints and marks of a bucket.
    #[inline]
    pub(crate) fn group(&self, bucket: usize) -> &Group {
        &self.groups[bucket]
    }

    /// The first slot among `keep` whose entry has this tag and satisfies `is_match`.
    #[inline]
    pub(crate) fn find(
        &self,
        bucket: usize,
        tag: Tag,
        keep: SlotSet,
        mut is_match: impl FnMut(&T) -> bool,
    ) -> Option<usize> {
        let slots = &self.slots[bucket];
        self.groups[bucket].tagged(tag).and(keep).find(|&slot| {
            // SAFETY: the slot has a tag, so it is occupied; see the invariant on `slots`.
            is_match(unsafe { slots[slot].assume_init_ref() })
        })
    }

    /// The entries of a bucket.
    #[inline]
    pub(crate) fn entries(&self, bucket: usize) -> Entries<'_, T> {
        Entries {
            left: self.groups[bucket].occupied(),
            slots: &self.slots[bucket],
        }
    }

    /// The entry in an occupied slot.
    ///
    /// # Panics
    ///
    /// When the slot is vacant.
    #[inline]
    pub(crate) fn get(&self, bucket: usize, slot: usize) -> &T {
        self.assert_occupied(bucket, slot);
        // SAFETY: occupied, as just checked.
        unsafe { self.slots[bucket][slot].assume_init_ref() }
    }

    /// The entry in an occupied slot, to change.
    ///
    /// # Panics
    ///
    /// When the slot is vacant.
    #[inline]
    pub(crate) fn get_mut(&mut self, bucket: usize, slot: usize) -> &mut T {
        self.assert_occupied(bucket, slot);
        // SAFETY: occupied, as just checked.
        unsafe { self.slots[bucket][slot].assume_init_mut() }
    }

    /// Fills a vacant slot.
    ///
    /// # Panics
    ///
    /// When the slot is occupied.
    #[inline]
    pub(crate) fn put(&mut self, bucket: usize, slot: usize, tag: Tag, entry: T) {
        assert!(
            self.groups[bucket].tag(slot).is_none(),
            "slot {slot} of {bucket} is occupied"
        );
        self.slots[bucket][slot].write(entry);
        self.groups[bucket].occupy(slot, tag);
    }

    /// Empties an occupied slot.
    ///
    /// # Panics
    ///
    /// When the slot is vacant.
    #[inline]
    pub(crate) fn take(&mut self, bucket: usize, slot: usize) -> (Tag, T) {
        let tag = self.assert_occupied(bucket, slot);
        self.groups[bucket].vacate(slot);
        // SAFETY: it was occupied, and the group no longer says so: nobody reads it again.
        (tag, unsafe { self.slots[bucket][slot].assume_init_read() })
    }

    /// Moves the entries of `movers` to the same slots of the same bucket in `target`, guest
    /// marks included. No code of the entries runs.
    ///
    /// # Panics
    ///
    /// When one of `movers` is vacant here or occupied there.
    pub(crate) fn move_slots<G>(
        &mut self,
        bucket: usize,
        movers: SlotSet,
        target: &mut Block<G, T, N>,
    ) {
        let guests = self.groups[bucket].guests();
        for slot in movers {
            let (tag, entry) = self.take(bucket, slot);
            target.put(bucket, slot, tag, entry);
        }
        for slot in movers.and(guests) {
            target.groups[bucket].mark_guest(slot);
        }
    }

    /// Drops the entries of a bucket one by one; `dropped` is told before each.
    pub(crate) fn clear(&mut self, bucket: usize, mut dropped: impl FnMut()) {
        for slot in self.groups[bucket].occupied() {
            dropped();
            drop(self.take(bucket, slot));
        }
    }

    /// Marks the entry in an occupied slot as a guest.
    #[inline]
    pub(crate) fn mark_guest(&mut self, bucket: usize, slot: usize) {
        self.assert_occupied(bucket, slot);
        self.groups[bucket].mark_guest(slot);
    }

    /// Notes in a home's filter that an entry with this tag overflows.
    #[inline]
    pub(crate) fn admit(&mut self, home: usize, tag: Tag) {
        self.groups[home].admit(tag);
    }

    /// Notes in a home's filter that no entry with a tag like this one overflows.
    #[inline]
    pub(crate) fn expel(&mut self, home: usize, tag: Tag) {
        self.groups[home].expel(tag);
    }

    /// Notes in a home's filter that none of its entries overflows.
    pub(crate) fn expel_all(&mut self, home: usize) {
        self.groups[home].expel_all();
    }

    #[inline]
    fn assert_occupied(&self, bucket: usize, slot: usize) -> Tag {
        let Some(tag) = self.groups[bucket].tag(slot) else {
            panic!("slot {slot} of bucket {bucket} is vacant");
        };
        tag
    }
}

impl<H, T, const N: usize> Drop for Block<H, T, N> {
    fn drop(&mut self) {
        if mem::needs_drop::<T>() {
            for bucket in 0..N {
                self.clear(bucket, || ());
            }
        }
    }
}

impl<T> Entries<'_, T> {
    /// Where the entries stand, in the order in which they come.
    #[inline]
    pub(crate) fn slots(&self) -> SlotSet {
        self.left
    }
}

impl<T> Clone for Entries<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Entries<'_, T> {}

#[expect(
    clippy::copy_iterator,
    reason = "a view, copied on purpose; crate-private"
)]
impl<'a, T> Iterator for Entries<'a, T> {
    type Item = &'a T;

    #[inline]
    fn next(&mut self) -> Option<&'a T> {
        let slot = self.left.next()?;
        // SAFETY: the invariant on `left`.
        Some(unsafe { self.slots[slot].assume_init_ref() })
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left.size_hint()
    }
}

impl<T> ExactSizeIterator for Entries<'_, T> {}
