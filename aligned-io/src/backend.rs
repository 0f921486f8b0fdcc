//! What carries blocks to the file: started in order, completed in any.

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;

use crate::buffer::Block;
use crate::mode::Backend;

/// Carries writes to a file. Blocks move in with [`start`](Self::start) and come back with their
/// completion; a backend that is dropped keeps them until the kernel is done with them.
pub(crate) trait BlockBackend: fmt::Debug + Send {
    /// Which backend this is.
    fn backend(&self) -> Backend;

    /// Whether the kernel holds the blocks pinned.
    fn registered_buffers(&self) -> bool;

    /// How many writes have been started and not come back.
    fn in_flight(&self) -> usize;

    /// Starts a write. Failures of the write itself come with its completion.
    ///
    /// # Errors
    ///
    /// When the backend itself is broken. It keeps the block then, as the kernel may know it.
    fn start(&mut self, file: &File, write: PendingWrite) -> io::Result<()>;

    /// A completion that is there already, if any. Makes no system call.
    fn poll(&mut self) -> Option<Completion>;

    /// Waits for a completion.
    ///
    /// # Errors
    ///
    /// When the backend itself is broken.
    ///
    /// # Panics
    ///
    /// When nothing is in flight.
    fn wait(&mut self) -> io::Result<Completion>;

    /// Makes the content of the file durable. Called when nothing is in flight.
    ///
    /// # Errors
    ///
    /// Whatever fsync says. It must not be repeated: a second one may succeed without the data.
    fn sync(&mut self, file: &File) -> io::Result<()> {
        Ok(rustix::fs::fsync(file)?)
    }
}

/// One write: a range of a block, and where it belongs in the file.
#[derive(Debug)]
pub(crate) struct PendingWrite {
    pub(crate) block: Block,
    /// The bytes of the block that are still to be written.
    pub(crate) range: Range<usize>,
    /// Where in the file `range.start` belongs.
    pub(crate) offset: u64,
    /// How often this range was tried without any progress.
    pub(crate) attempts: u32,
}

impl PendingWrite {
    /// The bytes still to be written.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.block.as_slice()[self.range.clone()]
    }
}

/// A write that came back: how many bytes of its range were written, or why none.
#[derive(Debug)]
pub(crate) struct Completion {
    pub(crate) write: PendingWrite,
    pub(crate) result: io::Result<usize>,
}
