//! The id of a stream entry.

use std::fmt;

/// The id of a stream entry: a time and a number, in this order.
///
/// Printed as servers do:
///
/// ```
/// let id = rdb_format::StreamId { ms: 1_526_919_030_474, seq: 55 };
/// assert_eq!(id.to_string(), "1526919030474-55");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StreamId {
    /// Milliseconds since 1970, unless the user chose otherwise.
    pub ms: u64,
    /// Tells entries of one millisecond apart.
    pub seq: u64,
}

impl StreamId {
    /// 0-0, which no entry has.
    pub const ZERO: Self = Self { ms: 0, seq: 0 };

    /// The id as nodes and pending entries store it: big-endian.
    pub(crate) fn from_bytes(bytes: [u8; 16]) -> Self {
        let both = u128::from_be_bytes(bytes).to_le_bytes();
        let [seq, ms] = [both.first_chunk(), both.last_chunk()]
            .map(|half| u64::from_le_bytes(*half.unwrap_or(&[0; 8])));
        Self { ms, seq }
    }

    pub(crate) fn to_bytes(self) -> [u8; 16] {
        let both = (u128::from(self.ms) << 64) | u128::from(self.seq);
        both.to_be_bytes()
    }

    /// The id so far above this one. Differences are signed and wrap.
    pub(crate) fn plus(self, ms: i64, seq: i64) -> Self {
        Self {
            ms: self.ms.wrapping_add_signed(ms),
            seq: self.seq.wrapping_add_signed(seq),
        }
    }

    /// What [`plus`](Self::plus) needs to come from `base` to here.
    pub(crate) fn minus(self, base: Self) -> (i64, i64) {
        let difference = |to: u64, from: u64| to.wrapping_sub(from).cast_signed();
        (difference(self.ms, base.ms), difference(self.seq, base.seq))
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::StreamId;

    #[test]
    fn bytes_are_big_endian_time_then_number() {
        let id = StreamId { ms: 5, seq: 0x0102 };
        let bytes = [0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 1, 2];
        assert_eq!(id.to_bytes(), bytes);
        assert_eq!(StreamId::from_bytes(bytes), id);
    }

    #[test]
    fn differences_are_signed_and_wrap() {
        let base = StreamId { ms: 5, seq: 1 };
        for id in [
            StreamId { ms: 6, seq: 0 },
            StreamId {
                ms: u64::MAX,
                seq: u64::MAX,
            },
            StreamId::ZERO,
        ] {
            let (ms, seq) = id.minus(base);
            assert_eq!(base.plus(ms, seq), id);
        }
        assert_eq!(StreamId { ms: 6, seq: 0 }.minus(base), (1, -1));
    }
}
