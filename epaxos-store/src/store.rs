//! The store: opened once, shared by threads, read and changed in transactions.

use std::collections::BTreeMap;
use std::path::Path;

use crate::database::{Database, Namespace};
use crate::engine::Engine;
use crate::error::StoreError;
use crate::folder::Folder;
use crate::instance::{InstanceId, ReplicaId};
use crate::meta::Meta;
use crate::options::{Options, Recovery, TxnOptions};
use crate::snapshot::Snapshot;
use crate::statistics::Statistics;
use crate::sync::{Arc, Mutex};
use crate::transaction::Txn;
use crate::watermark::{Tracker, Watermarks};

/// What one replica must not lose, on disk.
///
/// Clones are the same store. It is closed when the last of them, of its transactions, snapshots
/// and workers is dropped.
///
/// Everything here blocks: it waits for the disk, and for locks of other transactions. In an
/// async program it belongs on threads that may block.
///
/// # Example
///
/// ```
/// use epaxos_store::{Options, ReplicaId, Store, TxnOptions};
///
/// # let folder = tempfile::tempdir().unwrap();
/// let store = Store::open(folder.path(), &Options::new(ReplicaId(1)))?;
/// let mut txn = store.begin(TxnOptions::default());
/// assert_eq!(txn.get_kv_for_update(b"x")?, None);
/// txn.set_kv(b"x", b"1")?;
/// txn.commit()?;
///
/// let mut txn = store.begin(TxnOptions::default());
/// txn.delete_kv(b"x")?;
/// drop(txn); // Rolled back.
/// assert_eq!(store.engine().get_kv(b"x")?, Some(b"1".to_vec()));
/// # Ok::<(), epaxos_store::StoreError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    database: Arc<Database>,
    namespace: Namespace,
    trackers: Mutex<BTreeMap<ReplicaId, Tracker>>,
    meta: Mutex<Meta>,
    /// Held while instances are marked or deleted: one at a time.
    collecting: Mutex<()>,
    options: Options,
}

impl Store {
    /// Opens the store in the folder `path`, and makes one if there is none.
    ///
    /// Takes as long as RocksDB needs to read its write-ahead log, and then a few bytes of each
    /// instance above those that are known to be executed throughout.
    ///
    /// # Errors
    ///
    /// [`StoreError::InUse`] while it is open elsewhere, [`StoreError::NoStore`] if none is to be
    /// made, [`StoreError::WrongReplica`] if it is another's, [`StoreError::EngineCorruption`]
    /// when acknowledged transactions would be lost, [`StoreError::Corruption`] for stored bytes
    /// that are wrong, [`StoreError::Io`] and [`StoreError::Engine`] when the system fails.
    pub fn open(path: &Path, options: &Options) -> Result<Self, StoreError> {
        Self::open_folder(Folder::open(path, options.missing)?, options)
    }

    /// Opens the store in a folder that is locked already.
    pub(crate) fn open_folder(folder: Folder, options: &Options) -> Result<Self, StoreError> {
        let engine_path = folder.engine_path();
        let is_new = !folder.has_engine();
        if is_new && engine_path.exists() {
            // A store that was never finished: nobody has written to it.
            std::fs::remove_dir_all(&engine_path)
                .map_err(|error| StoreError::io("remove", &engine_path, &error))?;
        }
        let mut database = Database::open(folder, options)?;
        if is_new {
            Meta::new(options.replica).write(&database, Namespace::default())?;
            database.publish_first()?;
        }
        Self::of(Arc::new(database), Namespace::default(), options)
    }

    /// The store of another replica inside the same engine, made if there is none.
    ///
    /// It shares files, memory and syncs with this one, and nothing else.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn namespace(&self, number: u64, replica: ReplicaId) -> Result<Self, StoreError> {
        let namespace = Namespace(Some(number));
        let database = &self.0.database;
        database.create_families(namespace)?;
        let options = Options {
            replica,
            ..self.0.options.clone()
        };
        let unknown = Snapshot::take(Arc::clone(database), namespace, [0; 16], replica);
        if Meta::read(&unknown.view())?.is_none() {
            Meta::new(replica).write(database, namespace)?;
        }
        Self::of(Arc::clone(database), namespace, &options)
    }

    fn of(
        database: Arc<Database>,
        namespace: Namespace,
        options: &Options,
    ) -> Result<Self, StoreError> {
        let now = Snapshot::take(Arc::clone(&database), namespace, [0; 16], options.replica);
        let mut meta = Meta::read(&now.view())?.ok_or(StoreError::Corruption {
            family: "meta",
            key: b"uuid".to_vec(),
            what: "the row is missing",
        })?;
        if meta.replica != options.replica {
            return Err(StoreError::WrongReplica {
                have: meta.replica,
                got: options.replica,
            });
        }
        meta.incarnation = meta.incarnation.saturating_add(1);
        meta.is_learner |= options.recovery == Recovery::Salvage;
        meta.write(&database, namespace)?;
        if options.recovery == Recovery::Salvage {
            // The damaged log would be refused again next time.
            database.flush()?;
        }
        let trackers = now.trackers()?;
        drop(now);
        tracing::info!(
            replica = options.replica.0,
            incarnation = meta.incarnation,
            learner = meta.is_learner,
            "store open"
        );
        Ok(Self(Arc::new(Inner {
            database,
            namespace,
            trackers: Mutex::new(trackers),
            meta: Mutex::new(meta),
            collecting: Mutex::new(()),
            options: options.clone(),
        })))
    }

    /// An engine of this store: one for each thread.
    pub fn engine(&self) -> Engine {
        Engine::new(self.clone())
    }

    /// Begins a transaction. It is rolled back when it is dropped.
    pub fn begin(&self, options: TxnOptions) -> Txn {
        Txn::begin(self.clone(), options)
    }

    /// Runs `body` in a transaction and commits it, and begins anew when another transaction was
    /// in the way, up to [`retries_max`](TxnOptions::retries_max) times.
    ///
    /// # Errors
    ///
    /// What `body` returns, after a rollback; what stands in the way to the last; what
    /// [`Txn::commit`] returns.
    pub fn transact<R>(
        &self,
        options: TxnOptions,
        mut body: impl FnMut(&mut Txn) -> Result<R, StoreError>,
    ) -> Result<R, StoreError> {
        let mut retries = 0;
        loop {
            let mut txn = self.begin(options);
            let outcome = body(&mut txn).and_then(|result| txn.commit().map(|()| result));
            match outcome {
                Err(error) if error.is_retryable() && retries < options.retries_max => {
                    retries = retries.saturating_add(1);
                    self.0.database.counters.retries.add(1);
                }
                outcome => return outcome,
            }
        }
    }

    /// The store as it is now.
    pub fn snapshot(&self) -> Snapshot {
        let meta = *self.0.meta.lock();
        let database = Arc::clone(&self.0.database);
        Snapshot::take(database, self.0.namespace, meta.uuid, meta.replica)
    }

    /// Waits until all that was committed before is on disk, whatever its durability.
    ///
    /// # Errors
    ///
    /// What [`Txn::commit`] returns.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.0.database.sync()
    }

    /// The highest instance of `replica` that was ever committed here; none if there was none.
    ///
    /// Also after all of its instances are deleted, so that the next index is always a new one.
    pub fn get_max_instance_id(&self, replica: ReplicaId) -> Option<InstanceId> {
        let index = self.watermarks(replica).max?;
        Some(InstanceId { replica, index })
    }

    /// The highest instance of `replica` that was executed here; lower ones may be missing.
    pub fn get_max_executed_instance_id(&self, replica: ReplicaId) -> Option<InstanceId> {
        let index = self.watermarks(replica).executed_max?;
        Some(InstanceId { replica, index })
    }

    /// An id for a new instance of `replica` that this process gives to nobody else, and that
    /// was never committed here.
    ///
    /// # Errors
    ///
    /// [`StoreError::IndicesExhausted`] after 2^64 of them.
    pub fn reserve_instance_id(&self, replica: ReplicaId) -> Result<InstanceId, StoreError> {
        let mut trackers = self.0.trackers.lock();
        let index = trackers.entry(replica).or_default().reserve();
        let index = index.ok_or(StoreError::IndicesExhausted { replica })?;
        Ok(InstanceId { replica, index })
    }

    /// How far the instances of `replica` have come here.
    pub fn watermarks(&self, replica: ReplicaId) -> Watermarks {
        let trackers = self.0.trackers.lock();
        trackers
            .get(&replica)
            .map(Tracker::marks)
            .unwrap_or_default()
    }

    /// Every replica of which something is known here, in order.
    pub fn replicas(&self) -> Vec<ReplicaId> {
        self.0.trackers.lock().keys().copied().collect()
    }

    /// The replica that the store belongs to.
    pub fn replica(&self) -> ReplicaId {
        self.0.options.replica
    }

    /// How often the store was opened, this time included.
    pub fn incarnation(&self) -> u64 {
        self.0.meta.lock().incarnation
    }

    /// True while the replica may have forgotten what it promised, so that it must not vote:
    /// after it was rebuilt from another, or [salvaged](Recovery::Salvage).
    pub fn is_learner(&self) -> bool {
        self.0.meta.lock().is_learner
    }

    /// Lets the replica vote again. The protocol knows when: once every instance that it may
    /// have voted on is decided.
    ///
    /// # Errors
    ///
    /// What [`Txn::commit`] returns.
    pub fn clear_learner(&self) -> Result<(), StoreError> {
        let mut meta = self.0.meta.lock();
        let cleared = Meta {
            is_learner: false,
            ..*meta
        };
        cleared.write(&self.0.database, self.0.namespace)?;
        *meta = cleared;
        Ok(())
    }

    /// What happened since the engine was opened, in all of its namespaces.
    pub fn statistics(&self) -> Statistics {
        self.0.database.counters.read()
    }

    pub(crate) fn database(&self) -> &Arc<Database> {
        &self.0.database
    }

    pub(crate) fn space(&self) -> Namespace {
        self.0.namespace
    }

    pub(crate) fn options(&self) -> &Options {
        &self.0.options
    }

    pub(crate) fn trackers(&self) -> &Mutex<BTreeMap<ReplicaId, Tracker>> {
        &self.0.trackers
    }

    pub(crate) fn collecting(&self) -> &Mutex<()> {
        &self.0.collecting
    }

    /// Refuses what is deleted. To be asked after the instance was read, or locked: then it was
    /// either there, or this says that it was deleted.
    pub(crate) fn check_floor(&self, id: InstanceId) -> Result<(), StoreError> {
        match self.watermarks(id.replica).deleted_upto {
            Some(floor) if id.index <= floor => Err(StoreError::Purged { id, floor }),
            _ => Ok(()),
        }
    }
}
