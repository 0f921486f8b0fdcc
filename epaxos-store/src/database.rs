//! One RocksDB engine: opened with what a replica needs, poisoned by its first failed write.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

use rocksdb::{
    BlockBasedOptions, BoundColumnFamily, Cache, ColumnFamilyDescriptor, DB, DBCompressionType,
    DBRecoveryMode, MultiThreaded, Options as EngineOptions, TransactionDB, TransactionDBOptions,
    WriteBatchWithTransaction, WriteOptions,
};

use crate::codec::Kind;
use crate::error::StoreError;
use crate::folder::Folder;
use crate::log_scan::check_logs;
use crate::options::{Durability, Options, Recovery};
use crate::statistics::Counters;
use crate::sync::{Arc, AtomicBool, Mutex, Ordering};

/// RocksDB with its transactions.
pub(crate) type Engine = TransactionDB<MultiThreaded>;

/// Several writes that are done together.
pub(crate) type Batch = WriteBatchWithTransaction<true>;

/// An open engine, in the folder that it holds the lock of.
pub(crate) struct Database {
    engine: Engine,
    folder: Option<Folder>,
    pub(crate) counters: Counters,
    options: Options,
    is_poisoned: AtomicBool,
    cause: Mutex<Option<String>>,
    /// Held from reading a watermark to writing a higher one, so that none is overtaken.
    pub(crate) raising: Mutex<()>,
}

impl Database {
    /// Opens the engine of `folder`, or makes one.
    pub(crate) fn open(folder: Folder, options: &Options) -> Result<Self, StoreError> {
        if options.recovery == Recovery::Exact {
            check_logs(&folder.engine_path())?;
        }
        let mut database = Self::open_at(&folder.engine_path(), options)?;
        database.folder = Some(folder);
        Ok(database)
    }

    /// Opens the engine at `path`, which the caller holds the lock of, or makes one.
    pub(crate) fn open_at(path: &Path, options: &Options) -> Result<Self, StoreError> {
        let engine_options = engine_options(options);
        let mut names = match DB::list_cf(&engine_options, path) {
            Ok(names) => names,
            // A new one.
            Err(_) if !path.join("CURRENT").exists() => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        for kind in Kind::ALL {
            names.push(Namespace::default().family(kind).into_owned());
        }
        names.push("default".to_owned());
        names.sort();
        names.dedup();
        let cache = Cache::new_lru_cache(options.cache_bytes);
        let families = names
            .iter()
            .map(|name| ColumnFamilyDescriptor::new(name, family_options(options, &cache)));
        let mut locks = TransactionDBOptions::default();
        // Outside of transactions, only deletions meet locks, and those can wait for a better time.
        locks.set_default_lock_timeout(10);
        let engine = Engine::open_cf_descriptors(&engine_options, &locks, path, families)?;
        Ok(Self {
            engine,
            folder: None,
            counters: Counters::default(),
            options: options.clone(),
            is_poisoned: AtomicBool::new(false),
            cause: Mutex::new(None),
            raising: Mutex::new(()),
        })
    }

    /// Lets the engine count that was just made.
    pub(crate) fn publish_first(&mut self) -> Result<(), StoreError> {
        self.folder.as_mut().map_or(Ok(()), Folder::publish_first)
    }

    /// True if there is more in the engine than one replica's store.
    pub(crate) fn has_namespaces(&self) -> Result<bool, StoreError> {
        let names = DB::list_cf(&engine_options(&self.options), self.engine.path())?;
        let is_own =
            |name: &String| name == "default" || Kind::ALL.iter().any(|kind| kind.name() == name);
        Ok(!names.iter().all(is_own))
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The column family `name`, which was opened or made with the namespace that has it.
    pub(crate) fn family(&self, name: &str) -> Result<Arc<BoundColumnFamily<'_>>, StoreError> {
        self.engine
            .cf_handle(name)
            .ok_or_else(|| StoreError::Engine {
                message: format!("column family {name} is missing"),
            })
    }

    /// Makes the column families of `namespace` that are missing.
    pub(crate) fn create_families(&self, namespace: Namespace) -> Result<(), StoreError> {
        let cache = Cache::new_lru_cache(self.options.cache_bytes);
        for kind in Kind::ALL {
            let name = namespace.family(kind);
            if self.engine.cf_handle(&name).is_none() {
                let options = family_options(&self.options, &cache);
                self.engine.create_cf(&name, &options)?;
            }
        }
        Ok(())
    }

    /// Writes `batch`, all or nothing.
    pub(crate) fn write(&self, batch: Batch, durability: Durability) -> Result<(), StoreError> {
        self.check()?;
        let outcome = self.engine.write_opt(batch, &write_options(durability));
        outcome.map_err(|error| self.failed(error.into()))
    }

    /// Waits until everything that was written is on disk.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.check()?;
        let outcome = self.engine.flush_wal(true);
        outcome.map_err(|error| self.failed(error.into()))
    }

    /// Writes what is in memory into files, so that the write-ahead log before is needed no more.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        for name in DB::list_cf(&engine_options(&self.options), self.engine.path())? {
            let family = self.family(&name)?;
            let flushed = self.engine.flush_cf(&family);
            flushed.map_err(|error| self.failed(error.into()))?;
        }
        Ok(())
    }

    /// Refuses once a write has failed: what of it is on disk is not known, and another attempt
    /// to sync may succeed without having written anything.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        // Acquire: pairs with the Release in `failed`, after the cause was stored.
        if !self.is_poisoned.load(Ordering::Acquire) {
            return Ok(());
        }
        let cause = self.cause.lock().clone().unwrap_or_default();
        Err(StoreError::Poisoned { cause })
    }

    /// Takes note of a write that failed, unless the reason is another transaction.
    pub(crate) fn failed(&self, error: StoreError) -> StoreError {
        if !error.is_retryable() && error != StoreError::Expired {
            let mut cause = self.cause.lock();
            if cause.is_none() {
                tracing::error!(%error, "a write failed; the store must be opened anew");
                *cause = Some(error.to_string());
            }
            drop(cause);
            // Release: pairs with the Acquire in `check`.
            self.is_poisoned.store(true, Ordering::Release);
        }
        error
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Database")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// A store of its own inside one engine: which column families are its own.
///
/// The first has the plain names; that with the number 7 has `record.7` and so on.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Namespace(pub(crate) Option<u64>);

impl Namespace {
    pub(crate) fn family(self, kind: Kind) -> Cow<'static, str> {
        let name = kind.name();
        match self.0 {
            None => Cow::Borrowed(name),
            Some(number) => Cow::Owned(format!("{name}.{number}")),
        }
    }
}

pub(crate) fn write_options(durability: Durability) -> WriteOptions {
    let mut options = WriteOptions::default();
    options.set_sync(durability == Durability::Sync);
    options
}

/// Options of the engine as a whole.
pub(crate) fn engine_options(options: &Options) -> EngineOptions {
    let mut engine = EngineOptions::default();
    engine.create_if_missing(true);
    engine.create_missing_column_families(true);
    engine.set_paranoid_checks(true);
    // The default would drop acknowledged transactions behind a damaged one without a word.
    engine.set_wal_recovery_mode(match options.recovery {
        Recovery::Exact => DBRecoveryMode::TolerateCorruptedTailRecords,
        Recovery::Salvage => DBRecoveryMode::PointInTime,
    });
    engine.set_track_and_verify_wals_in_manifest(options.recovery == Recovery::Exact);
    engine.set_max_background_jobs(4);
    engine.set_keep_log_file_num(4);
    engine.set_bytes_per_sync(1 << 20);
    // Writers that share a sync wait for it asleep, and the one that syncs applies what all of
    // them wrote: transactions are small, and waking each of them for its share costs more.
    engine.set_enable_write_thread_adaptive_yield(false);
    engine.set_allow_concurrent_memtable_write(false);
    engine
}

/// Options of each column family.
pub(crate) fn family_options(options: &Options, cache: &Cache) -> EngineOptions {
    let mut family = EngineOptions::default();
    family.set_write_buffer_size(options.write_buffer_bytes);
    // Otherwise transactions keep as much of the past in memory again.
    family.set_max_write_buffer_size_to_maintain(1);
    family.set_compression_type(DBCompressionType::Lz4);
    // Each instance is looked for before it is written, and new ones are not there.
    family.set_memtable_prefix_bloom_ratio(0.02);
    family.set_memtable_whole_key_filtering(true);
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(cache);
    blocks.set_bloom_filter(10.0, false);
    blocks.set_format_version(5);
    family.set_block_based_table_factory(&blocks);
    family
}
