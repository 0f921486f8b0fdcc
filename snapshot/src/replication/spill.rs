//! Frames that were sent, on the disk: what a backlog has no memory for.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aligned_io::{
    AlignedReader, AlignedWriter, ReadError, ReaderOptions, WriteError, WriterOptions,
};
#[cfg(feature = "sim")]
use aligned_io::{BackendChoice, Direct};

use super::backlog::KeptFrames;
use crate::stream::Frame;
use crate::sync::{now, sleep};

/// What the names of all files end in.
const SUFFIX: &str = ".forkless-backlog";

/// The file that whoever uses a folder has locked.
pub(super) const LOCK: &str = "lock.forkless-backlog";

/// How often somebody who uses the folder is asked again.
const LOOK: Duration = Duration::from_millis(10);

/// Where frames go, and how many.
#[derive(Debug, Clone)]
pub(super) struct SpillOptions {
    folder: PathBuf,
    /// The most there may be for one replica, in bytes.
    bytes_max: u64,
    writer: WriterOptions,
    reader: ReaderOptions,
    #[cfg(feature = "sim")]
    pub(super) faults: aligned_io::Faults,
}

/// A folder that one master uses, until this is dropped.
#[derive(Debug)]
pub(super) struct SpillFolder {
    options: SpillOptions,
    // Closing it unlocks it.
    _lock: File,
}

/// The frames of one stream that are on the disk.
#[derive(Debug)]
pub(super) struct Spill {
    folder: Arc<SpillFolder>,
    // What the names of its files begin with.
    name: String,
    bytes_max: u64,
    segments: VecDeque<Segment>,
    bytes: u64,
}

/// One file: whole frames.
#[derive(Debug)]
struct Segment {
    path: PathBuf,
    // The numbers of the frame before its first, and of its last.
    before: u64,
    last: u64,
    bytes: u64,
}

impl SpillOptions {
    pub(super) fn new(folder: PathBuf, bytes_max: u64) -> Self {
        Self {
            folder,
            bytes_max,
            #[cfg(not(feature = "sim"))]
            writer: WriterOptions::default(),
            #[cfg(not(feature = "sim"))]
            reader: ReaderOptions::default(),
            #[cfg(feature = "sim")]
            writer: WriterOptions {
                block_bytes: 4096,
                depth: 1,
                backend: BackendChoice::Pwrite,
                direct: Direct::Never,
                ..WriterOptions::default()
            },
            #[cfg(feature = "sim")]
            reader: ReaderOptions {
                block_bytes: 4096,
                depth: 1,
                backend: BackendChoice::Pwrite,
                direct: Direct::Never,
                ..ReaderOptions::default()
            },
            #[cfg(feature = "sim")]
            faults: aligned_io::Faults::default(),
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn create(&self, path: &Path) -> Result<AlignedWriter, WriteError> {
        #[cfg(feature = "sim")]
        return self.writer.create_faulty(path, &self.faults);
        #[cfg(not(feature = "sim"))]
        self.writer.create(path)
    }

    fn open(&self, path: &Path) -> Result<AlignedReader, ReadError> {
        #[cfg(feature = "sim")]
        return self.reader.open_faulty(path, &self.faults);
        #[cfg(not(feature = "sim"))]
        self.reader.open(path)
    }
}

impl SpillFolder {
    /// Takes a folder, and removes what an earlier master left there.
    ///
    /// # Errors
    ///
    /// When there is no such folder, or somebody uses it for longer than `patience`.
    pub(super) fn take(options: SpillOptions, patience: Duration) -> io::Result<Self> {
        let lock = File::create(options.folder.join(LOCK))?;
        let deadline = now() + patience;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if now() < deadline => sleep(LOOK),
                Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::ResourceBusy.into()),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        let is_ours = |name: &OsStr| name.to_string_lossy().ends_with(SUFFIX);
        aligned_io::remove_leftovers_in(&options.folder, is_ours).map_err(io::Error::other)?;
        for entry in fs::read_dir(&options.folder)? {
            let entry = entry?;
            if is_ours(&entry.file_name()) && entry.file_name() != LOCK {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(Self {
            options,
            _lock: lock,
        })
    }
}

impl Spill {
    /// Of one stream of `streams`, whose name no other has.
    pub(super) fn new(folder: &Arc<SpillFolder>, name: String, streams: usize) -> Self {
        Self {
            folder: Arc::clone(folder),
            name,
            bytes_max: folder.options.bytes_max / streams.max(1) as u64,
            segments: VecDeque::new(),
            bytes: 0,
        }
    }

    /// The number of the frame before the first that is kept, if any is.
    pub(super) fn before(&self) -> Option<u64> {
        self.segments.front().map(|segment| segment.before)
    }

    /// What is kept, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds whole frames, from the one after `before` to `last`; drops the oldest beyond what may
    /// be kept.
    ///
    /// # Errors
    ///
    /// When the disk refuses. Nothing is kept any more then.
    pub(super) fn put(&mut self, (before, last): (u64, u64), frames: &[&[u8]]) -> io::Result<()> {
        let name = format!("{}-{before}{SUFFIX}", self.name);
        let path = self.folder.options.folder.join(name);
        let written = self.write(&path, frames);
        let bytes = written.inspect_err(|_| self.clear())?;
        self.bytes += bytes;
        self.segments.push_back(Segment {
            path,
            before,
            last,
            bytes,
        });
        while self.bytes > self.bytes_max {
            let Some(segment) = self.segments.pop_front() else {
                break;
            };
            self.remove(&segment);
        }
        Ok(())
    }

    fn write(&self, path: &Path, frames: &[&[u8]]) -> io::Result<u64> {
        let mut writer = self.folder.options.create(path).map_err(io::Error::other)?;
        let mut frames = frames.iter();
        frames.try_for_each(|frames| writer.write_all(frames))?;
        let published = writer.publish().map_err(io::Error::other)?;
        Ok(published.bytes)
    }

    /// Whole frames, as the [`Backlog`](super::backlog::Backlog) gives them; `None` if there are
    /// none after `number` here.
    ///
    /// # Errors
    ///
    /// When they cannot be read, or are not what was written. Nothing up to them is kept any more
    /// then.
    pub(super) fn after(&mut self, number: u64) -> io::Result<Option<(KeptFrames, u64)>> {
        let index = self
            .segments
            .partition_point(|segment| segment.last <= number);
        let Some(segment) = self.segments.get(index) else {
            return Ok(None);
        };
        let last = segment.last;
        match self.read(segment) {
            Ok(frames) => Ok(Some((Arc::new(frames), last))),
            Err(error) => {
                self.forget(last);
                Err(error)
            }
        }
    }

    fn read(&self, segment: &Segment) -> io::Result<Vec<u8>> {
        let options = &self.folder.options;
        let mut reader = options.open(&segment.path).map_err(io::Error::other)?;
        let mut frames = Vec::new();
        // It may have become longer than it was.
        let bytes_max = segment.bytes.saturating_add(1);
        Read::by_ref(&mut reader)
            .take(bytes_max)
            .read_to_end(&mut frames)?;
        let damaged = || io::Error::from(io::ErrorKind::InvalidData);
        let mut number = segment.before;
        let mut rest = frames.as_slice();
        while !rest.is_empty() {
            let split = Frame::split(rest).map_err(io::Error::other)?;
            let (frame, behind) = split.ok_or_else(damaged)?;
            number += 1;
            if frame.number != number {
                return Err(damaged());
            }
            rest = behind;
        }
        if number != segment.last {
            return Err(damaged());
        }
        Ok(frames)
    }

    /// Removes the files that hold nothing after this number.
    pub(super) fn forget(&mut self, number: u64) {
        while let Some(segment) = self.segments.pop_front_if(|segment| segment.last <= number) {
            self.remove(&segment);
        }
    }

    /// Removes all.
    pub(super) fn clear(&mut self) {
        self.forget(u64::MAX);
    }

    fn remove(&mut self, segment: &Segment) {
        self.bytes -= segment.bytes;
        // If it stays, the next master removes it.
        drop(fs::remove_file(&segment.path));
    }
}

impl Drop for Spill {
    fn drop(&mut self) {
        self.clear();
    }
}
