//! Ziplist: `u32` size, `u32` place of the last entry, `u16` count, entries, `0xff`.
//!
//! An entry starts with the size of the one before it: one byte below 254, or `0xfe` and a `u32`,
//! which may also hold a small size. Then:
//!
//! | first byte | entry |
//! |---|---|
//! | `00xx_xxxx` | string of 6-bit length |
//! | `01xx_xxxx` b | string of 14-bit length, big-endian |
//! | `10xx_xxxx` | string of `u32` length, big-endian |
//! | `0xc0` `0xd0` `0xe0` | integer of 2, 4, 8 bytes |
//! | `0xf0` `0xfe` | integer of 3 bytes, of 1 byte |
//! | `0xf1` to `0xfd` | integer 0 to 12 |
//!
//! Everything else is little-endian.

use byteorder::{ByteOrder, LE};

use super::container::Span;
use crate::error::CompactError;

/// Bytes before the first entry.
const HEADER: usize = 10;
/// Stated count of a ziplist with too many entries to state.
const COUNT_UNKNOWN: u16 = u16::MAX;
/// First byte of a wide size.
const WIDE: u8 = 0xfe;
/// The end mark.
const END: u8 = 0xff;

/// A position in a ziplist.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ZiplistCursor {
    at: usize,
    // Where the end mark is.
    end: usize,
    // Where the entry before `at` starts, and its size in bytes.
    last: usize,
    last_size: usize,
    tail: u32,
    stated: u16,
    count: u64,
}

impl ZiplistCursor {
    pub(crate) fn new(bytes: &[u8]) -> Result<Self, CompactError> {
        let Some((header, [.., mark])) = bytes.split_at_checked(HEADER) else {
            return Err(CompactError::Truncated { at: 0 });
        };
        let (size, places) = header.split_at(4);
        let (tail, count) = places.split_at(4);
        let stated = u64::from(LE::read_u32(size));
        if stated != bytes.len() as u64 {
            return Err(CompactError::Size {
                stated,
                actual: bytes.len(),
            });
        }
        let end = bytes.len().wrapping_sub(1);
        if *mark != END {
            return Err(CompactError::EndMark { at: end });
        }
        Ok(Self {
            at: HEADER,
            end,
            last: HEADER,
            last_size: 0,
            tail: LE::read_u32(tail),
            stated: LE::read_u16(count),
            count: 0,
        })
    }

    #[inline]
    pub(crate) fn next(&mut self, bytes: &[u8]) -> Result<Option<Span>, CompactError> {
        let at = self.at;
        if at == self.end {
            return self.finish();
        }
        let truncated = CompactError::Truncated { at };
        let rest = bytes.get(at..self.end).unwrap_or_default();
        let (before, width) = match rest.split_first().ok_or(truncated)? {
            (&WIDE, wide) => {
                let size = wide.first_chunk::<4>().ok_or(truncated)?;
                (u32::from_le_bytes(*size) as usize, 5)
            }
            (&END, _) => return Err(CompactError::EndMark { at }),
            (size, _) => (usize::from(*size), 1),
        };
        if before != self.last_size {
            return Err(CompactError::BackLength { at });
        }
        let body = rest.get(width..).unwrap_or_default();
        let (span, len) = entry(body, at.wrapping_add(width), truncated)?;
        let size = width.wrapping_add(len);
        self.last = at;
        self.last_size = size;
        self.at = at.wrapping_add(size);
        self.count = self.count.wrapping_add(1);
        Ok(Some(span))
    }

    fn finish(&self) -> Result<Option<Span>, CompactError> {
        if self.tail as usize != self.last {
            let stated = u64::from(self.tail);
            return Err(CompactError::Tail {
                stated,
                actual: self.last,
            });
        }
        if self.stated != COUNT_UNKNOWN && u64::from(self.stated) != self.count {
            let stated = u64::from(self.stated);
            return Err(CompactError::Count {
                stated,
                actual: self.count,
            });
        }
        Ok(None)
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }
}

/// The entry whose encoding is at the front of `body`, which starts at `at`, and its length.
#[inline]
fn entry(body: &[u8], at: usize, truncated: CompactError) -> Result<(Span, usize), CompactError> {
    let (first, data) = body.split_first().ok_or(truncated)?;
    let string = |header: usize, len: usize| {
        let whole = header.saturating_add(len);
        if whole > body.len() {
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
        head @ 0..=0x3f => string(1, usize::from(head)),
        head @ 0x40..=0x7f => {
            let low = data.first().ok_or(truncated)?;
            string(2, usize::from(u16::from_be_bytes([head & 0x3f, *low])))
        }
        0x80..=0xbf => {
            let len = data.first_chunk::<4>().ok_or(truncated)?;
            string(5, u32::from_be_bytes(*len) as usize)
        }
        0xc0 => integer(2),
        0xd0 => integer(4),
        0xe0 => integer(8),
        0xf0 => integer(3),
        0xfe => integer(1),
        immediate @ 0xf1..=0xfd => Ok((
            Span::Integer(i64::from(immediate & 0x0f).wrapping_sub(1)),
            1,
        )),
        byte => Err(CompactError::Entry { at, byte }),
    }
}

#[cfg(test)]
mod tests {
    use crate::compact::{CompactEntry, Container};
    use crate::error::CompactError;

    fn ziplist(tail: u32, count: u16, entries: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(entries.len() + 11)
            .unwrap()
            .to_le_bytes()
            .to_vec();
        bytes.extend_from_slice(&tail.to_le_bytes());
        bytes.extend_from_slice(&count.to_le_bytes());
        bytes.extend_from_slice(entries);
        bytes.push(0xff);
        bytes
    }

    fn walk(bytes: &[u8]) -> Result<Vec<CompactEntry<'_>>, CompactError> {
        Container::Ziplist.entries(bytes)?.collect()
    }

    #[test]
    fn every_kind_of_entry_is_read() {
        let bytes = [
            &[0, 0xf1][..],
            &[2, 0xfd],
            &[2, 0xfe, 0x80],
            &[3, 0xc0, 0x00, 0x80],
            &[4, 0xf0, 0xff, 0xff, 0x7f],
            &[5, 0xd0, 0, 0, 0, 0x80],
            &[6, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x80],
            &[10, 0x02, b'a', b'b'],
            &[4, 0x40, 0x01, b'c'],
            &[0xfe, 4, 0, 0, 0, 0x80, 0, 0, 0, 1, b'd'],
        ];
        let tail = bytes[..9].iter().map(|entry| entry.len()).sum::<usize>() + 10;
        let bytes = ziplist(u32::try_from(tail).unwrap(), 10, &bytes.concat());
        let integers = [0, 12, -128, -32_768, 8_388_607, -2_147_483_648, i64::MIN];
        let mut expected: Vec<_> = integers.into_iter().map(CompactEntry::Integer).collect();
        expected.extend([&b"ab"[..], b"c", b"d"].map(CompactEntry::Bytes));
        assert_eq!(walk(&bytes).unwrap(), expected);
    }

    #[test]
    fn each_damage_has_its_error() {
        let good = ziplist(12, 2, &[0, 0xf3, 2, 0xf6]);
        assert_eq!(good, b"\x0f\0\0\0\x0c\0\0\0\x02\0\0\xf3\x02\xf6\xff");
        assert_eq!(walk(&good).unwrap().len(), 2);
        assert_eq!(walk(&ziplist(10, 0, &[])).unwrap(), []);
        assert_eq!(walk(&good[..9]), Err(CompactError::Truncated { at: 0 }));
        assert_eq!(
            walk(&good[..14]),
            Err(CompactError::Size {
                stated: 15,
                actual: 14
            })
        );
        let tail = ziplist(10, 2, &[0, 0xf3, 2, 0xf6]);
        assert_eq!(
            walk(&tail),
            Err(CompactError::Tail {
                stated: 10,
                actual: 12
            })
        );
        let count = ziplist(12, 3, &[0, 0xf3, 2, 0xf6]);
        assert_eq!(
            walk(&count),
            Err(CompactError::Count {
                stated: 3,
                actual: 2
            })
        );
        let unknown = ziplist(12, u16::MAX, &[0, 0xf3, 2, 0xf6]);
        assert_eq!(walk(&unknown).unwrap().len(), 2);
        let back = ziplist(12, 2, &[0, 0xf3, 3, 0xf6]);
        assert_eq!(walk(&back), Err(CompactError::BackLength { at: 12 }));
        let back = ziplist(12, 2, &[0, 0xf3, 1, 0xf6]);
        assert_eq!(walk(&back), Err(CompactError::BackLength { at: 12 }));
        let early = ziplist(12, 2, &[0, 0xf3, 0xff, 0xf6]);
        assert_eq!(walk(&early), Err(CompactError::EndMark { at: 12 }));
        assert_eq!(
            walk(&ziplist(10, 1, &[0, 0xc1])),
            Err(CompactError::Entry { at: 11, byte: 0xc1 })
        );
        for entry in [
            &[0][..],
            &[0, 2, b'a'],
            &[0, 0x40],
            &[0, 0x80, 0xff],
            &[0, 0xe0, 1],
        ] {
            let bytes = ziplist(10, 1, entry);
            assert_eq!(
                walk(&bytes),
                Err(CompactError::Truncated { at: 10 }),
                "{entry:?}"
            );
        }
        let huge = ziplist(10, 1, &[0, 0x80, 0xff, 0xff, 0xff, 0xff]);
        assert_eq!(walk(&huge), Err(CompactError::Truncated { at: 10 }));
    }
}
