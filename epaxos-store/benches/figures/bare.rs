//! The bare `rocksdb` crate: the same keys and bytes in the same batches, through an engine with
//! the options of the store's (its threads' as told), and no locks, no reading before writing, no
//! checks, no encoding.

use std::path::Path;

use epaxos_store::{encode_instance, instance_key};
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamilyDescriptor, DB, DBCompressionType, DBRecoveryMode,
    Options, WriteBatch, WriteOptions,
};

use crate::work::{VALUE_BYTES, Work, id, instance, key};

/// Bytes that the store puts before a record's value.
const HEADER_BYTES: usize = 8;

/// How threads of the engine wait for each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Threads {
    /// As RocksDB has it.
    Default,
    /// As the store has it.
    Alike,
}

/// The engine, and what it writes.
pub(crate) struct Bare {
    pub(crate) db: DB,
    /// An instance as the store would write it, for each work.
    values: [Vec<u8>; 3],
}

impl Bare {
    pub(crate) fn open(path: &Path, threads: Threads) -> Self {
        let mut engine = Options::default();
        engine.create_if_missing(true);
        engine.create_missing_column_families(true);
        engine.set_paranoid_checks(true);
        engine.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
        engine.set_track_and_verify_wals_in_manifest(true);
        engine.set_max_background_jobs(4);
        engine.set_keep_log_file_num(4);
        engine.set_bytes_per_sync(1 << 20);
        if threads == Threads::Alike {
            engine.set_enable_write_thread_adaptive_yield(false);
            engine.set_allow_concurrent_memtable_write(false);
        }
        let cache = Cache::new_lru_cache(128 << 20);
        let families = ["record", "instance", "status", "meta"]
            .map(|name| ColumnFamilyDescriptor::new(name, family(&cache)));
        Self {
            db: DB::open_cf_descriptors(&engine, path, families).unwrap(),
            values: Work::ALL.map(|work| encode_instance(&instance(0, work))),
        }
    }

    /// One write, on disk when this returns.
    pub(crate) fn write(&self, index: u64, work: Work) {
        let mut batch = WriteBatch::default();
        let handle = self.db.cf_handle("instance").unwrap();
        let value = &self.values[work as usize];
        batch.put_cf(handle, instance_key(id(index)), value);
        if work == Work::Execute {
            let handle = self.db.cf_handle("record").unwrap();
            batch.put_cf(handle, key(index), [b'v'; HEADER_BYTES + VALUE_BYTES]);
        }
        let mut synced = WriteOptions::default();
        synced.set_sync(true);
        self.db.write_opt(batch, &synced).unwrap();
    }
}

fn family(cache: &Cache) -> Options {
    let mut family = Options::default();
    family.set_write_buffer_size(64 << 20);
    family.set_compression_type(DBCompressionType::Lz4);
    family.set_memtable_prefix_bloom_ratio(0.02);
    family.set_memtable_whole_key_filtering(true);
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(cache);
    blocks.set_bloom_filter(10.0, false);
    blocks.set_format_version(5);
    family.set_block_based_table_factory(&blocks);
    family
}
