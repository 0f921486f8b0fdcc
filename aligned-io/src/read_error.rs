//! Every way reading a file or a set of files can fail.

use std::io;
use std::path::PathBuf;

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
