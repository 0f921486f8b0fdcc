//! The write-ahead log as a disk may leave it: cut off at any byte, or with any bit flipped.
//!
//! `FORKLESS_TEST_SEEDS` says how many places of each kind are tried; as many as the log has
//! bytes, if it is that many.

#![expect(
    clippy::unwrap_used,
    reason = "a failure outside a test function fails the test too"
)]

use std::fs;
use std::path::{Path, PathBuf};

use epaxos_store::{
    Ballot, Instance, InstanceId, Options, Recovery, ReplicaId, Store, StoreError, TxnOptions,
};
use tempfile::TempDir;

const ME: ReplicaId = ReplicaId(1);
const TRANSACTIONS: u64 = 10;

fn options() -> Options {
    Options {
        write_buffer_bytes: 1 << 20,
        cache_bytes: 1 << 20,
        ..Options::new(ME)
    }
}

fn id(index: u64) -> InstanceId {
    InstanceId { replica: ME, index }
}

/// A store with [`TRANSACTIONS`] synced commits, as the disk has it, never closed.
struct Image {
    folder: TempDir,
    /// The log in it.
    log: PathBuf,
    bytes: Vec<u8>,
    /// The length of the log after each commit.
    ends: Vec<usize>,
}

impl Image {
    fn take() -> Self {
        let original = tempfile::tempdir().unwrap();
        let store = Store::open(original.path(), &options()).unwrap();
        let log = log_in(original.path());
        let mut ends = Vec::new();
        for index in 0..TRANSACTIONS {
            let mut instance = Instance::promised(
                id(index),
                Ballot {
                    number: 0,
                    replica: ME,
                },
            );
            instance.dependencies = Some(Vec::new());
            instance.committed = true;
            instance.executed = true;
            let mut txn = store.begin(TxnOptions::default());
            txn.set_kv(&index.to_be_bytes(), &[b'v'; 40]).unwrap();
            txn.set_instance(&instance).unwrap();
            txn.commit().unwrap();
            ends.push(usize::try_from(fs::metadata(&log).unwrap().len()).unwrap());
        }
        let bytes = fs::read(&log).unwrap();
        // Copied while it is open: closing would write more.
        let folder = tempfile::tempdir().unwrap();
        copy(original.path(), folder.path());
        let log = folder
            .path()
            .join(log.strip_prefix(original.path()).unwrap());
        Self {
            folder,
            log,
            bytes,
            ends,
        }
    }

    /// Opens a copy whose log has these bytes; how many transactions are there.
    fn open(&self, log: &[u8], recovery: Recovery) -> Result<(u64, Store, TempDir), StoreError> {
        let folder = tempfile::tempdir().unwrap();
        copy(self.folder.path(), folder.path());
        let path = folder
            .path()
            .join(self.log.strip_prefix(self.folder.path()).unwrap());
        fs::write(path, log).unwrap();
        let options = Options {
            recovery,
            ..options()
        };
        let store = Store::open(folder.path(), &options)?;
        Ok((prefix(&store), store, folder))
    }
}

/// How many transactions are there: those up to some one, and each of them whole.
fn prefix(store: &Store) -> u64 {
    let engine = store.engine();
    let has = |index: u64| {
        let record = engine.get_kv(&index.to_be_bytes()).unwrap().is_some();
        let instance = engine.get_instance(id(index)).unwrap().is_some();
        assert_eq!(record, instance, "transaction {index} is there by half");
        record
    };
    let count = (0..TRANSACTIONS).take_while(|index| has(*index)).count() as u64;
    assert!(
        !(count..TRANSACTIONS).any(has),
        "there is a hole at {count}"
    );
    let last = count.checked_sub(1).map(id);
    assert_eq!(store.get_max_executed_instance_id(ME), last);
    count
}

fn log_in(root: &Path) -> PathBuf {
    let mut logs = fs::read_dir(root.join("engine-1"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect::<Vec<_>>();
    assert_eq!(logs.len(), 1);
    logs.remove(0)
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Places to try: all, or as many as are asked for, spread out.
fn places(length: usize) -> impl Iterator<Item = usize> {
    let chosen = std::env::var("FORKLESS_TEST_SEEDS").ok();
    let count = chosen.map_or(60, |chosen| chosen.parse::<usize>().unwrap());
    let step = length.div_ceil(count.max(1)).max(1);
    (0..length).step_by(step)
}

#[test]
fn a_log_cut_off_anywhere_keeps_exactly_what_is_whole() {
    let image = Image::take();
    assert_eq!(
        image.open(&image.bytes, Recovery::Exact).unwrap().0,
        TRANSACTIONS
    );
    let first = image.ends[0];
    let mut opened = 0;
    for length in places(image.bytes.len()) {
        let whole = image.ends.iter().filter(|end| **end <= length).count() as u64;
        match image.open(&image.bytes[..length], Recovery::Exact) {
            Ok((found, ..)) => {
                assert_eq!(found, whole, "cut off at {length}");
                opened += 1;
            }
            // Without the rows that say whose it is, it is no store.
            Err(StoreError::Corruption { family: "meta", .. }) if length < first => {}
            Err(error) => panic!("cut off at {length}: {error}"),
        }
    }
    assert!(opened > 10);
}

#[test]
fn a_flipped_bit_is_never_a_silent_loss() {
    let image = Image::take();
    let last_begins = image.ends[image.ends.len() - 2];
    let (mut refused, mut torn) = (0, 0);
    for place in places(image.bytes.len()) {
        let mut bytes = image.bytes.clone();
        bytes[place] ^= 1 << (place % 8);
        match image.open(&bytes, Recovery::Exact) {
            Ok((TRANSACTIONS, ..)) => {}
            // The last of the log cannot be told from one that was torn while it was written.
            Ok((found, ..)) if place >= last_begins => {
                assert_eq!(found, TRANSACTIONS - 1, "flipped at {place}");
                torn += 1;
            }
            Ok((found, ..)) => panic!("flipped at {place}: {found} are left, silently"),
            Err(StoreError::EngineCorruption { .. } | StoreError::Corruption { .. }) => {
                refused += 1;
            }
            Err(error) => panic!("flipped at {place}: {error}"),
        }
    }
    assert!(refused > torn, "{refused} refused, {torn} torn");
}

#[test]
fn salvage_keeps_what_stands_before_the_damage_and_forbids_voting() {
    let image = Image::take();
    let mut bytes = image.bytes.clone();
    let place = image.ends[4] + 20;
    bytes[place] ^= 1;
    let refused = image.open(&bytes, Recovery::Exact).unwrap_err();
    assert!(
        matches!(refused, StoreError::EngineCorruption { .. }),
        "{refused}"
    );
    let (found, store, folder) = image.open(&bytes, Recovery::Salvage).unwrap();
    assert_eq!(found, 5);
    assert!(store.is_learner());
    drop(store);
    // It stays so until the protocol says otherwise.
    let store = Store::open(folder.path(), &options()).unwrap();
    assert!(store.is_learner());
    store.clear_learner().unwrap();
    drop(store);
    let store = Store::open(folder.path(), &options()).unwrap();
    assert!(!store.is_learner());
}
