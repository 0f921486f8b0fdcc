//! The reader: blocks read ahead, bytes out in order.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, BufRead, ErrorKind::UnexpectedEof, Read};
use std::path::{Path, PathBuf};
use std::thread;

use crate::access::AnyBackend;
use crate::buffer::AlignedBuf;
use crate::error::Operation;
use crate::mode::Mode;
use crate::read_error::ReadError;
use crate::transfer::{Completion, Settled, Transfer};

/// Reads one file from its first byte to its last, several blocks ahead.
///
/// The length is the one that the file has when it is opened, to the byte. What is appended later
/// is not read; a file that becomes shorter ends in [`ReadError::Shrunk`], never in an early end.
/// What is overwritten meanwhile may be read before or after, block by block.
///
/// [`read`](Read::read) copies once; [`fill_buf`](BufRead::fill_buf) lends what was read without
/// a copy, up to a block at a time. An error is final: what stands before it has been delivered,
/// and every later call fails with [`ReadError::Poisoned`].
///
/// # Example
///
/// ```
/// use std::io::Read;
/// use aligned_io::ReaderOptions;
///
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("dump");
/// std::fs::write(&path, vec![7; 3_000_001])?;
///
/// let mut reader = ReaderOptions::default().open(&path)?;
/// assert_eq!(reader.length(), 3_000_001);
/// let mut content = Vec::new();
/// reader.read_to_end(&mut content)?;
/// assert_eq!(content, vec![7; 3_000_001]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AlignedReader {
    // Before the buffers: dropping the backend ends all use of those in flight.
    backend: AnyBackend,
    free: Vec<AlignedBuf>,
    /// The blocks in the order of the file: the one being delivered, and those read ahead.
    window: VecDeque<Block>,
    /// Where in the file the first block of the window starts.
    window_start: u64,
    /// Where the next block that nobody asked for yet starts.
    next: u64,
    /// Bytes of the first block of the window that have been delivered.
    delivered: usize,
    block_bytes: usize,
    length: u64,
    path: PathBuf,
    mode: Mode,
    state: State,
}

/// One block of the window.
#[derive(Debug)]
enum Block {
    /// Asked for.
    InFlight,
    /// There, with so many bytes.
    Ready(AlignedBuf, usize),
    /// Not to be had.
    Failed(ReadError),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Sound,
    Poisoned,
}

/// What a reader is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) backend: AnyBackend,
    pub(crate) buffers: Vec<AlignedBuf>,
    pub(crate) block_bytes: usize,
    pub(crate) length: u64,
    pub(crate) path: PathBuf,
    pub(crate) mode: Mode,
}

impl AlignedReader {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            backend: parts.backend,
            free: parts.buffers,
            window: VecDeque::new(),
            window_start: 0,
            next: 0,
            delivered: 0,
            block_bytes: parts.block_bytes,
            length: parts.length,
            path: parts.path,
            mode: parts.mode,
            state: State::Sound,
        }
    }

    /// How the file is read, after every fallback.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The path as it was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The length of the file when it was opened, in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Bytes delivered so far: the offset of the next one.
    pub fn position(&self) -> u64 {
        self.window_start + self.delivered as u64
    }

    /// Reads the first block, and only then more: whether the file takes such reads at all.
    pub(crate) fn probe(&mut self) -> Result<(), ReadError> {
        if self.next < self.length {
            self.ask()?;
        }
        self.advance_to_first()
    }

    /// Takes the reader down and gives its buffers back, once nothing is in flight.
    pub(crate) fn into_buffers(self) -> Vec<AlignedBuf> {
        let Self { backend, free, .. } = self;
        drop(backend);
        free
    }

    /// What stands in the file from [`position`](Self::position) on, as far as it is in memory;
    /// nothing at the end of the file.
    pub(crate) fn lend(&mut self) -> Result<&[u8], ReadError> {
        if self.state == State::Poisoned {
            let path = self.path.clone();
            return Err(ReadError::Poisoned { path });
        }
        let is_ready = matches!(self.window.front(), Some(Block::Ready(..)));
        if !is_ready && let Err(error) = self.advance() {
            self.state = State::Poisoned;
            return Err(error);
        }
        Ok(self.lent())
    }

    /// Asks for everything there is a buffer for, and waits for the first block of the window.
    fn advance(&mut self) -> Result<(), ReadError> {
        self.read_ahead()?;
        self.advance_to_first()
    }

    /// Waits for the first block of the window, if there is any.
    fn advance_to_first(&mut self) -> Result<(), ReadError> {
        while matches!(self.window.front(), Some(Block::InFlight)) {
            let completion = match self.backend.poll() {
                Some(completion) => completion,
                None => self.backend.wait().map_err(|source| self.broken(source))?,
            };
            self.settle(completion)?;
        }
        match self
            .window
            .pop_front_if(|block| matches!(block, Block::Failed(_)))
        {
            Some(Block::Failed(error)) => Err(error),
            _ => Ok(()),
        }
    }

    fn read_ahead(&mut self) -> Result<(), ReadError> {
        while self.next < self.length && !self.free.is_empty() {
            self.ask()?;
        }
        let submitted = self.backend.submit();
        submitted.map_err(|source| self.broken(source))
    }

    /// Asks for the next block. There must be a free buffer, and something left to read.
    fn ask(&mut self) -> Result<(), ReadError> {
        let Some(buffer) = self.free.pop() else {
            return Ok(());
        };
        let offset = self.next;
        let enough = self.expected(offset);
        // A direct read must be aligned, so the last one asks for more than there is.
        let wanted = enough.next_multiple_of(self.mode.alignment);
        self.next += enough as u64;
        self.window.push_back(Block::InFlight);
        self.start(Transfer::read(buffer, wanted, enough, offset))
    }

    fn start(&mut self, transfer: Transfer) -> Result<(), ReadError> {
        let started = self.backend.start(transfer);
        started.map_err(|source| self.broken(source))
    }

    /// How many bytes the file has in the block that starts at `offset`.
    fn expected(&self, offset: u64) -> usize {
        let left = usize::try_from(self.length - offset).unwrap_or(usize::MAX);
        left.min(self.block_bytes)
    }

    /// Puts what came back into its place in the window, or asks for the rest of it.
    fn settle(&mut self, completion: Completion) -> Result<(), ReadError> {
        let (transfer, failure) = match completion.settle(self.mode.alignment) {
            Settled::Again(transfer) => {
                if transfer.is_stuck() {
                    thread::yield_now();
                }
                return self.start(transfer);
            }
            Settled::Done(transfer) => (transfer, None),
            // A direct read cannot go on from where an unaligned end of the file stopped it.
            Settled::Failed(transfer, source) if source.kind() == UnexpectedEof => (transfer, None),
            Settled::Failed(transfer, source) => (transfer, Some(source)),
        };
        let (read, buffer) = (transfer.range.start, transfer.buffer);
        let offset = transfer.offset - read as u64;
        let expected = self.expected(offset);
        let block = if let Some(source) = failure {
            self.free.push(buffer);
            Block::Failed(ReadError::Read {
                path: self.path.clone(),
                offset: transfer.offset,
                source,
            })
        } else if read < expected {
            self.free.push(buffer);
            Block::Failed(self.shrunk(transfer.offset))
        } else {
            Block::Ready(buffer, expected)
        };
        let index = (offset - self.window_start) / self.block_bytes as u64;
        let slot = usize::try_from(index).ok();
        let Some(slot) = slot.and_then(|index| self.window.get_mut(index)) else {
            panic!("a block came back that nobody asked for, at byte {offset}");
        };
        *slot = block;
        Ok(())
    }

    /// The error for a file of which `read` bytes were read when it ended.
    fn shrunk(&self, read: u64) -> ReadError {
        let found = self.backend.file().metadata();
        let end = found.map_or(read, |metadata| metadata.len().max(read));
        ReadError::Shrunk {
            path: self.path.clone(),
            length: self.length,
            offset: end.min(self.length),
        }
    }

    /// What [`lend`](Self::lend) has lent, less what was used up of it.
    pub(crate) fn lent(&self) -> &[u8] {
        match self.window.front() {
            Some(Block::Ready(buffer, length)) => &buffer[self.delivered..*length],
            _ => &[],
        }
    }

    /// Says that the first `count` of the bytes lent have been used.
    pub(crate) fn use_up(&mut self, count: usize) {
        let Some(Block::Ready(_, length)) = self.window.front() else {
            assert_eq!(count, 0, "more bytes are used up than were lent");
            return;
        };
        let left = length - self.delivered;
        assert!(count <= left, "{count} bytes used up of {left} lent");
        self.delivered += count;
        if count == left
            && let Some(Block::Ready(buffer, length)) = self.window.pop_front()
        {
            self.window_start += length as u64;
            self.delivered = 0;
            self.free.push(buffer);
        }
    }

    fn broken(&self, source: io::Error) -> ReadError {
        ReadError::Io {
            operation: Operation::Reap,
            path: self.path.clone(),
            source,
        }
    }
}

impl Read for AlignedReader {
    /// Reads at least one byte and at most up to the end of a block; nothing at the end of the
    /// file.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] with the [`ReadError`] inside.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        let lent = self.lend()?;
        let count = lent.len().min(into.len());
        into[..count].copy_from_slice(&lent[..count]);
        self.use_up(count);
        Ok(count)
    }
}

impl BufRead for AlignedReader {
    /// Lends the next bytes of the file, up to the end of a block; nothing at its end.
    ///
    /// # Errors
    ///
    /// An [`io::Error`] with the [`ReadError`] inside.
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(self.lend()?)
    }

    /// # Panics
    ///
    /// When `count` is more than was lent.
    fn consume(&mut self, count: usize) {
        self.use_up(count);
    }
}

impl fmt::Debug for AlignedReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlignedReader")
            .field("path", &self.path)
            .field("position", &self.position())
            .field("length", &self.length)
            .field("mode", &self.mode)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}
