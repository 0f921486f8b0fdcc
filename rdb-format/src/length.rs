//! The length prefix: 6, 14, 32 or 64 bits.
//!
//! | first byte | bytes in all | length |
//! |---|---|---|
//! | `00xx_xxxx` | 1 | the six low bits |
//! | `01xx_xxxx` | 2 | 14 bits, big-endian |
//! | `0x80` | 5 | 32 bits, big-endian |
//! | `0x81` | 9 | 64 bits, big-endian |

/// First byte of a 32-bit length.
pub(crate) const WIDE_32: u8 = 0x80;
/// First byte of a 64-bit length.
pub(crate) const WIDE_64: u8 = 0x81;

/// Appends `length` in its shortest form.
#[inline]
pub(crate) fn append_length(out: &mut Vec<u8>, length: u64) {
    // Each cast keeps only bits that the comparison before it proved to be all there are.
    if length < 1 << 6 {
        out.push(length.to_le_bytes()[0]);
    } else if length < 1 << 14 {
        let [low, high, ..] = length.to_le_bytes();
        out.extend_from_slice(&[0x40 | high, low]);
    } else if let Ok(length) = u32::try_from(length) {
        out.push(WIDE_32);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        out.push(WIDE_64);
        out.extend_from_slice(&length.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::append_length;

    #[test]
    fn each_width_starts_where_the_one_before_ends() {
        let encoded = |length| {
            let mut out = Vec::new();
            append_length(&mut out, length);
            out
        };
        assert_eq!(encoded(0), [0]);
        assert_eq!(encoded(63), [63]);
        assert_eq!(encoded(64), [0x40, 64]);
        assert_eq!(encoded(300), [0x41, 0x2c]);
        assert_eq!(encoded(16_383), [0x7f, 0xff]);
        assert_eq!(encoded(16_384), [0x80, 0, 0, 0x40, 0]);
        assert_eq!(encoded(0xffff_ffff), [0x80, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(encoded(1 << 32), [0x81, 0, 0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(
            encoded(u64::MAX),
            [0x81, 255, 255, 255, 255, 255, 255, 255, 255]
        );
    }
}
