//! Writes to the column family of watermarks.

use crate::codec::{Kind, seal_number};
use crate::database::{Batch, Database, Namespace};
use crate::error::StoreError;
use crate::instance::ReplicaId;
use crate::key::{StatusField, StatusKey};
use crate::options::Durability;
use crate::snapshot::Snapshot;
use crate::sync::Arc;

/// Raises watermarks together. None goes back: what is stored may come from a later moment, or
/// from another thread at the same moment.
pub(crate) fn raise_status(
    database: &Arc<Database>,
    space: Namespace,
    entries: &[(ReplicaId, StatusField, u64)],
    durability: Durability,
) -> Result<(), StoreError> {
    let family = database.family(&space.family(Kind::Status))?;
    let _one_at_a_time = database.raising.lock();
    let stored = Snapshot::take(Arc::clone(database), space, [0; 16], ReplicaId(0));
    let mut batch = Batch::default();
    for &(replica, field, number) in entries {
        let key = StatusKey { replica, field };
        if stored.view().status(key)? < Some(number) {
            let key = key.to_bytes();
            batch.put_cf(&family, &key, seal_number(&key, number));
        }
    }
    if batch.is_empty() {
        return Ok(());
    }
    database.write(batch, durability)
}
