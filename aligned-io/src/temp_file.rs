//! The file under its hidden name: locked while its writer lives, removed unless published.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

use crate::access::Refused;
use crate::error::{Operation, WriteError};
use crate::temp_name::temp_name;

/// How many names are tried; so many leftovers of one final name mean that something is wrong.
const ATTEMPTS_MAX: u32 = 10_000;

/// A file that has no final name yet. Dropping it removes it.
#[derive(Debug)]
pub(crate) struct TempFile {
    file: Arc<File>,
    place: Place,
    /// `None` once the file has its final name.
    temp_name: Option<OsString>,
}

/// Where the file will be published.
#[derive(Debug)]
struct Place {
    /// Everything goes through this handle, so that neither a renamed directory nor a changed
    /// working directory can come between the file and its final name.
    directory: File,
    name: OsString,
    path: PathBuf,
}

impl TempFile {
    /// Creates an empty file beside `final_path`, under a name that nobody else has.
    pub(crate) fn create(final_path: &Path) -> Result<Self, WriteError> {
        let place = Place::open(final_path)?;
        for attempt in 0..ATTEMPTS_MAX {
            let name = temp_name(&place.name, process::id(), attempt);
            match create_locked(&place.directory, &name) {
                Ok(Some(file)) => {
                    return Ok(Self {
                        file: Arc::new(file),
                        place,
                        temp_name: Some(name),
                    });
                }
                Ok(None) => {}
                Err(error) => return Err(place.error(Operation::Create, error)),
            }
        }
        Err(place.error(Operation::Create, Errno::EXIST))
    }

    /// The open file, which a backend may hold a little longer than this.
    pub(crate) fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// The path that the file will be published at.
    pub(crate) fn final_path(&self) -> &Path {
        &self.place.path
    }

    /// The error for an operation on this file: [`WriteError::NoSpace`] if it ran out of space.
    pub(crate) fn error(&self, operation: Operation, bytes: u64, source: io::Error) -> WriteError {
        let path = self.place.path.clone();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                let statistics = rustix::fs::fstatvfs(&self.place.directory).ok();
                let available = statistics.and_then(|s| s.f_bavail.checked_mul(s.f_frsize));
                WriteError::NoSpace {
                    path,
                    needed: bytes,
                    available,
                    source,
                }
            }
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

    /// Gives the file its final name, durably. The content must be durable already.
    pub(crate) fn publish(mut self) -> Result<PathBuf, WriteError> {
        let directory = &self.place.directory;
        if let Some(temp_name) = &self.temp_name {
            rustix::fs::renameat(directory, temp_name, directory, &self.place.name)
                .map_err(|error| self.place.error(Operation::Rename, error))?;
        }
        // From here on nothing may be removed: the temporary name is free for others again.
        self.temp_name = None;
        rustix::fs::fsync(directory)
            .map_err(|error| self.place.error(Operation::SyncDirectory, error))?;
        Ok(self.place.path.clone())
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let Some(name) = &self.temp_name else { return };
        if let Err(error) = rustix::fs::unlinkat(&self.place.directory, name, AtFlags::empty()) {
            tracing::warn!(%error, name = %name.display(), "temporary file could not be removed");
        }
    }
}

impl Place {
    fn open(final_path: &Path) -> Result<Self, WriteError> {
        let path = final_path.to_path_buf();
        let (parent, name) = split(final_path)?;
        match File::open(parent) {
            Ok(directory) => Ok(Self {
                directory,
                name: name.to_os_string(),
                path,
            }),
            Err(source) => Err(WriteError::Io {
                operation: Operation::OpenDirectory,
                path,
                source,
            }),
        }
    }

    fn error(&self, operation: Operation, error: Errno) -> WriteError {
        WriteError::Io {
            operation,
            path: self.path.clone(),
            source: error.into(),
        }
    }
}

/// The directory and the file name of `path`.
pub(crate) fn split(path: &Path) -> Result<(&Path, &OsStr), WriteError> {
    let missing = || WriteError::NoFileName {
        path: path.to_path_buf(),
    };
    let name = path.file_name().ok_or_else(missing)?;
    let parent = path.parent().ok_or_else(missing)?;
    let parent = if parent.as_os_str().is_empty() {
        Path::new(".")
    } else {
        parent
    };
    Ok((parent, name))
}

/// Creates and locks the file, or says `None` if another name must be tried.
///
/// The lock tells those who remove leftovers that the writer lives, even from another process
/// namespace. One of them may come between our creating and our locking the file; it then holds
/// the lock itself or has removed the file, and both are seen here.
fn create_locked(directory: &File, name: &OsStr) -> Result<Option<File>, Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let permissions = Mode::from_raw_mode(0o666);
    let opened = retry_on_intr(|| rustix::fs::openat(directory, name, flags, permissions));
    let file = match opened {
        Ok(file) => File::from(file),
        Err(Errno::EXIST) => return Ok(None),
        Err(error) => return Err(error),
    };
    match retry_on_intr(|| rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Ok(None),
        // A file system without locks: leftovers are told by their process alone.
        Err(error) => tracing::debug!(%error, "temporary file could not be locked"),
    }
    let linked = rustix::fs::fstat(&file)?.st_nlink > 0;
    Ok(linked.then_some(file))
}
