//! The writer: bytes in, full aligned blocks out, the tail padded and cut.

use std::fmt;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::io::retry_on_intr;

use crate::buffer::Block;
use crate::error::{Operation, WriteError};
use crate::mode::Mode;
use crate::pipeline::{Pipeline, WriteFailure};
use crate::publish::{Finished, Published};
use crate::stats::WriterStats;
use crate::temp_file::TempFile;

/// Writes one file from its first byte to its last, and publishes it whole or not at all.
///
/// `write` copies into an aligned block and enters the kernel only when the block is full. It
/// always takes all the bytes it is given. `flush` does nothing beyond reporting that an earlier
/// write failed: bytes reach the disk block by block, and for good with
/// [`publish`](Self::publish).
///
/// An error poisons the writer: every later call fails with [`WriteError::Poisoned`], and
/// `publish` never succeeds. A writer that is dropped without being published waits for its
/// writes in flight and removes its temporary file.
///
/// # Example
///
/// ```
/// use std::io::Write;
///
/// let directory = tempfile::tempdir()?;
/// let mut writer = aligned_io::WriterOptions::default().create(directory.path().join("dump"))?;
/// writer.write_all(b"thirteen byte")?;
/// assert_eq!(writer.position(), 13);
/// assert_eq!(writer.publish()?.bytes, 13);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "a writer that is dropped publishes nothing"]
pub struct AlignedWriter {
    // Before `temp`: what is in flight is over before the file is removed.
    pipeline: Pipeline,
    temp: TempFile,
    current: Option<Block>,
    /// Bytes of `current` that are filled. Zero when there is none.
    filled: usize,
    /// Bytes accepted in all.
    position: u64,
    state: State,
    mode: Mode,
}

/// Whether everything accepted so far can still become a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Sound,
    Poisoned,
}

impl AlignedWriter {
    pub(crate) fn new(pipeline: Pipeline, temp: TempFile, mode: Mode) -> Self {
        let state = State::Sound;
        Self {
            pipeline,
            temp,
            current: None,
            filled: 0,
            position: 0,
            state,
            mode,
        }
    }

    /// How the file is written, after every fallback.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The path that the file will be published at.
    pub fn path(&self) -> &Path {
        self.temp.final_path()
    }

    /// Bytes accepted so far: the offset of the next one.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The counters so far.
    pub fn stats(&self) -> WriterStats {
        WriterStats {
            bytes: self.position,
            writes: self.pipeline.writes(),
            max_in_flight: self.pipeline.max_in_flight(),
            wait: self.pipeline.wait(),
            fsync: Duration::ZERO,
        }
    }

    /// Makes the file durable under its final name, replacing what stood there.
    ///
    /// Writes the tail, waits for every write, cuts the file to its exact length, syncs it,
    /// renames it and syncs the directory.
    ///
    /// # Errors
    ///
    /// Those of [`finish`](Self::finish) and [`Finished::publish`].
    pub fn publish(self) -> Result<Published, WriteError> {
        self.finish()?.publish()
    }

    /// Makes the file whole and durable, but leaves it under its temporary name.
    ///
    /// # Errors
    ///
    /// [`WriteError::Poisoned`] after an earlier error, [`WriteError::NoSpace`], and
    /// [`WriteError::Io`] for whatever else the kernel refuses. The temporary file is removed.
    pub fn finish(mut self) -> Result<Finished, WriteError> {
        self.check()?;
        if let Some(block) = self.current.take() {
            self.start_tail(block)?;
        }
        self.pipeline
            .drain(self.temp.file())
            .map_err(|failure| self.failed(failure))?;
        let length = self.position;
        retry_on_intr(|| rustix::fs::ftruncate(self.temp.file(), length)).map_err(|error| {
            self.temp
                .error(Operation::Truncate { length }, length, error.into())
        })?;
        let start = Instant::now();
        let synced = self.pipeline.sync(self.temp.file());
        let fsync = start.elapsed();
        // Never repeated: the kernel may have dropped the pages that it could not write.
        synced.map_err(|error| self.temp.error(Operation::SyncFile, length, error))?;
        let stats = WriterStats {
            fsync,
            ..self.stats()
        };
        Ok(Finished {
            temp: self.temp,
            mode: self.mode,
            stats,
        })
    }

    fn check(&self) -> Result<(), WriteError> {
        match self.state {
            State::Sound => Ok(()),
            State::Poisoned => Err(WriteError::Poisoned {
                path: self.path().to_path_buf(),
            }),
        }
    }

    /// Takes all of `bytes`. One copy; the kernel is entered only for full blocks.
    fn accept(&mut self, mut bytes: &[u8]) -> Result<(), WriteError> {
        self.check()?;
        while !bytes.is_empty() {
            let mut block = match self.current.take() {
                Some(block) => block,
                None => self.take_block()?,
            };
            let space = &mut block.as_mut_slice()[self.filled..];
            let count = space.len().min(bytes.len());
            let is_full = count == space.len();
            let (now, later) = bytes.split_at(count);
            space[..count].copy_from_slice(now);
            bytes = later;
            self.filled += count;
            self.position += count as u64;
            if is_full {
                self.start_block(block)?;
            } else {
                self.current = Some(block);
            }
        }
        Ok(())
    }

    fn take_block(&mut self) -> Result<Block, WriteError> {
        self.pipeline
            .take_block(self.temp.file())
            .map_err(|failure| self.poison(failure))
    }

    /// Starts writing the first `filled` bytes of `block`, which end at `position`.
    fn start_block(&mut self, block: Block) -> Result<(), WriteError> {
        let (length, offset) = (self.filled, self.position - self.filled as u64);
        self.filled = 0;
        self.pipeline
            .start(self.temp.file(), block, length, offset)
            .map_err(|failure| self.poison(failure))
    }

    /// Starts writing a block that is not full, padded with zeros to the alignment.
    fn start_tail(&mut self, mut block: Block) -> Result<(), WriteError> {
        let offset = self.position - self.filled as u64;
        // At most the length of the block, which is a multiple of the alignment.
        let length = self.filled.next_multiple_of(self.mode.alignment);
        block.as_mut_slice()[self.filled..length].fill(0);
        self.pipeline
            .start(self.temp.file(), block, length, offset)
            .map_err(|failure| self.poison(failure))
    }

    fn poison(&mut self, failure: WriteFailure) -> WriteError {
        self.state = State::Poisoned;
        self.failed(failure)
    }

    fn failed(&self, failure: WriteFailure) -> WriteError {
        let WriteFailure {
            operation,
            bytes,
            source,
        } = failure;
        self.temp.error(operation, bytes as u64, source)
    }
}

impl io::Write for AlignedWriter {
    /// Takes all of `bytes`.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] with the [`WriteError`] inside. The failed write may be an earlier one.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.accept(bytes)?;
        Ok(bytes.len())
    }

    /// Fails if the writer is poisoned; moves no bytes.
    fn flush(&mut self) -> io::Result<()> {
        Ok(self.check()?)
    }
}

impl fmt::Debug for AlignedWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlignedWriter")
            .field("path", &self.path())
            .field("position", &self.position)
            .field("mode", &self.mode)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
