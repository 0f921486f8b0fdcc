//! A backend that fails on purpose, for tests: short writes, refusals, a full disk, a broken one.

use std::fs::File;
use std::io;
use std::sync::Arc;

use rustix::fs::OFlags;
use rustix::io::{Errno, retry_on_intr};

use crate::backend::{BlockBackend, Capabilities};
use crate::mode::Backend;
use crate::split_mix::SplitMix;
use crate::transfer::{Completion, Direction, Transfer};
use crate::volatile_disk::VolatileDisk;

/// What goes wrong while a file is written, reproducible by its seed.
///
/// Transfers complete in a random order: as late as possible, or at any time before. Chances are
/// per transfer, in thousandths; the first three together must stay below 1000, or none ever
/// succeeds.
///
/// # Example
///
/// ```
/// use std::io::Write;
/// use aligned_io::{Failure, Faults, WriterOptions};
///
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("dump");
/// let faults = Faults { failure: Some(Failure::NoSpace { at_byte: 8192 }), ..Faults::default() };
/// let mut writer = WriterOptions::default().create_faulty(&path, &faults)?;
/// let written = writer.write_all(&[7; 10_000]);
/// assert!(written.is_err() || writer.publish().is_err());
/// assert!(!path.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Seeds the order of completions and every chance below.
    pub seed: u64,
    /// Chance that a write stops short, anywhere after its first byte.
    pub short_per_mille: u32,
    /// Chance that a write is interrupted (`EINTR`), or cancelled as the thread that started it
    /// ends (`ECANCELED`).
    pub interrupted_per_mille: u32,
    /// Chance that a write is put off (`EAGAIN`).
    pub again_per_mille: u32,
    /// Chance that a transfer comes back before it is waited for. At 0, the default, every one is
    /// as slow as can be: it stays in flight until somebody waits.
    pub early_per_mille: u32,
    /// What fails for good, if anything.
    pub failure: Option<Failure>,
    /// The disk whose power may fail, if any; it then decides what is durable.
    pub disk: Option<VolatileDisk>,
}

/// What fails for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// Every direct write is refused (`EINVAL`), as on file systems that take `O_DIRECT` when
    /// the file is opened and do not mean it. A writer that may falls back.
    Direct,
    /// One write fails (`EIO`): number `nth`, from 0, in the order of completion.
    Write {
        /// Its number.
        nth: u64,
    },
    /// The disk is full (`ENOSPC`): nothing from this byte of the file on can be written.
    NoSpace {
        /// The first byte that has no space.
        at_byte: u64,
    },
    /// fsync of the file fails (`EIO`), though all writes succeeded.
    Sync,
    /// The backend breaks down (`EBADF`) when completion number `nth`, from 0, is due.
    Reap {
        /// Its number.
        nth: u64,
    },
}

/// Keeps writes in flight until one is asked for, and then does a random one, badly.
#[derive(Debug)]
pub(crate) struct FaultyFile {
    faults: Faults,
    random: SplitMix,
    file: Arc<File>,
    started: Vec<Transfer>,
    completed: u64,
}

impl FaultyFile {
    pub(crate) fn new(file: &Arc<File>, faults: &Faults) -> Self {
        let random = SplitMix::new(faults.seed);
        Self {
            faults: faults.clone(),
            random,
            file: Arc::clone(file),
            started: Vec::new(),
            completed: 0,
        }
    }

    /// Whether the next completion is the one that the backend does not live to see.
    fn breaks_down(&self) -> bool {
        let nth = self.completed;
        self.faults.failure == Some(Failure::Reap { nth })
    }

    /// Does a random one of the transfers in flight.
    fn complete(&mut self) -> Completion {
        let choice = self.random.below(self.started.len() as u64);
        let choice = usize::try_from(choice).unwrap_or(0);
        let mut transfer = self.started.swap_remove(choice);
        let outcome = self.outcome(&transfer);
        let result = outcome.and_then(|count| match transfer.direction {
            // More than is owned up to may reach the file, as on a real disk; and a direct write
            // must be aligned, whatever part of it counts.
            Direction::Write => write_all(&self.file, &transfer).map(|()| count),
            Direction::Read => {
                let offset = transfer.offset;
                let bytes = transfer.bytes_mut();
                let read = retry_on_intr(|| rustix::io::pread(&self.file, &mut *bytes, offset))?;
                Ok(read.min(count))
            }
        });
        Completion { transfer, result }
    }

    /// How many bytes this transfer gets done, or why none.
    fn outcome(&mut self, transfer: &Transfer) -> io::Result<usize> {
        let file = &self.file;
        let wanted = transfer.range.len();
        let nth = self.completed;
        self.completed += 1;
        match self.faults.failure {
            Some(Failure::Direct) if rustix::fs::fcntl_getfl(file)?.contains(OFlags::DIRECT) => {
                return Err(Errno::INVAL.into());
            }
            Some(Failure::Write { nth: failing }) if failing == nth => {
                return Err(Errno::IO.into());
            }
            Some(Failure::NoSpace { at_byte }) => {
                let space = at_byte.saturating_sub(transfer.offset);
                let space = usize::try_from(space).unwrap_or(usize::MAX);
                if space == 0 {
                    return Err(Errno::NOSPC.into());
                }
                if space < wanted {
                    return Ok(space);
                }
            }
            _ => {}
        }
        let draw = self.random.below(1000);
        let interrupted = u64::from(self.faults.interrupted_per_mille);
        let again = interrupted + u64::from(self.faults.again_per_mille);
        let short = again + u64::from(self.faults.short_per_mille);
        if draw < interrupted {
            let is_even = draw.is_multiple_of(2);
            Err(if is_even {
                Errno::INTR
            } else {
                Errno::CANCELED
            }
            .into())
        } else if draw < again {
            Err(Errno::AGAIN.into())
        } else if draw < short && wanted > 1 {
            // Below `wanted`, which is a `usize`.
            Ok(1 + usize::try_from(self.random.below(wanted as u64 - 1)).unwrap_or(0))
        } else {
            Ok(wanted)
        }
    }
}

impl BlockBackend for FaultyFile {
    fn capabilities(&self) -> Capabilities {
        Capabilities::plain(Backend::Pwrite)
    }

    fn file(&self) -> &Arc<File> {
        &self.file
    }

    fn in_flight(&self) -> usize {
        self.started.len()
    }

    fn start(&mut self, transfer: Transfer) -> io::Result<()> {
        let outcome = match (&self.faults.disk, transfer.direction) {
            // From here on the disk may have written it, whether it has come back or not.
            (Some(disk), Direction::Write) => {
                disk.write(&self.file, transfer.offset, transfer.bytes())
            }
            _ => Ok(()),
        };
        self.started.push(transfer);
        outcome
    }

    fn poll(&mut self) -> Option<Completion> {
        let is_early = self.random.below(1000) < u64::from(self.faults.early_per_mille);
        if !is_early || self.started.is_empty() || self.breaks_down() {
            return None;
        }
        Some(self.complete())
    }

    fn wait(&mut self) -> io::Result<Completion> {
        assert!(!self.started.is_empty(), "waited with nothing in flight");
        if self.breaks_down() {
            return Err(Errno::BADF.into());
        }
        Ok(self.complete())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        if let Some(disk) = &self.faults.disk {
            disk.cut(&self.file, length)?;
        }
        Ok(retry_on_intr(|| rustix::fs::ftruncate(&self.file, length))?)
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.faults.failure == Some(Failure::Sync) {
            return Err(Errno::IO.into());
        }
        if let Some(disk) = &self.faults.disk {
            return disk.sync(&self.file);
        }
        Ok(rustix::fs::fsync(&self.file)?)
    }
}

fn write_all(file: &File, transfer: &Transfer) -> io::Result<()> {
    let (mut bytes, mut offset) = (transfer.bytes(), transfer.offset);
    while !bytes.is_empty() {
        let written = retry_on_intr(|| rustix::io::pwrite(file, bytes, offset))?;
        bytes = &bytes[written..];
        offset += written as u64;
    }
    Ok(())
}
