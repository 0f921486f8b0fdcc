//! Everything that is refused.

use crate::instance::{Ballot, InstanceId};

/// Why an instance or a key was refused.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// An instance carries a vote in a ballot that it has not promised yet.
    #[error("instance {id} voted in ballot {vote_ballot}, above its ballot {ballot}")]
    VoteAboveBallot {
        /// The instance.
        id: InstanceId,
        /// The highest ballot it promised.
        ballot: Ballot,
        /// The ballot it voted in.
        vote_ballot: Ballot,
    },
    /// An instance has a vote or is committed, but says nothing about its dependencies.
    #[error("instance {id} is decided upon without dependencies")]
    DependenciesMissing {
        /// The instance.
        id: InstanceId,
    },
    /// A key of an instance is not 16 bytes long.
    #[error("instance key has {found} bytes, not 16")]
    InstanceKeyLength {
        /// The key's length, in bytes.
        found: usize,
    },
    /// A key of a status is too short for its field, or too long.
    #[error("status key has {found} bytes, not {expected}")]
    StatusKeyLength {
        /// The length that its field has, in bytes.
        expected: usize,
        /// The key's length, in bytes.
        found: usize,
    },
    /// A key of a status names a field that this version does not know.
    #[error("status key names unknown field {tag:#04x} at byte 8")]
    StatusFieldUnknown {
        /// The byte after the replica's id.
        tag: u8,
    },
}
