//! What went into the page cache, on its way to the disk while more is written.

use std::fs::File;
use std::num::NonZero;

use rustix::fs::Advice;

use crate::access::Caching;

/// How much is sent on its way at once, in bytes, and how much stays behind for now: what is in
/// flight is not in the page cache yet.
const STEP_BYTES: u64 = 8 << 20;

/// How much of a file has been sent on its way to the disk.
///
/// Left alone, the kernel collects gigabytes before it begins, and the fsync at the end waits for
/// all of them, with the disk idle until then. What is missed here is left to that fsync, which
/// alone makes the file durable.
#[derive(Debug)]
pub(crate) struct Writeback {
    /// The first byte that was not sent, in bytes from the start; `None` when nothing is.
    sent: Option<u64>,
}

impl Writeback {
    /// Direct writes need none of this.
    pub(crate) fn new(caching: Caching) -> Self {
        let is_buffered = caching == Caching::Buffered;
        Self {
            sent: is_buffered.then_some(0),
        }
    }

    /// Sends what is due when the file has been written up to byte `end`. Does not wait for it.
    pub(crate) fn follow(&mut self, file: &File, end: u64) {
        let Some(sent) = self.sent else {
            return;
        };
        let due = end.saturating_sub(STEP_BYTES + sent);
        let Some(bytes) = NonZero::new(due - due % STEP_BYTES) else {
            return;
        };
        // This advice begins the writing of dirty pages; it drops clean ones, which are few here.
        self.sent = match rustix::fs::fadvise(file, sent, Some(bytes), Advice::DontNeed) {
            Ok(()) => Some(sent + bytes.get()),
            Err(error) => {
                tracing::debug!(%error, "the page cache takes no advice");
                None
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_steps_are_sent_one_step_behind() {
        let file = tempfile::tempfile().unwrap();
        let mut writeback = Writeback::new(Caching::Buffered);
        for (end, sent) in [
            (0, 0),
            (2 * STEP_BYTES - 1, 0),
            (2 * STEP_BYTES, STEP_BYTES),
            (3 * STEP_BYTES - 1, STEP_BYTES),
            (9 * STEP_BYTES + 1, 8 * STEP_BYTES),
        ] {
            writeback.follow(&file, end);
            assert_eq!(writeback.sent, Some(sent), "{end}");
        }
    }

    #[test]
    fn direct_writes_are_left_alone() {
        let file = tempfile::tempfile().unwrap();
        let mut writeback = Writeback::new(Caching::Direct { alignment: 4096 });
        writeback.follow(&file, 10 * STEP_BYTES);
        assert_eq!(writeback.sent, None);
    }

    #[test]
    fn advice_that_is_refused_is_not_given_again() {
        let (pipe, _writer) = std::io::pipe().unwrap();
        let pipe = File::from(std::os::fd::OwnedFd::from(pipe));
        let mut writeback = Writeback::new(Caching::Buffered);
        writeback.follow(&pipe, 2 * STEP_BYTES);
        assert_eq!(writeback.sent, None);
    }
}
