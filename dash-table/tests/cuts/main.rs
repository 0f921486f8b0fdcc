//! Random schedules of writes, cuts and traversals: each cut gets the state of its moment,
//! every entry exactly once; and who follows a relaxed cut has the table's state whenever it has
//! caught up.
//!
//! With `--cfg planted`, the same schedules must find every bug that can be planted.

mod choices;
mod ledger;
mod masked;
mod schedule;

use dash_table::{Bucket, Cursor, Cut, DashTable, Observer, Traversal};

use self::ledger::Ledger;
use self::masked::Masked;
#[cfg(not(planted))]
use self::schedule::Reshaped;
use self::schedule::Schedule;

/// Slots of one segment: this file runs on the normal geometry and on a tiny one.
fn segment_slots() -> u32 {
    let mut table = DashTable::new();
    table.insert(0, 0);
    u32::try_from(table.stats().slots).unwrap_or(u32::MAX)
}

fn schedules() -> u64 {
    if segment_slots() < 100 { 30_000 } else { 8_000 }
}

#[cfg(not(planted))]
#[test]
fn each_cut_gets_its_state_exactly_once() {
    let slots = segment_slots();
    let mut under_cuts = Reshaped::default();
    for seed in 0..schedules() {
        let mut schedule = Schedule::new(seed, slots);
        if let Err(what) = schedule.run() {
            panic!("{what}, seed {seed}");
        }
        under_cuts.splits += schedule.under_cuts.splits;
        under_cuts.merges += schedule.under_cuts.merges;
        under_cuts.replicas += schedule.under_cuts.replicas;
    }
    assert!(
        under_cuts.splits.min(under_cuts.merges) > schedules() / 40
            && under_cuts.replicas > schedules(),
        "the schedules have to be about this: {under_cuts:?}"
    );
}

#[cfg(planted)]
#[test]
fn each_planted_bug_is_found() {
    use dash_table::Bug;

    let slots = segment_slots();
    let bugs = [
        Bug::SkipDeliveryOnOverwrite,
        Bug::SkipDeliveryOnInsert,
        Bug::SkipDeliveryOnRemove,
        Bug::SkipDeliveryOnGetMut,
        Bug::SkipDeliveryOnRetain,
        Bug::SkipDeliveryOnClear,
        Bug::SkipDeliveryOnMerge,
        Bug::MergedSegmentAtVersionZero,
        Bug::SkipDeliveryOnDisplacement,
        Bug::SkipDeliveryOnUnload,
        Bug::StampBeforeDelivery,
        Bug::NewSegmentAtVersionZero,
        Bug::NewSegmentAtClock,
        Bug::MoveAsksNewestCutOnly,
        Bug::HideFromOlderCut,
        Bug::TraversalHidesFromOlderCut,
        Bug::TraversalHidesFromNewerCut,
        Bug::StampHidesFromRelaxedCut,
        Bug::InsertIsNotTold,
    ];
    for bug in bugs {
        let found = (0..schedules()).find_map(|seed| {
            let mut schedule = Schedule::new(seed, slots);
            schedule.table.plant(Some(bug));
            schedule.run().err()
        });
        assert!(found.is_some(), "{bug:?} was not found");
    }
}

#[test]
fn a_write_delivers_to_every_open_cut_oldest_first() {
    #[derive(Default)]
    struct Order(Vec<Cut>);

    impl Observer<u32, u32> for Order {
        fn deliver(&mut self, cut: Cut, _: Bucket<'_, u32, u32>) {
            self.0.push(cut);
        }
    }

    let mut table: DashTable<u32, u32, dash_table::DefaultHashBuilder, Order> =
        DashTable::with_observer(Order::default());
    table.insert(1, 1);
    let cuts = [table.cut(), table.cut(), table.cut()];
    table.close(cuts[1]);
    table.insert(1, 2);
    assert_eq!(table.observer().0, [cuts[0], cuts[2]]);
    table.insert(1, 3);
    assert_eq!(table.observer().0.len(), 2, "covered by now");
}

#[test]
fn an_insert_delivers_few_buckets_whatever_it_splits() {
    let mut table: DashTable<u32, u32, dash_table::DefaultHashBuilder, Ledger> =
        DashTable::with_observer(Ledger::default());
    let entries = 20 * segment_slots();
    table.extend((0..entries).map(|key| (key, key)));
    let cut = table.cut();
    let (mut cursor, mut most) = (Cursor::start(), 0);
    let splits = table.stats().splits;
    for key in entries..3 * entries {
        // Slow enough that buckets of all kinds are there throughout.
        if key % 40 == 0 {
            let _ = table.traverse(cut, &mut cursor, 1);
        }
        let before = table.observer().buckets;
        table.insert(key, key);
        most = most.max(table.observer().buckets - before);
    }
    assert!(table.stats().splits - splits > 20);
    assert!((1..=4).contains(&most), "{most} buckets for one insert");
    while table.traverse(cut, &mut cursor, 100) == Traversal::More {}
    let mut seen = table.observer_mut().entries.remove(&cut).unwrap();
    seen.sort_unstable();
    assert!(seen.into_iter().eq((0..entries).map(|key| (key, key))));
}

#[test]
fn a_miss_delivers_nothing() {
    let mut table: DashTable<u32, u32, Masked, Ledger> =
        DashTable::with_hasher_and_observer(Masked(u64::MAX), Ledger::default());
    table.insert(1, 1);
    table.cut();
    assert_eq!(table.remove(&2), None);
    assert_eq!(table.get_mut(&2), None);
    assert_eq!(table.get(&1), Some(&1));
    assert_eq!(table.observer().buckets, 0);
}

#[test]
fn a_closed_cut_has_nothing_to_traverse() {
    let mut table: DashTable<u32, u32, Masked, Ledger> =
        DashTable::with_hasher_and_observer(Masked(u64::MAX), Ledger::default());
    table.insert(1, 1);
    let cut = table.cut();
    table.close(cut);
    assert_eq!(
        table.traverse(cut, &mut Cursor::start(), usize::MAX),
        Traversal::Done
    );
    assert_eq!(table.observer().buckets, 0);
}

#[test]
fn an_empty_table_is_traversed_at_once() {
    let mut table: DashTable<u32, u32, Masked, Ledger> =
        DashTable::with_hasher_and_observer(Masked(u64::MAX), Ledger::default());
    let cut = table.cut();
    assert_eq!(
        table.traverse(cut, &mut Cursor::start(), 1),
        Traversal::Done
    );
}
