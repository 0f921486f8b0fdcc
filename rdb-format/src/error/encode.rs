//! Every way in which a value cannot be written.

use crate::object::StreamError;
use crate::target::{Loss, Target};
use crate::value_type::ValueType;

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
    /// The target cannot hold a record that is no key.
    #[error("{target} cannot hold {record}")]
    Record {
        /// What it cannot hold.
        record: &'static str,
        /// The target.
        target: Target,
    },
    /// The target does not know the type of a value.
    #[error(
        "key \"{}\": {target} does not know type {} ({value_type})",
        key.escape_ascii(),
        value_type.number()
    )]
    Type {
        /// The key; empty when the value was written without one.
        key: Vec<u8>,
        /// The type.
        value_type: ValueType,
        /// The target.
        target: Target,
    },
    /// A value as it was stored holds listpacks so long that the target may misread them: see
    /// [`BackLengths`](crate::BackLengths). Decoded and encoded again it can be written.
    #[error("key \"{}\": {target} may misread its listpacks", key.escape_ascii())]
    BackLengths {
        /// The key.
        key: Vec<u8>,
        /// The target.
        target: Target,
    },
    /// A field expires at a time that servers cannot keep.
    #[error("key \"{}\": a field cannot expire at {expire_at_ms} ms", key.escape_ascii())]
    FieldExpiry {
        /// The key; empty when the value was written without one.
        key: Vec<u8>,
        /// The time, in milliseconds since 1970; Redis keeps 1 to 2^48 - 1, Valkey from 0 on.
        expire_at_ms: i64,
    },
    /// A field or member occurs twice in a value that goes into one container.
    #[error("key \"{}\": a field or member occurs twice", key.escape_ascii())]
    Duplicate {
        /// The key; empty when the value was written without one.
        key: Vec<u8>,
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
    #[error("key \"{}\": score of member {index} is not a number", key.escape_ascii())]
    Score {
        /// The key; empty when the value was written without one.
        key: Vec<u8>,
        /// Position of the member in the value, from 0.
        index: usize,
    },
}
