//! An open directory: every name in it is made, changed and removed here.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::{Errno, retry_on_intr};

use crate::error::{Operation, WriteError};
use crate::volatile_disk::VolatileDisk;

/// A directory that stays the same one, whatever becomes of its path or the working directory.
#[derive(Debug)]
pub(crate) struct Directory {
    handle: File,
    /// The disk whose power may fail, in tests; it then decides what is durable.
    disk: Option<VolatileDisk>,
}

impl Directory {
    /// Opens the directory at `path`, which is on `disk`, if that is given.
    pub(crate) fn open(path: &Path, disk: Option<&VolatileDisk>) -> io::Result<Self> {
        let handle = File::open(path)?;
        if !handle.metadata()?.is_dir() {
            return Err(Errno::NOTDIR.into());
        }
        let disk = disk.cloned();
        Ok(Self { handle, disk })
    }

    /// The names in it, in no order.
    pub(crate) fn names(&self) -> Result<Vec<OsString>, Errno> {
        let name = |bytes: &[u8]| OsStr::from_bytes(bytes).to_os_string();
        Dir::read_from(&self.handle)?
            .map(|entry| Ok(name(entry?.file_name().to_bytes())))
            .collect()
    }

    /// Creates and locks an empty file, or says `None` if another name must be tried.
    ///
    /// The lock tells those who remove leftovers that the writer lives, even from another process
    /// namespace. One of them may come between our creating and our locking the file; it then
    /// holds the lock itself or has removed the file, and both are seen here.
    pub(crate) fn create_locked(&self, name: &OsStr) -> Result<Option<File>, Errno> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let permissions = Mode::from_raw_mode(0o666);
        let open = || rustix::fs::openat(&self.handle, name, flags, permissions);
        let file = match retry_on_intr(open) {
            Ok(file) => File::from(file),
            Err(Errno::EXIST) => return Ok(None),
            Err(error) => return Err(error),
        };
        self.tell(|disk| disk.create(name, &file))?;
        match retry_on_intr(|| rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(None),
            // A file system without locks: leftovers are told by their process alone.
            Err(error) => tracing::debug!(%error, "temporary file could not be locked"),
        }
        let linked = rustix::fs::fstat(&file)?.st_nlink > 0;
        Ok(linked.then_some(file))
    }

    /// Whether this is the name of a device, a pipe or a socket, or of a link to one.
    pub(crate) fn is_special(&self, name: &OsStr) -> bool {
        let look = || rustix::fs::statat(&self.handle, name, AtFlags::empty());
        retry_on_intr(look).is_ok_and(|found| {
            let kind = FileType::from_raw_mode(found.st_mode);
            !kind.is_file() && !kind.is_dir()
        })
    }

    /// Opens a file to read it, or to lock it. Follows no link and waits for no pipe.
    pub(crate) fn open_file(&self, name: &OsStr) -> Result<File, Errno> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
        let open = || rustix::fs::openat(&self.handle, name, flags, Mode::empty());
        retry_on_intr(open).map(File::from)
    }

    /// Opens the file with this name, which is created if it is not there, to lock it.
    pub(crate) fn open_or_create(&self, name: &OsStr) -> Result<File, Errno> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let permissions = Mode::from_raw_mode(0o666);
        let open = || rustix::fs::openat(&self.handle, name, flags, permissions);
        retry_on_intr(open).map(File::from)
    }

    /// Whether `name` is still the name of the open `file`.
    pub(crate) fn is_named(&self, file: &File, name: &OsStr) -> Result<bool, Errno> {
        let opened = rustix::fs::fstat(file)?;
        let named = rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok((opened.st_dev, opened.st_ino) == (named.st_dev, named.st_ino))
    }

    /// Renames a file; what stands under its new name is replaced.
    pub(crate) fn rename(&self, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
        rustix::fs::renameat(&self.handle, from, &self.handle, to)?;
        self.tell(|disk| disk.rename(from, to))
    }

    /// Renames a file, unless something stands under its new name (`EEXIST`).
    ///
    /// Where the file system cannot do that in one step, the new name is added first and the old
    /// one is removed then. A crash in between leaves both, and so does a removal that fails: the
    /// file has its new name, and the old one is a leftover like any other.
    pub(crate) fn rename_new(&self, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
        let handle = &self.handle;
        let lacks_it = self
            .disk
            .as_ref()
            .is_some_and(VolatileDisk::lacks_rename_new);
        let renamed = if lacks_it {
            Err(Errno::INVAL)
        } else {
            rustix::fs::renameat_with(handle, from, handle, to, RenameFlags::NOREPLACE)
        };
        match renamed {
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                rustix::fs::linkat(handle, from, handle, to, AtFlags::empty())?;
                self.tell(|disk| disk.link(from, to))?;
                if let Err(error) = self.remove(from) {
                    let name = from.display();
                    tracing::warn!(%error, %name, "published file keeps its temporary name too");
                }
                Ok(())
            }
            done => {
                done?;
                self.tell(|disk| disk.rename(from, to))
            }
        }
    }

    /// Removes a name.
    pub(crate) fn remove(&self, name: &OsStr) -> Result<(), Errno> {
        rustix::fs::unlinkat(&self.handle, name, AtFlags::empty())?;
        self.tell(|disk| disk.remove(name))
    }

    /// Makes the names durable.
    pub(crate) fn sync(&self) -> Result<(), Errno> {
        if self.disk.is_some() {
            return self.tell(VolatileDisk::sync_directory);
        }
        rustix::fs::fsync(&self.handle)
    }

    /// Tells the disk of the test, if there is one, what was done.
    fn tell(&self, done: impl FnOnce(&VolatileDisk) -> io::Result<()>) -> Result<(), Errno> {
        let Some(disk) = &self.disk else {
            return Ok(());
        };
        done(disk).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
    }

    /// What is free for those without privileges, in bytes; `None` if the file system does not
    /// say.
    pub(crate) fn free_bytes(&self) -> Option<u64> {
        let statistics = rustix::fs::fstatvfs(&self.handle).ok()?;
        statistics.f_bavail.checked_mul(statistics.f_frsize)
    }
}

/// The directory and the file name of `path`.
fn split(path: &Path) -> Result<(&Path, &OsStr), WriteError> {
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

/// Opens the directory of `path`, on `disk` if that is given: it, and the file name.
pub(crate) fn open_parent<'a>(
    path: &'a Path,
    disk: Option<&VolatileDisk>,
) -> Result<(Directory, &'a OsStr), WriteError> {
    let (parent, name) = split(path)?;
    let directory = Directory::open(parent, disk).map_err(|source| WriteError::Io {
        operation: Operation::OpenDirectory,
        path: path.to_path_buf(),
        source,
    })?;
    Ok((directory, name))
}
