//! How many instructions the hook costs whom nobody listens to.
//!
//! Runs the same calls on a table with the observer `()`, on one whose observer listens, and on
//! hashbrown's map, each in a function of its own, so that callgrind tells them apart:
//!
//! ```text
//! cargo build --release -p dash-table --example instructions
//! valgrind --tool=callgrind --toggle-collect='*measured*' \
//!     target/release/examples/instructions get unobserved
//! ```
//!
//! The words are `get`, `insert`, `overwrite` or `remove`, and `unobserved`, `deaf`, `listening`
//! or `hashbrown`. `deaf` is an observer that says at run time that it does not listen, by never
//! being given a cut; what it costs more than `unobserved` is the comparison of a bucket's version
//! with the clock, and that is all.
//!
//! The table without cuts to compare `unobserved` with is the same, built with
//! `RUSTFLAGS="--cfg uncut"`: then segments have no versions, and the hook has no body.

use std::env;
use std::hint::black_box;

use dash_table::{Bucket, Cut, DashTable, Observer};

type Hasher = foldhash::fast::FixedState;

/// Entries of the table, and calls that are counted.
const CALLS: u64 = 100_000;

/// Counts what it is given.
#[derive(Default)]
struct Count(usize);

impl Observer<u64, u64> for Count {
    fn deliver(&mut self, _: Cut, bucket: Bucket<'_, u64, u64>) {
        self.0 += bucket.len();
    }
}

fn key(index: u64) -> u64 {
    index.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// What is measured of either map.
trait Map {
    fn get(&self, key: u64) -> Option<&u64>;
    fn insert(&mut self, key: u64, value: u64) -> Option<u64>;
    fn remove(&mut self, key: u64) -> Option<u64>;
}

impl<O: Observer<u64, u64>> Map for DashTable<u64, u64, Hasher, O> {
    #[inline]
    fn get(&self, key: u64) -> Option<&u64> {
        self.get(&key)
    }

    #[inline]
    fn insert(&mut self, key: u64, value: u64) -> Option<u64> {
        self.insert(key, value)
    }

    #[inline]
    fn remove(&mut self, key: u64) -> Option<u64> {
        self.remove(&key)
    }
}

impl Map for hashbrown::HashMap<u64, u64, Hasher> {
    #[inline]
    fn get(&self, key: u64) -> Option<&u64> {
        self.get(&key)
    }

    #[inline]
    fn insert(&mut self, key: u64, value: u64) -> Option<u64> {
        self.insert(key, value)
    }

    #[inline]
    fn remove(&mut self, key: u64) -> Option<u64> {
        self.remove(&key)
    }
}

#[inline(never)]
fn measured_get(map: &impl Map) {
    for index in 0..CALLS {
        assert_eq!(map.get(key(index)), Some(&index));
    }
}

#[inline(never)]
fn measured_insert(map: &mut impl Map) {
    for index in 0..CALLS {
        black_box(map.insert(key(index), index));
    }
}

#[inline(never)]
fn measured_remove(map: &mut impl Map) {
    for index in 0..CALLS {
        black_box(map.remove(key(index)));
    }
}

/// Fills the map with entries and does what is measured.
fn run(operation: &str, map: &mut impl Map) {
    if operation != "insert" {
        (0..CALLS).for_each(|index| {
            map.insert(key(index), index);
        });
    }
    match operation {
        "insert" | "overwrite" => measured_insert(map),
        "remove" => measured_remove(map),
        _ => measured_get(map),
    }
    let is_there = map.get(key(0)).is_some();
    assert_eq!(is_there, operation != "remove");
}

fn run_table<O: Observer<u64, u64> + Default>(operation: &str, is_cut: IsCut) {
    let mut table: DashTable<u64, u64, Hasher, O> =
        DashTable::with_hasher_and_observer(Hasher::default(), O::default());
    if is_cut == IsCut::Yes {
        table.cut();
    }
    run(operation, &mut table);
}

/// Whether a cut is open while the calls are counted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum IsCut {
    Yes,
    No,
}

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let operation = words.first().map_or("get", String::as_str);
    match words.get(1).map(String::as_str) {
        Some("listening") => run_table::<Count>(operation, IsCut::Yes),
        Some("deaf") => run_table::<Count>(operation, IsCut::No),
        Some("hashbrown") => run(
            operation,
            &mut hashbrown::HashMap::with_hasher(Hasher::default()),
        ),
        _ => run_table::<()>(operation, IsCut::No),
    }
}
