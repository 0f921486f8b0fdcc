//! A running store that takes the commits it has missed.

use std::io::Read;

use crate::codec::decode_instance;
use crate::error::StoreError;
use crate::instance::Instance;
use crate::key::StatusField;
use crate::options::{Durability, TxnOptions};
use crate::status::raise_status;
use crate::store::Store;
use crate::stream::frame::Family;
use crate::stream::receive::Receiver;
use crate::stream::send::StreamReport;

/// Commits taken in one transaction.
const BATCH: usize = 256;

impl Store {
    /// Takes the commits of a stream that another replica sent for this store's
    /// [watermarks](crate::StreamOptions::since), each as if it had come as a message: checked,
    /// not executed yet. They are on disk when this returns.
    ///
    /// A stream that breaks off leaves the commits that came before; any other can follow.
    ///
    /// # Errors
    ///
    /// [`StoreError::StreamKind`] for a stream of the whole state, [`StoreError::Stream`] and
    /// [`StoreError::Corruption`] for one that is cut off or damaged,
    /// [`StoreError::CommitChanged`] if two replicas committed different things, and as
    /// [`Store::transact`].
    pub fn catch_up(&self, from: impl Read) -> Result<StreamReport, StoreError> {
        let mut arriving = Receiver::default();
        let mut batch = Vec::new();
        let received = arriving.receive(from, |family, key, value| {
            if family == Family::Record {
                return Err(StoreError::StreamKind {
                    found: "the whole state",
                    wanted: "what was committed since",
                });
            }
            batch.push(Instance {
                executed: false,
                ..decode_instance(key, value)?
            });
            if batch.len() >= BATCH {
                self.take_commits(&mut batch)?;
            }
            Ok(())
        });
        self.take_commits(&mut batch)?;
        let head = received?;
        // Ids that others saw of this replica are used, also if it has forgotten them.
        let mut entries = Vec::new();
        for (&replica, marks) in &head.marks {
            let fields = [
                (StatusField::Max, marks.max),
                (StatusField::PurgedUpto, marks.purged_upto),
            ];
            let is_own = replica == self.replica();
            for (field, number) in fields {
                let is_taken = field == StatusField::Max || !is_own;
                entries.extend(
                    number
                        .filter(|_| is_taken)
                        .map(|number| (replica, field, number)),
                );
            }
        }
        raise_status(self.database(), self.space(), &entries, Durability::Sync)?;
        for (replica, field, number) in entries {
            self.raise(replica, |tracker| match field {
                StatusField::Max => tracker.saw(number),
                _ => tracker.purged(number),
            });
        }
        self.sync()?;
        Ok(arriving.report())
    }

    fn take_commits(&self, batch: &mut Vec<Instance>) -> Result<(), StoreError> {
        self.transact(TxnOptions::buffered(), |txn| {
            for instance in batch.iter() {
                match txn.set_instance(instance) {
                    // Executed, purged and deleted here already.
                    Err(StoreError::Purged { .. }) => {}
                    outcome => outcome?,
                }
            }
            Ok(())
        })?;
        batch.clear();
        Ok(())
    }
}
