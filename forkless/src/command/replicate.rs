//! `replicate`: what a master has, into shards of our own, and then into a file.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forkless::Object;
use indicatif::{HumanBytes, HumanCount};
use serde_json::json;
use shard_runtime::{ShardSet, ShardSetConfig};
use snapshot::{Keyspace, Replica, ReplicaOptions, Snapshot};

use crate::arguments::{self, Replicate};
use crate::command::secret;
use crate::error::CommandError;
use crate::output::Output;

/// The file that is written.
const NAME: &str = "dump.rdb";

/// For how long a master may be silent while it is asked to be followed: as long as there is
/// patience, but not less and not more than this.
const SILENCE_MIN: Duration = Duration::from_secs(1);
const SILENCE_MAX: Duration = Duration::from_secs(5);

pub(crate) fn run(arguments: &Replicate, output: &mut Output) -> Result<(), CommandError> {
    let folder = &arguments.out;
    fs::create_dir_all(folder).map_err(|source| CommandError::Write {
        path: folder.clone(),
        source,
    })?;
    let config = ShardSetConfig {
        shards: arguments::shards(arguments.shards),
        ..ShardSetConfig::default()
    };
    let shards = ShardSet::start(config, |_| Keyspace::<Object>::new())?;
    let shards = Arc::new(shards);
    let secret = arguments.secret_file.as_deref();
    let secret = secret.map(secret::read).transpose()?;
    let patience = Duration::from_secs(arguments.patience);
    // Whoever gives up still waits for the attempt that is under way.
    let silence = patience.clamp(SILENCE_MIN, SILENCE_MAX);
    let options = ReplicaOptions::new()
        .secret(&secret.unwrap_or_default())
        .connect(silence);
    let started = Instant::now();
    let replica = Replica::start(&shards, &arguments.master, options);
    if !replica.wait_synced(patience) {
        let statistics = replica.statistics();
        let unfinished = || format!("it has taken {} records so far", statistics.records);
        return Err(CommandError::NotSynced {
            master: arguments.master.clone(),
            seconds: arguments.patience,
            reason: statistics.last_error.unwrap_or_else(unfinished),
        });
    }
    let sync_seconds = started.elapsed().as_secs_f64();
    std::thread::sleep(Duration::from_secs(arguments.follow));
    let statistics = replica.statistics();
    // What is there stays, and is no longer changed.
    replica.stop();
    let path = folder.join(NAME);
    let save = |error| CommandError::save(&path, error);
    let snapshot = Snapshot::new().budget_bytes(arguments.snapshot_budget);
    let handle = snapshot.to_file(&shards, &path).map_err(save)?;
    let report = handle.wait().map_err(save)?;
    output.line(format!(
        "{}: {} keys of {} in {} streams, {}, cut {}, in sync after {sync_seconds:.2} s",
        path.display(),
        HumanCount(report.keys),
        arguments.master,
        statistics.streams,
        HumanBytes(report.bytes),
        statistics.cut,
    ))?;
    output.json(|| {
        json!({
            "path": path.display().to_string(),
            "master": arguments.master.to_string(),
            "keys": report.keys,
            "bytes": report.bytes,
            "streams": statistics.streams,
            "shards": shards.len(),
            "cut": statistics.cut,
            "records": statistics.records,
            "record_bytes": statistics.bytes,
            "full_syncs": statistics.full_syncs,
            "resumptions": statistics.resumptions,
            "sync_seconds": sync_seconds,
        })
    })
}
