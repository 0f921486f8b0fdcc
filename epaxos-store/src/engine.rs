//! The store with a transaction that is open or not: begin, work, commit or roll back.

use crate::error::StoreError;
use crate::instance::{Instance, InstanceId, ReplicaId};
use crate::iter::InstanceIter;
use crate::options::TxnOptions;
use crate::store::Store;
use crate::transaction::Txn;

/// A [`Store`] as one thread uses it: what it does between [`begin`](Self::begin) and
/// [`commit`](Self::commit) is one transaction; what it does otherwise is one each.
///
/// Dropped, it rolls back what is open. The same as calls of [`Txn`], for those who would rather
/// not hand a transaction around.
///
/// # Example
///
/// ```
/// use epaxos_store::{Options, ReplicaId, Store, StoreError};
///
/// # let folder = tempfile::tempdir().unwrap();
/// let store = Store::open(folder.path(), &Options::new(ReplicaId(1)))?;
/// let mut engine = store.engine();
/// engine.begin()?;
/// engine.set_kv(b"x", b"1")?;
/// engine.rollback()?;
/// assert_eq!(engine.get_kv(b"x")?, None);
/// assert_eq!(engine.commit(), Err(StoreError::NoTransaction));
/// # Ok::<(), epaxos_store::StoreError>(())
/// ```
#[derive(Debug)]
pub struct Engine {
    /// How its transactions are begun from now on, the short ones too.
    pub options: TxnOptions,
    store: Store,
    open: Option<Txn>,
    /// What an iterator outside of a transaction reads from.
    idle: Option<Txn>,
}

impl Engine {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            options: TxnOptions::default(),
            store,
            open: None,
            idle: None,
        }
    }

    /// Begins a transaction.
    ///
    /// # Errors
    ///
    /// [`StoreError::TransactionOpen`] if one is open.
    pub fn begin(&mut self) -> Result<(), StoreError> {
        if self.open.is_some() {
            return Err(StoreError::TransactionOpen);
        }
        self.open = Some(self.store.begin(self.options));
        Ok(())
    }

    /// Commits the open transaction.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoTransaction`] if none is open, and as [`Txn::commit`].
    pub fn commit(&mut self) -> Result<(), StoreError> {
        self.open.take().ok_or(StoreError::NoTransaction)?.commit()
    }

    /// Rolls the open transaction back.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoTransaction`] if none is open.
    pub fn rollback(&mut self) -> Result<(), StoreError> {
        let open = self.open.take().ok_or(StoreError::NoTransaction)?;
        open.rollback();
        Ok(())
    }

    /// As [`Txn::get_kv_for_update`]; only in a transaction, which is what the lock lasts for.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoTransaction`] if none is open, and as the transaction's.
    pub fn get_kv_for_update(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let open = self.open.as_mut().ok_or(StoreError::NoTransaction)?;
        open.get_kv_for_update(key)
    }

    /// As [`Txn::get_kv`].
    ///
    /// # Errors
    ///
    /// As the transaction's.
    pub fn get_kv(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|txn| txn.get_kv(key))
    }

    /// As [`Txn::set_kv`].
    ///
    /// # Errors
    ///
    /// As the transaction's, and of its commit if none is open.
    pub fn set_kv(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.write(|txn| txn.set_kv(key, value))
    }

    /// As [`Txn::delete_kv`].
    ///
    /// # Errors
    ///
    /// As the transaction's, and of its commit if none is open.
    pub fn delete_kv(&mut self, key: &[u8]) -> Result<(), StoreError> {
        self.write(|txn| txn.delete_kv(key))
    }

    /// As [`Txn::set_instance`].
    ///
    /// # Errors
    ///
    /// As the transaction's, and of its commit if none is open.
    pub fn set_instance(&mut self, instance: &Instance) -> Result<(), StoreError> {
        self.write(|txn| txn.set_instance(instance))
    }

    /// As [`Txn::update_instance`].
    ///
    /// # Errors
    ///
    /// As the transaction's, and of its commit if none is open.
    pub fn update_instance(&mut self, instance: &Instance) -> Result<(), StoreError> {
        self.write(|txn| txn.update_instance(instance))
    }

    /// As [`Txn::mark_executed`].
    ///
    /// # Errors
    ///
    /// As the transaction's, and of its commit if none is open.
    pub fn mark_executed(&mut self, id: InstanceId) -> Result<(), StoreError> {
        self.write(|txn| txn.mark_executed(id))
    }

    /// As [`Txn::get_instance`].
    ///
    /// # Errors
    ///
    /// As the transaction's.
    pub fn get_instance(&self, id: InstanceId) -> Result<Option<Instance>, StoreError> {
        self.read(|txn| txn.get_instance(id))
    }

    /// As [`Txn::get_instance_iter`].
    ///
    /// # Errors
    ///
    /// As the transaction's.
    pub fn get_instance_iter(
        &mut self,
        replica: ReplicaId,
    ) -> Result<InstanceIter<'_>, StoreError> {
        if let Some(open) = &self.open {
            return open.get_instance_iter(replica);
        }
        let idle = self.store.begin(self.options);
        self.idle.insert(idle).get_instance_iter(replica)
    }

    /// As [`Txn::get_max_instance_id`].
    pub fn get_max_instance_id(&self, replica: ReplicaId) -> Option<InstanceId> {
        match &self.open {
            Some(open) => open.get_max_instance_id(replica),
            None => self.store.get_max_instance_id(replica),
        }
    }

    /// As [`Txn::get_max_executed_instance_id`].
    pub fn get_max_executed_instance_id(&self, replica: ReplicaId) -> Option<InstanceId> {
        match &self.open {
            Some(open) => open.get_max_executed_instance_id(replica),
            None => self.store.get_max_executed_instance_id(replica),
        }
    }

    fn read<R>(&self, read: impl FnOnce(&Txn) -> Result<R, StoreError>) -> Result<R, StoreError> {
        match &self.open {
            Some(open) => read(open),
            None => read(&self.store.begin(self.options)),
        }
    }

    fn write<R>(
        &mut self,
        mut write: impl FnMut(&mut Txn) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        match &mut self.open {
            Some(open) => write(open),
            None => self.store.transact(self.options, write),
        }
    }
}
