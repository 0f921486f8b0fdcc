//! A set of files, read several at a time, each held against what the manifest says of it.

use std::fs::File;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use aligned_io::{FileSet, Member};
use xxhash_rust::xxh3::Xxh3Default;

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
            let part = read_member(member, path, |source| read(source, &stop));
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
    member: &Member,
    path: &Path,
    read: impl FnOnce(&mut MemberReader) -> Result<LoadReport, LoadError>,
) -> Result<LoadReport, LoadError> {
    let mut source = MemberReader::open(path).map_err(|source| LoadError::Open {
        path: path.to_path_buf(),
        source,
    })?;
    let report = read(&mut source);
    // A file that is not the one the manifest names should be told as such, whatever it holds.
    if !matches!(report, Err(LoadError::Stopped)) {
        source.verify(member)?;
    }
    report.map_err(|source| LoadError::InFile {
        path: path.to_path_buf(),
        source: Box::new(source),
    })
}

/// One file of a set; counts and checksums what is read.
pub(crate) struct MemberReader {
    file: File,
    path: PathBuf,
    bytes: u64,
    xxh3: Box<Xxh3Default>,
}

impl MemberReader {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            file: File::open(path)?,
            path: path.to_path_buf(),
            bytes: 0,
            xxh3: Box::default(),
        })
    }

    /// Reads what is left, and holds the whole file against what the manifest says.
    fn verify(mut self, member: &Member) -> Result<(), LoadError> {
        let rest = io::copy(&mut self, &mut io::sink());
        rest.map_err(|source| LoadError::Open {
            path: self.path.clone(),
            source,
        })?;
        let xxh3 = self.xxh3.digest();
        if (self.bytes, xxh3) == (member.bytes, member.xxh3) {
            return Ok(());
        }
        Err(LoadError::Stale {
            path: self.path,
            bytes: self.bytes,
            xxh3,
            expected: (member.bytes, member.xxh3),
        })
    }
}

impl Read for MemberReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.bytes += count as u64;
        self.xxh3.update(&buffer[..count]);
        Ok(count)
    }
}
