//! A transaction: several reads and writes that happen together or not at all.

use std::time::Instant;

use rocksdb::TransactionOptions;

use crate::codec::{HEADER_BYTES, Kind, decode_instance, encode_instance, open, seal};
use crate::database::write_options;
use crate::error::StoreError;
use crate::instance::{Instance, InstanceId, ReplicaId};
use crate::iter::{InstanceIter, Order, RecordIter};
use crate::key::instance_key;
use crate::options::{Durability, Isolation, TxnOptions};
use crate::owned::OwnedTransaction;
use crate::rules::admit;
use crate::store::Store;
use crate::sync::Arc;
use crate::view::{Source, View, read_options};
use crate::watermark::after;

/// A transaction of a [`Store`]. Dropped without [`commit`](Self::commit), it is rolled back.
///
/// Writing locks what is written, and `..._for_update` locks what is read, until the transaction
/// ends; whoever else wants to lock it waits. Reading locks nothing and waits for nobody. What
/// is [refused](StoreError::is_refusal) leaves the transaction as it was.
///
/// # Example
///
/// ```
/// use epaxos_store::{Ballot, Instance, Options, ReplicaId, Store, TxnOptions};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let me = ReplicaId(1);
/// let store = Store::open(folder.path(), &Options::new(me))?;
/// let id = store.reserve_instance_id(me)?;
/// let mut instance = Instance::promised(id, Ballot { number: 0, replica: me });
/// instance.dependencies = Some(Vec::new());
/// instance.committed = true;
///
/// let mut txn = store.begin(TxnOptions::default());
/// txn.set_instance(&instance)?;
/// txn.set_kv(b"x", b"1")?;
/// txn.mark_executed(id)?;
/// txn.commit()?; // The value and the status, or neither.
/// assert_eq!(store.get_max_executed_instance_id(me), Some(id));
/// # Ok::<(), epaxos_store::StoreError>(())
/// ```
#[derive(Debug)]
pub struct Txn {
    transaction: OwnedTransaction,
    store: Store,
    options: TxnOptions,
    touched: Vec<Touched>,
    /// How many were touched at each savepoint.
    savepoints: Vec<usize>,
    is_dirty: bool,
}

/// An instance that this transaction writes.
#[derive(Clone, Copy, Debug)]
struct Touched {
    id: InstanceId,
    executed: bool,
}

impl Txn {
    pub(crate) fn begin(store: Store, options: TxnOptions) -> Self {
        let database = Arc::clone(store.database());
        let mut engine_options = TransactionOptions::default();
        engine_options.set_deadlock_detect(true);
        let millis = |time: std::time::Duration| {
            let max = i64::from(i32::MAX);
            i64::try_from(time.as_millis()).unwrap_or(max).min(max)
        };
        engine_options.set_lock_timeout(millis(options.lock_timeout));
        if let Some(expiration) = options.expiration {
            engine_options.set_expiration(millis(expiration));
        }
        engine_options.set_snapshot(options.isolation == Isolation::Snapshot);
        let write = write_options(options.durability);
        Self {
            transaction: OwnedTransaction::begin(database, &write, &engine_options),
            store,
            options,
            touched: Vec::new(),
            savepoints: Vec::new(),
            is_dirty: false,
        }
    }

    fn view(&self) -> View<'_> {
        View {
            database: self.transaction.database(),
            namespace: self.store.space(),
            source: Source::Transaction(self.transaction.as_ref(), self.options.isolation),
        }
    }

    /// The value of a key, which nobody else may change until the transaction ends; none if it
    /// has none, and then nobody else may give it one.
    ///
    /// # Errors
    ///
    /// [`StoreError::LockTimeout`], [`StoreError::Deadlock`], [`StoreError::Conflict`] on account
    /// of other transactions, [`StoreError::KeyTooLarge`], and as [`get_kv`](Self::get_kv).
    pub fn get_kv_for_update(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.options().check_key(key)?;
        self.locked(Kind::Record, key, |value| {
            open(Kind::Record, key, value).map(<[u8]>::to_vec)
        })
    }

    /// The value of a key; none if it has none.
    ///
    /// # Errors
    ///
    /// [`StoreError::Corruption`] for stored bytes that are wrong, [`StoreError::Engine`] when
    /// RocksDB cannot read.
    pub fn get_kv(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.view().record(key)
    }

    /// The values of several keys, in their order.
    ///
    /// # Errors
    ///
    /// As [`get_kv`](Self::get_kv).
    pub fn get_kvs(&self, keys: &[&[u8]]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        keys.iter().map(|key| self.get_kv(key)).collect()
    }

    /// Gives a key a value.
    ///
    /// # Errors
    ///
    /// [`StoreError::KeyTooLarge`], [`StoreError::ValueTooLarge`], and on account of other
    /// transactions as [`get_kv_for_update`](Self::get_kv_for_update).
    pub fn set_kv(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.store.options().check_key(key)?;
        self.store.options().check_value(value.len())?;
        self.put(Kind::Record, key, &seal(Kind::Record, key, value))
    }

    /// Takes a key away, if it is there.
    ///
    /// # Errors
    ///
    /// As [`set_kv`](Self::set_kv).
    pub fn delete_kv(&mut self, key: &[u8]) -> Result<(), StoreError> {
        self.store.options().check_key(key)?;
        let database = self.transaction.database();
        let family = database.family(&self.store.space().family(Kind::Record))?;
        let deleted = self.transaction.as_ref().delete_cf(&family, key);
        deleted.map_err(|error| self.lock_failed(error.into()))?;
        self.is_dirty = true;
        Ok(())
    }

    /// Records from `start` on, up to but without `end`, if there is one.
    ///
    /// # Errors
    ///
    /// As [`get_kv`](Self::get_kv).
    pub fn records(
        &self,
        start: &[u8],
        end: Option<&[u8]>,
        order: Order,
    ) -> Result<RecordIter<'_>, StoreError> {
        self.view().records(start, end, order)
    }

    /// Stores an instance, whether or not something is stored of it.
    ///
    /// What is stored limits what may replace it: a ballot, and the ballot of a vote, never goes
    /// back; a vote is for one thing; what is committed never changes; executed stays executed.
    /// A commit is taken whatever its ballot, and the higher ballot is kept. The same again
    /// changes nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::StaleBallot`], [`StoreError::StaleVote`], [`StoreError::VoteChanged`],
    /// [`StoreError::CommitChanged`], [`StoreError::Purged`], [`StoreError::ValueTooLarge`], what
    /// [`Instance::check`] refuses, and as
    /// [`get_instance_for_update`](Self::get_instance_for_update).
    pub fn set_instance(&mut self, instance: &Instance) -> Result<(), StoreError> {
        let old = self.get_instance_for_update(instance.id)?;
        self.replace(old.as_ref(), instance)
    }

    /// Stores an instance of which something is stored already.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`], and as [`set_instance`](Self::set_instance).
    pub fn update_instance(&mut self, instance: &Instance) -> Result<(), StoreError> {
        let id = instance.id;
        let old = self.get_instance_for_update(id)?;
        let old = old.ok_or(StoreError::NotFound { id })?;
        self.replace(Some(&old), instance)
    }

    /// Takes note that this replica has executed a committed instance, for good.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`], [`StoreError::NotCommitted`], and as
    /// [`get_instance_for_update`](Self::get_instance_for_update).
    pub fn mark_executed(&mut self, id: InstanceId) -> Result<(), StoreError> {
        let old = self.get_instance_for_update(id)?;
        let old = old.ok_or(StoreError::NotFound { id })?;
        if !old.committed {
            let status = old.status();
            return Err(StoreError::NotCommitted { id, status });
        }
        let executed = Instance {
            executed: true,
            ..old.clone()
        };
        self.replace(Some(&old), &executed)
    }

    /// An instance; none if nothing is stored of it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Purged`] if it is deleted, otherwise as [`get_kv`](Self::get_kv).
    pub fn get_instance(&self, id: InstanceId) -> Result<Option<Instance>, StoreError> {
        let found = self.view().instance(id)?;
        self.store.check_floor(id)?;
        Ok(found)
    }

    /// An instance, which nobody else may change until the transaction ends.
    ///
    /// # Errors
    ///
    /// [`StoreError::Purged`] if it is deleted, otherwise as
    /// [`get_kv_for_update`](Self::get_kv_for_update).
    pub fn get_instance_for_update(
        &mut self,
        id: InstanceId,
    ) -> Result<Option<Instance>, StoreError> {
        let key = instance_key(id);
        let found = self.locked(Kind::Instance, &key, |value| decode_instance(&key, value))?;
        self.store.check_floor(id)?;
        Ok(found)
    }

    /// The instances of `replica` that are not deleted, with those that this transaction wrote.
    ///
    /// # Errors
    ///
    /// As [`get_kv`](Self::get_kv).
    pub fn get_instance_iter(&self, replica: ReplicaId) -> Result<InstanceIter<'_>, StoreError> {
        // What is deleted between the two lines is above the floor and seen: it was there.
        let floor = self.store.watermarks(replica).deleted_upto;
        let index = after(floor).unwrap_or(u64::MAX);
        self.view().instances(InstanceId { replica, index })
    }

    /// The highest instance of `replica`, those that this transaction wrote included.
    pub fn get_max_instance_id(&self, replica: ReplicaId) -> Option<InstanceId> {
        let touched = self.touched.iter().map(|touched| touched.id);
        let touched = touched.filter(|id| id.replica == replica).max();
        touched.max(self.store.get_max_instance_id(replica))
    }

    /// The highest executed instance of `replica`, with those that this transaction executed.
    pub fn get_max_executed_instance_id(&self, replica: ReplicaId) -> Option<InstanceId> {
        let executed = self.touched.iter().filter(|touched| touched.executed);
        let executed = executed.map(|touched| touched.id);
        let executed = executed.filter(|id| id.replica == replica).max();
        executed.max(self.store.get_max_executed_instance_id(replica))
    }

    /// Remembers this state of the transaction.
    pub fn set_savepoint(&mut self) {
        self.transaction.as_ref().set_savepoint();
        self.savepoints.push(self.touched.len());
    }

    /// Goes back to the last savepoint and forgets it. Locks taken since are let go.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSavepoint`] if there is none.
    pub fn rollback_to_savepoint(&mut self) -> Result<(), StoreError> {
        let length = self.savepoints.pop().ok_or(StoreError::NoSavepoint)?;
        self.transaction.as_ref().rollback_to_savepoint()?;
        self.touched.truncate(length);
        Ok(())
    }

    /// Commits: all of it, or none if it fails.
    ///
    /// # Errors
    ///
    /// [`StoreError::Expired`], [`StoreError::Poisoned`]; [`StoreError::DiskFull`],
    /// [`StoreError::Engine`] and [`StoreError::EngineCorruption`] when writing fails, after
    /// which nothing more can be written until the store is opened anew: whether this
    /// transaction is on disk is not known before.
    pub fn commit(self) -> Result<(), StoreError> {
        let Self {
            transaction,
            store,
            options,
            touched,
            is_dirty,
            ..
        } = self;
        let database = Arc::clone(transaction.database());
        if !is_dirty {
            return Ok(());
        }
        database.check()?;
        let start = Instant::now();
        let outcome = transaction.commit();
        outcome.map_err(|error| database.failed(error))?;
        let counters = &database.counters;
        counters.commits.add(1);
        if options.durability == Durability::Sync {
            counters.commits_synced.add(1);
            counters.synced_commit.since(start);
        }
        if !touched.is_empty() {
            let mut trackers = store.trackers().lock();
            for Touched { id, executed } in touched {
                let tracker = trackers.entry(id.replica).or_default();
                if executed {
                    tracker.executed(id.index);
                } else {
                    tracker.saw(id.index);
                }
            }
        }
        Ok(())
    }

    /// Ends the transaction as if it had never begun, as dropping it does.
    pub fn rollback(self) {
        self.store.database().counters.rollbacks.add(1);
    }

    fn replace(&mut self, old: Option<&Instance>, new: &Instance) -> Result<(), StoreError> {
        let Some(kept) = admit(old, new)? else {
            return Ok(());
        };
        let value = encode_instance(&kept);
        let bytes = value.len().saturating_sub(HEADER_BYTES);
        self.store.options().check_value(bytes)?;
        self.put(Kind::Instance, &instance_key(kept.id), &value)?;
        self.touched.push(Touched {
            id: kept.id,
            executed: kept.executed,
        });
        Ok(())
    }

    fn put(&mut self, kind: Kind, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let database = self.transaction.database();
        let family = database.family(&self.store.space().family(kind))?;
        let put = self.transaction.as_ref().put_cf(&family, key, value);
        put.map_err(|error| self.lock_failed(error.into()))?;
        self.is_dirty = true;
        Ok(())
    }

    /// Locks a row, and reads it with `read`.
    fn locked<R>(
        &self,
        kind: Kind,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> Result<R, StoreError>,
    ) -> Result<Option<R>, StoreError> {
        let start = Instant::now();
        let database = self.transaction.database();
        let family = database.family(&self.store.space().family(kind))?;
        let transaction = self.transaction.as_ref();
        let options = read_options(transaction, self.options.isolation);
        let value = transaction.get_pinned_for_update_cf_opt(&family, key, true, &options);
        let value = value.map_err(|error| self.lock_failed(error.into()))?;
        database.counters.lock_wait.since(start);
        value.map(|value| read(&value)).transpose()
    }

    fn lock_failed(&self, error: StoreError) -> StoreError {
        if error.is_retryable() {
            self.store.database().counters.lock_failures.add(1);
        }
        error
    }
}
