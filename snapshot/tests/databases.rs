//! Databases that are swapped, or taken away, while snapshots are under way.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod tiny_store;

use std::io::{self, Write};
use std::mem;
use std::sync::mpsc::{Receiver, Sender, channel};

use shard_runtime::{ShardSet, ShardSetConfig};
use snapshot::{Handle, Key, Keyspace, SnapshotError};

use crate::tiny_store::{Bytes, Memory, Model, decode, patient};

type Shards = ShardSet<Keyspace<Bytes>>;

/// A stream that waits for leave before it takes the first byte.
struct Gate {
    leave: Option<Receiver<()>>,
    memory: Memory,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(leave) = self.leave.take() {
            leave.recv().map_err(io::Error::other)?;
        }
        self.memory.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A snapshot whose traversals stop soon, as nothing is taken from them before `leave`.
struct Stopped {
    handle: Handle,
    leave: Sender<()>,
    memory: Memory,
}

impl Stopped {
    fn begin(shards: &Shards) -> Self {
        let (leave, wait) = channel();
        let memory = Memory::default();
        let gate = Gate {
            leave: Some(wait),
            memory: memory.clone(),
        };
        let snapshot = patient().budget_bytes(64 << 10);
        Self {
            handle: snapshot.to_writer(shards, gate).unwrap(),
            leave,
            memory,
        }
    }

    fn end(self) -> Result<Model, SnapshotError> {
        self.leave.send(()).unwrap();
        self.handle.wait()?;
        Ok(decode(&self.memory.take()).unwrap())
    }
}

/// One shard with many keys in databases 0 and 1, and what they hold.
fn start() -> (Shards, Model) {
    let config = ShardSetConfig {
        shards: 1,
        ..ShardSetConfig::default()
    };
    let shards = ShardSet::start(config, |_| Keyspace::new()).unwrap();
    let model = shards.call(0, |shard| {
        let mut model = Model::new();
        for number in 0..20_000_u32 {
            let (database, key) = (number % 2, number.to_string().into_bytes());
            let value = vec![b'.'; 100];
            let table = shard.state().database(database);
            table.insert(Key::from(key.as_slice()), Bytes::new(&value));
            model.insert((database, key), value.into());
        }
        model
    });
    (shards, model.unwrap())
}

/// The same keys with databases 0 and 1 swapped.
fn swapped(model: &Model) -> Model {
    let swap = |((database, key), value): (&(u32, Vec<u8>), &_)| {
        ((1 - database, key.clone()), std::sync::Arc::clone(value))
    };
    model.iter().map(swap).collect()
}

/// Changes one key of database 0, and says which.
fn change(shards: &Shards, key: &'static [u8]) {
    let change = shards.call(0, move |shard| {
        let old = shard.state().database(0);
        old.insert(Key::from(key), Bytes::new(b"changed")).is_some()
    });
    assert!(change.unwrap(), "the key was there");
}

#[test]
fn snapshot_shows_databases_as_they_were_before_a_swap() {
    let (shards, model) = start();
    let first = Stopped::begin(&shards);
    shards.call(0, |shard| shard.state().swap(0, 1)).unwrap();
    let second = Stopped::begin(&shards);
    // An odd number, which the swap brought into database 0.
    change(&shards, b"4711");
    assert_eq!(first.end().unwrap(), model);
    assert_eq!(second.end().unwrap(), swapped(&model));
}

#[test]
fn tables_swapped_by_hand_are_found() {
    let (shards, model) = start();
    let first = Stopped::begin(&shards);
    let swap = shards.call(0, |shard| {
        let mut other = Keyspace::new();
        mem::swap(shard.state().database(0), other.database(0));
        mem::swap(shard.state().database(1), other.database(0));
        mem::swap(shard.state().database(0), other.database(0));
    });
    swap.unwrap();
    let second = Stopped::begin(&shards);
    change(&shards, b"4711");
    assert_eq!(first.end().unwrap(), model);
    assert_eq!(second.end().unwrap(), swapped(&model));
}

#[test]
fn database_swapped_with_one_that_never_was_is_found() {
    let (shards, model) = start();
    let first = Stopped::begin(&shards);
    shards.call(0, |shard| shard.state().swap(1, 7)).unwrap();
    assert_eq!(first.end().unwrap(), model);
    let numbers = shards.call(0, |shard| {
        let used = shard.state().databases().map(|(number, _)| number);
        used.collect::<Vec<_>>()
    });
    assert_eq!(numbers.unwrap(), [0, 7]);
}

#[test]
fn snapshot_without_its_table_fails() {
    let (shards, _) = start();
    let first = Stopped::begin(&shards);
    let taken = shards.call(0, |shard| {
        let mut other = Keyspace::new();
        mem::swap(shard.state().database(1), other.database(0));
        other.len()
    });
    assert_eq!(taken.unwrap(), 10_000);
    let failed = first.end().unwrap_err();
    assert!(
        matches!(failed, SnapshotError::TableGone { database: 1 }),
        "{failed}"
    );
    // What is left can be saved.
    let second = Stopped::begin(&shards).end().unwrap();
    assert_eq!(second.len(), 10_000);
}
