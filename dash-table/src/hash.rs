//! A key's hash, and what each of its bits decides.
//!
//! ```text
//!  63                 35 34  32 31    24 23      10 9    4 3    0
//! +---------------------+------+--------+----------+------+------+
//! | position: segment   |      |  tag   |          | home | slot |
//! +---------------------+------+--------+----------+------+------+
//! ```

use core::hash::{BuildHasher, Hash};

use crate::geometry::{HOMES, MAX_DEPTH, POSITION_BITS, SLOTS};

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

    /// Where the key stands in the table, in [`POSITION_BITS`] bits: the leading ones choose the
    /// segment.
    ///
    /// Positions are not spread evenly: the first are 5/3 as dense as the last, because a hash
    /// `u` in `0..1` comes to stand at `u * (3 + u) / 4`. Segments of equal width therefore
    /// fill, and split, at different times, instead of all in one wave; the table's size follows
    /// its entries closely.
    #[inline]
    pub(crate) fn position(self) -> u64 {
        const ONE: u64 = 1 << (POSITION_BITS / 2 - 1);
        let u = self.0 >> (64 - ONE.trailing_zeros());
        u * (3 * ONE + u)
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

/// As many hashes as [`hashes_before`] counts.
pub(crate) const HASHES: u128 = 1 << 30;

/// How many of [`HASHES`], evenly spread, come to stand before this position, which is in units of
/// 2^-[`MAX_DEPTH`]: the inverse of [`KeyHash::position`].
pub(crate) fn hashes_before(position: u32) -> u64 {
    // u * (3 + u) / 4 = p, so u = (sqrt(9 + 16 p) - 3) / 2; in units of 2^-30, and p in 2^-24.
    let square = (9 << MAX_DEPTH) + 16 * u64::from(position);
    (square << (58 - MAX_DEPTH)).isqrt() - (3 << 29)
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
    fn positions_keep_the_order_of_hashes_and_span_everything() {
        assert_eq!(KeyHash(0).position(), 0);
        let end = KeyHash(u64::MAX).position();
        assert_eq!(end >> (POSITION_BITS - MAX_DEPTH), (1 << MAX_DEPTH) - 1);
        let steps = (0..=u64::MAX).step_by(1 << 54);
        let positions: Vec<u64> = steps.map(|hash| KeyHash(hash).position()).collect();
        assert!(positions.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn hashes_are_counted_as_they_come_to_stand() {
        let end = 1 << MAX_DEPTH;
        assert_eq!(
            (hashes_before(0), u128::from(hashes_before(end))),
            (0, HASHES)
        );
        for hash in (0..=u64::MAX).step_by(1 << 54) {
            let position = KeyHash(hash).position() >> (POSITION_BITS - MAX_DEPTH);
            let before = hashes_before(u32::try_from(position).unwrap());
            let error = before.abs_diff(hash >> 34);
            assert!(error <= 1 << 7, "{error} at {position}");
        }
    }

    #[test]
    fn the_first_positions_are_denser_than_the_last() {
        let width = |from: u64, to: u64| KeyHash(to).position() - KeyHash(from).position();
        let (first, last) = (width(0, 1 << 56), width(u64::MAX - (1 << 56), u64::MAX));
        assert_eq!(last * 3 / first, 4, "1.25 to 0.75");
    }

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
