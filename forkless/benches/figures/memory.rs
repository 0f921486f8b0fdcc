//! What memory a snapshot takes beyond the data, in a process of its own for each row.

use std::env;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use forkless::Object;
use rdb_format::Target;
use shard_runtime::spawn_named;
use snapshot::{Key, Snapshot, shard_hash};

use crate::row::{self, Goal};
use crate::store::{self, Shards};
use crate::{Extent, change, resident};

/// The first argument of a process that measures one row.
pub(crate) const CHILD: &str = "measure-memory";

/// Kinds of data: many strings, and one value alone.
pub(crate) const KINDS: [&str; 7] = [
    "strings",
    "string",
    "list",
    "set",
    "hash",
    "sorted-set",
    "stream",
];

const MIB: usize = 1 << 20;

/// How long writers run before the snapshot, so that what they cost the allocator is there already.
const WARM: Duration = Duration::from_secs(2);

/// Prints what saving data of this kind takes with each budget, under full write load.
pub(crate) fn measure(kind: &str, extent: Extent) {
    let mib = match (kind, extent) {
        ("strings", Extent::Full) => 4096,
        (_, Extent::Full) => 1024,
        (_, Extent::Quick) => 64,
    };
    for budget_mib in [64_u16, 16] {
        let child = Command::new(env::current_exe().unwrap())
            .args([CHILD, kind])
            .args([mib * MIB, usize::from(budget_mib) * MIB].map(|bytes| bytes.to_string()))
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(child.status.success(), "{kind} failed");
        let said = String::from_utf8(child.stdout).unwrap();
        let (grown, without) = said.trim().split_once(' ').unwrap();
        let what = match kind {
            "strings" => "strings of 1 KiB".to_owned(),
            kind => format!("one {kind}"),
        };
        let name = format!("memory, {mib} MiB of {what}, budget {budget_mib} MiB");
        let goal = Goal::AtMost(f64::from(budget_mib));
        row::print(&name, "MiB", &[grown.parse().unwrap()], goal);
        let name = format!("{name}, the same writes without a snapshot");
        row::print(&name, "MiB", &[without.parse().unwrap()], Goal::None);
    }
}

/// Builds the data, saves it while writers run, and prints how many MiB the process grew by at
/// most since just before the snapshot.
pub(crate) fn run_child(kind: &str, data_bytes: usize, budget_bytes: usize) {
    let shards = store::start(2);
    let elements = if kind == "strings" {
        store::fill(&shards, data_bytes, 1024)
    } else {
        store::put_huge(&shards, kind, data_bytes)
    };
    let stop = Arc::new(AtomicBool::new(false));
    let writers = [1_u64, 2].map(|seed| {
        let (shards, stop) = (Arc::clone(&shards), Arc::clone(&stop));
        let is_huge = kind != "strings";
        spawn_named("writer", move || {
            let mut random = seed;
            // Relaxed: a flag that orders nothing; the thread is joined.
            while !stop.load(Ordering::Relaxed) {
                random = random
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(seed);
                let number = usize::try_from(random >> 33).unwrap() % elements.max(1);
                if is_huge {
                    change::huge(&shards, number);
                } else {
                    overwrite(&shards, number);
                }
            }
        })
    });
    std::thread::sleep(WARM);
    let folder = store::folder();
    // As long without a snapshot: what the writers make the allocator take is not its fault.
    let before = resident::begin();
    std::thread::sleep(WARM);
    let without = resident::most_bytes().saturating_sub(before);
    let before = resident::begin();
    // Older servers could not be told of entries that a stream once had.
    let snapshot = Snapshot::new()
        .target(Target::Redis72)
        .budget_bytes(budget_bytes);
    let handle = snapshot
        .to_file(&shards, folder.path().join("dump.rdb"))
        .unwrap();
    let report = handle.wait().unwrap();
    let most = resident::most_bytes();
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.join().unwrap();
    }
    eprint_report(kind, &report);
    let grown = [most.saturating_sub(before), without];
    println!(
        "{} {}",
        grown[0] as f64 / MIB as f64,
        grown[1] as f64 / MIB as f64
    );
}

#[expect(
    clippy::print_stderr,
    reason = "what stands behind the figure is for whoever looks on"
)]
fn eprint_report(kind: &str, report: &snapshot::Report) {
    eprintln!(
        "{kind}: {} MiB in {:?}, {} MiB on their way at most, {} MiB copied, {} MiB of it at once",
        report.bytes >> 20,
        report.duration,
        report.budget_bytes_used >> 20,
        report.copied_bytes >> 20,
        report.copied_bytes_high_water >> 20,
    );
}

/// Overwrites one of many strings. As in [`store::fill`], its shard makes the value.
fn overwrite(shards: &Shards, number: usize) {
    let key = store::name(number);
    let shard = shards.shard_of(shard_hash(&key));
    let write = shards.call(shard, move |shard| {
        let value = Object::String(store::text(number, 1024));
        shard.state().database(0).insert(Key::from(&key[..]), value);
    });
    write.unwrap();
}
