//! The state of a shard of the server: its databases, and what is left of flushed ones.

use std::collections::VecDeque;
use std::fmt;
use std::task::Waker;
use std::time::{SystemTime, UNIX_EPOCH};

use shard_runtime::{Budget, Shard, Step, Task};
use snapshot::{Key, Keyspace, Store, Value};

use crate::object::Object;
use crate::server::database::Database;
use crate::server::tally::Tally;

/// How many databases there are.
pub(crate) const DATABASES: u32 = 16;

/// Flushed tables that a snapshot still reads have numbers from here on.
const HIDDEN_FROM: u32 = 1 << 24;

/// What is dropped of a flushed table before the time is looked at.
const DROPPED_AT_ONCE: usize = 64;

/// The keys of one shard, and what it counts.
pub(crate) struct ShardState {
    keyspace: Keyspace<Object>,
    /// How many keys of each database expire.
    expiring: Vec<usize>,
    pub(crate) tally: Tally,
    /// Numbers under which flushed tables stand that a snapshot still reads.
    hidden: Vec<u32>,
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
    pub(crate) fn new() -> Self {
        Self {
            keyspace: Keyspace::new(),
            expiring: vec![0; DATABASES as usize],
            tally: Tally::default(),
            hidden: Vec::new(),
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
            now_ms,
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

    /// Whether any key expires.
    pub(crate) fn any_expiring(&self) -> bool {
        self.expiring.iter().any(|keys| *keys > 0)
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
    pub(crate) fn flush(&mut self, number: u32) -> usize {
        let table = self.keyspace.database(number);
        let keys = table.len();
        self.tally.changes += keys as u64;
        self.expiring[number as usize] = 0;
        if keys == 0 {
            return 0;
        }
        if table.open_cuts().is_empty() {
            self.drop_later(number);
        } else {
            let mut numbers = HIDDEN_FROM..;
            if let Some(hidden) = numbers.find(|number| !self.hidden.contains(number)) {
                self.keyspace.swap(number, hidden);
                self.hidden.push(hidden);
            }
        }
        keys
    }

    /// Takes the flushed tables out of the keyspace that no snapshot reads any more.
    pub(crate) fn unhide(&mut self) {
        for number in std::mem::take(&mut self.hidden) {
            if self.keyspace.database(number).open_cuts().is_empty() {
                self.drop_later(number);
            } else {
                self.hidden.push(number);
            }
        }
    }

    fn drop_later(&mut self, number: u32) {
        if let Some(table) = self.keyspace.take(number) {
            self.flushed.push_back(Box::new(table.into_iter()));
        }
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
        self.unhide();
        // What is flushed is in no snapshot that begins now, whoever else still reads it.
        for number in &self.hidden {
            self.keyspace.database(*number).clear();
        }
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
        let mut state = ShardState::new();
        fill(&mut state, 3, 100);
        assert_eq!(state.sizes(3), (100, 100));
        assert_eq!(state.flush(3), 100);
        assert_eq!(state.sizes(3), (0, 0));
        assert!(!state.any_expiring() && state.any_flushed());
        assert_eq!(state.tally.changes, 100);
    }

    #[test]
    fn flushed_database_stays_while_a_cut_is_open() {
        let mut state = ShardState::new();
        fill(&mut state, 3, 100);
        let cut = state.keyspace.database(3).cut();
        state.flush(3);
        assert_eq!(state.sizes(3), (0, 0));
        assert_eq!(state.keyspace.len(), 100);
        state.unhide();
        assert!(!state.any_flushed());
        state.keyspace.database(HIDDEN_FROM).close(cut);
        state.unhide();
        assert!(state.any_flushed());
        assert_eq!(state.keyspace.len(), 0);
    }

    #[test]
    fn cut_finds_nothing_of_what_is_flushed() {
        let mut state = ShardState::new();
        fill(&mut state, 0, 100);
        let cut = state.keyspace.database(0).cut();
        state.flush(0);
        state.on_cut();
        assert_eq!(state.keyspace.len(), 0);
        assert_eq!(state.keyspace.database(HIDDEN_FROM).open_cuts(), [cut]);
        assert_eq!(state.tally.changes_at_cut, 100);
    }

    #[test]
    fn keys_that_expire_are_counted_after_a_load() {
        let mut state = ShardState::new();
        fill(&mut state, 1, 7);
        state.expiring[1] = 0;
        state.recount();
        assert_eq!(state.sizes(1), (7, 7));
    }
}
