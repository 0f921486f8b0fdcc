//! A table beside a plain map, under a schedule of writes, cuts and traversals.

use std::collections::HashMap;

use dash_table::{Cursor, Cut, DashTable, Traversal};

use super::choices::Choices;
use super::ledger::{Ledger, Replica};
use super::masked::Masked;

/// A cut, what it must show, and how far its traversal has come.
struct Expected {
    cut: Cut,
    state: HashMap<u32, u32>,
    cursor: Cursor,
}

/// A table beside a plain map, under one schedule.
pub(crate) struct Schedule {
    pub(crate) table: DashTable<u32, u32, Masked, Ledger>,
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
    pub(crate) under_cuts: Reshaped,
}

/// How often the table was reshaped while more than one cut was open, and how often replicas were
/// compared.
#[derive(Default, Debug)]
pub(crate) struct Reshaped {
    pub(crate) splits: u64,
    pub(crate) merges: u64,
    pub(crate) replicas: u64,
}

impl Schedule {
    pub(crate) fn new(seed: u64, segment_slots: u32) -> Self {
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

    /// Closes a cut: what was delivered to it, each entry once, and what it had.
    fn close(&mut self, index: usize) -> Result<[HashMap<u32, u32>; 2], &'static str> {
        let Expected { cut, state, .. } = self.cuts.remove(index);
        self.table.close(cut);
        let got = self.table.observer_mut().entries.remove(&cut);
        let got = got.unwrap_or_default();
        let unique: HashMap<u32, u32> = got.iter().copied().collect();
        if unique.len() != got.len() {
            return Err("an entry was delivered twice");
        }
        Ok([unique, state])
    }

    /// Closes a cut whose traversal is done, and checks what it got.
    fn finish(&mut self, index: usize) -> Result<(), &'static str> {
        let [got, state] = self.close(index)?;
        if got != state {
            return Err("not the state at the cut");
        }
        Ok(())
    }

    /// Closes a cut before its traversal is done: what came so far must be right.
    fn give_up(&mut self, index: usize) -> Result<(), &'static str> {
        let [got, state] = self.close(index)?;
        if got.iter().any(|(key, value)| state.get(key) != Some(value)) {
            return Err("an entry that the cut did not have");
        }
        Ok(())
    }

    pub(crate) fn run(&mut self) -> Result<(), &'static str> {
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
