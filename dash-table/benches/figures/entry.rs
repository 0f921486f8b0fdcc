//! The entries that are measured.

/// A pair of a key and a value that a number makes.
pub(crate) trait Entry {
    type Key: std::hash::Hash + Eq + Clone;
    type Value: Clone;

    /// What the rows call it.
    const NAME: &'static str;

    /// The key with this number: all differ, and none is near another.
    fn key(index: u64) -> Self::Key;

    /// A value that shows which number made it.
    fn value(index: u64) -> Self::Value;

    /// The number that made a value.
    fn number(value: &Self::Value) -> u64;
}

/// Two `u64`.
pub(crate) struct Pair;

/// 24 bytes, and 16.
pub(crate) struct Wide;

impl Entry for Pair {
    type Key = u64;
    type Value = u64;

    const NAME: &'static str = "u64 pairs";

    #[inline]
    fn key(index: u64) -> u64 {
        mix(index)
    }

    #[inline]
    fn value(index: u64) -> u64 {
        index
    }

    #[inline]
    fn number(value: &u64) -> u64 {
        *value
    }
}

impl Entry for Wide {
    type Key = [u64; 3];
    type Value = [u64; 2];

    const NAME: &'static str = "24 B keys, 16 B values";

    #[inline]
    fn key(index: u64) -> [u64; 3] {
        [mix(index), index, !index]
    }

    #[inline]
    fn value(index: u64) -> [u64; 2] {
        [index, 0]
    }

    #[inline]
    fn number(value: &[u64; 2]) -> u64 {
        value[0]
    }
}

/// Spreads numbers over all of `u64`, each to a place of its own.
#[inline]
fn mix(index: u64) -> u64 {
    let mixed = (index ^ (index >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb)
}
