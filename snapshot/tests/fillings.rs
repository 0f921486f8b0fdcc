//! Replicas that are filled at the same time, over connections that are slow in turn.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdb_format::Value;
use shard_runtime::{ShardSet, ShardSetConfig, Simulation, SimulationHandle};
use snapshot::{
    Address, Frame, FrameKind, Key, Keyspace, Master, MasterOptions, Owned, Replica,
    ReplicaOptions, SimulatedNetwork, Towards, shard_hash,
};

type Shards = Arc<ShardSet<Keyspace<Owned>>>;

/// Keys of the master: several times what the budgets of a stream hold.
const KEYS: u64 = 4000;

/// What a slow connection takes for a write: about four seconds for all of its stream.
const SLOW: Duration = Duration::from_millis(50);

const QUICK: Duration = Duration::from_micros(50);

/// Far more than what each takes that is alone, and pauses between.
const PATIENCE: Duration = Duration::from_secs(100);

fn shards(keys: u64) -> Shards {
    let config = ShardSetConfig {
        shards: 2,
        ..ShardSetConfig::default()
    };
    let shards = Arc::new(ShardSet::start(config, |_| Keyspace::new()).unwrap());
    for key in 0..keys {
        let key = Key::from(format!("key {key}").as_bytes());
        let shard = shards.shard_of(shard_hash(key.as_bytes()));
        let set = move |shard: &mut shard_runtime::Shard<Keyspace<Owned>>| {
            let value = Owned::new(Value::String(vec![b'v'; 30]), None);
            shard.state().database(0).insert(key, value);
        };
        shards.call(shard, set).unwrap();
    }
    shards
}

/// A network in which one stream is slow, whatever connection carries it.
fn network(slow: u16) -> SimulatedNetwork {
    let mut streams = BTreeMap::new();
    SimulatedNetwork::new(move |passage| {
        if let Ok(Some((frame, _))) = Frame::split(&passage.bytes)
            && frame.kind == FrameKind::Attach
        {
            // Behind the opening and the name of the session.
            let stream = u16::from_le_bytes([frame.payload[26], frame.payload[27]]);
            streams.insert(passage.connection, stream);
        }
        let is_slow = streams.get(&passage.connection) == Some(&slow);
        passage.after = match passage.towards {
            Towards::Replica if is_slow => SLOW,
            _ => QUICK,
        };
    })
}

/// A replica whose connection for this stream is slow, and all that serves it.
struct Pair {
    replica: Replica<Keyspace<Owned>>,
    // Both live as long.
    _master: Master<Keyspace<Owned>>,
    _copy: Shards,
}

impl Pair {
    fn start(store: &Shards, slow: u16, options: ReplicaOptions) -> Self {
        let address = Address::Simulated(network(slow));
        let master = MasterOptions::new()
            .budget_bytes(64 << 10)
            .cut_every(Duration::from_millis(20));
        let master = Master::start(store, &address, master).unwrap();
        let copy = shards(0);
        let options = options.retry(Duration::from_millis(50));
        let replica = Replica::start(&copy, &address, options);
        Self {
            replica,
            _master: master,
            _copy: copy,
        }
    }
}

/// Fills replicas, each with another slow stream; how many full syncs each took, or `None` if that
/// was too long.
fn fill(
    sim: SimulationHandle,
    replicas: u16,
    (options, patience): (&ReplicaOptions, Duration),
) -> Vec<Option<u64>> {
    let store = shards(KEYS);
    let pairs = (0..replicas).map(|slow| Pair::start(&store, slow, options.clone()));
    let pairs: Vec<Pair> = pairs.collect();
    let until = sim.elapsed() + patience;
    let filled = |pair: &Pair| {
        let left = until.saturating_sub(sim.elapsed());
        let synced = pair.replica.wait_synced(left);
        synced.then(|| pair.replica.statistics().full_syncs)
    };
    pairs.iter().map(filled).collect()
}

fn run(
    seed: u64,
    replicas: u16,
    (options, patience): (ReplicaOptions, Duration),
) -> Vec<Option<u64>> {
    let simulation = Simulation::new(seed).steps_max(50_000_000);
    let ran = simulation.run(move |sim| fill(sim, replicas, (&options, patience)));
    ran.unwrap().result
}

#[test]
fn replica_that_is_alone_is_filled_at_once() {
    assert_eq!(run(1, 1, (ReplicaOptions::new(), PATIENCE)), [Some(1)]);
}

#[test]
fn replicas_that_overtake_each_other_are_both_filled_in_the_end() {
    for seed in 0..3 {
        let filled = run(seed, 2, (ReplicaOptions::new(), PATIENCE));
        assert!(filled.iter().all(Option::is_some), "{seed}: {filled:?}");
        // Or else this tries nothing.
        let most = filled.iter().flatten().max();
        assert!(most.is_some_and(|&most| most > 2), "{seed}: {filled:?}");
    }
}

#[cfg(planted)]
#[test]
fn without_pauses_they_would_never_be() {
    let options = ReplicaOptions::new().plant(snapshot::Bug::RefillAtOnce);
    // Twice what both would take one after the other.
    let filled = run(0, 2, (options, Duration::from_secs(16)));
    assert_eq!(filled, [None, None]);
}
