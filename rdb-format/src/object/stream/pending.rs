//! Who holds what in one consumer group: each pending entry one consumer, or nobody if rejected.

use std::collections::BTreeSet;

use super::fault::StreamError;
use super::id::StreamId;

/// The pending ids of one group, and which of them are held.
#[derive(Debug, Default)]
pub(super) struct Ownership {
    // Ascending once `seal` was called.
    pending: Vec<(StreamId, bool)>,
    consumers: BTreeSet<Vec<u8>>,
}

impl Ownership {
    /// Starts on another group.
    pub(super) fn clear(&mut self) {
        self.pending.clear();
        self.pending.shrink_to(1024);
        self.consumers.clear();
    }

    pub(super) fn add(&mut self, id: StreamId) {
        self.pending.push((id, false));
    }

    /// All pending ids are added: none may repeat.
    pub(super) fn seal(&mut self) -> Result<(), StreamError> {
        self.pending.sort_unstable();
        let twice = self.pending.windows(2).find_map(|pair| match pair {
            [(left, _), (right, _)] if left == right => Some(*left),
            _ => None,
        });
        match twice {
            Some(id) => Err(StreamError::PendingTwice { id }),
            None => Ok(()),
        }
    }

    pub(super) fn consumer(&mut self, name: &[u8]) -> Result<(), StreamError> {
        if self.consumers.insert(name.to_vec()) {
            Ok(())
        } else {
            Err(StreamError::Name)
        }
    }

    /// Somebody holds `id`, or it is rejected.
    pub(super) fn hold(&mut self, id: StreamId) -> Result<(), StreamError> {
        let place = self.pending.binary_search_by_key(&id, |(id, _)| *id);
        match place.ok().and_then(|place| self.pending.get_mut(place)) {
            None => Err(StreamError::NotPending { id }),
            Some((_, true)) => Err(StreamError::HeldTwice { id }),
            Some((_, held)) => {
                *held = true;
                Ok(())
            }
        }
    }

    /// The group is complete: every pending id must be held.
    pub(super) fn finish(&self) -> Result<(), StreamError> {
        match self.pending.iter().find(|(_, held)| !held) {
            Some((id, _)) => Err(StreamError::HeldByNobody { id: *id }),
            None => Ok(()),
        }
    }
}
