//! The handle of a snapshot under way: look, cancel, wait, in threads or in async code.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use shard_runtime::Worker;

use crate::error::SnapshotError;
use crate::progress::Progress;
use crate::report::Report;
use crate::shared::Shared;
use crate::sync::sleep;

/// How often, and after which time, to look again for a thread that is about to end.
const LOOKS: usize = 50;
const LOOK: Duration = Duration::from_millis(1);

/// A snapshot under way.
///
/// Dropping the handle does not stop the snapshot. Threads [`wait`](Self::wait); async code
/// awaits the handle itself, which takes no thread:
///
/// ```
/// # async fn save<S: snapshot::Store>(
/// #     shards: &shard_runtime::ShardSet<S>,
/// # ) -> Result<(), snapshot::SnapshotError> {
/// let report = snapshot::Snapshot::new().to_file(shards, "dump.rdb")?.await?;
/// println!("{} keys", report.keys);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Handle {
    // None once they have been asked.
    sinks: Vec<Worker<()>>,
    shared: Arc<Shared>,
}

impl Handle {
    pub(crate) fn new(sinks: Vec<Worker<()>>, shared: Arc<Shared>) -> Self {
        Self { sinks, shared }
    }

    /// How far it is; cheap, at any time.
    pub fn progress(&self) -> Progress {
        self.shared.progress()
    }

    /// Waits until the snapshot is over, but not longer than `timeout`; whether it is over.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        self.shared.wait_timeout(timeout)
    }

    /// Gives up: shards stop delivering, the file does not appear. Returns at once.
    ///
    /// [`wait`](Self::wait) then says [`SnapshotError::Cancelled`], within 50 ms even if the
    /// output hangs, unless the snapshot had failed before, or come to
    /// [`Phase::Publishing`](crate::Phase::Publishing): then it is too late.
    pub fn cancel(&self) {
        // The watch wakes, lets the shards go, and frees what is on its way.
        self.shared.fail(SnapshotError::Cancelled);
    }

    /// Waits until the file is published, or the stream is written to its end.
    ///
    /// # Errors
    ///
    /// The first thing that went wrong. Nothing is then left under the file's name but what
    /// was there before; with one exception: when the file is whole, synced and renamed, and
    /// the sync of its folder fails, it stays.
    ///
    /// No deadline holds for the publishing itself, which comes last: a disk that hangs in the
    /// renaming keeps this waiting, since nobody could say which name the file has.
    pub fn wait(mut self) -> Result<Report, SnapshotError> {
        self.take()
    }

    /// Waits until it is over, and takes its outcome.
    fn take(&mut self) -> Result<Report, SnapshotError> {
        match self.shared.wait() {
            Some(Err(SnapshotError::SinkLost)) => Err(self.lost()),
            Some(outcome) => outcome,
            None => Err(SnapshotError::Taken),
        }
    }

    /// Why a sink's thread is gone. It is about to end; others may hang.
    fn lost(&mut self) -> SnapshotError {
        for _ in 0..LOOKS {
            let mut ended = self.sinks.extract_if(.., |sink| sink.is_finished());
            if let Some(source) = ended.find_map(|sink| sink.join().err()) {
                return SnapshotError::Sink { source };
            }
            sleep(LOOK);
        }
        SnapshotError::SinkLost
    }
}

impl Future for Handle {
    /// As of [`wait`](Self::wait).
    type Output = Result<Report, SnapshotError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.shared.poll_over(context.waker()) {
            Poll::Ready(self.take())
        } else {
            Poll::Pending
        }
    }
}
