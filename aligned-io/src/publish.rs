//! The two last steps of a file: finished, and published under its final name.

use std::path::{Path, PathBuf};

use crate::error::WriteError;
use crate::mode::Mode;
use crate::stats::WriterStats;
use crate::temp_file::TempFile;

/// A file that is whole and durable, still under its temporary name. Dropping it removes it.
///
/// Several files that belong together are finished first, and published then.
#[derive(Debug)]
#[must_use = "a finished file that is dropped is removed"]
pub struct Finished {
    pub(crate) temp: TempFile,
    pub(crate) mode: Mode,
    pub(crate) stats: WriterStats,
}

/// What was published.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// The final path, as it was given.
    pub path: PathBuf,
    /// The exact length of the file, in bytes.
    pub bytes: u64,
    /// How it was written.
    pub mode: Mode,
    /// The counters of its writer.
    pub stats: WriterStats,
}

impl Finished {
    /// Renames the file to its final name, replacing what stood there, and makes the name
    /// durable with an fsync of the directory.
    ///
    /// # Errors
    ///
    /// [`WriteError::Io`]. If the rename failed, the old file stands untouched and the new one
    /// is removed. If the fsync of the directory failed, the new, whole file stands under its
    /// final name, but the name may not survive a power cut.
    pub fn publish(self) -> Result<Published, WriteError> {
        let path = self.temp.publish()?;
        Ok(Published {
            path,
            bytes: self.stats.bytes,
            mode: self.mode,
            stats: self.stats,
        })
    }

    /// The path that the file will be published at.
    pub fn path(&self) -> &Path {
        self.temp.final_path()
    }

    /// The exact length of the file, in bytes.
    pub fn bytes(&self) -> u64 {
        self.stats.bytes
    }

    /// How the file was written.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The counters of its writer.
    pub fn stats(&self) -> WriterStats {
        self.stats
    }
}
