//! Loading: one reader decodes a file and feeds the shards, which show all of it or nothing.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use aligned_io::FileSet;
use rdb_format::{DecodeError, Reader};
use shard_runtime::ShardSet;

use crate::error::LoadError;
use crate::events;
use crate::intake::Intake;
use crate::keyspace::Store;
use crate::load_progress::LoadProgress;
use crate::load_sections::Marked;
use crate::loader::Loader;
use crate::marks;
use crate::staging::Staging;
use crate::value::FromRdb;

/// How to load what a snapshot, or a server, has saved.
///
/// All-or-nothing: the shards keep what arrives apart from what they serve, and put it in place
/// in one [cut](shard_runtime::ShardSet::cut) when the last byte has been verified. When
/// anything is wrong, all of it is dropped.
///
/// ```
/// # fn load<S>(shards: &shard_runtime::ShardSet<S>) -> Result<(), Box<dyn std::error::Error>>
/// # where S: snapshot::Store<Value: snapshot::FromRdb> {
/// let now_ms = 1_793_232_000_000;
/// let report = snapshot::Load::new()
///     .expired(snapshot::Expired::DropAt(now_ms))
///     .from_reader(std::fs::File::open("dump.rdb")?, shards)?;
/// println!("{} keys", report.keys);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Load {
    pub(crate) rules: Rules,
    cut_deadline: Duration,
    pub(crate) progress: LoadProgress,
}

/// What is let in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) expired: Expired,
    /// Databases have numbers below this.
    pub(crate) databases_max: u32,
}

/// What becomes of keys that expired before they are loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expired {
    /// They are loaded like others: what they are worth is the store's decision.
    #[default]
    Keep,
    /// Those that expire at this time or before are dropped: milliseconds since 1970, usually
    /// now.
    DropAt(i64),
}

impl Expired {
    pub(crate) fn drops(self, expire_at_ms: Option<i64>) -> bool {
        match (self, expire_at_ms) {
            (Self::DropAt(now_ms), Some(at_ms)) => at_ms <= now_ms,
            _ => false,
        }
    }
}

/// What a load brought in.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadReport {
    /// Keys now in the shards.
    pub keys: u64,
    /// Keys left out because they had [expired](Load::expired).
    pub expired: u64,
    /// Keys of collections without elements, left out as servers do.
    pub empty: u64,
    /// Version number in the file's head; of several files the highest.
    pub rdb_version: u32,
    /// Length of the file up to and with its checksum, in bytes; of several files together.
    pub bytes: u64,
    /// Parts that were decoded each for itself: the files of a set, the sections of a file with
    /// marks, or 1.
    pub sections: usize,
    /// Source texts of the function libraries in the file.
    pub functions: Vec<Vec<u8>>,
    /// Records that stores do not keep: what modules say of a key or of no key, and slot imports.
    pub not_kept: u64,
}

impl LoadReport {
    /// Counts what another file brought in.
    pub(crate) fn add(&mut self, other: Self) {
        self.keys += other.keys;
        self.expired += other.expired;
        self.empty += other.empty;
        self.rdb_version = self.rdb_version.max(other.rdb_version);
        self.bytes += other.bytes;
        self.sections += other.sections;
        self.functions.extend(other.functions);
        self.not_kept += other.not_kept;
    }
}

impl Load {
    /// Loads every key, expired ones too.
    pub fn new() -> Self {
        Self {
            rules: Rules {
                expired: Expired::Keep,
                databases_max: 1024,
            },
            cut_deadline: Duration::from_mins(1),
            progress: LoadProgress::new(),
        }
    }

    /// Tells `progress` how far it is; for one load at a time.
    #[must_use]
    pub fn progress(mut self, progress: &LoadProgress) -> Self {
        self.progress = progress.clone();
        self
    }

    /// What becomes of keys that have expired.
    #[must_use]
    pub fn expired(mut self, expired: Expired) -> Self {
        self.rules.expired = expired;
        self
    }

    /// How many databases a file may use: their numbers are below this, 1024 at first.
    ///
    /// Each takes some tens of KiB on each shard that has a key of it, so a few bytes of a file
    /// could otherwise take up much memory.
    #[must_use]
    pub fn databases_max(mut self, databases: u32) -> Self {
        self.rules.databases_max = databases;
        self
    }

    /// How long a shard may take to come to the cut in which everything is put in place, before
    /// the load fails; a minute at first.
    #[must_use]
    pub fn cut_deadline(mut self, deadline: Duration) -> Self {
        self.cut_deadline = deadline;
        self
    }

    /// Reads a whole RDB stream into the shards, each key to the shard of its
    /// [hash](crate::shard_hash). Of a file, [`from_file`](Self::from_file) may be faster.
    ///
    /// A reader has no more than 2 MiB for each shard on its way to them, and one batch of about
    /// 256 KiB or one larger value beyond that. Checksum and structure are verified on the way. The
    /// number of keys that the stream claims to hold is a hint: a table is given room for at most
    /// sixteen times the keys that have come.
    ///
    /// # Errors
    ///
    /// When the shards hold keys already, somebody else is loading, or the stream is not a sound
    /// RDB file to its end, holds what the store cannot, or names a key twice. The shards are then
    /// as they were.
    ///
    /// With one exception: when the last cut fails, because a shard died at this moment, other
    /// shards may hold their part.
    pub fn from_reader<S>(
        &self,
        source: impl Read,
        shards: &ShardSet<S>,
    ) -> Result<LoadReport, LoadError>
    where
        S: Store<Value: FromRdb>,
    {
        self.progress.begin(None);
        events::loaded(self.in_order(source, None, shards))
    }

    /// Reads an RDB file into the shards from its first byte, wherever the file's cursor stands.
    ///
    /// A file that a [`Snapshot`](crate::Snapshot) wrote is decoded on several cores: it has
    /// marks where this is possible. They are not believed; if anything is not as they say, the
    /// file is read in order, as any other file, and by that reader's word it is sound or not.
    ///
    /// # Errors
    ///
    /// As of [`from_reader`](Self::from_reader).
    pub fn from_file<S>(&self, file: &File, shards: &ShardSet<S>) -> Result<LoadReport, LoadError>
    where
        S: Store<Value: FromRdb>,
    {
        events::loaded(self.load_file(file, shards))
    }

    fn load_file<S>(&self, file: &File, shards: &ShardSet<S>) -> Result<LoadReport, LoadError>
    where
        S: Store<Value: FromRdb>,
    {
        let read_error = |source| DecodeError::Read { offset: 0, source };
        let about = file.metadata().map_err(read_error)?;
        if !about.is_file() {
            self.progress.begin(None);
            return self.in_order(file, None, shards);
        }
        let bytes = about.len();
        self.progress.begin(Some(bytes));
        if let Some(sections) = marks::sections(file, bytes).map_err(read_error)?
            && let Some(report) = self.by_sections(file, &sections, bytes, shards)?
        {
            return Ok(report);
        }
        let mut source = file;
        source.rewind().map_err(read_error)?;
        self.in_order(source, Some(bytes), shards)
    }

    /// As [`from_reader`](Self::from_reader), of so many bytes if that is known.
    fn in_order<S>(
        &self,
        source: impl Read,
        bytes: Option<u64>,
        shards: &ShardSet<S>,
    ) -> Result<LoadReport, LoadError>
    where
        S: Store<Value: FromRdb>,
    {
        self.progress.begin_again(bytes);
        let staging = Staging::begin(shards, self.cut_deadline)?;
        let never = AtomicBool::new(false);
        let loader = staging.loader(self, &never);
        let report = read(source, loader, &self.progress, self.cut_deadline)?;
        staging.commit()?;
        Ok(report)
    }

    /// Reads a file's sections; `None` if it must be read in order.
    fn by_sections<S>(
        &self,
        file: &File,
        sections: &[Range<u64>],
        bytes: u64,
        shards: &ShardSet<S>,
    ) -> Result<Option<LoadReport>, LoadError>
    where
        S: Store<Value: FromRdb>,
    {
        self.progress.begin_again(Some(bytes));
        let marked = Marked {
            file,
            sections,
            progress: &self.progress,
            deadline: self.cut_deadline,
        };
        let staging = Staging::begin(shards, self.cut_deadline)?;
        let stop = AtomicBool::new(false);
        let report = marked.read(|stop| staging.loader(self, stop), &stop)?;
        if report.is_some() {
            staging.commit()?;
        }
        Ok(report)
    }

    /// Reads a [set of files](aligned_io::FileSet) into the shards, several files at a time,
    /// whatever number of shards it was written by; each key to the shard of its
    /// [hash](crate::shard_hash).
    ///
    /// Only what the set's manifest names is believed: each file must have the length and the
    /// checksum that stand there.
    ///
    /// # Errors
    ///
    /// As of [`from_reader`](Self::from_reader), with the path of the file; and when the set's
    /// manifest, or a file that it names, is missing or is not as it should be.
    pub fn from_files<S>(
        &self,
        path: impl AsRef<Path>,
        shards: &ShardSet<S>,
    ) -> Result<LoadReport, LoadError>
    where
        S: Store<Value: FromRdb>,
    {
        events::loaded(self.load_files(path.as_ref(), shards))
    }

    fn load_files<S>(&self, path: &Path, shards: &ShardSet<S>) -> Result<LoadReport, LoadError>
    where
        S: Store<Value: FromRdb>,
    {
        let set = FileSet::open(path)?;
        let bytes = set.members().map(|(member, _)| member.bytes).sum();
        self.progress.begin(Some(bytes));
        let staging = Staging::begin(shards, self.cut_deadline)?;
        let report = crate::load_set::read(&set, |source, stop| {
            let loader = staging.loader(self, stop);
            read(source, loader, &self.progress, self.cut_deadline)
        })?;
        staging.commit()?;
        Ok(report)
    }
}

impl Default for Load {
    fn default() -> Self {
        Self::new()
    }
}

/// Feeds everything in `source` to `loader`.
fn read<S>(
    source: impl Read,
    mut loader: Loader<'_, S>,
    progress: &LoadProgress,
    deadline: Duration,
) -> Result<LoadReport, LoadError>
where
    S: Store<Value: FromRdb>,
{
    let mut reader = Reader::new(Counted { source, progress });
    let mut intake = Intake::default();
    loop {
        Intake::take_strings(&mut reader, &mut loader)?;
        let Some(event) = reader.next_event()? else {
            break;
        };
        intake.take(event, &mut loader)?;
    }
    loader.report.bytes = reader.position();
    loader.report.sections = 1;
    loader.finish(deadline)
}

/// A source that tells how far it was read.
struct Counted<'a, R> {
    source: R,
    progress: &'a LoadProgress,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.progress.add_bytes(count);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_expires_by_then_is_dropped() {
        let dropping = Expired::DropAt(1000);
        assert!(dropping.drops(Some(999)) && dropping.drops(Some(1000)));
        assert!(!dropping.drops(Some(1001)) && !dropping.drops(None));
        assert!(!Expired::Keep.drops(Some(0)));
    }
}
