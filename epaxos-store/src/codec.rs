//! What stands in a value: a version, a kind, a checksum over key and value, and the contents.
//!
//! | bytes | hold |
//! |---|---|
//! | 0 | version, 1 |
//! | 1 | kind: 1 record, 2 instance, 3 status, 4 meta |
//! | 2..4 | flags, big-endian; those of an instance below, 0 otherwise |
//! | 4..8 | CRC-32C, big-endian, over the key, bytes 0..4 and the contents |
//! | 8.. | the contents |

use crate::checksum::crc32c;
use crate::error::StoreError;
use crate::instance::{Ballot, Command, Dependency, Instance, InstanceId, ReplicaId};
use crate::key::{instance_from_key, instance_key};
use crate::varint::{Cursor, Malformed, put_bytes, put_number};

/// Bytes before the contents.
pub(crate) const HEADER_BYTES: usize = 8;

const VERSION: u8 = 1;

const HAS_DEPENDENCIES: u16 = 1;
const HAS_VOTE: u16 = 1 << 1;
const IS_COMMITTED: u16 = 1 << 2;
const IS_EXECUTED: u16 = 1 << 3;
const FLAGS: u16 = HAS_DEPENDENCIES | HAS_VOTE | IS_COMMITTED | IS_EXECUTED;

/// What a value is, which is also the name of its column family.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Record,
    Instance,
    Status,
    Meta,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Record, Self::Instance, Self::Status, Self::Meta];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Instance => "instance",
            Self::Status => "status",
            Self::Meta => "meta",
        }
    }

    fn tag(self) -> u8 {
        match self {
            Self::Record => 1,
            Self::Instance => 2,
            Self::Status => 3,
            Self::Meta => 4,
        }
    }
}

/// The value under `key` that holds `contents`.
pub(crate) fn seal(kind: Kind, key: &[u8], contents: &[u8]) -> Vec<u8> {
    let mut value = Vec::with_capacity(HEADER_BYTES.saturating_add(contents.len()));
    value.extend_from_slice(&[0; HEADER_BYTES]);
    value.extend_from_slice(contents);
    finish(kind, 0, key, value)
}

/// Writes the header before the contents of `value`, which leaves room for it.
fn finish(kind: Kind, flags: u16, key: &[u8], mut value: Vec<u8>) -> Vec<u8> {
    if let Some((header, contents)) = value.split_first_chunk_mut::<HEADER_BYTES>() {
        let [high, low] = flags.to_be_bytes();
        let head = [VERSION, kind.tag(), high, low];
        let [a, b, c, d] = crc32c(&[key, &head, contents]).to_be_bytes();
        *header = [VERSION, kind.tag(), high, low, a, b, c, d];
    }
    value
}

/// The flags and the contents of a value, once its header and checksum are found right.
///
/// # Errors
///
/// [`StoreError::UnsupportedFormat`] for another version, [`StoreError::Corruption`] otherwise.
fn unseal<'a>(kind: Kind, key: &[u8], value: &'a [u8]) -> Result<(u16, &'a [u8]), StoreError> {
    let wrong = |what| corruption(kind, key, what);
    let (header, contents) = value
        .split_first_chunk::<HEADER_BYTES>()
        .ok_or_else(|| wrong("the value is shorter than its header"))?;
    let [version, tag, high, low, a, b, c, d] = *header;
    if version != VERSION {
        return Err(StoreError::UnsupportedFormat {
            family: kind.name(),
            key: key.to_vec(),
            version,
        });
    }
    let head = [version, tag, high, low];
    if crc32c(&[key, &head, contents]) != u32::from_be_bytes([a, b, c, d]) {
        return Err(wrong("the checksum of key and value does not match"));
    }
    if tag != kind.tag() {
        return Err(wrong("the value is of another kind"));
    }
    Ok((u16::from_be_bytes([high, low]), contents))
}

fn corruption(kind: Kind, key: &[u8], what: &'static str) -> StoreError {
    StoreError::Corruption {
        family: kind.name(),
        key: key.to_vec(),
        what,
    }
}

/// The contents of a value of a kind that has no flags.
pub(crate) fn open<'a>(kind: Kind, key: &[u8], value: &'a [u8]) -> Result<&'a [u8], StoreError> {
    match unseal(kind, key, value)? {
        (0, contents) => Ok(contents),
        _ => Err(corruption(kind, key, "the value has unknown flags")),
    }
}

/// A value of eight bytes: what `status` holds.
pub(crate) fn seal_number(key: &[u8], number: u64) -> Vec<u8> {
    seal(Kind::Status, key, &number.to_be_bytes())
}

/// The number that [`seal_number`] sealed.
pub(crate) fn open_number(key: &[u8], value: &[u8]) -> Result<u64, StoreError> {
    let contents = open(Kind::Status, key, value)?;
    let bytes = contents
        .try_into()
        .map_err(|_| corruption(Kind::Status, key, "the number has not eight bytes"))?;
    Ok(u64::from_be_bytes(bytes))
}

/// Lays out an instance as the value under its key.
///
/// After eight bytes, version 1, kind 2, flags and checksum, come
///
/// | bytes | hold |
/// |---|---|
/// | 8..20 | ballot, as [`Ballot::to_bytes`] |
/// | 20..32 | ballot of the vote, zeros without flag 2 |
/// | then, with flag 1 | number of dependencies; of each: replica (zigzag), index, sequence |
/// | then | number of commands; of each: 0 no-op, 1 get, 2 set, 3 delete, then key, value |
///
/// Flags: 1 dependencies are known, 2 there is a vote, 4 committed, 8 executed. Numbers are
/// seven bits in a byte, low ones first, in as few bytes as they need; keys and values stand
/// after their lengths. An instance has one form.
///
/// # Example
///
/// ```
/// use epaxos_store::{Ballot, Instance, InstanceId, ReplicaId};
/// use epaxos_store::{decode_instance, encode_instance, instance_key};
///
/// let id = InstanceId { replica: ReplicaId(1), index: 7 };
/// let instance = Instance::promised(id, Ballot { number: 2, replica: ReplicaId(3) });
/// let value = encode_instance(&instance);
/// assert_eq!(decode_instance(&instance_key(id), &value)?, instance);
/// # Ok::<(), epaxos_store::StoreError>(())
/// ```
pub fn encode_instance(instance: &Instance) -> Vec<u8> {
    let mut value = Vec::with_capacity(instance_bytes_max(instance));
    value.extend_from_slice(&[0; HEADER_BYTES]);
    value.extend_from_slice(&instance.ballot.to_bytes());
    let vote = instance.vote_ballot.map_or([0; 12], Ballot::to_bytes);
    value.extend_from_slice(&vote);
    if let Some(dependencies) = &instance.dependencies {
        put_number(&mut value, dependencies.len() as u64);
        for dependency in dependencies {
            put_number(&mut value, zigzag(dependency.id.replica.0));
            put_number(&mut value, dependency.id.index);
            put_number(&mut value, dependency.sequence);
        }
    }
    put_number(&mut value, instance.commands.len() as u64);
    for command in &instance.commands {
        put_command(&mut value, command);
    }
    let flag = |is_set, flag| if is_set { flag } else { 0 };
    let flags = flag(instance.dependencies.is_some(), HAS_DEPENDENCIES)
        | flag(instance.vote_ballot.is_some(), HAS_VOTE)
        | flag(instance.committed, IS_COMMITTED)
        | flag(instance.executed, IS_EXECUTED);
    finish(Kind::Instance, flags, &instance_key(instance.id), value)
}

/// Bytes that the value of `instance` does not exceed.
fn instance_bytes_max(instance: &Instance) -> usize {
    const NUMBER_BYTES_MAX: usize = 10;
    const BALLOTS_BYTES: usize = 24;
    let dependencies = instance.dependencies.as_ref().map_or(0, Vec::len);
    // A dependency has three numbers, a command a kind and two lengths; each list has its length.
    let numbers = instance
        .commands
        .len()
        .saturating_add(dependencies)
        .saturating_mul(3)
        .saturating_add(2);
    let bytes = |command: &Command| {
        let value = match command {
            Command::Set { value, .. } => value.len(),
            _ => 0,
        };
        value.saturating_add(command.key().map_or(0, <[u8]>::len))
    };
    let commands = instance.commands.iter().map(bytes);
    numbers
        .saturating_mul(NUMBER_BYTES_MAX)
        .saturating_add(HEADER_BYTES + BALLOTS_BYTES)
        .saturating_add(commands.fold(0, usize::saturating_add))
}

/// The instance that [`encode_instance`] laid out as the `value` under `key`.
///
/// # Errors
///
/// [`StoreError::InstanceKeyLength`] for a key of another length,
/// [`StoreError::UnsupportedFormat`] for a version that this one does not know,
/// [`StoreError::Corruption`] for bytes that `encode_instance` would not have written there.
pub fn decode_instance(key: &[u8], value: &[u8]) -> Result<Instance, StoreError> {
    let id = instance_from_key(key)?;
    let (flags, contents) = unseal(Kind::Instance, key, value)?;
    if flags & !FLAGS != 0 {
        return Err(corruption(
            Kind::Instance,
            key,
            "the value has unknown flags",
        ));
    }
    let instance = read_instance(id, flags, contents)
        .map_err(|Malformed| corruption(Kind::Instance, key, "the contents are malformed"))?;
    instance
        .check()
        .map_err(|_| corruption(Kind::Instance, key, "the fields contradict each other"))?;
    Ok(instance)
}

/// True if the value of an instance says that it is executed; nothing else is looked at.
pub(crate) fn is_executed(value: &[u8]) -> bool {
    flags_of(value) & IS_EXECUTED != 0
}

/// True if the value of an instance says that it is committed; nothing else is looked at.
pub(crate) fn is_committed(value: &[u8]) -> bool {
    flags_of(value) & IS_COMMITTED != 0
}

fn flags_of(value: &[u8]) -> u16 {
    match value {
        [_, _, high, low, ..] => u16::from_be_bytes([*high, *low]),
        _ => 0,
    }
}

fn read_instance(id: InstanceId, flags: u16, contents: &[u8]) -> Result<Instance, Malformed> {
    let mut cursor = Cursor::new(contents);
    let ballot = Ballot::from_bytes(cursor.array()?);
    let vote = cursor.array::<12>()?;
    let vote_ballot = (flags & HAS_VOTE != 0).then(|| Ballot::from_bytes(vote));
    if vote_ballot.is_none() && vote != [0; 12] {
        return Err(Malformed);
    }
    let mut dependencies = None;
    if flags & HAS_DEPENDENCIES != 0 {
        let count = cursor.count(3)?;
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            list.push(read_dependency(&mut cursor)?);
        }
        dependencies = Some(list);
    }
    let count = cursor.count(1)?;
    // A command in memory is larger than its shortest form, so it is not reserved for.
    let mut commands = Vec::new();
    for _ in 0..count {
        commands.push(read_command(&mut cursor)?);
    }
    if !cursor.is_empty() {
        return Err(Malformed);
    }
    Ok(Instance {
        id,
        ballot,
        vote_ballot,
        commands,
        dependencies,
        committed: flags & IS_COMMITTED != 0,
        executed: flags & IS_EXECUTED != 0,
    })
}

fn read_dependency(cursor: &mut Cursor<'_>) -> Result<Dependency, Malformed> {
    Ok(Dependency {
        id: InstanceId {
            replica: ReplicaId(unzigzag(cursor.number()?)),
            index: cursor.number()?,
        },
        sequence: cursor.number()?,
    })
}

fn read_command(cursor: &mut Cursor<'_>) -> Result<Command, Malformed> {
    let tag = cursor.byte()?;
    if tag == 0 {
        return Ok(Command::NoOp);
    }
    let key = cursor.bytes()?.to_vec();
    match tag {
        1 => Ok(Command::Get { key }),
        2 => {
            let value = cursor.bytes()?.to_vec();
            Ok(Command::Set { key, value })
        }
        3 => Ok(Command::Delete { key }),
        _ => Err(Malformed),
    }
}

fn put_command(into: &mut Vec<u8>, command: &Command) {
    match command {
        Command::NoOp => into.push(0),
        Command::Get { key } => {
            into.push(1);
            put_bytes(into, key);
        }
        Command::Set { key, value } => {
            into.push(2);
            put_bytes(into, key);
            put_bytes(into, value);
        }
        Command::Delete { key } => {
            into.push(3);
            put_bytes(into, key);
        }
    }
}

/// Small numbers of either sign as small numbers.
fn zigzag(number: i64) -> u64 {
    (number << 1 ^ number >> 63).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ (number & 1).cast_signed().wrapping_neg()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 16] = [0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7];

    fn ballot(number: i32, replica: i64) -> Ballot {
        Ballot {
            number,
            replica: ReplicaId(replica),
        }
    }

    fn sample() -> Instance {
        Instance {
            id: InstanceId {
                replica: ReplicaId(1),
                index: 7,
            },
            ballot: ballot(2, 1),
            vote_ballot: Some(ballot(1, -1)),
            commands: vec![
                Command::NoOp,
                Command::Set {
                    key: b"k".to_vec(),
                    value: b"vv".to_vec(),
                },
            ],
            dependencies: Some(vec![Dependency {
                id: InstanceId {
                    replica: ReplicaId(-2),
                    index: 300,
                },
                sequence: 5,
            }]),
            committed: true,
            executed: true,
        }
    }

    #[test]
    fn values_have_these_bytes() {
        #[rustfmt::skip]
        let expected = [
            1, 2, 0, 0b1111, 0x3f, 0xc7, 0x6b, 0x83,
            0x80, 0, 0, 2, 0x80, 0, 0, 0, 0, 0, 0, 1,
            0x80, 0, 0, 1, 0x7f, 255, 255, 255, 255, 255, 255, 255,
            1, 3, 0xac, 2, 5,
            2, 0, 2, 1, b'k', 2, b'v', b'v',
        ];
        assert_eq!(encode_instance(&sample()), expected);
        let record = seal(Kind::Record, b"k", b"value");
        assert_eq!(record, *b"\x01\x01\x00\x00\xc7\x09\x50\x19value");
        let status = seal_number(b"k", 258);
        assert_eq!(status[..4], [1, 3, 0, 0]);
        assert_eq!(status[8..], [0, 0, 0, 0, 0, 0, 1, 2]);
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_refused() {
        let value = encode_instance(&sample());
        for end in 0..value.len() {
            assert!(decode_instance(&KEY, &value[..end]).is_err(), "{end}");
        }
        for bit in 0..value.len() * 8 {
            let mut value = value.clone();
            value[bit / 8] ^= 1 << (bit % 8);
            let refused = decode_instance(&KEY, &value).unwrap_err();
            let is_version = matches!(refused, StoreError::UnsupportedFormat { .. });
            assert_eq!(is_version, bit < 8, "{refused}");
        }
    }

    #[test]
    fn a_value_under_another_key_is_refused() {
        let value = encode_instance(&sample());
        let mut key = KEY;
        key[15] = 8;
        assert!(decode_instance(&key, &value).is_err());
        let record = seal(Kind::Record, b"k", b"value");
        assert_eq!(open(Kind::Record, b"k", &record), Ok(b"value".as_slice()));
        assert!(open(Kind::Record, b"j", &record).is_err());
        let refused = open(Kind::Meta, b"k", &record).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "meta of key 6b: the value is of another kind"
        );
    }

    #[test]
    fn what_no_encoder_writes_is_refused_even_with_a_right_checksum() {
        let plain = |flags, contents: &[u8]| {
            let value = [&[0; HEADER_BYTES], contents].concat();
            decode_instance(&KEY, &finish(Kind::Instance, flags, &KEY, value))
        };
        let ballots = [0; 24];
        assert!(plain(0, &[&ballots[..], &[0]].concat()).is_ok());
        assert!(plain(0, &[&ballots[..], &[0, 0]].concat()).is_err());
        assert!(plain(1 << 4, &[&ballots[..], &[0]].concat()).is_err());
        // Committed without dependencies; executed without a commit.
        assert!(plain(IS_COMMITTED, &[&ballots[..], &[0]].concat()).is_err());
        assert!(plain(IS_EXECUTED | 1, &[&ballots[..], &[0, 0]].concat()).is_err());
        // Bytes of a vote that there is not.
        let mut vote = ballots;
        vote[23] = 1;
        assert!(plain(0, &[&vote[..], &[0]].concat()).is_err());
        // A huge count, and an unknown command.
        assert!(plain(0, &[&ballots[..], &[0xff, 0xff, 0xff, 0x7f]].concat()).is_err());
        assert!(plain(0, &[&ballots[..], &[1, 4, 0]].concat()).is_err());
    }

    pub(super) fn commands() -> impl Strategy<Value = Command> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..20);
        prop_oneof![
            Just(Command::NoOp),
            bytes().prop_map(|key| Command::Get { key }),
            (bytes(), bytes()).prop_map(|(key, value)| Command::Set { key, value }),
            bytes().prop_map(|key| Command::Delete { key }),
        ]
    }

    prop_compose! {
        fn instances()(
            id in any::<(i64, u64)>(),
            ballots in any::<(i32, i64, Option<(i32, i64)>)>(),
            commands in proptest::collection::vec(commands(), 0..5),
            dependencies in proptest::option::of(
                proptest::collection::vec(any::<(i64, u64, u64)>(), 0..5)),
            committed in any::<bool>(),
            executed in any::<bool>(),
        ) -> Instance {
            let ballot = ballot(ballots.0, ballots.1);
            let vote = ballots.2.map(|vote| self::ballot(vote.0, vote.1));
            let known = dependencies.is_some();
            Instance {
                id: InstanceId { replica: ReplicaId(id.0), index: id.1 },
                ballot,
                vote_ballot: vote.filter(|vote| *vote <= ballot && known),
                commands,
                dependencies: dependencies.map(|list| {
                    list.into_iter().map(|(replica, index, sequence)| Dependency {
                        id: InstanceId { replica: ReplicaId(replica), index },
                        sequence,
                    }).collect()
                }),
                committed: committed && known,
                executed: committed && executed && known,
            }
        }
    }

    proptest! {
        #[test]
        fn instances_come_back(instance in instances()) {
            let value = encode_instance(&instance);
            let key = instance_key(instance.id);
            prop_assert_eq!(is_committed(&value), instance.committed);
            prop_assert_eq!(is_executed(&value), instance.executed);
            prop_assert_eq!(decode_instance(&key, &value), Ok(instance));
        }

        #[test]
        fn contents_that_are_read_are_in_their_only_form(
            flags in 0..16_u16,
            contents in proptest::collection::vec(0..8_u8, 24..60),
        ) {
            let value = [&[0; HEADER_BYTES], contents.as_slice()].concat();
            let value = finish(Kind::Instance, flags, &KEY, value);
            if let Ok(instance) = decode_instance(&KEY, &value) {
                prop_assert_eq!(encode_instance(&instance), value);
            }
        }

        #[test]
        fn zigzag_keeps_small_numbers_small(number in any::<i64>()) {
            prop_assert_eq!(unzigzag(zigzag(number)), number);
            prop_assert_eq!(zigzag(number >> 57) < 128, true);
        }
    }
}
