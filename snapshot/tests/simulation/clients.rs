//! Those who write while snapshots are taken.

use std::sync::Arc;
use std::time::Duration;

use shard_runtime::{Shard, ShardSet, SimulationHandle, Worker, spawn_named};
use snapshot::shard_hash;

use crate::store::{DATABASES, SimStore, account_key, turn_key};
use crate::value::Val;

/// Longer than anything that works takes, in virtual time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(100);

pub(crate) type Shards = Arc<ShardSet<SimStore>>;

/// How large a run is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) keys: u64,
    pub(crate) padding_bytes_max: u64,
    pub(crate) writes: u64,
    /// Whether somebody writes values that no encoder takes.
    pub(crate) refusing: bool,
    /// How long a client rests after each write, at most.
    pub(crate) rest: Duration,
}

/// A number below `bound` that the seed decides.
pub(crate) fn below(sim: SimulationHandle, bound: usize) -> usize {
    usize::try_from(sim.below(bound as u64)).unwrap()
}

/// One of `from`, as the seed decides.
pub(crate) fn pick<T: Copy>(sim: SimulationHandle, from: &[T]) -> T {
    from[below(sim, from.len())]
}

/// A change to one shard.
#[derive(Debug)]
enum Change {
    Set(u32, Vec<u8>, Val),
    Update(u32, Vec<u8>, u64),
    Delete(u32, Vec<u8>),
    AddOneToAll,
    Expire(i64),
    Shrink(u32),
}

impl Change {
    fn apply(self, store: &mut SimStore) {
        match self {
            Self::Set(database, key, val) => store.set(database, &key, val),
            Self::Update(database, key, add) => {
                store.update(database, &key, |number| number.wrapping_add(add));
            }
            Self::Delete(database, key) => store.delete(database, &key),
            Self::AddOneToAll => store.add_one_to_all(DATABASES - 1),
            Self::Expire(now_ms) => store.expire(now_ms),
            Self::Shrink(database) => store.shrink(database),
        }
    }
}

impl Shape {
    pub(crate) fn of_seed(sim: SimulationHandle) -> Self {
        Self {
            keys: pick(sim, &[6, 20, 60]),
            padding_bytes_max: pick(sim, &[40, 300, 2500]),
            writes: pick(sim, &[5, 20, 40]),
            refusing: sim.below(32) == 0,
            rest: Duration::ZERO,
        }
    }

    fn key(self, sim: SimulationHandle) -> Vec<u8> {
        format!("k{}", sim.below(self.keys)).into_bytes()
    }

    fn val(self, sim: SimulationHandle) -> Val {
        Val {
            padding_bytes: usize::try_from(sim.below(self.padding_bytes_max)).unwrap(),
            expire_at_ms: (sim.below(4) == 0).then(|| 1 + i64::try_from(sim.below(100)).unwrap()),
            refuses: self.refusing && sim.below(16) == 0,
            ..Val::number(sim.random())
        }
    }

    /// Some changes to one key, or to a whole shard.
    fn changes(self, sim: SimulationHandle, shards: usize) -> (Option<usize>, Change) {
        let database = u32::try_from(sim.below(DATABASES.into())).unwrap();
        let any = Some(below(sim, shards));
        let key = self.key(sim);
        match sim.below(32) {
            0 => (any, Change::AddOneToAll),
            1 => {
                let now_ms = i64::try_from(sim.below(100)).unwrap();
                (any, Change::Expire(now_ms))
            }
            2 => (any, Change::Shrink(database)),
            3..10 => (None, Change::Update(database, key, sim.random())),
            10..17 => (None, Change::Delete(database, key)),
            _ => (None, Change::Set(database, key, self.val(sim))),
        }
    }

    /// Fills the shards, to some part of the run's keys.
    pub(crate) fn fill(self, sim: SimulationHandle, shards: &Shards) {
        let mut parts: Vec<Vec<Change>> = Vec::new();
        parts.resize_with(shards.len(), Vec::new);
        for _ in 0..sim.below(self.keys * 2) {
            let key = self.key(sim);
            let shard = shards.shard_of(shard_hash(&key));
            let database = u32::try_from(sim.below(DATABASES.into())).unwrap();
            parts[shard].push(Change::Set(database, key, self.val(sim)));
        }
        for (shard, part) in parts.into_iter().enumerate() {
            let apply = |shard: &mut Shard<SimStore>| {
                for change in part {
                    change.apply(shard.state());
                }
            };
            shards.send(shard, apply).unwrap();
        }
    }

    fn write(self, sim: SimulationHandle, shards: &Shards) {
        let (shard, change) = self.changes(sim, shards.len());
        let shard = shard.unwrap_or_else(|| match &change {
            Change::Set(_, key, _) | Change::Update(_, key, _) | Change::Delete(_, key) => {
                shards.shard_of(shard_hash(key))
            }
            _ => 0,
        });
        let apply = |shard: &mut Shard<SimStore>| change.apply(shard.state());
        if sim.below(2) == 0 {
            shards.send(shard, apply).unwrap();
        } else {
            shards.call(shard, apply).unwrap();
        }
    }
}

/// Moves an amount from one account to another, as one transaction.
fn move_amount(sim: SimulationHandle, shards: &Shards) {
    if shards.len() < 2 {
        return;
    }
    let from = below(sim, shards.len());
    let to = (from + 1 + below(sim, shards.len() - 1)) % shards.len();
    let amount = 1 + sim.below(9);
    let parts = [(from, amount.wrapping_neg()), (to, amount)];
    let add = |shard: &mut Shard<SimStore>, amount: u64| {
        let store = shard.state();
        let key = account_key(store.shard());
        store.update(0, &key, |number| number.wrapping_add(amount));
    };
    shards.transact(PATIENCE, parts, add).unwrap();
}

/// Drops everything on all shards, as one transaction.
fn flush_all(shards: &Shards) {
    let all = (0..shards.len()).map(|shard| (shard, ()));
    let flush = |shard: &mut Shard<SimStore>, ()| shard.state().flush();
    shards.transact(PATIENCE, all, flush).unwrap();
}

/// Writes the number of each round to every shard in order, each acknowledged before the next.
fn take_turns(sim: SimulationHandle, shards: &Shards) {
    for round in 1..=1 + sim.below(6) {
        for shard in 0..shards.len() {
            let turn = move |shard: &mut Shard<SimStore>| {
                let store = shard.state();
                store.set(0, &turn_key(store.shard()), Val::number(round));
            };
            shards.call(shard, turn).unwrap();
        }
    }
}

/// Starts all clients of a new store.
pub(crate) fn start(sim: SimulationHandle, shards: &Shards, shape: Shape) -> Vec<Worker<()>> {
    let turns = client(shards, move |shards| take_turns(sim, shards));
    let mut clients = vec![turns];
    clients.extend(start_more(sim, shards, shape));
    clients
}

/// Starts more clients of a store. Turns are taken by one alone.
pub(crate) fn start_more(sim: SimulationHandle, shards: &Shards, shape: Shape) -> [Worker<()>; 2] {
    [(); 2].map(|()| {
        client(shards, move |shards| {
            for _ in 0..shape.writes {
                match sim.below(64) {
                    0 => flush_all(shards),
                    1..12 => move_amount(sim, shards),
                    12..16 => sim.sleep(Duration::from_micros(sim.below(500))),
                    _ => shape.write(sim, shards),
                }
                if let Ok(rest_us @ 1..) = u64::try_from(shape.rest.as_micros()) {
                    sim.sleep(Duration::from_micros(sim.below(rest_us)));
                }
            }
        })
    })
}

fn client(shards: &Shards, run: impl FnOnce(&Shards) + Send + 'static) -> Worker<()> {
    let shards = Arc::clone(shards);
    spawn_named("client", move || run(&shards))
}
