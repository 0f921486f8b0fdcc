//! One sink's part in a snapshot.

use std::sync::Arc;

use super::Shared;
use crate::error::SnapshotError;

/// One sink's part in a snapshot. When the last one is dropped, the snapshot is over.
#[derive(Debug)]
pub(crate) struct Share {
    shared: Arc<Shared>,
    done: bool,
}

impl Share {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
            done: false,
        }
    }

    /// The sink has done, or has said why not.
    pub(crate) fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if !self.done {
            // It panicked, or never started: its thread can tell, the other sinks must end.
            self.shared.fail_in_sink(SnapshotError::SinkLost);
            self.shared.cancel("a sink is gone");
        }
        self.shared.leave();
    }
}
