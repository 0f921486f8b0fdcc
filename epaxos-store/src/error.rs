//! Everything that is refused or fails.

use std::fmt::Write;
use std::path::PathBuf;

use crate::instance::{Ballot, Instance, InstanceId, ReplicaId, Status};

/// Why the store refused something, or could not do it.
///
/// What [refuses](StoreError::is_refusal) leaves the transaction open and as it was.
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
    /// An instance was to be executed, or is said to be, and is not committed.
    #[error("instance {id} is {status}, not committed")]
    NotCommitted {
        /// The instance.
        id: InstanceId,
        /// How far it has come.
        status: Status,
    },
    /// A ballot would go back: a promise would be broken.
    #[error("instance {id} promised ballot {have}, refused {got}")]
    StaleBallot {
        /// The instance.
        id: InstanceId,
        /// The ballot it promised.
        have: Ballot,
        /// The lower one.
        got: Ballot,
    },
    /// The ballot of a vote would go back, or a vote would be forgotten.
    #[error("instance {id} voted in ballot {have}, refused {}", option(*got))]
    StaleVote {
        /// The instance.
        id: InstanceId,
        /// The ballot that it voted in.
        have: Ballot,
        /// The lower one; none if the vote would be forgotten.
        got: Option<Ballot>,
    },
    /// A vote would be for something else than the vote in the same ballot before.
    #[error("instance {} has voted for something else in ballot {}", have.id, have.ballot)]
    VoteChanged {
        /// What is stored.
        have: Box<Instance>,
        /// What was to replace it.
        got: Box<Instance>,
    },
    /// A committed instance would get other commands or dependencies, or lose its commit.
    #[error("instance {} is {}, refused another that is {}", have.id, have.status(), got.status())]
    CommitChanged {
        /// What is stored.
        have: Box<Instance>,
        /// What was to replace it.
        got: Box<Instance>,
    },
    /// The instance is purged at its leader and deleted here.
    #[error("instance {id} is purged, as all up to {floor}")]
    Purged {
        /// The instance.
        id: InstanceId,
        /// The last index that is deleted.
        floor: u64,
    },
    /// Nothing is stored of an instance that was to be updated.
    #[error("instance {id} is not stored")]
    NotFound {
        /// The instance.
        id: InstanceId,
    },
    /// An announcement of what is purged is about this replica's own instances.
    #[error("replica {replica} decides itself what of its instances is purged")]
    OwnReplica {
        /// This replica.
        replica: ReplicaId,
    },
    /// A replica has no index left.
    #[error("replica {replica} has used every index")]
    IndicesExhausted {
        /// The replica.
        replica: ReplicaId,
    },
    /// A key has more bytes than the limit.
    #[error("key has {bytes} bytes, at most {bytes_max} are allowed")]
    KeyTooLarge {
        /// Its length, in bytes.
        bytes: u64,
        /// The limit, in bytes.
        bytes_max: u64,
    },
    /// A value, or an instance as it is stored, has more bytes than the limit.
    #[error("value has {bytes} bytes, at most {bytes_max} are allowed")]
    ValueTooLarge {
        /// Its length, in bytes.
        bytes: u64,
        /// The limit, in bytes.
        bytes_max: u64,
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
    /// Stored bytes are not what was written.
    #[error("{family} of key {}: {what}", hex(key))]
    Corruption {
        /// What the bytes are: `record`, `instance`, `status` or `meta`.
        family: &'static str,
        /// Their key.
        key: Vec<u8>,
        /// What is wrong with them.
        what: &'static str,
    },
    /// Stored bytes are of a version that this one does not know, which is never guessed.
    #[error("{family} of key {} has version {version}, unknown here", hex(key))]
    UnsupportedFormat {
        /// What the bytes are: `record`, `instance`, `status` or `meta`.
        family: &'static str,
        /// Their key.
        key: Vec<u8>,
        /// Their version.
        version: u8,
    },
    /// RocksDB found its own files damaged, and no transaction is dropped to get around that.
    #[error("the engine's files are damaged: {message}")]
    EngineCorruption {
        /// What RocksDB says.
        message: String,
    },
    /// The store at this path belongs to another replica.
    #[error("the store belongs to replica {have}, not {got}")]
    WrongReplica {
        /// Whom it belongs to.
        have: ReplicaId,
        /// Who wanted to open it.
        got: ReplicaId,
    },
    /// There is no store at the path, and none was to be made.
    #[error("no store at {}", path.display())]
    NoStore {
        /// The path.
        path: PathBuf,
    },
    /// Somebody has the store open.
    #[error("the store at {} is open elsewhere", path.display())]
    InUse {
        /// The path.
        path: PathBuf,
    },
    /// A transaction is open already.
    #[error("a transaction is open already")]
    TransactionOpen,
    /// No transaction is open.
    #[error("no transaction is open")]
    NoTransaction,
    /// There is no savepoint to go back to.
    #[error("no savepoint to go back to")]
    NoSavepoint,
    /// Another transaction held a lock for longer than the timeout.
    #[error("another transaction held the lock too long: {message}")]
    LockTimeout {
        /// What RocksDB says.
        message: String,
    },
    /// Waiting for the lock would have closed a circle.
    #[error("waiting for the lock would be a deadlock: {message}")]
    Deadlock {
        /// What RocksDB says.
        message: String,
    },
    /// Somebody changed the key after this transaction's snapshot.
    #[error("the key changed after the transaction's snapshot: {message}")]
    Conflict {
        /// What RocksDB says.
        message: String,
    },
    /// The transaction was open for longer than it said it would.
    #[error("the transaction expired")]
    Expired,
    /// The disk is full, or the file may not grow. The store is poisoned from here on.
    #[error("no space left: {message}")]
    DiskFull {
        /// What RocksDB says.
        message: String,
    },
    /// A write failed before: what is on disk is known again only after opening anew.
    #[error("the store must be opened anew, because a write failed: {cause}")]
    Poisoned {
        /// The first failure.
        cause: String,
    },
    /// A stream is not whole, or not one of ours.
    #[error("stream damaged at byte {offset}: {what}")]
    Stream {
        /// Bytes before the part that is wrong.
        offset: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A stream has what only an installation, or only a running store, can take.
    #[error("the stream is {found}, and {wanted} is needed")]
    StreamKind {
        /// What it is.
        found: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
    /// A stream starts after what is here ends: only a full one can help.
    #[error("the stream starts at {replica}/{start}, and {needed} is needed")]
    StreamGap {
        /// Whose instances are missing.
        replica: ReplicaId,
        /// The first index that the stream could have.
        start: u64,
        /// The first index that is needed.
        needed: u64,
    },
    /// The system failed.
    #[error("{what} {}: {message}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// The path.
        path: PathBuf,
        /// The kind that the system gave.
        kind: std::io::ErrorKind,
        /// What the system says.
        message: String,
    },
    /// RocksDB failed otherwise.
    #[error("the engine failed: {message}")]
    Engine {
        /// What RocksDB says.
        message: String,
    },
}

impl StoreError {
    /// True if nothing failed: what was asked is against a rule, now and always.
    ///
    /// False for failures of the system, and for everything about other transactions, where
    /// trying again may help.
    pub fn is_refusal(&self) -> bool {
        !self.is_retryable()
            && !matches!(
                self,
                Self::Corruption { .. }
                    | Self::UnsupportedFormat { .. }
                    | Self::EngineCorruption { .. }
                    | Self::DiskFull { .. }
                    | Self::Poisoned { .. }
                    | Self::Stream { .. }
                    | Self::Io { .. }
                    | Self::Engine { .. }
            )
    }

    /// True if the same transaction, begun anew, may well succeed.
    pub fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::LockTimeout { .. } | Self::Deadlock { .. } | Self::Conflict { .. }
        )
    }

    pub(crate) fn io(what: &'static str, path: impl Into<PathBuf>, error: &std::io::Error) -> Self {
        let path = path.into();
        if error.kind() == std::io::ErrorKind::StorageFull {
            return Self::DiskFull {
                message: format!("{what} {}: {error}", path.display()),
            };
        }
        Self::Io {
            what,
            path,
            kind: error.kind(),
            message: error.to_string(),
        }
    }
}

/// What RocksDB says, sorted by what a caller can do about it. Its kinds are parsed from text,
/// and some of them mean several things.
impl From<rocksdb::Error> for StoreError {
    fn from(error: rocksdb::Error) -> Self {
        use rocksdb::ErrorKind;
        let kind = error.kind();
        let message = error.into_string();
        let is_full = ["No space left", "File too large", "Space limit", "quota"]
            .iter()
            .any(|text| message.contains(text));
        match kind {
            ErrorKind::IOError if message.contains("lock ") && message.contains("LOCK") => {
                Self::InUse {
                    path: PathBuf::from(message),
                }
            }
            _ if is_full => Self::DiskFull { message },
            ErrorKind::Busy if message.contains("Deadlock") => Self::Deadlock { message },
            ErrorKind::Busy | ErrorKind::TryAgain => Self::Conflict { message },
            ErrorKind::TimedOut => Self::LockTimeout { message },
            ErrorKind::Expired => Self::Expired,
            ErrorKind::Corruption => Self::EngineCorruption { message },
            _ => Self::Engine { message },
        }
    }
}

fn option(ballot: Option<Ballot>) -> String {
    ballot.map_or_else(|| "none".to_owned(), |ballot| ballot.to_string())
}

/// The first bytes of a key, as hexadecimal digits.
fn hex(key: &[u8]) -> String {
    const BYTES_MAX: usize = 32;
    let mut text = String::new();
    for byte in key.iter().take(BYTES_MAX) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    if key.len() > BYTES_MAX {
        text.push('…');
    }
    text
}
