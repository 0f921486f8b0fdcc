//! The right to change a file set: one writer has it at a time.

use std::fs::File;

use rustix::fs::FlockOperation;
use rustix::io::{Errno, retry_on_intr};

/// Nobody else changes the set while this is held.
///
/// Dropping it unlocks the file and does not leave that to its being closed: a process that some
/// other thread is just starting holds a copy of every open file until its program runs, and with
/// it the lock.
#[derive(Debug)]
pub(crate) struct SetLock {
    file: File,
}

impl SetLock {
    /// Locks `file`; `None` while somebody else has it locked.
    ///
    /// A file system without locks does not stop anyone: who writes a set twice at a time there
    /// has been warned.
    pub(crate) fn take(file: File) -> Option<Self> {
        match retry_on_intr(|| rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return None,
            Err(error) => tracing::debug!(%error, "file set could not be locked"),
        }
        Some(Self { file })
    }

    /// What is locked.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }
}

impl Drop for SetLock {
    fn drop(&mut self) {
        let unlocked = retry_on_intr(|| rustix::fs::flock(&self.file, FlockOperation::Unlock));
        if let Err(error) = unlocked {
            tracing::debug!(%error, "file set could not be unlocked");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use super::*;

    #[test]
    fn lock_ends_with_its_holder_though_a_copy_of_the_file_is_open() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        let open = || options.open(&path).unwrap();
        let lock = SetLock::take(open()).unwrap();
        // What a process that is being started has.
        let copy = lock.file.try_clone().unwrap();
        assert!(SetLock::take(open()).is_none());
        drop(lock);
        assert!(SetLock::take(open()).is_some());
        drop(copy);
    }
}
