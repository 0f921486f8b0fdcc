//! Those who take snapshots, and hold each to what it has promised.

use std::fs;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake};
use std::time::Duration;

use aligned_io::{BackendChoice, Direct, FileSet, WriterOptions};
use shard_runtime::{ShardError, SimulationHandle};
use snapshot::{Handle, Phase, Report, Snapshot, SnapshotError, WhenSpent};

use crate::clients::{PATIENCE, Shape, Shards, below, pick};
use crate::output::{Fault, Output};
use crate::proof::{self, Proof};
use crate::store::Ledger;

/// How long a write of the output may take; slow ones take less.
const STALL: Duration = Duration::from_millis(20);

/// A failed snapshot is over within 50 ms; and the clock moves with every step.
const END: Duration = Duration::from_millis(60);

/// Where a snapshot goes.
#[derive(Debug)]
enum Target {
    /// One stream for all shards, or one for each.
    Streams(Vec<Output>),
    /// A file.
    File(PathBuf),
    /// A set of files.
    Files(PathBuf),
}

/// When a snapshot is cancelled.
#[derive(Debug, Clone, Copy)]
enum Cancel {
    Never,
    After(Duration),
    /// When all keys are written.
    WhenWritten,
}

/// One snapshot as it is planned.
#[derive(Debug)]
pub(crate) struct Plan {
    budget_bytes: usize,
    when_spent: WhenSpent,
    deadline: Option<Duration>,
    pace_bytes_per_s: u64,
    cut_deadline: Duration,
    cancel: Cancel,
    awaited: bool,
    target: Target,
}

impl Plan {
    /// As the seed decides; into files where there is a folder.
    pub(crate) fn of_seed(sim: SimulationHandle, shards: usize, folder: Option<&Path>) -> Self {
        let cancel = match sim.below(8) {
            0 => Cancel::After(Duration::from_micros(sim.below(1000))),
            1 => Cancel::WhenWritten,
            _ => Cancel::Never,
        };
        let target = match folder {
            Some(folder) => {
                let path = folder.join(format!("{:x}", sim.random()));
                if sim.below(2) == 0 {
                    Target::File(path)
                } else {
                    Target::Files(path)
                }
            }
            None => Target::Streams(outputs(sim, pick(sim, &[1, 1, shards]))),
        };
        Self {
            budget_bytes: pick(sim, &[256, 4 << 10, 32 << 10, 1 << 20]),
            when_spent: pick(sim, &[WhenSpent::Wait, WhenSpent::Wait, WhenSpent::Fail]),
            deadline: pick(sim, &[None, None, Some(Duration::from_micros(300))]),
            pace_bytes_per_s: pick(sim, &[0, 0, 0, 1 << 20]),
            cut_deadline: pick(sim, &[PATIENCE, PATIENCE, Duration::from_micros(100)]),
            cancel,
            awaited: sim.below(4) == 0,
            target,
        }
    }

    /// One that nothing stands against.
    pub(crate) fn sound(sim: SimulationHandle) -> Self {
        Self {
            budget_bytes: 1 << 20,
            when_spent: WhenSpent::Wait,
            deadline: None,
            pace_bytes_per_s: 0,
            cut_deadline: PATIENCE,
            cancel: Cancel::Never,
            awaited: false,
            target: Target::Streams(vec![Output::new(Fault::None, sim)]),
        }
    }

    fn sinks(&self, shards: usize) -> usize {
        match &self.target {
            Target::Streams(outputs) => outputs.len(),
            Target::File(_) => 1,
            Target::Files(_) => shards,
        }
    }

    /// The most that the snapshot's riders may keep alive, in bytes.
    pub(crate) fn frozen_bytes_max(&self, shards: usize, shape: Shape) -> usize {
        let sinks = self.sinks(shards);
        let message = message_bytes_max(shape);
        // In the channels; where a shard fills a blob; where a sink holds a cancelled one.
        sinks * message.max(self.budget_bytes / sinks) + (shards + sinks) * message
    }

    fn configure(&self, base: Snapshot) -> Snapshot {
        let snapshot = base
            .budget_bytes(self.budget_bytes)
            .when_spent(self.when_spent)
            .pace_bytes_per_s(self.pace_bytes_per_s)
            .stall_deadline(STALL)
            .cut_deadline(self.cut_deadline)
            .file_options(WriterOptions {
                block_bytes: 4096,
                depth: 1,
                backend: BackendChoice::Pwrite,
                direct: Direct::Never,
                ..WriterOptions::default()
            });
        match self.deadline {
            Some(deadline) => snapshot.deadline(deadline),
            None => snapshot,
        }
    }

    fn start(&self, shards: &Shards, snapshot: Snapshot) -> Result<Handle, SnapshotError> {
        match &self.target {
            Target::Streams(outputs) if outputs.len() == 1 => {
                snapshot.to_writer(shards, outputs[0].clone())
            }
            Target::Streams(outputs) => snapshot.to_writers(shards, |shard| outputs[shard].clone()),
            Target::File(path) => snapshot.to_file(shards, path),
            Target::Files(path) => snapshot.to_files(shards, path),
        }
    }

    /// Whether `error` is one that this plan can lead to.
    fn explains(&self, error: &SnapshotError, shape: Shape) -> bool {
        let fired = |wanted: fn(Fault) -> bool| match &self.target {
            Target::Streams(outputs) => outputs.iter().any(|output| {
                wanted(output.fault()) && output.look(|became| became.fired_at.is_some())
            }),
            Target::File(_) | Target::Files(_) => false,
        };
        match error {
            SnapshotError::Cancelled => !matches!(self.cancel, Cancel::Never),
            SnapshotError::Output { source } => {
                source.raw_os_error() == Some(28)
                    && fired(|fault| matches!(fault, Fault::Full(_) | Fault::FlushFails))
            }
            SnapshotError::SinkStalled { stall } => {
                *stall == STALL
                    && fired(|fault| matches!(fault, Fault::Hang(_) | Fault::FlushHangs))
            }
            SnapshotError::Sink { .. } => fired(|fault| matches!(fault, Fault::Panic(_))),
            SnapshotError::DeadlineExceeded { deadline } => self.deadline == Some(*deadline),
            SnapshotError::BudgetSpent => self.when_spent == WhenSpent::Fail,
            SnapshotError::Cut { source } => {
                let late = matches!(
                    source,
                    ShardError::CutTimedOut { .. } | ShardError::CutOverdue { .. }
                );
                self.cut_deadline < PATIENCE && late
            }
            SnapshotError::Encode { .. } => shape.refusing,
            _ => false,
        }
    }

    /// Whether there is a file under the final name.
    fn is_visible(&self) -> bool {
        match &self.target {
            Target::Streams(_) => false,
            Target::File(path) => path.exists(),
            Target::Files(path) => FileSet::open(path).is_ok(),
        }
    }

    /// Proves what was written, in one stream or in one for each shard.
    fn prove(&self, shards: &Shards, report: &Report, ledger: &Ledger) -> Proof {
        let streams = match &self.target {
            Target::Streams(outputs) => outputs
                .iter()
                .map(|output| output.look(|became| became.bytes.clone()))
                .collect(),
            Target::File(path) => vec![fs::read(path).unwrap()],
            Target::Files(path) => {
                let set = FileSet::open(path).unwrap();
                let read = |(_, path): (&_, PathBuf)| fs::read(path).unwrap();
                set.members().map(read).collect::<Vec<_>>()
            }
        };
        proof::of_streams(&streams, shards.len(), report, ledger)
    }

    /// Whether a sink has written when its snapshot was over.
    pub(crate) fn has_written_after(&self) -> bool {
        match &self.target {
            Target::Streams(outputs) => outputs
                .iter()
                .any(|output| output.look(|became| became.written_after)),
            Target::File(_) | Target::Files(_) => false,
        }
    }

    /// Whether an output had said what was wrong with it well before the snapshot was cancelled.
    fn failed_before(&self, cancelled: Duration) -> bool {
        let Target::Streams(outputs) = &self.target else {
            return false;
        };
        let fails = |output: &&Output| matches!(output.fault(), Fault::Full(_) | Fault::FlushFails);
        let fired_at = |output: &Output| output.look(|became| became.fired_at);
        let mut failed = outputs.iter().filter(fails).filter_map(fired_at);
        failed.any(|at| at + Duration::from_micros(200) < cancelled)
    }

    /// When at the latest it has to be over, for what it has told or met.
    fn end_at_most(&self, started: Duration, cancelled: Option<Duration>) -> Option<Duration> {
        let hangs = match &self.target {
            Target::Streams(outputs) => outputs
                .iter()
                .filter(|output| matches!(output.fault(), Fault::Hang(_) | Fault::FlushHangs))
                .filter_map(|output| output.look(|became| became.fired_at))
                .map(|at| at + STALL)
                .min(),
            Target::File(_) | Target::Files(_) => None,
        };
        let deadline = self.deadline.map(|deadline| started + deadline);
        let ends = [hangs, deadline, cancelled];
        ends.into_iter().flatten().min().map(|end| end + END)
    }
}

/// The most that one message holds: an overfull blob, the bucket that filled it, and the spare
/// room of its buffer.
fn message_bytes_max(shape: Shape) -> usize {
    let entry = 40 + usize::try_from(shape.padding_bytes_max).unwrap();
    2 * ((384 << 10) / 256 + 2 * entry)
}

fn outputs(sim: SimulationHandle, sinks: usize) -> Vec<Output> {
    let faulty = below(sim, sinks);
    let output = |sink| {
        let from = below(sim, 4000);
        let fault = match sim.below(14) {
            _ if sink != faulty => pick(sim, &[Fault::None, Fault::Slow]),
            0 => Fault::Full(from),
            1 => Fault::FlushFails,
            2 => Fault::Hang(from),
            3 => Fault::FlushHangs,
            4 => Fault::Panic(from),
            5 => Fault::Short,
            6..9 => Fault::Slow,
            _ => Fault::None,
        };
        Output::new(fault, sim)
    };
    (0..sinks).map(output).collect()
}

/// Takes a snapshot as planned, from `base`; what came of it.
///
/// # Panics
///
/// When it breaks a promise.
pub(crate) fn take(
    sim: SimulationHandle,
    shards: &Shards,
    (plan, base): (&Plan, Snapshot),
    (ledger, shape): (&Ledger, Shape),
) -> Proof {
    let handle = match plan.start(shards, plan.configure(base)) {
        Ok(handle) => handle,
        Err(error) => {
            assert!(
                plan.explains(&error, shape),
                "no reason: {error:?}, {plan:?}"
            );
            return Proof::of_error(&error);
        }
    };
    // The deadline begins with the cut, for which a shard may have waited long.
    let started = sim.elapsed();
    let cancelled = cancel(sim, &handle, plan.cancel);
    let outcome = wait(sim, handle, plan.awaited);
    let ended = sim.elapsed();
    if let Target::Streams(outputs) = &plan.target {
        outputs.iter().for_each(Output::over);
    }
    if let Some(at_most) = plan.end_at_most(started, cancelled.map(|(at, _)| at)) {
        assert!(
            ended <= at_most,
            "over at {ended:?}, not {at_most:?}: {plan:?}"
        );
    }
    match outcome {
        Err(error) => {
            assert!(
                plan.explains(&error, shape),
                "no reason: {error:?}, {plan:?}"
            );
            if let (SnapshotError::Cancelled, Some((at, _))) = (&error, cancelled) {
                assert!(!plan.failed_before(at), "not the first cause: {plan:?}");
            }
            assert!(
                !plan.is_visible(),
                "a failed snapshot has left a file: {plan:?}"
            );
            Proof::of_error(&error)
        }
        Ok(report) => {
            if let Some((_, phase)) = cancelled {
                assert!(phase >= Phase::Publishing, "cancelled, and done: {plan:?}");
            }
            let sinks = plan.sinks(shards.len());
            let most = sinks * message_bytes_max(shape).max(plan.budget_bytes / sinks);
            assert!(report.budget_bytes_used <= most, "{report:?}, {plan:?}");
            plan.prove(shards, &report, ledger)
        }
    }
}

/// Cancels as planned: when it was, and how far the snapshot was right after that.
fn cancel(sim: SimulationHandle, handle: &Handle, cancel: Cancel) -> Option<(Duration, Phase)> {
    match cancel {
        Cancel::Never => return None,
        Cancel::After(time) => sim.sleep(time),
        Cancel::WhenWritten => {
            let written = || {
                let progress = handle.progress();
                progress.phase == Phase::Over || progress.keys_done == progress.keys_total
            };
            while !written() {
                sim.sleep(Duration::from_micros(3));
            }
        }
    }
    let at = sim.elapsed();
    handle.cancel();
    Some((at, handle.progress().phase))
}

/// Waits until it is over, as a thread or as a task does.
fn wait(sim: SimulationHandle, handle: Handle, awaited: bool) -> Result<Report, SnapshotError> {
    struct Flag(AtomicBool);
    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            // Relaxed, as all here: it is one thread.
            self.0.store(true, Ordering::Relaxed);
        }
    }
    if !awaited {
        assert!(handle.wait_timeout(PATIENCE), "a snapshot without end");
        return handle.wait();
    }
    let flag = Arc::new(Flag(AtomicBool::new(false)));
    let waker = Arc::clone(&flag).into();
    let mut handle = pin!(handle);
    let until = sim.elapsed() + PATIENCE;
    loop {
        if let Poll::Ready(outcome) = handle.as_mut().poll(&mut Context::from_waker(&waker)) {
            return outcome;
        }
        while !flag.0.swap(false, Ordering::Relaxed) {
            assert!(sim.elapsed() < until, "nobody wakes who awaits a snapshot");
            sim.sleep(Duration::from_micros(100));
        }
    }
}
