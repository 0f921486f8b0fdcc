//! The blocks that were asked for, in the order of the file.

use std::collections::VecDeque;

use crate::buffer::AlignedBuf;
use crate::read_error::ReadError;

/// The block being delivered, and those read ahead.
#[derive(Debug)]
pub(crate) struct ReadWindow {
    blocks: VecDeque<Block>,
    /// Where in the file the first block starts.
    start: u64,
    /// Bytes of the first block that have been delivered.
    delivered: usize,
    block_bytes: usize,
}

/// One block of the window.
#[derive(Debug)]
pub(crate) enum Block {
    /// Asked for.
    InFlight,
    /// There, with so many bytes.
    Ready(AlignedBuf, usize),
    /// Not to be had.
    Failed(ReadError),
}

impl ReadWindow {
    /// Nothing asked for yet, of a file read in blocks of this size.
    pub(crate) fn new(block_bytes: usize) -> Self {
        Self {
            blocks: VecDeque::new(),
            start: 0,
            delivered: 0,
            block_bytes,
        }
    }

    /// The offset in the file of the next byte to deliver.
    pub(crate) fn position(&self) -> u64 {
        self.start + self.delivered as u64
    }

    /// Adds the block after the last.
    pub(crate) fn push(&mut self) {
        self.blocks.push_back(Block::InFlight);
    }

    /// The block that starts at `offset` in the file.
    ///
    /// # Panics
    ///
    /// When nobody asked for it.
    pub(crate) fn block(&mut self, offset: u64) -> &mut Block {
        let index = (offset - self.start) / self.block_bytes as u64;
        let index = usize::try_from(index).ok();
        let Some(block) = index.and_then(|index| self.blocks.get_mut(index)) else {
            panic!("a block that nobody asked for, at byte {offset}");
        };
        block
    }

    /// Whether the first block is in flight.
    pub(crate) fn is_awaited(&self) -> bool {
        matches!(self.blocks.front(), Some(Block::InFlight))
    }

    /// Whether the first block is there.
    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.blocks.front(), Some(Block::Ready(..)))
    }

    /// Whether nothing of the first block has been delivered.
    pub(crate) fn is_untouched(&self) -> bool {
        self.delivered == 0
    }

    /// The failure of the first block, if it failed: no longer in the window then.
    pub(crate) fn take_failure(&mut self) -> Result<(), ReadError> {
        let is_failure = |block: &mut Block| matches!(block, Block::Failed(_));
        match self.blocks.pop_front_if(is_failure) {
            Some(Block::Failed(error)) => Err(error),
            _ => Ok(()),
        }
    }

    /// What is left of the first block, if it is there.
    pub(crate) fn lent(&self) -> &[u8] {
        match self.blocks.front() {
            Some(Block::Ready(buffer, length)) => &buffer[self.delivered..*length],
            _ => &[],
        }
    }

    /// Says that the first `count` of the bytes lent have been delivered: the buffer of the block,
    /// if that was all of it.
    ///
    /// # Panics
    ///
    /// When fewer bytes were lent.
    pub(crate) fn use_up(&mut self, count: usize) -> Option<AlignedBuf> {
        let left = self.lent().len();
        assert!(count <= left, "{count} bytes used up of {left} lent");
        self.delivered += count;
        if count < left || !self.is_ready() {
            return None;
        }
        let Some(Block::Ready(buffer, length)) = self.blocks.pop_front() else {
            unreachable!("the first block is there");
        };
        self.start += length as u64;
        self.delivered = 0;
        Some(buffer)
    }
}
