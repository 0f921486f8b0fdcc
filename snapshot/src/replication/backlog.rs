//! The last frames of a stream, for a replica that comes back.

use std::collections::VecDeque;
use std::sync::Arc;

use super::spill::Spill;
use crate::blob::BlobPool;
use crate::events;

/// Whole frames that are kept, and that may be being sent meanwhile. Who is the last to have them
/// takes the buffer out again.
pub(super) type KeptFrames = Arc<Vec<u8>>;

/// The last frames of one stream, as long as they take no more than so many bytes: in memory, and
/// the older ones on the disk, if there is a place for them.
#[derive(Debug)]
pub(super) struct Backlog {
    chunks: VecDeque<Chunk>,
    bytes: usize,
    bytes_max: usize,
    // The number of the frame before the first that is in memory.
    before: u64,
    last: u64,
    spill: Option<Spill>,
    // Where buffers of frames that are kept no more go.
    pool: Option<BlobPool>,
}

#[derive(Debug)]
struct Chunk {
    // The number of its last frame.
    last: u64,
    frames: KeptFrames,
}

impl Backlog {
    pub(super) fn new(bytes_max: usize, spill: Option<Spill>) -> Self {
        Self {
            chunks: VecDeque::new(),
            bytes: 0,
            bytes_max,
            before: 0,
            last: 0,
            spill,
            pool: None,
        }
    }

    /// Has buffers go back to `pool`.
    pub(super) fn give_back_to(&mut self, pool: BlobPool) {
        self.pool = Some(pool);
    }

    /// The number of the last frame.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// What is kept in memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What is kept on the disk, in bytes.
    pub(super) fn disk_bytes(&self) -> u64 {
        self.spill.as_ref().map_or(0, Spill::bytes)
    }

    /// Whether files take what memory has no room for.
    pub(super) fn has_files(&self) -> bool {
        self.spill.is_some()
    }

    /// Adds whole frames, of which the last has this number. Writes the oldest to the disk, or
    /// drops them, beyond what may be kept.
    pub(super) fn push(&mut self, frames: Vec<u8>, last: u64) {
        self.last = last;
        self.bytes += frames.len();
        let frames = Arc::new(frames);
        self.chunks.push_back(Chunk { last, frames });
        if self.bytes > self.bytes_max {
            self.make_room();
        }
    }

    fn make_room(&mut self) {
        // A file is to be worth its while.
        let bytes_max = self.bytes_max / if self.spill.is_some() { 2 } else { 1 };
        let mut gone = Vec::new();
        while self.bytes > bytes_max && self.chunks.len() > 1 {
            if let Some(chunk) = self.chunks.pop_front() {
                self.bytes -= chunk.frames.len();
                gone.push(chunk);
            }
        }
        let Some(Chunk { last, .. }) = gone.last() else {
            return;
        };
        let before = std::mem::replace(&mut self.before, *last);
        if let Some(spill) = &mut self.spill {
            let frames: Vec<&[u8]> = gone.iter().map(|chunk| chunk.frames.as_slice()).collect();
            if let Err(error) = spill.put((before, *last), &frames) {
                events::backlog_failed(&error);
            }
        }
        for chunk in gone {
            self.give_back(chunk.frames);
        }
    }

    /// These frames are needed no more, unless by somebody else.
    pub(super) fn give_back(&self, frames: KeptFrames) {
        if let (Some(frames), Some(pool)) = (Arc::into_inner(frames), &self.pool) {
            pool.recycle_buffer(frames);
        }
    }

    /// Forgets the frames up to the one with this number: nobody will ask for them.
    pub(super) fn forget(&mut self, number: u64) {
        if let Some(spill) = &mut self.spill {
            spill.forget(number);
        }
        while let Some(chunk) = self.chunks.pop_front_if(|chunk| chunk.last <= number) {
            self.bytes -= chunk.frames.len();
            self.before = chunk.last;
            self.give_back(chunk.frames);
        }
    }

    /// Whether everything after the frame with this number is kept.
    pub(super) fn has_after(&self, number: u64) -> bool {
        let spilled = self.spill.as_ref().and_then(Spill::before);
        (spilled.unwrap_or(self.before)..=self.last).contains(&number)
    }

    /// Whole frames, the first of which comes right after the one with this number, or is some
    /// frames before that; and the number of the last. `None` if there is nothing after it, or it
    /// is kept no more; what the disk has lost is not.
    pub(super) fn after(&mut self, number: u64) -> Option<(KeptFrames, u64)> {
        if !self.has_after(number) {
            return None;
        }
        if number < self.before {
            let read = self.spill.as_mut()?.after(number);
            return read.unwrap_or_else(|error| {
                events::backlog_failed(&error);
                None
            });
        }
        let index = self.chunks.partition_point(|chunk| chunk.last <= number);
        let chunk = self.chunks.get(index)?;
        Some((Arc::clone(&chunk.frames), chunk.last))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::blob::BUFFER_BYTES;
    use crate::replication::spill::{LOCK, SpillFolder, SpillOptions};
    use crate::stream::{Frame, FrameKind};

    #[test]
    fn backlog_keeps_the_last_frames_within_its_bytes() {
        let mut backlog = Backlog::new(10, None);
        for last in [2, 3, 6] {
            backlog.push(vec![0; 4], last);
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
        backlog.push(vec![0; 100], 7);
        assert_eq!(backlog.bytes(), 100, "the last is always kept");
    }

    #[test]
    fn buffers_go_back_to_their_pool_once_nobody_has_them() {
        let pool = BlobPool::new(4);
        let mut backlog = Backlog::new(2, None);
        backlog.give_back_to(pool.clone());
        for number in 1..=3 {
            // Known by how much they have room for.
            let mut buffer = Vec::with_capacity(BUFFER_BYTES + number);
            buffer.push(1);
            backlog.push(buffer, number as u64);
        }
        let again = || pool.buffer().capacity() - BUFFER_BYTES;
        assert_eq!(again(), 1, "there was no room for it");
        let (sending, _) = backlog.after(1).unwrap();
        backlog.forget(2);
        assert_eq!(again(), 0, "the second is being sent");
        backlog.give_back(sending);
        assert_eq!(again(), 2);
    }

    /// A backlog of ten frames of 24 bytes, which has memory for three, and where its files are.
    fn spilled() -> (Backlog, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let options = SpillOptions::new(folder.path().to_path_buf(), 1 << 20);
        let taken = Arc::new(SpillFolder::take(options, Duration::ZERO).unwrap());
        let spill = Spill::new(&taken, "stream".to_owned(), 1);
        let mut backlog = Backlog::new(80, Some(spill));
        for number in 1..=10 {
            let mut frame = Vec::new();
            Frame::encode(&mut frame, FrameKind::Delete, number, &[0; 4]);
            backlog.push(frame, number);
        }
        (backlog, folder)
    }

    fn files(folder: &tempfile::TempDir) -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(folder.path()).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut paths: Vec<_> = paths.filter(|path| !path.ends_with(LOCK)).collect();
        paths.sort();
        paths
    }

    #[test]
    fn what_memory_has_no_room_for_comes_back_from_the_disk() {
        let (mut backlog, folder) = spilled();
        assert!(backlog.bytes() <= 80 && backlog.disk_bytes() > 120);
        let mut number = 0;
        while let Some((frames, last)) = backlog.after(number) {
            let mut rest = frames.as_slice();
            while let Some((frame, behind)) = Frame::split(rest).unwrap() {
                number += 1;
                assert_eq!(frame.number, number);
                rest = behind;
            }
            assert_eq!(number, last);
        }
        assert_eq!(number, 10);
        backlog.forget(5);
        assert!(!backlog.has_after(1) && backlog.has_after(5));
        drop(backlog);
        assert_eq!(files(&folder), Vec::<std::path::PathBuf>::new());
    }

    #[test]
    fn files_that_have_changed_are_not_believed() {
        let (mut backlog, folder) = spilled();
        let second = &files(&folder)[1];
        let mut bytes = std::fs::read(second).unwrap();
        bytes[22] ^= 1;
        std::fs::write(second, bytes).unwrap();
        let (_, last) = backlog.after(0).unwrap();
        assert_eq!(backlog.after(last), None);
        assert!(!backlog.has_after(last) && backlog.has_after(10));
        assert_eq!(backlog.after(0), None);
        assert!(files(&folder).iter().all(|path| path > second));
    }

    #[test]
    fn folder_is_one_masters_and_what_an_earlier_one_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let options = SpillOptions::new(folder.path().to_path_buf(), 1 << 20);
        std::fs::write(folder.path().join("old-0.forkless-backlog"), "frames").unwrap();
        std::fs::write(folder.path().join("somebody's"), "").unwrap();
        let taken = SpillFolder::take(options.clone(), Duration::ZERO).unwrap();
        assert_eq!(files(&folder), [folder.path().join("somebody's")]);
        let refused = SpillFolder::take(options.clone(), Duration::ZERO).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ResourceBusy);
        drop(taken);
        SpillFolder::take(options, Duration::ZERO).unwrap();
    }
}
