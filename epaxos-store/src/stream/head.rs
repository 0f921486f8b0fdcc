//! The first frame of a stream: whose state it is, and how far it had come.
//!
//! | bytes | hold |
//! |---|---|
//! | 0..4 | `EPXS` |
//! | 4 | version, 1 |
//! | 5 | 0 the whole state, 1 what was committed since |
//! | 6..22 | the name of the store |
//! | 22..30 | its replica, big-endian, its sign bit flipped |
//! | 30..38 | the snapshot's sequence, big-endian |
//! | then | number of replicas; of each: 8 bytes of id, a byte of flags, the numbers flagged |
//!
//! Flags of a replica: 1 `max`, 2 `executed_upto`, 4 `purged_upto`, 8 `deleted_upto`.

use std::collections::BTreeMap;

use crate::codec::Kind;
use crate::instance::ReplicaId;
use crate::stream::frame::Family;
use crate::varint::{Cursor, Malformed, put_number};
use crate::watermark::Watermarks;

const MAGIC: [u8; 4] = *b"EPXS";
const VERSION: u8 = 1;

/// What the first frame says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Head {
    pub(crate) is_incremental: bool,
    pub(crate) uuid: [u8; 16],
    pub(crate) replica: ReplicaId,
    pub(crate) sequence: u64,
    pub(crate) marks: BTreeMap<ReplicaId, Watermarks>,
}

/// Where a receiver stands in a stream: everything up to this row has arrived.
///
/// Good as long as the sender holds the same snapshot.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StreamPosition {
    pub(crate) sequence: u64,
    pub(crate) family: Family,
    pub(crate) key: Vec<u8>,
}

impl StreamPosition {
    /// The position as bytes, to be sent to the sender.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.sequence.to_be_bytes().to_vec();
        bytes.push(self.family.tag());
        bytes.extend_from_slice(&self.key);
        bytes
    }

    /// The position that [`to_bytes`](Self::to_bytes) laid out; none for other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (sequence, rest) = bytes.split_first_chunk::<8>()?;
        let (tag, key) = rest.split_first()?;
        let family = Family::ALL
            .into_iter()
            .find(|family| family.tag() == *tag)?;
        Some(Self {
            sequence: u64::from_be_bytes(*sequence),
            family,
            key: key.to_vec(),
        })
    }

    /// What the rows are: `record` or `instance`.
    pub fn family(&self) -> &'static str {
        Kind::name(self.family.kind())
    }
}

impl Head {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&[VERSION, u8::from(self.is_incremental)]);
        bytes.extend_from_slice(&self.uuid);
        bytes.extend_from_slice(&self.replica.to_ordered().to_be_bytes());
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        put_number(&mut bytes, self.marks.len() as u64);
        for (replica, marks) in &self.marks {
            bytes.extend_from_slice(&replica.to_ordered().to_be_bytes());
            let numbers = sent(*marks);
            let flags = (0_u8..)
                .zip(numbers)
                .filter(|(_, number)| number.is_some())
                .fold(0_u8, |flags, (bit, _)| {
                    flags | 1_u8.wrapping_shl(bit.into())
                });
            bytes.push(flags);
            for number in numbers.into_iter().flatten() {
                put_number(&mut bytes, number);
            }
        }
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, &'static str> {
        let malformed = |Malformed| "the head is malformed";
        let mut cursor = Cursor::new(bytes);
        if cursor.array() != Ok(MAGIC) {
            return Err("not a stream of a store");
        }
        if cursor.byte() != Ok(VERSION) {
            return Err("the stream has a version that is unknown here");
        }
        let is_incremental = match cursor.byte().map_err(malformed)? {
            0 => false,
            1 => true,
            _ => return Err("the stream has a kind that is unknown here"),
        };
        let head = Self::read(&mut cursor, is_incremental).map_err(malformed)?;
        if cursor.is_empty() {
            Ok(head)
        } else {
            Err("the head is too long")
        }
    }

    fn read(cursor: &mut Cursor<'_>, is_incremental: bool) -> Result<Self, Malformed> {
        let mut head = Self {
            is_incremental,
            uuid: cursor.array()?,
            replica: ReplicaId::from_ordered(u64::from_be_bytes(cursor.array()?)),
            sequence: u64::from_be_bytes(cursor.array()?),
            marks: BTreeMap::new(),
        };
        for _ in 0..cursor.count(9)? {
            let replica = ReplicaId::from_ordered(u64::from_be_bytes(cursor.array()?));
            let flags = cursor.byte()?;
            let mut numbers = [None; 4];
            for (bit, number) in (0_u32..).zip(&mut numbers) {
                if flags & 1_u8.wrapping_shl(bit) != 0 {
                    *number = Some(cursor.number()?);
                }
            }
            let [max, executed_upto, purged_upto, deleted_upto] = numbers;
            let marks = Watermarks {
                max,
                executed_max: executed_upto,
                executed_upto,
                purged_upto,
                deleted_upto,
            };
            let is_right = flags < 16
                && deleted_upto <= executed_upto
                && executed_upto <= max
                && head.marks.keys().next_back() < Some(&replica);
            if !is_right {
                return Err(Malformed);
            }
            head.marks.insert(replica, marks);
        }
        Ok(head)
    }
}

/// The watermarks that are sent. What is executed in spite of gaps shows in the instances.
fn sent(marks: Watermarks) -> [Option<u64>; 4] {
    [
        marks.max,
        marks.executed_upto,
        marks.purged_upto,
        marks.deleted_upto,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        let marks = |max, executed_upto, deleted_upto| Watermarks {
            max,
            executed_max: executed_upto,
            executed_upto,
            purged_upto: deleted_upto,
            deleted_upto,
        };
        Head {
            is_incremental: true,
            uuid: [7; 16],
            replica: ReplicaId(-1),
            sequence: 258,
            marks: BTreeMap::from([
                (ReplicaId(-1), marks(Some(300), Some(2), None)),
                (ReplicaId(5), marks(None, None, None)),
            ]),
        }
    }

    #[test]
    fn a_head_has_these_bytes_and_comes_back() {
        let bytes = head().to_bytes();
        let mut expected = b"EPXS\x01\x01".to_vec();
        expected.extend_from_slice(&[7; 16]);
        expected.extend_from_slice(&[0x7f, 255, 255, 255, 255, 255, 255, 255]);
        expected.extend_from_slice(&[0, 0, 0, 0, 0, 0, 1, 2, 2]);
        expected.extend_from_slice(&[0x7f, 255, 255, 255, 255, 255, 255, 255, 3, 0xac, 2, 2]);
        expected.extend_from_slice(&[0x80, 0, 0, 0, 0, 0, 0, 5, 0]);
        assert_eq!(bytes, expected);
        assert_eq!(Head::from_bytes(&bytes), Ok(head()));
    }

    #[test]
    fn every_truncation_and_every_longer_head_is_refused() {
        let bytes = head().to_bytes();
        for end in 0..bytes.len() {
            assert!(Head::from_bytes(&bytes[..end]).is_err(), "{end}");
        }
        assert!(Head::from_bytes(&[bytes.as_slice(), &[0]].concat()).is_err());
    }

    #[test]
    fn replicas_out_of_order_and_marks_that_cannot_be_are_refused() {
        let mut wrong = head();
        wrong.marks.entry(ReplicaId(5)).or_default().executed_upto = Some(1);
        assert!(Head::from_bytes(&wrong.to_bytes()).is_err());
        let mut bytes = head().to_bytes();
        let second = bytes.len() - 9;
        bytes[second] = 0;
        assert!(Head::from_bytes(&bytes).is_err());
    }

    #[test]
    fn positions_come_back() {
        let position = StreamPosition {
            sequence: 9,
            family: Family::Instance,
            key: b"key".to_vec(),
        };
        assert_eq!(
            StreamPosition::from_bytes(&position.to_bytes()),
            Some(position)
        );
        assert_eq!(StreamPosition::from_bytes(&[0; 9]), None);
    }
}
