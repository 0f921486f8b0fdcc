//! Removing what killed writers left behind.

use std::ffi::OsStr;
use std::path::Path;
use std::process;
use std::thread;
use std::time::Duration;

use rustix::fs::FlockOperation;
use rustix::io::{Errno, retry_on_intr};
use rustix::process::{Pid, test_kill_process};

use crate::directory::{Directory, open_parent};
use crate::error::{Operation, WriteError};
use crate::temp_name::{final_name_of, process_of};

/// How long the kernel may take to let go of a killed process's file: its last writes may still
/// be in flight when the process is already gone.
const RELEASE_WAITS_MAX: u32 = 100;
const RELEASE_WAIT: Duration = Duration::from_millis(5);

/// Removes the temporary files that dead writers of `final_path` left behind; returns how many.
///
/// A file is stale when its writer's lock on it is free, whatever process has the writer's id
/// now: a restarted container often runs under the id of its predecessor. Files of living
/// writers stay, in this process or any other, in this container or one that shares the volume.
/// Where the file system knows no locks, the process id in the name decides.
///
/// Reads the whole directory. May wait up to half a second for a writer that was killed just now.
///
/// # Errors
///
/// [`WriteError::NoFileName`] when `final_path` ends in none, and [`WriteError::Io`] when the
/// directory cannot be read or a stale file cannot be removed.
///
/// # Example
///
/// ```
/// let directory = tempfile::tempdir()?;
/// let stale = directory.path().join(".dump.rdb.4194305-0.forkless-tmp");
/// std::fs::write(&stale, "half a dump")?;
/// assert_eq!(aligned_io::remove_leftovers(directory.path().join("dump.rdb"))?, 1);
/// assert!(!stale.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn remove_leftovers(final_path: impl AsRef<Path>) -> Result<usize, WriteError> {
    let final_path = final_path.as_ref();
    let (directory, name) = open_parent(final_path, None)?;
    remove_stale(&directory, final_path, |candidate| {
        process_of(name, candidate)
    })
}

/// As [`remove_leftovers`], for all files of a folder whose final names `is_ours` says yes to;
/// returns how many. Names of more than 200 bytes are left to `remove_leftovers`: temporary ones
/// do not tell them whole.
///
/// # Errors
///
/// As of `remove_leftovers`.
///
/// # Example
///
/// ```
/// let folder = tempfile::tempdir()?;
/// let stale = folder.path().join(".dump-17.rdb.4194305-0.forkless-tmp");
/// std::fs::write(&stale, "half a dump")?;
/// let is_dump = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with("dump-");
/// assert_eq!(aligned_io::remove_leftovers_in(&folder, is_dump)?, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn remove_leftovers_in(
    folder: impl AsRef<Path>,
    is_ours: impl Fn(&OsStr) -> bool,
) -> Result<usize, WriteError> {
    let folder = folder.as_ref();
    let directory = Directory::open(folder, None).map_err(|source| WriteError::Io {
        operation: Operation::OpenDirectory,
        path: folder.to_path_buf(),
        source,
    })?;
    remove_stale(&directory, folder, |candidate| {
        let (name, process) = final_name_of(candidate)?;
        is_ours(name).then_some(process)
    })
}

/// Removes the stale files among those that `process_of` knows the writing process of; returns
/// how many. Messages name `path`.
pub(crate) fn remove_stale(
    directory: &Directory,
    path: &Path,
    process_of: impl Fn(&OsStr) -> Option<u32>,
) -> Result<usize, WriteError> {
    let error = |operation| {
        move |error: Errno| WriteError::Io {
            operation,
            path: path.to_path_buf(),
            source: error.into(),
        }
    };
    let mut removed = 0;
    for name in directory.names().map_err(error(Operation::ReadDirectory))? {
        let Some(process) = process_of(&name) else {
            continue;
        };
        match remove_if_stale(directory, &name, process) {
            Ok(true) => removed += 1,
            // Not found: published, or removed by its writer, since the directory was read. A
            // symbolic link is nothing that a writer left.
            Ok(false) | Err(Errno::NOENT | Errno::LOOP) => {}
            Err(source) => return Err(error(Operation::Remove)(source)),
        }
    }
    Ok(removed)
}

/// Removes the file called `name`, named by `process`, unless its writer lives.
fn remove_if_stale(directory: &Directory, name: &OsStr, process: u32) -> Result<bool, Errno> {
    let file = directory.open_file(name)?;
    let mut waits = 0;
    loop {
        let lock = FlockOperation::NonBlockingLockExclusive;
        match retry_on_intr(|| rustix::fs::flock(&file, lock)) {
            Err(Errno::WOULDBLOCK) if !is_alive(process) && waits < RELEASE_WAITS_MAX => {
                waits += 1;
                thread::sleep(RELEASE_WAIT);
            }
            Err(Errno::WOULDBLOCK) => return Ok(false),
            Err(error) if is_alive(process) => {
                tracing::debug!(%error, process, "temporary file of a living process is kept");
                return Ok(false);
            }
            // Locked by us, so nobody can become its writer any more: a writer that finds the lock
            // taken, or the file gone, takes another name. Or no locks here, and a dead writer.
            Ok(()) | Err(_) => break,
        }
    }
    // Between opening and locking its writer may have published it, and another one may have
    // taken the name.
    if !directory.is_named(&file, name)? {
        return Ok(false);
    }
    directory.remove(name)?;
    Ok(true)
}

/// Whether some process has this id, in our own process namespace.
fn is_alive(process: u32) -> bool {
    if process == process::id() {
        return true;
    }
    let Some(pid) = i32::try_from(process).ok().and_then(Pid::from_raw) else {
        return false;
    };
    // `EPERM` comes from a process that is alive and not ours.
    !matches!(test_kill_process(pid), Err(Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;
    use crate::WriterOptions;

    #[test]
    fn file_of_a_living_writer_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dump");
        let mut writer = WriterOptions::default().create(&path).unwrap();
        writer.write_all(b"alive").unwrap();
        assert_eq!(remove_leftovers(&path).unwrap(), 0);
        writer.publish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"alive");
    }

    #[test]
    fn unlocked_file_is_stale_even_under_our_own_process_id() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dump");
        let name = format!(".dump.{}-0.forkless-tmp", process::id());
        fs::write(directory.path().join(name), "half").unwrap();
        fs::write(directory.path().join(".other.1-0.forkless-tmp"), "not ours").unwrap();
        assert_eq!(remove_leftovers(&path).unwrap(), 1);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn dead_process_is_told_from_a_living_one() {
        assert!(is_alive(process::id()));
        assert!(is_alive(1));
        // Above the largest process id that Linux gives out.
        assert!(!is_alive(4_194_305));
    }

    #[test]
    fn missing_directory_is_an_error() {
        let error = remove_leftovers("/nowhere/at/all/dump").unwrap_err();
        assert!(matches!(
            error,
            WriteError::Io {
                operation: Operation::OpenDirectory,
                ..
            }
        ));
    }
}
