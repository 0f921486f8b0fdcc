//! What a load keeps apart from what is served, on all shards, until all of it is there.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use shard_runtime::ShardSet;

use crate::error::LoadError;
use crate::keyspace::{Owner, StageError, Store};
use crate::load::Load;
use crate::loader::Loader;
use crate::value::FromRdb;

/// What the shards keep apart; dropped there unless it is committed.
pub(crate) struct Staging<'a, S: Store> {
    shards: &'a ShardSet<S>,
    owner: Arc<Owner>,
    deadline: Duration,
}

impl<'a, S: Store> Staging<'a, S> {
    /// Begins to keep apart what is loaded, on shards that have no keys.
    pub(crate) fn begin(shards: &'a ShardSet<S>, deadline: Duration) -> Result<Self, LoadError> {
        let owner = Arc::new(Owner);
        let staging = Self {
            shards,
            owner: Arc::clone(&owner),
            deadline,
        };
        let begun = shards.cut(deadline, move |shard| {
            shard.state().keyspace().stage(&owner)
        })?;
        for (shard, begun) in begun.into_iter().enumerate() {
            begun.map_err(|error| match error {
                StageError::NotEmpty => LoadError::NotEmpty { shard },
                StageError::Busy => LoadError::Busy,
            })?;
        }
        Ok(staging)
    }

    /// What feeds the shards, until `stop` is set.
    pub(crate) fn loader<'l>(&'l self, load: &'l Load, stop: &'l AtomicBool) -> Loader<'l, S>
    where
        S: Store<Value: FromRdb>,
    {
        Loader::new(self.shards, &self.owner, load, stop)
    }

    /// Puts everything in place, at one moment.
    pub(crate) fn commit(self) -> Result<(), LoadError> {
        let owner = Arc::downgrade(&self.owner);
        self.shards.cut(self.deadline, move |shard| {
            shard.state().keyspace().commit_staged(&owner);
        })?;
        Ok(())
    }
}

impl<S: Store> Drop for Staging<'_, S> {
    fn drop(&mut self) {
        for shard in 0..self.shards.len() {
            let owner = Arc::downgrade(&self.owner);
            // A shard that is gone keeps nothing, and one that is stuck drops it at the next load.
            drop(self.shards.send_within(shard, self.deadline, move |shard| {
                shard.state().keyspace().unstage(&owner);
            }));
        }
    }
}
