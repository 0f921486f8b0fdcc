//! Looking up keys in random order, beside hashbrown with the same hasher.
//!
//! Two cores of a shared AMD EPYC (Zen 4) guest, other work running, `--quick`, 2026-11-21:
//!
//! | | dash-table | hashbrown 0.17 |
//! |---|---|---|
//! | `hit`, 1 M | 67 ns | 38 ns |
//! | `hit`, 10 M | 131 ns | 65 ns |
//! | `miss`, 1 M | 27 ns | 14 ns |
//! | `miss`, 10 M | 83 ns | 35 ns |

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dash_table::{DashTable, DefaultHashBuilder};

type Peer = hashbrown::HashMap<u64, u64, DefaultHashBuilder>;

const SIZES: [u64; 2] = [1_000_000, 10_000_000];

/// Lookups of one round.
const LOOKUPS: u64 = 1_000_000;

/// The `index`-th key: all differ, none is near another.
fn key(index: u64) -> u64 {
    let mixed = (index ^ (index >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb)
}

/// Keys of random entries of a table of `size`.
fn hits(size: u64) -> Vec<u64> {
    // A stride without a common factor visits entries far from each other.
    (0..LOOKUPS)
        .map(|index| key(index * 7_368_787 % size))
        .collect()
}

/// Keys that a table of `size` does not have.
fn misses(size: u64) -> Vec<u64> {
    (0..LOOKUPS).map(|index| key(size + index)).collect()
}

fn lookup(criterion: &mut Criterion) {
    for size in SIZES {
        let mut dash = DashTable::new();
        let mut peer = Peer::default();
        for index in 0..size {
            dash.insert(key(index), index);
            peer.insert(key(index), index);
        }
        for (name, keys, found) in [("hit", hits(size), LOOKUPS), ("miss", misses(size), 0)] {
            let mut group = criterion.benchmark_group(format!("lookup/{name}"));
            group
                .sample_size(10)
                .throughput(Throughput::Elements(LOOKUPS));
            group.bench_function(BenchmarkId::new("dash-table", size), |bencher| {
                bencher.iter(|| {
                    let is_found = |key: &&u64| black_box(dash.get(*key)).is_some();
                    let count = keys.iter().filter(is_found).count();
                    assert_eq!(count as u64, found);
                });
            });
            group.bench_function(BenchmarkId::new("hashbrown", size), |bencher| {
                bencher.iter(|| {
                    let is_found = |key: &&u64| black_box(peer.get(*key)).is_some();
                    let count = keys.iter().filter(is_found).count();
                    assert_eq!(count as u64, found);
                });
            });
            group.finish();
        }
    }
}

criterion_group!(benches, lookup);
criterion_main!(benches);
