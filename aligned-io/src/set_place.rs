//! Where a file set stands: its directory, and the names its files have there.
//!
//! | a set called `dump` has | that is |
//! |---|---|
//! | `dump.manifest` | the manifest: what it names is the set, and nothing else is |
//! | `dump.g0000000017.0.rdb` | the file `0.rdb` of generation 17 |
//! | `.dump.lock` | empty; locked by whoever writes the set; removed with the set only |

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::directory::{Directory, open_parent};
use crate::error::{Operation, WriteError};
use crate::leftover::remove_stale;
use crate::manifest::{MANIFEST_BYTES_MAX, Manifest};
use crate::read_error::ReadError;
use crate::set_lock::SetLock;
use crate::temp_name::final_name_of;
use crate::volatile_disk::VolatileDisk;

/// Digits of a generation in a file name: those of the largest one, so that names sort by it.
const GENERATION_DIGITS: usize = 10;

/// The directory and the names of one set.
#[derive(Debug)]
pub(crate) struct SetPlace {
    pub(crate) directory: Directory,
    /// The path of the set, which no file has.
    pub(crate) path: PathBuf,
    name: OsString,
}

/// What [`SetPlace::clear`] found and did.
#[derive(Debug)]
pub(crate) struct Cleared {
    /// The largest generation that any name had.
    pub(crate) generation: Option<u32>,
    /// How many files were removed.
    pub(crate) removed: usize,
}

impl SetPlace {
    /// Opens the directory of the set at `path`, on `disk` if that is given.
    pub(crate) fn open(path: &Path, disk: Option<&VolatileDisk>) -> Result<Self, WriteError> {
        let (directory, name) = open_parent(path, disk)?;
        Ok(Self {
            directory,
            path: path.to_path_buf(),
            name: name.to_os_string(),
        })
    }

    pub(crate) fn manifest_name(&self) -> OsString {
        let mut name = self.name.clone();
        name.push(".manifest");
        name
    }

    pub(crate) fn member_name(&self, generation: u32, member: &str) -> OsString {
        let mut name = self.name.clone();
        name.push(format!(".g{generation:0GENERATION_DIGITS$}.{member}"));
        name
    }

    /// The path of the file with this name.
    pub(crate) fn path_of(&self, name: &OsStr) -> PathBuf {
        self.path.with_file_name(name)
    }

    /// The generation in the name of a member, if `name` is one of this set.
    fn generation_of(&self, name: &OsStr) -> Option<u32> {
        let rest = name.as_bytes().strip_prefix(self.name.as_bytes())?;
        let rest = rest.strip_prefix(b".g")?;
        let (digits, rest) = rest.split_at_checked(GENERATION_DIGITS)?;
        let is_number = digits.iter().all(u8::is_ascii_digit);
        if !is_number || rest.len() < 2 || rest[0] != b'.' {
            return None;
        }
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// Reads the manifest; `None` if there is none.
    pub(crate) fn read_manifest(&self) -> Result<Option<Manifest>, ReadError> {
        let name = self.manifest_name();
        let path = self.path_of(&name);
        let file = match self.directory.open_file(&name) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => {
                let source = error.into();
                return Err(ReadError::Open { path, source });
            }
        };
        let mut bytes = Vec::new();
        let read = file.take(MANIFEST_BYTES_MAX as u64).read_to_end(&mut bytes);
        if let Err(source) = read {
            let offset = bytes.len() as u64;
            return Err(ReadError::Read {
                path,
                offset,
                source,
            });
        }
        Manifest::decode(&bytes, &path).map(Some)
    }

    fn lock_name(&self) -> OsString {
        let mut name = OsString::from(".");
        name.push(&self.name);
        name.push(".lock");
        name
    }

    /// Makes the caller the only one who changes the set, until the lock is dropped.
    pub(crate) fn lock(&self) -> Result<SetLock, WriteError> {
        let name = self.lock_name();
        let refused = |error| self.refused(Operation::Lock, error);
        loop {
            let file = self.directory.open_or_create(&name).map_err(refused)?;
            let lock = SetLock::take(file).ok_or_else(|| WriteError::Busy {
                path: self.path.clone(),
            })?;
            // Somebody may have removed the set, lock and all, before we had it locked.
            match self.directory.is_named(lock.file(), &name) {
                Ok(true) => return Ok(lock),
                Ok(false) | Err(Errno::NOENT) => {}
                Err(error) => return Err(refused(error)),
            }
        }
    }

    /// Removes the set: first its manifest, so that what is left after a crash is no set, and is
    /// removed by the next writer; the lock last. Tells how many files the set had, its
    /// manifest included. The caller holds the lock.
    pub(crate) fn remove(&self) -> Result<usize, WriteError> {
        let refused = |error| self.refused(Operation::Remove, error);
        let removed = match self.directory.remove(&self.manifest_name()) {
            Ok(()) => 1,
            Err(Errno::NOENT) => 0,
            Err(error) => return Err(refused(error)),
        };
        self.sync()?;
        let cleared = self.clear(None)?;
        self.directory.remove(&self.lock_name()).map_err(refused)?;
        self.sync()?;
        Ok(removed + cleared.removed)
    }

    /// Removes what killed writers left behind. The caller holds the lock.
    ///
    /// The directory is synced first: the manifest that is read may have been renamed by a process
    /// that was killed before it could sync. If then the power failed, an older manifest would be
    /// back, and its files must be there.
    pub(crate) fn recover(&self) -> Result<Cleared, WriteError> {
        self.sync()?;
        let manifest = self.read_manifest();
        let manifest = manifest.map_err(|source| WriteError::Manifest { source })?;
        self.clear(manifest.as_ref())
    }

    /// Removes every file of this set that `manifest` does not name, and what dead writers left.
    /// The caller holds the lock, and has synced the directory since the manifest is there.
    pub(crate) fn clear(&self, manifest: Option<&Manifest>) -> Result<Cleared, WriteError> {
        let named: HashSet<OsString> = manifest.map_or_else(HashSet::new, |manifest| {
            let generation = manifest.generation();
            let members = manifest.members().iter();
            members
                .map(|member| self.member_name(generation, &member.name))
                .collect()
        });
        let found = self
            .directory
            .names()
            .map_err(|error| self.refused(Operation::ReadDirectory, error))?;
        let generation_of = |name: &OsString| match final_name_of(name) {
            Some((name, _)) => self.generation_of(name),
            None => self.generation_of(name),
        };
        let generation = found.iter().filter_map(generation_of).max();
        let generation = generation.max(manifest.map(Manifest::generation));
        let unnamed = found
            .iter()
            .filter(|&name| self.generation_of(name).is_some() && !named.contains(name));
        let mut removed = 0;
        for name in unnamed {
            match self.directory.remove(name) {
                Ok(()) | Err(Errno::NOENT) => removed += 1,
                Err(error) => return Err(self.refused(Operation::Remove, error)),
            }
        }
        let manifest_name = self.manifest_name();
        removed += remove_stale(&self.directory, &self.path, |candidate| {
            let (name, process) = final_name_of(candidate)?;
            let is_ours = name == manifest_name || self.generation_of(name).is_some();
            is_ours.then_some(process)
        })?;
        Ok(Cleared {
            generation,
            removed,
        })
    }

    /// Makes the names in the directory durable.
    pub(crate) fn sync(&self) -> Result<(), WriteError> {
        let synced = self.directory.sync();
        synced.map_err(|error| self.refused(Operation::SyncDirectory, error))
    }

    fn refused(&self, operation: Operation, error: Errno) -> WriteError {
        WriteError::Io {
            operation,
            path: self.path.clone(),
            source: error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generation_is_told_from_the_name_and_only_from_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let place = SetPlace::open(&directory.path().join("dump"), None).unwrap();
        for generation in [0, 17, u32::MAX] {
            let name = place.member_name(generation, "0.rdb");
            assert_eq!(place.generation_of(&name), Some(generation));
        }
        assert_eq!(place.member_name(17, "0.rdb"), "dump.g0000000017.0.rdb");
        for other in [
            "dump.manifest",
            "dump.g0000000017",
            "dump.g0000000017.",
            "dump.g17.0.rdb",
            "dump.g+000000017.0.rdb",
            "dump.g4294967296.0.rdb",
            "dump2.g0000000017.0.rdb",
            "dump.20261121.rdb",
            "dump.rdb",
        ] {
            assert_eq!(place.generation_of(OsStr::new(other)), None, "{other}");
        }
    }
}
