//! HSET into a hash of a million fields while it is being saved: how long the longest write takes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use forkless::{Object, Text};
use hdrhistogram::Histogram;
use rustix::time::{ClockId, clock_gettime};
use shard_runtime::{Worker, spawn_named};
use snapshot::Snapshot;

use crate::Extent;
use crate::row::{self, Goal};
use crate::store::{self, HUGE, Shards};

/// No write may take longer, in microseconds.
const LONGEST_US: f64 = 1000.0;

/// Where the time of a write was taken.
struct Took {
    /// On the shard: finding the key, with the hook before it, and the write itself.
    on_shard: Duration,
    /// The same in time of the shard's thread: without that for which others had its core.
    of_processor: Duration,
    /// At the client: from sending to knowing.
    round_trip: Duration,
}

/// Prints what writes take without a snapshot, and while one is under way.
pub(crate) fn measure(extent: Extent) {
    let (fields, rounds) = match extent {
        Extent::Full => (1_000_000, 12),
        Extent::Quick => (50_000, 3),
    };
    let shards = store::start(1);
    store::put_huge(&shards, "hash", fields * store::VALUE_BYTES);
    let folder = store::folder();
    let path = folder.path().join("dump.rdb");
    let (mut idle, mut saving) = (Figures::default(), Figures::default());
    let mut copied = Vec::new();
    for _ in 0..rounds {
        let client = Client::start(&shards, fields);
        std::thread::sleep(Duration::from_millis(150));
        idle.add(&client.end());
        let client = Client::start(&shards, fields);
        let report = Snapshot::new()
            .to_file(&shards, &path)
            .unwrap()
            .wait()
            .unwrap();
        saving.add(&client.end());
        assert_eq!((report.keys, report.riders), (1, 1));
        copied.push(report.copied_bytes as f64 / f64::from(1 << 20));
    }
    idle.print("no snapshot", Goal::None);
    saving.print("while it is saved", Goal::AtMost(LONGEST_US));
    row::print(
        "HSET, chunks copied in one save",
        "MiB",
        &copied,
        Goal::None,
    );
}

/// Writes to random fields, one after the other, until told to end.
struct Client {
    stop: Arc<AtomicBool>,
    worker: Worker<Vec<Took>>,
}

impl Client {
    fn start(shards: &Arc<Shards>, fields: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let worker = spawn_named("client", {
            let (shards, stop) = (Arc::clone(shards), Arc::clone(&stop));
            move || write(&shards, fields, &stop)
        });
        Self { stop, worker }
    }

    fn end(self) -> Vec<Took> {
        // Relaxed: a flag that orders nothing; the thread is joined.
        self.stop.store(true, Ordering::Relaxed);
        self.worker.join().unwrap()
    }
}

fn write(shards: &Shards, fields: usize, stop: &AtomicBool) -> Vec<Took> {
    let mut took = Vec::with_capacity(1 << 20);
    let mut random = 1_u64;
    while !stop.load(Ordering::Relaxed) {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let number = usize::try_from(random >> 33).unwrap() % fields;
        let field = Text::from(&store::name(number)[..]);
        let value = store::text(number, store::VALUE_BYTES);
        let sent = Instant::now();
        let on_shard = shards.call(0, move |shard| {
            let (began, of_processor) = (Instant::now(), processor_time());
            let Some(Object::Hash(hash)) = shard.state().database(0).get_mut(HUGE) else {
                panic!("the hash is there");
            };
            hash.set(field, value);
            (
                began.elapsed(),
                processor_time().saturating_sub(of_processor),
            )
        });
        let (on_shard, of_processor) = on_shard.unwrap();
        took.push(Took {
            on_shard,
            of_processor,
            round_trip: sent.elapsed(),
        });
    }
    took
}

/// For how long the calling thread has run.
fn processor_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}

/// What the rows say of each round, in microseconds.
#[derive(Default)]
struct Figures {
    on_shard_p999: Vec<f64>,
    on_shard_longest: Vec<f64>,
    of_processor_longest: Vec<f64>,
    round_trip_p999: Vec<f64>,
    round_trip_longest: Vec<f64>,
}

impl Figures {
    fn add(&mut self, took: &[Took]) {
        let histogram = |of: fn(&Took) -> Duration| {
            let mut histogram = Histogram::<u64>::new(3).unwrap();
            for took in took {
                histogram
                    .record(u64::try_from(of(took).as_nanos()).unwrap())
                    .unwrap();
            }
            let us = |nanoseconds: u64| nanoseconds as f64 / 1e3;
            (us(histogram.value_at_quantile(0.999)), us(histogram.max()))
        };
        let (p999, longest) = histogram(|took| took.on_shard);
        self.on_shard_p999.push(p999);
        self.on_shard_longest.push(longest);
        let (_, longest) = histogram(|took| took.of_processor);
        self.of_processor_longest.push(longest);
        let (p999, longest) = histogram(|took| took.round_trip);
        self.round_trip_p999.push(p999);
        self.round_trip_longest.push(longest);
    }

    fn print(&self, when: &str, goal: Goal) {
        let rows = [
            ("on the shard, p99.9", &self.on_shard_p999, Goal::None),
            ("on the shard, longest", &self.on_shard_longest, goal),
            (
                "on the shard, longest, processor time",
                &self.of_processor_longest,
                goal,
            ),
            ("round trip, p99.9", &self.round_trip_p999, Goal::None),
            ("round trip, longest", &self.round_trip_longest, Goal::None),
        ];
        for (what, figures, goal) in rows {
            row::print(&format!("HSET, {when}, {what}"), "us", figures, goal);
        }
    }
}
