//! The writer: bytes in, full aligned blocks out, the tail padded and cut.

use std::fmt;
use std::io;
use std::path::Path;

use crate::access::Caching;
use crate::error::WriteError;
use crate::mode::Mode;
use crate::pipeline::{Filling, Pipeline, WriteFailure};
use crate::publish::{Finished, Published};
use crate::reservation::Reservation;
use crate::stats::WriterStats;
use crate::temp_file::TempFile;
use crate::writeback::Writeback;

/// Writes one file from its first byte to its last, and publishes it whole or not at all.
///
/// `write` copies into an aligned block and enters the kernel only when the block is full. It
/// always takes all the bytes it is given. [`fill`](Self::fill) lends the block itself, and nothing
/// is copied. `flush` does nothing beyond reporting that an earlier
/// write failed: bytes reach the disk block by block, and for good with
/// [`publish`](Self::publish).
///
/// An error poisons the writer: every later call fails with [`WriteError::Poisoned`], and
/// `publish` never succeeds. A writer that is dropped without being published waits for its
/// writes in flight and removes its temporary file.
///
/// | after | the file is | a power cut leaves |
/// |---|---|---|
/// | `write`, `fill`, `flush` | in part under its temporary name | the old file |
/// | [`finish`](Self::finish) | whole and durable under its temporary name | the old file |
/// | [`publish`](Self::publish) | whole and durable under its final name | the new file |
/// | an error, "fsync of the directory" | whole under its final name | either, whole |
/// | any other error | removed | the old file |
///
/// None of it can be proved by killing the process: the page cache survives that, synced or not.
/// Only a power cut tells, or a [`VolatileDisk`](crate::VolatileDisk); and a disk that says that
/// it has written what it has not is beyond help.
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
    reservation: Reservation,
    writeback: Writeback,
    /// What is being filled: never full, as it is started then.
    current: Option<Filling>,
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
    pub(crate) fn new(
        pipeline: Pipeline,
        temp: TempFile,
        reservation: Reservation,
        caching: Caching,
    ) -> Self {
        let mode = pipeline.mode(caching);
        let state = State::Sound;
        Self {
            pipeline,
            temp,
            reservation: reservation.only_if_direct(caching),
            writeback: Writeback::new(caching),
            current: None,
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
        WriterStats::new(self.position, self.pipeline.counters())
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
        let tail = self.current.take();
        let finished = self.pipeline.finish(tail, self.position);
        finished.map_err(|failure| self.failed(failure))?;
        Ok(Finished {
            mode: self.mode,
            stats: self.stats(),
            temp: self.temp,
        })
    }

    /// Lends the writer's own buffer to `fill`, which puts bytes at its start and says how many:
    /// they are written without having been copied. Returns that number.
    ///
    /// The buffer has room for at least one byte and at most a block; what stands in it is of no
    /// meaning. Waits when the block is full and as many as may be are in flight. If `fill` panics,
    /// nothing was added.
    ///
    /// # Errors
    ///
    /// Those of [`write`](io::Write::write).
    ///
    /// # Panics
    ///
    /// When `fill` claims more bytes than it was lent.
    ///
    /// # Example
    ///
    /// ```
    /// let directory = tempfile::tempdir()?;
    /// let mut writer = aligned_io::WriterOptions::default().create(directory.path().join("a"))?;
    /// let count = writer.fill(|space| {
    ///     space[..3].copy_from_slice(b"abc");
    ///     3
    /// })?;
    /// assert_eq!((count, writer.publish()?.bytes), (3, 3));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn fill(&mut self, fill: impl FnOnce(&mut [u8]) -> usize) -> Result<usize, WriteError> {
        self.check()?;
        let filling = self.current();
        let count = fill(filling.space());
        filling.advance(count);
        self.position += count as u64;
        self.start_if_full()?;
        Ok(count)
    }

    /// Waits until everything started has come back. What is being filled is not started.
    pub(crate) fn wait_for_all(&mut self) -> Result<(), WriteError> {
        let drained = self.pipeline.drain();
        drained.map_err(|failure| self.poison(failure))
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
    pub(crate) fn accept(&mut self, mut bytes: &[u8]) -> Result<(), WriteError> {
        self.check()?;
        while !bytes.is_empty() {
            let filling = self.current();
            let space = filling.space();
            let count = space.len().min(bytes.len());
            let (now, later) = bytes.split_at(count);
            space[..count].copy_from_slice(now);
            bytes = later;
            filling.advance(count);
            self.position += count as u64;
            self.start_if_full()?;
        }
        Ok(())
    }

    /// What is being filled, a free buffer if nothing is.
    fn current(&mut self) -> &mut Filling {
        let pipeline = &mut self.pipeline;
        self.current.get_or_insert_with(|| pipeline.take())
    }

    /// Starts writing what is being filled once it is full. It ends at `position`.
    fn start_if_full(&mut self) -> Result<(), WriteError> {
        let Some(filling) = self.current.take_if(|filling| filling.is_full()) else {
            return Ok(());
        };
        let offset = self.position - filling.filled() as u64;
        self.reservation.cover(self.temp.file(), self.position);
        let started = self.pipeline.start(filling, offset);
        started.map_err(|failure| self.poison(failure))?;
        self.writeback.follow(self.temp.file(), self.position);
        Ok(())
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
