//! A small world to say things in: a network inside a simulation, shards, and what they hold.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdb_format::Value;
use shard_runtime::{ShardSet, ShardSetConfig, Simulation, SimulationHandle};
use snapshot::{
    Address, Frame, FrameKind, Key, Keyspace, Master, MasterOptions, Owned, Replica,
    ReplicaOptions, SimulatedNetwork, SimulatedSocket, shard_hash,
};

pub(crate) type Shards = Arc<ShardSet<Keyspace<Owned>>>;

/// Longer than anything here takes, in virtual time.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// How long an answer may take.
pub(crate) const MOMENT: Duration = Duration::from_millis(20);

/// Runs a program in a simulation.
///
/// # Panics
///
/// When it does, or does not end.
pub(crate) fn simulate<R: 'static>(program: impl FnOnce(SimulationHandle) -> R + 'static) -> R {
    match Simulation::new(1).run(program) {
        Ok(ran) => ran.result,
        Err(failure) => panic!("{failure}"),
    }
}

/// A network in which nothing happens to anything.
pub(crate) fn network() -> SimulatedNetwork {
    SimulatedNetwork::new(|_| {})
}

/// Shards with some keys.
pub(crate) fn shards(count: usize, keys: &[&str]) -> Shards {
    let config = ShardSetConfig {
        shards: count,
        ..ShardSetConfig::default()
    };
    let shards = ShardSet::start(config, |_| Keyspace::new());
    let Ok(shards) = shards else {
        panic!("shards can be started");
    };
    let shards = Arc::new(shards);
    for key in keys {
        set(&shards, key.as_bytes());
    }
    shards
}

/// Sets a key to its own name.
pub(crate) fn set(shards: &Shards, key: &[u8]) {
    let key = Key::from(key);
    let shard = shards.shard_of(shard_hash(key.as_bytes()));
    let set = move |shard: &mut shard_runtime::Shard<Keyspace<Owned>>| {
        let value = Value::String(key.as_bytes().to_vec());
        let table = shard.state().database(0);
        table.insert(key, Owned::new(value, None));
    };
    assert!(shards.call(shard, set).is_ok(), "a shard has died");
}

pub(crate) type Contents = BTreeMap<(u32, Vec<u8>), Value>;

/// Everything the shards show.
///
/// # Panics
///
/// When one of them has died.
pub(crate) fn contents(shards: &Shards) -> Contents {
    let parts = shards.cut(PATIENCE, |shard| {
        let mut all = Contents::new();
        for (number, table) in shard.state_ref().databases() {
            for (key, value) in table {
                all.insert((number, key.as_bytes().to_vec()), value.get().clone());
            }
        }
        all
    });
    let Ok(parts) = parts else {
        panic!("a shard has died: {parts:?}");
    };
    parts.into_iter().flatten().collect()
}

/// A master of these shards.
pub(crate) fn master(shards: &Shards, network: &SimulatedNetwork) -> Master<Keyspace<Owned>> {
    let options = MasterOptions::new()
        .silence(Duration::from_secs(1))
        .detached(Duration::from_secs(1))
        .cut_every(Duration::from_millis(20));
    match Master::start(shards, &Address::Simulated(network.clone()), options) {
        Ok(master) => master,
        Err(error) => panic!("nobody else listens: {error}"),
    }
}

/// A replica of these shards.
pub(crate) fn replica(shards: &Shards, network: &SimulatedNetwork) -> Replica<Keyspace<Owned>> {
    let options = ReplicaOptions::new()
        .connect(Duration::from_millis(200))
        .retry(Duration::from_millis(20));
    Replica::start(shards, &Address::Simulated(network.clone()), options)
}

/// Waits until `copy` shows what `store` does.
///
/// # Panics
///
/// When it never does.
pub(crate) fn assert_equal(sim: SimulationHandle, store: &Shards, copy: &Shards) {
    let expected = contents(store);
    let until = sim.elapsed() + PATIENCE;
    while contents(copy) != expected {
        assert!(sim.elapsed() < until, "never equal");
        sim.sleep(MOMENT);
    }
}

/// Waits for one whole frame: its kind and its payload.
pub(crate) fn hear(socket: &SimulatedSocket) -> Option<(FrameKind, Vec<u8>)> {
    let mut heard = Vec::new();
    loop {
        if let Ok(Some((frame, _))) = Frame::split(&heard) {
            return Some((frame.kind, frame.payload.to_vec()));
        }
        // Byte by byte: what comes behind it is left.
        let mut byte = [0];
        match socket.read(&mut byte, MOMENT) {
            Ok(1) => heard.extend_from_slice(&byte),
            _ => return None,
        }
    }
}
