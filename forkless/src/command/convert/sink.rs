//! What a conversion writes to: records are appended, and written out when there are enough.

use std::io::Write;
use std::path::{Path, PathBuf};

use rdb_format::Crc64;

use crate::error::CommandError;

/// How many bytes are collected before they are written.
const BUFFER_BYTES: usize = 256 << 10;

/// A writer with a buffer in front, and the checksum of all that went through.
pub(crate) struct Sink<W> {
    // What errors name.
    path: PathBuf,
    writer: W,
    /// Where records are appended.
    pub(crate) buffer: Vec<u8>,
    checksum: Crc64,
}

impl<W: Write> Sink<W> {
    /// Writes to `writer`; errors name `path`.
    pub(crate) fn new(path: &Path, writer: W) -> Self {
        Self {
            path: path.to_path_buf(),
            writer,
            buffer: Vec::with_capacity(2 * BUFFER_BYTES),
            checksum: Crc64::new(),
        }
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

    /// Writes all that was appended, and gives the writer back.
    pub(crate) fn end(mut self) -> Result<W, CommandError> {
        self.flush()?;
        Ok(self.writer)
    }

    fn flush(&mut self) -> Result<(), CommandError> {
        self.checksum.update(&self.buffer);
        let written = self.writer.write_all(&self.buffer);
        self.buffer.clear();
        // A value that came whole may have been far bigger than the rest.
        self.buffer.shrink_to(2 * BUFFER_BYTES);
        written.map_err(|source| CommandError::Write {
            path: self.path.clone(),
            source,
        })
    }
}
