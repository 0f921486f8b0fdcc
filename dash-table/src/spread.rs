//! How hashes are spread over positions, and with that over segments.
//!
//! A hash `u`, between 0 and 1, comes to stand at
//!
//! ```text
//! reach * u * (1 - tilt + tilt * u)
//! ```
//!
//! It is the *tilt* that makes positions denser at one end than at the other: segments of equal
//! width fill, and split, at different times instead of all in one wave, and the table's size
//! follows its entries closely.
//!
//! The *reach* fits a table to a number of entries that is known beforehand. Segments are halves
//! of halves of all positions, so with all positions in use only some numbers of entries fill them
//! well. Where hashes end before the last position, the segments beyond are never made.

use crate::geometry::{ENTRIES_MAX, MAX_DEPTH, POSITION_BITS, RESERVED_ENTRIES};
use crate::hash::KeyHash;

/// Leading bits of a hash that its position depends on.
const HASH_BITS: u32 = 26;

/// The first position beyond the end, in units of 2^-[`MAX_DEPTH`].
const END: u32 = 1 << MAX_DEPTH;

/// As many hashes as [`Spread::hashes_before`] counts.
const HASHES: u64 = 1 << 30;

/// What a reach is a multiple of is this part of the whole: segments of that width and narrower
/// ones are either wholly in use or not at all.
const REACH_PARTS: u64 = 64;

/// Segments of a table that is worth being fitted; a smaller one is good as it is.
const FITTED_SEGMENTS_MIN: usize = 8;

/// The tilt of a fitted table is one part of so many: the flatter, the fewer slots stay vacant, and
/// the more segments split at the same time once it has grown beyond what it was fitted to.
const FITTED_TILT_PART: u64 = 20;

/// Where hashes come to stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Spread {
    // A hash of HASH_BITS bits stands at `hash * (base + slope * hash)`, in POSITION_BITS bits.
    // Invariant: for no hash is that more.
    base: u64,
    slope: u64,
}

/// `base` of a spread whose reach is the whole and whose tilt is nothing.
const WHOLE: u64 = 1 << (POSITION_BITS - HASH_BITS);

impl Spread {
    /// For a table that grows from nothing: the first positions are 5/3 as dense as the last.
    pub(crate) const GROWING: Self = Self::new(REACH_PARTS, 4);

    /// With this many of [`REACH_PARTS`], and a tilt of one part of so many.
    const fn new(reach: u64, tilt_part: u64) -> Self {
        let whole = WHOLE / REACH_PARTS * reach;
        let slope = (whole >> HASH_BITS) / tilt_part;
        Self {
            base: whole - (slope << HASH_BITS),
            slope,
        }
    }

    /// For a table that is about to be filled with so many entries: few of its slots stay vacant,
    /// and as it grows further its segments split one after the other all the same. The first
    /// positions are 21/19 as dense as the last.
    pub(crate) fn fitting(entries: usize) -> Self {
        if entries / RESERVED_ENTRIES < FITTED_SEGMENTS_MIN {
            return Self::GROWING;
        }
        let entries = entries.min(ENTRIES_MAX);
        // The fullest segments, the first, have 20/19 of the mean.
        let fullest = entries as u64 * FITTED_TILT_PART / (FITTED_TILT_PART - 1);
        let full = fullest / RESERVED_ENTRIES as u64 + 1;
        let segments = full.next_power_of_two();
        Self::new((full * REACH_PARTS).div_ceil(segments), FITTED_TILT_PART)
    }

    /// Where a key stands in the table, in [`POSITION_BITS`] bits: the leading ones choose the
    /// segment.
    #[inline]
    pub(crate) fn position_of(self, hash: KeyHash) -> u64 {
        let leading = hash.leading_bits(HASH_BITS);
        leading * (self.base + self.slope * leading)
    }

    /// Whether a segment of this position and depth would be fuller than room is reserved for, in
    /// a table of so many entries.
    pub(crate) fn is_crowded(self, entries: usize, position: u32, depth: u32) -> bool {
        let end = position + (END >> depth);
        let hashes = self.hashes_before(end) - self.hashes_before(position);
        entries as u128 * u128::from(hashes) > RESERVED_ENTRIES as u128 * u128::from(HASHES)
    }

    /// How many segments are reserved for so many entries. O(segments).
    pub(crate) fn segments(self, entries: usize) -> usize {
        let (mut count, mut position) = (0, 0);
        // The first segments are the narrowest.
        let mut depth = MAX_DEPTH;
        while position < END {
            while depth > 0
                && position & (END >> depth) == 0
                && !self.is_crowded(entries, position, depth - 1)
            {
                depth -= 1;
            }
            position += END >> depth;
            count += 1;
        }
        count
    }

    /// How many of [`HASHES`], evenly spread, come to stand before this position, which is in
    /// units of 2^-[`MAX_DEPTH`]: the inverse of [`Spread::position_of`].
    fn hashes_before(self, position: u32) -> u64 {
        // u * (base + slope * u) = p, so u = (sqrt(base^2 + 4 * slope * p) - base) / (2 * slope),
        // and that 2^FINER times.
        const FINER: u32 = HASHES.trailing_zeros() - HASH_BITS;
        let (base, slope) = (u128::from(self.base), u128::from(self.slope));
        let position = u128::from(position) << (POSITION_BITS - MAX_DEPTH);
        let square = base * base + 4 * slope * position;
        let hashes = ((square << (2 * FINER)).isqrt() - (base << FINER)) / (2 * slope);
        u64::try_from(hashes).map_or(HASHES, |hashes| hashes.min(HASHES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spreads of tables that are large enough to be fitted.
    fn spreads() -> impl Iterator<Item = (usize, Spread)> {
        let fitted = (1..40).map(|step| {
            let entries = (step * step * step + FITTED_SEGMENTS_MIN) * RESERVED_ENTRIES;
            (entries, Spread::fitting(entries))
        });
        let grown = (1..40).map(|step| (step * step * step * RESERVED_ENTRIES, Spread::GROWING));
        fitted.chain(grown)
    }

    #[test]
    fn positions_keep_the_order_of_hashes() {
        for (entries, spread) in spreads() {
            let steps = (0..=u64::MAX).step_by(1 << 54);
            let positions = steps.map(|hash| spread.position_of(KeyHash::from_bits(hash)));
            let positions: Vec<u64> = positions.collect();
            assert!(positions.is_sorted_by(|one, next| one < next), "{entries}");
            assert_eq!(positions[0], 0, "{entries}");
            let end = spread.position_of(KeyHash::from_bits(u64::MAX));
            assert!(end < 1 << POSITION_BITS, "{entries}");
        }
    }

    #[test]
    fn hashes_span_all_positions_of_a_growing_table_and_half_of_those_of_any() {
        let last = |spread: Spread| {
            let end = spread.position_of(KeyHash::from_bits(u64::MAX));
            end >> (POSITION_BITS - MAX_DEPTH)
        };
        assert_eq!(last(Spread::GROWING), u64::from(END) - 1);
        for (entries, spread) in spreads() {
            assert!(last(spread) >= u64::from(END) / 2 - 1, "{entries}");
        }
    }

    #[test]
    fn hashes_are_counted_as_they_come_to_stand() {
        for (entries, spread) in spreads() {
            assert_eq!(spread.hashes_before(0), 0, "{entries}");
            assert_eq!(spread.hashes_before(END), HASHES, "{entries}");
            for hash in (0..=u64::MAX).step_by(1 << 54) {
                let position = spread.position_of(KeyHash::from_bits(hash));
                let position = position >> (POSITION_BITS - MAX_DEPTH);
                let before = spread.hashes_before(u32::try_from(position).unwrap());
                let error = before.abs_diff(hash >> 34);
                assert!(error <= 1 << 8, "{error} at {position}, {entries}");
            }
        }
    }

    #[test]
    fn the_first_positions_are_denser_than_the_last() {
        let width = |spread: Spread, from: u64, to: u64| {
            spread.position_of(KeyHash::from_bits(to))
                - spread.position_of(KeyHash::from_bits(from))
        };
        let ends = |spread| {
            let first = width(spread, 0, 1 << 56);
            (first, width(spread, u64::MAX - (1 << 56), u64::MAX))
        };
        let (first, last) = ends(Spread::GROWING);
        assert_eq!(last * 100 / first, 166);
        let (first, last) = ends(Spread::new(REACH_PARTS, FITTED_TILT_PART));
        assert_eq!(last * 100 / first, 109);
    }

    #[test]
    fn segments_are_few_and_none_is_crowded() {
        for entries in [0, 1, RESERVED_ENTRIES] {
            assert_eq!(Spread::fitting(entries).segments(entries), 1);
        }
        for (entries, spread) in spreads() {
            let fewest = entries.div_ceil(RESERVED_ENTRIES);
            let count = spread.segments(entries);
            assert!(
                (fewest..=2 * fewest).contains(&count),
                "{count} for {entries}"
            );
        }
    }

    #[test]
    fn any_number_of_entries_has_a_spread() {
        for entries in [ENTRIES_MAX - 1, ENTRIES_MAX, ENTRIES_MAX + 1, usize::MAX] {
            assert!(Spread::fitting(entries).segments(RESERVED_ENTRIES) <= 2);
        }
    }

    #[test]
    fn a_table_that_is_fitted_has_few_segments() {
        for entries in (30..120).map(|step| step * step * RESERVED_ENTRIES) {
            let fewest = entries.div_ceil(RESERVED_ENTRIES) * 20 / 19;
            let count = Spread::fitting(entries).segments(entries);
            assert!(
                count <= fewest + fewest / 16 + 12,
                "{count} for {entries}, not {fewest}"
            );
        }
    }

    #[test]
    fn halves_share_what_the_whole_has() {
        let spread = Spread::GROWING;
        let entries = 90 * RESERVED_ENTRIES;
        assert!(spread.is_crowded(entries, 0, 6) && !spread.is_crowded(entries, 0, 7));
        let last = END - (END >> 6);
        assert!(spread.is_crowded(entries, last, 6) && !spread.is_crowded(entries, last, 7));
        assert!(
            !spread.is_crowded(60 * RESERVED_ENTRIES, last, 6),
            "the last are not so dense"
        );
    }
}
