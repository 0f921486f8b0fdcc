//! What a command has at hand that runs on several shards.

use std::sync::Arc;
use std::time::Duration;

use shard_runtime::Shard;

use crate::server::refusal::Refusal;
use crate::server::shard_state::ShardState;
use crate::server::shared::Shared;

/// How long shards may take to come to one moment.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A command of a client that may wait for the shards.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    pub(crate) server: &'a Arc<Shared>,
    /// The database that the client has selected.
    pub(crate) database: u32,
}

impl Call<'_> {
    /// Lets `f` run on every shard at one moment.
    pub(crate) fn on_all<R: Send + 'static>(
        &self,
        f: impl Fn(&mut Shard<ShardState>) -> R + Send + Sync + 'static,
    ) -> Result<Vec<R>, Refusal> {
        Ok(self.server.shards.cut(PATIENCE, f)?)
    }

    /// Lets `f` run on every shard, on each when its turn comes.
    pub(crate) fn on_each<R: Send + 'static>(
        &self,
        f: impl Fn(&mut Shard<ShardState>) -> R + Send + Sync + 'static,
    ) -> Result<Vec<R>, Refusal> {
        let answers: Result<Vec<R>, _> = self.server.shards.broadcast(f).into_iter().collect();
        Ok(answers?)
    }
}
