//! The operations that are measured on either map.

use std::hint::black_box;
use std::marker::PhantomData;

use crate::clock::Moment;
use crate::entry::Entry;
use crate::map::Map;

/// What is measured, in nanoseconds for each entry or call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Operation {
    InsertFromEmpty,
    InsertPresized,
    GetHit,
    GetMiss,
    Overwrite,
    Mixed,
    Remove,
    Iterate,
}

impl Operation {
    /// All of them, in an order in which one map can do them.
    pub(crate) const ALL: [Self; 8] = [
        Self::InsertPresized,
        Self::InsertFromEmpty,
        Self::GetHit,
        Self::GetMiss,
        Self::Overwrite,
        Self::Mixed,
        Self::Remove,
        Self::Iterate,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::InsertFromEmpty => "insert from empty",
            Self::InsertPresized => "insert presized",
            Self::GetHit => "get hit",
            Self::GetMiss => "get miss",
            Self::Overwrite => "overwrite",
            Self::Mixed => "mixed 90/10",
            Self::Remove => "remove",
            Self::Iterate => "iterate",
        }
    }
}

/// Calls that one measurement makes at least.
const CALLS_MIN: u64 = 1_000_000;

/// Which entries one measurement looks for.
pub(crate) struct Choice<E: Entry> {
    /// Numbers of entries, far from each other.
    numbers: Vec<u64>,
    hits: Vec<E::Key>,
    misses: Vec<E::Key>,
}

impl<E: Entry> Choice<E> {
    /// For maps of the first `size` entries.
    pub(crate) fn new(size: u64) -> Self {
        // A stride without a common factor: the numbers differ until all have come.
        let numbers: Vec<u64> = (0..CALLS_MIN)
            .map(|index| index * 7_368_787 % size)
            .collect();
        Self {
            hits: numbers.iter().map(|&number| E::key(number)).collect(),
            misses: (0..CALLS_MIN).map(|index| E::key(size + index)).collect(),
            numbers,
        }
    }

    /// Keys of entries, and their numbers.
    pub(crate) fn keys(&self) -> impl Iterator<Item = (&E::Key, u64)> {
        self.hits.iter().zip(self.numbers.iter().copied())
    }

    /// As many of the keys as the map has entries; no more than there are.
    fn distinct(&self, size: u64) -> impl Iterator<Item = (&E::Key, u64)> {
        let count = usize::try_from(size).unwrap_or(usize::MAX);
        self.keys().take(count)
    }
}

/// One map of `size` entries, and what is measured on it.
pub(crate) struct Subject<E: Entry, M> {
    size: u64,
    map: M,
    entry: PhantomData<E>,
}

impl<E: Entry, M: Map<E::Key, E::Value>> Subject<E, M> {
    pub(crate) fn new(size: u64) -> Self {
        Self {
            size,
            map: M::empty(),
            entry: PhantomData,
        }
    }

    /// Nanoseconds for each call of `operation`.
    pub(crate) fn measure(&mut self, operation: Operation, choice: &Choice<E>) -> f64 {
        match operation {
            Operation::InsertFromEmpty => self.fill(|_| M::empty()),
            Operation::InsertPresized => self.fill(M::presized),
            Operation::GetHit => self.get(&choice.hits, choice.hits.len()),
            Operation::GetMiss => self.get(&choice.misses, 0),
            Operation::Overwrite => self.overwrite(choice),
            Operation::Mixed => self.mixed(choice),
            Operation::Remove => self.remove(choice),
            Operation::Iterate => self.iterate(),
        }
    }

    /// Rounds that a measurement takes, so that small maps are measured as long as large ones.
    fn repeats(&self) -> u64 {
        CALLS_MIN.div_ceil(self.size)
    }

    fn fill(&mut self, make: impl Fn(usize) -> M) -> f64 {
        let mut spent = 0.0;
        for _ in 0..self.repeats() {
            self.map = M::empty();
            let start = Moment::now();
            let mut map = make(usize::try_from(self.size).unwrap_or(usize::MAX));
            for index in 0..self.size {
                black_box(map.insert(E::key(index), E::value(index)));
            }
            spent += start.nanoseconds();
            assert_eq!(map.len() as u64, self.size, "every key is new");
            self.map = map;
        }
        spent / per(self.size * self.repeats())
    }

    fn get(&self, keys: &[E::Key], hits: usize) -> f64 {
        let start = Moment::now();
        let found = keys
            .iter()
            .filter(|key| black_box(self.map.get(key)).is_some())
            .count();
        let spent = start.nanoseconds();
        assert_eq!(found, hits);
        spent / per(keys.len() as u64)
    }

    fn overwrite(&mut self, choice: &Choice<E>) -> f64 {
        let start = Moment::now();
        for (key, &number) in choice.hits.iter().zip(&choice.numbers) {
            black_box(self.map.insert(key.clone(), E::value(number)));
        }
        let spent = start.nanoseconds();
        assert_eq!(self.map.len() as u64, self.size, "no key is new");
        spent / per(CALLS_MIN)
    }

    /// Nine lookups, then one entry removed or inserted again.
    fn mixed(&mut self, choice: &Choice<E>) -> f64 {
        let mut found = 0;
        let start = Moment::now();
        let mut removed: Option<(&E::Key, u64)> = None;
        for (index, (key, &number)) in choice.hits.iter().zip(&choice.numbers).enumerate() {
            if index % 10 != 9 {
                found += usize::from(black_box(self.map.get(key)).is_some());
            } else if let Some((key, number)) = removed.take() {
                self.map.insert(key.clone(), E::value(number));
            } else if self.map.remove(key).is_some() {
                removed = Some((key, number));
            }
        }
        let spent = start.nanoseconds();
        if let Some((key, number)) = removed {
            self.map.insert(key.clone(), E::value(number));
        }
        assert!(found > 0, "most are there");
        assert_eq!(self.map.len() as u64, self.size, "all are back");
        spent / per(CALLS_MIN)
    }

    fn remove(&mut self, choice: &Choice<E>) -> f64 {
        let count = self.size.min(CALLS_MIN);
        let mut spent = 0.0;
        for _ in 0..self.repeats() {
            let start = Moment::now();
            for (key, _) in choice.distinct(count) {
                black_box(self.map.remove(key));
            }
            spent += start.nanoseconds();
            assert_eq!(self.map.len() as u64, self.size - count);
            for (key, number) in choice.distinct(count) {
                self.map.insert(key.clone(), E::value(number));
            }
        }
        spent / per(count * self.repeats())
    }

    fn iterate(&self) -> f64 {
        let start = Moment::now();
        for _ in 0..self.repeats() {
            let mut sum = 0_u64;
            self.map
                .for_each(|_, value| sum = sum.wrapping_add(E::number(value)));
            assert_eq!(sum, self.size * (self.size - 1) / 2, "each entry once");
        }
        start.nanoseconds() / per(self.size * self.repeats())
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a count of calls, far below 2^52"
)]
fn per(calls: u64) -> f64 {
    calls as f64
}
