//! Clients move amounts between accounts on different shards, in transactions, while snapshots are
//! taken in a loop, two at a time: every snapshot, loaded back, sums up.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod tiny_store;

use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use shard_runtime::{Shard, ShardSet, ShardSetConfig, Worker, spawn_named};
use snapshot::{Handle, Key, Keyspace, shard_hash};

use crate::tiny_store::{Bytes, Memory, PATIENCE, patient, patient_load};

type Shards = ShardSet<Keyspace<Bytes>>;

const CLIENTS: u64 = 4;
const ACCOUNTS: u64 = 400;
const FIRST_AMOUNT: i64 = 1000;

/// Accounts heavier than what is encoded on the shard ride to the sink.
const HEAVY_BYTES: usize = snapshot::RIDER_BYTES + 100;

fn account(number: u64) -> Vec<u8> {
    format!("account:{number}").into_bytes()
}

/// An amount, followed by padding: of every tenth account so much that it is frozen.
fn balance(number: u64, amount: i64) -> Bytes {
    let mut bytes = amount.to_le_bytes().to_vec();
    bytes.resize(
        if number.is_multiple_of(10) {
            HEAVY_BYTES
        } else {
            60
        },
        b'.',
    );
    Bytes::new(&bytes)
}

fn amount(value: &Bytes) -> i64 {
    i64::from_le_bytes(*value.as_bytes().first_chunk().unwrap())
}

fn start(shards: usize) -> Arc<Shards> {
    let config = ShardSetConfig {
        shards,
        // Slices so short that many transactions come in between.
        task_slice: Duration::from_micros(5),
        ..ShardSetConfig::default()
    };
    Arc::new(ShardSet::start(config, |_| Keyspace::new()).unwrap())
}

/// Opens all accounts, each in its shard.
fn open_accounts(shards: &Shards) {
    for number in 0..ACCOUNTS {
        let key = account(number);
        let open = move |shard: &mut Shard<Keyspace<Bytes>>| {
            let value = balance(number, FIRST_AMOUNT);
            shard
                .state()
                .database(0)
                .insert(Key::from(key.as_slice()), value);
        };
        let shard = shards.shard_of(shard_hash(&account(number)));
        shards.call(shard, open).unwrap();
    }
}

/// One half of a move.
struct Half {
    number: u64,
    change: i64,
}

impl Half {
    fn apply(self, keyspace: &mut Keyspace<Bytes>) {
        let key = account(self.number);
        let value = keyspace.database(0).get_mut(key.as_slice()).unwrap();
        *value = balance(self.number, amount(value) + self.change);
    }
}

/// Moves amounts, and creates and deletes keys around them so that segments split and merge.
/// Counts the moves.
fn run_client(shards: &Shards, client: u64, stop: &AtomicBool, moves: &AtomicU64) {
    let mut random = client;
    let mut next = |bound: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(client * 2 + 1);
        (random >> 33) % bound
    };
    // Relaxed: a flag and a count that order nothing.
    while !stop.load(Ordering::Relaxed) {
        let (from, to) = (next(ACCOUNTS), next(ACCOUNTS));
        let shard = |number| shards.shard_of(shard_hash(&account(number)));
        if shard(from) != shard(to) {
            let change = i64::try_from(next(50)).unwrap();
            let half = |number, change| (shard(number), Half { number, change });
            let parts = [half(from, -change), half(to, change)];
            let apply = |shard: &mut Shard<Keyspace<Bytes>>, half: Half| half.apply(shard.state());
            shards.transact(PATIENCE, parts, apply).unwrap();
            moves.fetch_add(1, Ordering::Relaxed);
        }
        let other = format!("other:{client}:{}", next(3000)).into_bytes();
        let is_new = next(3) > 0;
        let shard = shards.shard_of(shard_hash(&other));
        let churn = move |shard: &mut Shard<Keyspace<Bytes>>| {
            let table = shard.state().database(0);
            if is_new {
                table.insert(Key::from(other.as_slice()), Bytes::new(b"other"));
            } else {
                table.remove(other.as_slice());
            }
        };
        shards.send(shard, churn).unwrap();
    }
}

/// What all accounts hold together, by the stream alone: it is loaded into shards of its own.
fn total(stream: Vec<u8>) -> i64 {
    let copy = start(2);
    patient_load()
        .from_reader(Cursor::new(stream), &copy)
        .unwrap();
    let sums = copy.cut(PATIENCE, |shard| {
        let accounts = shard.state().database(0).iter();
        let accounts = accounts.filter(|(key, _)| key.as_bytes().starts_with(b"account:"));
        let (mut sum, mut count) = (0, 0);
        for (_, value) in accounts {
            sum += amount(value);
            count += 1;
        }
        (sum, count)
    });
    let sums = sums.unwrap();
    let count: u64 = sums.iter().map(|(_, count)| count).sum();
    assert_eq!(count, ACCOUNTS, "every account is there once");
    sums.iter().map(|(sum, _)| sum).sum()
}

fn begin(shards: &Shards, budget_bytes: usize) -> (Handle, Memory) {
    let memory = Memory::default();
    let snapshot = patient().budget_bytes(budget_bytes);
    (snapshot.to_writer(shards, memory.clone()).unwrap(), memory)
}

#[test]
fn every_snapshot_sums_up_while_amounts_move() {
    let shards = start(3);
    open_accounts(&shards);
    let stop = Arc::new(AtomicBool::new(false));
    let moves = Arc::new(AtomicU64::new(0));
    let client = |client| {
        let (shards, stop, moves) = (Arc::clone(&shards), Arc::clone(&stop), Arc::clone(&moves));
        spawn_named("client", move || run_client(&shards, client, &stop, &moves))
    };
    let clients: Vec<Worker<()>> = (1..=CLIENTS).map(client).collect();
    let rounds = if cfg!(debug_assertions) { 30 } else { 60 };
    let (mut round, mut by_writes) = (0, 0);
    // Until the clients have got going, however late that is.
    while round < rounds || by_writes == 0 || moves.load(Ordering::Relaxed) == 0 {
        let first = begin(&shards, [1 << 16, 1 << 20][round % 2]);
        std::thread::sleep(Duration::from_micros(100 * (round as u64 % 5)));
        let second = begin(&shards, 1 << 20);
        for (handle, memory) in [first, second] {
            by_writes += handle.wait().unwrap().buckets_by_writes;
            assert_eq!(total(memory.take()), FIRST_AMOUNT * ACCOUNTS.cast_signed());
        }
        round += 1;
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().unwrap();
    }
}
