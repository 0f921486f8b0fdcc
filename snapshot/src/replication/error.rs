//! Everything that can go wrong between a master and a replica.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use shard_runtime::ShardError;

use super::address::Address;
use crate::error::SnapshotError;
use crate::key::Key;
use crate::stream::{FrameError, FrameKind, StreamError};

/// Why a master and a replica parted, or did not come together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplicationError {
    /// The master cannot listen.
    #[error("cannot listen at {address}")]
    Listen {
        /// Where.
        address: Address,
        /// What the system said.
        source: io::Error,
    },
    /// The master would serve every machine, without a secret.
    #[error("whoever reaches {address} could follow: there is no secret")]
    Unprotected {
        /// Where it was to listen.
        address: Address,
    },
    /// What was sent cannot be kept on the disk.
    #[error("cannot keep what was sent in {}", folder.display())]
    Spill {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The master cannot be reached.
    #[error("cannot connect to {address}")]
    Connect {
        /// Where it should be.
        address: Address,
        /// What the system said.
        source: io::Error,
    },
    /// A connection broke.
    #[error("the connection broke")]
    Broken {
        /// What the system said.
        source: io::Error,
    },
    /// The other side closed a connection.
    #[error("the other side closed the connection")]
    Closed,
    /// Nothing came for too long.
    #[error("nothing came for {silence:?}")]
    Silent {
        /// How long nothing came, or could be sent.
        silence: Duration,
    },
    /// Bytes that are no frame.
    #[error("what came is no frame")]
    Frame(#[from] FrameError),
    /// A frame of a kind that has no place there.
    #[error("a frame of kind {kind:?} where {expected:?} was due")]
    Unexpected {
        /// What came.
        kind: FrameKind,
        /// What should have.
        expected: FrameKind,
    },
    /// What came does not begin as this protocol does.
    #[error("the other side does not speak this protocol")]
    Magic,
    /// The other side speaks another version.
    #[error("version {found} of the protocol, where {known} is spoken")]
    Version {
        /// The other side's.
        found: u16,
        /// The one that is spoken here.
        known: u16,
    },
    /// The other side does not know the secret.
    #[error("the other side does not know the secret")]
    Secret,
    /// A number in a handshake makes no sense.
    #[error("{what} is {found}, which makes no sense")]
    Nonsense {
        /// Which number.
        what: &'static str,
        /// What it is.
        found: u64,
    },
    /// The replica was so slow that what it lacks is kept no more.
    #[error("what comes next is kept no more")]
    BacklogSpent,
    /// The master refused.
    #[error("the master refuses: {text}")]
    Refused {
        /// What it said.
        text: String,
    },
    /// The master ended the streams.
    #[error("the master has ended the streams: {text}")]
    Ended {
        /// What it said.
        text: String,
    },
    /// A stream that makes no sense.
    #[error("stream {stream}")]
    Stream {
        /// Its number.
        stream: u16,
        /// What is wrong with it.
        source: StreamError,
    },
    /// The store has no type for a value.
    #[error("{key:?} of database {database} is of a type that the store does not have")]
    UnsupportedType {
        /// Number of the database the key is in.
        database: u32,
        /// The key.
        key: Key,
    },
    /// A change that does not fit what is there.
    #[error("a change to {key:?} of database {database} does not fit what is there")]
    Diverged {
        /// Number of the database the key is in.
        database: u32,
        /// The key.
        key: Key,
    },
    /// A shard of this side failed.
    #[error(transparent)]
    Shard(#[from] ShardError),
    /// The streams could not be begun, or have ended.
    #[error(transparent)]
    Streams(#[from] SnapshotError),
    /// Somebody stopped it.
    #[error("stopped")]
    Stopped,
}

impl ReplicationError {
    /// The master refuses, for this reason.
    pub(super) fn refused(text: &str) -> Self {
        Self::Refused {
            text: text.to_owned(),
        }
    }

    /// What a failed read or write of a connection means, which may take so long.
    pub(super) fn of_io(source: io::Error, silence: Duration) -> Self {
        match source.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::Silent { silence },
            io::ErrorKind::UnexpectedEof | io::ErrorKind::WriteZero => Self::Closed,
            _ => Self::Broken { source },
        }
    }
}
