//! Those who follow the streams of all shards, and compare what they have with every cut.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdb_format::Dialect;
use shard_runtime::{SimulationHandle, Worker, spawn_named};
use snapshot::{
    Frame, FromRdb, Record, Relaxed, SnapshotError, StreamDecoder, StreamSource, Streams, Telling,
};

use crate::clients::{PATIENCE, Shape, Shards, pick};
use crate::proof::{self, Proof};
use crate::store::{Ledger, Model};
use crate::value::Val;

/// How long somebody who hangs is let be before another look.
const REST: Duration = Duration::from_millis(10);

/// How a stream is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// As fast as it comes.
    Quick,
    /// Sometimes with a pause.
    Slow,
    /// With one pause in which budgets are spent.
    Hangs,
    /// For a while, and then no more.
    GoesAway,
    /// For a while, and then not before everything else is done.
    HangsOn,
}

/// How streams are followed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Following {
    budget_bytes: usize,
    cuts: u64,
    reading: Reading,
    telling: Telling,
    stopped_early: bool,
}

impl Following {
    pub(crate) fn of_seed(sim: SimulationHandle) -> Self {
        Self {
            budget_bytes: pick(sim, &[2 << 10, 16 << 10, 256 << 10, 1 << 20, 1 << 20]),
            cuts: 1 + sim.below(5),
            reading: pick(
                sim,
                &[
                    Reading::Quick,
                    Reading::Quick,
                    Reading::Slow,
                    Reading::Hangs,
                    Reading::GoesAway,
                    Reading::HangsOn,
                ],
            ),
            telling: pick(sim, &[Telling::Deltas, Telling::Deltas, Telling::Whole]),
            stopped_early: sim.below(16) == 0,
        }
    }

    /// Whether they are read on only when everything else is done.
    pub(crate) fn hangs_on(&self) -> bool {
        self.reading == Reading::HangsOn
    }

    /// Whether the streams can have ended in this way.
    fn explains(&self, error: &SnapshotError, shape: Shape) -> bool {
        match error {
            SnapshotError::Cancelled => self.reading == Reading::GoesAway,
            SnapshotError::BudgetSpent => true,
            SnapshotError::Encode { .. } => shape.refusing,
            _ => false,
        }
    }
}

/// What each reader had when its stream passed each cut, by shard and cut.
type States = Arc<Mutex<BTreeMap<(usize, u64), Model>>>;

/// What one stream has said.
struct Replica {
    decoder: StreamDecoder,
    state: Model,
    deltas: u64,
}

impl Replica {
    fn new() -> Self {
        Self {
            decoder: StreamDecoder::new(9, Dialect::Redis),
            state: Model::new(),
            deltas: 0,
        }
    }

    fn apply(&mut self, record: Record) {
        match record {
            Record::Set {
                database,
                key,
                value,
                expire_at_ms,
            } => {
                let val = Val::from_rdb(value, expire_at_ms).expect("a string or a list");
                self.state.insert((database, key), val);
            }
            Record::Delete { database, key } => {
                self.state.remove(&(database, key));
            }
            Record::Delta {
                database,
                key,
                delta,
            } => {
                self.deltas += 1;
                let val = self.state.get_mut(&(database, key));
                let understood = val.is_some_and(|val| val.apply_delta(&delta));
                assert!(understood, "a delta to what is not there");
            }
            other => panic!("nobody writes that: {other:?}"),
        }
    }

    /// Takes whole frames; the cuts that were passed, and what there was then.
    fn take(&mut self, mut bytes: &[u8]) -> Vec<(u64, Model)> {
        let mut passed = Vec::new();
        while let Some((frame, rest)) = Frame::split(bytes).expect("a sound frame") {
            let mut records = Vec::new();
            let cut = self.decoder.take(frame, |record| records.push(record));
            for record in records {
                self.apply(record);
            }
            if let Some(cut) = cut.expect("a sound stream") {
                passed.push((cut, self.state.clone()));
            }
            bytes = rest;
        }
        assert_eq!(bytes.len(), 0, "half of a frame");
        passed
    }
}

/// Reads a stream to its end; how many deltas there were in it.
fn read(
    sim: SimulationHandle,
    mut source: StreamSource,
    (reading, states, done): (Reading, &States, &AtomicBool),
) -> u64 {
    let mut replica = Replica::new();
    let mut left = 1 + sim.below(40);
    loop {
        let until = Some(sim.now() + Duration::from_millis(50));
        let Ok(frames) = source.next(until) else {
            return replica.deltas;
        };
        let passed = replica.take(frames);
        for (cut, state) in passed {
            states.lock().unwrap().insert((source.shard(), cut), state);
        }
        match reading {
            Reading::Slow if sim.below(4) == 0 => {
                sim.sleep(Duration::from_micros(sim.below(2000)));
            }
            Reading::Hangs | Reading::GoesAway if left == 0 => {
                if reading == Reading::GoesAway {
                    return replica.deltas;
                }
                sim.sleep(Duration::from_millis(300));
                left = u64::MAX;
            }
            // Relaxed, as all here: it is one thread.
            Reading::HangsOn if left == 0 => {
                while !done.load(Ordering::Relaxed) {
                    sim.sleep(REST);
                }
            }
            _ => left = left.saturating_sub(1),
        }
    }
}

/// Follows as planned; what came of it.
///
/// `done` says that everything is done that must not wait for streams that hang.
///
/// # Panics
///
/// When a replica is not what the shards were at a cut, or the streams end without a reason.
pub(crate) fn follow(
    sim: SimulationHandle,
    shards: &Shards,
    (following, base): (Following, Relaxed),
    (ledger, shape, done): (&Ledger, Shape, &Arc<AtomicBool>),
) -> Proof {
    let relaxed = base
        .telling(following.telling)
        .budget_bytes(following.budget_bytes)
        .cut_deadline(PATIENCE);
    let (streams, sources) = relaxed.start(shards).expect("nothing hinders a cut");
    let states = States::default();
    let start = |source| {
        let states = Arc::clone(&states);
        let (reading, done) = (following.reading, Arc::clone(done));
        spawn_named("reader", move || {
            read(sim, source, (reading, &states, &done))
        })
    };
    let readers: Vec<Worker<u64>> = sources.into_iter().map(start).collect();
    let mut proof = Proof::default();
    if following.hangs_on() {
        while !done.load(Ordering::Relaxed) && !streams.wait_timeout(REST) {}
        proof.count("streams that hung beside others", 1);
    }
    let ended = take_cuts(sim, shards, (&streams, following), |cut| {
        let states = states.lock().unwrap();
        let proved = prove(&states, cut, shards.len(), ledger);
        proof.count("cuts followed", proved.into());
        proved
    });
    if !ended {
        streams.stop();
    }
    assert!(streams.wait_timeout(PATIENCE), "streams without end");
    let error = streams.wait();
    if ended {
        assert!(
            following.explains(&error, shape),
            "no reason: {error:?}, {following:?}"
        );
        proof.count("streams ended", 1);
    }
    for reader in readers {
        let deltas = reader.join().unwrap();
        assert!(deltas == 0 || following.telling == Telling::Deltas);
        proof.count("deltas", deltas);
    }
    proof
}

/// Takes the cuts that are planned, each when all streams have passed the one before; whether the
/// streams have ended meanwhile.
fn take_cuts(
    sim: SimulationHandle,
    shards: &Shards,
    (streams, following): (&Streams, Following),
    mut prove: impl FnMut(u64) -> bool,
) -> bool {
    for _ in 0..following.cuts {
        if !streams.wait_ready(PATIENCE) {
            assert!(
                streams.wait_timeout(PATIENCE),
                "never ready: {:?}, {following:?}",
                streams.progress()
            );
            return true;
        }
        let cut = streams.cut(shards).expect("nothing hinders a cut");
        if following.stopped_early {
            return false;
        }
        if !streams.wait_ready(PATIENCE) {
            assert!(streams.wait_timeout(PATIENCE), "never passed");
            return true;
        }
        let cut = cut.expect("it was ready");
        // The readers have it a little later than the shards, unless all ends before.
        while !prove(cut) {
            if streams.wait_timeout(Duration::from_micros(100)) {
                return true;
            }
        }
        sim.sleep(Duration::from_micros(sim.below(1000)));
    }
    false
}

/// Whether the streams of all shards have been read up to the cut; the replicas then had what the
/// shards had.
fn prove(states: &BTreeMap<(usize, u64), Model>, cut: u64, shards: usize, ledger: &Ledger) -> bool {
    let found = (0..shards).map(|shard| states.get(&(shard, cut)).cloned());
    let Some(found) = found.collect::<Option<Vec<_>>>() else {
        return false;
    };
    proof::of_replicas(&found, ledger);
    true
}
