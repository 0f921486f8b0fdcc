//! Where a snapshot goes: a file that appears whole or not at all, or any stream.

use std::fmt;
use std::io::{self, Write};

use aligned_io::{AlignedWriter, Published};

use crate::error::SnapshotError;

/// A stream that knows how to end.
pub(crate) trait Destination: Write + Send {
    /// Makes what was written final; for a file: durable, and visible under its name.
    fn publish(self: Box<Self>) -> Result<Option<Published>, SnapshotError>;
}

impl Destination for AlignedWriter {
    fn publish(self: Box<Self>) -> Result<Option<Published>, SnapshotError> {
        Ok(Some(AlignedWriter::publish(*self)?))
    }
}

/// Any writer: a socket, a pipe, an encryptor.
pub(crate) struct Stream<W>(pub(crate) W);

impl<W: Write> Write for Stream<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Write + Send> Destination for Stream<W> {
    fn publish(mut self: Box<Self>) -> Result<Option<Published>, SnapshotError> {
        self.0.flush().map_err(SnapshotError::output)?;
        Ok(None)
    }
}

impl fmt::Debug for dyn Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Destination")
    }
}
