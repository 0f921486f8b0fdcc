//! One run of masters and replicas: connections that break, freeze and lie, masters that die, and
//! what must be true of the replicas meanwhile and in the end.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aligned_io::{Failure, Faults};
use shard_runtime::{
    ShardSet, ShardSetConfig, Simulation, SimulationFailure, SimulationHandle, Worker, spawn_named,
};
use snapshot::{
    Address, Frame, FrameKind, Master, MasterOptions, Replica, ReplicaOptions, ReplicaState,
    ReplicaStatistics, SimulatedNetwork,
};
use tempfile::TempDir;

use crate::clients::{self, PATIENCE, Shape, Shards, below, pick};
use crate::copy::{CopyStore, Seen};
use crate::program::{self, Run};
use crate::proof::{Proof, difference};
use crate::store::{Ledger, Model, SimStore, forget_frozen};
use crate::weather::{Climate, Weather};

/// After so long without a word a connection is dead.
const SILENCE: Duration = Duration::from_secs(1);

/// No write may take longer, however slow the replicas are.
const WRITE_MAX: Duration = Duration::from_millis(5);

/// The cuts of each master are counted from another multiple of this on.
const CUTS_APART: u64 = 1 << 32;

/// What is done to a run before it begins: nothing, or a bug.
#[derive(Debug, Clone)]
pub(crate) struct Planted {
    pub(crate) master: MasterOptions,
    pub(crate) replica: ReplicaOptions,
}

impl Planted {
    pub(crate) fn nothing() -> Self {
        Self {
            master: MasterOptions::new(),
            replica: ReplicaOptions::new(),
        }
    }
}

/// Runs the seed's program.
pub(crate) fn run(seed: u64, planted: Planted) -> Result<Run, SimulationFailure> {
    forget_frozen();
    let done = Simulation::new(seed)
        .steps_max(3_000_000)
        .run(move |sim| Course::of_seed(sim, planted).run())?;
    Ok(Run {
        proof: done.result,
        steps: done.steps,
        elapsed: done.elapsed,
        digest: done.trace.digest(),
    })
}

/// What a run is made of.
struct Course {
    sim: SimulationHandle,
    climate: Climate,
    weather: Weather,
    network: SimulatedNetwork,
    shape: Shape,
    ledger: Arc<Ledger>,
    master: MasterOptions,
    replica: ReplicaOptions,
    /// Where masters keep what they have sent, if not in memory alone.
    folder: Option<Arc<TempDir>>,
    over: Arc<AtomicBool>,
}

/// A replica, and what it has shown.
struct Copy {
    shards: Arc<ShardSet<CopyStore>>,
    seen: Arc<Seen>,
    replica: Arc<Replica<CopyStore>>,
    watch: Worker<()>,
}

fn config(sim: SimulationHandle) -> ShardSetConfig {
    ShardSetConfig {
        shards: pick(sim, &[1, 2, 2, 3]),
        mailbox_messages: pick(sim, &[1, 4, 64]),
        task_slice: Duration::from_nanos(pick(sim, &[0, 1000, 20_000])),
        ..ShardSetConfig::default()
    }
}

impl Course {
    fn of_seed(sim: SimulationHandle, planted: Planted) -> Self {
        let climate = pick(sim, &[Climate::Fair, Climate::Rough, Climate::Foul]);
        let weather = Weather::of_seed(sim, climate);
        let is_foul = climate == Climate::Foul;
        let bytes = |all: &[usize]| if is_foul { pick(sim, all) } else { 1 << 20 };
        let master = planted
            .master
            .secret(b"secret")
            .cut_every(Duration::from_millis(pick(sim, &[5, 20, 100])))
            .silence(SILENCE)
            // No bucket is too much for it: then no replica would ever be filled.
            .budget_bytes(bytes(&[384 << 10, 384 << 10, 1 << 20]))
            .backlog_bytes(bytes(&[600, 8 << 10, 1 << 20]))
            .replicas_max(if is_foul { 2 } else { 100 });
        let writes = pick(sim, &[20, 60, 200]);
        let shape = Shape {
            writes,
            refusing: false,
            rest: Duration::from_millis(pick(sim, &[50, 600])) / u32::try_from(writes).unwrap(),
            ..Shape::of_seed(sim)
        };
        let detached = if is_foul { pick(sim, &[1, 10]) } else { 60 };
        let mut master = master.detached(Duration::from_secs(detached));
        let spills = climate != Climate::Fair && sim.below(4) == 0;
        let folder = spills.then(|| Arc::new(program::folder()));
        if let Some(folder) = &folder {
            master = master
                .backlog_bytes(600)
                .backlog_on_disk(folder.path(), 1 << 20);
        }
        if is_foul {
            let failure = pick(sim, &[None, Some(Failure::NoSpace { at_byte: 700 })]);
            master = master.faulty_backlog(Faults {
                seed: sim.random(),
                short_per_mille: 300,
                failure,
                ..Faults::default()
            });
        }
        Self {
            sim,
            climate,
            network: weather.network(sim),
            weather,
            shape,
            ledger: Arc::default(),
            master,
            replica: planted
                .replica
                .secret(b"secret")
                .connect(Duration::from_millis(300))
                .retry(Duration::from_millis(pick(sim, &[10, 50]))),
            folder,
            over: Arc::default(),
        }
    }

    fn run(self) -> Proof {
        let sim = self.sim;
        let copies: Vec<Copy> = (0..pick(sim, &[1, 1, 2])).map(|_| self.copy()).collect();
        let replays = self.replay_attaches();
        let spoils = self.spoil();
        let lives = match self.climate {
            Climate::Foul => 1 + sim.below(3),
            _ => 1,
        };
        let mut proof = Proof::default();
        let mut clients = Vec::new();
        let mut store = None;
        for life in 1..=lives {
            // It comes back with what it had, or without, or with something else.
            let kept = store.take().filter(|_| sim.below(2) == 0);
            let shards = kept.unwrap_or_else(|| self.store(life));
            let address = Address::Simulated(self.network.clone());
            let master = Master::start(&shards, &address, self.master.clone());
            let master = master.expect("nobody else listens");
            clients.extend(clients::start(sim, &shards, self.shape));
            clients.push(self.probe(&shards));
            if life == lives {
                self.end(&shards, &copies, clients);
                proof.count("sessions", master.statistics().len() as u64);
                self.stop(copies, (replays, spoils), &mut proof);
                return proof;
            }
            sim.sleep(Duration::from_millis(sim.below(300)));
            proof.count("masters died", 1);
            self.weather.kill();
            drop(master);
            store = Some(shards);
        }
        proof
    }

    /// The store of a master's `life`, with some keys.
    fn store(&self, life: u64) -> Shards {
        let ledger = Arc::clone(&self.ledger);
        let start = move |shard| SimStore::new(shard, life * CUTS_APART, Arc::clone(&ledger));
        let shards = Arc::new(ShardSet::start(config(self.sim), start).unwrap());
        if self.sim.below(4) > 0 {
            self.shape.fill(self.sim, &shards);
        }
        shards
    }

    /// Writes to every shard again and again, and never waits.
    fn probe(&self, shards: &Shards) -> Worker<()> {
        let (sim, shards) = (self.sim, Arc::clone(shards));
        spawn_named("probe", move || {
            for round in 0..100 {
                let before = sim.elapsed();
                shards.call(round % shards.len(), |_| ()).unwrap();
                let took = sim.elapsed().saturating_sub(before);
                assert!(took < WRITE_MAX, "a write took {took:?}");
                sim.sleep(Duration::from_millis(3));
            }
        })
    }

    /// Says again, over other connections, what connections have begun with.
    fn replay_attaches(&self) -> Worker<u64> {
        let (sim, over) = (self.sim, Arc::clone(&self.over));
        let (weather, network) = (self.weather.clone(), self.network.clone());
        let is_fair = self.climate == Climate::Fair;
        spawn_named("replay", move || {
            let mut replays = 0;
            // Relaxed, as all here: it is one thread.
            while !is_fair && !over.load(Ordering::Relaxed) {
                sim.sleep(Duration::from_millis(sim.below(200)));
                let Some(attach) = weather.overheard(sim) else {
                    continue;
                };
                let Ok(socket) = network.connect() else {
                    continue;
                };
                let mut frame = Vec::new();
                Frame::encode(&mut frame, FrameKind::Attach, 0, &attach);
                if socket.write(&frame, SILENCE).is_ok() {
                    // Whatever is said: the weather notes it.
                    drop(socket.read(&mut [0; 100], Duration::from_millis(30)));
                    replays += 1;
                }
            }
            replays
        })
    }

    /// Looks for files of backlogs, and spoils some where that may be; how many there were of both.
    fn spoil(&self) -> Worker<(u64, u64)> {
        let (sim, over) = (self.sim, Arc::clone(&self.over));
        let folder = self.folder.clone();
        let is_foul = self.climate == Climate::Foul;
        spawn_named("spoil", move || {
            let (mut found, mut spoilt) = (0, 0);
            let Some(folder) = folder else {
                return (found, spoilt);
            };
            while !over.load(Ordering::Relaxed) {
                sim.sleep(Duration::from_millis(sim.below(20)));
                let paths = fs::read_dir(folder.path()).unwrap();
                let paths = paths.map(|entry| entry.unwrap().path());
                let mut paths: Vec<_> = paths.filter(|path| is_of_backlog(path)).collect();
                paths.sort();
                found += paths.len() as u64;
                if is_foul && !paths.is_empty() && sim.below(4) == 0 {
                    let path = &paths[below(sim, paths.len())];
                    let mut bytes = fs::read(path).unwrap();
                    let place = below(sim, bytes.len());
                    bytes[place] ^= 1 << sim.below(8);
                    fs::write(path, bytes).unwrap();
                    spoilt += 1;
                }
            }
            (found, spoilt)
        })
    }

    fn copy(&self) -> Copy {
        let sim = self.sim;
        let config = config(sim);
        let seen = Seen::new(config.shards, &self.ledger);
        let kept = Arc::clone(&seen);
        let start = move |shard| CopyStore::new(shard, Arc::clone(&kept));
        let shards = Arc::new(ShardSet::start(config, start).unwrap());
        let address = Address::Simulated(self.network.clone());
        let replica = Arc::new(Replica::start(&shards, &address, self.replica.clone()));
        let watch = {
            let (shards, seen) = (Arc::clone(&shards), Arc::clone(&seen));
            let (replica, over) = (Arc::clone(&replica), Arc::clone(&self.over));
            spawn_named("watch", move || {
                watch(sim, &over, &shards, (&seen, &replica));
            })
        };
        Copy {
            shards,
            seen,
            replica,
            watch,
        }
    }

    /// Waits until nobody writes and nothing happens, and the replicas are what the master is.
    fn end(&self, shards: &Shards, copies: &[Copy], clients: Vec<Worker<()>>) {
        for client in clients {
            client.join().unwrap();
        }
        self.weather.calm();
        // Relaxed, as all here: it is one thread.
        self.over.store(true, Ordering::Relaxed);
        let until = self.sim.elapsed() + PATIENCE;
        let expected = shards.cut(PATIENCE, |shard| shard.state().model.clone());
        let expected = without_cuts(expected.unwrap().into_iter().flatten().collect());
        for copy in copies {
            loop {
                let found = without_cuts(shown(&copy.shards));
                let differs = difference(&found, &expected);
                if differs.is_none() && copy.seen.cuts() > 0 {
                    break;
                }
                assert!(
                    self.sim.elapsed() < until,
                    "never equal: {differs:?}, {:?}",
                    copy.replica.statistics()
                );
                self.sim.sleep(Duration::from_millis(100));
            }
        }
    }

    /// Ends the replicas; what they have been through.
    fn stop(
        &self,
        copies: Vec<Copy>,
        (replays, spoils): (Worker<u64>, Worker<(u64, u64)>),
        proof: &mut Proof,
    ) {
        let (files, damaged) = spoils.join().unwrap();
        proof.count("files of backlogs", files);
        proof.count("files spoilt", damaged);
        proof.count("replays", replays.join().unwrap());
        proof.count("frames tampered with", self.weather.tampered());
        self.weather.assert_none_was_honoured_twice();
        for copy in copies {
            copy.watch.join().unwrap();
            let statistics = copy.replica.statistics();
            self.explains(&statistics);
            proof.count("cuts passed", copy.seen.cuts());
            proof.count("resumptions", statistics.resumptions);
            proof.count("full syncs", statistics.full_syncs);
            let alive = copy.shards.cut(PATIENCE, |_| ());
            alive.expect("a shard of the replica has died");
        }
    }

    /// # Panics
    ///
    /// When the replica has lost more than what happened can explain.
    fn explains(&self, statistics: &ReplicaStatistics) {
        if self.climate != Climate::Foul {
            assert_eq!(statistics.full_syncs, 1, "{statistics:?}");
        }
        if self.climate == Climate::Fair {
            assert_eq!(statistics.resumptions, 0, "{statistics:?}");
            // It may have begun before its master.
            let error = statistics.last_error.as_deref().unwrap_or("cannot connect");
            assert!(error.starts_with("cannot connect"), "{statistics:?}");
        }
    }
}

/// Looks at what a replica shows, until all is over.
///
/// # Panics
///
/// When something is shown before the first cut, or changes while the replica is filled.
fn watch(
    sim: SimulationHandle,
    over: &AtomicBool,
    shards: &ShardSet<CopyStore>,
    (seen, replica): (&Seen, &Replica<CopyStore>),
) {
    let first = shown(shards);
    // Of which full sync, and behind how many cuts.
    let mut filling: Option<((u64, u64), Model)> = None;
    while !over.load(Ordering::Relaxed) {
        sim.sleep(Duration::from_micros(sim.below(20_000)));
        let before = replica.statistics();
        let found = shown(shards);
        let after = replica.statistics();
        if seen.cuts() == 0 {
            assert_eq!(difference(&found, &first), None, "before the first cut");
        }
        let is_filling = [&before, &after]
            .iter()
            .all(|statistics| statistics.state == ReplicaState::Filling);
        if !is_filling || before.full_syncs != after.full_syncs {
            filling = None;
            continue;
        }
        // It shows what is there a moment before it says so.
        let now = (after.full_syncs, seen.cuts());
        match &filling {
            Some((since, shown)) if *since == now => {
                assert_eq!(difference(&found, shown), None, "while it is filled");
            }
            _ => filling = Some((now, found)),
        }
    }
}

fn shown(shards: &ShardSet<CopyStore>) -> Model {
    let parts = shards.cut(PATIENCE, |shard| shard.state_ref().contents());
    parts.unwrap().into_iter().flatten().collect()
}

fn is_of_backlog(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy();
    name.ends_with(".forkless-backlog") && !name.starts_with("lock")
}

/// What is at rest: each cut writes its number.
fn without_cuts(mut state: Model) -> Model {
    state.retain(|(_, key), _| !key.starts_with(b"cut of"));
    state
}
