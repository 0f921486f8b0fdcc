//! Memory while a table grows: exact, without steps, and in proportion.

use std::alloc::System;

use dash_table::DashTable;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// The bytes that were asked for and not yet given back.
fn allocated_bytes() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// More than the harness allocates beside a test.
const ATTEMPTS: usize = 30;

type Table = DashTable<u64, u64, foldhash::fast::FixedState>;

/// One test, because the allocator counts what the whole process asks for.
#[test]
fn memory_is_told_exactly_and_follows_the_entries() {
    // The harness has a thread of its own, which allocates a few times after it has started the
    // test, whenever it comes to run: that spoils some attempts, and not so many.
    let told = (0..ATTEMPTS).map(|_| told_to_the_byte());
    let told: Vec<_> = told.map_while(Result::err).collect();
    assert!(told.len() < ATTEMPTS, "{told:?}");
    grows_without_waves(Table::default(), 1_000_000);
    for planned in [100_000, 150_000] {
        let mut table = Table::default();
        table.plan_for(planned);
        grows_without_waves(table, 1_000_000);
    }
}

/// `memory_usage` is what the allocator gave, whatever the table has been through; or where it is
/// not.
fn told_to_the_byte() -> Result<(), String> {
    let before = allocated_bytes();
    let agrees = |told: usize, when: &str| {
        let given = allocated_bytes().wrapping_sub(before);
        let differ = || format!("{when}: {told} bytes are told, {given} were given");
        (told == given).then_some(()).ok_or_else(differ)
    };
    let mut table = Table::default();
    agrees(table.memory_usage(), "new")?;
    for key in 0..200_000 {
        table.insert(key, key);
        if key % 997 == 0 {
            agrees(table.memory_usage(), "growing")?;
        }
    }
    for _ in 0..9 {
        table.cut();
    }
    agrees(table.memory_usage(), "with many cuts")?;
    for key in 0..199_000 {
        table.remove(&key);
        if key % 997 == 0 {
            agrees(table.memory_usage(), "shrinking")?;
        }
    }
    table.reserve(50_000);
    agrees(table.memory_usage(), "reserved")?;
    table.shrink_to_fit();
    agrees(table.memory_usage(), "shrunk to fit")?;
    drop(table);
    agrees(0, "dropped")?;
    let mut table: DashTable<u64, u64, Equal> = DashTable::default();
    for key in 0..3_000 {
        table.insert(key, key);
    }
    agrees(table.memory_usage(), "chained")
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
