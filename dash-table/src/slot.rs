//! Uninitialised storage: buckets of slots, and which of them are occupied.
#![expect(
    unsafe_code,
    reason = "owns uninitialised slots; only `entries` walks over them elsewhere"
)]

mod entries;

use alloc::boxed::Box;
use core::mem::{self, MaybeUninit};
use core::ptr;

use smallvec::SmallVec;

use crate::fingerprint;
use crate::geometry::{BUCKETS, SLOTS};
use crate::group::Group;
use crate::hash::Tag;
use crate::segment::{Header, Segment};
use crate::slot_set::SlotSet;

pub(crate) use self::entries::{BucketsMut, Entries, EntriesMut};

/// `N` buckets of [`SLOTS`] slots each, the groups that say which are occupied, and a header: one
/// allocation.
///
/// Groups lie together: a home and its neighbour mostly share a cache line.
///
/// ```text
/// +--------------+-----------------------------+--------+
/// | N groups     | N buckets of SLOTS slots    | header |
/// | 16 bytes each| each as large as its entries|        |
/// +--------------+-----------------------------+--------+
/// ```
#[repr(C, align(64))]
pub(crate) struct Block<T, const N: usize, H> {
    groups: [Group; N],
    // Invariant: `slots[b][s]` is initialised whenever `groups[b]` shows slot `s` occupied.
    slots: [[MaybeUninit<T>; SLOTS]; N],
    header: H,
}

/// Entries up to this many bytes move with their whole bucket.
const COPIED_WHOLE_BYTES_MAX: usize = 64;

/// Cache lines of the home's slots that a lookup asks for before it knows whether it needs them,
/// so that it waits for groups and slots at once. Slots are filled from the first on.
///
/// Fastest of 300 windows of 8,000 hits among 5 M pairs of `u64`, in a loop that also computes the
/// key (a division), over hashbrown's: 1.51 without, 1.27 with one line, 1.12 with two, 1.08 with
/// four, which makes a miss slower by a third.
const LINES_AHEAD: usize = 2;

/// Slots that entries of one bucket came from, and went to.
pub(crate) type Moves = SmallVec<[(usize, usize); SLOTS]>;

/// An entry, and where it stands.
pub(crate) struct Found<'a, T> {
    pub(crate) bucket: usize,
    pub(crate) slot: usize,
    pub(crate) entry: &'a T,
}

impl<T, const N: usize, H> Block<T, N, H> {
    /// A block without entries.
    ///
    /// The slots are never touched, nor do they pass over the stack: those of a block of large
    /// values may be megabytes.
    pub(crate) fn boxed(header: H) -> Box<Self> {
        let mut block = Box::<Self>::new_uninit();
        let place = block.as_mut_ptr();
        // SAFETY: `place` is valid for writes of a whole block.
        let groups = unsafe { &raw mut (*place).groups };
        // SAFETY: so are its fields.
        unsafe { groups.write([Group::default(); N]) };
        // SAFETY: as above.
        let field = unsafe { &raw mut (*place).header };
        // SAFETY: as above.
        unsafe { field.write(header) };
        // SAFETY: groups and header are written; arrays of MaybeUninit need no initialisation.
        unsafe { block.assume_init() }
    }

    /// What goes with the buckets.
    #[inline]
    pub(crate) fn header(&self) -> &H {
        &self.header
    }

    /// As [`header`](Self::header), to change.
    #[inline]
    pub(crate) fn header_mut(&mut self) -> &mut H {
        &mut self.header
    }

    /// Fingerprints and marks of a bucket.
    #[inline]
    pub(crate) fn group(&self, bucket: usize) -> &Group {
        &self.groups[bucket]
    }

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
            slots: &self.slots[bucket],
        };
        let (slot, entry) = left.zip(entries).find(|(_, entry)| is_match(entry))?;
        Some(Found {
            bucket,
            slot,
            entry,
        })
    }

    /// The first entry in the bucket `home` or the one after it that has this tag and satisfies
    /// `is_match`.
    ///
    /// Which of the two buckets holds it is a coin toss, so no branch depends on that: a
    /// mispredicted one would wait for memory, and keep later lookups from starting. For the same
    /// reason every instruction counts: the fewer, the more lookups overlap their cache misses.
    ///
    /// # Panics
    ///
    /// When there is no bucket after `home`.
    #[inline]
    pub(crate) fn find_in_pair(
        &self,
        home: usize,
        tag: Tag,
        is_match: impl Fn(&T) -> bool + Copy,
    ) -> Option<Found<'_, T>> {
        let (slot, entry) = self.search_pair(home, tag, is_match)?;
        // Without a division, which the compiler would make a multiplication.
        let next = usize::from(slot >= SLOTS);
        Some(Found {
            bucket: home + next,
            slot: slot - SLOTS * next,
            entry,
        })
    }

    /// As [`find_in_pair`](Self::find_in_pair), for who does not ask where the entry stands.
    #[inline]
    pub(crate) fn get_in_pair(
        &self,
        home: usize,
        tag: Tag,
        is_match: impl Fn(&T) -> bool + Copy,
    ) -> Option<&T> {
        Some(self.search_pair(home, tag, is_match)?.1)
    }

    /// The entry, and its slot, counted from the first of `home`.
    #[inline]
    fn search_pair(
        &self,
        home: usize,
        tag: Tag,
        is_match: impl Fn(&T) -> bool + Copy,
    ) -> Option<(usize, &T)> {
        let pair: &[Group; 2] = match self.groups[home..].first_chunk() {
            Some(pair) => pair,
            None => panic!("bucket {home} is nobody's home"),
        };
        // SAFETY: there is a group after that of `home`, so there is a bucket after it too.
        let slots = unsafe { self.slots.as_flattened().get_unchecked(home * SLOTS..) };
        let first = slots.as_ptr().cast::<u8>();
        for line in 0..LINES_AHEAD {
            fingerprint::prefetch(first.wrapping_add(line * 64));
        }
        let here = u32::from(pair[0].tagged(tag).bits());
        let there = u32::from(pair[1].tagged(tag).bits());
        let mut left = here | there << SLOTS;
        while left != 0 {
            let slot = left.trailing_zeros() as usize;
            // SAFETY: the two buckets from `home` on have 2 * SLOTS slots, and the sets of both
            // have no bit beyond.
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

    /// The entries of a bucket.
    #[inline]
    pub(crate) fn entries(&self, bucket: usize) -> Entries<'_, T> {
        Entries {
            left: self.groups[bucket].occupied(),
            slots: &self.slots[bucket],
        }
    }

    /// Asks for a slot: the cache lines of its first byte and its last.
    #[inline]
    pub(crate) fn prefetch(&self, bucket: usize, slot: usize) {
        let place = ptr::from_ref(&self.slots[bucket][slot]).cast::<u8>();
        fingerprint::prefetch(place);
        fingerprint::prefetch(place.wrapping_add(size_of::<T>().saturating_sub(1)));
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

    /// The buckets and the header, to change both.
    pub(crate) fn parts_mut(&mut self) -> (BucketsMut<'_, T>, &mut H) {
        let buckets = BucketsMut {
            buckets: self.groups.iter().zip(self.slots.iter_mut()),
        };
        (buckets, &mut self.header)
    }

    /// The buckets, to change their entries.
    pub(crate) fn buckets_mut(&mut self) -> BucketsMut<'_, T> {
        self.parts_mut().0
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
    pub(crate) fn move_slots(&mut self, bucket: usize, movers: SlotSet, target: &mut Self) {
        let (source, taker) = (&mut self.groups[bucket], &mut target.groups[bucket]);
        assert!(
            movers.and(source.occupied().complement()).is_empty(),
            "{movers:?} are not all in bucket {bucket}"
        );
        assert!(
            movers.and(taker.occupied()).is_empty(),
            "{movers:?} have no room in bucket {bucket}"
        );
        let (from, to) = (&self.slots[bucket], &mut target.slots[bucket]);
        if size_of::<T>() <= COPIED_WHOLE_BYTES_MAX {
            // The groups say which of them count: one copy of the bucket is faster than one of
            // each entry.
            let vacant = taker.occupied().is_empty();
            assert!(vacant, "bucket {bucket} of the target has entries");
            // SAFETY: two arrays of one type, in two blocks, of which one is borrowed mutably.
            unsafe { ptr::copy_nonoverlapping(from, to, 1) };
        } else {
            for slot in movers {
                // SAFETY: as above, for one slot.
                unsafe { ptr::copy_nonoverlapping(&raw const from[slot], &raw mut to[slot], 1) };
            }
        }
        // From here on the target's groups say that it has the entries, and ours that we have not.
        taker.receive(source, movers);
        source.release(movers);
    }

    /// Moves all entries of the same bucket in `source` here, guest marks included, and says which
    /// slot each came from and went to. No code of the entries runs.
    ///
    /// # Panics
    ///
    /// When there are too few vacant slots.
    pub(crate) fn take_over(&mut self, bucket: usize, source: &mut Self) -> Moves {
        let guests = source.groups[bucket].guests();
        let mut moves = Moves::new();
        for from in source.groups[bucket].occupied() {
            let Some(to) = self.groups[bucket].vacant().first() else {
                panic!("bucket {bucket} is full")
            };
            let (tag, entry) = source.take(bucket, from);
            self.put(bucket, to, tag, entry);
            if guests.has(from) {
                self.groups[bucket].mark_guest(to);
            }
            moves.push((from, to));
        }
        moves
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

impl<K, V> Segment<K, V> {
    /// A segment without entries.
    pub(crate) fn boxed(header: Header<K, V>) -> Box<Self> {
        let block = Box::into_raw(Block::<(K, V), BUCKETS, _>::boxed(header));
        // SAFETY: the pointer came from a Box, and a segment is a block, transparently.
        unsafe { Box::from_raw(block.cast()) }
    }
}

impl<T, const N: usize, H> Drop for Block<T, N, H> {
    fn drop(&mut self) {
        if mem::needs_drop::<T>() {
            for bucket in 0..N {
                self.clear(bucket, || ());
            }
        }
    }
}
