//! The file that a conversion writes.

use std::io::{self, Write};
use std::path::Path;

use aligned_io::{AlignedWriter, WriterOptions};
use rdb_format::Crc64;

use crate::command::input::say;
use crate::error::CommandError;

/// How many bytes are collected before they are written.
const BUFFER_BYTES: usize = 256 << 10;

/// A file under a temporary name, that appears under its own when it is whole and durable.
///
/// Dropped before, it leaves nothing behind.
pub(crate) struct Sink<'a> {
    path: &'a Path,
    writer: AlignedWriter,
    /// Where records are appended.
    pub(crate) buffer: Vec<u8>,
    checksum: Crc64,
}

impl<'a> Sink<'a> {
    /// Begins a file of about `expected_bytes`; 0 when nothing is known.
    pub(crate) fn create(path: &'a Path, expected_bytes: u64) -> Result<Self, CommandError> {
        let options = WriterOptions {
            preallocate_bytes: expected_bytes,
            ..WriterOptions::default()
        };
        let writer = options
            .create(path)
            .map_err(|error| failed(path, error.into()))?;
        // What a killed process left of an earlier attempt only takes room.
        if let Err(error) = aligned_io::remove_leftovers(path) {
            say(&format!(
                "{}: warning: leftovers stay: {error}",
                path.display()
            ));
        }
        Ok(Self {
            path,
            writer,
            buffer: Vec::with_capacity(2 * BUFFER_BYTES),
            checksum: Crc64::new(),
        })
    }

    /// Writes what has been appended, if it is enough.
    pub(crate) fn drain(&mut self) -> Result<(), CommandError> {
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// The checksum of all that was appended.
    pub(crate) fn checksum(&mut self) -> Result<Crc64, CommandError> {
        self.flush()?;
        Ok(self.checksum)
    }

    /// Writes all that was appended, and has the file appear: its length in bytes.
    pub(crate) fn publish(mut self) -> Result<u64, CommandError> {
        self.flush()?;
        let path = self.path;
        let published = self.writer.publish();
        let published = published.map_err(|error| failed(path, error.into()))?;
        Ok(published.bytes)
    }

    fn flush(&mut self) -> Result<(), CommandError> {
        self.checksum.update(&self.buffer);
        let written = self.writer.write_all(&self.buffer);
        self.buffer.clear();
        // A value that came whole may have been far bigger than the rest.
        self.buffer.shrink_to(2 * BUFFER_BYTES);
        written.map_err(|source| failed(self.path, source))
    }
}

fn failed(path: &Path, source: io::Error) -> CommandError {
    CommandError::Write {
        path: path.to_path_buf(),
        source,
    }
}
