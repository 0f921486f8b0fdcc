//! Strings to bytes, in the form that suits them.

use super::Encoder;
use crate::compact::ListpackWriter;
use crate::decimal::parse_canonical;
use crate::input::{COMPRESSED, INTEGER_8, INTEGER_16, INTEGER_32};
use crate::length::append_length;
use crate::lzf::LzfEncoder;

/// Longest text of an integer that fits 32 bits.
const INTEGER_TEXT_MAX: usize = 11;
/// Strings up to this length are never compressed, in bytes.
const COMPRESS_OVER: usize = 20;
/// What compression must save to be kept, in bytes.
const COMPRESS_SAVES: usize = 4;
/// Space for a compressed string or a container above this is given back, in bytes.
const SCRATCH_KEPT_BYTES: usize = 1 << 20;

/// An encoder and the place for its output, as its length goes in front of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Lzf {
    encoder: LzfEncoder,
    compressed: Vec<u8>,
}

impl Encoder {
    /// Appends a string: as an integer if it is the text of one of 32 bits, else compressed if
    /// that is wanted and pays, else as it is.
    #[inline]
    pub fn string(&mut self, out: &mut Vec<u8>, bytes: &[u8]) {
        if bytes.len() <= INTEGER_TEXT_MAX {
            if append_integer(out, bytes) {
                return;
            }
        } else if bytes.len() > COMPRESS_OVER
            && self.lzf.as_mut().is_some_and(|lzf| lzf.append(out, bytes))
        {
            return;
        }
        append_length(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    }

    /// Appends a listpack that `fill` fills.
    pub(crate) fn pack(&mut self, out: &mut Vec<u8>, fill: impl FnOnce(&mut ListpackWriter)) {
        let form = self.target.back_lengths();
        let mut listpack = self
            .pack
            .take()
            .unwrap_or_else(|| ListpackWriter::new(form));
        fill(&mut listpack);
        self.string(out, listpack.finish());
        listpack.clear();
        listpack.shrink_to(SCRATCH_KEPT_BYTES);
        self.pack = Some(listpack);
    }
}

impl Lzf {
    /// Appends the compressed string if it is shorter by enough.
    fn append(&mut self, out: &mut Vec<u8>, bytes: &[u8]) -> bool {
        let limit = bytes.len().saturating_sub(COMPRESS_SAVES);
        let len = self.encoder.compress(bytes, &mut self.compressed, limit);
        if let Some(len) = len {
            out.push(COMPRESSED);
            append_length(out, len as u64);
            append_length(out, bytes.len() as u64);
            out.extend_from_slice(&self.compressed);
        }
        self.compressed.clear();
        self.compressed.shrink_to(SCRATCH_KEPT_BYTES);
        len.is_some()
    }
}

/// Appends `text` as an integer if it is one of 32 bits in its only form.
#[inline]
fn append_integer(out: &mut Vec<u8>, text: &[u8]) -> bool {
    let Some(b'-' | b'0'..=b'9') = text.first() else {
        return false;
    };
    let Some(value) = parse_canonical(text).and_then(|value| i32::try_from(value).ok()) else {
        return false;
    };
    if let Ok(value) = i8::try_from(value) {
        let [a] = value.to_le_bytes();
        out.extend_from_slice(&[INTEGER_8, a]);
    } else if let Ok(value) = i16::try_from(value) {
        let [a, b] = value.to_le_bytes();
        out.extend_from_slice(&[INTEGER_16, a, b]);
    } else {
        let [a, b, c, d] = value.to_le_bytes();
        out.extend_from_slice(&[INTEGER_32, a, b, c, d]);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::{Encoder, SCRATCH_KEPT_BYTES};
    use crate::target::{Compression, Target};

    fn string(bytes: &[u8], compression: Compression) -> Vec<u8> {
        let mut out = Vec::new();
        Encoder::new(Target::Redis5, compression).string(&mut out, bytes);
        out
    }

    #[test]
    fn integers_take_the_narrowest_form() {
        let plain = |text: &str| string(text.as_bytes(), Compression::None);
        assert_eq!(plain("-1"), [0xc0, 0xff]);
        assert_eq!(plain("127"), [0xc0, 0x7f]);
        assert_eq!(plain("128"), [0xc1, 0x80, 0x00]);
        assert_eq!(plain("200"), [0xc1, 0xc8, 0x00]);
        assert_eq!(plain("-32769"), [0xc2, 0xff, 0x7f, 0xff, 0xff]);
        assert_eq!(plain("70000"), [0xc2, 0x70, 0x11, 0x01, 0x00]);
        assert_eq!(plain("-2147483648"), [0xc2, 0, 0, 0, 0x80]);
        assert_eq!(plain("5000000000"), b"\x0a5000000000");
        assert_eq!(plain("-0"), b"\x02-0");
        assert_eq!(plain("007"), b"\x03007");
        assert_eq!(plain(""), b"\0");
    }

    #[test]
    fn compression_must_pay() {
        let twenty = [b'a'; 20];
        assert_eq!(string(&twenty, Compression::Lzf)[0], 20, "too short to try");
        let lead = string(&[b'a'; 21], Compression::Lzf)[0];
        assert_eq!(lead, 0xc3);
        assert_eq!(string(&[b'a'; 21], Compression::None)[0], 21);
        let distinct: Vec<u8> = (0..60).collect();
        assert_eq!(
            string(&distinct, Compression::Lzf)[0],
            60,
            "nothing to gain"
        );
    }

    #[test]
    fn a_big_string_or_container_leaves_no_big_scratch() {
        let mut encoder = Encoder::new(Target::Redis88, Compression::Lzf);
        let mut out = Vec::new();
        encoder.string(&mut out, &vec![b'a'; 8 * SCRATCH_KEPT_BYTES]);
        encoder.pack(&mut out, |listpack| {
            listpack.push(&vec![b'a'; 4 * SCRATCH_KEPT_BYTES]);
        });
        let compressed = encoder.lzf.unwrap().compressed.capacity();
        assert!(compressed <= SCRATCH_KEPT_BYTES, "{compressed}");
        let packed = encoder.pack.unwrap().capacity();
        assert!(packed <= SCRATCH_KEPT_BYTES, "{packed}");
    }
}
