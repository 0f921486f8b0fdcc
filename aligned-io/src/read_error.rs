//! Every way reading a file or a set of files can fail.

use std::io;
use std::path::PathBuf;

use crate::error::Operation;

/// Why a file or a set of files was not read. Offsets and lengths are bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// A file could not be opened.
    #[error("{}: opening failed", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The refusal.
        source: io::Error,
    },
    /// The path leads to a directory, a pipe, a device: no regular file.
    #[error("{}: no regular file", path.display())]
    NoFile {
        /// The path.
        path: PathBuf,
    },
    /// A number in the options is outside what the reader can serve.
    #[error("{option} is {value}, outside {min} to {max}")]
    OutOfRange {
        /// The field of [`ReaderOptions`](crate::ReaderOptions).
        option: &'static str,
        /// What it was set to.
        value: usize,
        /// The smallest value served.
        min: usize,
        /// The largest value served.
        max: usize,
    },
    /// The block size cannot be read with the alignment that the file asks for.
    #[error("block_bytes is {block_bytes}, no multiple of {alignment}")]
    Unaligned {
        /// What the block size was set to.
        block_bytes: usize,
        /// The alignment of the file's offsets.
        alignment: usize,
    },
    /// The operating system refused something other than a read.
    #[error("{}: {operation} failed", path.display())]
    Io {
        /// What was tried.
        operation: Operation,
        /// The file.
        path: PathBuf,
        /// The refusal.
        source: io::Error,
    },
    /// The operating system refused a read.
    #[error("{}: reading at byte {offset} failed", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Where in the file the failed read starts.
        offset: u64,
        /// The refusal.
        source: io::Error,
    },
    /// The file became shorter while it was read.
    #[error("{}: ends at byte {offset}, it had {length} bytes when it was opened", path.display())]
    Shrunk {
        /// The file.
        path: PathBuf,
        /// Its length when it was opened.
        length: u64,
        /// Where it ended when that was found.
        offset: u64,
    },
    /// An earlier call on this reader failed.
    #[error("{}: an earlier read failed", path.display())]
    Poisoned {
        /// The file.
        path: PathBuf,
    },
    /// What should be a manifest breaks its format.
    #[error("{}: byte {offset}: no manifest: {expected} expected", path.display())]
    NoManifest {
        /// The file.
        path: PathBuf,
        /// Where the line that breaks it starts.
        offset: usize,
        /// What should stand there.
        expected: &'static str,
    },
    /// The manifest is of a version that this crate does not know.
    #[error("{}: manifest of version {version}, only 1 is known", path.display())]
    ManifestVersion {
        /// The manifest.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// The manifest is not what was written.
    #[error("{}: checksum {found:016x}, {expected:016x} expected", path.display())]
    Checksum {
        /// The manifest, or a file that one names.
        path: PathBuf,
        /// The XXH3 that is stored.
        expected: u64,
        /// The XXH3 of what is there.
        found: u64,
    },
    /// A file that a manifest names is not as long as it should be.
    #[error("{}: {found} bytes long, {expected} expected", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// The length that the manifest names.
        expected: u64,
        /// The length that is found.
        found: u64,
    },
}

impl From<ReadError> for io::Error {
    /// Keeps the [`ReadError`] as the source. The kind is never `Interrupted`, so that nobody takes
    /// a final failure for one to repeat.
    fn from(error: ReadError) -> Self {
        use io::ErrorKind::{Interrupted, InvalidData, InvalidInput, Other, UnexpectedEof};
        let kind = match &error {
            ReadError::Open { source, .. }
            | ReadError::Io { source, .. }
            | ReadError::Read { source, .. } => source.kind(),
            ReadError::NoFile { .. }
            | ReadError::OutOfRange { .. }
            | ReadError::Unaligned { .. } => InvalidInput,
            ReadError::Shrunk { .. } => UnexpectedEof,
            ReadError::Poisoned { .. } => Other,
            ReadError::NoManifest { .. }
            | ReadError::ManifestVersion { .. }
            | ReadError::Checksum { .. }
            | ReadError::Length { .. } => InvalidData,
        };
        let kind = if kind == Interrupted { Other } else { kind };
        Self::new(kind, error)
    }
}
