//! Zipmap: `u8` count of pairs, then field and value by turns, `0xff`.
//!
//! A field is a length and its bytes. A value is a length, a `u8` of unused bytes after it, its
//! bytes and the unused ones. A length is one byte below 254, or `0xfe` and a `u32`,
//! little-endian. Only lengths of 254 and more may be wide: readers read small wide ones
//! differently, so they are refused.

use super::container::Span;
use crate::error::CompactError;

/// Stated counts from here on say nothing.
const COUNT_UNKNOWN: u8 = 254;
/// First byte of a wide length.
const WIDE: u8 = 0xfe;
/// The end mark.
const END: u8 = 0xff;

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Field,
    Value,
}

/// A position in a zipmap.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ZipmapCursor {
    at: usize,
    // Where the end mark is.
    end: usize,
    turn: Turn,
    stated: u8,
    pairs: u64,
}

impl ZipmapCursor {
    pub(crate) fn new(bytes: &[u8]) -> Result<Self, CompactError> {
        let [stated, .., mark] = bytes else {
            return Err(CompactError::Truncated { at: 0 });
        };
        let end = bytes.len().wrapping_sub(1);
        if *mark != END {
            return Err(CompactError::EndMark { at: end });
        }
        if end == 1 {
            return Err(CompactError::Empty);
        }
        Ok(Self {
            at: 1,
            end,
            turn: Turn::Field,
            stated: *stated,
            pairs: 0,
        })
    }

    pub(crate) fn next(&mut self, bytes: &[u8]) -> Result<Option<Span>, CompactError> {
        let at = self.at;
        if at == self.end {
            if self.turn == Turn::Value {
                return Err(CompactError::Odd { at });
            }
            if self.stated < COUNT_UNKNOWN && u64::from(self.stated) != self.pairs {
                let stated = u64::from(self.stated);
                return Err(CompactError::Count {
                    stated,
                    actual: self.pairs,
                });
            }
            return Ok(None);
        }
        let truncated = CompactError::Truncated { at };
        let rest = bytes.get(at..self.end).unwrap_or_default();
        let (len, mut header) = match rest.split_first().ok_or(truncated)? {
            (&END, _) => return Err(CompactError::EndMark { at }),
            (&WIDE, wide) => {
                let len = u32::from_le_bytes(*wide.first_chunk::<4>().ok_or(truncated)?);
                if len < u32::from(WIDE) {
                    return Err(CompactError::WideLength { at });
                }
                (len as usize, 5_usize)
            }
            (len, _) => (usize::from(*len), 1),
        };
        let mut unused = 0;
        if self.turn == Turn::Value {
            unused = usize::from(*rest.get(header).ok_or(truncated)?);
            header = header.wrapping_add(1);
        }
        let whole = header.saturating_add(len).saturating_add(unused);
        if whole > rest.len() {
            return Err(truncated);
        }
        self.turn = match self.turn {
            Turn::Field => Turn::Value,
            Turn::Value => {
                self.pairs = self.pairs.wrapping_add(1);
                Turn::Field
            }
        };
        self.at = at.wrapping_add(whole);
        let start = at.wrapping_add(header);
        Ok(Some(Span::Bytes {
            start,
            end: start.wrapping_add(len),
        }))
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use crate::compact::{CompactEntry, Container};
    use crate::error::CompactError;

    fn walk(bytes: &[u8]) -> Result<Vec<CompactEntry<'_>>, CompactError> {
        Container::Zipmap.entries(bytes)?.collect()
    }

    fn strings<'a>(texts: &[&'a [u8]]) -> Vec<CompactEntry<'a>> {
        texts.iter().map(|text| CompactEntry::Bytes(text)).collect()
    }

    #[test]
    fn unused_bytes_are_skipped() {
        let bytes = b"\x01\x03foo\x03\x02bar??\xff";
        assert_eq!(walk(bytes).unwrap(), strings(&[b"foo", b"bar"]));
    }

    #[test]
    fn lengths_of_253_are_narrow_and_of_254_wide() {
        let (short, long) = (vec![b'k'; 253], vec![b'v'; 254]);
        let mut bytes = vec![1, 253];
        bytes.extend_from_slice(&short);
        bytes.extend_from_slice(&[0xfe, 254, 0, 0, 0, 0]);
        bytes.extend_from_slice(&long);
        bytes.push(0xff);
        assert_eq!(walk(&bytes).unwrap(), strings(&[&short, &long]));
    }

    #[test]
    fn each_damage_has_its_error() {
        assert_eq!(walk(b"\xff"), Err(CompactError::Truncated { at: 0 }));
        assert_eq!(walk(b"\0\xff"), Err(CompactError::Empty));
        assert_eq!(
            walk(b"\x01\x01a\x01\0b"),
            Err(CompactError::EndMark { at: 5 })
        );
        let count = CompactError::Count {
            stated: 2,
            actual: 1,
        };
        assert_eq!(walk(b"\x02\x01a\x01\0b\xff"), Err(count));
        assert_eq!(walk(b"\xfe\x01a\x01\0b\xff").unwrap().len(), 2);
        assert_eq!(walk(b"\x01\x01a\xff"), Err(CompactError::Odd { at: 3 }));
        assert_eq!(
            walk(b"\x01\x01a\x01\0b\xff\xff"),
            Err(CompactError::EndMark { at: 6 })
        );
        let wide = CompactError::WideLength { at: 1 };
        assert_eq!(walk(b"\x01\xfe\x01\0\0\0a\x01\0b\xff"), Err(wide));
        for bytes in [&b"\x01\x05a\xff"[..], b"\x01\xfe\xff\xff\xff\xffa\xff"] {
            assert_eq!(
                walk(bytes),
                Err(CompactError::Truncated { at: 1 }),
                "{bytes:?}"
            );
        }
        for bytes in [&b"\x01\x01a\x01\xff"[..], b"\x01\x01a\x01\x03b\xff"] {
            assert_eq!(
                walk(bytes),
                Err(CompactError::Truncated { at: 3 }),
                "{bytes:?}"
            );
        }
    }
}
