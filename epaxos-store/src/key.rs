//! Keys whose order as bytes is the numeric order of what they stand for.
//!
//! Fixed widths, big-endian, signs flipped: an ordered key-value store then keeps a replica's
//! instances together and in order, and one comparison of bytes ends a scan.

use byteorder::{BigEndian, ByteOrder};

use crate::error::StoreError;
use crate::instance::{InstanceId, ReplicaId};

/// Bytes of an instance's key.
const INSTANCE_BYTES: usize = 16;

/// Bytes of a status key, but for [`StatusField::ExecutedUptoAt`].
const STATUS_BYTES: usize = 9;

/// Bytes of a status key of [`StatusField::ExecutedUptoAt`].
const STATUS_AT_BYTES: usize = 17;

/// The key of an instance.
///
/// | bytes | hold |
/// |---|---|
/// | 0..8 | replica, big-endian, its sign bit flipped |
/// | 8..16 | index, big-endian |
///
/// # Example
///
/// ```
/// use epaxos_store::{InstanceId, ReplicaId, instance_key};
///
/// let key = instance_key(InstanceId { replica: ReplicaId(2), index: 258 });
/// assert_eq!(key, [0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 1, 2]);
/// ```
pub fn instance_key(id: InstanceId) -> [u8; 16] {
    let mut key = [0; INSTANCE_BYTES];
    BigEndian::write_u64(&mut key[..8], id.replica.to_ordered());
    BigEndian::write_u64(&mut key[8..], id.index);
    key
}

/// The instance that [`instance_key`] laid out as `key`.
///
/// # Errors
///
/// [`StoreError::InstanceKeyLength`] unless `key` has 16 bytes.
pub fn instance_from_key(key: &[u8]) -> Result<InstanceId, StoreError> {
    let found = key.len();
    let key: &[u8; INSTANCE_BYTES] = key
        .try_into()
        .map_err(|_| StoreError::InstanceKeyLength { found })?;
    Ok(InstanceId {
        replica: ReplicaId::from_ordered(BigEndian::read_u64(&key[..8])),
        index: BigEndian::read_u64(&key[8..]),
    })
}

/// What one entry of a replica's status is about. Ordered by replica, then by field.
///
/// | bytes | hold |
/// |---|---|
/// | 0..8 | replica, big-endian, its sign bit flipped |
/// | 8 | field: 1 to 6 in the order of [`StatusField`], `T` for `ExecutedUptoAt` |
/// | 9..17 | minute, big-endian; only after `T` |
///
/// # Example
///
/// ```
/// use epaxos_store::{ReplicaId, StatusField, StatusKey};
///
/// let key = StatusKey { replica: ReplicaId(2), field: StatusField::ExecutedUpto };
/// assert_eq!(key.to_bytes(), [0x80, 0, 0, 0, 0, 0, 0, 2, 3]);
/// assert_eq!(StatusKey::from_bytes(&key.to_bytes())?, key);
/// # Ok::<(), epaxos_store::StoreError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct StatusKey {
    /// The replica whose instances the entry is about.
    pub replica: ReplicaId,
    /// What it says of them.
    pub field: StatusField,
}

/// A field of a replica's status.
///
/// Of one replica's instances, always `deleted <= purged <= executed up to <= max`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum StatusField {
    /// The highest index known.
    Max,
    /// The highest index executed; lower ones may be missing.
    ExecutedMax,
    /// The index up to which, and with which, every instance is executed.
    ExecutedUpto,
    /// The index up to which instances are purged: no replica needs them any more.
    PurgedUpto,
    /// The index up to which instances are deleted here.
    DeletedUpto,
    /// The last ballot that this replica chose.
    LastBallot,
    /// What `ExecutedUpto` was at a minute, from which the age of instances follows.
    ExecutedUptoAt {
        /// Minutes since the Unix epoch.
        minute: u64,
    },
}

impl StatusKey {
    /// The key's 9 bytes, or 17 with a minute.
    pub fn to_bytes(self) -> Vec<u8> {
        let mut key = Vec::with_capacity(STATUS_AT_BYTES);
        key.extend_from_slice(&self.replica.to_ordered().to_be_bytes());
        key.push(self.field.tag());
        if let StatusField::ExecutedUptoAt { minute } = self.field {
            key.extend_from_slice(&minute.to_be_bytes());
        }
        key
    }

    /// The key that [`StatusKey::to_bytes`] laid out as `key`.
    ///
    /// # Errors
    ///
    /// [`StoreError::StatusFieldUnknown`] for a field that this version does not know,
    /// [`StoreError::StatusKeyLength`] when `key` has not the bytes that its field has.
    pub fn from_bytes(key: &[u8]) -> Result<Self, StoreError> {
        let length = |expected| StoreError::StatusKeyLength {
            expected,
            found: key.len(),
        };
        let (replica, rest) = key.split_first_chunk::<8>().ok_or(length(STATUS_BYTES))?;
        let (tag, minute) = rest.split_first().ok_or(length(STATUS_BYTES))?;
        let field = match *tag {
            b'T' => {
                let minute = minute.try_into().map_err(|_| length(STATUS_AT_BYTES))?;
                StatusField::ExecutedUptoAt {
                    minute: u64::from_be_bytes(minute),
                }
            }
            tag => {
                let field = StatusField::of_tag(tag)?;
                if !minute.is_empty() {
                    return Err(length(STATUS_BYTES));
                }
                field
            }
        };
        Ok(Self {
            replica: ReplicaId::from_ordered(u64::from_be_bytes(*replica)),
            field,
        })
    }
}

impl StatusField {
    /// The byte that stands for the field. Bytes ascend as the fields do.
    fn tag(self) -> u8 {
        match self {
            Self::Max => 1,
            Self::ExecutedMax => 2,
            Self::ExecutedUpto => 3,
            Self::PurgedUpto => 4,
            Self::DeletedUpto => 5,
            Self::LastBallot => 6,
            Self::ExecutedUptoAt { .. } => b'T',
        }
    }

    /// The field without a minute that `tag` stands for.
    fn of_tag(tag: u8) -> Result<Self, StoreError> {
        match tag {
            1 => Ok(Self::Max),
            2 => Ok(Self::ExecutedMax),
            3 => Ok(Self::ExecutedUpto),
            4 => Ok(Self::PurgedUpto),
            5 => Ok(Self::DeletedUpto),
            6 => Ok(Self::LastBallot),
            tag => Err(StoreError::StatusFieldUnknown { tag }),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(replica: i64, index: u64) -> InstanceId {
        InstanceId {
            replica: ReplicaId(replica),
            index,
        }
    }

    fn fields() -> impl Strategy<Value = StatusField> {
        prop_oneof![
            Just(StatusField::Max),
            Just(StatusField::ExecutedMax),
            Just(StatusField::ExecutedUpto),
            Just(StatusField::PurgedUpto),
            Just(StatusField::DeletedUpto),
            Just(StatusField::LastBallot),
            any::<u64>().prop_map(|minute| StatusField::ExecutedUptoAt { minute }),
        ]
    }

    fn status_keys() -> impl Strategy<Value = StatusKey> {
        // Few replicas, so that two keys often share theirs and the field decides.
        let replicas = prop_oneof![-2_i64..2, any::<i64>()];
        (replicas, fields()).prop_map(|(replica, field)| StatusKey {
            replica: ReplicaId(replica),
            field,
        })
    }

    #[test]
    fn instances_have_these_keys() {
        assert_eq!(instance_key(id(i64::MIN, 0)), [0; 16]);
        let minus_one = [
            0x7f, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 1,
        ];
        assert_eq!(instance_key(id(-1, 1)), minus_one);
        let zero = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(instance_key(id(0, 0)), zero);
        assert_eq!(instance_key(id(i64::MAX, u64::MAX)), [0xff; 16]);
    }

    #[test]
    fn status_fields_have_these_keys() {
        let key = |field| {
            StatusKey {
                replica: ReplicaId(5),
                field,
            }
            .to_bytes()
        };
        let replica = [0x80, 0, 0, 0, 0, 0, 0, 5];
        for (tag, field) in [
            (1, StatusField::Max),
            (2, StatusField::ExecutedMax),
            (3, StatusField::ExecutedUpto),
            (4, StatusField::PurgedUpto),
            (5, StatusField::DeletedUpto),
            (6, StatusField::LastBallot),
        ] {
            assert_eq!(key(field), [replica.as_slice(), &[tag]].concat());
        }
        let minute = [0x54, 0, 0, 0, 0, 1, 2, 3, 4];
        assert_eq!(
            key(StatusField::ExecutedUptoAt {
                minute: 0x0102_0304
            }),
            [replica.as_slice(), &minute].concat()
        );
    }

    proptest! {
        #[test]
        fn instance_keys_compare_as_numbers(
            one in any::<(i64, u64)>(),
            other in any::<(i64, u64)>(),
            same_replica in any::<bool>(),
        ) {
            let one = id(one.0, one.1);
            let other = id(if same_replica { one.replica.0 } else { other.0 }, other.1);
            prop_assert_eq!(one.cmp(&other), instance_key(one).cmp(&instance_key(other)));
            prop_assert_eq!(instance_from_key(&instance_key(one)), Ok(one));
        }

        #[test]
        fn status_keys_compare_as_they_do(one in status_keys(), other in status_keys()) {
            prop_assert_eq!(one.cmp(&other), one.to_bytes().cmp(&other.to_bytes()));
            prop_assert_eq!(StatusKey::from_bytes(&one.to_bytes()), Ok(one));
        }

        #[test]
        fn bytes_are_a_key_exactly_or_refused(
            bytes in proptest::collection::vec(any::<u8>(), 0..20),
        ) {
            if let Ok(id) = instance_from_key(&bytes) {
                prop_assert_eq!(instance_key(id).to_vec(), bytes.clone());
            }
            if let Ok(key) = StatusKey::from_bytes(&bytes) {
                prop_assert_eq!(key.to_bytes(), bytes);
            }
        }
    }

    #[test]
    fn an_instance_key_of_another_length_is_refused() {
        for found in (0..40).filter(|length| *length != 16) {
            let refused = instance_from_key(&vec![0x80; found]);
            assert_eq!(refused, Err(StoreError::InstanceKeyLength { found }));
        }
    }

    #[test]
    fn every_truncated_or_longer_status_key_is_refused() {
        for (field, expected) in [
            (StatusField::LastBallot, 9),
            (StatusField::ExecutedUptoAt { minute: 1 }, 17),
        ] {
            let key = StatusKey {
                replica: ReplicaId(1),
                field,
            }
            .to_bytes();
            assert_eq!(key.len(), expected);
            for found in 0..expected {
                // Without its field, a key is expected to be as short as most are.
                let expected = if found < 9 { 9 } else { expected };
                let refused = StatusKey::from_bytes(key.get(..found).unwrap());
                assert_eq!(
                    refused,
                    Err(StoreError::StatusKeyLength { expected, found })
                );
            }
            let longer = [key.as_slice(), &[0]].concat();
            let found = longer.len();
            let refused = StatusKey::from_bytes(&longer);
            assert_eq!(
                refused,
                Err(StoreError::StatusKeyLength { expected, found })
            );
        }
    }

    #[test]
    fn a_field_of_a_later_version_is_refused_not_guessed() {
        for tag in (0..=255).filter(|tag| !(1..=6).contains(tag) && *tag != b'T') {
            let key = [0x80, 0, 0, 0, 0, 0, 0, 1, tag];
            assert_eq!(
                StatusKey::from_bytes(&key),
                Err(StoreError::StatusFieldUnknown { tag })
            );
        }
    }
}
