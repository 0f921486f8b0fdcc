//! Every way writing and publishing a file can fail.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::read_error::ReadError;

/// Why a file was not written or not published. Offsets and lengths are bytes.
///
/// Whatever the variant, the final name was not touched, with the one exception of
/// [`Operation::SyncDirectory`]: there the new, whole file already stands under its final name,
/// but the name may not survive a power cut.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The path ends in no file name (`/`, `..`, the empty path).
    #[error("{}: names no file", path.display())]
    NoFileName {
        /// The final path as it was given.
        path: PathBuf,
    },
    /// A number in the options is outside what the writer can serve.
    #[error("{option} is {value}, outside {min} to {max}")]
    OutOfRange {
        /// The field of [`WriterOptions`](crate::WriterOptions).
        option: &'static str,
        /// What it was set to.
        value: usize,
        /// The smallest value served.
        min: usize,
        /// The largest value served.
        max: usize,
    },
    /// The block size cannot be written with the alignment that the file asks for.
    #[error("block_bytes is {block_bytes}, no multiple of {alignment}")]
    Unaligned {
        /// What the block size was set to.
        block_bytes: usize,
        /// The alignment of the file's offsets.
        alignment: usize,
    },
    /// The file system or the user's quota is full.
    #[error("{}: no space for {needed} bytes{}", path.display(), Available(*available))]
    NoSpace {
        /// The final path.
        path: PathBuf,
        /// What was asked for: the preallocation, or the write that failed.
        needed: u64,
        /// What the file system says is free; `None` if it did not answer.
        available: Option<u64>,
        /// The refusal.
        source: io::Error,
    },
    /// The operating system refused an operation.
    #[error("{}: {operation} failed", path.display())]
    Io {
        /// What was tried, with the offset where it has one.
        operation: Operation,
        /// The final path.
        path: PathBuf,
        /// The refusal.
        source: io::Error,
    },
    /// A device, a pipe or a socket stands under the final name: a file in its place would take
    /// it away from everybody else.
    #[error("{}: is a device, a pipe or a socket, which no file replaces", path.display())]
    Special {
        /// The final path.
        path: PathBuf,
    },
    /// Something stands under the final name, and it was not to be replaced.
    #[error("{}: exists already", path.display())]
    AlreadyExists {
        /// The final path.
        path: PathBuf,
    },
    /// The pool given to the writer has fewer free buffers than it needs.
    #[error("{wanted} buffers wanted, {free} free in the pool")]
    TooFewBuffers {
        /// One more than the depth of the writer.
        wanted: usize,
        /// What the pool had.
        free: usize,
    },
    /// Somebody else is writing this file set, in this process or another one.
    #[error("{}: is being written already", path.display())]
    Busy {
        /// The path of the set.
        path: PathBuf,
    },
    /// A file of a set cannot have this name: 1 to 128 bytes are allowed, without `/` and control
    /// characters, and at most 187 together with the name of the set.
    #[error("{}: no file of a set can be called {name:?}", path.display())]
    MemberName {
        /// The path of the set.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// This cannot be noted in a manifest: at most 4096 bytes, without control characters.
    #[error("{}: the note has {bytes} bytes or control characters", path.display())]
    Note {
        /// The path of the set.
        path: PathBuf,
        /// Its length.
        bytes: usize,
    },
    /// A file was begun in one set and given to another one.
    #[error("{}: belongs to another file set", path.display())]
    ForeignMember {
        /// The path of the file.
        path: PathBuf,
    },
    /// The manifest that stands there cannot be read, so nobody knows which files are still
    /// needed. Who removes it gives up the set that it stood for.
    #[error("the file set that is there cannot be read")]
    Manifest {
        /// What is wrong with it.
        source: ReadError,
    },
    /// An earlier call on this writer failed; nothing written through it can be published.
    #[error("{}: an earlier write failed", path.display())]
    Poisoned {
        /// The final path.
        path: PathBuf,
    },
}

/// What the writer was doing when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Operation {
    /// Opening the directory of the final path.
    OpenDirectory,
    /// Listing the directory of the final path.
    ReadDirectory,
    /// Locking a file set.
    Lock,
    /// Creating the temporary file.
    Create,
    /// Turning on `O_DIRECT`, when it was required.
    SetDirect,
    /// Allocating the buffers.
    AllocateBuffers {
        /// Bytes of all buffers together.
        bytes: usize,
    },
    /// Setting up the `io_uring`, when it was required.
    SetUpRing,
    /// Registering the buffers with the `io_uring`, when it was required.
    RegisterBuffers,
    /// Starting the first thread, when threads were required.
    StartThread,
    /// Preallocating the file.
    Preallocate {
        /// Bytes asked for.
        bytes: u64,
    },
    /// The first transfer, which proves that the file takes direct ones.
    Probe,
    /// Writing data.
    Write {
        /// Where in the file the failed write starts.
        offset: u64,
    },
    /// Handing transfers to the kernel or getting them back: not one of them failed, but what
    /// carries them.
    Reap,
    /// Cutting the file to its exact length.
    Truncate {
        /// The exact length.
        length: u64,
    },
    /// Making the content durable.
    SyncFile,
    /// Giving the file its final name.
    Rename,
    /// Making the final name durable.
    SyncDirectory,
    /// Removing a temporary file.
    Remove,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenDirectory => f.write_str("opening the directory"),
            Self::ReadDirectory => f.write_str("listing the directory"),
            Self::Lock => f.write_str("locking the file set"),
            Self::Create => f.write_str("creating the temporary file"),
            Self::SetDirect => f.write_str("turning on O_DIRECT"),
            Self::AllocateBuffers { bytes } => write!(f, "allocating {bytes} bytes of buffers"),
            Self::SetUpRing => f.write_str("setting up the io_uring"),
            Self::RegisterBuffers => f.write_str("registering the buffers"),
            Self::StartThread => f.write_str("starting a thread"),
            Self::Preallocate { bytes } => write!(f, "preallocating {bytes} bytes"),
            Self::Probe => f.write_str("the first direct transfer"),
            Self::Write { offset } => write!(f, "writing at byte {offset}"),
            Self::Reap => f.write_str("exchanging blocks with the kernel"),
            Self::Truncate { length } => write!(f, "cutting to {length} bytes"),
            Self::SyncFile => f.write_str("fsync of the file"),
            Self::Rename => f.write_str("renaming to the final name"),
            Self::SyncDirectory => f.write_str("fsync of the directory"),
            Self::Remove => f.write_str("removing a temporary file"),
        }
    }
}

impl From<WriteError> for io::Error {
    /// Keeps the [`WriteError`] as the source. The kind is never `Interrupted`, so that
    /// `write_all` cannot take a final failure for one to repeat.
    fn from(error: WriteError) -> Self {
        let kind = match &error {
            WriteError::NoFileName { .. }
            | WriteError::OutOfRange { .. }
            | WriteError::Unaligned { .. }
            | WriteError::MemberName { .. }
            | WriteError::Note { .. }
            | WriteError::Special { .. }
            | WriteError::ForeignMember { .. } => io::ErrorKind::InvalidInput,
            WriteError::NoSpace { source, .. } | WriteError::Io { source, .. } => source.kind(),
            WriteError::AlreadyExists { .. } => io::ErrorKind::AlreadyExists,
            WriteError::TooFewBuffers { .. } | WriteError::Busy { .. } => {
                io::ErrorKind::ResourceBusy
            }
            WriteError::Manifest { .. } => io::ErrorKind::InvalidData,
            WriteError::Poisoned { .. } => io::ErrorKind::Other,
        };
        let kind = if kind == io::ErrorKind::Interrupted {
            io::ErrorKind::Other
        } else {
            kind
        };
        Self::new(kind, error)
    }
}

/// The tail of the message about a full file system.
struct Available(Option<u64>);

impl fmt::Display for Available {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(bytes) => write!(f, ", {bytes} available"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interrupted() -> WriteError {
        WriteError::Io {
            operation: Operation::Write { offset: 8192 },
            path: PathBuf::from("dump.rdb"),
            source: io::Error::from(io::ErrorKind::Interrupted),
        }
    }

    #[test]
    fn message_names_operation_offset_and_file() {
        assert_eq!(
            interrupted().to_string(),
            "dump.rdb: writing at byte 8192 failed"
        );
    }

    #[test]
    fn io_error_keeps_the_write_error_and_never_asks_to_be_retried() {
        let error = io::Error::from(interrupted());
        assert_eq!(error.kind(), io::ErrorKind::Other);
        let inner = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<WriteError>());
        assert!(matches!(inner, Some(WriteError::Io { .. })));
    }

    #[test]
    fn full_disk_message_says_what_is_left_when_known() {
        let full = |available| WriteError::NoSpace {
            path: PathBuf::from("d"),
            needed: 10,
            available,
            source: io::Error::from(io::ErrorKind::StorageFull),
        };
        assert_eq!(
            full(Some(3)).to_string(),
            "d: no space for 10 bytes, 3 available"
        );
        assert_eq!(full(None).to_string(), "d: no space for 10 bytes");
    }
}
