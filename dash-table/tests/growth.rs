//! Memory while a table grows: exact, without steps, and in proportion.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use dash_table::DashTable;

/// Counts the bytes that are asked for and not yet given back.
struct Counting;

static BYTES: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: as `System`, to which everything goes.
#[expect(unsafe_code, reason = "an allocator that counts")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc_zeroed(layout) }
    }
}

type Table = DashTable<u64, u64, foldhash::fast::FixedState>;

/// One test, because the allocator counts what the whole process asks for.
#[test]
fn memory_is_told_exactly_and_follows_the_entries() {
    told_to_the_byte();
    grows_without_waves(1_000_000);
}

/// `memory_usage` is what the allocator gave, whatever the table has been through.
fn told_to_the_byte() {
    let before = BYTES.load(Ordering::Relaxed);
    let agrees = |table: &Table, when: &str| {
        let bytes = BYTES.load(Ordering::Relaxed) - before;
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
    assert_eq!(BYTES.load(Ordering::Relaxed), before, "all is given back");
    let mut table: DashTable<u64, u64, Equal> = DashTable::default();
    for key in 0..3_000 {
        table.insert(key, key);
    }
    let bytes = BYTES.load(Ordering::Relaxed) - before;
    assert_eq!(table.memory_usage(), bytes, "chained");
}

/// Over any doubling, the bytes for each entry never rise above 1.35 times their mean.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn grows_without_waves(entries: u64) {
    let mut table = Table::default();
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
