//! The last frames of a stream, for a replica that comes back.

use std::collections::VecDeque;
use std::sync::Arc;

/// The last frames of one stream, as long as they take no more than so many bytes.
#[derive(Debug)]
pub(super) struct Backlog {
    chunks: VecDeque<Chunk>,
    bytes: usize,
    bytes_max: usize,
    // The number of the frame before the first that is kept.
    before: u64,
    last: u64,
}

#[derive(Debug)]
struct Chunk {
    // The number of its last frame.
    last: u64,
    frames: Arc<[u8]>,
}

impl Backlog {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            chunks: VecDeque::new(),
            bytes: 0,
            bytes_max,
            before: 0,
            last: 0,
        }
    }

    /// The number of the last frame.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// What is kept, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds whole frames, of which the last has this number; drops the oldest beyond what may be
    /// kept.
    pub(super) fn push(&mut self, frames: Arc<[u8]>, last: u64) {
        self.last = last;
        self.bytes += frames.len();
        self.chunks.push_back(Chunk { last, frames });
        while self.bytes > self.bytes_max && self.chunks.len() > 1 {
            if let Some(chunk) = self.chunks.pop_front() {
                self.bytes -= chunk.frames.len();
                self.before = chunk.last;
            }
        }
    }

    /// Forgets the frames up to the one with this number: nobody will ask for them.
    pub(super) fn forget(&mut self, number: u64) {
        while let Some(chunk) = self.chunks.pop_front_if(|chunk| chunk.last <= number) {
            self.bytes -= chunk.frames.len();
            self.before = chunk.last;
        }
    }

    /// Whether everything after the frame with this number is kept.
    pub(super) fn has_after(&self, number: u64) -> bool {
        (self.before..=self.last).contains(&number)
    }

    /// Whole frames, the first of which comes right after the one with this number, or is some
    /// frames before that; and the number of the last. `None` if there is nothing after it, or it
    /// is kept no more.
    pub(super) fn after(&self, number: u64) -> Option<(Arc<[u8]>, u64)> {
        if !self.has_after(number) {
            return None;
        }
        let index = self.chunks.partition_point(|chunk| chunk.last <= number);
        let chunk = self.chunks.get(index)?;
        Some((Arc::clone(&chunk.frames), chunk.last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backlog_keeps_the_last_frames_within_its_bytes() {
        let mut backlog = Backlog::new(10);
        for last in [2, 3, 6] {
            backlog.push([0; 4].into(), last);
        }
        assert_eq!((backlog.bytes(), backlog.last()), (8, 6));
        assert!(!backlog.has_after(1) && backlog.has_after(2) && !backlog.has_after(7));
        assert_eq!(backlog.after(2).unwrap().1, 3);
        assert_eq!(backlog.after(3).unwrap().1, 6);
        assert_eq!(
            backlog.after(5).unwrap().1,
            6,
            "and frame 4 and 5 once more"
        );
        assert_eq!(backlog.after(6), None);
        backlog.forget(5);
        assert!(!backlog.has_after(2) && backlog.has_after(3));
        assert_eq!(backlog.bytes(), 4);
        backlog.push([0; 100].into(), 7);
        assert_eq!(backlog.bytes(), 100, "the last is always kept");
    }
}
