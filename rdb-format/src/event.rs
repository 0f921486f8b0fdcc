//! What a reader reports, one by one.

use crate::compact::Container;
use crate::object::{StreamEntry, StreamPart};
use crate::value_type::{Encoding, ValueType};

/// One step through a stream. Borrowed bytes last until the next step.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The first event: who wrote the stream.
    Header {
        /// RDB version.
        version: u32,
        /// The line of servers that the magic word names.
        dialect: Dialect,
    },
    /// A named fact about the stream, such as `redis-ver`. May stand anywhere.
    Aux {
        /// Name; compare it without regard to case.
        name: &'a [u8],
        /// Value, integers as decimal text.
        value: &'a [u8],
    },
    /// The keys that follow belong to this database.
    SelectDb(u32),
    /// How many keys the database has; a hint that may lie.
    ResizeDb {
        /// All keys.
        keys: u64,
        /// Keys that expire.
        expiring: u64,
    },
    /// The source of a function library.
    Function(&'a [u8]),
    /// The keys that follow belong to this hash slot; a hint.
    SlotInfo {
        /// Slot, 0 to 16383.
        slot: u64,
        /// Keys in the slot.
        keys: u64,
        /// Keys in the slot that expire.
        expiring: u64,
    },
    /// Data of a module that belongs to no key.
    ModuleAux {
        /// Module id: nine characters of six bits, ten bits of version.
        module: u64,
        /// When the module wants it: 1 before the keys, 2 after them.
        when: u64,
        /// What the module wrote: its items with their end mark, as stored.
        items: &'a [u8],
    },
    /// Metadata of the next key, as stored: classes and what modules wrote for each (Redis 8.6).
    KeyMeta(&'a [u8]),
    /// A slot import was going on (Valkey 9). Its ranges follow.
    SlotImport {
        /// Its name, 40 bytes.
        job: &'a [u8],
        /// How many ranges follow.
        ranges: u64,
    },
    /// A range of slots of the last slot import.
    SlotRange {
        /// First slot.
        first: u64,
        /// Last slot.
        last: u64,
    },
    /// A key begins. Its elements follow, then [`Event::KeyEnd`].
    Key(KeyHead<'a>),
    /// One element of the value of the last key.
    Element(Element<'a>),
    /// One part of the stream that is the value of the last key, beside its entries, which come
    /// before.
    Stream(StreamPart<'a>),
    /// Where the array that is the value of the last key inserts next. Comes before its elements.
    InsertIndex(u64),
    /// The last key is complete.
    KeyEnd {
        /// Bytes from its type byte to its end, as stored.
        encoded_bytes: u64,
    },
    /// The last event: the stream is complete.
    End {
        /// What is known of its checksum.
        checksum: ChecksumState,
    },
}

/// All that a stream says about a key before its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyHead<'a> {
    /// The key.
    pub key: &'a [u8],
    /// Type as stored.
    pub value_type: ValueType,
    /// How the value is stored.
    pub encoding: Encoding,
    /// When it expires, in milliseconds since 1970. Keys past it are reported like any other.
    pub expire_at_ms: Option<i64>,
    /// Seconds since it was last used.
    pub idle_s: Option<u64>,
    /// Access frequency, logarithmic.
    pub freq: Option<u8>,
    /// Where the type byte is, in bytes from the start of the stream.
    pub offset: u64,
    /// How many elements follow, where the stream says so before them. Unchecked: a hint only.
    pub elements: Option<u64>,
}

/// One element of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Element<'a> {
    /// A whole string value, an element of a list or a member of a set.
    Item(&'a [u8]),
    /// A field of a hash and its value.
    Field(&'a [u8], &'a [u8]),
    /// A member of a sorted set and its score, which is a number.
    Scored(&'a [u8], f64),
    /// A field of a hash, its value, and when it expires, in milliseconds since 1970. Fields of
    /// the same hash that do not expire come as [`Field`](Self::Field).
    ExpiringField(&'a [u8], &'a [u8], i64),
    /// An element of an array and its index.
    Indexed(u64, &'a [u8]),
    /// A container with some or all elements, which [`Container::entries`] walks: fields and
    /// values, or members and scores, alternate, and in the types that are named for expiry each
    /// value is followed by its time, 0 for none. It is sound. Only
    /// [`Values::Packed`](crate::Values::Packed) gives these.
    Packed(Container, &'a [u8]),
    /// A piece of a value as stored, be it that the caller asked for values so or that only a
    /// module can read it. The pieces of a value make up all that follows its key.
    Raw(&'a [u8]),
    /// An entry of a stream.
    Entry(StreamEntry<'a>),
}

/// The line of servers a stream comes from; opcodes and types above 21 differ between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// Redis, or Valkey up to 8.1.
    Redis,
    /// Valkey from 9.0 on.
    Valkey,
    /// Dragonfly, known by its aux field `df-ver`.
    Dragonfly,
    /// `KeyDB`, known by its aux fields.
    KeyDb,
    /// Redis Enterprise, known by records that only it writes.
    Enterprise,
}

/// What is known of the checksum at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChecksumState {
    /// It is that of the bytes before it.
    Verified(u64),
    /// The writer computed none, and stored 0.
    Off,
    /// The version (below 5) has none.
    Absent,
    /// The caller asked not to compute it.
    Ignored,
}

/// Something odd that is no error: real files have it, and servers accept it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Warning {
    /// The version is newer than any known here. Reading goes on until an unknown type comes.
    UnknownVersion {
        /// The version.
        version: u32,
    },
    /// A listpack holds an entry with one byte too many in its backward length, as Redis up to 8.6
    /// writes it. Newer servers misread it.
    PaddedBackLength {
        /// Where the string that holds the listpack starts, in bytes from the start.
        offset: u64,
    },
    /// A collection without elements; servers drop such keys.
    EmptyCollection {
        /// Where its type byte is, in bytes from the start.
        offset: u64,
    },
    /// A stream states another number of entries than it has, as some servers write it. The newest
    /// ones refuse it.
    StreamLength {
        /// Where the number is, in bytes from the start.
        offset: u64,
        /// The number stated.
        stated: u64,
        /// Entries that are not deleted.
        actual: u64,
    },
    /// A record of a vendor that needs no reading was skipped.
    SkippedOpcode {
        /// Where it starts, in bytes from the start.
        offset: u64,
        /// Its opcode.
        opcode: u8,
    },
}

/// Further warnings are not kept: a stream full of oddities must not fill the memory.
const WARNINGS_MAX: usize = 256;

impl Warning {
    /// Where it was met, in bytes from the start of the stream.
    pub const fn offset(&self) -> u64 {
        match self {
            Self::UnknownVersion { .. } => 0,
            Self::PaddedBackLength { offset }
            | Self::EmptyCollection { offset }
            | Self::StreamLength { offset, .. }
            | Self::SkippedOpcode { offset, .. } => *offset,
        }
    }

    /// Keeps the warning unless there are too many.
    pub(crate) fn note(self, warnings: &mut Vec<Self>) {
        if warnings.len() < WARNINGS_MAX {
            warnings.push(self);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Event;

    #[test]
    fn an_event_is_small_as_each_is_moved() {
        assert!(size_of::<Event<'_>>() <= 80, "{}", size_of::<Event<'_>>());
    }
}
