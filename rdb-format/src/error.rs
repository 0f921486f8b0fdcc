//! Every way reading, writing or expanding can fail, with the place where it did.

use std::io;

use crate::compact::Container;
use crate::object::StreamError;
use crate::target::{Loss, Target};
use crate::value_type::ValueType;

/// Why a stream could not be decoded. Every `offset` is in bytes from its start, and every
/// message begins with it: `byte 812: …`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The input stops inside a record.
    #[error("byte {offset}: input ends here, {missing} bytes short")]
    Truncated {
        /// Length of the input, in bytes.
        offset: u64,
        /// Bytes that the interrupted item still needed. More may be missing after it.
        missing: u64,
    },
    /// The source of bytes failed.
    #[error("byte {offset}: read failed")]
    Read {
        /// Bytes read before the failure.
        offset: u64,
        /// What the source said.
        source: io::Error,
    },
    /// The first nine bytes are not a magic word and a version number.
    #[error("byte 0: input starts with neither REDIS nor VALKEY and a version number")]
    Magic,
    /// A byte that starts no length stands where a length must.
    #[error("byte {offset}: {byte:#04x} starts no length")]
    Length {
        /// Where the byte is.
        offset: u64,
        /// The byte.
        byte: u8,
    },
    /// A byte that starts no string stands where a string must.
    #[error("byte {offset}: {byte:#04x} starts no string")]
    String {
        /// Where the byte is.
        offset: u64,
        /// The byte.
        byte: u8,
    },
    /// A string is longer than the limit set for this reader.
    #[error("byte {offset}: string of {length} bytes, more than the limit of {limit}")]
    TooLong {
        /// Where the string starts.
        offset: u64,
        /// Its length in bytes, after expansion.
        length: u64,
        /// The limit, in bytes.
        limit: u64,
    },
    /// A compressed string does not expand to what it promises.
    #[error("byte {offset}: compressed string is damaged")]
    Compressed {
        /// Where the string starts.
        offset: u64,
        /// What is wrong with it.
        source: LzfError,
    },
    /// A compact container is damaged.
    #[error("byte {offset}: {container} is damaged")]
    Container {
        /// Where the string that holds the container starts.
        offset: u64,
        /// Which container.
        container: Container,
        /// What is wrong with it, with a position inside the (expanded) container.
        source: CompactError,
    },
    /// A stream is damaged.
    #[error("byte {offset}: stream is damaged")]
    Stream {
        /// Where the damaged part starts.
        offset: u64,
        /// What is wrong with it.
        source: StreamError,
    },
    /// A node of a quicklist says it is neither plain (1) nor packed (2).
    #[error("byte {offset}: quicklist node is of unknown kind {kind}")]
    QuicklistNode {
        /// Where the kind is.
        offset: u64,
        /// The kind.
        kind: u64,
    },
    /// A score is not a number, or not readable as one.
    #[error("byte {offset}: score is not a number")]
    Score {
        /// Where the score starts.
        offset: u64,
    },
    /// A database number does not fit 32 bits.
    #[error("byte {offset}: database number {number} is out of range")]
    Database {
        /// Where the number starts.
        offset: u64,
        /// The number.
        number: u64,
    },
    /// A byte is neither an opcode nor a value type.
    #[error("byte {offset}: {byte} is neither an opcode nor a value type")]
    UnknownType {
        /// Where the byte is.
        offset: u64,
        /// The byte.
        byte: u8,
    },
    /// A known opcode that this reader does not read.
    #[error("byte {offset}: opcode {opcode} is not supported")]
    UnsupportedOpcode {
        /// Where the opcode is.
        offset: u64,
        /// The opcode.
        opcode: u8,
    },
    /// A known value type that this reader does not read.
    #[error(
        "byte {offset}: key \"{}\" has type {} ({value_type}), which is not supported",
        key.escape_ascii(),
        value_type.number()
    )]
    UnsupportedType {
        /// Where the type byte is.
        offset: u64,
        /// The type.
        value_type: ValueType,
        /// The key.
        key: Vec<u8>,
    },
    /// An element of an array is of a kind that cannot be skipped.
    #[error("byte {offset}: array element is of unknown kind {kind}")]
    ArrayElement {
        /// Where the kind is.
        offset: u64,
        /// The kind.
        kind: u64,
    },
    /// A record of a module holds an item that cannot be skipped.
    #[error("byte {offset}: module item has unknown opcode {opcode}")]
    ModuleItem {
        /// Where the item starts.
        offset: u64,
        /// Its opcode.
        opcode: u64,
    },
    /// The checksum at the end is not that of the bytes before it.
    #[error("byte {offset}: checksum is {stored:016x}, the bytes before it have {computed:016x}")]
    Checksum {
        /// Where the checksum is stored.
        offset: u64,
        /// The checksum in the input.
        stored: u64,
        /// The checksum of the input.
        computed: u64,
    },
    /// The reader failed before and cannot go on.
    #[error("byte {offset}: reader stopped here after an error")]
    Stopped {
        /// Bytes consumed when it failed.
        offset: u64,
    },
}

impl DecodeError {
    /// Where the trouble is, in bytes from the start of the stream.
    pub const fn offset(&self) -> u64 {
        match self {
            Self::Magic => 0,
            Self::Truncated { offset, .. }
            | Self::Read { offset, .. }
            | Self::Length { offset, .. }
            | Self::String { offset, .. }
            | Self::TooLong { offset, .. }
            | Self::Compressed { offset, .. }
            | Self::Container { offset, .. }
            | Self::Stream { offset, .. }
            | Self::QuicklistNode { offset, .. }
            | Self::Score { offset }
            | Self::Database { offset, .. }
            | Self::UnknownType { offset, .. }
            | Self::UnsupportedOpcode { offset, .. }
            | Self::UnsupportedType { offset, .. }
            | Self::ModuleItem { offset, .. }
            | Self::Checksum { offset, .. }
            | Self::ArrayElement { offset, .. }
            | Self::Stopped { offset } => *offset,
        }
    }
}

/// Why a value could not be encoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The target cannot hold function libraries.
    #[error("{target} cannot hold function libraries")]
    Functions {
        /// The target.
        target: Target,
    },
    /// The target cannot hold all of a value, and the encoder may not leave it out.
    #[error("key \"{}\": {target} cannot hold {loss}", key.escape_ascii())]
    Loss {
        /// The key; empty when the value was written without one.
        key: Vec<u8>,
        /// What it cannot hold.
        loss: Loss,
        /// The target.
        target: Target,
    },
    /// A stream is not one that a server could have.
    #[error("key \"{}\": stream is malformed", key.escape_ascii())]
    Stream {
        /// The key; empty when the value was written without one.
        key: Vec<u8>,
        /// What is wrong with it.
        source: StreamError,
    },
    /// A score is not a number; no server loads such a sorted set.
    #[error("score of member {index} is not a number")]
    Score {
        /// Position of the member in the value, from 0.
        index: usize,
    },
}

/// Why a compressed string could not be expanded. Positions are bytes from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LzfError {
    /// The input stops inside a token.
    #[error("compressed bytes end inside the token at {at}")]
    Truncated {
        /// Where the token starts.
        at: usize,
    },
    /// A token copies from before the start of the output.
    #[error("token at {at} copies from {distance} bytes back, where only {written} are")]
    Distance {
        /// Where the token starts.
        at: usize,
        /// How far back it points, in bytes.
        distance: usize,
        /// Bytes written so far.
        written: usize,
    },
    /// The tokens give more bytes than promised.
    #[error("token at {at} exceeds the promised {expanded} bytes")]
    TooLong {
        /// Where the token starts.
        at: usize,
        /// The promised length, in bytes.
        expanded: usize,
    },
    /// The tokens give fewer bytes than promised, or can never give that many.
    #[error("{compressed} compressed bytes do not give the promised {expanded}")]
    TooShort {
        /// Length of the input, in bytes.
        compressed: usize,
        /// The promised length, in bytes.
        expanded: usize,
    },
}

/// What is wrong with a compact container. Positions are bytes from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CompactError {
    /// The container ends inside its header or an entry.
    #[error("entry at {at} reaches past the end of the container")]
    Truncated {
        /// Where the entry starts.
        at: usize,
    },
    /// The header states another size than the container has.
    #[error("header states {stated} bytes, the container has {actual}")]
    Size {
        /// Size in the header, in bytes.
        stated: u64,
        /// Size of the container, in bytes.
        actual: usize,
    },
    /// The header states another number of entries than there are.
    #[error("header states {stated} entries, the container has {actual}")]
    Count {
        /// Count in the header.
        stated: u64,
        /// Entries walked.
        actual: u64,
    },
    /// The header of a ziplist states another place for its last entry.
    #[error("header puts the last entry at {stated}, it is at {actual}")]
    Tail {
        /// Place in the header.
        stated: u64,
        /// Where the last entry is.
        actual: usize,
    },
    /// A byte starts no entry.
    #[error("byte {byte:#04x} at {at} starts no entry")]
    Entry {
        /// Where the byte is.
        at: usize,
        /// The byte.
        byte: u8,
    },
    /// The length by which an entry is found from behind is not the length it has.
    #[error("backward length at {at} is wrong")]
    BackLength {
        /// Where the length is.
        at: usize,
    },
    /// A length is written in more bytes than it needs where readers would disagree about it.
    #[error("length at {at} is written too wide")]
    WideLength {
        /// Where the length is.
        at: usize,
    },
    /// The width of the integers of an intset is not 2, 4 or 8.
    #[error("integers are {width} bytes wide")]
    Width {
        /// The width in the header, in bytes.
        width: u32,
    },
    /// The end mark is missing, or bytes follow it.
    #[error("end mark at {at} is missing or not the last byte")]
    EndMark {
        /// Where the container should end.
        at: usize,
    },
    /// The integers of an intset do not ascend.
    #[error("integer at {at} is not above the one before it")]
    Order {
        /// Where the integer is.
        at: usize,
    },
    /// The last field or member has no value or score.
    #[error("entry at {at} has no partner")]
    Odd {
        /// Where the lonely entry is.
        at: usize,
    },
    /// A field or member occurs twice.
    #[error("entry at {at} repeats an earlier one")]
    Duplicate {
        /// Where the later one is.
        at: usize,
    },
    /// A score is not a number.
    #[error("score at {at} is not a number")]
    Score {
        /// Where the score is.
        at: usize,
    },
    /// A container that must not be empty is.
    #[error("container is empty")]
    Empty,
}
