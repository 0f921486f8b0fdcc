//! The folder of a store: a lock, the engine's folder, and a pointer that says which one it is.
//!
//! ```text
//! store/LOCK      held while the store is open or installed
//! store/LIVE      "engine-3\n": the folder that counts, replaced atomically
//! store/engine-3  RocksDB
//! store/incoming  files of an installation that is under way
//! ```
//!
//! An installation prepares another folder beside and then replaces `LIVE`. A folder that `LIVE`
//! does not name is a leftover, and removed when the store is opened.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::StoreError;
use crate::failpoint;
use crate::options::Missing;

const LIVE: &str = "LIVE";
const PREFIX: &str = "engine-";
const INCOMING: &str = "incoming";

/// A locked folder and the engine's folder in it that counts.
///
/// Dropping it unlocks the folder and does not leave that to the file's being closed: a process
/// that some other thread is just starting holds a copy of every open file until its program runs,
/// and with it the lock.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    /// The number of the engine's folder; 0 before there is one.
    number: u64,
    lock: File,
}

impl Folder {
    /// Locks the folder and reads which engine counts. Removes what does not count.
    pub(crate) fn open(root: &Path, missing: Missing) -> Result<Self, StoreError> {
        if missing == Missing::Refuse && !root.join(LIVE).exists() {
            return Err(StoreError::NoStore {
                path: root.to_owned(),
            });
        }
        fs::create_dir_all(root).map_err(|error| StoreError::io("make", root, &error))?;
        let path = root.join("LOCK");
        let lock = File::create(&path).map_err(|error| StoreError::io("open", &path, &error))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StoreError::InUse {
                path: root.to_owned(),
            },
            TryLockError::Error(error) => StoreError::io("lock", &path, &error),
        })?;
        let mut folder = Self {
            root: root.to_owned(),
            number: 0,
            lock,
        };
        folder.number = folder.live()?;
        folder.remove_leftovers()?;
        Ok(folder)
    }

    /// True if an engine counts already.
    pub(crate) fn has_engine(&self) -> bool {
        self.number > 0
    }

    /// The folder of the engine that counts, or the one that will be made.
    pub(crate) fn engine_path(&self) -> PathBuf {
        self.path_of(self.number.max(1))
    }

    /// A folder for the engine that is to replace the one that counts.
    pub(crate) fn next_path(&self) -> PathBuf {
        self.path_of(self.number.saturating_add(1))
    }

    /// A folder for what arrives before it is complete.
    pub(crate) fn incoming_path(&self) -> PathBuf {
        self.root.join(INCOMING)
    }

    /// Lets the engine at [`engine_path`](Self::engine_path) count, if none does yet.
    pub(crate) fn publish_first(&mut self) -> Result<(), StoreError> {
        if self.number == 0 {
            self.point_to(1)?;
        }
        Ok(())
    }

    /// Lets the engine at [`next_path`](Self::next_path) count instead: atomically, durably. It
    /// and all its files are on disk before.
    pub(crate) fn publish_next(&mut self) -> Result<(), StoreError> {
        let next = self.number.saturating_add(1);
        sync_tree(&self.path_of(next))?;
        failpoint::pass("install.synced");
        self.point_to(next)?;
        failpoint::pass("install.published");
        self.remove_leftovers()
    }

    fn path_of(&self, number: u64) -> PathBuf {
        self.root.join(format!("{PREFIX}{number}"))
    }

    fn point_to(&mut self, number: u64) -> Result<(), StoreError> {
        let temporary = self.root.join("LIVE.tmp");
        let live = self.root.join(LIVE);
        let written = (|| {
            let mut file = File::create(&temporary)?;
            writeln!(file, "{PREFIX}{number}")?;
            file.sync_all()?;
            fs::rename(&temporary, &live)?;
            File::open(&self.root)?.sync_all()
        })();
        written.map_err(|error: io::Error| StoreError::io("write", &live, &error))?;
        self.number = number;
        Ok(())
    }

    fn live(&self) -> Result<u64, StoreError> {
        let path = self.root.join(LIVE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(StoreError::io("read", &path, &error)),
        };
        let number = text.strip_suffix('\n').and_then(number_of);
        number.ok_or_else(|| StoreError::EngineCorruption {
            message: format!("{} names no engine: {text:?}", path.display()),
        })
    }

    fn remove_leftovers(&self) -> Result<(), StoreError> {
        let failed = |error| StoreError::io("clean", &self.root, &error);
        for entry in fs::read_dir(&self.root).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let number = name.to_str().and_then(number_of);
            if name == INCOMING || number.is_some_and(|number| number != self.number) {
                fs::remove_dir_all(entry.path()).map_err(failed)?;
            }
        }
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = self.lock.unlock() {
            tracing::debug!(%error, "store could not be unlocked");
        }
    }
}

fn number_of(name: &str) -> Option<u64> {
    let number = name.strip_prefix(PREFIX)?.parse().ok()?;
    (format!("{PREFIX}{number}") == name && number > 0).then_some(number)
}

/// Syncs every file of a folder, and the folder.
fn sync_tree(path: &Path) -> Result<(), StoreError> {
    let sync = || {
        for entry in fs::read_dir(path)? {
            File::open(entry?.path())?.sync_all()?;
        }
        File::open(path)?.sync_all()
    };
    sync().map_err(|error: io::Error| StoreError::io("sync", path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_locked_by_one() {
        let root = tempfile::tempdir().unwrap();
        let first = Folder::open(root.path(), Missing::Create).unwrap();
        let refused = Folder::open(root.path(), Missing::Create).unwrap_err();
        assert!(matches!(refused, StoreError::InUse { .. }), "{refused}");
        drop(first);
        Folder::open(root.path(), Missing::Create).unwrap();
    }

    #[test]
    fn lock_ends_with_its_holder_though_a_copy_of_the_file_is_open() {
        let root = tempfile::tempdir().unwrap();
        let first = Folder::open(root.path(), Missing::Create).unwrap();
        let copy = first.lock.try_clone().unwrap();
        drop(first);
        let second = Folder::open(root.path(), Missing::Create).unwrap();
        drop((copy, second));
    }

    #[test]
    fn what_is_not_live_is_removed() {
        let root = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(root.path(), Missing::Create).unwrap();
        fs::create_dir(folder.engine_path()).unwrap();
        folder.publish_first().unwrap();
        fs::create_dir(folder.next_path()).unwrap();
        let next = folder.next_path();
        drop(folder);
        let mut folder = Folder::open(root.path(), Missing::Refuse).unwrap();
        assert!(folder.engine_path().exists() && !next.exists());
        fs::create_dir(&next).unwrap();
        let first = folder.engine_path();
        folder.publish_next().unwrap();
        assert_eq!(folder.engine_path(), next);
        assert!(next.exists() && !first.exists());
    }

    #[test]
    fn a_pointer_that_names_nothing_is_refused() {
        for text in ["", "engine-1", "engine-01\n", "engine-0\n", "engine-x\n"] {
            let root = tempfile::tempdir().unwrap();
            fs::write(root.path().join(LIVE), text).unwrap();
            let refused = Folder::open(root.path(), Missing::Create).unwrap_err();
            assert!(
                matches!(refused, StoreError::EngineCorruption { .. }),
                "{text:?}"
            );
        }
    }
}
