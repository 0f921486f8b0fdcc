//! A scan meets every key that is there all the time, whatever happens between its steps.
//!
//! With `--cfg planted`, the same schedules must find every bug that can be planted in a scan.

use std::collections::{HashMap, HashSet};

use dash_table::DashTable;
use proptest::prelude::*;

#[path = "cuts/masked.rs"]
mod masked;

use masked::Masked;

/// What happens between two runs of steps.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// Inserts this many new keys: segments split, the directory doubles.
    Grow(usize),
    /// Removes this many of the keys that may go: segments empty, and may merge.
    Shrink(usize),
    /// Removes all keys that may go.
    ShrinkToStayers,
    /// Makes room.
    Reserve(usize),
    /// Merges what fits: the directory halves.
    ShrinkToFit,
}

#[derive(Clone, Debug)]
struct Schedule {
    mask: u64,
    /// Keys that stay from the first step to the last.
    stayers: u32,
    /// Keys that are there at the first step, and may go.
    leavers: u32,
    /// How many steps are taken, and what happens then.
    changes: Vec<(usize, Change)>,
}

/// Slots of one segment: this file runs on the normal geometry and on a tiny one.
fn segment_slots() -> usize {
    let mut table = DashTable::new();
    table.insert(0, 0);
    table.stats().slots
}

fn schedules() -> impl Strategy<Value = Schedule> {
    let size = segment_slots() * 12;
    let change = prop_oneof![
        3 => (1..size / 2).prop_map(Change::Grow),
        3 => (1..size / 2).prop_map(Change::Shrink),
        1 => Just(Change::ShrinkToStayers),
        1 => (1..size).prop_map(Change::Reserve),
        2 => Just(Change::ShrinkToFit),
    ];
    let size = u32::try_from(size).unwrap_or(u32::MAX);
    let mask = prop_oneof![8 => Just(u64::MAX), 1 => Just(0b1111), 2 => Just(0b1)];
    (
        mask,
        1..size / 8,
        0..size,
        prop::collection::vec((0_usize..200, change), 1..40),
    )
        .prop_map(|(mask, stayers, leavers, changes)| Schedule {
            mask,
            stayers: if mask == u64::MAX {
                stayers
            } else {
                stayers.min(100)
            },
            leavers: if mask == u64::MAX {
                leavers
            } else {
                leavers.min(100)
            },
            changes,
        })
}

/// A table under a scan.
struct Scanned {
    table: DashTable<u32, u32, Masked>,
    leavers: Vec<u32>,
    next_key: u32,
    /// Each key that has ever been there, and its value.
    ever: HashMap<u32, u32>,
    seen: HashSet<u32>,
    cursor: u64,
}

impl Scanned {
    fn new(schedule: &Schedule) -> Self {
        let mut scanned = Self {
            table: DashTable::with_hasher(Masked(schedule.mask)),
            leavers: Vec::new(),
            next_key: 0,
            ever: HashMap::new(),
            seen: HashSet::new(),
            cursor: 0,
        };
        for _ in 0..schedule.stayers {
            scanned.insert();
        }
        scanned.grow(schedule.leavers as usize);
        scanned
    }

    fn insert(&mut self) -> u32 {
        let key = self.next_key;
        self.next_key += 1;
        self.table.insert(key, key ^ 1);
        self.ever.insert(key, key ^ 1);
        key
    }

    fn grow(&mut self, keys: usize) {
        for _ in 0..keys {
            let key = self.insert();
            self.leavers.push(key);
        }
    }

    fn shrink(&mut self, keys: usize) {
        // Every other one of them is old, so that what is left lies everywhere.
        for turn in 0..keys.min(self.leavers.len()) {
            let index = if turn % 2 == 0 {
                0
            } else {
                self.leavers.len() - 1
            };
            let key = self.leavers.swap_remove(index);
            assert_eq!(self.table.remove(&key), Some(key ^ 1));
        }
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::Grow(keys) => self.grow(keys),
            Change::Shrink(keys) => self.shrink(keys),
            Change::ShrinkToStayers => self.shrink(usize::MAX),
            Change::Reserve(room) => self.table.reserve(room),
            Change::ShrinkToFit => self.table.shrink_to_fit(),
        }
    }

    /// Takes one step; `false` after the last.
    fn step(&mut self) -> bool {
        let (ever, seen) = (&self.ever, &mut self.seen);
        let mut visited = 0;
        self.cursor = self.table.scan(self.cursor, |key, value| {
            assert_eq!(ever.get(key), Some(value));
            seen.insert(*key);
            visited += 1;
        });
        let chained = self.table.stats().chain_entries;
        assert!(
            visited <= 14 * 6 + chained,
            "{visited} entries are not a bounded step"
        );
        self.cursor != 0
    }

    /// Scans with these changes in between; a key that was there all the time and was not seen.
    fn missed(mut self, schedule: &Schedule) -> Option<u32> {
        let mut has_more = true;
        for (steps, change) in &schedule.changes {
            for _ in 0..*steps {
                has_more = has_more && self.step();
            }
            self.change(*change);
        }
        while has_more {
            has_more = self.step();
        }
        (0..schedule.stayers).find(|key| !self.seen.contains(key))
    }
}

/// Steps until the end; every number must lead there.
fn steps_from(table: &DashTable<u32, u32>, cursor: u64, mut visit: impl FnMut(u32)) -> usize {
    let mut steps = 1;
    let mut next = table.scan(cursor, |key, _| visit(*key));
    while next != 0 {
        next = table.scan(next, |key, _| visit(*key));
        steps += 1;
        assert!(steps <= table.bucket_count(), "no end");
    }
    steps
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if segment_slots() < 100 { 256 } else { 24 }))]

    #[cfg(not(planted))]
    #[test]
    fn who_stays_is_seen(schedule in schedules()) {
        prop_assert_eq!(Scanned::new(&schedule).missed(&schedule), None);
    }

    #[test]
    fn any_cursor_leads_to_the_end(cursor: u64, entries in 0_u32..5_000) {
        let table: DashTable<u32, u32> = (0..entries).map(|key| (key, key)).collect();
        steps_from(&table, cursor, |key| assert!(key < entries));
        steps_from(&table, cursor & 0xff_ffff, |key| assert!(key < entries));
    }
}

#[cfg(planted)]
#[test]
fn each_planted_bug_is_found() {
    use dash_table::Bug;
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    for bug in [
        Bug::ScanMissesGuests,
        Bug::ScanMissesOverflow,
        Bug::ScanCountsDirectoryEntries,
    ] {
        let mut runner = TestRunner::deterministic();
        let found = (0..500).find_map(|_| {
            let schedule = schedules().new_tree(&mut runner).unwrap().current();
            let mut scanned = Scanned::new(&schedule);
            scanned.table.plant(Some(bug));
            scanned.missed(&schedule)
        });
        assert!(found.is_some(), "{bug:?} was not found");
    }
}

#[test]
fn a_table_at_rest_is_seen_once() {
    let table: DashTable<u32, u32> = (0..10_000).map(|key| (key, key)).collect();
    let mut seen = Vec::new();
    let steps = steps_from(&table, 0, |key| seen.push(key));
    seen.sort_unstable();
    assert_eq!(seen, (0..10_000).collect::<Vec<_>>());
    assert!(steps > 100, "{steps} steps are not small ones");
}

#[test]
fn equal_hashes_are_seen_together() {
    let mut table = DashTable::with_hasher(Masked(0));
    for key in 0..500_u32 {
        table.insert(key, key);
    }
    let mut seen = 0;
    let mut cursor = table.scan(0, |_, _| seen += 1);
    while cursor != 0 {
        cursor = table.scan(cursor, |_, _| seen += 1);
    }
    assert_eq!(seen, 500);
}

#[test]
fn an_empty_table_has_no_second_step() {
    let table: DashTable<u32, u32> = DashTable::new();
    assert_eq!(table.scan(0, |_, _| unreachable!("there is none")), 0);
    assert_eq!(table.scan(77, |_, _| unreachable!("there is none")), 0);
}
