//! Blocks on their way: free, in flight, and what to do when a write comes back incomplete.

use std::fs::File;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use crate::backend::{BlockBackend, Completion, PendingWrite};
use crate::buffer::Block;
use crate::error::Operation;
use crate::mode::Backend;

/// How often one range may come back without progress before it is taken for a failure.
const ATTEMPTS_MAX: u32 = 1000;

/// The blocks of a writer and the backend that carries them.
#[derive(Debug)]
pub(crate) struct Pipeline {
    // Before `free`: dropping the backend ends all use of the blocks in flight.
    backend: Box<dyn BlockBackend>,
    free: Vec<Block>,
    /// What a resubmitted write must start at a multiple of.
    granule: usize,
    writes: u64,
    max_in_flight: usize,
    wait: Duration,
}

/// A write that failed for good.
#[derive(Debug)]
pub(crate) struct WriteFailure {
    pub(crate) operation: Operation,
    /// How much was to be written, in bytes.
    pub(crate) bytes: usize,
    pub(crate) source: io::Error,
}

impl Pipeline {
    /// A pipeline of `blocks`, all of one size and free.
    pub(crate) fn new(backend: Box<dyn BlockBackend>, blocks: Vec<Block>, granule: usize) -> Self {
        let wait = Duration::ZERO;
        Self {
            backend,
            free: blocks,
            granule,
            writes: 0,
            max_in_flight: 0,
            wait,
        }
    }

    pub(crate) fn backend(&self) -> Backend {
        self.backend.backend()
    }

    pub(crate) fn registered_buffers(&self) -> bool {
        self.backend.registered_buffers()
    }

    /// Write operations started so far.
    pub(crate) fn writes(&self) -> u64 {
        self.writes
    }

    /// Most writes that were in flight at once.
    pub(crate) fn max_in_flight(&self) -> usize {
        self.max_in_flight
    }

    /// Time spent starting and awaiting writes.
    pub(crate) fn wait(&self) -> Duration {
        self.wait
    }

    /// Gives the blocks back. Those of a backend that failed may stay with it.
    pub(crate) fn into_blocks(self) -> Vec<Block> {
        self.free
    }

    /// A free block, waiting for a write to come back if there is none.
    pub(crate) fn take_block(&mut self, file: &File) -> Result<Block, WriteFailure> {
        loop {
            if let Some(block) = self.free.pop() {
                return Ok(block);
            }
            self.wait_for_one(file)?;
        }
    }

    /// Starts writing the first `length` bytes of `block` at `offset`.
    pub(crate) fn start(
        &mut self,
        file: &File,
        block: Block,
        length: usize,
        offset: u64,
    ) -> Result<(), WriteFailure> {
        self.submit(
            file,
            PendingWrite {
                block,
                range: 0..length,
                offset,
                attempts: 0,
            },
        )?;
        while let Some(completion) = self.backend.poll() {
            self.accept(file, completion)?;
        }
        Ok(())
    }

    /// Waits for everything in flight.
    pub(crate) fn drain(&mut self, file: &File) -> Result<(), WriteFailure> {
        while self.backend.in_flight() > 0 {
            self.wait_for_one(file)?;
        }
        Ok(())
    }

    /// Makes the content of `file` durable.
    pub(crate) fn sync(&mut self, file: &File) -> io::Result<()> {
        assert_eq!(
            self.backend.in_flight(),
            0,
            "fsync covers only writes that came back"
        );
        self.backend.sync(file)
    }

    fn submit(&mut self, file: &File, write: PendingWrite) -> Result<(), WriteFailure> {
        let (operation, bytes) = (
            Operation::Write {
                offset: write.offset,
            },
            write.range.len(),
        );
        let start = Instant::now();
        let started = self.backend.start(file, write);
        self.wait += start.elapsed();
        self.writes += 1;
        self.max_in_flight = self.max_in_flight.max(self.backend.in_flight());
        started.map_err(|source| WriteFailure {
            operation,
            bytes,
            source,
        })
    }

    fn wait_for_one(&mut self, file: &File) -> Result<(), WriteFailure> {
        let start = Instant::now();
        let completion = self.backend.wait();
        self.wait += start.elapsed();
        match completion {
            Ok(completion) => self.accept(file, completion),
            Err(source) => Err(WriteFailure {
                operation: Operation::Reap,
                bytes: 0,
                source,
            }),
        }
    }

    /// Frees the block of a write that is done, and sends the rest of any other again.
    fn accept(&mut self, file: &File, completion: Completion) -> Result<(), WriteFailure> {
        let Completion { mut write, result } = completion;
        let wanted = write.range.len();
        let operation = Operation::Write {
            offset: write.offset,
        };
        let progress = match result {
            Ok(written) if written == wanted => {
                self.free.push(write.block);
                return Ok(());
            }
            Ok(written) => {
                assert!(
                    written < wanted,
                    "{written} bytes written of {wanted} asked for"
                );
                // Under O_DIRECT the rest must start aligned: some bytes are written twice.
                written - written % self.granule
            }
            Err(error) if is_transient(&error) && write.attempts < ATTEMPTS_MAX => 0,
            Err(source) => {
                self.free.push(write.block);
                return Err(WriteFailure {
                    operation,
                    bytes: wanted,
                    source,
                });
            }
        };
        if progress > 0 {
            write.range.start += progress;
            write.offset += progress as u64;
            write.attempts = 0;
        } else if write.attempts == ATTEMPTS_MAX {
            self.free.push(write.block);
            let source = io::Error::from(io::ErrorKind::WriteZero);
            return Err(WriteFailure {
                operation,
                bytes: wanted,
                source,
            });
        } else {
            write.attempts += 1;
            thread::yield_now();
        }
        self.submit(file, write)
    }
}

/// Whether the same write may well succeed when tried again: it was interrupted (`EINTR`), put
/// off (`EAGAIN`), or cancelled (`ECANCELED`), which the kernel may do to what waits in a ring when
/// the thread that started it ends. We cancel nothing ourselves.
fn is_transient(error: &io::Error) -> bool {
    Errno::from_io_error(error)
        .is_some_and(|errno| matches!(errno, Errno::INTR | Errno::AGAIN | Errno::CANCELED))
}
