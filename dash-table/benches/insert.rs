//! Inserting pairs of `u64`, beside hashbrown with the same hasher.
//!
//! `insert/longest` reports the longest single insert of a whole run, not a mean.
//!
//! Two cores of a shared AMD EPYC (Zen 4) guest, other work running, `--quick`, 2026-11-21:
//!
//! | | dash-table | hashbrown 0.17 |
//! |---|---|---|
//! | `from_empty`, 1 M | 113 ns | 101 ns |
//! | `from_empty`, 10 M | 227 ns | 161 ns |
//! | `overwrite`, 1 M | 131 ns | 84 ns |
//! | `overwrite`, 10 M | 214 ns | 64 ns |
//! | `longest`, 1 M | 0.62 ms | 21 ms |
//! | `longest`, 10 M | 4.4 ms | 174 ms |
//!
//! Preemption by the other work is in the longest inserts of dash-table.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dash_table::{DashTable, DefaultHashBuilder};

type Peer = hashbrown::HashMap<u64, u64, DefaultHashBuilder>;

const SIZES: [u64; 2] = [1_000_000, 10_000_000];

/// The `index`-th key: all differ, none is near another.
fn key(index: u64) -> u64 {
    let mixed = (index ^ (index >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb)
}

/// One call of `insert` for each pair.
fn fill(size: u64, mut insert: impl FnMut(u64, u64) -> Option<u64>) {
    for index in 0..size {
        black_box(insert(key(index), index));
    }
}

/// The longest single call of `insert`.
fn longest(size: u64, mut insert: impl FnMut(u64, u64) -> Option<u64>) -> Duration {
    let mut longest = Duration::ZERO;
    fill(size, |key, value| {
        let start = Instant::now();
        let previous = insert(key, value);
        longest = longest.max(start.elapsed());
        previous
    });
    longest
}

fn from_empty(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("insert/from_empty");
    group.sample_size(10);
    for size in SIZES {
        group.throughput(Throughput::Elements(size));
        group.bench_function(BenchmarkId::new("dash-table", size), |bencher| {
            bencher.iter_with_large_drop(|| {
                let mut table = DashTable::new();
                fill(size, |key, value| table.insert(key, value));
                assert_eq!(table.len() as u64, size);
                table
            });
        });
        group.bench_function(BenchmarkId::new("hashbrown", size), |bencher| {
            bencher.iter_with_large_drop(|| {
                let mut table = Peer::default();
                fill(size, |key, value| table.insert(key, value));
                assert_eq!(table.len() as u64, size);
                table
            });
        });
    }
    group.finish();
}

fn overwrite(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("insert/overwrite");
    group.sample_size(10);
    for size in SIZES {
        group.throughput(Throughput::Elements(size));
        let mut table = DashTable::new();
        fill(size, |key, value| table.insert(key, value));
        group.bench_function(BenchmarkId::new("dash-table", size), |bencher| {
            bencher.iter(|| fill(size, |key, value| table.insert(key, value)));
        });
        drop(table);
        let mut table = Peer::default();
        fill(size, |key, value| table.insert(key, value));
        group.bench_function(BenchmarkId::new("hashbrown", size), |bencher| {
            bencher.iter(|| fill(size, |key, value| table.insert(key, value)));
        });
    }
    group.finish();
}

fn longest_insert(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("insert/longest");
    group.sample_size(10);
    for size in SIZES {
        group.bench_function(BenchmarkId::new("dash-table", size), |bencher| {
            bencher.iter_custom(|rounds| {
                let round = || {
                    let mut table = DashTable::new();
                    longest(size, |key, value| table.insert(key, value))
                };
                (0..rounds).map(|_| round()).sum()
            });
        });
        group.bench_function(BenchmarkId::new("hashbrown", size), |bencher| {
            bencher.iter_custom(|rounds| {
                let round = || {
                    let mut table = Peer::default();
                    longest(size, |key, value| table.insert(key, value))
                };
                (0..rounds).map(|_| round()).sum()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, from_empty, overwrite, longest_insert);
criterion_main!(benches);
