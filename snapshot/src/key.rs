//! A key: bytes, inline up to fourteen of them.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use thin_vec::ThinVec;
use xxhash_rust::xxh3::xxh3_64;

/// The longest key that needs no allocation, in bytes.
const INLINE_BYTES: usize = 14;

/// A key of the store: any bytes, of any length, in 16 bytes of its own; up to 14 of them need no
/// allocation.
///
/// Compares and hashes as its bytes, so a table is asked with a plain `&[u8]`.
///
/// ```
/// let key = snapshot::Key::from(&b"user:1"[..]);
/// assert_eq!(key.as_bytes(), b"user:1");
/// ```
#[derive(Clone)]
pub struct Key(Form);

#[derive(Clone)]
enum Form {
    Inline { len: u8, bytes: [u8; INLINE_BYTES] },
    // Its length stands with the bytes: every key pays for what is here.
    Owned(ThinVec<u8>),
}

impl Key {
    /// The bytes of the key.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Form::Inline { len, bytes } => &bytes[..usize::from(*len)],
            Form::Owned(bytes) => bytes,
        }
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
    fn from(input: &[u8]) -> Self {
        Self(match u8::try_from(input.len()) {
            Ok(len) if input.len() <= INLINE_BYTES => {
                let mut bytes = [0; INLINE_BYTES];
                bytes[..input.len()].copy_from_slice(input);
                Form::Inline { len, bytes }
            }
            _ => Form::Owned(ThinVec::from(input)),
        })
    }
}

impl Borrow<[u8]> for Key {
    #[inline]
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

// None of these is derived: each must agree with `[u8]`.

impl PartialEq for Key {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Key {}

impl Ord for Key {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl PartialOrd for Key {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

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
    fn key_takes_no_more_room_than_two_words() {
        assert_eq!(size_of::<Key>(), 16);
    }

    #[test]
    fn keys_are_their_bytes_whatever_their_length() {
        let bytes: Vec<u8> = (1..=40).collect();
        let keys: Vec<Key> = (0..=40).map(|len| Key::from(&bytes[..len])).collect();
        for (len, key) in keys.iter().enumerate() {
            assert_eq!(key.as_bytes(), &bytes[..len]);
            assert_eq!(key, &key.clone());
        }
        assert!(keys.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn shard_hash_is_the_published_one() {
        // XXH3-64 of the empty input with seed 0.
        assert_eq!(shard_hash(b""), 0x2d06_8005_38d3_94c2);
    }
}
