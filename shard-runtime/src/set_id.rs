//! Which set and shard the running thread belongs to, so that no shard waits for its own set.

use crate::thread::{place, set_place};
use std::sync::Arc;

/// Tells sets apart while both live: the address of something that a set and its threads share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SetId(usize);

impl SetId {
    /// The set whose threads keep `shared` alive.
    pub(crate) fn of<T: ?Sized>(shared: &Arc<T>) -> Self {
        Self(Arc::as_ptr(shared).addr())
    }

    /// Makes the running thread that of one shard of the set.
    pub(crate) fn enter(self, shard: usize) {
        set_place((self.0, shard));
    }

    /// The shard of this set whose thread is running this, if it is one.
    pub(crate) fn current_shard(self) -> Option<usize> {
        let (set, shard) = place()?;
        (set == self.0).then_some(shard)
    }
}
