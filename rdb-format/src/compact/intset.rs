//! Intset: `u32` width, `u32` count, then ascending integers of that width, all little-endian.

use byteorder::{ByteOrder, LE};

use super::container::Span;
use crate::error::CompactError;

/// Bytes before the first integer.
const HEADER: usize = 8;

/// A position in an intset.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IntsetCursor {
    at: usize,
    width: usize,
    last: Option<i64>,
}

impl IntsetCursor {
    pub(crate) fn new(bytes: &[u8]) -> Result<Self, CompactError> {
        let (header, integers) = bytes
            .split_at_checked(HEADER)
            .ok_or(CompactError::Truncated { at: 0 })?;
        let (width, count) = header.split_at(4);
        let (width, count) = (LE::read_u32(width), LE::read_u32(count));
        if !matches!(width, 2 | 4 | 8) {
            return Err(CompactError::Width { width });
        }
        let stated = u64::from(width).saturating_mul(u64::from(count));
        if stated != integers.len() as u64 {
            let stated = stated.saturating_add(HEADER as u64);
            return Err(CompactError::Size {
                stated,
                actual: bytes.len(),
            });
        }
        if count == 0 {
            return Err(CompactError::Empty);
        }
        Ok(Self {
            at: HEADER,
            width: width as usize,
            last: None,
        })
    }

    /// How many integers there are, if all of them ascend.
    pub(crate) fn ascending(self, bytes: &[u8]) -> Option<usize> {
        let integers = bytes.get(HEADER..).unwrap_or_default();
        let (twos, fours, eights) = (
            integers.as_chunks().0,
            integers.as_chunks().0,
            integers.as_chunks().0,
        );
        let ascends = match self.width {
            2 => twos.is_sorted_by(|a, b| i16::from_le_bytes(*a) < i16::from_le_bytes(*b)),
            4 => fours.is_sorted_by(|a, b| i32::from_le_bytes(*a) < i32::from_le_bytes(*b)),
            _ => eights.is_sorted_by(|a, b| i64::from_le_bytes(*a) < i64::from_le_bytes(*b)),
        };
        ascends.then(|| integers.len().checked_div(self.width).unwrap_or(0))
    }

    #[inline]
    pub(crate) fn next(&mut self, bytes: &[u8]) -> Result<Option<Span>, CompactError> {
        let next = self.at.saturating_add(self.width);
        let Some(integer) = bytes.get(self.at..next) else {
            return Ok(None);
        };
        let value = match *integer {
            [a, b] => i64::from(i16::from_le_bytes([a, b])),
            [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
            _ => LE::read_i64(integer),
        };
        if self.last.is_some_and(|last| last >= value) {
            return Err(CompactError::Order { at: self.at });
        }
        self.last = Some(value);
        self.at = next;
        Ok(Some(Span::Integer(value)))
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use crate::compact::{CompactEntry, Container};
    use crate::error::CompactError;

    fn walk(bytes: &[u8]) -> Result<Vec<i64>, CompactError> {
        Container::Intset
            .entries(bytes)?
            .map(|entry| match entry? {
                CompactEntry::Integer(value) => Ok(value),
                CompactEntry::Bytes(_) => unreachable!("an intset holds integers"),
            })
            .collect()
    }

    fn intset(width: u32, integers: &[i64]) -> Vec<u8> {
        let mut bytes = width.to_le_bytes().to_vec();
        bytes.extend_from_slice(&u32::try_from(integers.len()).unwrap().to_le_bytes());
        for integer in integers {
            bytes.extend_from_slice(&integer.to_le_bytes()[..width as usize]);
        }
        bytes
    }

    #[test]
    fn integers_of_every_width_come_back() {
        let extremes = [i64::MIN, -1, 0, i64::MAX];
        assert_eq!(walk(&intset(8, &extremes)).unwrap(), extremes);
        assert_eq!(
            walk(&intset(4, &[-70_000, 70_000])).unwrap(),
            [-70_000, 70_000]
        );
        assert_eq!(walk(&intset(2, &[-2, 32_767])).unwrap(), [-2, 32_767]);
        assert_eq!(walk(&intset(8, &[5])).unwrap(), [5], "wider than needed");
    }

    #[test]
    fn each_damage_has_its_error() {
        assert_eq!(walk(&[2, 0, 0]), Err(CompactError::Truncated { at: 0 }));
        assert_eq!(walk(&intset(2, &[])), Err(CompactError::Empty));
        assert_eq!(
            walk(&[3, 0, 0, 0, 0, 0, 0, 0]),
            Err(CompactError::Width { width: 3 })
        );
        assert_eq!(
            walk(&intset(2, &[2, 2])),
            Err(CompactError::Order { at: 10 })
        );
        assert_eq!(
            walk(&intset(2, &[2, 1])),
            Err(CompactError::Order { at: 10 })
        );
        let whole = intset(4, &[1, 2]);
        let error = CompactError::Size {
            stated: 16,
            actual: 15,
        };
        assert_eq!(walk(&whole[..15]), Err(error));
    }
}
