//! The watch over one snapshot: cuts off a sink that hangs, and keeps the deadline.

use std::sync::Arc;
use std::time::Duration;

use crate::error::SnapshotError;
use crate::shared::{Event, Shared};
use crate::sync::now;

/// How long a sink may take to come back from the output after the snapshot has failed: a
/// cancelled one is over within 50 ms, scheduling included.
const GRACE: Duration = Duration::from_millis(30);

/// How long a snapshot may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// In all, from the cut on.
    pub(crate) deadline: Option<Duration>,
    /// Inside one call of the output.
    pub(crate) stall: Duration,
}

/// Watches a snapshot until it is over.
///
/// A sink that hangs in the output cannot be stopped. It is left behind: the shards are let go,
/// the snapshot is over, and if the sink ever comes back it finds that it may not publish.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) shared: Arc<Shared>,
    pub(crate) limits: Limits,
}

impl Watch {
    pub(crate) fn run(self) {
        let Self { shared, limits } = self;
        // A deadline too far to be told is none.
        let deadline = limits.deadline;
        let time = deadline.and_then(|deadline| now().checked_add(deadline));
        match shared.watch(time, limits.stall) {
            Event::Over => return,
            Event::Failed => {}
            Event::Stalled => shared.fail(SnapshotError::SinkStalled {
                stall: limits.stall,
            }),
            Event::Time => shared.fail(SnapshotError::DeadlineExceeded {
                deadline: limits.deadline.unwrap_or_default(),
            }),
        }
        shared.cancel("the snapshot has failed");
        if !shared.wait_timeout(GRACE) {
            shared.give_up();
        }
    }
}
