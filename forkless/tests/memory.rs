//! Saving one huge value takes no more memory than the budget, however much it is written to.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../benches/figures/change.rs"]
mod change;
#[path = "../benches/figures/resident.rs"]
mod resident;
#[expect(dead_code, reason = "the bench fills more than this needs")]
#[path = "../benches/figures/store.rs"]
mod store;

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rdb_format::Target;
use shard_runtime::spawn_named;
use snapshot::{Report, Snapshot};

const BUDGET_BYTES: usize = 4 << 20;
const DATA_BYTES: usize = 40 << 20;

/// What buffers, and pieces that the allocator hands out, may take beside.
const SLACK_BYTES: usize = 8 << 20;

/// How often the value is written to while it is saved, at most: about once for each of its chunks.
/// A view keeps what leaves the value meanwhile, so what comes in its place takes memory too.
const CHANGES_MAX: usize = (3 << 20) / store::VALUE_BYTES;

/// Longer than a busy machine keeps anything waiting that works.
const PATIENCE: Duration = Duration::from_mins(10);

/// Longer than it takes until the value is written to, unless that waits for the disk.
const LONG: Duration = Duration::from_mins(1);

/// A disk so slow that there is time to write to every chunk of the value.
struct Slow {
    /// Gone when the disk may begin.
    begin: mpsc::Receiver<()>,
}

impl Write for Slow {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begin.recv().ok();
        std::thread::sleep(Duration::from_millis(2));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Waits until the value has been written to so many times more, or `is_enough` says so.
fn await_changes(changes: &AtomicUsize, more: usize, is_enough: impl Fn() -> bool) {
    // Relaxed: a count that orders nothing.
    let all = changes.load(Ordering::Relaxed) + more;
    while changes.load(Ordering::Relaxed) < all && !is_enough() {
        std::thread::yield_now();
    }
}

/// Saves one value of this kind while it is written to: the report, and by how much the process
/// grew meanwhile, in bytes.
fn save(kind: &str) -> (Report, usize) {
    let shards = store::start(2);
    let elements = store::put_huge(&shards, kind, DATA_BYTES);
    let stop = Arc::new(AtomicBool::new(false));
    let changes = Arc::new(AtomicUsize::new(0));
    let changes_max = Arc::new(AtomicUsize::new(usize::MAX));
    let writer = spawn_named("writer", {
        let (shards, stop) = (Arc::clone(&shards), Arc::clone(&stop));
        let (changes, changes_max) = (Arc::clone(&changes), Arc::clone(&changes_max));
        move || {
            let mut number = 0;
            // Relaxed: a flag that orders nothing; the thread is joined.
            while !stop.load(Ordering::Relaxed) {
                if changes.load(Ordering::Relaxed) >= changes_max.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                    continue;
                }
                // A prime, so that one chunk after another is written to.
                number = (number + 7919) % elements.max(1);
                change::huge(&shards, number);
                changes.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    // What the writer takes at first is not the snapshot's.
    await_changes(&changes, 200, || false);
    let made = changes.load(Ordering::Relaxed);
    changes_max.store(made + CHANGES_MAX, Ordering::Relaxed);
    let before = resident::begin();
    // Older servers could not be told of entries that a stream once had.
    let snapshot = Snapshot::new()
        .target(Target::Redis72)
        .cut_deadline(PATIENCE)
        .stall_deadline(PATIENCE)
        .budget_bytes(BUDGET_BYTES);
    let (hold, begin) = mpsc::channel();
    let handle = snapshot.to_writer(&shards, Slow { begin }).unwrap();
    // However busy the machine is, nothing of the value is encoded before it is written to. Who
    // writes to it may soon wait for the disk.
    let since = Instant::now();
    await_changes(&changes, 10, || {
        handle.progress().copied_bytes > 0 || since.elapsed() > LONG
    });
    drop(hold);
    let report = handle.wait().unwrap();
    let most = resident::most_bytes();
    stop.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    (report, most.saturating_sub(before))
}

#[test]
fn huge_values_are_saved_within_the_budget_while_they_are_written_to() {
    for kind in ["string", "list", "set", "hash", "sorted-set", "stream"] {
        let (report, grown) = save(kind);
        assert_eq!(report.riders, 1, "{kind}");
        let bound = BUDGET_BYTES + SLACK_BYTES;
        assert!(grown <= bound, "{kind}: {grown} bytes, not {bound}");
        assert!(
            report.copied_bytes_high_water <= BUDGET_BYTES + (1 << 20),
            "{kind}"
        );
        let is_copied = report.copied_bytes > 0;
        assert_eq!(
            is_copied,
            kind != "string",
            "{kind}: {} bytes",
            report.copied_bytes
        );
    }
}
