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
    pub fn publish(mut self) -> Result<Published, WriteError> {
        self.temp.replace()?;
        self.temp.sync_directory()?;
        Ok(self.published())
    }

    /// Like [`publish`](Self::publish), but replaces nothing (`RENAME_NOREPLACE`).
    ///
    /// # Errors
    ///
    /// [`WriteError::AlreadyExists`] when something stands under the final name, a dangling
    /// symbolic link included; otherwise those of [`publish`](Self::publish). What stands there
    /// is untouched and the new file is removed, also if another process came first just now.
    ///
    /// # Example
    ///
    /// ```
    /// use std::io::Write;
    /// use aligned_io::{WriteError, WriterOptions};
    ///
    /// let directory = tempfile::tempdir()?;
    /// let path = directory.path().join("first");
    /// for attempt in 0..2 {
    ///     let mut writer = WriterOptions::default().create(&path)?;
    ///     writeln!(writer, "attempt {attempt}")?;
    ///     match writer.finish()?.publish_new() {
    ///         Ok(published) => assert_eq!((attempt, published.bytes), (0, 10)),
    ///         Err(error) => assert!(matches!(error, WriteError::AlreadyExists { .. })),
    ///     }
    /// }
    /// assert_eq!(std::fs::read(&path)?, b"attempt 0\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn publish_new(mut self) -> Result<Published, WriteError> {
        self.temp.place()?;
        self.temp.keep();
        self.temp.sync_directory()?;
        Ok(self.published())
    }

    fn published(&self) -> Published {
        Published {
            path: self.path().to_path_buf(),
            bytes: self.stats.bytes,
            mode: self.mode,
            stats: self.stats,
        }
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
