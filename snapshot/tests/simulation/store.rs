//! The store that is simulated: small values, with a plain map beside the tables as oracle.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use snapshot::{Key, Keyspace, Store};

use crate::value::Val;

/// What a shard held in each of its databases.
pub(crate) type Model = BTreeMap<(u32, Vec<u8>), Val>;

/// The databases of every shard.
pub(crate) const DATABASES: u32 = 2;

/// What every account holds at first.
pub(crate) const FIRST_AMOUNT: u64 = 100;

/// What the tables hold.
pub(crate) fn contents(keyspace: &Keyspace<Val>) -> Model {
    let mut all = Model::new();
    for (database, table) in keyspace.databases() {
        for (key, val) in table {
            all.insert((database, key.as_bytes().to_vec()), val.clone());
        }
    }
    all
}

/// What every shard held at every cut, by its number on the shard.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<BTreeMap<(usize, u64), Model>>);

impl Ledger {
    pub(crate) fn at_cut(&self, shard: usize, cut: u64) -> Option<Model> {
        self.0.lock().unwrap().get(&(shard, cut)).cloned()
    }
}

/// The state of one shard: its tables, and a plain map that goes the same way.
#[derive(Debug)]
pub(crate) struct SimStore {
    shard: usize,
    keyspace: Keyspace<Val>,
    pub(crate) model: Model,
    cuts: u64,
    ledger: Arc<Ledger>,
}

impl Store for SimStore {
    type Value = Val;

    fn keyspace(&mut self) -> &mut Keyspace<Val> {
        &mut self.keyspace
    }

    /// Writes the number of the cut into the tables, so that a snapshot says which cut it shows.
    fn on_cut(&mut self) {
        self.cuts += 1;
        self.set(0, &cut_key(self.shard), Val::number(self.cuts));
        let mut ledger = self.ledger.0.lock().unwrap();
        ledger.insert((self.shard, self.cuts), self.model.clone());
    }
}

/// The key under which a shard keeps the number of its last cut.
pub(crate) fn cut_key(shard: usize) -> Vec<u8> {
    format!("cut of {shard}").into_bytes()
}

/// The key of a shard's account. Amounts are only ever moved.
pub(crate) fn account_key(shard: usize) -> Vec<u8> {
    format!("account of {shard}").into_bytes()
}

/// The key of a shard's turn: what one client writes to each shard in order, over and over.
pub(crate) fn turn_key(shard: usize) -> Vec<u8> {
    format!("turn of {shard}").into_bytes()
}

impl SimStore {
    /// A store whose cuts are counted from `cuts` on.
    pub(crate) fn new(shard: usize, cuts: u64, ledger: Arc<Ledger>) -> Self {
        let mut store = Self {
            shard,
            keyspace: Keyspace::new(),
            model: Model::new(),
            cuts,
            ledger,
        };
        store.set(0, &account_key(shard), Val::number(FIRST_AMOUNT));
        store.set(0, &turn_key(shard), Val::number(0));
        store
    }

    pub(crate) fn shard(&self) -> usize {
        self.shard
    }

    pub(crate) fn set(&mut self, database: u32, key: &[u8], val: Val) {
        let table = self.keyspace.database(database);
        table.insert(Key::from(key), val.clone());
        self.model.insert((database, key.to_vec()), val);
    }

    /// Changes a value in place, if it is there; the new number of those that were.
    pub(crate) fn update(
        &mut self,
        database: u32,
        key: &[u8],
        change: impl FnOnce(u64) -> u64,
    ) -> Option<u64> {
        let val = self.keyspace.database(database).get_mut(key)?;
        val.become_number(change(val.number));
        let changed = val.clone();
        let number = changed.number;
        self.model.insert((database, key.to_vec()), changed);
        Some(number)
    }

    pub(crate) fn delete(&mut self, database: u32, key: &[u8]) {
        let removed = self.keyspace.database(database).remove(key);
        let known = self.model.remove(&(database, key.to_vec()));
        assert_eq!(removed, known, "the table and its model differ");
    }

    /// Adds one to every number, in place, of a database without accounts.
    pub(crate) fn add_one_to_all(&mut self, database: u32) {
        assert!(database > 0, "the accounts are in database 0");
        for val in self.keyspace.database(database).values_mut() {
            val.become_number(val.number.wrapping_add(1));
        }
        for ((of, _), val) in &mut self.model {
            if *of == database {
                val.number = val.number.wrapping_add(1);
            }
        }
    }

    /// Drops what has expired.
    pub(crate) fn expire(&mut self, now_ms: i64) {
        let lives = |val: &Val| val.expire_at_ms.is_none_or(|at_ms| at_ms > now_ms);
        for database in 0..DATABASES {
            let table = self.keyspace.database(database);
            table.retain(|_, val| lives(val));
        }
        self.model.retain(|_, val| lives(val));
    }

    /// Drops everything; the account begins anew, and the turn goes on.
    pub(crate) fn flush(&mut self) {
        let turn = self.model[&(0, turn_key(self.shard))].clone();
        for database in 0..DATABASES {
            self.keyspace.database(database).clear();
        }
        self.model.clear();
        self.set(0, &account_key(self.shard), Val::number(FIRST_AMOUNT));
        self.set(0, &turn_key(self.shard), turn);
    }

    /// Drops everything, of accounts and turns too.
    pub(crate) fn forget(&mut self) {
        for database in 0..DATABASES {
            self.keyspace.database(database).clear();
        }
        self.model.clear();
    }

    /// Merges what fits.
    pub(crate) fn shrink(&mut self, database: u32) {
        self.keyspace.database(database).shrink_to_fit();
    }

    /// Drops what no encoder takes.
    pub(crate) fn drop_refusing(&mut self) {
        for database in 0..DATABASES {
            let table = self.keyspace.database(database);
            table.retain(|_, val| !val.refuses);
        }
        self.model.retain(|_, val| !val.refuses);
    }

    /// What the tables hold.
    pub(crate) fn contents(&self) -> Model {
        contents(&self.keyspace)
    }

    /// How many cuts are open in the tables, and how often segments were split and merged.
    pub(crate) fn table_facts(&mut self) -> (usize, u64, u64) {
        let mut facts = (0, 0, 0);
        for database in 0..DATABASES {
            let table = self.keyspace.database(database);
            let stats = table.stats();
            facts.0 += table.open_cuts().len();
            facts.1 += stats.splits;
            facts.2 += stats.merges;
        }
        facts
    }
}
