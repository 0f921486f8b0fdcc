//! A master and a replica over real sockets, on real threads: whatever happens to connections, to
//! the master or to the replica, the replica is in the end what the master is.
#![cfg(feature = "replication")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rdb_format::Value;
use shard_runtime::{ShardSet, ShardSetConfig, Worker, spawn_named};
use snapshot::{
    Address, Key, Keyspace, Master, MasterOptions, Owned, Replica, ReplicaOptions, ReplicaState,
    ReplicationError, shard_hash,
};

type Shards = Arc<ShardSet<Keyspace<Owned>>>;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

fn shards(count: usize) -> Shards {
    let config = ShardSetConfig {
        shards: count,
        ..ShardSetConfig::default()
    };
    Arc::new(ShardSet::start(config, |_| Keyspace::new()).unwrap())
}

fn set(shards: &Shards, database: u32, key: &[u8], value: Vec<u8>) {
    let key = Key::from(key);
    let shard = shards.shard_of(shard_hash(key.as_bytes()));
    let set = move |shard: &mut shard_runtime::Shard<Keyspace<Owned>>| {
        let value = Owned::new(Value::String(value), None);
        shard.state().database(database).insert(key, value);
    };
    shards.send(shard, set).unwrap();
}

fn delete(shards: &Shards, database: u32, key: &[u8]) {
    let key = Key::from(key);
    let shard = shards.shard_of(shard_hash(key.as_bytes()));
    shards
        .send(shard, move |shard| {
            shard.state().database(database).remove(key.as_bytes());
        })
        .unwrap();
}

/// Everything there is, at one moment.
fn contents(shards: &Shards) -> BTreeMap<(u32, Vec<u8>), Value> {
    let parts = shards.cut(PATIENCE, |shard| {
        let mut all = Vec::new();
        for (number, table) in shard.state_ref().databases() {
            for (key, value) in table {
                all.push(((number, key.as_bytes().to_vec()), value.get().clone()));
            }
        }
        all
    });
    parts.unwrap().into_iter().flatten().collect()
}

fn fill(shards: &Shards, keys: u64) {
    for key in 0..keys {
        let value = vec![b'v'; usize::try_from(key % 90).unwrap()];
        set(
            shards,
            u32::from(key % 7 == 0),
            format!("key:{key}").as_bytes(),
            value,
        );
    }
    // Heavier than a frame, so that it comes in parts.
    set(
        shards,
        0,
        b"huge",
        (0..=255).cycle().take(3 << 20).collect(),
    );
}

/// Writes to random keys until it is told to stop.
struct Writer {
    stop: Arc<AtomicBool>,
    slowest: Worker<Duration>,
}

impl Writer {
    fn start(shards: &Shards, keys: u64) -> Self {
        let (stop, shards) = (Arc::new(AtomicBool::new(false)), Arc::clone(shards));
        let stopped = Arc::clone(&stop);
        let slowest = spawn_named("writer", move || {
            let mut slowest = Duration::ZERO;
            let mut random = 1_u64;
            while !stopped.load(Ordering::Relaxed) {
                random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                let key = format!("key:{}", (random >> 33) % keys);
                let since = Instant::now();
                match random >> 60 {
                    0..3 => delete(&shards, 0, key.as_bytes()),
                    3 => set(&shards, 3, key.as_bytes(), vec![b'n'; 20]),
                    4 if (random >> 50).trailing_zeros() >= 8 => {
                        set(&shards, 0, b"huge", vec![b'h'; 1 << 20]);
                    }
                    _ => set(&shards, 0, key.as_bytes(), random.to_le_bytes().to_vec()),
                }
                slowest = slowest.max(since.elapsed());
                if (random >> 50).trailing_zeros() >= 6 {
                    std::thread::sleep(Duration::from_micros(200));
                }
            }
            slowest
        });
        Self { stop, slowest }
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.slowest.join().unwrap();
    }
}

/// Waits until the replica shows what the master has, while nobody writes.
fn assert_equal(master: &Shards, replica: &Shards, of: &Replica<Keyspace<Owned>>) {
    let expected = contents(master);
    let until = Instant::now() + PATIENCE;
    loop {
        let found = contents(replica);
        if found == expected {
            return;
        }
        if Instant::now() > until {
            let missing = expected.iter().filter(|(key, _)| !found.contains_key(*key));
            let extra = found.keys().filter(|key| !expected.contains_key(*key));
            panic!(
                "{} keys and not {}; {} missing, {} too many; {:?}",
                found.len(),
                expected.len(),
                missing.count(),
                extra.count(),
                of.statistics()
            );
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn tcp() -> Address {
    "127.0.0.1:0".parse().unwrap()
}

fn options() -> MasterOptions {
    MasterOptions::new()
        .secret(b"secret")
        .cut_every(Duration::from_millis(20))
        .silence(Duration::from_secs(2))
}

fn replica_options() -> ReplicaOptions {
    ReplicaOptions::new()
        .secret(b"secret")
        .retry(Duration::from_millis(50))
}

#[test]
fn replica_of_fewer_equal_or_more_shards_becomes_what_the_master_is() {
    for (master_shards, replica_shards) in [(3, 1), (2, 2), (1, 3)] {
        let store = shards(master_shards);
        fill(&store, 20_000);
        let master = Master::start(&store, &tcp(), options()).unwrap();
        let writer = Writer::start(&store, 30_000);
        let copy = shards(replica_shards);
        set(&copy, 0, b"from before", vec![1]);
        let replica = Replica::start(&copy, master.address(), replica_options());
        assert!(replica.wait_synced(PATIENCE), "{:?}", replica.statistics());
        std::thread::sleep(Duration::from_millis(300));
        writer.stop();
        assert_equal(&store, &copy, &replica);
        let statistics = replica.statistics();
        assert_eq!(statistics.state, ReplicaState::Following);
        assert_eq!(
            (statistics.full_syncs, statistics.resumptions),
            (1, 0),
            "{statistics:?}"
        );
        let sessions = master.statistics();
        assert_eq!(sessions.len(), 1);
        assert_eq!(sessions[0].streams.len(), master_shards);
        assert!(sessions[0].cut_acknowledged() > 0, "{sessions:?}");
        replica.stop();
    }
}

#[test]
fn nothing_is_shown_before_all_streams_have_come_to_the_cut() {
    let store = shards(2);
    fill(&store, 50_000);
    let expected = contents(&store);
    let folder = tempfile::tempdir().unwrap();
    let address = Address::Unix(folder.path().join("socket"));
    let master = Master::start(&store, &address, options()).unwrap();
    let copy = shards(2);
    set(&copy, 0, b"from before", vec![1]);
    let before = contents(&copy);
    let replica = Replica::start(&copy, master.address(), replica_options());
    loop {
        let found = contents(&copy);
        if found == expected {
            break;
        }
        assert_eq!(found, before, "neither what was there nor what comes");
    }
    assert!(replica.wait_synced(PATIENCE));
}

#[test]
fn who_does_not_know_the_secret_gets_nothing_on_either_side() {
    let store = shards(1);
    set(&store, 0, b"key", vec![1]);
    let master = Master::start(&store, &tcp(), options()).unwrap();
    let copy = shards(1);
    let wrong = replica_options().secret(b"wrong");
    let replica = Replica::start(&copy, master.address(), wrong);
    assert!(!replica.wait_synced(Duration::from_millis(500)));
    let error = replica.statistics().last_error.unwrap();
    assert!(error.contains("secret"), "{error}");
    assert_eq!((contents(&copy).len(), master.statistics().len()), (0, 0));
}

/// Passes connections on, damages what passes, and cuts them off.
struct Proxy {
    address: Address,
    connections: Arc<Mutex<Vec<TcpStream>>>,
    // Bytes to pass on to the replica before one is damaged; 0 for none.
    damage_in: Arc<AtomicU64>,
    frozen: Arc<AtomicBool>,
}

impl Proxy {
    fn start(to: &Address) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string().parse().unwrap();
        let to = to.to_string();
        let proxy = Self {
            address,
            connections: Arc::default(),
            damage_in: Arc::default(),
            frozen: Arc::default(),
        };
        let connections = Arc::clone(&proxy.connections);
        let (damage_in, frozen) = (Arc::clone(&proxy.damage_in), Arc::clone(&proxy.frozen));
        spawn_named("proxy", move || {
            for inner in listener.incoming() {
                let inner = inner.unwrap();
                let Ok(outer) = TcpStream::connect(&to) else {
                    continue;
                };
                let mut known = connections.lock().unwrap();
                known.extend([inner.try_clone().unwrap(), outer.try_clone().unwrap()]);
                let back = (outer.try_clone().unwrap(), inner.try_clone().unwrap());
                let frozen = Arc::clone(&frozen);
                pass(inner, outer, Arc::default(), Arc::clone(&frozen));
                pass(back.0, back.1, Arc::clone(&damage_in), frozen);
            }
        });
        proxy
    }

    fn cut_off(&self) {
        for connection in self.connections.lock().unwrap().drain(..) {
            // It may be gone.
            drop(connection.shutdown(Shutdown::Both));
        }
    }
}

fn pass(
    mut from: TcpStream,
    mut to: TcpStream,
    damage_in: Arc<AtomicU64>,
    frozen: Arc<AtomicBool>,
) {
    spawn_named("pass", move || {
        let mut buffer = vec![0; 8192];
        loop {
            while frozen.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(5));
            }
            let Ok(read @ 1..) = from.read(&mut buffer) else {
                break;
            };
            let left = damage_in.load(Ordering::Relaxed);
            if left > 0 {
                let left = left.saturating_sub(read as u64);
                damage_in.store(left, Ordering::Relaxed);
                if left == 0 {
                    buffer[read / 2] ^= 0x10;
                }
            }
            if to.write_all(&buffer[..read]).is_err() {
                break;
            }
        }
        drop(from.shutdown(Shutdown::Both));
        drop(to.shutdown(Shutdown::Both));
    });
}

#[test]
fn replica_goes_on_where_it_was_when_connections_break_or_bytes_are_damaged() {
    let store = shards(2);
    fill(&store, 30_000);
    let master = Master::start(&store, &tcp(), options()).unwrap();
    let proxy = Proxy::start(master.address());
    let writer = Writer::start(&store, 40_000);
    let copy = shards(3);
    let replica = Replica::start(&copy, &proxy.address, replica_options());
    assert!(replica.wait_synced(PATIENCE), "{:?}", replica.statistics());
    for round in 1..=6 {
        if round % 2 == 0 {
            proxy.damage_in.store(20_000, Ordering::Relaxed);
        } else {
            proxy.cut_off();
        }
        let until = Instant::now() + PATIENCE;
        while replica.statistics().resumptions < round {
            assert!(
                Instant::now() < until,
                "{round}: {:?}",
                replica.statistics()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    writer.stop();
    assert_equal(&store, &copy, &replica);
    assert_eq!(
        replica.statistics().full_syncs,
        1,
        "{:?}",
        replica.statistics()
    );
}

#[test]
fn frozen_replica_costs_the_master_no_more_than_its_budget_and_is_filled_anew() {
    let store = shards(2);
    fill(&store, 20_000);
    let master = options().budget_bytes(2 << 20);
    let master = Master::start(&store, &tcp(), master).unwrap();
    let proxy = Proxy::start(master.address());
    let copy = shards(1);
    let replica = Replica::start(&copy, &proxy.address, replica_options());
    assert!(replica.wait_synced(PATIENCE), "{:?}", replica.statistics());
    proxy.frozen.store(true, Ordering::Relaxed);
    let until = Instant::now() + PATIENCE;
    let mut key = 0_u64;
    while !master.statistics().is_empty() {
        assert!(Instant::now() < until, "{:?}", master.statistics());
        // New keys, so that they cannot be told as one.
        for _ in 0..1000 {
            key += 1;
            set(&store, 0, format!("new:{key}").as_bytes(), vec![b'n'; 50]);
        }
    }
    proxy.frozen.store(false, Ordering::Relaxed);
    assert_equal(&store, &copy, &replica);
    assert_eq!(
        replica.statistics().full_syncs,
        2,
        "{:?}",
        replica.statistics()
    );
}

#[test]
fn replica_follows_the_master_that_takes_the_place_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let address = Address::Unix(path.clone());
    let store = shards(3);
    fill(&store, 5000);
    let master = Master::start(&store, &address, options()).unwrap();
    let copy = shards(2);
    let replica = Replica::start(&copy, &address, replica_options());
    assert!(replica.wait_synced(PATIENCE), "{:?}", replica.statistics());
    drop(master);
    std::fs::remove_file(&path).unwrap();
    let other = shards(2);
    fill(&other, 700);
    let _master = Master::start(&other, &address, options()).unwrap();
    assert_equal(&other, &copy, &replica);
    assert_eq!(replica.statistics().full_syncs, 2);
}

#[test]
fn databases_that_are_swapped_or_taken_fill_the_replica_anew() {
    let store = shards(2);
    fill(&store, 2000);
    let master = Master::start(&store, &tcp(), options()).unwrap();
    let copy = shards(1);
    let replica = Replica::start(&copy, master.address(), replica_options());
    assert!(replica.wait_synced(PATIENCE), "{:?}", replica.statistics());
    store
        .cut(PATIENCE, |shard| shard.state().swap(0, 1))
        .unwrap();
    assert_equal(&store, &copy, &replica);
    assert_eq!(replica.statistics().full_syncs, 2);
    let taken = store.cut(PATIENCE, |shard| shard.state().take(0).is_some());
    assert_eq!(taken.unwrap(), [true, true]);
    set(&store, 0, b"after", vec![1]);
    assert_equal(&store, &copy, &replica);
    assert_eq!(replica.statistics().full_syncs, 3);
}

#[test]
fn master_survives_whatever_connects() {
    let store = shards(1);
    set(&store, 0, b"key", vec![1]);
    let master = Master::start(&store, &tcp(), options()).unwrap();
    let address = master.address().to_string();
    let mut random = 7_u64;
    for length in (0..200).chain([5000, 100_000]) {
        let mut bytes = Vec::new();
        for _ in 0..length {
            random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            bytes.push((random >> 56) as u8);
        }
        let mut connection = TcpStream::connect(&address).unwrap();
        // It may hang up while we speak.
        drop(connection.write_all(&bytes));
    }
    let copy = shards(1);
    let replica = Replica::start(&copy, master.address(), replica_options());
    assert!(replica.wait_synced(PATIENCE), "{:?}", replica.statistics());
    assert_equal(&store, &copy, &replica);
}

#[test]
fn master_without_a_secret_serves_this_machine_only() {
    let store = shards(1);
    let everywhere: Address = "0.0.0.0:0".parse().unwrap();
    let start = |address: &Address, options| Master::start(&store, address, options);
    let refused = start(&everywhere, MasterOptions::new()).unwrap_err();
    assert!(
        matches!(refused, ReplicationError::Unprotected { .. }),
        "{refused}"
    );
    start(&tcp(), MasterOptions::new()).unwrap();
    start(&everywhere, MasterOptions::new().secret(b"secret")).unwrap();
    start(&everywhere, MasterOptions::new().without_secret_for_all()).unwrap();
}

#[test]
fn backlog_on_the_disk_is_as_good_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    let store = shards(2);
    fill(&store, 20_000);
    let options = options().backlog_bytes(256 << 10);
    let options = options.backlog_on_disk(folder.path(), 1 << 30);
    let master = Master::start(&store, &tcp(), options.clone()).unwrap();
    let refused = Master::start(&store, &tcp(), options).unwrap_err();
    assert!(
        matches!(refused, ReplicationError::Spill { .. }),
        "{refused}"
    );
    let proxy = Proxy::start(master.address());
    let writer = Writer::start(&store, 30_000);
    let copy = shards(2);
    let replica = Replica::start(&copy, &proxy.address, replica_options());
    assert!(replica.wait_synced(PATIENCE), "{:?}", replica.statistics());
    for round in 1..=3 {
        proxy.cut_off();
        let until = Instant::now() + PATIENCE;
        while replica.statistics().resumptions < round {
            assert!(Instant::now() < until, "{:?}", replica.statistics());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    writer.stop();
    assert_equal(&store, &copy, &replica);
    assert_eq!(replica.statistics().full_syncs, 1);
    replica.stop();
    drop(master);
    let until = Instant::now() + PATIENCE;
    // The lock stays.
    while files() > 1 {
        assert!(Instant::now() < until, "{} files are left", files());
        std::thread::sleep(Duration::from_millis(10));
    }
}
