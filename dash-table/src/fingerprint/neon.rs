//! The comparison with NEON, which every AArch64 has.
#![expect(unsafe_code, reason = "vector intrinsics")]

use core::arch::aarch64::{
    vaddv_u8, vandq_u8, vceqq_u8, vdupq_n_u8, vget_high_u8, vget_low_u8, vld1q_u8,
};
use core::ptr;

use crate::group::Group;

/// For each byte, the bit that stands for it, in its half of the result.
const BITS: [u8; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128];

/// Bit `i` of the result is set when tag `i` of the group is `byte`.
#[inline]
pub(crate) fn equal(group: &Group, byte: u8) -> u16 {
    // SAFETY: the reference is to 16 readable bytes, none of them padding.
    let group = unsafe { vld1q_u8(ptr::from_ref(group).cast()) };
    // SAFETY: NEON is part of the AArch64 baseline.
    let wanted = unsafe { vdupq_n_u8(byte) };
    // SAFETY: as above.
    let same = unsafe { vceqq_u8(group, wanted) };
    // SAFETY: the array has 16 bytes.
    let bits = unsafe { vld1q_u8(BITS.as_ptr()) };
    // SAFETY: as above.
    let found = unsafe { vandq_u8(same, bits) };
    // SAFETY: as above.
    let low = unsafe { vget_low_u8(found) };
    // SAFETY: as above.
    let high = unsafe { vget_high_u8(found) };
    // SAFETY: as above. The bits of one half differ, so their sum is all of them.
    let low = unsafe { vaddv_u8(low) };
    // SAFETY: as above.
    let high = unsafe { vaddv_u8(high) };
    u16::from_le_bytes([low, high])
}

/// Nothing: the instruction has no stable name in Rust yet.
#[inline]
pub(crate) fn prefetch(_: *const u8) {}
