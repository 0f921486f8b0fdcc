//! Every way in which a stream cannot be written.

use std::io;

use crate::error::EncodeError;
use crate::value_type::{Family, ValueType};

/// Why a [`Writer`](crate::Writer) could not write.
///
/// After [`Write`](Self::Write) nothing more can be written, as nobody knows how much of it
/// arrived. All others leave the stream as it was, and the writer goes on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The target cannot hold a value, or no server could.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The output failed.
    #[error("byte {offset}: write failed")]
    Write {
        /// Bytes of the stream that had been written before.
        offset: u64,
        /// What the output said.
        source: io::Error,
    },
    /// Something else was to be written while elements of a value were still due.
    #[error("key \"{}\": {missing} elements are missing", key.escape_ascii())]
    Unfinished {
        /// The key.
        key: Vec<u8>,
        /// Elements, or bytes of a string, that were announced and have not come.
        missing: u64,
    },
    /// An element came while no value was waiting for one.
    #[error("no value is waiting for an element")]
    Unannounced,
    /// A piece of a string came that is longer than what was still due.
    #[error("key \"{}\": {len} bytes came where {missing} are missing", key.escape_ascii())]
    TooLong {
        /// The key.
        key: Vec<u8>,
        /// Bytes of the piece.
        len: u64,
        /// Bytes that were announced and have not come.
        missing: u64,
    },
    /// An element came that the value of the key cannot have.
    #[error("key \"{}\": this is no element of a {family}", key.escape_ascii())]
    Element {
        /// The key.
        key: Vec<u8>,
        /// What its value is.
        family: Family,
    },
    /// Values of this type are not made of elements that stand by themselves.
    #[error(
        "key \"{}\": type {} ({value_type}) cannot be written element by element",
        key.escape_ascii(),
        value_type.number()
    )]
    Whole {
        /// The key.
        key: Vec<u8>,
        /// The type.
        value_type: ValueType,
    },
    /// An earlier write failed.
    #[error("byte {offset}: stopped by an earlier failure")]
    Stopped {
        /// Bytes of the stream that had been written before it.
        offset: u64,
    },
}
