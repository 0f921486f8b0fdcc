//! A key: bytes, inline up to sixteen of them.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};

use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

/// A key of the store: any bytes, of any length; up to 16 of them need no allocation.
///
/// Compares and hashes as its bytes, so a table is asked with a plain `&[u8]`.
///
/// ```
/// let key = snapshot::Key::from(&b"user:1"[..]);
/// assert_eq!(key.as_bytes(), b"user:1");
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(SmallVec<[u8; 16]>);

impl Key {
    /// The bytes of the key.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Hashes a key for [`ShardSet::shard_of`](shard_runtime::ShardSet::shard_of): the same on
/// every machine and in every run, so that a key's shard depends on the key and on the
/// number of shards alone.
///
/// # Source
///
/// XXH3, 64 bits, seed 0.
#[inline]
pub fn shard_hash(key: &[u8]) -> u64 {
    xxh3_64(key)
}

/// The shard, of `shards`, that a key belongs to: as
/// [`ShardSet::shard_of`](shard_runtime::ShardSet::shard_of) says of its [`shard_hash`], for those
/// who have no shard set.
///
/// # Panics
///
/// When there are no shards.
pub fn shard_of(key: &[u8], shards: usize) -> usize {
    assert!(shards > 0, "a key belongs to a shard");
    let scaled = (u128::from(shard_hash(key)) * shards as u128) >> 64;
    usize::try_from(scaled).unwrap_or(0)
}

impl From<&[u8]> for Key {
    #[inline]
    fn from(bytes: &[u8]) -> Self {
        Self(SmallVec::from_slice(bytes))
    }
}

impl Borrow<[u8]> for Key {
    #[inline]
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

// Not derived: must agree with `[u8]`, whatever `SmallVec` does.
impl Hash for Key {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "key \"{}\"", self.as_bytes().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_takes_no_more_room_than_three_words() {
        assert_eq!(size_of::<Key>(), 24);
    }

    #[test]
    fn shard_hash_is_the_published_one() {
        // XXH3-64 of the empty input with seed 0.
        assert_eq!(shard_hash(b""), 0x2d06_8005_38d3_94c2);
    }
}
