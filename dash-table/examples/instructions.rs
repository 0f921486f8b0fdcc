//! How many instructions the hook costs whom nobody listens to: none.
//!
//! Runs the same calls on a table with the observer `()` and on one whose observer listens, each
//! in a function of its own, so that callgrind tells them apart:
//!
//! ```text
//! cargo build --release -p dash-table --example instructions
//! valgrind --tool=callgrind --toggle-collect='*measured*' \
//!     target/release/examples/instructions get unobserved
//! ```
//!
//! The words are `get` or `insert`, and `unobserved`, `deaf` or `listening`. `deaf` is an observer
//! that says at run time that it does not listen, by never being given a cut; what it costs more
//! than `unobserved` is the comparison of a bucket's version with the clock, and that is all.

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

#[inline(never)]
fn measured_get<O: Observer<u64, u64>>(table: &DashTable<u64, u64, Hasher, O>) {
    for index in 0..CALLS {
        assert_eq!(table.get(&key(index)), Some(&index));
    }
}

#[inline(never)]
fn measured_insert<O: Observer<u64, u64>>(table: &mut DashTable<u64, u64, Hasher, O>) {
    for index in 0..CALLS {
        black_box(table.insert(key(index), index));
    }
}

fn run<O: Observer<u64, u64> + Default>(operation: &str, is_cut: IsCut) {
    let mut table: DashTable<u64, u64, Hasher, O> =
        DashTable::with_hasher_and_observer(Hasher::default(), O::default());
    if operation == "insert" {
        if is_cut == IsCut::Yes {
            table.cut();
        }
        measured_insert(&mut table);
    } else {
        (0..CALLS).for_each(|index| {
            table.insert(key(index), index);
        });
        measured_get(&table);
    }
    assert_eq!(table.len() as u64, CALLS);
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
        Some("listening") => run::<Count>(operation, IsCut::Yes),
        Some("deaf") => run::<Count>(operation, IsCut::No),
        _ => run::<()>(operation, IsCut::No),
    }
}
