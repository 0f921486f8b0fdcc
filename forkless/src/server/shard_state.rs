//! The state of a shard of the server: its databases, and what is left of flushed ones.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::task::Waker;
use std::time::{SystemTime, UNIX_EPOCH};

use shard_runtime::{Budget, Shard, Step, Task};
use snapshot::{Applied, Key, Keyspace, Store, Table, Value};

use crate::object::Object;
use crate::server::database::Database;
use crate::server::role::{CurrentRole, Role};
use crate::server::tally::Tally;

/// How many databases there are.
pub(crate) const DATABASES: u32 = 16;

/// A database of so many keys is emptied key by key while replicas follow.
const CLEARED_AT_ONCE_MAX: usize = 1000;

/// What is dropped of a flushed table before the time is looked at.
const DROPPED_AT_ONCE: usize = 64;

/// The keys of one shard, and what it counts.
pub(crate) struct ShardState {
    keyspace: Keyspace<Object>,
    role: Arc<CurrentRole>,
    /// How many keys of each database expire.
    expiring: Vec<usize>,
    pub(crate) tally: Tally,
    /// What is left of flushed tables that nobody reads any more.
    flushed: VecDeque<Entries>,
    /// Where the search for keys whose time has come goes on.
    pub(crate) sweep: SweepPlace,
    /// Whether that search is under way.
    pub(crate) is_swept: bool,
}

/// What a table held that is no more.
type Entries = Box<dyn Iterator<Item = (Key, Object)>>;

/// A place in the databases of a shard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SweepPlace {
    pub(crate) database: u32,
    pub(crate) cursor: u64,
}

impl ShardState {
    /// Without keys, on a server of this role.
    pub(crate) fn new(role: &Arc<CurrentRole>) -> Self {
        Self {
            keyspace: Keyspace::new(),
            role: Arc::clone(role),
            expiring: vec![0; DATABASES as usize],
            tally: Tally::default(),
            flushed: VecDeque::new(),
            sweep: SweepPlace::default(),
            is_swept: false,
        }
    }

    /// Database `number`, below [`DATABASES`], at this time.
    #[inline]
    pub(crate) fn database(&mut self, number: u32, now_ms: i64) -> Database<'_> {
        Database::new(
            self.keyspace.database(number),
            &mut self.expiring[number as usize],
            &mut self.tally,
            (self.role.get(), now_ms),
        )
    }

    /// Asks the memory for what tells whether `key` is there.
    #[inline]
    pub(crate) fn prefetch(&mut self, number: u32, key: &[u8]) {
        self.keyspace.database(number).prefetch(key);
    }

    /// How many keys there are in database `number`, and how many of them expire.
    pub(crate) fn sizes(&mut self, number: u32) -> (usize, usize) {
        let keys = self.keyspace.database(number).len();
        (keys, self.expiring[number as usize])
    }

    /// Whether there may be keys that expire, and are ours to remove.
    pub(crate) fn may_sweep(&self) -> bool {
        self.role.get() == Role::Master && self.expiring.iter().any(|keys| *keys > 0)
    }

    /// Counts once more how many keys expire, after a load; nothing of it counts as changed.
    pub(crate) fn recount(&mut self) {
        self.tally.changes = 0;
        self.tally.changes_at_cut = 0;
        for number in 0..DATABASES {
            let table = self.keyspace.database(number);
            let expiring = table
                .iter()
                .filter(|(_, value)| value.expire_at_ms().is_some());
            self.expiring[number as usize] = expiring.count();
        }
    }

    /// Empties a database in O(1): what it held is dropped later, and shown by open snapshots as
    /// it was at their cuts.
    ///
    /// If replicas follow and it holds little, they are told its keys one by one; otherwise they
    /// are filled anew.
    pub(crate) fn flush(&mut self, number: u32) -> usize {
        let table = self.keyspace.database(number);
        let keys = table.len();
        self.tally.changes += keys as u64;
        self.expiring[number as usize] = 0;
        if keys == 0 {
            return 0;
        }
        if keys <= CLEARED_AT_ONCE_MAX && self.keyspace.has_streams() {
            self.keyspace.database(number).clear();
        } else {
            let table = self.keyspace.retire(number);
            self.discard(table.into_iter().collect());
        }
        keys
    }

    /// Begins to drop flushed tables that no snapshot reads any more.
    pub(crate) fn drop_retired(&mut self) {
        let tables = self.keyspace.take_retired();
        self.discard(tables);
    }

    /// Whether something of flushed tables is still to be dropped.
    pub(crate) fn any_flushed(&self) -> bool {
        !self.flushed.is_empty()
    }
}

impl fmt::Debug for ShardState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ShardState")
            .field("keys", &self.keyspace.len())
            .field("tally", &self.tally)
            .field("flushed", &self.flushed.len())
            .finish_non_exhaustive()
    }
}

impl Store for ShardState {
    type Value = Object;

    fn keyspace(&mut self) -> &mut Keyspace<Object> {
        &mut self.keyspace
    }

    fn on_cut(&mut self) {
        self.tally.changes_at_cut = self.tally.changes;
    }

    /// No snapshot begins, so nothing of what has changed is saved.
    fn on_stream_cut(&mut self) {}

    fn on_replaced(&mut self) {
        self.expiring.fill(0);
        self.role.follow();
    }

    fn on_applied(&mut self, applied: &Applied) {
        self.tally.changes += applied.changes;
        for &(number, change) in &applied.expiring {
            if let Some(expiring) = self.expiring.get_mut(number as usize) {
                *expiring = expiring.saturating_add_signed(isize::try_from(change).unwrap_or(0));
            }
        }
    }

    fn discard(&mut self, tables: Vec<Table<Object>>) {
        let entries = tables
            .into_iter()
            .map(|table| Box::new(table.into_iter()) as Entries);
        self.flushed.extend(entries);
    }
}

/// Drops what flushed tables held, some at a time.
#[derive(Debug)]
pub(crate) struct DropFlushed;

impl Task<ShardState> for DropFlushed {
    fn step(&mut self, shard: &mut Shard<ShardState>, budget: &Budget, _: &Waker) -> Step {
        let flushed = &mut shard.state().flushed;
        while let Some(entries) = flushed.front_mut() {
            if entries.by_ref().take(DROPPED_AT_ONCE).count() < DROPPED_AT_ONCE {
                flushed.pop_front();
            }
            if budget.is_spent() {
                return Step::Again;
            }
        }
        Step::Done
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Text;

    fn fill(state: &mut ShardState, number: u32, keys: u32) {
        for key in 0..keys {
            let object = Object::String(Text::from(&b"value"[..])).expiring(Some(5));
            state.database(number, 0).set(&key.to_le_bytes(), object);
        }
    }

    #[test]
    fn flushed_database_is_empty_at_once() {
        let mut state = ShardState::new(&Arc::default());
        fill(&mut state, 3, 100);
        assert_eq!(state.sizes(3), (100, 100));
        assert_eq!(state.flush(3), 100);
        assert_eq!(state.sizes(3), (0, 0));
        assert!(!state.may_sweep() && state.any_flushed());
        assert_eq!(state.tally.changes, 100);
    }

    #[test]
    fn flushed_database_stays_while_a_cut_is_open() {
        let mut state = ShardState::new(&Arc::default());
        fill(&mut state, 3, 100);
        // Opened on the table itself, so it is never closed.
        state.keyspace.database(3).cut();
        state.flush(3);
        assert_eq!((state.sizes(3), state.keyspace.len()), ((0, 0), 0));
        state.drop_retired();
        assert!(!state.any_flushed());
    }

    #[test]
    fn what_a_replica_is_told_is_counted() {
        let mut state = ShardState::new(&Arc::default());
        fill(&mut state, 1, 7);
        state.role.fill();
        state.on_replaced();
        assert_eq!(state.role.get(), Role::Following);
        let mut applied = Applied::default();
        applied.changes = 5;
        applied.expiring = vec![(1, 3), (1 << 24, 1)];
        state.on_applied(&applied);
        assert_eq!((state.sizes(1), state.tally.changes), ((7, 3), 5));
    }

    #[test]
    fn keys_that_expire_are_counted_after_a_load() {
        let mut state = ShardState::new(&Arc::default());
        fill(&mut state, 1, 7);
        state.expiring[1] = 0;
        state.recount();
        assert_eq!(state.sizes(1), (7, 7));
    }
}
