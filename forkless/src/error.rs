//! Why a command failed.

use std::io;
use std::path::{Path, PathBuf};

use aligned_io::{ReadError, WriteError};
use forkless::ServerError;
use rdb_format::{DecodeError, EncodeError};
use shard_runtime::ShardError;
use snapshot::{Address, LoadError, RetentionError, SnapshotError};

use crate::command::{Content, Mismatch, PictureError};

/// Why a command failed; its `Display` with all causes is the one line the user sees.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("{}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}", path.display())]
    Decode { path: PathBuf, source: DecodeError },
    #[error("{}", path.display())]
    Load { path: PathBuf, source: LoadError },
    /// The errors of a set name its files.
    #[error(transparent)]
    LoadSet(LoadError),
    /// The file's own errors name it.
    #[error(transparent)]
    File(WriteError),
    #[error("{}", path.display())]
    Save {
        path: PathBuf,
        source: SnapshotError,
    },
    #[error("{}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{}: is a directory, not an RDB file", path.display())]
    Directory { path: PathBuf },
    /// The set's own errors name its files.
    #[error(transparent)]
    Set { source: ReadError },
    #[error("{}: holds {manifests} manifests; a directory of shard files has one", path.display())]
    NotOneSet { path: PathBuf, manifests: usize },
    #[error("{}: {found}, where the manifest says {promised}", path.display())]
    Stale {
        path: PathBuf,
        found: Content,
        promised: Content,
    },
    #[error("{}: RDB version {version} is newer than any known here", path.display())]
    UnknownVersion { path: PathBuf, version: u32 },
    #[error("{}: byte {offset}: a {type_name} has no form as jsonl yet", path.display())]
    NoForm {
        path: PathBuf,
        offset: u64,
        type_name: &'static str,
    },
    #[error("{}: byte {offset}: key \"{key}\": value is damaged", path.display())]
    Value {
        path: PathBuf,
        offset: u64,
        key: String,
        source: DecodeError,
    },
    #[error("{}: byte {offset}", path.display())]
    Convert {
        path: PathBuf,
        offset: u64,
        source: EncodeError,
    },
    #[error("{}", path.display())]
    ConvertHead { path: PathBuf, source: EncodeError },
    #[error("{damaged} of {files} files are damaged or unreadable")]
    Damaged { damaged: usize, files: usize },
    #[error("{}", path.display())]
    Mismatch { path: PathBuf, source: Mismatch },
    #[error("{reads} reads did not find what was written")]
    WrongReads { reads: u64 },
    #[error("the picture cannot be drawn")]
    Picture(#[from] PictureError),
    /// The snapshot is written; an older one could not be removed.
    #[error("an old snapshot stays")]
    Retention(#[from] RetentionError),
    #[error("{master}: not in sync after {seconds} s: {reason}")]
    NotSynced {
        master: Address,
        seconds: u64,
        reason: String,
    },
    #[error("the shards failed")]
    Shards(#[from] ShardError),
    /// The server's own errors name what they are about.
    #[error(transparent)]
    Server(#[from] ServerError),
    #[error("signals cannot be awaited")]
    Signals { source: io::Error },
    #[cfg(feature = "epaxos")]
    #[error("{}", path.display())]
    Store {
        path: PathBuf,
        source: epaxos_store::StoreError,
    },
    #[error("cannot write the results")]
    Stdout(#[from] io::Error),
}

impl CommandError {
    /// Whether the arguments make no sense, though each by itself was understood.
    pub(crate) fn is_wrong_usage(&self) -> bool {
        use ServerError::{FileName, Nowhere};
        matches!(self, Self::Server(Nowhere | FileName { .. }))
    }

    /// What a failure of the store at `path` means.
    #[cfg(feature = "epaxos")]
    pub(crate) fn store(path: &Path, source: epaxos_store::StoreError) -> Self {
        Self::Store {
            path: path.to_owned(),
            source,
        }
    }

    /// What a failed snapshot into `path` means.
    pub(crate) fn save(path: &Path, error: SnapshotError) -> Self {
        match error {
            SnapshotError::File(error) => Self::File(error),
            source => Self::Save {
                path: path.to_owned(),
                source,
            },
        }
    }
}
