//! Every way reading, writing or expanding can fail, with the place where it did.

mod compact;
mod encode;
mod write;

use std::io;

use crate::compact::Container;
use crate::event::Warning;
use crate::object::StreamError;
use crate::value_type::ValueType;

pub use self::compact::{CompactError, LzfError};
pub use self::encode::EncodeError;
pub use self::write::WriteError;

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
    /// When a field expires is no time.
    #[error("byte {offset}: time of expiry is out of range")]
    FieldExpiry {
        /// Where the time starts.
        offset: u64,
    },
    /// The index of an array element is the one number that is none.
    #[error("byte {offset}: array index is out of range")]
    ArrayIndex {
        /// Where the index starts.
        offset: u64,
    },
    /// A hash names a template that is not known, or one is defined twice or without fields.
    #[error("byte {offset}: hash template {id} is unknown, empty or defined twice")]
    Template {
        /// Where the number of the template is.
        offset: u64,
        /// The number.
        id: u64,
    },
    /// The name of a slot import does not have 40 bytes.
    #[error("byte {offset}: name of a slot import has {length} bytes instead of 40")]
    SlotImport {
        /// Where the name starts.
        offset: u64,
        /// Its length, in bytes.
        length: usize,
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
    /// Bytes follow a value that should be all there is.
    #[error("byte {offset}: {bytes} bytes follow the value")]
    Trailing {
        /// Where the value ends.
        offset: u64,
        /// How many bytes follow.
        bytes: u64,
    },
    /// A limit set for this reader is exceeded.
    #[error("byte {offset}: more {what} than the limit of {limit}")]
    Limit {
        /// Where that was noticed.
        offset: u64,
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A member or field occurs twice in a value; found in strict reading only.
    #[error("byte {offset}: member or field occurs twice")]
    Duplicate {
        /// Where the later one, or the container that holds it, starts.
        offset: u64,
    },
    /// Something is odd, and the reader was told to be strict.
    #[error("byte {}: odd in strict reading: {warning:?}", warning.offset())]
    Strict {
        /// What is odd.
        warning: Warning,
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
            Self::Strict { warning } => warning.offset(),
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
            | Self::Trailing { offset, .. }
            | Self::Limit { offset, .. }
            | Self::Duplicate { offset }
            | Self::SlotImport { offset, .. }
            | Self::Template { offset, .. }
            | Self::FieldExpiry { offset }
            | Self::ArrayIndex { offset }
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
