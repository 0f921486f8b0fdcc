//! One run: a store, clients, overlapping snapshots, and what must be true of them in the end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shard_runtime::{ShardSet, ShardSetConfig, Simulation, SimulationFailure, SimulationHandle};
use shard_runtime::{Worker, spawn_named};
use snapshot::{Expired, Load, Relaxed, Snapshot};
use tempfile::TempDir;

use crate::clients::{self, PATIENCE, Shape, Shards, below, pick};
use crate::follower::{self, Following};
use crate::proof::{Proof, difference};
use crate::store::{Ledger, Model, SimStore};
use crate::taker::{self, Plan};
use crate::value::{forget_frozen, frozen_bytes};

/// One run in this many writes files, which takes several times as long.
const FILES_ONE_IN: u64 = 32;

/// What is done to a run before it begins: nothing, or a bug.
#[derive(Debug, Clone)]
pub(crate) struct Prepare {
    pub(crate) snapshot: Snapshot,
    pub(crate) relaxed: Relaxed,
    pub(crate) store: fn(&mut SimStore, u64),
    /// Which bug the store is to have.
    pub(crate) bug: u64,
}

impl Prepare {
    pub(crate) fn nothing() -> Self {
        Self {
            snapshot: Snapshot::new(),
            relaxed: Relaxed::new(),
            store: |_, _| {},
            bug: 0,
        }
    }
}

/// A run that was as it should be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) proof: Proof,
    pub(crate) steps: u64,
    pub(crate) elapsed: Duration,
    pub(crate) digest: u64,
}

/// Runs the seed's program.
pub(crate) fn run(seed: u64, prepare: Prepare) -> Result<Run, SimulationFailure> {
    forget_frozen();
    let done = Simulation::new(seed)
        .steps_max(300_000)
        .run(move |sim| program(sim, &prepare))?;
    Ok(Run {
        proof: done.result,
        steps: done.steps,
        elapsed: done.elapsed,
        digest: done.trace.digest(),
    })
}

fn start(sim: SimulationHandle, ledger: &Arc<Ledger>, prepare: &Prepare) -> Shards {
    let config = ShardSetConfig {
        shards: pick(sim, &[1, 2, 2, 3]),
        mailbox_messages: pick(sim, &[1, 4, 64]),
        // Slices so short that writes come between any two buckets.
        task_slice: Duration::from_nanos(pick(sim, &[0, 1000, 20_000])),
        ..ShardSetConfig::default()
    };
    let (ledger, store, bug) = (Arc::clone(ledger), prepare.store, prepare.bug);
    let shards = ShardSet::start(config, move |shard| {
        let mut state = SimStore::new(shard, 0, Arc::clone(&ledger));
        store(&mut state, bug);
        state
    });
    Arc::new(shards.unwrap())
}

fn program(sim: SimulationHandle, prepare: &Prepare) -> Proof {
    let ledger = Arc::new(Ledger::default());
    let shards = start(sim, &ledger, prepare);
    let shape = Shape::of_seed(sim);
    let folder = (sim.below(FILES_ONE_IN) == 0).then(folder);
    let path = folder.as_ref().map(|folder| folder.path().to_path_buf());
    shape.fill(sim, &shards);
    let clients = clients::start(sim, &shards, shape);
    let takers = start_takers(sim, &shards, &ledger, (shape, prepare, path.as_ref()));
    let done = Arc::default();
    let followers = start_followers(sim, &shards, &ledger, (shape, prepare, &done));
    let mut proof = Proof::default();
    for client in clients {
        client.join().unwrap();
    }
    let mut frozen_bytes_max = 0;
    let mut plans = Vec::new();
    for taker in takers {
        let (plan, taken) = taker.join().unwrap();
        frozen_bytes_max += plan.frozen_bytes_max(shards.len(), shape);
        plans.push(plan);
        proof.add(taken);
    }
    let followed = !followers.is_empty();
    let (hang, others): (Vec<_>, Vec<_>) = followers
        .into_iter()
        .partition(|(following, _)| following.hangs_on());
    for (_, follower) in others {
        proof.add(follower.join().unwrap());
    }
    // Nothing has waited for those that hang. Relaxed: it is one thread.
    done.store(true, Ordering::Relaxed);
    for (_, follower) in hang {
        proof.add(follower.join().unwrap());
    }
    let (_, frozen_most) = frozen_bytes();
    assert!(
        followed || frozen_most <= frozen_bytes_max,
        "{frozen_most} bytes were kept alive, not {frozen_bytes_max}: {plans:?}"
    );
    end(sim, &shards, &plans);
    if let Some(path) = path {
        is_tidy(&path);
    }
    let facts = shards.cut(PATIENCE, |shard| {
        let store = shard.state();
        store.drop_refusing();
        assert_eq!(difference(&store.contents(), &store.model), None);
        store.table_facts()
    });
    for (open_cuts, splits, merges) in facts.unwrap() {
        assert_eq!(open_cuts, 0, "a cut was left open");
        proof.count("splits", splits);
        proof.count("merges", merges);
    }
    let last = taker::take(
        sim,
        &shards,
        (&Plan::sound(sim), prepare.snapshot.clone()),
        (&ledger, shape),
    );
    proof.add(load_again(sim, &last, prepare));
    proof.add(last);
    proof
}

/// A folder for files: in memory where that is to be had, for it is not the disk that is tried.
pub(crate) fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

type Taker = Worker<(Plan, Proof)>;

/// Starts the takers of one to three snapshots, each with a time of its own.
fn start_takers(
    sim: SimulationHandle,
    shards: &Shards,
    ledger: &Arc<Ledger>,
    (shape, prepare, path): (Shape, &Prepare, Option<&PathBuf>),
) -> Vec<Taker> {
    let start = |_| {
        let (shards, ledger) = (Arc::clone(shards), Arc::clone(ledger));
        let base = prepare.snapshot.clone();
        let path = path.cloned();
        spawn_named("taker", move || {
            sim.sleep(Duration::from_micros(sim.below(100)));
            let plan = Plan::of_seed(sim, shards.len(), path.as_deref());
            let proof = taker::take(sim, &shards, (&plan, base), (&ledger, shape));
            (plan, proof)
        })
    };
    (0..pick(sim, &[1, 1, 2, 3])).map(start).collect()
}

/// Starts those who follow the streams, in half of the runs.
fn start_followers(
    sim: SimulationHandle,
    shards: &Shards,
    ledger: &Arc<Ledger>,
    (shape, prepare, done): (Shape, &Prepare, &Arc<AtomicBool>),
) -> Vec<(Following, Worker<Proof>)> {
    let start = |_| {
        let (shards, ledger, done) = (Arc::clone(shards), Arc::clone(ledger), Arc::clone(done));
        let base = prepare.relaxed.clone();
        let following = Following::of_seed(sim);
        let follower = spawn_named("follower", move || {
            sim.sleep(Duration::from_micros(sim.below(200)));
            follower::follow(sim, &shards, (following, base), (&ledger, shape, &done))
        });
        (following, follower)
    };
    (0..pick(sim, &[0, 0, 1, 2])).map(start).collect()
}

/// Waits until what hung has come back, and all memory is free.
fn end(sim: SimulationHandle, shards: &Shards, plans: &[Plan]) {
    sim.sleep(Duration::from_mins(1));
    for shard in 0..shards.len() {
        // Serves what is left, and steps what was woken.
        shards.call(shard, |_| ()).unwrap();
    }
    sim.sleep(Duration::from_millis(1));
    let (frozen, _) = frozen_bytes();
    assert_eq!(frozen, 0, "what was frozen is still kept: {plans:?}");
    let late = plans.iter().find(|plan| plan.has_written_after());
    assert!(late.is_none(), "written after the end: {late:?}");
}

/// Nothing temporary is left in the folder.
fn is_tidy(folder: &Path) {
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            assert!(!name.contains("tmp"), "left behind: {}", path.display());
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
}

/// Loads what was saved into another number of shards; a damaged copy of it leaves nothing.
fn load_again(sim: SimulationHandle, saved: &Proof, prepare: &Prepare) -> Proof {
    let ledger = Arc::new(Ledger::default());
    let shards = start(sim, &ledger, prepare);
    let clear = |shards: &Shards| {
        let contents = shards.cut(PATIENCE, |shard| {
            let contents = shard.state().contents();
            shard.state().forget();
            contents
        });
        contents.unwrap().into_iter().flatten().collect::<Model>()
    };
    clear(&shards);
    let stream = saved.streams[0].as_slice();
    let mut damaged = stream.to_vec();
    // Not in the version before this, for some have no checksum.
    let at = 9 + below(sim, damaged.len() - 9);
    if sim.below(2) == 0 {
        damaged.truncate(at);
    } else {
        damaged[at] ^= 1 << sim.below(8);
    }
    let load = Load::new().cut_deadline(PATIENCE);
    let refused = load.from_reader(damaged.as_slice(), &shards);
    assert!(refused.is_err(), "loaded with byte {at} wrong: {refused:?}");
    assert_eq!(clear(&shards).len(), 0, "half of a damaged file is there");
    let now_ms = i64::try_from(sim.below(100)).unwrap();
    let load = load.expired(Expired::DropAt(now_ms));
    let report = load.from_reader(stream, &shards).unwrap();
    let mut expected = saved.state.clone();
    expected.retain(|_, val| val.expire_at_ms.is_none_or(|at_ms| at_ms > now_ms));
    assert_eq!(report.keys, expected.len() as u64);
    assert_eq!(difference(&clear(&shards), &expected), None, "loaded");
    Proof::of("loaded")
}
