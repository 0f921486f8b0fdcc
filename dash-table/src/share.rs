//! How many of a table's entries come to stand in which segment: what reserved room is made from.

use crate::geometry::{MAX_DEPTH, RESERVED_ENTRIES};
use crate::hash::{HASHES, hashes_before};

/// The first position beyond the end, in units of 2^-[`MAX_DEPTH`].
const END: u32 = 1 << MAX_DEPTH;

/// Whether a segment of this position and depth would be fuller than room is reserved for, in a
/// table of so many entries.
pub(crate) fn is_crowded(entries: usize, position: u32, depth: u32) -> bool {
    let end = position + (END >> depth);
    let hashes = u128::from(hashes_before(end) - hashes_before(position));
    entries as u128 * hashes > RESERVED_ENTRIES as u128 * HASHES
}

/// How many segments are reserved for so many entries. O(segments).
pub(crate) fn segments(entries: usize) -> usize {
    let (mut count, mut position) = (0, 0);
    // The first segments are the narrowest.
    let mut depth = MAX_DEPTH;
    while position < END {
        while depth > 0
            && position & (END >> depth) == 0
            && !is_crowded(entries, position, depth - 1)
        {
            depth -= 1;
        }
        position += END >> depth;
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_few_and_none_is_crowded() {
        assert_eq!(
            (segments(0), segments(1), segments(RESERVED_ENTRIES)),
            (1, 1, 1)
        );
        for entries in (1..40).map(|step| step * step * step * RESERVED_ENTRIES) {
            let fewest = entries.div_ceil(RESERVED_ENTRIES);
            let count = segments(entries);
            assert!(
                (fewest..=2 * fewest).contains(&count),
                "{count} for {entries}"
            );
        }
    }

    #[test]
    fn halves_share_what_the_whole_has() {
        let entries = 90 * RESERVED_ENTRIES;
        assert!(is_crowded(entries, 0, 6) && !is_crowded(entries, 0, 7));
        let last = END - (END >> 6);
        assert!(is_crowded(entries, last, 6) && !is_crowded(entries, last, 7));
        assert!(
            !is_crowded(60 * RESERVED_ENTRIES, last, 6),
            "the last are not so dense"
        );
    }
}
