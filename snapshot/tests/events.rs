//! What snapshots and loads tell while nobody asks is what the README says.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "failure/output.rs"]
mod output;
mod tiny_store;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use shard_runtime::{ShardSet, ShardSetConfig};

use crate::output::{Failing, Gate, Panicking};
use crate::tiny_store::{Memory, PATIENCE, TinyStore, patient, patient_load, shard_of};

/// Longer than a busy machine takes for anything.
const LONG: Duration = Duration::from_mins(1);

/// What was counted, by its name; of histograms, how many values.
#[derive(Debug, Clone, Default)]
struct Counted(Arc<Mutex<BTreeMap<String, u64>>>);

impl Counted {
    fn look(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.0.lock().unwrap()
    }

    fn get(&self, name: &str) -> u64 {
        self.look().get(name).copied().unwrap_or(0)
    }

    /// Who waits for a snapshot may know of its end before it is counted.
    fn wait_for(&self, name: &str, count: u64) {
        let since = Instant::now();
        while self.get(name) < count {
            assert!(since.elapsed() < LONG, "{name}: {}", self.get(name));
            thread::yield_now();
        }
        assert_eq!(self.get(name), count, "{name}");
    }

    fn of(&self, key: &Key) -> Arc<One> {
        Arc::new(One {
            name: key.name().to_owned(),
            all: self.clone(),
        })
    }
}

/// One of all that is counted.
struct One {
    name: String,
    all: Counted,
}

impl CounterFn for One {
    fn increment(&self, value: u64) {
        *self.all.look().entry(self.name.clone()).or_default() += value;
    }

    fn absolute(&self, value: u64) {
        self.all.look().insert(self.name.clone(), value);
    }
}

impl HistogramFn for One {
    fn record(&self, _: f64) {
        self.increment(1);
    }
}

impl Recorder for Counted {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.of(key))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.of(key))
    }
}

fn start(keys: usize) -> ShardSet<TinyStore> {
    let shards = ShardSet::start(ShardSetConfig::default(), |_| TinyStore::default()).unwrap();
    for number in 0..keys {
        let key = format!("key {number}").into_bytes();
        let shard = shard_of(&shards, &key);
        let set = move |shard: &mut shard_runtime::Shard<TinyStore>| {
            shard.state().set(0, &key, b"value");
        };
        shards.call(shard, set).unwrap();
    }
    shards
}

/// The names in the tables of the README that count something.
fn documented() -> BTreeSet<String> {
    let readme = include_str!("../README.md");
    let rows = readme.lines().filter(|line| line.starts_with("| `"));
    let names = rows.flat_map(|row| row.split('`').skip(1).step_by(2));
    names.map(str::to_owned).collect()
}

/// One of each: completed, failed in the middle, at the start and by a panic, cancelled, ended
/// streams, loaded, not loaded. In one test, since a process has one recorder and one subscriber.
#[test]
fn what_happens_is_counted_and_told_as_documented() {
    let counted = Counted::default();
    metrics::set_global_recorder(counted.clone()).unwrap();
    let text = Memory::default();
    let writer = text.clone();
    tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .init();

    let shards = start(300);
    let saved = Memory::default();
    let completed = patient().to_writer(&shards, saved.clone()).unwrap();
    assert_eq!(completed.wait().unwrap().keys, 300);
    counted.wait_for("snapshot_publish_seconds", 1);
    let failed = patient().to_writer(&shards, Failing(0)).unwrap();
    failed.wait().unwrap_err();
    counted.wait_for("snapshot_failed_total", 1);
    let nowhere = patient().to_file(&shards, "/nowhere/at/all.rdb");
    nowhere.unwrap_err();
    counted.wait_for("snapshot_failed_total", 2);
    let crashed = patient().to_writer(&shards, Panicking).unwrap();
    crashed.wait().unwrap_err();
    counted.wait_for("snapshot_failed_total", 3);
    let (open, gate) = mpsc::channel();
    let cancelled = patient().to_writer(&shards, Gate(gate)).unwrap();
    cancelled.cancel();
    drop(open);
    cancelled.wait().unwrap_err();
    counted.wait_for("snapshot_cancelled_total", 1);
    // Streams are no snapshots.
    let streams = snapshot::Relaxed::new().cut_deadline(PATIENCE);
    let (streams, sources) = streams.start(&shards).unwrap();
    drop(sources);
    while !streams.wait_timeout(LONG) {}
    assert_eq!(counted.get("snapshot_begun_total"), 4);
    assert_eq!(counted.get("snapshot_keys_total"), 300);

    let saved = saved.take();
    let others = start(0);
    let damaged = &saved[..saved.len() - 1];
    patient_load().from_reader(damaged, &others).unwrap_err();
    let loaded = patient_load().from_reader(saved.as_slice(), &others);
    assert_eq!(loaded.unwrap().keys, 300);
    assert_eq!(counted.get("load_failed_total"), 1);
    assert_eq!(counted.get("load_keys_total"), 300);
    assert_eq!(counted.get("snapshot_cancelled_total"), 1);
    assert_eq!(counted.get("snapshot_failed_total"), 3);

    let names: BTreeSet<String> = counted.look().keys().cloned().collect();
    assert_eq!(names, documented());

    let text = String::from_utf8(text.take()).unwrap();
    let told: Vec<&str> = text.lines().collect();
    let place = |wanted: &str, from: usize| {
        let found = told[from..].iter().position(|line| line.contains(wanted));
        from + found.unwrap_or_else(|| panic!("{wanted:?} is missing: {text}"))
    };
    let begun = place("snapshot begun keys=300", 0);
    let completed = place("snapshot completed keys=300 bytes=", begun);
    let failed = place(
        "snapshot failed error=the output failed: out of paper",
        completed,
    );
    let refused = place("snapshot failed error=", failed + 1);
    assert!(told[refused].contains("/nowhere/at"), "{text}");
    place("snapshot cancelled", refused);
    let not_loaded = place("load failed error=", 0);
    place("loaded keys=300", not_loaded);
}
