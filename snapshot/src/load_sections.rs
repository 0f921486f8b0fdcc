//! A file with marks, decoded section by section on several cores.
//!
//! The marks are not believed: every section must begin with a SELECTDB and end exactly where the
//! next one begins, with a whole record, and their checksums, joined, must be that of the file.
//! What was decoded is then what one reader would have found.

use std::fs::File;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use rdb_format::{ChecksumState, Crc64, DecodeError, Dialect, Event, Reader};

use crate::error::LoadError;
use crate::events;
use crate::intake::Intake;
use crate::keyspace::Store;
use crate::load::LoadReport;
use crate::load_progress::LoadProgress;
use crate::loader::Loader;
use crate::marks;
use crate::sync::Mutex;
use crate::value::FromRdb;

/// Bytes behind the last record that are in no checksum: the checksum itself.
const CHECKSUM_BYTES: u64 = 8;

/// A file and its sections, more than one, in order.
#[derive(Debug)]
pub(crate) struct Marked<'a> {
    pub(crate) file: &'a File,
    pub(crate) sections: &'a [Range<u64>],
    pub(crate) progress: &'a LoadProgress,
    /// How long shards may take to come to a cut.
    pub(crate) deadline: Duration,
}

/// Why a section was not loaded.
enum Fault {
    /// A mark is wrong, or all is not well with the file: one reader will tell.
    Doubt,
    Load(LoadError),
}

impl From<LoadError> for Fault {
    fn from(error: LoadError) -> Self {
        match error {
            // The shards are at fault, not the file.
            LoadError::Shard(_) => Self::Load(error),
            _ => Self::Doubt,
        }
    }
}

impl From<DecodeError> for Fault {
    fn from(_: DecodeError) -> Self {
        Self::Doubt
    }
}

/// What the header says that holds for all sections.
#[derive(Debug, Clone, Copy)]
struct Stream {
    version: u32,
    dialect: Dialect,
}

/// What became of all sections.
struct Outcome {
    report: LoadReport,
    checksums: Vec<Crc64>,
    fault: Option<Fault>,
}

impl Marked<'_> {
    /// Reads all sections, with as many threads as there are cores, each of which feeds a loader
    /// that `begin` makes; `None` if the file must be read in order instead, since its marks, or
    /// something else, are not as they should be.
    ///
    /// # Errors
    ///
    /// When a shard fails.
    pub(crate) fn read<'l, S>(
        &self,
        begin: impl Fn(&'l AtomicBool) -> Loader<'l, S> + Sync,
        stop: &'l AtomicBool,
    ) -> Result<Option<LoadReport>, LoadError>
    where
        S: Store<Value: FromRdb>,
    {
        match self.read_all(begin, stop) {
            Ok(report) => Ok(Some(report)),
            Err(Fault::Load(error)) => Err(error),
            Err(Fault::Doubt) => {
                events::doubted();
                Ok(None)
            }
        }
    }

    fn read_all<'l, S>(
        &self,
        begin: impl Fn(&'l AtomicBool) -> Loader<'l, S> + Sync,
        stop: &'l AtomicBool,
    ) -> Result<LoadReport, Fault>
    where
        S: Store<Value: FromRdb>,
    {
        let mut loader = begin(stop);
        let (stream, head) = self.read_head(&mut loader)?;
        let expected = loader.expected().clone();
        let report = loader.finish(self.deadline)?;
        let mut checksums = vec![Crc64::new(); self.sections.len()];
        checksums[0] = head;
        let outcome = Mutex::new(Outcome {
            report,
            checksums,
            fault: None,
        });
        let next = AtomicUsize::new(1);
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = cores.min(self.sections.len() - 1);
        let work = || {
            let mut loader = begin(stop);
            loader.expect_shares(&expected, threads);
            let done = self.read_some(stream, loader, &next, &outcome);
            if let Err(fault) = done {
                // Relaxed: a hint, which may come late.
                stop.store(true, Ordering::Relaxed);
                outcome.lock().fault.get_or_insert(fault);
            }
        };
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(work);
            }
        });
        let outcome = outcome.into_inner();
        match outcome.fault {
            Some(fault) => Err(fault),
            None => self.check(outcome),
        }
    }

    /// Compares the joined checksums with the one at the end, unless the writer computed none.
    fn check(&self, mut outcome: Outcome) -> Result<LoadReport, Fault> {
        let bytes = self.sections.last().map_or(0, |last| last.end);
        let mut stored = [0; 8];
        let place = bytes.checked_sub(CHECKSUM_BYTES).ok_or(Fault::Doubt)?;
        let read = self.file.read_exact_at(&mut stored, place);
        read.map_err(|_| Fault::Doubt)?;
        let stored = u64::from_le_bytes(stored);
        let mut joined = Crc64::new();
        for part in outcome.checksums {
            joined.combine(part);
        }
        if stored != 0 && stored != joined.value() {
            return Err(Fault::Doubt);
        }
        outcome.report.bytes = bytes;
        outcome.report.sections = self.sections.len();
        Ok(outcome.report)
    }

    /// Reads the first section, with the header, up to where the next begins.
    fn read_head<S>(&self, loader: &mut Loader<'_, S>) -> Result<(Stream, Crc64), Fault>
    where
        S: Store<Value: FromRdb>,
    {
        let range = self.sections[0].clone();
        let mut summed = Summed::new(self, range.clone());
        let mut reader = Reader::new(&mut summed).ending_early();
        let mut intake = Intake::default();
        while let Some(event) = reader.next_event()? {
            if matches!(event, Event::End { .. }) {
                return Err(Fault::Doubt);
            }
            intake.take(event, loader)?;
        }
        let stream = Stream {
            version: reader.version(),
            dialect: reader.dialect(),
        };
        if reader.position() != range.end {
            return Err(Fault::Doubt);
        }
        Ok((stream, summed.checksum))
    }

    /// Reads sections until there are no more.
    fn read_some<S>(
        &self,
        stream: Stream,
        mut loader: Loader<'_, S>,
        next: &AtomicUsize,
        outcome: &Mutex<Outcome>,
    ) -> Result<(), Fault>
    where
        S: Store<Value: FromRdb>,
    {
        loop {
            // Relaxed: each number is given out once, and nothing else hangs on it.
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= self.sections.len() {
                break;
            }
            let checksum = self.read_section(number, stream, &mut loader)?;
            outcome.lock().checksums[number] = checksum;
        }
        let report = loader.finish(self.deadline)?;
        outcome.lock().report.add(report);
        Ok(())
    }

    /// Reads one section that is not the first. Nothing in it may bear on another one.
    fn read_section<S>(
        &self,
        number: usize,
        stream: Stream,
        loader: &mut Loader<'_, S>,
    ) -> Result<Crc64, Fault>
    where
        S: Store<Value: FromRdb>,
    {
        let range = self.sections[number].clone();
        let is_last = number + 1 == self.sections.len();
        let mut summed = Summed::new(self, range.clone());
        let Stream { version, dialect } = stream;
        let mut reader = Reader::from_middle(&mut summed, range.start, version, dialect);
        let mut intake = Intake::default();
        let mut begun = false;
        let mut ended = false;
        loop {
            if begun {
                Intake::take_strings(&mut reader, loader)?;
            }
            let Some(event) = reader.next_event()? else {
                break;
            };
            match event {
                Event::SelectDb(_) => begun = true,
                Event::End { checksum } => {
                    ended = checksum != ChecksumState::Absent;
                    continue;
                }
                Event::Aux { name, .. } if is_last && marks::is_mark(name) => {}
                Event::Key(_)
                | Event::Element(_)
                | Event::Stream(_)
                | Event::InsertIndex(_)
                | Event::KeyEnd { .. }
                    if begun => {}
                _ => return Err(Fault::Doubt),
            }
            intake.take(event, loader)?;
        }
        if ended != is_last || reader.position() != range.end {
            return Err(Fault::Doubt);
        }
        Ok(summed.checksum)
    }
}

/// A section being read, with the checksum of what was read of it.
struct Summed<'a> {
    file: &'a File,
    progress: &'a LoadProgress,
    left: Range<u64>,
    // The checksum of the file is not part of it.
    covered_to: u64,
    checksum: Crc64,
}

impl<'a> Summed<'a> {
    fn new(marked: &Marked<'a>, section: Range<u64>) -> Self {
        let is_last = marked.sections.last() == Some(&section);
        let behind = if is_last { CHECKSUM_BYTES } else { 0 };
        Self {
            file: marked.file,
            progress: marked.progress,
            covered_to: section.end.saturating_sub(behind),
            left: section,
            checksum: Crc64::new(),
        }
    }
}

impl Read for Summed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.left.end - self.left.start).unwrap_or(usize::MAX);
        let room = buffer.len().min(left);
        let count = self.file.read_at(&mut buffer[..room], self.left.start)?;
        let summed = self.covered_to.saturating_sub(self.left.start);
        let summed = usize::try_from(summed).unwrap_or(usize::MAX).min(count);
        self.checksum.update(&buffer[..summed]);
        self.left.start += count as u64;
        self.progress.add_bytes(count);
        Ok(count)
    }
}
