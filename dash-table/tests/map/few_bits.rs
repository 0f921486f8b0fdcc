//! Hashers that keep so few bits that most keys collide.

use std::hash::{BuildHasherDefault, Hasher};

/// Mixes what it is given badly, and keeps `BITS` bits of it.
#[derive(Default)]
pub(crate) struct FewBits<const BITS: u32>(u64);

impl<const BITS: u32> Hasher for FewBits<BITS> {
    fn finish(&self) -> u64 {
        self.0 & ((1 << BITS) - 1)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(31).wrapping_add(u64::from(*byte));
        }
    }
}

pub(crate) type FewHashes = BuildHasherDefault<FewBits<3>>;
#[cfg(not(planted))]
pub(crate) type EqualHashes = BuildHasherDefault<FewBits<0>>;
