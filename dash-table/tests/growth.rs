//! Memory while a table grows: exact, without steps, and in proportion.

use std::alloc::System;
use std::thread;
use std::time::Duration;

use dash_table::DashTable;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The bytes that were asked for and not yet given back.
fn allocated_bytes() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

type Table = DashTable<u64, u64, foldhash::fast::FixedState>;

/// One test, because the allocator counts what the whole process asks for.
#[test]
fn memory_is_told_exactly_and_follows_the_entries() {
    settle();
    told_to_the_byte();
    grows_without_waves(Table::default(), 1_000_000);
    for planned in [100_000, 150_000] {
        let mut table = Table::default();
        table.plan_for(planned);
        grows_without_waves(table, 1_000_000);
    }
}

/// Waits until the harness has come to rest, which has a thread of its own and allocates there
/// when it has started the test.
fn settle() {
    loop {
        let before = allocated_bytes();
        thread::sleep(Duration::from_millis(100));
        if allocated_bytes() == before {
            return;
        }
    }
}

/// `memory_usage` is what the allocator gave, whatever the table has been through.
fn told_to_the_byte() {
    let before = allocated_bytes();
    let agrees = |table: &Table, when: &str| {
        let bytes = allocated_bytes() - before;
        assert_eq!(table.memory_usage(), bytes, "{when}");
    };
    let mut table = Table::default();
    agrees(&table, "new");
    for key in 0..200_000 {
        table.insert(key, key);
        if key % 997 == 0 {
            agrees(&table, "growing");
        }
    }
    for _ in 0..9 {
        table.cut();
    }
    agrees(&table, "with many cuts");
    for key in 0..199_000 {
        table.remove(&key);
        if key % 997 == 0 {
            agrees(&table, "shrinking");
        }
    }
    table.reserve(50_000);
    agrees(&table, "reserved");
    table.shrink_to_fit();
    agrees(&table, "shrunk to fit");
    drop(table);
    assert_eq!(allocated_bytes(), before, "all is given back");
    let mut table: DashTable<u64, u64, Equal> = DashTable::default();
    for key in 0..3_000 {
        table.insert(key, key);
    }
    let bytes = allocated_bytes() - before;
    assert_eq!(table.memory_usage(), bytes, "chained");
}

/// Over any doubling, the bytes for each entry never rise above 1.35 times their mean.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn grows_without_waves(mut table: Table, entries: u64) {
    let mut curve: Vec<(u64, f64)> = Vec::new();
    let mut next = 10_000;
    for key in 1..=entries {
        table.insert(key, key);
        if key == next {
            curve.push((key, table.memory_usage() as f64 / key as f64));
            next += next / 64;
        }
    }
    for (start, (from, _)) in curve.iter().enumerate() {
        let octave: Vec<f64> = curve[start..]
            .iter()
            .take_while(|(entries, _)| *entries <= from * 2)
            .map(|(_, bytes)| *bytes)
            .collect();
        let mean = octave.iter().sum::<f64>() / octave.len() as f64;
        let most = octave.iter().copied().fold(0.0, f64::max);
        assert!(most <= 1.35 * mean, "{most} of {mean} from {from} on");
    }
}

/// Gives every key the same hash.
#[derive(Clone, Copy, Default)]
struct Equal;

impl std::hash::BuildHasher for Equal {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        Self
    }
}

impl std::hash::Hasher for Equal {
    fn finish(&self) -> u64 {
        7
    }

    fn write(&mut self, _: &[u8]) {}
}
