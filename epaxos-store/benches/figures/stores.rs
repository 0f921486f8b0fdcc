//! Whole stores: streamed out, installed, read at their end, purged, opened after a kill.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant, UNIX_EPOCH};

use epaxos_store::{
    Installation, Options, ReplicaId, Store, StreamOptions, TxnOptions, encode_instance,
    instance_key,
};
use rocksdb::{WriteBatch, WriteOptions};
use serde_json::{Value, json};

use crate::bare::{Bare, Threads};
use crate::work::{ME, Work, id, instance, options};
use crate::{Choice, Scale, folder, print};

/// Stores take long to fill: not more rounds than these.
const ROUNDS_MAX: usize = 3;

pub(crate) fn measure(scale: &Scale, choice: &Choice) {
    let scale = Scale {
        rounds: scale.rounds.min(ROUNDS_MAX),
        ..*scale
    };
    for (name, measure) in [
        ("stream out, install", streams as fn(&Scale)),
        ("tail", tails),
        ("purge", purges),
        ("reopen after a kill", reopens),
    ] {
        if choice.has(name) {
            measure(&scale);
        }
    }
}

/// A store with so many executed instances.
fn filled(path: &Path, instances: u64) -> Store {
    let store = Store::open(path, &options()).unwrap();
    for first in (0..instances).step_by(1000) {
        let mut txn = store.begin(TxnOptions::buffered());
        for index in first..instances.min(first + 1000) {
            txn.set_instance(&instance(index, Work::Execute)).unwrap();
        }
        txn.commit().unwrap();
    }
    store
}

/// The bare engine with the same instances.
fn filled_bare(path: &Path, instances: u64) -> Bare {
    let bare = Bare::open(path, Threads::Alike);
    let handle = bare.db.cf_handle("instance").unwrap();
    for first in (0..instances).step_by(1000) {
        let mut batch = WriteBatch::default();
        for index in first..instances.min(first + 1000) {
            let value = encode_instance(&instance(index, Work::Execute));
            batch.put_cf(handle, instance_key(id(index)), value);
        }
        bare.db.write(batch).unwrap();
    }
    bare
}

fn seconds_per_million(elapsed: Duration, instances: u64) -> f64 {
    elapsed.as_secs_f64() * 1e6 / instances as f64
}

fn streams(scale: &Scale) {
    let count = scale.instances;
    let [mut out, mut install, mut one_by_one] = [const { Vec::new() }; 3];
    for _ in 0..scale.rounds {
        let folder = folder();
        let store = filled(&folder.path().join("sender"), count);
        let mut stream = Vec::new();
        let snapshot = store.snapshot();
        let start = Instant::now();
        let report = snapshot.stream_out(&mut stream, &StreamOptions::default());
        out.push(seconds_per_million(start.elapsed(), count));
        assert_eq!(report.unwrap().instances, count);
        drop((snapshot, store));

        let receiver = Options {
            replica: ReplicaId(2),
            ..options()
        };
        let path = folder.path().join("receiver");
        let start = Instant::now();
        let mut installation = Installation::begin(&path, &receiver).unwrap();
        installation.receive(stream.as_slice()).unwrap();
        let rebuilt = installation.finish().unwrap();
        install.push(seconds_per_million(start.elapsed(), count));
        assert_eq!(rebuilt.watermarks(ME).executed_upto, Some(count - 1));
        drop(rebuilt);

        let slow = Store::open(&folder.path().join("slow"), &options()).unwrap();
        let start = Instant::now();
        for index in 0..count {
            let mut txn = slow.begin(TxnOptions::buffered());
            txn.set_instance(&instance(index, Work::Execute)).unwrap();
            txn.commit().unwrap();
        }
        slow.sync().unwrap();
        one_by_one.push(seconds_per_million(start.elapsed(), count));
    }
    print("stream out", "s per M", &out, &[], &Value::Null);
    let peer = [("one by one, not synced", one_by_one.as_slice())];
    let goal = json!({"times_the_best_peer": 5.0});
    print("install", "s per M", &install, &peer, &goal);
}

/// Reads of instances near the end, one by one.
fn tails(scale: &Scale) {
    const READS: u64 = 200_000;
    let count = scale.instances / 10;
    let index = |read: u64| count - 1 - read * 7919 % 1000;
    let [mut ours, mut peer] = [const { Vec::new() }; 2];
    for _ in 0..scale.rounds {
        let folder = folder();
        let store = filled(&folder.path().join("ours"), count);
        let engine = store.engine();
        let start = Instant::now();
        for read in 0..READS {
            let found = engine.get_instance(id(index(read))).unwrap();
            assert!(black_box(found).is_some());
        }
        ours.push(start.elapsed().as_secs_f64() * 1e6 / READS as f64);
        let bare = filled_bare(&folder.path().join("bare"), count);
        let handle = bare.db.cf_handle("instance").unwrap();
        let start = Instant::now();
        for read in 0..READS {
            let found = bare.db.get_cf(handle, instance_key(id(index(read))));
            assert!(black_box(found.unwrap()).is_some());
        }
        peer.push(start.elapsed().as_secs_f64() * 1e6 / READS as f64);
    }
    let peer = [("bare rocksdb, not decoded", peer.as_slice())];
    let name = "tail: read one of the last 1000";
    print(name, "us each", &ours, &peer, &Value::Null);
}

fn purges(scale: &Scale) {
    let count = scale.instances;
    let [mut ours, mut peer] = [const { Vec::new() }; 2];
    for _ in 0..scale.rounds {
        let folder = folder();
        let store = filled(&folder.path().join("ours"), count);
        store.gc_tick(UNIX_EPOCH).unwrap();
        let start = Instant::now();
        let report = store.gc_tick(UNIX_EPOCH + Duration::from_mins(2)).unwrap();
        ours.push(seconds_per_million(start.elapsed(), count));
        assert_eq!(report.deleted, count);
        drop(store);

        let bare = filled_bare(&folder.path().join("bare"), count);
        let handle = bare.db.cf_handle("instance").unwrap();
        let start = Instant::now();
        for first in (0..count).step_by(1000) {
            let mut batch = WriteBatch::default();
            for index in first..count.min(first + 1000) {
                batch.delete_cf(handle, instance_key(id(index)));
            }
            let options = WriteOptions::default();
            bare.db.write_opt(batch, &options).unwrap();
        }
        peer.push(seconds_per_million(start.elapsed(), count));
    }
    let peer = [("bare rocksdb, not synced", peer.as_slice())];
    print("purge", "s per M", &ours, &peer, &json!({"at_most": 1.0}));
}

/// How long it takes to open a store that was never closed.
fn reopens(scale: &Scale) {
    let count = scale.instances;
    let mut seconds = Vec::new();
    for _ in 0..scale.rounds {
        let folder = folder();
        let path = folder.path().join("killed");
        let store = filled(&path, count);
        store.sync().unwrap();
        // As a kill leaves it: the files as they are, copied while it is open.
        let copy = folder.path().join("copy");
        copy_all(&path, &copy);
        drop(store);
        let start = Instant::now();
        let store = Store::open(&copy, &options()).unwrap();
        seconds.push(seconds_per_million(start.elapsed(), count));
        assert_eq!(store.watermarks(ME).executed_upto, Some(count - 1));
    }
    print(
        "reopen after a kill",
        "s per M",
        &seconds,
        &[],
        &Value::Null,
    );
}

fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
