//! Each planted bug is found, by the same runs that find nothing without it.

use dash_table::Bug as TableBug;
use shard_runtime::spawn_named;
use snapshot::{Bug, MasterOptions, Relaxed, ReplicaOptions, Snapshot, Store};

use crate::paced;
use crate::program::{Prepare, run};
use crate::store::{DATABASES, SimStore};
use crate::transport::{self, Planted};

/// A bug must be found by one of this many seeds, whatever the first.
const SEEDS_MAX: u64 = 10_000;

/// First seeds from which each bug is searched for.
const BASES: u64 = 5;

const IN_TABLES: &[TableBug] = &[
    TableBug::SkipDeliveryOnOverwrite,
    TableBug::SkipDeliveryOnInsert,
    TableBug::SkipDeliveryOnRemove,
    TableBug::SkipDeliveryOnGetMut,
    TableBug::SkipDeliveryOnRetain,
    TableBug::SkipDeliveryOnClear,
    TableBug::SkipDeliveryOnIterMut,
    TableBug::SkipDeliveryOnMerge,
    TableBug::SkipDeliveryOnDisplacement,
    TableBug::SkipDeliveryOnUnload,
    TableBug::MoveAsksNewestCutOnly,
    TableBug::StampBeforeDelivery,
    TableBug::NewSegmentAtVersionZero,
    TableBug::NewSegmentAtClock,
    TableBug::MergedSegmentAtVersionZero,
    TableBug::HideFromOlderCut,
    TableBug::TraversalHidesFromOlderCut,
    TableBug::TraversalHidesFromNewerCut,
    TableBug::StampHidesFromRelaxedCut,
    TableBug::InsertIsNotTold,
];

const IN_SNAPSHOTS: &[Bug] = &[
    Bug::CutShardByShard,
    Bug::CloseWithoutFlush,
    Bug::KeepDatabaseAcrossBlobs,
    Bug::LoseWaker,
    Bug::RiderWeighsNothing,
    Bug::WriteBlobTwice,
    Bug::DropRiders,
    Bug::CancelFirstSinkOnly,
    Bug::TellLastFailure,
    Bug::PublishAfterFailure,
    Bug::OverlookHungSink,
    Bug::WriteAfterCancel,
    Bug::LeaveCutsOpen,
];

const IN_STREAMS: &[Bug] = &[
    Bug::CutShardByShard,
    Bug::DropRiders,
    Bug::LoseWaker,
    Bug::LeaveCutsOpen,
    Bug::ChangeBeforeBase,
    Bug::MissDelete,
    Bug::CutBeforeChanges,
    Bug::ForgetSealedChange,
    Bug::ChangeOvertakesRider,
    Bug::ForgetNewDatabase,
    Bug::MarkLastChange,
    Bug::TellDeltasToAll,
    Bug::WaitForOlderStream,
];

/// On the master's side of the transport.
const IN_MASTERS: &[Bug] = &[
    Bug::MissDelete,
    Bug::CutBeforeChanges,
    Bug::ResumeTooEarly,
    Bug::ResumeTooLate,
    Bug::AcknowledgeForeign,
    Bug::AttachReplaced,
    Bug::AttachTwice,
    Bug::WriteWaitsForStream,
    Bug::ForgetSealedChange,
    Bug::ChangeBeforeBase,
];

const IN_REPLICAS: &[Bug] = &[
    Bug::ResumeSkipsFrame,
    Bug::ResumeRepeatsFrame,
    Bug::TakeFrameTwice,
    Bug::IgnoreHeartbeat,
    Bug::ShowBeforeCut,
    Bug::PassCutAlone,
];

/// How many seeds it takes to find what is wrong, from each first seed.
fn seeds_to_find(name: &str, is_wrong: impl Fn(u64) -> bool + Clone + Send + 'static) -> Vec<u64> {
    let first = super::set("FORKLESS_SIM_SEED").unwrap_or(1);
    let search = |base| {
        // Far from each other, and from the seeds of other bases.
        let base = first.wrapping_add(base << 40);
        let is_wrong = is_wrong.clone();
        let is_found = move |seed: &u64| is_wrong(base + seed);
        // On a thread of its own: a failed run may leave its thread unwinding for ever, and then
        // every later run would fail there.
        let search = spawn_named("search", move || (0..SEEDS_MAX).find(is_found));
        let found = search.join().unwrap();
        let found = found.unwrap_or_else(|| {
            // Panics are silent here.
            println!("{name} is not found from seed {base} on");
            panic!("{name} is not found");
        });
        1 + found
    };
    (0..BASES).map(search).collect()
}

/// Tells it as a row of the tables in the documentation, where it must stand, too.
fn report(name: &str, seeds: &[u64]) {
    let bug = name.split(' ').next().unwrap_or_default();
    let page = include_str!("../../../docs/simulation.md");
    assert!(page.contains(&format!("| `{bug}` |")), "{bug} is not told");
    let sum: u64 = seeds.iter().sum();
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let mean = sum as f64 / seeds.len() as f64;
    println!("| {name} | {mean:.1} | {seeds:?} |");
}

#[test]
fn bugs_of_tables_are_found() {
    let plant = |store: &mut SimStore, bug: u64| {
        let bug = IN_TABLES[usize::try_from(bug).unwrap()];
        (0..DATABASES).for_each(|database| store.keyspace().plant(database, bug));
    };
    std::panic::set_hook(Box::new(|_| {}));
    for (index, bug) in IN_TABLES.iter().enumerate() {
        let name = format!("{bug:?}");
        let prepare = Prepare {
            store: plant,
            bug: index as u64,
            ..Prepare::nothing()
        };
        let is_wrong = move |seed| run(seed, prepare.clone()).is_err();
        report(&name, &seeds_to_find(&name, is_wrong));
    }
}

#[test]
fn bugs_of_snapshots_are_found() {
    std::panic::set_hook(Box::new(|_| {}));
    for &bug in IN_SNAPSHOTS {
        let name = format!("{bug:?}");
        let prepare = Prepare {
            snapshot: Snapshot::new().plant(bug),
            ..Prepare::nothing()
        };
        let is_wrong = move |seed| run(seed, prepare.clone()).is_err();
        report(&name, &seeds_to_find(&name, is_wrong));
    }
}

#[test]
fn bug_of_the_pace_is_found() {
    std::panic::set_hook(Box::new(|_| {}));
    let bug = Bug::StarveTraversal;
    let is_wrong = move |seed| paced::run(seed, Snapshot::new().plant(bug)).is_err();
    let name = format!("{bug:?}");
    report(&name, &seeds_to_find(&name, is_wrong));
}

#[test]
fn bugs_of_streams_are_found() {
    std::panic::set_hook(Box::new(|_| {}));
    for &bug in IN_STREAMS {
        let name = format!("{bug:?} of streams");
        let prepare = Prepare {
            relaxed: Relaxed::new().plant(bug),
            ..Prepare::nothing()
        };
        let is_wrong = move |seed| run(seed, prepare.clone()).is_err();
        report(&name, &seeds_to_find(&name, is_wrong));
    }
}

#[test]
fn bugs_of_replication_are_found() {
    std::panic::set_hook(Box::new(|_| {}));
    let of_master = |&bug: &Bug| Planted {
        master: MasterOptions::new().plant(bug),
        ..Planted::nothing()
    };
    let of_replica = |&bug: &Bug| Planted {
        replica: ReplicaOptions::new().plant(bug),
        ..Planted::nothing()
    };
    let masters = IN_MASTERS.iter().map(|bug| (bug, of_master(bug)));
    let replicas = IN_REPLICAS.iter().map(|bug| (bug, of_replica(bug)));
    for (bug, planted) in masters.chain(replicas) {
        let name = format!("{bug:?} of replication");
        let is_wrong = move |seed| transport::run(seed, planted.clone()).is_err();
        report(&name, &seeds_to_find(&name, is_wrong));
    }
}
