//! The checksum at the end of a stream.

use crc_fast::{CrcAlgorithm, Digest};

/// A running CRC-64/REDIS ("Jones") over the bytes seen so far.
///
/// Polynomial `0xad93d23594c935a9`, reflected, initial value 0, no final inversion. Each
/// [`update`](Crc64::update) costs some 30 ns however little it is given, and runs at the
/// speed of memory on long input: give it buffers, not fields.
///
/// ```
/// let mut whole = rdb_format::Crc64::new();
/// whole.update(b"123456789");
/// assert_eq!(whole.value(), 0xe9c6_d914_c4b8_d9ca);
///
/// let (mut head, mut tail) = (rdb_format::Crc64::new(), rdb_format::Crc64::new());
/// head.update(b"1234");
/// tail.update(b"56789");
/// head.combine(tail);
/// assert_eq!(head, whole);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Crc64 {
    value: u64,
    bytes: u64,
}

impl Crc64 {
    /// The checksum of no bytes.
    #[inline]
    pub const fn new() -> Self {
        Self { value: 0, bytes: 0 }
    }

    /// Appends `bytes`.
    #[inline]
    pub fn update(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let mut digest = Digest::new_with_init_state(CrcAlgorithm::Crc64Redis, self.value);
        digest.update(bytes);
        self.value = digest.finalize();
        self.bytes = self.bytes.wrapping_add(bytes.len() as u64);
    }

    /// Appends what `other` has seen: `self` covers the bytes just before it.
    ///
    /// Takes time logarithmic in the length of `other`, not its bytes: at most a few
    /// microseconds. So blobs that were summed where they were made can be joined where they
    /// are written.
    ///
    /// # Source
    ///
    /// A checksum is a remainder modulo the polynomial; appending `n` bytes multiplies it by
    /// x^8n and adds theirs. As zlib's `crc32_combine` does it since 1.2.12.
    pub fn combine(&mut self, other: Self) {
        // x^8, x^16, x^32, ...: what appending 1, 2, 4, ... bytes multiplies by.
        let mut power = X_8;
        let mut bytes = other.bytes;
        while bytes != 0 {
            if bytes & 1 == 1 {
                self.value = multiply(power, self.value);
            }
            power = multiply(power, power);
            bytes >>= 1;
        }
        self.value ^= other.value;
        self.bytes = self.bytes.wrapping_add(other.bytes);
    }

    /// The checksum of all bytes seen.
    #[inline]
    pub const fn value(self) -> u64 {
        self.value
    }

    /// How many bytes it covers.
    #[inline]
    pub const fn bytes(self) -> u64 {
        self.bytes
    }
}

/// The polynomial without its x^64, reflected: the highest bit stands for x^0.
const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;

/// x^8, reflected likewise.
const X_8: u64 = 1 << (63 - 8);

/// The product of two remainders, modulo the polynomial.
fn multiply(mut a: u64, mut b: u64) -> u64 {
    let mut product = 0;
    while a != 0 {
        // The highest bit of `a` is the term x^0; `b` is multiplied by x for each bit below.
        product ^= b & (a >> 63).wrapping_neg();
        a <<= 1;
        b = (b >> 1) ^ (POLYNOMIAL & (b & 1).wrapping_neg());
    }
    product
}

#[cfg(test)]
mod tests {
    use crc_fast::CrcAlgorithm;

    use super::Crc64;

    fn naive(bytes: &[u8]) -> u64 {
        bytes.iter().fold(0, |crc, byte| {
            (0..8).fold(crc ^ u64::from(*byte), |crc: u64, _| {
                let carry = crc & 1;
                (crc >> 1) ^ (0x95ac_9329_ac4b_c9b5 * carry)
            })
        })
    }

    fn pattern(len: u32) -> Vec<u8> {
        (0..len)
            .map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[0])
            .collect()
    }

    #[test]
    fn every_short_length_agrees_with_the_bitwise_definition() {
        for len in (0..300).chain([511, 512, 513, 4095, 4096, 4097, 70_000]) {
            let bytes = pattern(len);
            let mut crc = Crc64::new();
            crc.update(&bytes);
            assert_eq!(crc.value(), naive(&bytes), "length {len}");
            assert_eq!(crc.bytes(), u64::from(len));
        }
    }

    #[test]
    fn catalogue_entry_agrees() {
        let bytes = pattern(10_000);
        let mut crc = Crc64::new();
        crc.update(&bytes);
        assert_eq!(
            crc.value(),
            crc::Crc::<u64>::new(&crc::CRC_64_REDIS).checksum(&bytes)
        );
    }

    #[test]
    fn pieces_give_the_checksum_of_the_whole() {
        let bytes = pattern(5000);
        let mut whole = Crc64::new();
        whole.update(&bytes);
        for cut in [0, 1, 15, 16, 17, 255, 2500, 4999, 5000] {
            let (left, right) = bytes.split_at(cut);
            let mut fed = Crc64::new();
            fed.update(left);
            fed.update(right);
            assert_eq!(fed, whole, "fed, cut at {cut}");
            let (mut head, mut tail) = (Crc64::new(), Crc64::new());
            head.update(left);
            tail.update(right);
            head.combine(tail);
            assert_eq!(head, whole, "combined, cut at {cut}");
        }
    }

    #[test]
    fn combining_agrees_with_the_library_at_every_length() {
        for len in (0..64)
            .map(|bit| 1_u64 << bit)
            .chain([3, 131_072 + 77, u64::MAX])
        {
            let mut head = Crc64 {
                value: 0x1234_5678_9abc_def0,
                bytes: 5,
            };
            let tail = Crc64 {
                value: 0x0fed_cba9_8765_4321,
                bytes: len,
            };
            let algorithm = CrcAlgorithm::Crc64Redis;
            let expected = crc_fast::checksum_combine(algorithm, head.value, tail.value, len);
            head.combine(tail);
            assert_eq!(head.value(), expected, "length {len}");
        }
    }
}
