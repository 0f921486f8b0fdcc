//! The run: fill, write, snapshot in the middle, write on, prove, tell.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use shard_runtime::{ShardError, ShardSet, ShardSetConfig};

use crate::arguments::{self, Demo};
use crate::command::demo::live::live;
use crate::command::demo::oracle::Oracle;
use crate::command::demo::report::Outcome;
use crate::command::demo::store::{self, DemoShard};
use crate::command::demo::workload::Plan;
use crate::error::CommandError;
use crate::output::{self, Output};

type Shards = Arc<ShardSet<DemoShard>>;

pub(crate) fn run(arguments: &Demo, output: &mut Output) -> Result<(), CommandError> {
    let folder = &arguments.out;
    let write = |source| CommandError::Write {
        path: folder.clone(),
        source,
    };
    fs::create_dir_all(folder).map_err(write)?;

    let shard_count = arguments::shards(arguments.shards);
    let writers = arguments.writers.map_or(2 * shard_count, usize::from);
    let plan = Plan {
        keys: arguments.keys,
        value_bytes: arguments.value_bytes,
        writers: u32::try_from(writers).unwrap_or(u32::MAX),
        seed: arguments.seed,
    };
    let config = ShardSetConfig {
        shards: shard_count,
        ..ShardSetConfig::default()
    };
    let shards = ShardSet::start(config, move |_| DemoShard::new(plan.writers))?;
    let shards: Shards = Arc::new(shards);
    fill(&shards, plan)?;

    let path = folder.join("dump.rdb");
    let live = live(arguments, plan, &shards, &path)?;
    let verified = verify(plan, &shards, &path)?;
    let outcome = Outcome {
        plan,
        shards: shard_count,
        live,
        verified,
    };
    outcome.write_files(folder, arguments)?;
    outcome.print(arguments, output)
}

fn fill(shards: &Shards, plan: Plan) -> Result<(), CommandError> {
    let bar = output::bar(u64::from(plan.keys), "fill");
    let filled = store::fill(shards, plan, || bar.inc(1000));
    bar.finish_and_clear();
    Ok(filled?)
}

/// Rebuilds the state at the cut and compares the file with it; the keys found equal.
fn verify(plan: Plan, shards: &Shards, path: &Path) -> Result<u64, CommandError> {
    let at_cut: Result<Vec<Vec<u64>>, ShardError> = (0..shards.len())
        .map(|shard| shards.call(shard, |shard| shard.state().at_cut().to_vec()))
        .collect();
    let bar = output::bar(u64::from(plan.keys), "verify");
    let oracle = Oracle::new(plan, &at_cut?, |hash| shards.shard_of(hash));
    let verified = oracle.and_then(|oracle| oracle.verify(path, || bar.inc(1000)));
    bar.finish_and_clear();
    verified.map_err(|source| CommandError::Mismatch {
        path: path.to_owned(),
        source,
    })
}
