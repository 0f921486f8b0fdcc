//! Hashes of which many are equal.

use std::hash::{BuildHasher, Hasher};

/// Hashes an integer to itself, masked: few bits make equal hashes, none makes all equal.
#[derive(Clone)]
pub(crate) struct Masked(pub(crate) u64);

pub(crate) struct MaskedHasher {
    mask: u64,
    key: u64,
}

impl BuildHasher for Masked {
    type Hasher = MaskedHasher;

    fn build_hasher(&self) -> MaskedHasher {
        MaskedHasher {
            mask: self.0,
            key: 0,
        }
    }
}

impl Hasher for MaskedHasher {
    fn finish(&self) -> u64 {
        self.key & self.mask
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are u32");
    }

    fn write_u32(&mut self, key: u32) {
        self.key = u64::from(key);
    }
}
