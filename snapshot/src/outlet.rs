//! Where a snapshot goes: a file that appears whole or not at all, or any stream.

use std::fmt;
use std::io::{self, Write};

use aligned_io::{AlignedWriter, Finished, Published};

use crate::error::SnapshotError;

/// What the sink writes to.
pub(crate) enum Outlet {
    /// A file, under a temporary name.
    File(Box<AlignedWriter>),
    /// A socket, a pipe, an encryptor.
    Stream(Box<dyn Write + Send>),
}

impl Outlet {
    /// Makes what was written final, but gives it no name yet.
    pub(crate) fn finish(self) -> Result<Ended, SnapshotError> {
        match self {
            Self::File(writer) => Ok(Ended::File(Box::new(writer.finish()?))),
            Self::Stream(mut stream) => {
                stream.flush().map_err(SnapshotError::output)?;
                Ok(Ended::Stream)
            }
        }
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(writer) => writer.write(bytes),
            Self::Stream(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(writer) => writer.flush(),
            Self::Stream(stream) => stream.flush(),
        }
    }
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(writer) => f.debug_tuple("File").field(writer).finish(),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

/// What was written to its end, and is durable if it is a file.
#[derive(Debug)]
pub(crate) enum Ended {
    File(Box<Finished>),
    Stream,
}

impl Ended {
    /// Gives a file its name.
    pub(crate) fn publish(self) -> Result<Option<Published>, SnapshotError> {
        match self {
            Self::File(file) => Ok(Some(file.publish()?)),
            Self::Stream => Ok(None),
        }
    }
}
