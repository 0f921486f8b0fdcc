//! Everything that can go wrong with a snapshot or a load.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use aligned_io::{ReadError, WriteError};
use rdb_format::{DecodeError, EncodeError};
use shard_runtime::ShardError;

use crate::key::Key;

/// Why a snapshot was not taken. Nothing is then left under its final name, but for the one
/// exception that [`Handle::wait`](crate::Handle::wait) names.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// The target of the encoding cannot hold a value.
    #[error("{key:?} of database {database} cannot be written")]
    Encode {
        /// Number of the database the key is in.
        database: u32,
        /// The key.
        key: Key,
        /// What stands against it.
        source: EncodeError,
    },
    /// The target of the encoding cannot hold something that belongs to no key.
    #[error("the file's head cannot be written")]
    Head {
        /// What stands against it.
        source: EncodeError,
    },
    /// The file could not be written, or not be made durable.
    #[error(transparent)]
    File(#[from] WriteError),
    /// The output stream failed.
    #[error("the output failed")]
    Output {
        /// What the stream said.
        source: io::Error,
    },
    /// The cut could not be taken on all shards.
    #[error("no cut across the shards")]
    Cut {
        /// Which shard stood in the way, and why.
        source: ShardError,
    },
    /// A shard stopped before it had delivered everything.
    #[error("a shard stopped before it had delivered everything")]
    ShardLost,
    /// The table of a database was taken out of its keyspace before it had been delivered.
    #[error("the table of database {database} is gone")]
    TableGone {
        /// Number of the database at the cut.
        database: u32,
    },
    /// Records of a replica's store could not be read.
    #[cfg(feature = "epaxos")]
    #[error("records could not be read")]
    Records {
        /// What the store said.
        source: epaxos_store::StoreError,
    },
    /// Two databases were swapped while streams followed them: see
    /// [`Keyspace::swap`](crate::Keyspace::swap).
    #[error("databases were swapped")]
    DatabasesSwapped,
    /// A record is longer than a frame of a stream can be: the key is too long, or the value told
    /// less than its weight.
    #[error("{key:?} of database {database} makes a record of {bytes} bytes")]
    RecordTooLong {
        /// Number of the database the key is in.
        database: u32,
        /// The key.
        key: Key,
        /// What the record takes, in bytes.
        bytes: usize,
    },
    /// A sink's thread, or the one that watches over them, could not be started, or panicked.
    #[error("a thread of the snapshot failed")]
    Sink {
        /// What the thread said.
        source: ShardError,
    },
    /// The shards delivered another number of keys than there were at the cut.
    ///
    /// A broken invariant of this crate; the file is not published.
    #[error("{delivered} keys were delivered, {expected} were there at the cut")]
    Incomplete {
        /// Keys that arrived at the sink.
        delivered: u64,
        /// Keys in all tables at the cut.
        expected: u64,
    },
    /// A sink's thread is gone, and nobody knows why. Where it panicked, or could not be started,
    /// [`Sink`](Self::Sink) tells.
    #[error("a sink's thread is gone")]
    SinkLost,
    /// The output did not come back in time: a disk or a peer hangs. The sink's thread is left
    /// to itself, and publishes nothing should it ever come back.
    #[error("the output has hung for {stall:?}")]
    SinkStalled {
        /// The longest that one write or sync was allowed to take.
        stall: Duration,
    },
    /// The snapshot took longer than it was allowed to.
    #[error("the snapshot took longer than {deadline:?}")]
    DeadlineExceeded {
        /// What it was allowed to take.
        deadline: Duration,
    },
    /// The byte budget was spent when a write had to deliver, and the snapshot was
    /// [asked to fail](crate::WhenSpent::Fail) then.
    #[error("the byte budget is spent")]
    BudgetSpent,
    /// The handle was asked once more after it had told the outcome.
    #[error("the outcome has been taken")]
    Taken,
    /// Somebody cancelled the snapshot.
    #[error("the snapshot was cancelled")]
    Cancelled,
}

impl SnapshotError {
    pub(crate) fn encode(database: u32, key: &Key, mut source: EncodeError) -> Self {
        // A value that was encoded without its key could not name it.
        match &mut source {
            EncodeError::Loss { key: name, .. }
            | EncodeError::Type { key: name, .. }
            | EncodeError::FieldExpiry { key: name, .. }
            | EncodeError::Duplicate { key: name }
            | EncodeError::Stream { key: name, .. } => *name = key.as_bytes().to_vec(),
            _ => {}
        }
        Self::Encode {
            database,
            key: key.clone(),
            source,
        }
    }

    /// What a failed write means: the file's own error if there is one inside.
    pub(crate) fn output(error: io::Error) -> Self {
        match error.downcast::<WriteError>() {
            Ok(error) => Self::File(error),
            Err(source) => Self::Output { source },
        }
    }
}

/// Why a file was not loaded. The shards are as they were, but for the one exception that
/// [`Load::from_reader`](crate::Load::from_reader) names.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The bytes are not a whole, sound RDB file.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The store has no type for a value.
    #[error(
        "byte {offset}: {key:?} of database {database} is a {type_name}, and the store has none"
    )]
    UnsupportedType {
        /// Number of the database the key is in.
        database: u32,
        /// The key.
        key: Key,
        /// The type, as people name it.
        type_name: &'static str,
        /// Byte offset of the value's type in the file.
        offset: u64,
    },
    /// A key stands twice in one database, so that one of its values would be lost.
    #[error("byte {offset}: {key:?} stands twice in database {database}")]
    DuplicateKey {
        /// Number of the database the key is in.
        database: u32,
        /// The key.
        key: Key,
        /// Byte offset of the second one's type in the file.
        offset: u64,
    },
    /// A set of files has no manifest that can be believed, or a file that cannot be read.
    #[error(transparent)]
    Set(#[from] ReadError),
    /// A file of a set cannot be read.
    #[error("{}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of a set cannot be loaded.
    #[error("{}", path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Box<LoadError>,
    },
    /// A file of a set is not the one that its manifest names.
    #[error("{found}; it is not the file that the manifest names")]
    Stale {
        /// The file.
        path: PathBuf,
        /// Its length or checksum, and the one in the manifest.
        found: ReadError,
    },
    /// Another part of what is loaded has failed, a file of the same set or a section of the same
    /// file, so this one was not read to its end. Never the error of a whole load.
    #[error("stopped")]
    Stopped,
    /// A database's number is larger than [`Load::databases_max`](crate::Load::databases_max)
    /// allows.
    #[error("byte {offset}: database {number}, where numbers are below {max}")]
    Database {
        /// Its number.
        number: u32,
        /// Numbers are below this.
        max: u32,
        /// Byte offset of the first key's type in it.
        offset: u64,
    },
    /// Somebody else is loading into the same shards.
    #[error("another load is under way")]
    Busy,
    /// There are keys already, which would be mixed with those of the file.
    #[error("shard {shard} is not empty")]
    NotEmpty {
        /// Number of the first shard that has keys.
        shard: usize,
    },
    /// A shard stopped.
    #[error(transparent)]
    Shard(#[from] ShardError),
}
