//! One file of a set on its way: written, checksummed, finished.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use xxhash_rust::xxh3::Xxh3Default;

use crate::error::WriteError;
use crate::manifest::Member;
use crate::mode::Mode;
use crate::publish::Finished;
use crate::set_place::SetPlace;
use crate::stats::WriterStats;
use crate::writer::AlignedWriter;

/// Writes one file of a set. Computes the file's checksum on the way.
///
/// May outlive its set's writer and go to another thread. Dropped, it removes what it wrote.
#[must_use = "a file that is not finished is in no set"]
pub struct MemberWriter {
    writer: AlignedWriter,
    origin: Origin,
    xxh3: Box<Xxh3Default>,
}

/// One file of a set, whole and durable, still under its temporary name. Dropping it removes it.
#[derive(Debug)]
#[must_use = "a file that is not committed is removed"]
pub struct FinishedMember {
    file: Finished,
    origin: Origin,
    xxh3: u64,
}

/// Which set a file was begun in, and its name there.
#[derive(Debug)]
struct Origin {
    place: Arc<SetPlace>,
    name: String,
}

impl MemberWriter {
    /// Checksums what passes to `writer`, which writes the file `name` of the set at `place`.
    pub(crate) fn new(writer: AlignedWriter, place: Arc<SetPlace>, name: &str) -> Self {
        let name = name.to_owned();
        Self {
            writer,
            origin: Origin { place, name },
            xxh3: Box::default(),
        }
    }

    /// How the file is written, after every fallback.
    pub fn mode(&self) -> Mode {
        self.writer.mode()
    }

    /// The path that the file will have in the set.
    pub fn path(&self) -> &Path {
        self.writer.path()
    }

    /// Bytes accepted so far: the offset of the next one.
    pub fn position(&self) -> u64 {
        self.writer.position()
    }

    /// The counters so far.
    pub fn stats(&self) -> WriterStats {
        self.writer.stats()
    }

    /// Lends the writer's own buffer to `fill`, as [`AlignedWriter::fill`] does.
    ///
    /// # Errors
    ///
    /// Those of [`AlignedWriter::fill`].
    ///
    /// # Panics
    ///
    /// When `fill` claims more bytes than it was lent.
    pub fn fill(&mut self, fill: impl FnOnce(&mut [u8]) -> usize) -> Result<usize, WriteError> {
        let xxh3 = &mut self.xxh3;
        self.writer.fill(|space| {
            let count = fill(space);
            xxh3.update(&space[..count]);
            count
        })
    }

    /// Makes the file whole and durable, to be
    /// [committed](crate::FileSetWriter::commit).
    ///
    /// # Errors
    ///
    /// Those of [`AlignedWriter::finish`].
    pub fn finish(self) -> Result<FinishedMember, WriteError> {
        Ok(FinishedMember {
            xxh3: self.xxh3.digest(),
            file: self.writer.finish()?,
            origin: self.origin,
        })
    }
}

impl Write for MemberWriter {
    /// Takes all of `bytes`.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] with the [`WriteError`] inside. The failed write may be an earlier one.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.writer.write(bytes)?;
        self.xxh3.update(&bytes[..count]);
        Ok(count)
    }

    /// Fails if the writer is poisoned; moves no bytes.
    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl fmt::Debug for MemberWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemberWriter")
            .field("writer", &self.writer)
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}

impl FinishedMember {
    /// Whether it was begun in the set at `place`, by the same writer.
    pub(crate) fn is_of(&self, place: &Arc<SetPlace>) -> bool {
        Arc::ptr_eq(&self.origin.place, place)
    }

    /// What the manifest will say of it.
    pub(crate) fn entry(&self) -> Member {
        Member {
            name: self.origin.name.clone(),
            bytes: self.bytes(),
            xxh3: self.xxh3,
        }
    }

    /// Gives the file its name in the set, until it is dropped or [kept](Self::keep).
    pub(crate) fn place(&mut self) -> Result<(), WriteError> {
        self.file.temp.place()
    }

    /// From here on the file stays.
    pub(crate) fn keep(&mut self) {
        self.file.temp.keep();
    }

    /// The path that the file will have in the set.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// The exact length of the file, in bytes.
    pub fn bytes(&self) -> u64 {
        self.file.bytes()
    }

    /// How the file was written.
    pub fn mode(&self) -> Mode {
        self.file.mode()
    }

    /// The counters of its writer.
    pub fn stats(&self) -> WriterStats {
        self.file.stats()
    }
}
