//! A replica, and somebody who looks at what it shows all the while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shard_runtime::{ShardSet, ShardSetConfig, SimulationHandle, Worker, spawn_named};
use snapshot::{Address, Replica, ReplicaOptions, ReplicaState, ReplicaStatistics};

use crate::clients::PATIENCE;
use crate::copy::{CopyStore, Seen};
use crate::proof::{Proof, difference};
use crate::store::{Ledger, Model};
use crate::weather::Climate;

/// A replica, and what it has shown.
pub(crate) struct Watched {
    shards: Arc<ShardSet<CopyStore>>,
    seen: Arc<Seen>,
    replica: Arc<Replica<CopyStore>>,
    watch: Worker<()>,
}

impl Watched {
    /// Has shards follow the master at an address, and looks at them until it is all over.
    pub(crate) fn start(
        sim: SimulationHandle,
        config: ShardSetConfig,
        (address, options): (Address, ReplicaOptions),
        (ledger, over): (&Arc<Ledger>, &Arc<AtomicBool>),
    ) -> Self {
        let seen = Seen::new(config.shards, ledger);
        let kept = Arc::clone(&seen);
        let start = move |shard| CopyStore::new(shard, Arc::clone(&kept));
        let shards = Arc::new(ShardSet::start(config, start).unwrap());
        let replica = Arc::new(Replica::start(&shards, &address, options));
        let watch = {
            let (shards, seen) = (Arc::clone(&shards), Arc::clone(&seen));
            let (replica, over) = (Arc::clone(&replica), Arc::clone(over));
            spawn_named("watch", move || {
                watch(sim, &over, &shards, (&seen, &replica));
            })
        };
        Self {
            shards,
            seen,
            replica,
            watch,
        }
    }

    /// Waits until it has passed a cut, and shows this but for the numbers of cuts.
    ///
    /// # Panics
    ///
    /// When it does not by then.
    pub(crate) fn wait_equal(&self, sim: SimulationHandle, until: Duration, expected: &Model) {
        loop {
            let found = without_cuts(shown(&self.shards));
            let differs = difference(&found, expected);
            if differs.is_none() && self.seen.cuts() > 0 {
                return;
            }
            assert!(
                sim.elapsed() < until,
                "never equal: {differs:?}, {:?}",
                self.replica.statistics()
            );
            sim.sleep(Duration::from_millis(100));
        }
    }

    /// Ends it when all is over; what it has been through.
    ///
    /// # Panics
    ///
    /// When that is more than the climate explains.
    pub(crate) fn stop(self, climate: Climate, proof: &mut Proof) {
        self.watch.join().unwrap();
        let statistics = self.replica.statistics();
        explains(climate, &statistics);
        proof.count("cuts passed", self.seen.cuts());
        proof.count("resumptions", statistics.resumptions);
        proof.count("full syncs", statistics.full_syncs);
        let alive = self.shards.cut(PATIENCE, |_| ());
        alive.expect("a shard of the replica has died");
    }
}

/// # Panics
///
/// When the replica has lost more than what happened can explain.
fn explains(climate: Climate, statistics: &ReplicaStatistics) {
    if climate != Climate::Foul {
        assert_eq!(statistics.full_syncs, 1, "{statistics:?}");
    }
    if climate == Climate::Fair {
        assert_eq!(statistics.resumptions, 0, "{statistics:?}");
        // It may have begun before its master.
        let error = statistics.last_error.as_deref().unwrap_or("cannot connect");
        assert!(error.starts_with("cannot connect"), "{statistics:?}");
    }
}

/// Looks at what a replica shows, until all is over.
///
/// # Panics
///
/// When something is shown before the first cut, or changes while the replica is filled.
fn watch(
    sim: SimulationHandle,
    over: &AtomicBool,
    shards: &ShardSet<CopyStore>,
    (seen, replica): (&Seen, &Replica<CopyStore>),
) {
    let first = shown(shards);
    // Of which full sync, and behind how many cuts.
    let mut filling: Option<((u64, u64), Model)> = None;
    while !over.load(Ordering::Relaxed) {
        sim.sleep(Duration::from_micros(sim.below(20_000)));
        let before = replica.statistics();
        let found = shown(shards);
        let after = replica.statistics();
        if seen.cuts() == 0 {
            assert_eq!(difference(&found, &first), None, "before the first cut");
        }
        let is_filling = [&before, &after]
            .iter()
            .all(|statistics| statistics.state == ReplicaState::Filling);
        if !is_filling || before.full_syncs != after.full_syncs {
            filling = None;
            continue;
        }
        // It shows what is there a moment before it says so.
        let now = (after.full_syncs, seen.cuts());
        match &filling {
            Some((since, shown)) if *since == now => {
                assert_eq!(difference(&found, shown), None, "while it is filled");
            }
            _ => filling = Some((now, found)),
        }
    }
}

fn shown(shards: &ShardSet<CopyStore>) -> Model {
    let parts = shards.cut(PATIENCE, |shard| shard.state_ref().contents());
    parts.unwrap().into_iter().flatten().collect()
}

/// What is at rest: each cut writes its number.
pub(crate) fn without_cuts(mut state: Model) -> Model {
    state.retain(|(_, key), _| !key.starts_with(b"cut of"));
    state
}
