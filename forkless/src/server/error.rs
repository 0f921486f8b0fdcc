//! Why a server does not start, or does not stop.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use aligned_io::WriteError;
use shard_runtime::ShardError;
use snapshot::{LoadError, ReplicationError, SnapshotError};

/// Why a server does not start, or could not save before it stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// There is nowhere to listen.
    #[error("neither an address nor a Unix socket to listen at")]
    Nowhere,
    /// The name of the snapshot is that of another folder.
    #[error("{name:?} is a path; the snapshot's name is one of a file in its folder")]
    FileName {
        /// The name.
        name: String,
    },
    /// An address cannot be listened at.
    #[error("cannot listen at {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// A Unix socket cannot be listened at.
    #[error("{}: cannot listen", path.display())]
    ListenUnix {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Replicas of other machines could connect, and no secret is asked of them.
    #[error("{address}: anybody could replicate from here, and no secret is asked")]
    OpenReplication {
        /// The address that they see.
        address: SocketAddr,
    },
    /// Replicas cannot be listened for.
    #[error(transparent)]
    Replication(#[from] ReplicationError),
    /// Another server listens at the Unix socket.
    #[error("{}: another server listens here", path.display())]
    Taken {
        /// Its path.
        path: PathBuf,
    },
    /// The system refused what waits for connections.
    #[error("cannot wait for connections")]
    Poll {
        /// What the system said.
        source: io::Error,
    },
    /// There are two snapshots, and nobody can tell which one counts.
    #[error(
        "both {} and {} are there: remove the one that is out of date",
        file.display(),
        manifest.display()
    )]
    TwoSnapshots {
        /// The single file.
        file: PathBuf,
        /// The manifest of a set of files.
        manifest: PathBuf,
    },
    /// The folder of the snapshot is not there, and cannot be made.
    #[error("{}: cannot be made", path.display())]
    Folder {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The snapshot cannot be opened.
    #[error("{}", path.display())]
    Open {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The snapshot cannot be loaded.
    #[error("{}", path.display())]
    Load {
        /// Its path.
        path: PathBuf,
        /// Why not.
        source: LoadError,
    },
    /// A snapshot is being taken already.
    #[error("a snapshot is being taken already")]
    Saving,
    /// The snapshot could not be taken.
    #[error("{}", path.display())]
    Save {
        /// Its path.
        path: PathBuf,
        /// Why not.
        source: SnapshotError,
    },
    /// The snapshot could not be written: the file's own errors name it.
    #[error(transparent)]
    File(WriteError),
    /// The snapshot is written, and the one of the other kind that it replaces is still there.
    #[error("{}: cannot be removed, though a newer snapshot replaces it", path.display())]
    Superseded {
        /// The single file, or the manifest of the set of files.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The server has ended without the last snapshot that it was to take.
    #[error("{}: not saved, the server was cut off", path.display())]
    Unsaved {
        /// Where the snapshot was to go.
        path: PathBuf,
    },
    /// The server was cut off, and one of its threads hangs, as on a disk that does not answer.
    #[error("the thread {thread} hangs: the server was cut off")]
    CutOff {
        /// The thread's name.
        thread: String,
    },
    /// The shards failed.
    #[error("the shards failed")]
    Shards(#[from] ShardError),
}
