//! Buffers on their way: free, being filled, in flight, and free again.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use crate::access::{AnyBackend, Caching, mode_of};
use crate::backend::Sealed;
use crate::buffer::AlignedBuf;
use crate::error::Operation;
use crate::mode::Mode;
#[cfg(planted)]
use crate::planted::{Plant, is_active};
use crate::transfer::{Completion, Settled, Transfer};

/// The buffers of a writer and the backend that carries them.
///
/// Each buffer is in one of three states, and each state is another type, which owns it: free
/// (in here), [`Filling`] (with the writer), in flight (a [`Transfer`], with the backend). Only
/// the functions below turn one into the other, so a buffer in flight can neither be filled nor
/// lent nor freed: nobody but the backend has it.
#[derive(Debug)]
pub(crate) struct Pipeline {
    // Before `free`: dropping the backend ends all use of the buffers in flight.
    backend: AnyBackend,
    free: Vec<AlignedBuf>,
    /// Most transfers in flight: one less than there are buffers.
    depth: usize,
    /// How many transfers are started before the kernel is told of them, while it has others.
    batch: usize,
    /// Started since the kernel was told.
    unsubmitted: usize,
    /// What a resubmitted write must start at a multiple of.
    granule: usize,
    counters: Counters,
}

/// What a pipeline has done so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counters {
    /// Write operations started.
    pub(crate) writes: u64,
    /// Those of them that were started again.
    pub(crate) resubmitted: u64,
    /// Most writes that were in flight at once.
    pub(crate) max_in_flight: usize,
    /// The writes in flight right after each start, added up.
    pub(crate) in_flight_sum: u64,
    /// Time spent starting and awaiting writes.
    pub(crate) wait: Duration,
    /// Time spent in the fsync, and in what was linked to it.
    pub(crate) fsync: Duration,
}

/// A buffer that is being filled.
#[derive(Debug)]
pub(crate) struct Filling {
    buffer: AlignedBuf,
    filled: usize,
}

/// A write that failed for good.
#[derive(Debug)]
pub(crate) struct WriteFailure {
    pub(crate) operation: Operation,
    /// How much was to be written, in bytes.
    pub(crate) bytes: usize,
    pub(crate) source: io::Error,
}

impl Filling {
    /// The bytes that are not filled yet.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        &mut self.buffer[self.filled..]
    }

    /// How many bytes are filled.
    pub(crate) fn filled(&self) -> usize {
        self.filled
    }

    /// Says that the first `count` bytes of the space have been filled.
    pub(crate) fn advance(&mut self, count: usize) {
        assert!(
            count <= self.buffer.len() - self.filled,
            "{count} bytes filled where there is space for {}",
            self.buffer.len() - self.filled
        );
        self.filled += count;
    }

    pub(crate) fn is_full(&self) -> bool {
        self.filled == self.buffer.len()
    }

    /// Fills with zeros up to a multiple of `granule`, which the buffer's size is one of, and
    /// becomes the write at `offset`.
    fn into_write(mut self, granule: usize, offset: u64) -> Transfer {
        let length = self.filled.next_multiple_of(granule);
        self.buffer[self.filled..length].fill(0);
        Transfer::write(self.buffer, length, offset)
    }
}

impl Pipeline {
    /// A pipeline of `buffers`, all of one size and free: one to be filled while all others are in
    /// flight.
    ///
    /// # Panics
    ///
    /// When there are fewer than two.
    pub(crate) fn new(backend: AnyBackend, buffers: Vec<AlignedBuf>, granule: usize) -> Self {
        assert!(
            buffers.len() > 1,
            "one buffer cannot be filled and in flight"
        );
        let depth = buffers.len() - 1;
        Self {
            backend,
            free: buffers,
            depth,
            batch: (depth / 4).max(1),
            unsubmitted: 0,
            granule,
            counters: Counters::default(),
        }
    }

    /// How the file is reached.
    pub(crate) fn mode(&self, caching: Caching) -> Mode {
        mode_of(self.backend.as_ref(), caching)
    }

    /// What was done so far.
    pub(crate) fn counters(&self) -> Counters {
        self.counters
    }

    /// Takes the pipeline down and gives its buffers back, once nothing is in flight.
    pub(crate) fn into_buffers(self) -> Vec<AlignedBuf> {
        let Self { backend, free, .. } = self;
        drop(backend);
        free
    }

    /// A free buffer. There is one unless it is being filled already, or was lost with a failure.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub(crate) fn take(&mut self) -> Filling {
        let Some(buffer) = self.free.pop() else {
            panic!("one buffer is filled at a time, and none after a failure");
        };
        Filling { buffer, filled: 0 }
    }

    /// Starts writing what is filled at `offset`, padded with zeros to a whole granule. Waits first
    /// while as many writes as there may be are in flight.
    pub(crate) fn start(&mut self, filling: Filling, offset: u64) -> Result<(), WriteFailure> {
        while self.backend.in_flight() >= self.depth {
            self.wait_for_one()?;
        }
        self.begin(filling.into_write(self.granule, offset))?;
        while let Some(completion) = self.backend.poll() {
            self.settle(completion)?;
        }
        Ok(())
    }

    /// Waits for everything in flight.
    pub(crate) fn drain(&mut self) -> Result<(), WriteFailure> {
        while self.backend.in_flight() > 0 {
            self.wait_for_one()?;
        }
        Ok(())
    }

    /// Ends the file: waits for everything in flight, writes `tail`, which ends at `length` before
    /// it is padded, cuts the file to `length` and makes it durable.
    ///
    /// The fsync is never repeated: the kernel may have dropped the pages that it could not write.
    pub(crate) fn finish(
        &mut self,
        tail: Option<Filling>,
        length: u64,
    ) -> Result<(), WriteFailure> {
        let mut last = tail.map(|tail| {
            let offset = length - tail.filled as u64;
            tail.into_write(self.granule, offset)
        });
        loop {
            #[cfg(planted)]
            if !is_active(Plant::SealBeforeDrain) {
                self.drain()?;
            }
            #[cfg(not(planted))]
            self.drain()?;
            if last.is_some() {
                self.count_start(1);
            }
            let start = Instant::now();
            let sealed = self.backend.seal(last.take(), length);
            self.counters.fsync += start.elapsed();
            let (operation, source) = match sealed {
                Ok(Sealed::Durable) => return Ok(()),
                Ok(Sealed::Incomplete(completion)) => {
                    self.settle(completion)?;
                    continue;
                }
                Ok(Sealed::NotCut(error)) => (Operation::Truncate { length }, error),
                Ok(Sealed::NotSynced(error)) => (Operation::SyncFile, error),
                Err(error) => (Operation::Reap, error),
            };
            return Err(WriteFailure {
                operation,
                bytes: usize::try_from(length).unwrap_or(usize::MAX),
                source,
            });
        }
    }

    /// Hands a write to the backend.
    fn begin(&mut self, transfer: Transfer) -> Result<(), WriteFailure> {
        let bytes = transfer.range.len();
        #[cfg(planted)]
        if is_active(Plant::ReuseBeforeCompletion) {
            self.free.push(transfer.buffer.alias());
        }
        let start = Instant::now();
        let mut started = self.backend.start(transfer);
        self.unsubmitted += 1;
        let in_flight = self.backend.in_flight();
        // Entering the kernel once for several writes saves time only while it is busy anyway.
        let is_idle = in_flight <= self.unsubmitted;
        if started.is_ok() && (is_idle || self.unsubmitted >= self.batch) {
            self.unsubmitted = 0;
            started = self.backend.submit();
        }
        self.counters.wait += start.elapsed();
        self.count_start(in_flight);
        started.map_err(|source| WriteFailure {
            operation: Operation::Reap,
            bytes,
            source,
        })
    }

    fn count_start(&mut self, in_flight: usize) {
        let counters = &mut self.counters;
        counters.writes += 1;
        counters.max_in_flight = counters.max_in_flight.max(in_flight);
        counters.in_flight_sum += in_flight as u64;
    }

    fn wait_for_one(&mut self) -> Result<(), WriteFailure> {
        let start = Instant::now();
        self.unsubmitted = 0;
        let completion = self.backend.wait();
        self.counters.wait += start.elapsed();
        match completion {
            Ok(completion) => self.settle(completion),
            Err(source) => Err(WriteFailure {
                operation: Operation::Reap,
                bytes: 0,
                source,
            }),
        }
    }

    /// Frees the buffer of a write that is done, and sends the rest of any other again.
    fn settle(&mut self, completion: Completion) -> Result<(), WriteFailure> {
        match completion.settle(self.granule) {
            Settled::Done(transfer) => {
                self.release(transfer.buffer);
                Ok(())
            }
            Settled::Again(transfer) => {
                if transfer.is_stuck() {
                    thread::yield_now();
                }
                self.counters.resubmitted += 1;
                self.begin(transfer)
            }
            Settled::Failed(transfer, source) => {
                let operation = Operation::Write {
                    offset: transfer.offset,
                };
                let bytes = transfer.range.len();
                self.release(transfer.buffer);
                Err(WriteFailure {
                    operation,
                    bytes,
                    source,
                })
            }
        }
    }

    fn release(&mut self, buffer: AlignedBuf) {
        #[cfg(planted)]
        if is_active(Plant::ReuseBeforeCompletion) {
            return;
        }
        self.free.push(buffer);
        assert!(
            self.free.len() <= self.depth + 1,
            "more buffers came back than there are"
        );
    }
}
