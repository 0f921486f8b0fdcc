//! The comparison with SSE2, which every x86-64 has.
#![expect(unsafe_code, reason = "vector intrinsics")]

use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8, _mm_set1_epi8};

/// Bit `i` of the result is set when `bytes[i] == byte`.
#[inline]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "16 bits by definition"
)]
pub(crate) fn equal(bytes: &[u8; 16], byte: u8) -> u16 {
    // SAFETY: the reference is to 16 readable bytes; the load asks for no alignment.
    let group = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
    // SAFETY: SSE2 is part of the x86-64 baseline.
    let wanted = unsafe { _mm_set1_epi8(byte.cast_signed()) };
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

    #[test]
    fn sse2_agrees_with_scalar() {
        let mut state = 1_u64;
        for _ in 0..2_000 {
            let mut bytes = [0_u8; 16];
            for byte in &mut bytes {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                *byte = u8::try_from(state >> 61).unwrap().wrapping_mul(37);
            }
            for wanted in [0, 37, 74, 255, bytes[0], bytes[15]] {
                assert_eq!(
                    equal(&bytes, wanted),
                    scalar::equal(&bytes, wanted),
                    "{bytes:?}"
                );
            }
        }
    }
}
