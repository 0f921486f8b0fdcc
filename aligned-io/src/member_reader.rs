//! One file of a set, read and held against what the manifest says of it.

use std::fmt;
use std::io::{self, BufRead, Read};
use std::path::Path;

use xxhash_rust::xxh3::Xxh3Default;

use crate::manifest::Member;
use crate::mode::Mode;
use crate::read_error::ReadError;
use crate::reader::AlignedReader;

/// Reads one file of a [`FileSet`](crate::FileSet) from its first byte to its last.
///
/// The end of the file is reached only by a file that is the one the manifest names: where another
/// file would end, [`ReadError::Checksum`] comes instead, each time it is asked. Its length was
/// compared when it was opened. So who has read to the end has read what was written, and who has
/// stopped before knows nothing of the sort.
pub struct MemberReader {
    reader: AlignedReader,
    /// What the manifest says.
    expected: u64,
    /// Of what was delivered.
    xxh3: Box<Xxh3Default>,
}

impl MemberReader {
    /// Reads what `reader` reads, which is to be `member`.
    ///
    /// # Errors
    ///
    /// [`ReadError::Length`].
    pub(crate) fn new(reader: AlignedReader, member: &Member) -> Result<Self, ReadError> {
        if reader.length() != member.bytes {
            return Err(ReadError::Length {
                path: reader.path().to_path_buf(),
                expected: member.bytes,
                found: reader.length(),
            });
        }
        Ok(Self {
            reader,
            expected: member.xxh3,
            xxh3: Box::default(),
        })
    }

    /// How the file is read, after every fallback.
    pub fn mode(&self) -> Mode {
        self.reader.mode()
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        self.reader.path()
    }

    /// The length of the file, in bytes.
    pub fn length(&self) -> u64 {
        self.reader.length()
    }

    /// Bytes delivered so far: the offset of the next one.
    pub fn position(&self) -> u64 {
        self.reader.position()
    }

    /// Reads what is left and forgets it: whether this is the file that the manifest names. Takes
    /// time in proportion to what is left.
    ///
    /// # Errors
    ///
    /// [`ReadError::Checksum`] if it is another one, and those of reading.
    pub fn verify(mut self) -> Result<(), ReadError> {
        loop {
            let count = self.lend()?.len();
            if count == 0 {
                return Ok(());
            }
            self.consume(count);
        }
    }

    /// The next bytes; nothing at the end of the file that the manifest names.
    fn lend(&mut self) -> Result<&[u8], ReadError> {
        if self.position() == self.length() {
            let found = self.xxh3.digest();
            if found != self.expected {
                return Err(ReadError::Checksum {
                    path: self.path().to_path_buf(),
                    expected: self.expected,
                    found,
                });
            }
        }
        self.reader.lend()
    }
}

impl Read for MemberReader {
    /// Reads at least one byte; nothing at the end of the file that the manifest names.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] with the [`ReadError`] inside.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        let lent = self.lend()?;
        let count = lent.len().min(into.len());
        into[..count].copy_from_slice(&lent[..count]);
        self.xxh3.update(&into[..count]);
        self.reader.use_up(count);
        Ok(count)
    }
}

impl BufRead for MemberReader {
    /// Lends the next bytes of the file; nothing at the end of the one that the manifest names.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] with the [`ReadError`] inside.
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.lend()?)
    }

    /// # Panics
    ///
    /// When `count` is more than was lent.
    fn consume(&mut self, count: usize) {
        let lent = self.reader.lent();
        self.xxh3.update(&lent[..count.min(lent.len())]);
        self.reader.use_up(count);
    }
}

impl fmt::Debug for MemberReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemberReader")
            .field("reader", &self.reader)
            .field("expected", &self.expected)
            .finish_non_exhaustive()
    }
}
