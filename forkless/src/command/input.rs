//! An RDB file on its way through the reader, and what is said about it by name.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use indicatif::{ProgressBar, ProgressBarIter};
use rdb_format::{
    ChecksumState, DecodeError, Event, ReadOptions, ReadSource, Reader, Unsupported, Warning,
};

use crate::error::CommandError;

/// How many warnings a reader keeps.
const WARNINGS_KEPT: usize = 256;

/// An RDB file, read once from start to end, in constant memory.
pub(crate) struct Input<'a> {
    path: &'a Path,
    reader: Reader<ReadSource<ProgressBarIter<File>>>,
    bar: ProgressBar,
    // Known once the end of the stream is read.
    checksum: Option<ChecksumState>,
}

impl<'a> Input<'a> {
    /// Opens the file at `path`; `bar` moves while it is read.
    pub(crate) fn open(path: &'a Path, bar: ProgressBar) -> Result<Self, CommandError> {
        let failed = |source| CommandError::Read {
            path: path.to_path_buf(),
            source,
        };
        let file = File::open(path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if about.is_dir() {
            return Err(CommandError::Directory {
                path: path.to_path_buf(),
            });
        }
        bar.set_length(about.len());
        // What cannot be taken apart can still be stepped over.
        let options = ReadOptions {
            unsupported: Unsupported::Skip,
            ..ReadOptions::default()
        };
        let reader = Reader::new(bar.wrap_read(file)).with_options(options);
        Ok(Self {
            path,
            reader,
            bar,
            checksum: None,
        })
    }

    /// The next event; `None` once the whole stream is read and found sound.
    pub(crate) fn next_event(&mut self) -> Result<Option<Event<'_>>, CommandError> {
        let path = self.path;
        let event = self
            .reader
            .next_event()
            .map_err(|source| damage(path, source))?;
        if let Some(Event::End { checksum }) = event {
            self.checksum = Some(checksum);
        }
        Ok(event)
    }

    /// Bytes of the stream read so far; its exact length at the end.
    pub(crate) fn bytes(&self) -> u64 {
        self.reader.position()
    }

    /// The RDB version in the header.
    pub(crate) fn version(&self) -> u32 {
        self.reader.version()
    }

    /// Says on stderr what is odd about the file but no damage, and gives it.
    ///
    /// Bytes that follow the stream are among it: so a pipe is read to its end here.
    pub(crate) fn close(self) -> Result<Vec<String>, CommandError> {
        self.bar.finish_and_clear();
        let path = self.path;
        let end = self.reader.position();
        let version = self.reader.version();
        let warnings = self.reader.warnings();
        let mut oddities: Vec<String> = warnings.iter().filter_map(describe).collect();
        oddities.extend(describe_skipped(warnings));
        if warnings.len() == WARNINGS_KEPT {
            oddities.push("more may follow, which is not listed".to_owned());
        }
        if matches!(self.checksum, Some(ChecksumState::Off)) {
            oddities.push("written without a checksum; only the structure is verified".to_owned());
        }
        if matches!(self.checksum, Some(ChecksumState::Absent)) {
            let odd = "has no checksum; only the structure is verified";
            oddities.push(format!("RDB version {version} {odd}"));
        }
        if self.checksum.is_some() {
            let (mut file, buffered) = self.reader.into_parts();
            let rest = io::copy(&mut file, &mut io::sink()).map_err(|source| {
                damage(
                    path,
                    DecodeError::Read {
                        offset: end,
                        source,
                    },
                )
            })?;
            let rest = rest + buffered.len() as u64;
            if rest > 0 {
                oddities.push(format!("{rest} bytes follow the end at byte {end}"));
            }
        }
        for oddity in &oddities {
            say(&format!("{}: warning: {oddity}", path.display()));
        }
        Ok(oddities)
    }
}

/// Writes a line to stderr.
pub(crate) fn say(line: &str) {
    // When stderr is gone, nobody is left to tell.
    drop(writeln!(io::stderr(), "{line}"));
}

fn damage(path: &Path, source: DecodeError) -> CommandError {
    CommandError::Decode {
        path: path.to_path_buf(),
        source,
    }
}

/// Values that were stepped over, all in one line.
fn describe_skipped(warnings: &[Warning]) -> Option<String> {
    let mut values = 0;
    let mut types = BTreeSet::new();
    for warning in warnings {
        if let Warning::SkippedValue { value_type, .. } = warning {
            values += 1;
            types.insert(value_type.family().name());
        }
    }
    let types: Vec<&str> = types.into_iter().collect();
    (values > 0).then(|| {
        let types = types.join(", ");
        format!("{values} values ({types}) are of kinds whose inside is not verified yet")
    })
}

fn describe(warning: &Warning) -> Option<String> {
    Some(match warning {
        Warning::SkippedValue { .. } => return None,
        Warning::UnknownVersion { version } => {
            format!("RDB version {version} is newer than any known here")
        }
        Warning::PaddedBackLength { offset } => format!(
            "byte {offset}: a listpack holds a length that is one byte too wide, as Redis wrote \
             it until 8.6; newer servers may misread it"
        ),
        Warning::EmptyCollection { offset } => {
            format!("byte {offset}: a collection is empty; servers drop its key")
        }
        Warning::SkippedOpcode { offset, opcode } => {
            format!("byte {offset}: a vendor's record (opcode {opcode}) is skipped")
        }
        other => format!("{other:?}"),
    })
}
