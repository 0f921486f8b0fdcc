//! What a snapshot that says it is done must be: the state at its cut, each entry exactly once.

use std::collections::BTreeMap;

use rdb_format::Reader;
use snapshot::{FromRdb, Report, SnapshotError};

use crate::store::{FIRST_AMOUNT, Ledger, Model, account_key, cut_key, turn_key};
use crate::value::Val;

/// What came of snapshots: how many ended in what way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Proof {
    /// Ends by their names, and how many there were of each.
    pub(crate) ends: BTreeMap<&'static str, u64>,
    /// The bytes of the last one that was exact.
    pub(crate) streams: Vec<Vec<u8>>,
    /// What that held.
    pub(crate) state: Model,
}

impl Proof {
    pub(crate) fn of_error(error: &SnapshotError) -> Self {
        Self::of(match error {
            SnapshotError::Cancelled => "cancelled",
            SnapshotError::Output { .. } => "full",
            SnapshotError::SinkStalled { .. } => "hung",
            SnapshotError::Sink { .. } => "crashed",
            SnapshotError::DeadlineExceeded { .. } => "too late",
            SnapshotError::BudgetSpent => "budget spent",
            SnapshotError::Cut { .. } => "no cut",
            SnapshotError::Encode { .. } => "not encoded",
            _ => "unknown",
        })
    }

    pub(crate) fn of(end: &'static str) -> Self {
        Self {
            ends: BTreeMap::from([(end, 1)]),
            ..Self::default()
        }
    }

    pub(crate) fn count(&mut self, what: &'static str, times: u64) {
        *self.ends.entry(what).or_default() += times;
    }

    pub(crate) fn add(&mut self, other: Self) {
        for (end, times) in other.ends {
            self.count(end, times);
        }
    }
}

/// Proves `streams`, one for all shards or one for each, that a snapshot of `shards` shards wrote.
///
/// # Panics
///
/// When they are not what was there at the cut.
pub(crate) fn of_streams(
    streams: &[Vec<u8>],
    shards: usize,
    report: &Report,
    ledger: &Ledger,
) -> Proof {
    let found: Vec<Model> = streams.iter().map(|stream| decode(stream)).collect();
    let cut = |shard: usize| {
        let stream = &found[shard % found.len()];
        stream.get(&(0, cut_key(shard))).map(|val| val.number)
    };
    let first = cut(0).expect("the snapshot does not say which cut it shows");
    for shard in 1..shards {
        assert_eq!(cut(shard), Some(first), "shard {shard} shows another cut");
    }
    let mut expected = vec![Model::new(); found.len()];
    for shard in 0..shards {
        let part = ledger.at_cut(shard, first).expect("there was such a cut");
        expected[shard % found.len()].extend(part);
    }
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(difference(found, expected), None, "at cut {first}");
    }
    let mut state = Model::new();
    state.extend(found.into_iter().flatten());
    assert_eq!(report.keys, state.len() as u64);
    assert_eq!(
        report.bytes,
        streams
            .iter()
            .map(|stream| stream.len() as u64)
            .sum::<u64>()
    );
    is_one_moment(&state, shards);
    let mut proof = Proof::of("exact");
    proof.count("riders", report.riders);
    proof.count("buckets by writes", report.buckets_by_writes);
    proof.count("buckets by traversal", report.buckets_by_traversal);
    proof.streams = streams.to_vec();
    proof.state = state;
    proof
}

/// Proves what the readers of all shards' streams had when these had passed a cut.
///
/// # Panics
///
/// When it is not what the shards had.
pub(crate) fn of_replicas(found: &[Model], ledger: &Ledger) {
    let shards = found.len();
    let cut = |shard: usize| {
        let number = found[shard].get(&(0, cut_key(shard)));
        number.map(|val| val.number)
    };
    let first = cut(0).expect("the replica does not say which cut it shows");
    let mut state = Model::new();
    for (shard, found) in found.iter().enumerate() {
        assert_eq!(cut(shard), Some(first), "shard {shard} shows another cut");
        let expected = ledger.at_cut(shard, first).expect("there was such a cut");
        assert_eq!(difference(found, &expected), None, "at cut {first}");
        state.extend(expected);
    }
    is_one_moment(&state, shards);
}

/// Proves what a replica showed when it had passed a cut of the master.
///
/// # Panics
///
/// When it is not what the master's shards had.
pub(crate) fn of_copy(found: &Model, ledger: &Ledger) {
    let first = found.get(&(0, cut_key(0))).map(|val| val.number);
    let first = first.expect("the replica does not say which cut it shows");
    let parts = (0..).map_while(|shard| ledger.at_cut(shard, first));
    let parts: Vec<Model> = parts.collect();
    let shards = parts.len();
    let expected: Model = parts.into_iter().flatten().collect();
    assert_eq!(difference(found, &expected), None, "at cut {first}");
    is_one_moment(found, shards);
}

/// Amounts add up, and turns were taken in order: across shards, too.
fn is_one_moment(state: &Model, shards: usize) {
    let numbers = |key: fn(usize) -> Vec<u8>| {
        let number = |shard| state[&(0, key(shard))].number;
        (0..shards).map(number).collect::<Vec<_>>()
    };
    let sum = numbers(account_key).into_iter().fold(0, u64::wrapping_add);
    assert_eq!(sum, FIRST_AMOUNT * shards as u64, "half of a transaction");
    let turns = numbers(turn_key);
    let in_order = turns.is_sorted_by(|earlier, later| earlier >= later);
    assert!(
        in_order && turns[0] <= turns[shards - 1] + 1,
        "an effect without its cause: {turns:?}"
    );
}

/// What a stream holds.
pub(crate) fn decode(stream: &[u8]) -> Model {
    let mut reader = Reader::from_slice(stream);
    let mut all = Model::new();
    while let Some(entry) = reader.next_entry().expect("a sound stream") {
        let val = Val::from_rdb(entry.value, entry.expire_at_ms).expect("a string or a list");
        let key = entry.key.escape_ascii().to_string();
        let before = all.insert((entry.db, entry.key), val);
        assert!(before.is_none(), "{key} stands twice");
    }
    all
}

/// The first difference between two states.
pub(crate) fn difference(found: &Model, expected: &Model) -> Option<String> {
    let of_key =
        |(database, key): &(u32, Vec<u8>)| format!("{} of database {database}", key.escape_ascii());
    for (key, val) in expected {
        match found.get(key) {
            None => return Some(format!("{} is missing", of_key(key))),
            Some(other) if other != val => {
                return Some(format!("{} is {other:?}, not {val:?}", of_key(key)));
            }
            Some(_) => {}
        }
    }
    let extra = found.keys().find(|key| !expected.contains_key(*key));
    extra.map(|key| format!("{} was not there", of_key(key)))
}
