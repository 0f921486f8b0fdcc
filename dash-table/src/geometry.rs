//! The shape of a segment: how many buckets, how many slots, how deep.
//!
//! Everything that depends on the shape reads it here.
//! Unit tests and simulations run on a tiny shape, so that a handful of inserts displaces,
//! overflows and splits.

/// Whether segments are tiny.
const TINY: bool = cfg!(any(test, feature = "tiny-segments"));

/// Entries that one bucket holds. A power of two, so that a slot's place takes no multiplication;
/// at most 16: a [`Group`](crate::group::Group) has no more bytes.
pub(crate) const SLOTS: usize = if TINY { 2 } else { 16 };

/// Buckets that an entry can have as its home. A power of two, so that a few bits of the hash
/// name one; at most 64, so that one number has a bit for each.
pub(crate) const HOMES: usize = if TINY { 4 } else { 64 };

/// Buckets where an entry stands in its home or as a guest: the homes, and one after the last,
/// which is only ever a neighbour. So the neighbour of a home always comes right after it in
/// memory.
pub(crate) const REGULAR: usize = HOMES + 1;

/// Buckets that take what home and neighbour cannot.
pub(crate) const STASH: usize = if TINY { 2 } else { 4 };

/// Buckets of a segment, its chain not counted.
pub(crate) const BUCKETS: usize = REGULAR + STASH;

/// Slots of a segment, its chain not counted.
pub(crate) const SEGMENT_SLOTS: usize = BUCKETS * SLOTS;

/// The most hash bits that the directory ever uses.
///
/// 2^24 segments hold about ten billion entries; the other bits of the hash choose slot, home and
/// fingerprint.
pub(crate) const MAX_DEPTH: u32 = 24;

/// Entries of a segment that room is reserved for: 37 of 40 slots, a few less than there are when
/// a segment splits, so that few of them have to.
pub(crate) const RESERVED_ENTRIES: usize = SEGMENT_SLOTS * 37 / 40;

/// What fits into the most segments there can be, if each has as many entries as are reserved.
pub(crate) const ENTRIES_MAX: usize = RESERVED_ENTRIES.saturating_mul(1 << MAX_DEPTH);

/// The bits of a position.
pub(crate) const POSITION_BITS: u32 = 60;

/// A segment emptier than this does not split: its keys crowd into few homes, and halving it
/// would buy little room for much memory.
pub(crate) const SPLIT_ENTRIES_MIN: usize = SEGMENT_SLOTS / 4;

/// Buddies merge when they have at most this many entries together. Well below half of what makes
/// a segment split, so that neither follows soon after the other.
pub(crate) const MERGE_ENTRIES_MAX: usize = SEGMENT_SLOTS * 2 / 5;

/// The directory does not grow beyond this many entries per segment ...
pub(crate) const DIRECTORY_PER_SEGMENT_MAX: usize = 16;

/// ... unless it is smaller than this anyway.
pub(crate) const DIRECTORY_FREE_MAX: usize = 1024;

const _: () = assert!(SLOTS.is_power_of_two() && SLOTS <= 16, "see SLOTS");
const _: () = assert!(HOMES.is_power_of_two() && HOMES <= 64, "see HOMES");
const _: () = assert!(STASH >= 1, "a segment has a stash");
