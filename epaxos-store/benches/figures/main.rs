//! What a replica does all day, in turns with the bare `rocksdb` crate doing the same writes: one
//! row of JSON per figure on stdout. Less is better in all of them.
//!
//! `cargo bench -p epaxos-store --bench figures`; `-- --quick` with a tenth of the data. The
//! words after the options choose rows. `EPAXOS_STORE_BENCH_DIR` chooses the disk; otherwise the
//! build directory's is measured.
//!
//! The peer writes the same keys and values in the same batches, with the same options of the
//! engine, through `DB::write_opt`: no locks, no checks, no encoding.

#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first failure")]
#![expect(
    clippy::cast_precision_loss,
    reason = "figures have fewer digits than a float"
)]

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use epaxos_store::{
    Ballot, Command, Dependency, Installation, Instance, InstanceId, Options, ReplicaId, Store,
    StreamOptions, TxnOptions, encode_instance, instance_key,
};
use rocksdb::{ColumnFamilyDescriptor, DB, WriteBatch, WriteOptions};
use serde_json::{Value, json};
use tempfile::TempDir;

const ME: ReplicaId = ReplicaId(1);
/// Bytes of the value that an instance sets.
const VALUE_BYTES: usize = 128;

/// How much is measured.
struct Scale {
    rounds: usize,
    /// Transactions of one thread alone; more threads do more.
    transactions: u64,
    /// Instances that are purged, streamed and installed.
    instances: u64,
}

/// Figures of all rounds: each a list, in the unit of its row.
#[derive(Default)]
struct Figures {
    mean_us: Vec<f64>,
    p50_us: Vec<f64>,
    p99_us: Vec<f64>,
    written_ratio: Vec<f64>,
}

/// What is done to an instance.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Work {
    /// A new instance.
    Propose,
    /// A vote on an instance that is there.
    Accept,
    /// Its command's effect, and that it is executed.
    Execute,
}

fn id(index: u64) -> InstanceId {
    InstanceId { replica: ME, index }
}

fn ballot(number: i32) -> Ballot {
    Ballot {
        number,
        replica: ME,
    }
}

fn key(index: u64) -> Vec<u8> {
    // Spread out, as users' keys are.
    let spread = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    spread.to_be_bytes().to_vec()
}

fn instance(index: u64, work: Work) -> Instance {
    Instance {
        commands: vec![Command::Set {
            key: key(index),
            value: vec![b'v'; VALUE_BYTES],
        }],
        dependencies: Some(vec![Dependency {
            id: id(index / 2),
            sequence: 1,
        }]),
        vote_ballot: (work != Work::Propose).then(|| ballot(1)),
        committed: work == Work::Execute,
        executed: work == Work::Execute,
        ..Instance::promised(id(index), ballot(1))
    }
}

fn options() -> Options {
    Options {
        retention: Duration::ZERO,
        clock_step_max: Duration::from_hours(24),
        purge_instances_max: u64::MAX,
        ..Options::new(ME)
    }
}

/// A folder on the disk that is measured.
fn folder() -> TempDir {
    let chosen = std::env::var_os("EPAXOS_STORE_BENCH_DIR").map(PathBuf::from);
    let folder = chosen.unwrap_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")));
    tempfile::tempdir_in(folder).unwrap()
}

/// The bare engine, opened as the store opens its own.
fn bare(path: &Path) -> DB {
    let mut engine = rocksdb::Options::default();
    engine.create_if_missing(true);
    engine.create_missing_column_families(true);
    engine.set_max_background_jobs(4);
    engine.set_bytes_per_sync(1 << 20);
    let family = || {
        let mut family = rocksdb::Options::default();
        family.set_write_buffer_size(64 << 20);
        family.set_compression_type(rocksdb::DBCompressionType::Lz4);
        family
    };
    let families = ["record", "instance"].map(|name| ColumnFamilyDescriptor::new(name, family()));
    DB::open_cf_descriptors(&engine, path, families).unwrap()
}

/// Bytes that this process has handed to disks.
fn bytes_written() -> u64 {
    let io = std::fs::read_to_string("/proc/self/io").unwrap();
    let line = io.lines().find(|line| line.starts_with("write_bytes:"));
    line.unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap()
}

/// Runs `count` calls of `work` on so many threads, and takes the time of each.
fn timed(writers: u64, first: u64, count: u64, work: impl Fn(u64) + Sync, figures: &mut Figures) {
    let next = AtomicU64::new(first);
    let written = bytes_written();
    let start = Instant::now();
    let mut times = thread::scope(|scope| {
        let writers = (0..writers).map(|_| {
            thread::Builder::new()
                .spawn_scoped(scope, || {
                    let mut times = Vec::new();
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        if index >= first + count {
                            return times;
                        }
                        let start = Instant::now();
                        work(index);
                        times.push(start.elapsed().as_secs_f64() * 1e6);
                    }
                })
                .unwrap()
        });
        let writers = writers.collect::<Vec<_>>();
        let times = writers.into_iter().map(|writer| writer.join().unwrap());
        times.flatten().collect::<Vec<_>>()
    });
    let elapsed = start.elapsed().as_secs_f64();
    times.sort_by(f64::total_cmp);
    figures.mean_us.push(elapsed * 1e6 / count as f64);
    figures.p50_us.push(times[times.len() / 2]);
    figures.p99_us.push(times[times.len() * 99 / 100]);
    let logged = count * encode_instance(&instance(first, Work::Propose)).len() as u64;
    figures
        .written_ratio
        .push((bytes_written() - written) as f64 / logged as f64);
}

fn do_ours(store: &Store, index: u64, work: Work) {
    let instance = instance(index, work);
    let mut txn = store.begin(TxnOptions::default());
    match work {
        Work::Propose => txn.set_instance(&instance).unwrap(),
        Work::Accept => txn.update_instance(&instance).unwrap(),
        Work::Execute => {
            let [Command::Set { key, value }] = instance.commands.as_slice() else {
                unreachable!("one command");
            };
            txn.get_kv_for_update(key).unwrap();
            txn.set_kv(key, value).unwrap();
            txn.update_instance(&instance).unwrap();
        }
    }
    txn.commit().unwrap();
}

fn do_bare(db: &DB, index: u64, work: Work) {
    let instance = instance(index, work);
    let mut batch = WriteBatch::default();
    let handle = db.cf_handle("instance").unwrap();
    let value = encode_instance(&instance);
    batch.put_cf(handle, instance_key(instance.id), value);
    if work == Work::Execute {
        let handle = db.cf_handle("record").unwrap();
        batch.put_cf(handle, key(index), vec![b'v'; VALUE_BYTES + 8]);
    }
    let mut synced = WriteOptions::default();
    synced.set_sync(true);
    db.write_opt(batch, &synced).unwrap();
}

/// Proposals, then votes, then executions, of the same instances, each synced.
fn transactions(scale: &Scale, writers: u64, is_wanted: &dyn Fn(&str) -> bool) {
    let name = |work: Work, what: &str| format!("{work:?}, synced, {writers} writers{what}");
    let works = [Work::Propose, Work::Accept, Work::Execute];
    if !works.iter().any(|work| is_wanted(&name(*work, ""))) {
        return;
    }
    let count =
        scale.transactions * [1, 3, 10][usize::from(writers > 1) + usize::from(writers > 8)];
    let mut ours = works.map(|_| Figures::default());
    let mut peer = works.map(|_| Figures::default());
    for round in 0..scale.rounds {
        let mut turns = [true, false];
        if round % 2 == 1 {
            turns.reverse();
        }
        for is_ours in turns {
            let folder = folder();
            if is_ours {
                let store = Store::open(folder.path(), &options()).unwrap();
                for (work, figures) in works.into_iter().zip(&mut ours) {
                    timed(
                        writers,
                        0,
                        count,
                        |index| do_ours(&store, index, work),
                        figures,
                    );
                }
            } else {
                let db = bare(folder.path());
                for (work, figures) in works.into_iter().zip(&mut peer) {
                    timed(
                        writers,
                        0,
                        count,
                        |index| do_bare(&db, index, work),
                        figures,
                    );
                }
            }
        }
    }
    for ((work, ours), peer) in works.into_iter().zip(ours).zip(peer) {
        let goal = if writers == 64 {
            json!({"times_the_best_peer": 0.9})
        } else {
            Value::Null
        };
        let rows = [
            ("", "us each", ours.mean_us, peer.mean_us, goal),
            (", p50", "us", ours.p50_us, peer.p50_us, Value::Null),
            (", p99", "us", ours.p99_us, peer.p99_us, Value::Null),
            (
                ", bytes written",
                "per byte",
                ours.written_ratio,
                peer.written_ratio,
                Value::Null,
            ),
        ];
        for (what, unit, ours, peer, goal) in rows {
            let peers = [json!({"name": "bare rocksdb", "figure": peer})];
            print(&name(work, what), unit, &ours, &peers, &goal);
        }
    }
}

/// A store with so many executed instances and their keys.
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

fn per_million(elapsed: Duration, instances: u64) -> f64 {
    elapsed.as_secs_f64() * 1e6 / instances as f64
}

/// Streaming out, installing, writing one by one, reading the tail, purging, reopening.
fn whole_stores(scale: &Scale) {
    let count = scale.instances;
    let [mut out, mut install, mut one_by_one] = [const { Vec::new() }; 3];
    let [mut tail, mut bare_tail, mut purge, mut reopen] = [const { Vec::new() }; 4];
    for _ in 0..scale.rounds.min(3) {
        let folder = folder();
        let store = filled(&folder.path().join("sender"), count);
        let mut stream = Vec::new();
        let start = Instant::now();
        let report = store
            .snapshot()
            .stream_out(&mut stream, &StreamOptions::default());
        out.push(per_million(start.elapsed(), count));
        assert_eq!(report.unwrap().instances, count);

        let receiver = Options {
            replica: ReplicaId(2),
            ..options()
        };
        let path = folder.path().join("receiver");
        let start = Instant::now();
        let mut installation = Installation::begin(&path, &receiver).unwrap();
        installation.receive(stream.as_slice()).unwrap();
        let rebuilt = installation.finish().unwrap();
        install.push(per_million(start.elapsed(), count));
        assert_eq!(rebuilt.watermarks(ME).executed_upto, Some(count - 1));
        drop(rebuilt);

        let slow = Store::open(&folder.path().join("slow"), &options()).unwrap();
        let some = count / 10;
        let start = Instant::now();
        for index in 0..some {
            let mut txn = slow.begin(TxnOptions::buffered());
            txn.set_instance(&instance(index, Work::Execute)).unwrap();
            txn.commit().unwrap();
        }
        slow.sync().unwrap();
        one_by_one.push(per_million(start.elapsed(), some));
        drop(slow);

        tails(
            &store,
            &folder.path().join("bare"),
            count,
            &mut tail,
            &mut bare_tail,
        );
        reopen.push(killed_and_reopened(&folder.path().join("killed"), count));

        store.gc_tick(UNIX_EPOCH).unwrap();
        let start = Instant::now();
        let report = store.gc_tick(UNIX_EPOCH + Duration::from_mins(2)).unwrap();
        purge.push(per_million(start.elapsed(), count));
        assert_eq!(report.deleted, count);
    }
    print("stream out", "s per M", &out, &[], &Value::Null);
    let peer = [json!({"name": "one by one", "figure": one_by_one})];
    print(
        "install",
        "s per M",
        &install,
        &peer,
        &json!({"times_the_best_peer": 5.0}),
    );
    let peer = [json!({"name": "bare rocksdb", "figure": bare_tail})];
    print(
        "read one of the last 1000",
        "us each",
        &tail,
        &peer,
        &Value::Null,
    );
    print("purge", "s per M", &purge, &[], &json!({"at_most": 1.0}));
    print("reopen after a kill", "s", &reopen, &[], &Value::Null);
}

/// Reads of instances near the end, one by one.
fn tails(store: &Store, path: &Path, count: u64, ours: &mut Vec<f64>, peer: &mut Vec<f64>) {
    const READS: u64 = 20_000;
    let index = |read: u64| count - 1 - read * 7919 % 1000;
    let engine = store.engine();
    let start = Instant::now();
    for read in 0..READS {
        assert!(
            black_box(engine.get_instance(id(index(read))))
                .unwrap()
                .is_some()
        );
    }
    ours.push(start.elapsed().as_secs_f64() * 1e6 / READS as f64);
    let db = bare(path);
    let handle = db.cf_handle("instance").unwrap();
    for index in count - 1000..count {
        let value = encode_instance(&instance(index, Work::Execute));
        db.put_cf(handle, instance_key(id(index)), value).unwrap();
    }
    let start = Instant::now();
    for read in 0..READS {
        let key = instance_key(id(index(read)));
        assert!(black_box(db.get_cf(handle, key)).unwrap().is_some());
    }
    peer.push(start.elapsed().as_secs_f64() * 1e6 / READS as f64);
}

/// How long it takes to open a store that was never closed, in seconds.
fn killed_and_reopened(path: &Path, count: u64) -> f64 {
    let store = filled(path, count);
    store.sync().unwrap();
    // As a kill leaves it: the files as they are, copied while it is open.
    let copy = path.with_extension("copy");
    copy_all(path, &copy);
    drop(store);
    let start = Instant::now();
    let store = Store::open(&copy, &options()).unwrap();
    let elapsed = start.elapsed().as_secs_f64();
    assert_eq!(store.watermarks(ME).executed_upto, Some(count - 1));
    elapsed
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

#[expect(clippy::print_stdout, reason = "the rows are what this program is for")]
fn print(name: &str, unit: &str, ours: &[f64], peers: &[Value], goal: &Value) {
    let mut row = json!({"name": name, "unit": unit, "ours": ours, "peers": peers});
    if !goal.is_null() {
        row["goal"] = goal.clone();
    }
    println!("{row}");
}

fn main() {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    let is_quick = arguments.iter().any(|argument| argument == "--quick");
    let words = arguments
        .iter()
        .filter(|argument| !argument.starts_with('-'));
    let words = Arc::new(words.cloned().collect::<Vec<_>>());
    let is_wanted =
        |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    let scale = if is_quick {
        Scale {
            rounds: 3,
            transactions: 500,
            instances: 100_000,
        }
    } else {
        Scale {
            rounds: 5,
            transactions: 5000,
            instances: 1_000_000,
        }
    };
    for writers in [64, 8, 1] {
        transactions(&scale, writers, &is_wanted);
    }
    if is_wanted("stores") {
        whole_stores(&scale);
    }
}
