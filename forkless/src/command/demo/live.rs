//! The live part: writers at work, and a snapshot taken in the middle of it.

use std::num::NonZeroU32;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use shard_runtime::{ShardSet, spawn_named};
use snapshot::{Handle, Snapshot};

use crate::arguments::Demo;
use crate::command::demo::measure::{Memory, Samples};
use crate::command::demo::store::{DemoShard, Writer, WriterLog};
use crate::command::demo::workload::Plan;
use crate::error::CommandError;
use crate::output;

/// How long the writers have the store to themselves before and after the snapshot.
const IDLE: Duration = Duration::from_millis(1500);

/// Time between two looks at the process's memory.
const MEMORY_STEP: Duration = Duration::from_millis(2);

type Shards = Arc<ShardSet<DemoShard>>;

/// What was seen while the writers were at work.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) report: snapshot::Report,
    pub(crate) samples: Samples,
    pub(crate) memory: Memory,
    /// Reads, all of which found what was written last.
    pub(crate) reads: u64,
    /// When the snapshot ran, in milliseconds since the writers started.
    pub(crate) snapshot_ms: Range<f64>,
    pub(crate) end_ms: f64,
}

/// Starts the writers, takes the snapshot in the middle of their work, and stops them.
pub(crate) fn live(
    arguments: &Demo,
    plan: Plan,
    shards: &Shards,
    path: &Path,
) -> Result<Live, CommandError> {
    let stop = Arc::new(AtomicBool::new(false));
    let writers = writers(plan, arguments.rate, shards, &stop);
    let start = Instant::now();
    let run = |(index, writer): (usize, Writer)| {
        spawn_named(&format!("writer-{index}"), move || writer.run(start))
    };
    let writers: Vec<_> = writers.into_iter().enumerate().map(run).collect();
    let mut memory = Memory::new(start);
    let taken = take(arguments, shards, path, start, &mut memory);
    // Also when the snapshot failed: the writers must not go on for ever.
    stop.store(true, Ordering::Relaxed);
    let end_ms = start.elapsed().as_secs_f64() * 1e3;
    let mut all = WriterLog::default();
    for writer in writers {
        let log = writer.join()??;
        all.samples.extend(log.samples);
        all.reads += log.reads;
        all.wrong_reads += log.wrong_reads;
    }
    let (report, snapshot_ms) = taken?;
    if all.wrong_reads > 0 {
        return Err(CommandError::WrongReads {
            reads: all.wrong_reads,
        });
    }
    let samples = Samples(all.samples);
    Ok(Live {
        report,
        samples,
        memory,
        reads: all.reads,
        snapshot_ms,
        end_ms,
    })
}

/// The writers, ready to start: what they need first must not take the cores from each other.
fn writers(
    plan: Plan,
    rate: Option<NonZeroU32>,
    shards: &Shards,
    stop: &Arc<AtomicBool>,
) -> Vec<Writer> {
    // Each writer does its part of the operations, so each waits as many times longer.
    let interval = rate.map(|rate| Duration::from_secs(plan.writers.into()) / rate.get());
    let interval = interval.unwrap_or_default();
    let writer = |index| Writer::new(shards, plan, index, interval, stop);
    (0..plan.writers).map(writer).collect()
}

/// Waits, takes the snapshot, waits again; the report, and when it was taken.
fn take(
    arguments: &Demo,
    shards: &Shards,
    path: &Path,
    start: Instant,
    memory: &mut Memory,
) -> Result<(snapshot::Report, Range<f64>), CommandError> {
    let save = |error| CommandError::save(path, error);
    let idle = |memory: &mut Memory| {
        let until = Instant::now() + IDLE;
        while Instant::now() < until {
            memory.sample(0);
            std::thread::sleep(MEMORY_STEP);
        }
    };
    idle(memory);
    let began = start.elapsed();
    let handle = Snapshot::new()
        .budget_bytes(arguments.snapshot_budget)
        .to_file(shards, path)
        .map_err(save)?;
    let report = watch(handle, memory).map_err(save)?;
    let ended = start.elapsed();
    idle(memory);
    let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
    Ok((report, ms(began)..ms(ended)))
}

fn watch(handle: Handle, memory: &mut Memory) -> Result<snapshot::Report, snapshot::SnapshotError> {
    let bar = output::bar(handle.progress().keys_total, "snapshot");
    while !handle.wait_timeout(MEMORY_STEP) {
        let progress = handle.progress();
        memory.sample(progress.budget_bytes_used);
        bar.set_position(progress.keys_done);
    }
    bar.finish_and_clear();
    handle.wait()
}
