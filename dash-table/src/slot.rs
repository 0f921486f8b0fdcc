//! Uninitialised storage: buckets of slots, and which of them are occupied.
#![expect(
    unsafe_code,
    reason = "owns uninitialised slots; only `entries` walks over them elsewhere"
)]

mod entries;
mod search;

use alloc::boxed::Box;
use core::mem::{self, MaybeUninit};
use core::ptr;

use smallvec::SmallVec;

use crate::fingerprint;
use crate::geometry::{BUCKETS, SLOTS};
use crate::group::Group;
use crate::hash::Tag;
use crate::marks::Marks;
use crate::segment::{Header, Segment};
use crate::slot_set::SlotSet;

pub(crate) use self::entries::{BucketsMut, Entries, EntriesMut, Run};
pub(crate) use self::search::Found;

/// `N` buckets of [`SLOTS`] slots each, the groups that say which are occupied, and a header: one
/// allocation.
///
/// Groups lie together: a home and its neighbour mostly share a cache line. Slots begin at a cache
/// line, so that entries whose size divides one never lie in two.
///
/// ```text
/// +--------------+-------+-----------------------------+--------+
/// | N groups     | marks | N buckets of SLOTS slots    | header |
/// | 16 bytes each|       | each as large as its entries|        |
/// +--------------+-------+-----------------------------+--------+
/// ```
#[repr(C)]
pub(crate) struct Block<T, const N: usize, H> {
    groups: [Group; N],
    marks: Marks<N>,
    // Invariant: `slots[b][s]` is initialised whenever `groups[b]` shows slot `s` occupied.
    slots: Lines<[[MaybeUninit<T>; SLOTS]; N]>,
    header: H,
}

/// Something that begins at a cache line.
#[repr(C, align(64))]
struct Lines<T>(T);

/// Bytes of a cache line.
const LINE_BYTES: usize = align_of::<Lines<()>>();

/// Entries up to this many bytes move with their whole bucket.
const COPIED_WHOLE_BYTES_MAX: usize = 64;

/// Slots that entries of one bucket came from, and went to.
pub(crate) type Moves = SmallVec<[(usize, usize); SLOTS]>;

impl<T, const N: usize, H> Block<T, N, H> {
    /// Slots that a cache line holds, at least one.
    const SLOTS_OF_LINE: usize = {
        let bytes = if size_of::<T>() == 0 {
            1
        } else {
            size_of::<T>()
        };
        let slots = if LINE_BYTES > bytes {
            LINE_BYTES / bytes
        } else {
            1
        };
        if slots > SLOTS {
            SLOTS
        } else {
            1 << slots.ilog2()
        }
    };

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
        let marks = unsafe { &raw mut (*place).marks };
        // SAFETY: as above.
        unsafe { marks.write(Marks::NONE) };
        // SAFETY: as above.
        let field = unsafe { &raw mut (*place).header };
        // SAFETY: as above.
        unsafe { field.write(header) };
        // SAFETY: groups, marks and header are written; arrays of MaybeUninit need not be.
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

    /// The fingerprints of a bucket.
    #[inline]
    pub(crate) fn group(&self, bucket: usize) -> &Group {
        &self.groups[bucket]
    }

    /// The slots of a bucket whose entries have the bucket before it as their home.
    #[inline]
    pub(crate) fn guests(&self, bucket: usize) -> SlotSet {
        self.marks.guests(bucket)
    }

    /// Whether an entry of this home and tag may overflow.
    #[inline]
    pub(crate) fn may_overflow(&self, home: usize, tag: Tag) -> bool {
        self.marks.may_overflow(home, tag)
    }

    /// Whether any entry of this home may overflow.
    #[inline]
    pub(crate) fn has_overflow(&self, home: usize) -> bool {
        self.marks.has_overflow(home)
    }

    /// A vacant slot of a bucket: in the same cache line as `slot` if there is one.
    #[inline]
    pub(crate) fn room(&self, bucket: usize, slot: usize) -> Option<usize> {
        let first = slot - slot % Self::SLOTS_OF_LINE;
        self.groups[bucket].vacant().first_from(first)
    }

    /// The entries of a bucket.
    #[inline]
    pub(crate) fn entries(&self, bucket: usize) -> Entries<'_, T> {
        Entries {
            left: self.groups[bucket].occupied(),
            slots: &self.slots.0[bucket],
        }
    }

    /// Asks for the marks of homes with overflow: who does not find a key reads them.
    #[inline]
    pub(crate) fn prefetch_overflow(&self) {
        fingerprint::prefetch(self.marks.overflow().cast());
    }

    /// Asks for a slot: the cache lines of its first byte and its last.
    #[inline]
    pub(crate) fn prefetch(&self, bucket: usize, slot: usize) {
        let place = ptr::from_ref(&self.slots.0[bucket][slot]).cast::<u8>();
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
        unsafe { self.slots.0[bucket][slot].assume_init_ref() }
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
        unsafe { self.slots.0[bucket][slot].assume_init_mut() }
    }

    /// The buckets and the header, to change both.
    pub(crate) fn parts_mut(&mut self) -> (BucketsMut<'_, T>, &mut H) {
        let buckets = BucketsMut {
            buckets: self.groups.iter().zip(self.slots.0.iter_mut()),
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
        self.slots.0[bucket][slot].write(entry);
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
        self.marks.guests_mut(bucket).remove(slot);
        // SAFETY: it was occupied, and the group no longer says so: nobody reads it again.
        (tag, unsafe {
            self.slots.0[bucket][slot].assume_init_read()
        })
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
        let (from, to) = (&self.slots.0[bucket], &mut target.slots.0[bucket]);
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
        let (guests, received) = (
            self.marks.guests_mut(bucket),
            target.marks.guests_mut(bucket),
        );
        *received = received.or(guests.and(movers));
        *guests = guests.and(movers.complement());
    }

    /// Moves all entries of the same bucket in `source` here, guest marks included, and says which
    /// slot each came from and went to. No code of the entries runs.
    ///
    /// # Panics
    ///
    /// When there are too few vacant slots.
    pub(crate) fn take_over(&mut self, bucket: usize, source: &mut Self) -> Moves {
        let guests = source.guests(bucket);
        let mut moves = Moves::new();
        for from in source.groups[bucket].occupied() {
            let Some(to) = self.groups[bucket].vacant().first() else {
                panic!("bucket {bucket} is full")
            };
            let (tag, entry) = source.take(bucket, from);
            self.put(bucket, to, tag, entry);
            if guests.has(from) {
                self.marks.guests_mut(bucket).add(to);
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
        self.marks.guests_mut(bucket).add(slot);
    }

    /// Notes that an entry of this home and tag overflows.
    #[inline]
    pub(crate) fn admit(&mut self, home: usize, tag: Tag) {
        self.marks.admit(home, tag);
    }

    /// Notes that no entry of this home with a tag like this one overflows.
    #[inline]
    pub(crate) fn expel(&mut self, home: usize, tag: Tag) {
        self.marks.expel(home, tag);
    }

    /// Notes that no entry overflows.
    pub(crate) fn expel_all(&mut self) {
        self.marks.expel_all();
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
