//! A key's hash, and what each of its bits decides.
//!
//! ```text
//!  63                 38 37  32 31    24 23      10 9    4 3    0
//! +---------------------+------+--------+----------+------+------+
//! | position: segment   |      |  tag   |          | home | slot |
//! +---------------------+------+--------+----------+------+------+
//! ```

use core::hash::{BuildHasher, Hash};

use crate::geometry::{HOMES, SLOTS};

/// The default hasher: fast, and seeded afresh for every table.
pub use foldhash::fast::RandomState as DefaultHashBuilder;

/// An odd constant with well mixed bits: the golden ratio's fraction.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// The bits of a key, spread evenly over all 64.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct KeyHash(u64);

/// A fingerprint: eight bits of the hash, never zero, because zero marks a vacant slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tag(
    // Invariant: not zero.
    u8,
);

impl KeyHash {
    /// Hashes `key`.
    ///
    /// The hasher's result is multiplied once more and folded, because different bits of it do
    /// different work here, and many hashers (the identity above all) leave some bits idle.
    #[inline]
    pub(crate) fn of<Q: Hash + ?Sized>(hasher: &impl BuildHasher, key: &Q) -> Self {
        let (low, high) = hasher.hash_one(key).carrying_mul(MIX, 0);
        Self(low ^ high)
    }

    /// The hash with these bits.
    #[cfg(test)]
    pub(crate) fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The first `bits` bits, from which [`Spread`](crate::spread::Spread) makes a position.
    #[inline]
    pub(crate) fn leading_bits(self, bits: u32) -> u64 {
        self.0 >> (64 - bits)
    }

    /// The bucket that the entry belongs to, below [`HOMES`].
    #[inline]
    pub(crate) fn home(self) -> usize {
        self.first_slot() / SLOTS
    }

    /// The slot that the entry would like best, in whichever bucket it comes to stand: below
    /// [`SLOTS`].
    #[inline]
    pub(crate) fn slot(self) -> usize {
        self.best_slot() % SLOTS
    }

    /// The first slot of the home, counted from the first of the segment.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "low bits are wanted")]
    pub(crate) fn first_slot(self) -> usize {
        self.0 as usize & (HOMES * SLOTS - SLOTS)
    }

    /// The slot of the home that the entry would like best, counted from the first of the segment.
    /// A lookup begins to fetch it before it has seen any tag.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "low bits are wanted")]
    pub(crate) fn best_slot(self) -> usize {
        self.0 as usize & (HOMES * SLOTS - 1)
    }

    /// The fingerprint.
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "eight bits of the lower half are wanted"
    )]
    pub(crate) fn tag(self) -> Tag {
        Tag((self.0 as u32 >> 24).max(1) as u8)
    }
}

impl Tag {
    /// The byte that stands in the group.
    #[inline]
    pub(crate) fn byte(self) -> u8 {
        self.0
    }

    /// The tag that stands in the group as `byte`, or `None` for a vacant slot.
    #[inline]
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        (byte != 0).then_some(Self(byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_never_vacant() {
        assert_eq!(KeyHash(0).tag().byte(), 1);
        assert_eq!(KeyHash(1 << 24).tag().byte(), 1);
        assert_eq!(KeyHash(0xff << 24).tag().byte(), 255);
    }

    #[test]
    fn homes_span_all_regular_buckets_but_the_last() {
        assert_eq!(KeyHash(0).home(), 0);
        assert_eq!(KeyHash(u64::MAX).home(), HOMES - 1);
    }
}
