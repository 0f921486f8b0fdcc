//! The comparison with SSE2, which every x86-64 has.
#![expect(unsafe_code, reason = "vector intrinsics")]

use core::arch::x86_64::{_mm_cmpeq_epi8, _mm_load_si128, _mm_movemask_epi8, _mm_set1_epi32};
use core::ptr;

use crate::group::Group;

/// Bit `i` of the result, for `i` below 14, is set when tag `i` of the group is `byte`; the other
/// bits mean nothing.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::scalar;
    use crate::hash::Tag;

    #[test]
    fn sse2_agrees_with_scalar() {
        let mut state = 1_u64;
        for _ in 0..2_000 {
            let mut group = Group::default();
            for slot in 0..14 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let byte = u8::try_from(state >> 61).unwrap().wrapping_mul(37);
                if let Some(tag) = Tag::from_byte(byte) {
                    group.occupy(slot, tag);
                    group.admit(tag);
                }
            }
            for wanted in [0, 37, 74, 255, group.tags()[0], group.tags()[13]] {
                let difference = equal(&group, wanted) ^ scalar::equal(&group, wanted);
                assert_eq!(difference & 0x3fff, 0, "{group:?}, {wanted}");
            }
        }
    }
}
