//! One write or read on its way, and what to make of it when it comes back.

use std::io;
use std::ops::Range;

use rustix::io::Errno;

use crate::buffer::AlignedBuf;

/// How often one range may come back without progress before it is taken for a failure.
pub(crate) const ATTEMPTS_MAX: u32 = 1000;

/// Which way the bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the buffer to the file.
    Write,
    /// From the file to the buffer.
    Read,
}

/// A range of a buffer, and where it belongs in the file. Owns its buffer: whoever holds the
/// transfer, a backend above all, is the only one who can touch, lend or free the bytes.
#[derive(Debug)]
pub(crate) struct Transfer {
    pub(crate) direction: Direction,
    pub(crate) buffer: AlignedBuf,
    /// The bytes of the buffer that are still to be moved.
    pub(crate) range: Range<usize>,
    /// Where in the file `range.start` belongs.
    pub(crate) offset: u64,
    /// The transfer is done when all bytes of the buffer before this one have been moved. Less
    /// than `range.end` where a read asks for more than the file is known to hold.
    enough: usize,
    /// How often this range was tried without any progress.
    attempts: u32,
}

/// A transfer that came back: how many bytes of its range were moved, or why none.
#[derive(Debug)]
pub(crate) struct Completion {
    pub(crate) transfer: Transfer,
    pub(crate) result: io::Result<usize>,
}

/// What to do with a transfer that came back.
#[derive(Debug)]
pub(crate) enum Settled {
    /// It is done. A read that met the end of the file is done too: the bytes before
    /// `range.start` have been read.
    Done(Transfer),
    /// The rest is to be started again.
    Again(Transfer),
    /// It failed for good.
    Failed(Transfer, io::Error),
}

impl Transfer {
    /// Writes the first `length` bytes of `buffer` at `offset`.
    pub(crate) fn write(buffer: AlignedBuf, length: usize, offset: u64) -> Self {
        Self::new(Direction::Write, buffer, length, length, offset)
    }

    /// Reads `length` bytes at `offset` into the start of `buffer`. `enough` bytes are what the
    /// file is known to hold there: a short read that brought them is not started again.
    pub(crate) fn read(buffer: AlignedBuf, length: usize, enough: usize, offset: u64) -> Self {
        Self::new(Direction::Read, buffer, length, enough, offset)
    }

    fn new(
        direction: Direction,
        buffer: AlignedBuf,
        length: usize,
        enough: usize,
        offset: u64,
    ) -> Self {
        assert!(
            enough <= length && length <= buffer.len(),
            "a transfer of {enough} to {length} bytes does not fit a buffer of {}",
            buffer.len()
        );
        Self {
            direction,
            buffer,
            range: 0..length,
            offset,
            enough,
            attempts: 0,
        }
    }

    /// The bytes still to be moved.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.range.clone()]
    }

    /// The bytes still to be moved, to read into.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[self.range.clone()]
    }
}

impl Completion {
    /// Decides what comes next. What is started again starts at a multiple of `granule` bytes.
    ///
    /// # Panics
    ///
    /// When more bytes were moved than were asked for.
    pub(crate) fn settle(self, granule: usize) -> Settled {
        let Self {
            mut transfer,
            result,
        } = self;
        let moved = match result {
            Ok(moved) => moved,
            Err(error) if is_transient(&error) && transfer.attempts < ATTEMPTS_MAX => {
                transfer.attempts += 1;
                return Settled::Again(transfer);
            }
            Err(error) => return Settled::Failed(transfer, error),
        };
        let wanted = transfer.range.len();
        assert!(moved <= wanted, "{moved} bytes moved of {wanted} asked for");
        let is_end_of_file = transfer.direction == Direction::Read && moved == 0;
        if transfer.range.start + moved >= transfer.enough || is_end_of_file {
            transfer.advance(moved);
            return Settled::Done(transfer);
        }
        // Under O_DIRECT the rest must start aligned: some bytes are moved twice.
        let progress = moved - moved % granule;
        if progress > 0 {
            transfer.advance(progress);
            transfer.attempts = 0;
        } else if transfer.attempts == ATTEMPTS_MAX {
            let kind = match transfer.direction {
                Direction::Write => io::ErrorKind::WriteZero,
                Direction::Read => io::ErrorKind::UnexpectedEof,
            };
            return Settled::Failed(transfer, kind.into());
        } else {
            transfer.attempts += 1;
        }
        Settled::Again(transfer)
    }
}

impl Transfer {
    fn advance(&mut self, bytes: usize) {
        self.range.start += bytes;
        self.offset += bytes as u64;
    }

    /// Whether it was tried before, without any progress.
    pub(crate) fn is_stuck(&self) -> bool {
        self.attempts > 0
    }
}

/// Whether the same transfer may well succeed when tried again: it was interrupted (`EINTR`), put
/// off (`EAGAIN`), or cancelled (`ECANCELED`), which the kernel may do to what waits in a ring when
/// the thread that started it ends. We cancel nothing ourselves.
fn is_transient(error: &io::Error) -> bool {
    Errno::from_io_error(error)
        .is_some_and(|errno| matches!(errno, Errno::INTR | Errno::AGAIN | Errno::CANCELED))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write() -> Transfer {
        Transfer::write(AlignedBuf::zeroed(8192).unwrap(), 8192, 4096)
    }

    fn settle(transfer: Transfer, result: io::Result<usize>, granule: usize) -> Settled {
        Completion { transfer, result }.settle(granule)
    }

    #[test]
    fn short_write_is_started_again_from_an_aligned_byte() {
        let Settled::Again(rest) = settle(write(), Ok(5000), 4096) else {
            panic!("5000 of 8192 bytes are not enough")
        };
        assert_eq!((rest.range.clone(), rest.offset), (4096..8192, 8192));
        let Settled::Again(rest) = settle(rest, Ok(1), 1) else {
            panic!("4097 of 8192 bytes are not enough")
        };
        assert_eq!((rest.range.clone(), rest.offset), (4097..8192, 8193));
        assert!(matches!(settle(rest, Ok(4095), 1), Settled::Done(_)));
    }

    #[test]
    fn write_without_progress_ends_after_all_attempts() {
        let mut transfer = write();
        for _ in 0..ATTEMPTS_MAX {
            let Settled::Again(again) = settle(transfer, Ok(511), 512) else {
                panic!("given up early")
            };
            assert!(again.is_stuck());
            transfer = again;
        }
        let Settled::Failed(_, error) = settle(transfer, Ok(511), 512) else {
            panic!("never given up")
        };
        assert_eq!(error.kind(), io::ErrorKind::WriteZero);
    }

    #[test]
    fn read_is_done_with_what_the_file_is_known_to_hold() {
        let read = || Transfer::read(AlignedBuf::zeroed(8192).unwrap(), 8192, 5000, 0);
        let Settled::Done(done) = settle(read(), Ok(5000), 4096) else {
            panic!("5000 bytes are enough")
        };
        assert_eq!(done.range.start, 5000);
        let Settled::Again(rest) = settle(read(), Ok(4999), 4096) else {
            panic!("4999 bytes are not enough")
        };
        assert_eq!(rest.range.start, 4096);
        let Settled::Done(done) = settle(rest, Ok(0), 4096) else {
            panic!("nothing more comes at the end of the file")
        };
        assert_eq!(done.range.start, 4096);
    }

    #[test]
    fn only_passing_errors_are_tried_again() {
        for errno in [Errno::INTR, Errno::AGAIN, Errno::CANCELED] {
            let settled = settle(write(), Err(errno.into()), 1);
            assert!(matches!(settled, Settled::Again(_)), "{errno}");
        }
        for errno in [Errno::IO, Errno::NOSPC, Errno::INVAL] {
            let settled = settle(write(), Err(errno.into()), 1);
            assert!(matches!(settled, Settled::Failed(..)), "{errno}");
        }
    }
}
