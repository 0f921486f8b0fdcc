//! redb, a copy-on-write tree with one writer at a time: the same keys and bytes, each commit
//! on disk.

use std::path::Path;

use epaxos_store::{encode_instance, instance_key};
use redb::{Database, Durability, TableDefinition};

use crate::work::{VALUE_BYTES, Work, id, instance, key};

const INSTANCES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("instance");
const RECORDS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("record");

/// The tree, and what it writes.
pub(crate) struct Tree {
    db: Database,
    values: [Vec<u8>; 3],
}

impl Tree {
    pub(crate) fn open(path: &Path) -> Self {
        Self {
            db: Database::create(path.join("tree.redb")).unwrap(),
            values: Work::ALL.map(|work| encode_instance(&instance(0, work))),
        }
    }

    /// One write, on disk when this returns.
    pub(crate) fn write(&self, index: u64, work: Work) {
        let mut txn = self.db.begin_write().unwrap();
        txn.set_durability(Durability::Immediate).unwrap();
        {
            let mut instances = txn.open_table(INSTANCES).unwrap();
            let value = self.values[work as usize].as_slice();
            instances
                .insert(instance_key(id(index)).as_slice(), value)
                .unwrap();
            if work == Work::Execute {
                let mut records = txn.open_table(RECORDS).unwrap();
                let value = [b'v'; VALUE_BYTES];
                records
                    .insert(key(index).as_slice(), value.as_slice())
                    .unwrap();
            }
        }
        txn.commit().unwrap();
    }
}
