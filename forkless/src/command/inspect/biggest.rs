//! The biggest keys met so far.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::command::inspect::key::Key;

/// The keys with the most bytes, of a number set beforehand; of equal ones, the first met.
///
/// Memory: that many keys at most, without their values.
#[derive(Debug)]
pub(crate) struct Biggest {
    limit: usize,
    // By rank, the smallest first. No two keys start at one place of the file.
    keys: BTreeMap<(u64, Reverse<u64>), Key>,
}

impl Biggest {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            keys: BTreeMap::new(),
        }
    }

    /// Keeps `key` if it is among the biggest. O(log of the limit).
    pub(crate) fn offer(&mut self, key: Key) {
        let rank = (key.encoded_bytes, Reverse(key.offset));
        if self.keys.len() >= self.limit {
            match self.keys.first_key_value() {
                Some((smallest, _)) if *smallest < rank => self.keys.pop_first(),
                _ => return,
            };
        }
        self.keys.insert(rank, key);
    }

    /// The keys, the biggest first.
    pub(crate) fn descending(&self) -> impl Iterator<Item = &Key> {
        self.keys.values().rev()
    }
}

#[cfg(test)]
mod tests {
    use rdb_format::{Encoding, Family};

    use super::*;
    use crate::command::inspect::key::Expiry;

    fn key(offset: u64, encoded_bytes: u64) -> Key {
        Key {
            database: 0,
            name: offset.to_string().into_bytes(),
            family: Family::String,
            encoding: Encoding::Raw,
            expiry: Expiry::Never,
            offset,
            elements: 1,
            encoded_bytes,
        }
    }

    fn kept(limit: usize, sizes: &[u64]) -> Vec<(u64, u64)> {
        let mut biggest = Biggest::new(limit);
        for (offset, size) in (0..).zip(sizes) {
            biggest.offer(key(offset, *size));
        }
        biggest
            .descending()
            .map(|key| (key.encoded_bytes, key.offset))
            .collect()
    }

    #[test]
    fn the_biggest_stay_in_descending_order() {
        assert_eq!(kept(3, &[5, 9, 1, 7, 8]), [(9, 1), (8, 4), (7, 3)]);
        assert_eq!(kept(9, &[5, 9, 1]), [(9, 1), (5, 0), (1, 2)]);
    }

    #[test]
    fn of_equal_keys_the_first_stay() {
        assert_eq!(kept(2, &[4, 4, 4, 4]), [(4, 0), (4, 1)]);
        assert_eq!(kept(2, &[4, 4, 5, 4]), [(5, 2), (4, 0)]);
    }

    #[test]
    fn none_are_kept_when_none_are_wanted() {
        assert_eq!(kept(0, &[1, 2, 3]), []);
    }
}
