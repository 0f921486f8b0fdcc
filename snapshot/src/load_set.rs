//! A set of files, read several at a time, each held against what the manifest says of it.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use aligned_io::{Direct, FileSet, Member, MemberReader, ReadError, ReaderOptions};

use crate::error::LoadError;
use crate::load::LoadReport;
use crate::sync::Mutex;

/// Has `read` read every file of `set`, with as many threads as there are cores; what they
/// brought in together. The flag is set when `read` need not go on.
///
/// # Errors
///
/// The first one, of whichever file.
pub(crate) fn read(
    set: &FileSet,
    read: impl Fn(&mut MemberReader, &AtomicBool) -> Result<LoadReport, LoadError> + Sync,
) -> Result<LoadReport, LoadError> {
    let members = set.members().collect::<Vec<_>>();
    let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let result = Mutex::new(Ok(LoadReport::default()));
    let work = || {
        // Relaxed: each number is given out once, and nothing else hangs on it.
        while let Some((member, path)) = members.get(next.fetch_add(1, Ordering::Relaxed)) {
            let part = read_member(set, member, path, |source| read(source, &stop));
            let mut result = result.lock();
            match (&mut *result, part) {
                (Ok(report), Ok(part)) => report.add(part),
                (Ok(_), Err(error)) => {
                    // Relaxed: a hint, which may come late.
                    stop.store(true, Ordering::Relaxed);
                    *result = Err(error);
                }
                (Err(_), _) => return,
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..cores.min(members.len()) {
            scope.spawn(work);
        }
    });
    result.into_inner()
}

fn read_member(
    set: &FileSet,
    member: &Member,
    path: &Path,
    read: impl FnOnce(&mut MemberReader) -> Result<LoadReport, LoadError>,
) -> Result<LoadReport, LoadError> {
    let options = ReaderOptions {
        depth: 1,
        direct: Direct::Never,
        ..ReaderOptions::default()
    };
    let mut source = set.reader(member, &options).map_err(not_the_one)?;
    let report = read(&mut source);
    // A file that is not the one the manifest names should be told as such, whatever it holds.
    if !matches!(report, Err(LoadError::Stopped))
        && let Err(error) = source.verify().map_err(not_the_one)
        && (report.is_ok() || matches!(error, LoadError::Stale { .. }))
    {
        return Err(error);
    }
    report.map_err(|source| LoadError::InFile {
        path: path.to_path_buf(),
        source: Box::new(source),
    })
}

/// What it means for a load that a file of the set cannot be read, or is another one.
fn not_the_one(error: ReadError) -> LoadError {
    match error {
        ReadError::Open { path, source } => LoadError::Open { path, source },
        ReadError::Length { ref path, .. } | ReadError::Checksum { ref path, .. } => {
            LoadError::Stale {
                path: path.clone(),
                found: error,
            }
        }
        error => LoadError::Set(error),
    }
}
