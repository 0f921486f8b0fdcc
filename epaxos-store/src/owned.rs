//! A transaction and a snapshot that keep their database alive instead of borrowing it.
#![expect(
    unsafe_code,
    reason = "extends a borrow of what stands beside it; all of it is in this file"
)]

use std::fmt;
use std::mem;

use rocksdb::{SnapshotWithThreadMode, Transaction, TransactionOptions, WriteOptions};

use crate::database::{Database, Engine};
use crate::error::StoreError;
use crate::sync::Arc;

/// A transaction of RocksDB that may go wherever its owner goes, to other threads too.
pub(crate) struct OwnedTransaction {
    // Invariant: borrows the engine of `database`, and nothing else. Fields are dropped in the
    // order they stand in, so the transaction ends while the database is there. It is never
    // moved out but by `commit`, which holds on to the database until it has ended.
    transaction: Transaction<'static, Engine>,
    database: Arc<Database>,
}

impl OwnedTransaction {
    pub(crate) fn begin(
        database: Arc<Database>,
        write: &WriteOptions,
        options: &TransactionOptions,
    ) -> Self {
        let borrowed = database.engine().transaction_opt(write, options);
        // SAFETY: the borrow is of the engine inside the `Arc`'s allocation, which neither moves
        // nor is freed while `database` stands beside the transaction; see the invariant.
        let transaction = unsafe {
            mem::transmute::<Transaction<'_, Engine>, Transaction<'static, Engine>>(borrowed)
        };
        Self {
            transaction,
            database,
        }
    }

    /// The transaction, borrowed for no longer than `self` is: the `'static` does not get out.
    pub(crate) fn as_ref(&self) -> &Transaction<'_, Engine> {
        &self.transaction
    }

    pub(crate) fn database(&self) -> &Arc<Database> {
        &self.database
    }

    /// Commits. Ends the transaction either way.
    pub(crate) fn commit(self) -> Result<(), StoreError> {
        let Self {
            transaction,
            database,
        } = self;
        let outcome = transaction.commit();
        drop(database);
        outcome.map_err(StoreError::from)
    }
}

impl fmt::Debug for OwnedTransaction {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("OwnedTransaction").finish_non_exhaustive()
    }
}

/// A snapshot of RocksDB that may go wherever its owner goes.
pub(crate) struct OwnedSnapshot {
    // Invariant: as that of `OwnedTransaction`; it is never moved out.
    snapshot: SnapshotWithThreadMode<'static, Engine>,
    database: Arc<Database>,
}

impl OwnedSnapshot {
    pub(crate) fn take(database: Arc<Database>) -> Self {
        let borrowed = database.engine().snapshot();
        // SAFETY: the borrow is of the engine inside the `Arc`'s allocation, which neither moves
        // nor is freed while `database` stands beside the snapshot; see the invariant.
        let snapshot = unsafe {
            mem::transmute::<
                SnapshotWithThreadMode<'_, Engine>,
                SnapshotWithThreadMode<'static, Engine>,
            >(borrowed)
        };
        Self { snapshot, database }
    }

    /// The snapshot, borrowed for no longer than `self` is.
    pub(crate) fn as_ref(&self) -> &SnapshotWithThreadMode<'_, Engine> {
        &self.snapshot
    }

    pub(crate) fn database(&self) -> &Arc<Database> {
        &self.database
    }
}

impl fmt::Debug for OwnedSnapshot {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("OwnedSnapshot").finish_non_exhaustive()
    }
}
