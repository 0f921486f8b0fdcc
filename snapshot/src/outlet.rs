//! Where a snapshot goes: a file that appears whole or not at all, one of several such files, or
//! any stream.

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;

use aligned_io::{AlignedWriter, FileSetWriter, Finished, FinishedMember, MemberWriter, Mode};

use crate::error::SnapshotError;

/// What one sink writes to.
pub(crate) enum Outlet {
    /// A file, under a temporary name.
    File(Box<AlignedWriter>),
    /// A file of a set.
    Member(Box<MemberWriter>),
    /// A socket, a pipe, an encryptor.
    Stream(Box<dyn Write + Send>),
}

impl Outlet {
    /// Makes what was written final, but gives it no name yet.
    pub(crate) fn finish(self) -> Result<Ended, SnapshotError> {
        Ok(match self {
            Self::File(writer) => Ended::File(Box::new(writer.finish()?)),
            Self::Member(writer) => Ended::Member(Box::new(writer.finish()?)),
            Self::Stream(mut stream) => {
                stream.flush().map_err(SnapshotError::output)?;
                Ended::Stream
            }
        })
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::File(writer) => writer,
            Self::Member(writer) => writer,
            Self::Stream(stream) => stream,
        }
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer().flush()
    }
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File(_) => "File",
            Self::Member(_) => "Member",
            Self::Stream(_) => "Stream",
        })
    }
}

/// What was written to its end, and is durable if it is a file.
#[derive(Debug)]
pub(crate) enum Ended {
    File(Box<Finished>),
    Member(Box<FinishedMember>),
    Stream,
}

impl Ended {
    /// Where it will be, and how it was written.
    pub(crate) fn place(&self) -> Option<(PathBuf, Mode)> {
        match self {
            Self::File(file) => Some((file.path().to_path_buf(), file.mode())),
            Self::Member(file) => Some((file.path().to_path_buf(), file.mode())),
            Self::Stream => None,
        }
    }
}

/// Gives what has ended its names, all together: as the set that was begun, if one was.
pub(crate) fn publish(
    set: Option<FileSetWriter>,
    note: &str,
    ended: Vec<Ended>,
) -> Result<(), SnapshotError> {
    let mut members = Vec::new();
    for ended in ended {
        match ended {
            Ended::File(file) => drop(file.publish()?),
            Ended::Member(member) => members.push(*member),
            Ended::Stream => {}
        }
    }
    if let Some(set) = set {
        set.commit(members, note)?;
    }
    Ok(())
}
