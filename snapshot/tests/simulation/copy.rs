//! The store of a replica: what it showed at each cut that it passed.

use std::sync::{Arc, Mutex};

use snapshot::{Keyspace, Store};

use crate::store::{Ledger, Model};
use crate::value::Val;
use crate::{proof, store};

/// What the shards of a replica showed at the cuts that they have passed.
#[derive(Debug)]
pub(crate) struct Seen {
    ledger: Arc<Ledger>,
    shards: usize,
    passing: Mutex<Passing>,
}

/// A cut that some shards have passed, and how many there were before.
#[derive(Debug, Default)]
struct Passing {
    cuts: u64,
    shards: usize,
    state: Model,
}

impl Seen {
    pub(crate) fn new(shards: usize, ledger: &Arc<Ledger>) -> Arc<Self> {
        Arc::new(Self {
            ledger: Arc::clone(ledger),
            shards,
            passing: Mutex::default(),
        })
    }

    /// How many cuts the replica has passed; it was at each of them what the master had been.
    pub(crate) fn cuts(&self) -> u64 {
        self.passing.lock().unwrap().cuts
    }

    fn pass(&self, part: Model) {
        let mut passing = self.passing.lock().unwrap();
        passing.state.extend(part);
        passing.shards += 1;
        if passing.shards == self.shards {
            proof::of_copy(&passing.state, &self.ledger);
            *passing = Passing {
                cuts: passing.cuts + 1,
                ..Passing::default()
            };
        }
    }
}

/// The state of one shard of a replica.
#[derive(Debug)]
pub(crate) struct CopyStore {
    keyspace: Keyspace<Val>,
    seen: Arc<Seen>,
}

impl CopyStore {
    /// A store with a key that no master has.
    pub(crate) fn new(shard: usize, seen: Arc<Seen>) -> Self {
        let mut keyspace = Keyspace::new();
        let key = format!("before {shard}");
        let table = keyspace.database(0);
        table.insert(key.as_bytes().into(), Val::number(1));
        Self { keyspace, seen }
    }

    /// What it shows.
    pub(crate) fn contents(&self) -> Model {
        store::contents(&self.keyspace)
    }
}

impl Store for CopyStore {
    type Value = Val;

    fn keyspace(&mut self) -> &mut Keyspace<Val> {
        &mut self.keyspace
    }

    fn on_stream_cut(&mut self) {
        let contents = self.contents();
        self.seen.pass(contents);
    }
}
