//! The file under its hidden name: locked while its writer lives, removed unless published.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;

use rustix::io::Errno;

use crate::access::Refused;
use crate::directory::{Directory, open_parent};
use crate::error::{Operation, WriteError};
use crate::temp_name::temp_name;
use crate::volatile_disk::VolatileDisk;

/// How many names are tried; so many leftovers of one final name mean that something is wrong.
const ATTEMPTS_MAX: u32 = 10_000;

/// A file that is not published yet. Dropping it removes it, whatever its name is.
#[derive(Debug)]
pub(crate) struct TempFile {
    file: Arc<File>,
    /// Everything goes through this handle, so that neither a renamed directory nor a changed
    /// working directory can come between the file and its final name.
    directory: Directory,
    final_name: OsString,
    final_path: PathBuf,
    name: Name,
}

/// Which of its names the file has.
#[derive(Debug)]
enum Name {
    /// A hidden one.
    Temporary(OsString),
    /// The final one, but it may still be taken back.
    Placed,
    /// The final one, for good.
    Kept,
}

impl TempFile {
    /// Creates an empty file beside `final_path`, under a name that nobody else has; on `disk`, if
    /// that is given.
    pub(crate) fn create(
        final_path: &Path,
        disk: Option<&VolatileDisk>,
    ) -> Result<Self, WriteError> {
        let (directory, final_name) = open_parent(final_path, disk)?;
        if directory.is_special(final_name) {
            let path = final_path.to_path_buf();
            return Err(WriteError::Special { path });
        }
        let error = |error: Errno| WriteError::Io {
            operation: Operation::Create,
            path: final_path.to_path_buf(),
            source: error.into(),
        };
        for attempt in 0..ATTEMPTS_MAX {
            let name = temp_name(final_name, process::id(), attempt);
            if let Some(file) = directory.create_locked(&name).map_err(error)? {
                return Ok(Self {
                    file: Arc::new(file),
                    directory,
                    final_name: final_name.to_os_string(),
                    final_path: final_path.to_path_buf(),
                    name: Name::Temporary(name),
                });
            }
        }
        Err(error(Errno::EXIST))
    }

    /// The open file, which a backend may hold a little longer than this.
    pub(crate) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// The path that the file will be published at.
    pub(crate) fn final_path(&self) -> &Path {
        &self.final_path
    }

    /// The error for an operation on this file: [`WriteError::NoSpace`] if it ran out of space.
    pub(crate) fn error(&self, operation: Operation, bytes: u64, source: io::Error) -> WriteError {
        let path = self.final_path.clone();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => WriteError::NoSpace {
                path,
                needed: bytes,
                available: self.directory.free_bytes(),
                source,
            },
            _ => WriteError::Io {
                operation,
                path,
                source,
            },
        }
    }

    /// The error for something that this file could not be opened with.
    pub(crate) fn refused(&self, refused: Refused) -> WriteError {
        match refused {
            Refused::Unaligned {
                block_bytes,
                alignment,
            } => WriteError::Unaligned {
                block_bytes,
                alignment,
            },
            Refused::Io { operation, source } => self.error(operation, 0, source),
        }
    }

    /// Gives the file its final name for good, replacing what stood there. The content must be
    /// durable already; the name is so only once the directory is synced.
    pub(crate) fn replace(&mut self) -> Result<(), WriteError> {
        if let Name::Temporary(name) = &self.name {
            let renamed = self.directory.rename(name, &self.final_name);
            renamed.map_err(|error| self.failed(Operation::Rename, error))?;
        }
        self.keep();
        Ok(())
    }

    /// Gives the file its final name, unless something stands there. Until it is
    /// [kept](Self::keep), dropping it takes the name back.
    pub(crate) fn place(&mut self) -> Result<(), WriteError> {
        if let Name::Temporary(name) = &self.name {
            match self.directory.rename_new(name, &self.final_name) {
                Ok(()) => self.name = Name::Placed,
                Err(Errno::EXIST) => {
                    let path = self.final_path.clone();
                    return Err(WriteError::AlreadyExists { path });
                }
                Err(error) => return Err(self.failed(Operation::Rename, error)),
            }
        }
        Ok(())
    }

    /// From here on nothing is removed: the file has its final name, and its temporary one is
    /// free for others again.
    pub(crate) fn keep(&mut self) {
        self.name = Name::Kept;
    }

    /// Makes the names in the directory durable.
    pub(crate) fn sync_directory(&self) -> Result<(), WriteError> {
        let synced = self.directory.sync();
        synced.map_err(|error| self.failed(Operation::SyncDirectory, error))
    }

    fn failed(&self, operation: Operation, error: Errno) -> WriteError {
        WriteError::Io {
            operation,
            path: self.final_path.clone(),
            source: error.into(),
        }
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let name = match &self.name {
            Name::Temporary(name) => name,
            Name::Placed => &self.final_name,
            Name::Kept => return,
        };
        if let Err(error) = self.directory.remove(name) {
            tracing::warn!(%error, name = %name.display(), "unpublished file could not be removed");
        }
    }
}
