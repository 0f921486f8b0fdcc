//! One run of masters and replicas: connections that break, freeze and lie, masters that die, and
//! what must be true of the replicas meanwhile and in the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aligned_io::{Failure, Faults};
use shard_runtime::{
    ShardSet, ShardSetConfig, Simulation, SimulationFailure, SimulationHandle, Worker, spawn_named,
};
use snapshot::{Address, Master, MasterOptions, ReplicaOptions, SimulatedNetwork};
use tempfile::TempDir;

use crate::clients::{self, PATIENCE, Shape, Shards, pick};
use crate::mischief::Mischief;
use crate::program::{self, Run};
use crate::proof::Proof;
use crate::store::{Ledger, SimStore};
use crate::value::forget_frozen;
use crate::watched::{Watched, without_cuts};
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
        let copies: Vec<Watched> = (0..pick(sim, &[1, 1, 2])).map(|_| self.copy()).collect();
        let place = (&self.weather, &self.network, self.folder.clone());
        let mischief = Mischief::start(sim, self.climate, &self.over, place);
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
            let is_kept = kept.is_some();
            let shards = kept.unwrap_or_else(|| self.store(life));
            let address = Address::Simulated(self.network.clone());
            let master = Master::start(&shards, &address, self.master.clone());
            let master = master.expect("nobody else listens");
            if is_kept {
                // Those of its earlier life may go on.
                clients.extend(clients::start_more(sim, &shards, self.shape));
            } else {
                clients.extend(clients::start(sim, &shards, self.shape));
            }
            clients.push(self.probe(&shards));
            if life == lives {
                self.end(&shards, &copies, clients);
                proof.count("sessions", master.statistics().len() as u64);
                self.stop(copies, mischief, &mut proof);
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

    fn copy(&self) -> Watched {
        let address = Address::Simulated(self.network.clone());
        let replica = (address, self.replica.clone());
        Watched::start(
            self.sim,
            config(self.sim),
            replica,
            (&self.ledger, &self.over),
        )
    }

    /// Waits until nobody writes and nothing happens, and the replicas are what the master is.
    fn end(&self, shards: &Shards, copies: &[Watched], clients: Vec<Worker<()>>) {
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
            copy.wait_equal(self.sim, until, &expected);
        }
    }

    /// Ends the replicas; what they have been through.
    fn stop(&self, copies: Vec<Watched>, mischief: Mischief, proof: &mut Proof) {
        mischief.stop(proof);
        proof.count("frames tampered with", self.weather.tampered());
        self.weather.assert_none_was_honoured_twice();
        for copy in copies {
            copy.stop(self.climate, proof);
        }
    }
}
