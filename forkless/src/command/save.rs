//! `save`: a file into shards, and out again through the whole pipeline.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use forkless::Object;
use indicatif::{HumanBytes, HumanCount, ProgressBar};
use serde_json::{Value, json};
use shard_runtime::{ShardSet, ShardSetConfig};
use snapshot::{
    Handle, Keyspace, Load, LoadProgress, LoadReport, Part, Report, Retention, Snapshot,
};

use crate::arguments::{self, Compress, Files, Save};
use crate::command::dump;
use crate::command::input::say;
use crate::error::CommandError;
use crate::output::{self, Output};
use crate::resident::resident_bytes;

/// How often a progress bar moves.
const BAR_STEP: Duration = Duration::from_millis(50);

pub(crate) fn run(arguments: &Save, output: &mut Output) -> Result<(), CommandError> {
    let config = ShardSetConfig {
        shards: arguments::shards(arguments.shards),
        ..ShardSetConfig::default()
    };
    let shards = ShardSet::start(config, |_| Keyspace::<Object>::new())?;
    let started = Instant::now();
    let empty_bytes = resident_bytes();
    let loaded = load(arguments, &shards)?;
    let load_seconds = started.elapsed().as_secs_f64();
    let loaded_bytes = resident_bytes();

    let now = SystemTime::now();
    let path = arguments.output.path_at(now);
    let started = Instant::now();
    let report = save(arguments, &path, &shards, &loaded)?;
    let save_seconds = started.elapsed().as_secs_f64();
    describe(
        arguments,
        &path,
        output,
        &report,
        load_seconds,
        save_seconds,
    )?;
    let removed = remove_old(arguments, now)?;
    for old in &removed {
        output.line(format!("{}: removed", old.display()))?;
    }
    output.json(|| {
        let single = arguments.files == Files::Single;
        let types = report.types.iter();
        let types = types.map(|(family, keys)| (family.name(), keys));
        let types = types.collect::<BTreeMap<_, _>>();
        let removed = removed.iter().map(|path| path.display().to_string());
        json!({
            "path": path.display().to_string(),
            "removed": removed.collect::<Vec<_>>(),
            "keys": report.keys,
            "empty_keys_dropped": loaded.empty,
            "records_not_kept": loaded.not_kept,
            "bytes": report.bytes,
            "rdb_version": arguments.rdb_version.rdb_version(),
            "crc64": single.then(|| format!("{:016x}", report.parts[0].crc64)),
            "files": report.parts.iter().map(part_json).collect::<Vec<_>>(),
            "types": types,
            "shards": shards.len(),
            "load_seconds": load_seconds,
            "save_seconds": save_seconds,
            "resident_bytes_empty": empty_bytes,
            "resident_bytes_loaded": loaded_bytes,
            "riders": report.riders,
            "budget_bytes": arguments.snapshot_budget,
            "budget_bytes_used": report.budget_bytes_used,
            "fixed_bytes": report.fixed_bytes,
        })
    })
}

fn load(arguments: &Save, shards: &ShardSet<Keyspace<Object>>) -> Result<LoadReport, CommandError> {
    let path = &arguments.input;
    let progress = LoadProgress::new();
    let load = Load::new().progress(&progress);
    let loaded = if path.is_dir() {
        let set = dump::set_in(path)?;
        let loaded = while_showing(&progress, || load.from_files(set, shards));
        loaded.map_err(CommandError::LoadSet)?
    } else {
        let file = File::open(path).map_err(|source| CommandError::Read {
            path: path.clone(),
            source,
        })?;
        let loaded = while_showing(&progress, || load.from_file(&file, shards));
        loaded.map_err(|source| CommandError::Load {
            path: path.clone(),
            source,
        })?
    };
    if loaded.not_kept > 0 {
        say(&format!(
            "{}: warning: {} records of modules or of slot imports are left out",
            path.display(),
            HumanCount(loaded.not_kept)
        ));
    }
    Ok(loaded)
}

/// Moves a bar while `load` runs.
fn while_showing<R>(progress: &LoadProgress, load: impl FnOnce() -> R) -> R {
    let bar = output::bar(0, "load");
    thread::scope(|scope| {
        let (loading, loaded) = mpsc::channel::<()>();
        let (progress, bar) = (progress, &bar);
        scope.spawn(move || {
            while loaded.recv_timeout(BAR_STEP) == Err(RecvTimeoutError::Timeout) {
                let so_far = progress.look();
                bar.set_length(so_far.bytes_total.unwrap_or(so_far.bytes));
                bar.set_position(so_far.bytes);
            }
            bar.finish_and_clear();
        });
        let done = load();
        drop(loading);
        done
    })
}

fn save(
    arguments: &Save,
    path: &Path,
    shards: &ShardSet<Keyspace<Object>>,
    loaded: &LoadReport,
) -> Result<Report, CommandError> {
    let save = |error| CommandError::save(path, error);
    let snapshot = Snapshot::new()
        .target(arguments.rdb_version)
        .compression(arguments.compress.into())
        .budget_bytes(arguments.snapshot_budget)
        .functions(loaded.functions.clone())
        .expected_bytes(expected_bytes(arguments, path, loaded.bytes));
    let handle = match arguments.files {
        Files::Single => snapshot.to_file(shards, path),
        Files::PerShard => snapshot.to_files(shards, dump::new_set_in(path)?),
    };
    let handle = handle.map_err(save)?;
    let bar = output::bar(loaded.keys, "save");
    wait(handle, &bar).map_err(save)
}

/// What one of the files holds.
fn part_json(part: &Part) -> Value {
    json!({
        "path": part.path.as_ref().map(|path| path.display().to_string()),
        "keys": part.keys,
        "bytes": part.bytes,
        "crc64": format!("{:016x}", part.crc64),
    })
}

/// How much room to reserve: as much as was read, which is the best guess there is.
///
/// Nothing if the guess may be far too high, or if there is less room: the file may fit yet.
fn expected_bytes(arguments: &Save, path: &Path, input_bytes: u64) -> u64 {
    if arguments.compress != Compress::None || arguments.files != Files::Single {
        return 0;
    }
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let Ok(space) = rustix::fs::statvfs(folder.unwrap_or(Path::new("."))) else {
        return 0;
    };
    let free_bytes = space.f_bavail.saturating_mul(space.f_frsize);
    if free_bytes < input_bytes {
        0
    } else {
        input_bytes
    }
}

/// Removes the snapshots of the series that nothing keeps; tells which.
fn remove_old(arguments: &Save, now: SystemTime) -> Result<Vec<PathBuf>, CommandError> {
    let mut retention = Retention::new();
    if let Some(newest) = arguments.keep {
        retention = retention.keep(newest.get());
    }
    if let Some(days) = arguments.keep_days {
        retention = retention.keep_for(Duration::from_secs(u64::from(days) * 86_400));
    }
    match arguments.output.dated() {
        Some((folder, pattern)) => Ok(retention.apply(folder, pattern, now)?),
        None => Ok(Vec::new()),
    }
}

/// Waits for a snapshot and moves `bar` meanwhile.
fn wait(handle: Handle, bar: &ProgressBar) -> Result<Report, snapshot::SnapshotError> {
    while !handle.wait_timeout(BAR_STEP) {
        bar.set_position(handle.progress().keys_done);
    }
    bar.finish_and_clear();
    handle.wait()
}

fn describe(
    arguments: &Save,
    path: &Path,
    output: &mut Output,
    report: &Report,
    load_seconds: f64,
    save_seconds: f64,
) -> Result<(), CommandError> {
    output.line(format!(
        "{}: {} keys, {}, RDB version {}, loaded in {load_seconds:.2} s, \
         saved in {save_seconds:.2} s",
        path.display(),
        HumanCount(report.keys),
        HumanBytes(report.bytes),
        arguments.rdb_version.rdb_version(),
    ))?;
    if let Some(mode) = report.parts[0].mode {
        output.line(format!(
            "extra memory: {} of a budget of {}, and at most {} of fixed buffers; {}",
            HumanBytes(report.budget_bytes_used as u64),
            HumanBytes(arguments.snapshot_budget as u64),
            HumanBytes(report.fixed_bytes as u64),
            mode,
        ))?;
    }
    Ok(())
}
