//! Random schedules of writes, cuts and traversals: each cut gets the state of its moment,
//! every entry exactly once; and who follows a relaxed cut has the table's state whenever it has
//! caught up.
//!
//! With `--cfg planted`, the same schedules must find every bug that can be planted.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, Hasher};

use dash_table::{Bucket, Cursor, Cut, DashTable, Observer, Traversal};

/// A small, seeded source of choices (splitmix64).
struct Choices(u64);

impl Choices {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let random = (mixed ^ (mixed >> 31)) >> 32;
        random as usize % bound
    }

    fn key(&mut self, keys: u32) -> u32 {
        let key = self.below(keys as usize);
        u32::try_from(key).unwrap_or(keys)
    }
}

/// Hashes an integer to itself, masked: few bits make equal hashes, none makes all equal.
#[derive(Clone)]
struct Masked(u64);

struct MaskedHasher {
    mask: u64,
    key: u64,
}

impl BuildHasher for Masked {
    type Hasher = MaskedHasher;

    fn build_hasher(&self) -> MaskedHasher {
        MaskedHasher {
            mask: self.0,
            key: 0,
        }
    }
}

impl Hasher for MaskedHasher {
    fn finish(&self) -> u64 {
        self.key & self.mask
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("keys are u32");
    }

    fn write_u32(&mut self, key: u32) {
        self.key = u64::from(key);
    }
}

/// Keeps everything that is delivered.
#[derive(Default)]
struct Ledger {
    entries: HashMap<Cut, Vec<(u32, u32)>>,
    replicas: HashMap<Cut, Replica>,
    buckets: usize,
    empty_buckets: usize,
}

/// What somebody has who follows a relaxed cut.
#[derive(Default)]
struct Replica {
    state: HashMap<u32, u32>,
    /// Keys that were told of, and not looked up since.
    told: BTreeSet<u32>,
    fault: Option<&'static str>,
}

impl Replica {
    /// Looks up what the changes came to.
    fn catch_up(&mut self, model: &HashMap<u32, u32>) {
        for key in std::mem::take(&mut self.told) {
            match model.get(&key) {
                Some(value) => drop(self.state.insert(key, *value)),
                None => drop(self.state.remove(&key)),
            }
        }
    }
}

impl Observer<u32, u32> for Ledger {
    fn deliver(&mut self, cut: Cut, bucket: Bucket<'_, u32, u32>) {
        self.buckets += 1;
        self.empty_buckets += usize::from(bucket.is_empty());
        if let Some(replica) = self.replicas.get_mut(&cut) {
            for (key, value) in bucket.iter() {
                // A key that left, which was told, and came back to a bucket that is still needed.
                replica.told.remove(key);
                replica.state.insert(*key, *value);
            }
            return;
        }
        self.entries
            .entry(cut)
            .or_default()
            .extend(bucket.iter().map(|(key, value)| (*key, *value)));
    }

    fn before_write(&mut self, cut: Cut, key: &u32, value: Option<&u32>) {
        let Some(replica) = self.replicas.get_mut(&cut) else {
            unreachable!("{cut:?} is not relaxed");
        };
        let untold = !replica.told.contains(key);
        if untold && replica.state.get(key) != value {
            replica.fault = Some("told of a change to what it did not have");
        }
        replica.told.insert(*key);
    }
}

/// A cut, what it must show, and how far its traversal has come.
struct Expected {
    cut: Cut,
    state: HashMap<u32, u32>,
    cursor: Cursor,
}

/// A table beside a plain map, under one schedule.
struct Schedule {
    table: DashTable<u32, u32, Masked, Ledger>,
    model: HashMap<u32, u32>,
    cuts: Vec<Expected>,
    /// Relaxed cuts, and how far their traversals have come.
    followers: Vec<(Cut, Cursor)>,
    choices: Choices,
    keys: u32,
    next_value: u32,
    /// Of a hundred writes that insert or remove, how many remove. Swings, so that segments split
    /// and merge again while cuts are open.
    removals: usize,
    under_cuts: Reshaped,
}

/// How often the table was reshaped while more than one cut was open, and how often replicas were
/// compared.
#[derive(Default, Debug)]
struct Reshaped {
    splits: u64,
    merges: u64,
    replicas: u64,
}

impl Schedule {
    fn new(seed: u64, segment_slots: u32) -> Self {
        let mut choices = Choices(seed);
        let share: u32 = [2, 5, 12, 40][choices.below(4)];
        let mut keys = (segment_slots * share / 10).max(2);
        let mask = match choices.below(12) {
            0 => 0,
            1 | 2 => 0b111,
            _ => u64::MAX,
        };
        if mask != u64::MAX {
            keys = keys.min(300);
        }
        let table = DashTable::with_hasher_and_observer(Masked(mask), Ledger::default());
        let mut schedule = Self {
            table,
            model: HashMap::new(),
            cuts: Vec::new(),
            followers: Vec::new(),
            choices,
            keys,
            next_value: 0,
            removals: 25,
            under_cuts: Reshaped::default(),
        };
        for _ in 0..schedule.choices.key(schedule.keys + 1) {
            schedule.insert();
        }
        schedule
    }

    fn value(&mut self) -> u32 {
        self.next_value += 1;
        self.next_value
    }

    fn insert(&mut self) {
        let (key, value) = (self.choices.key(self.keys), self.value());
        assert_eq!(self.table.insert(key, value), self.model.insert(key, value));
    }

    fn write(&mut self) {
        let (key, value) = (self.choices.key(self.keys), self.value());
        match self.choices.below(100) {
            0..80 if self.choices.below(100) >= self.removals => {
                assert_eq!(self.table.insert(key, value), self.model.insert(key, value));
            }
            0..80 => assert_eq!(self.table.remove(&key), self.model.remove(&key)),
            80..98 => {
                let lent = self.table.get_mut(&key).map(|lent| *lent = value);
                assert_eq!(lent, self.model.get_mut(&key).map(|lent| *lent = value));
            }
            98 => {
                let rest = self.choices.key(5);
                let keep = |key: &u32, kept: &mut u32| {
                    *kept = kept.wrapping_add(value);
                    key % 5 != rest
                };
                self.table.retain(keep);
                self.model.retain(keep);
            }
            _ if self.choices.below(4) == 0 => {
                self.table.clear();
                self.model.clear();
            }
            _ if self.choices.below(2) == 0 => self.table.shrink_to_fit(),
            _ => self.table.reserve(self.choices.key(self.keys) as usize),
        }
    }

    fn open(&mut self) {
        let cut = self.table.cut();
        self.cuts.push(Expected {
            cut,
            state: self.model.clone(),
            cursor: Cursor::start(),
        });
        let exact = self.cuts.iter().map(|open| open.cut);
        let mut open: Vec<Cut> = exact
            .chain(self.followers.iter().map(|(cut, _)| *cut))
            .collect();
        open.sort_unstable();
        assert_eq!(self.table.open_cuts(), open);
    }

    fn open_relaxed(&mut self) {
        let cut = self.table.cut_relaxed();
        let replicas = &mut self.table.observer_mut().replicas;
        replicas.insert(cut, Replica::default());
        self.followers.push((cut, Cursor::start()));
    }

    /// Takes a relaxed cut further, or has its replica catch up.
    fn follow(&mut self, index: usize) -> Result<(), &'static str> {
        let (cut, cursor) = &mut self.followers[index];
        let cut = *cut;
        let end = if self.choices.below(3) == 0 {
            Traversal::More
        } else {
            let budget = self.choices.below(40);
            self.table.traverse(cut, cursor, budget)
        };
        let observer = self.table.observer_mut();
        let Some(replica) = observer.replicas.get_mut(&cut) else {
            unreachable!("{cut:?} is not followed");
        };
        if self.choices.below(2) == 0 {
            replica.catch_up(&self.model);
        }
        if let Some(fault) = replica.fault {
            return Err(fault);
        }
        if end == Traversal::Done {
            replica.catch_up(&self.model);
            self.under_cuts.replicas += 1;
            if replica.state != self.model {
                return Err("the replica differs");
            }
            if self.choices.below(8) == 0 {
                self.unfollow(index);
            }
        }
        Ok(())
    }

    fn unfollow(&mut self, index: usize) {
        let (cut, _) = self.followers.swap_remove(index);
        self.table.close(cut);
        self.table.observer_mut().replicas.remove(&cut);
    }

    fn traverse(&mut self, index: usize) -> Result<(), &'static str> {
        let open = &mut self.cuts[index];
        let budget = self.choices.below(40);
        let before = self.table.observer().buckets;
        let end = self.table.traverse(open.cut, &mut open.cursor, budget);
        let delivered = self.table.observer().buckets - before;
        assert!(
            delivered <= budget * (self.cuts.len() + self.followers.len()),
            "more buckets than were asked for"
        );
        if end == Traversal::Done {
            self.finish(index)
        } else {
            Ok(())
        }
    }

    /// Closes a cut whose traversal is done, and checks what it got.
    fn finish(&mut self, index: usize) -> Result<(), &'static str> {
        let Expected { cut, state, .. } = self.cuts.remove(index);
        self.table.close(cut);
        let got = self
            .table
            .observer_mut()
            .entries
            .remove(&cut)
            .unwrap_or_default();
        let unique: HashMap<u32, u32> = got.iter().copied().collect();
        if unique.len() != got.len() {
            return Err("an entry was delivered twice");
        }
        if unique != state {
            return Err("not the state at the cut");
        }
        Ok(())
    }

    /// Closes a cut before its traversal is done: what came so far must be right.
    fn give_up(&mut self, index: usize) -> Result<(), &'static str> {
        let Expected { cut, state, .. } = self.cuts.remove(index);
        self.table.close(cut);
        let got = self
            .table
            .observer_mut()
            .entries
            .remove(&cut)
            .unwrap_or_default();
        let unique: BTreeMap<u32, u32> = got.iter().copied().collect();
        if unique.len() != got.len() {
            return Err("an entry was delivered twice");
        }
        if unique
            .iter()
            .any(|(key, value)| state.get(key) != Some(value))
        {
            return Err("an entry that the cut did not have");
        }
        Ok(())
    }

    fn run(&mut self) -> Result<(), &'static str> {
        for _ in 0..[30, 120, 400][self.choices.below(3)] {
            match self.choices.below(100) {
                0..8 if self.cuts.len() < 4 => self.open(),
                8..40 if !self.cuts.is_empty() => {
                    let index = self.choices.below(self.cuts.len());
                    self.traverse(index)?;
                }
                40 if !self.cuts.is_empty() => {
                    let index = self.choices.below(self.cuts.len());
                    self.give_up(index)?;
                }
                42 | 43 if self.followers.len() < 3 => self.open_relaxed(),
                44..60 if !self.followers.is_empty() => {
                    let index = self.choices.below(self.followers.len());
                    self.follow(index)?;
                }
                41 => self.removals = [10, 25, 60, 95][self.choices.below(4)],
                _ => {
                    let before = self.table.stats();
                    self.write();
                    if self.cuts.len() + self.followers.len() > 1 {
                        let after = self.table.stats();
                        self.under_cuts.splits += after.splits - before.splits;
                        self.under_cuts.merges += after.merges - before.merges;
                    }
                }
            }
        }
        while !self.cuts.is_empty() {
            let index = self.choices.below(self.cuts.len());
            self.traverse(index)?;
        }
        while !self.followers.is_empty() {
            let index = self.choices.below(self.followers.len());
            self.follow(index)?;
        }
        let ledger = self.table.observer();
        if !ledger.entries.is_empty() {
            return Err("something was delivered to a closed cut");
        }
        assert_eq!(ledger.empty_buckets, 0);
        let entries: HashMap<_, _> = self
            .table
            .iter()
            .map(|(key, value)| (*key, *value))
            .collect();
        assert_eq!(entries, self.model, "the table itself");
        Ok(())
    }
}

/// Slots of one segment: this file runs on the normal geometry and on a tiny one.
fn segment_slots() -> u32 {
    let mut table = DashTable::new();
    table.insert(0, 0);
    u32::try_from(table.stats().slots).unwrap_or(u32::MAX)
}

fn schedules() -> u64 {
    if segment_slots() < 100 { 30_000 } else { 2_000 }
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
        Bug::SkipDeliveryOnSplit,
        Bug::SkipDeliveryOnMerge,
        Bug::MergedSegmentAtVersionZero,
        Bug::SkipDeliveryOnDisplacement,
        Bug::SkipDeliveryOnUnload,
        Bug::StampBeforeDelivery,
        Bug::NewSegmentAtVersionZero,
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
