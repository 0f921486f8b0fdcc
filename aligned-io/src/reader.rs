//! The reader: blocks read ahead, bytes out in order.

use std::fmt;
use std::io::{self, BufRead, ErrorKind::UnexpectedEof, Read};
use std::path::{Path, PathBuf};
use std::thread;

use crate::access::AnyBackend;
use crate::buffer::AlignedBuf;
use crate::error::Operation;
use crate::mode::Mode;
use crate::read_error::ReadError;
use crate::read_window::{Block, ReadWindow};
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
    /// Blocks to have in flight, and those that are.
    depth: usize,
    in_flight: usize,
    window: ReadWindow,
    /// Where the next block that nobody asked for yet starts.
    next: u64,
    block_bytes: usize,
    length: u64,
    path: PathBuf,
    mode: Mode,
    state: State,
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
    pub(crate) depth: usize,
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
            depth: parts.depth,
            in_flight: 0,
            window: ReadWindow::new(parts.block_bytes),
            next: 0,
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
        self.window.position()
    }

    /// Reads the first block, and only then more: whether the file takes such reads at all.
    pub(crate) fn probe(&mut self) -> Result<(), ReadError> {
        if self.next < self.length {
            self.ask();
        }
        while self.window.is_awaited() {
            self.wait()?;
        }
        self.window.take_failure()
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
        if self.window.is_ready() {
            if self.window.is_untouched() {
                self.go_on();
            }
        } else if let Err(error) = self.advance() {
            self.state = State::Poisoned;
            return Err(error);
        }
        Ok(self.window.lent())
    }

    /// Keeps the disk busy while a block is delivered. What goes wrong is found again when there is
    /// nothing more to deliver.
    fn go_on(&mut self) {
        if self.next == self.length || self.free.is_empty() {
            return;
        }
        // Some rings show what has come back only to who enters the kernel.
        let _ = self.backend.submit();
        while let Some(completion) = self.backend.poll() {
            self.settle(completion);
        }
        let _ = self.read_ahead();
    }

    /// Waits for the first block of the window, if there is any, and keeps as many in flight as
    /// there may be.
    fn advance(&mut self) -> Result<(), ReadError> {
        self.read_ahead()?;
        while self.window.is_awaited() {
            self.wait()?;
            if self.window.is_awaited() && self.can_ask() {
                self.read_ahead()?;
            }
        }
        self.window.take_failure()
    }

    /// Waits for something to come back, and takes what has come back with it.
    fn wait(&mut self) -> Result<(), ReadError> {
        let completion = match self.backend.poll() {
            Some(completion) => completion,
            None => self.backend.wait().map_err(|source| self.broken(source))?,
        };
        self.settle(completion);
        while let Some(completion) = self.backend.poll() {
            self.settle(completion);
        }
        Ok(())
    }

    /// Whether another block may be asked for.
    fn can_ask(&self) -> bool {
        self.next < self.length && self.in_flight < self.depth && !self.free.is_empty()
    }

    /// Asks for as many blocks as there may be in flight.
    ///
    /// Hands each over by itself: what goes to the kernel together is merged there into fewer and
    /// longer reads, and the disk has less to do at once.
    fn read_ahead(&mut self) -> Result<(), ReadError> {
        while self.can_ask() {
            self.ask();
            let submitted = self.backend.submit();
            submitted.map_err(|source| self.broken(source))?;
        }
        Ok(())
    }

    /// Asks for the next block. There must be a free buffer, and something left to read.
    fn ask(&mut self) {
        let Some(buffer) = self.free.pop() else {
            return;
        };
        let offset = self.next;
        let enough = self.expected(offset);
        // A direct read must be aligned, so the last one asks for more than there is.
        let wanted = enough.next_multiple_of(self.mode.alignment);
        self.next += enough as u64;
        self.window.push();
        self.start(Transfer::read(buffer, wanted, enough, offset));
    }

    /// Starts a read; a block whose read cannot be started has failed.
    fn start(&mut self, transfer: Transfer) {
        let offset = transfer.offset - transfer.range.start as u64;
        match self.backend.start(transfer) {
            Ok(()) => self.in_flight += 1,
            Err(source) => *self.window.block(offset) = Block::Failed(self.broken(source)),
        }
    }

    /// How many bytes the file has in the block that starts at `offset`.
    fn expected(&self, offset: u64) -> usize {
        let left = usize::try_from(self.length - offset).unwrap_or(usize::MAX);
        left.min(self.block_bytes)
    }

    /// Puts what came back into its place in the window, or asks for the rest of it.
    fn settle(&mut self, completion: Completion) {
        self.in_flight -= 1;
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
        *self.window.block(offset) = block;
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
        self.window.lent()
    }

    /// Says that the first `count` of the bytes lent have been used.
    pub(crate) fn use_up(&mut self, count: usize) {
        self.free.extend(self.window.use_up(count));
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
