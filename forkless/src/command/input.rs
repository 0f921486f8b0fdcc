//! An RDB file on its way through the reader, and what is said about it by name.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use indicatif::{ProgressBar, ProgressBarIter};
use rdb_format::{
    ChecksumState, DecodeError, Dialect, Event, ReadOptions, ReadSource, Reader, Unsupported,
    Warning,
};
use xxhash_rust::xxh3::Xxh3Default;

use crate::command::dump::{Content, DumpFile};
use crate::error::CommandError;

/// How many warnings a reader keeps.
const WARNINGS_KEPT: usize = 256;

/// An RDB file, read once from start to end, in constant memory.
pub(crate) struct Input<'a> {
    path: &'a Path,
    reader: Reader<ReadSource<Summed>>,
    // What the file must turn out to hold.
    promise: Option<Content>,
    bar: ProgressBar,
    expected_bytes: u64,
    // Known once the end of the stream is read.
    checksum: Option<ChecksumState>,
}

impl<'a> Input<'a> {
    /// Opens the file at `path`; `bar` moves while it is read.
    ///
    /// Private records of vendors are passed over with a warning, whatever `options` say.
    pub(crate) fn open(
        path: &'a Path,
        options: ReadOptions,
        bar: ProgressBar,
    ) -> Result<Self, CommandError> {
        Self::open_promised(path, None, options, bar)
    }

    /// Opens one file of a dump, as [`open`](Self::open) does; if a manifest names it,
    /// [`close`](Self::close) fails unless it holds what stands there.
    pub(crate) fn open_file(
        file: &'a DumpFile,
        options: ReadOptions,
        bar: ProgressBar,
    ) -> Result<Self, CommandError> {
        Self::open_promised(&file.path, file.promise, options, bar)
    }

    fn open_promised(
        path: &'a Path,
        promise: Option<Content>,
        options: ReadOptions,
        bar: ProgressBar,
    ) -> Result<Self, CommandError> {
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
        let options = ReadOptions {
            unsupported: Unsupported::Skip,
            ..options
        };
        let file = Summed {
            file: bar.wrap_read(file),
            bytes: 0,
            xxh3: promise.map(|_| Box::default()),
        };
        let reader = Reader::new(file).with_options(options);
        Ok(Self {
            path,
            reader,
            promise,
            bar,
            expected_bytes: about.len(),
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

    /// Length of the file when it was opened; 0 for a pipe.
    pub(crate) fn expected_bytes(&self) -> u64 {
        self.expected_bytes
    }

    /// Who wrote the stream, as far as seen.
    pub(crate) fn dialect(&self) -> Dialect {
        self.reader.dialect()
    }

    /// The RDB version in the header.
    pub(crate) fn version(&self) -> u32 {
        self.reader.version()
    }

    /// Says on stderr what is odd about the file but no damage, and gives it.
    ///
    /// Bytes that follow the stream are among it: so a pipe is read to its end here.
    ///
    /// # Errors
    ///
    /// When the rest cannot be read, or the file is not the one that a manifest names.
    pub(crate) fn close(self) -> Result<Vec<String>, CommandError> {
        self.bar.finish_and_clear();
        let path = self.path;
        let end = self.reader.position();
        let version = self.reader.version();
        let warnings = self.reader.warnings();
        let mut oddities: Vec<String> = warnings.iter().map(describe).collect();
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
            if let (Some(promised), Some(found)) = (self.promise, file.content())
                && promised != found
            {
                return Err(CommandError::Stale {
                    path: path.to_path_buf(),
                    found,
                    promised,
                });
            }
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

/// A file that counts and sums what is read of it, if somebody wants to know.
struct Summed {
    file: ProgressBarIter<File>,
    bytes: u64,
    xxh3: Option<Box<Xxh3Default>>,
}

impl Summed {
    /// What was read, if it was summed.
    fn content(&self) -> Option<Content> {
        let xxh3 = self.xxh3.as_ref()?.digest();
        Some(Content {
            bytes: self.bytes,
            xxh3,
        })
    }
}

impl Read for Summed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.bytes += count as u64;
        if let Some(xxh3) = &mut self.xxh3 {
            xxh3.update(&buffer[..count]);
        }
        Ok(count)
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

fn describe(warning: &Warning) -> String {
    match warning {
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
        Warning::StreamLength {
            offset,
            stated,
            actual,
        } => format!("byte {offset}: a stream of {actual} entries says that it has {stated}"),
        other => format!("{other:?}"),
    }
}
