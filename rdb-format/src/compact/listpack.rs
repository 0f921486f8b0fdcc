//! Listpack: `u32` size, `u16` count, entries that end in their own length, `0xff`.
//!
//! | first byte | entry | bytes before the backward length |
//! |---|---|---|
//! | `0xxx_xxxx` | integer 0 to 127 | 1 |
//! | `10xx_xxxx` | string of 6-bit length | 1 + n |
//! | `110x_xxxx` b | integer of 13 bits, big-endian | 2 |
//! | `1110_xxxx` b | string of 12-bit length, big-endian | 2 + n |
//! | `0xf0` | string of `u32` length, little-endian | 5 + n |
//! | `0xf1` to `0xf4` | integer of 2, 3, 4, 8 bytes, little-endian | 3, 4, 5, 9 |
//!
//! The backward length is big-endian in groups of 7 bits; all but its first byte have the top bit
//! set. Redis up to 8.6 and Valkey of that time write one byte too many for entries of exactly
//! 16383, 2097151 and 268435455 bytes; both forms are read.

use byteorder::{ByteOrder, LE};

use super::container::Span;
use crate::error::CompactError;

/// Bytes before the first entry.
const HEADER: usize = 6;
/// Stated count of a listpack with too many entries to state.
const COUNT_UNKNOWN: u16 = u16::MAX;
/// The end mark.
const END: u8 = 0xff;

/// A position in a listpack.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ListpackCursor {
    at: usize,
    // Where the end mark is.
    end: usize,
    stated: u16,
    count: u64,
    padded: bool,
}

impl ListpackCursor {
    pub(crate) fn new(bytes: &[u8]) -> Result<Self, CompactError> {
        let Some((header, [.., last])) = bytes.split_at_checked(HEADER) else {
            return Err(CompactError::Truncated { at: 0 });
        };
        let (size, count) = header.split_at(4);
        let stated = u64::from(LE::read_u32(size));
        if stated != bytes.len() as u64 {
            return Err(CompactError::Size {
                stated,
                actual: bytes.len(),
            });
        }
        let end = bytes.len().wrapping_sub(1);
        if *last != END {
            return Err(CompactError::EndMark { at: end });
        }
        let stated = LE::read_u16(count);
        Ok(Self {
            at: HEADER,
            end,
            stated,
            count: 0,
            padded: false,
        })
    }

    /// A cursor before the entry at a place of a listpack that was checked.
    pub(crate) fn at_place(bytes: &[u8], at: usize) -> Self {
        Self {
            at,
            end: bytes.len().saturating_sub(1),
            stated: COUNT_UNKNOWN,
            count: 0,
            padded: false,
        }
    }

    #[inline]
    pub(crate) fn next(&mut self, bytes: &[u8]) -> Result<Option<Span>, CompactError> {
        let at = self.at;
        if at == self.end {
            if self.stated != COUNT_UNKNOWN && u64::from(self.stated) != self.count {
                let stated = u64::from(self.stated);
                return Err(CompactError::Count {
                    stated,
                    actual: self.count,
                });
            }
            return Ok(None);
        }
        let rest = bytes.get(at..self.end).unwrap_or_default();
        let (span, len) = entry(rest, at)?;
        let back = rest.get(len..).ok_or(CompactError::Truncated { at })?;
        let width = self.back_length_width(back, len, at)?;
        self.at = at.wrapping_add(len).wrapping_add(width);
        self.count = self.count.wrapping_add(1);
        Ok(Some(span))
    }

    /// Checks that `back` starts with the length of an entry of `len` bytes; gives its own.
    #[inline]
    fn back_length_width(
        &mut self,
        back: &[u8],
        len: usize,
        at: usize,
    ) -> Result<usize, CompactError> {
        if len <= 127 {
            return match back.first() {
                Some(byte) if usize::from(*byte) == len => Ok(1),
                Some(_) => Err(CompactError::BackLength {
                    at: at.wrapping_add(len),
                }),
                None => Err(CompactError::Truncated { at }),
            };
        }
        let width = match len {
            0..=127 => 1,
            128..=16_383 => 2,
            16_384..=2_097_151 => 3,
            2_097_152..=268_435_455 => 4,
            _ => 5,
        };
        if starts_with_back_length(back, len, width) {
            return Ok(width);
        }
        if matches!(len, 16_383 | 2_097_151 | 268_435_455) {
            let padded = width.wrapping_add(1);
            if starts_with_back_length(back, len, padded) {
                self.padded = true;
                return Ok(padded);
            }
        }
        if back.len() < width {
            return Err(CompactError::Truncated { at });
        }
        Err(CompactError::BackLength {
            at: at.wrapping_add(len),
        })
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn padded(&self) -> bool {
        self.padded
    }
}

/// Whether `back` starts with `len` in `width` groups of seven bits.
fn starts_with_back_length(back: &[u8], len: usize, width: usize) -> bool {
    let Some(groups) = back.get(..width) else {
        return false;
    };
    let mut rest = len;
    let tail_fits = groups.iter().skip(1).rev().all(|byte| {
        let group = (rest & 127).to_le_bytes()[0];
        rest >>= 7;
        *byte == group | 128
    });
    tail_fits
        && groups
            .first()
            .is_some_and(|byte| usize::from(*byte) == rest)
}

/// The entry at the front of `rest`, which starts at `at`, and its length in bytes.
#[inline]
fn entry(rest: &[u8], at: usize) -> Result<(Span, usize), CompactError> {
    let truncated = CompactError::Truncated { at };
    let (first, data) = rest.split_first().ok_or(truncated)?;
    let string = |header: usize, len: usize| {
        let whole = header.saturating_add(len);
        if whole > rest.len() {
            return Err(truncated);
        }
        let start = at.wrapping_add(header);
        Ok((
            Span::Bytes {
                start,
                end: start.wrapping_add(len),
            },
            whole,
        ))
    };
    let integer = |width: usize| {
        let bytes = data.get(..width).ok_or(truncated)?;
        Ok((
            Span::Integer(LE::read_int(bytes, width)),
            width.wrapping_add(1),
        ))
    };
    match *first {
        value @ 0..=0x7f => Ok((Span::Integer(i64::from(value)), 1)),
        head @ 0x80..=0xbf => string(1, usize::from(head & 0x3f)),
        head @ 0xc0..=0xdf => {
            let low = data.first().ok_or(truncated)?;
            // The 13 bits move to the top of an i16, so that the shift back extends their sign.
            let shifted = i16::from_be_bytes([head & 0x1f, *low]) << 3;
            Ok((Span::Integer(i64::from(shifted >> 3)), 2))
        }
        head @ 0xe0..=0xef => {
            let low = data.first().ok_or(truncated)?;
            string(2, usize::from(u16::from_be_bytes([head & 0x0f, *low])))
        }
        0xf0 => {
            let len = data.first_chunk::<4>().ok_or(truncated)?;
            string(5, u32::from_le_bytes(*len) as usize)
        }
        0xf1 => integer(2),
        0xf2 => integer(3),
        0xf3 => integer(4),
        0xf4 => integer(8),
        byte => Err(CompactError::Entry { at, byte }),
    }
}

#[cfg(test)]
mod tests {
    use crate::compact::{CompactEntry, Container};
    use crate::error::CompactError;

    fn listpack(count: u16, entries: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(entries.len() + 7)
            .unwrap()
            .to_le_bytes()
            .to_vec();
        bytes.extend_from_slice(&count.to_le_bytes());
        bytes.extend_from_slice(entries);
        bytes.push(0xff);
        bytes
    }

    fn walk(bytes: &[u8]) -> Result<Vec<CompactEntry<'_>>, CompactError> {
        Container::Listpack.entries(bytes)?.collect()
    }

    #[test]
    fn every_kind_of_entry_is_read() {
        // Written by redis-server 7.0.15 for: a 5 -1 4095 -4096 32767 -32768 8388607 ...
        let bytes = b"\x32\0\0\0\x0a\0\x81a\x02\x05\x01\xdf\xff\x02\xcf\xff\x02\xd0\0\x02\
            \xf1\xff\x7f\x03\xf1\0\x80\x03\xf2\xff\xff\x7f\x04\xf3\xff\xff\xff\x7f\x05\
            \xf4\xff\xff\xff\xff\xff\xff\xff\x7f\x09\xff";
        let mut expected = vec![CompactEntry::Bytes(b"a")];
        expected.extend(
            [
                5,
                -1,
                4095,
                -4096,
                32_767,
                -32_768,
                8_388_607,
                2_147_483_647,
                i64::MAX,
            ]
            .map(CompactEntry::Integer),
        );
        assert_eq!(walk(bytes).unwrap(), expected);
    }

    #[test]
    fn both_back_lengths_of_boundary_sizes_are_read() {
        let mut entry = vec![0xf0];
        entry.extend_from_slice(&16_378_u32.to_le_bytes());
        entry.resize(16_383, b'x');
        for back in [&[0x7f, 0xff][..], &[0x00, 0xff, 0xff][..]] {
            let mut entries = entry.clone();
            entries.extend_from_slice(back);
            entries.extend_from_slice(&[7, 1]);
            let bytes = listpack(2, &entries);
            let walked = walk(&bytes).unwrap();
            assert_eq!(walked.len(), 2, "{back:?}");
            assert_eq!(walked[1], CompactEntry::Integer(7));
        }
    }

    #[test]
    fn padding_is_read_at_the_boundary_only() {
        let mut entry = vec![0xf0];
        entry.extend_from_slice(&16_377_u32.to_le_bytes());
        entry.resize(16_382, b'x');
        entry.extend_from_slice(&[0x00, 0xff, 0xfe]);
        let bytes = listpack(1, &entry);
        assert_eq!(walk(&bytes), Err(CompactError::BackLength { at: 16_388 }));
    }

    #[test]
    fn each_damage_has_its_error() {
        assert_eq!(
            walk(&[7, 0, 0, 0, 0, 0]),
            Err(CompactError::Truncated { at: 0 })
        );
        assert_eq!(walk(&listpack(0, &[])).unwrap(), []);
        assert_eq!(
            walk(&listpack(2, &[5, 1])),
            Err(CompactError::Count {
                stated: 2,
                actual: 1
            })
        );
        assert_eq!(
            walk(&listpack(u16::MAX, &[5, 1])).unwrap(),
            [CompactEntry::Integer(5)]
        );
        assert_eq!(
            walk(&listpack(1, &[5, 2])),
            Err(CompactError::BackLength { at: 7 })
        );
        assert_eq!(
            walk(&listpack(1, &[5])),
            Err(CompactError::Truncated { at: 6 })
        );
        assert_eq!(
            walk(&listpack(1, &[0x83, b'a'])),
            Err(CompactError::Truncated { at: 6 })
        );
        assert_eq!(
            walk(&listpack(1, &[0xff])),
            Err(CompactError::Entry { at: 6, byte: 0xff })
        );
        assert_eq!(
            walk(&listpack(1, &[0xf5])),
            Err(CompactError::Entry { at: 6, byte: 0xf5 })
        );
        let huge = [0xf0, 0xff, 0xff, 0xff, 0xff, 5];
        assert_eq!(
            walk(&listpack(1, &huge)),
            Err(CompactError::Truncated { at: 6 })
        );
        let mut unended = listpack(1, &[5, 1]);
        *unended.last_mut().unwrap() = 0;
        assert_eq!(walk(&unended), Err(CompactError::EndMark { at: 8 }));
        let mut longer = listpack(1, &[5, 1]);
        longer.push(0xff);
        assert_eq!(
            walk(&longer),
            Err(CompactError::Size {
                stated: 9,
                actual: 10
            })
        );
    }
}
