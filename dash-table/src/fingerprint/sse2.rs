//! The comparison with SSE2, which every x86-64 has.
#![expect(unsafe_code, reason = "vector intrinsics")]

use core::arch::x86_64::{
    _MM_HINT_T0, _mm_cmpeq_epi8, _mm_load_si128, _mm_movemask_epi8, _mm_prefetch, _mm_set1_epi32,
};
use core::ptr;

use crate::group::Group;

/// Bit `i` of the result is set when tag `i` of the group is `byte`.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "16 bits by definition"
)]
pub(crate) fn equal(group: &Group, byte: u8) -> u16 {
    // SAFETY: the reference is to 16 readable bytes, aligned to 16, none of them padding.
    let group = unsafe { _mm_load_si128(ptr::from_ref(group).cast()) };
    // Four times the byte first: the compiler spreads a single byte in one step more.
    let four = u32::from(byte) * 0x0101_0101;
    // SAFETY: SSE2 is part of the x86-64 baseline.
    let wanted = unsafe { _mm_set1_epi32(four.cast_signed()) };
    // SAFETY: as above.
    let same = unsafe { _mm_cmpeq_epi8(group, wanted) };
    // SAFETY: as above.
    let bits = unsafe { _mm_movemask_epi8(same) };
    bits as u16
}

/// Asks for the cache line at `place`, which may be any address at all.
#[inline]
pub(crate) fn prefetch(place: *const u8) {
    // SAFETY: a prefetch reads nothing, and never faults.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) };
}
