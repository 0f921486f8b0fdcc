//! A file of 1 GiB, written front to back and made durable: `write/<way>/1GiB`.
//!
//! Set `ALIGNED_IO_BENCH_DIR` to choose the disk; otherwise the build directory's is measured.
//! The peer is `fio --name=w --filename=F --rw=write --bs=1M --size=1G --ioengine=io_uring
//! --iodepth=4 --direct=1 --fixedbufs=1 --end_fsync=1 --fallocate=native`; unlike us it copies
//! nothing into its buffers.
//!
//! 2026-11-21, 2 virtual cores of an AMD EPYC, ext4, Linux 6.18; MiB/s, medians of runs taken in
//! turns by a program that does what this one does, each on a new file. Load average, ours
//! included: quiet 2.1 falling to 1.6, busy 1.2 rising to 4.9 as other programs compiled.
//!
//! | | quiet, 12 runs | busy, 10 runs |
//! |---|---|---|
//! | fio, 1 MiB x 4 | 2603 | 2429 |
//! | ours, 1 MiB x 4, preallocated | 2614 | 2121 |
//! | fio, 1 MiB x 4, not preallocated | | 2291 |
//! | ours, 1 MiB x 4, not preallocated | | 2013 |
//! | fio, 256 KiB x 16 | 2794 | 2649 |
//! | ours, 256 KiB x 16, preallocated | 2866 | 1782 |
//! | ours, `pwrite`, `O_DIRECT` | | 1087 |
//! | ours, `pwrite` through the page cache | | 2099 |
//! | ours, a ring through the page cache | | 536 |

#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first failure")]

use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use aligned_io::{BackendChoice, Direct, WriterOptions};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tempfile::TempDir;

const FILE_BYTES: u64 = 1 << 30;
/// What an encoder hands over at once.
const SLICE_BYTES: usize = 128 << 10;

fn directory() -> TempDir {
    let chosen = std::env::var_os("ALIGNED_IO_BENCH_DIR").map(PathBuf::from);
    let root = chosen.unwrap_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")));
    TempDir::new_in(root).unwrap()
}

fn fill(mut sink: impl Write) {
    let slice: Vec<u8> = (0..SLICE_BYTES)
        .map(|index| (index % 251).to_le_bytes()[0])
        .collect();
    for _ in 0..FILE_BYTES / SLICE_BYTES as u64 {
        sink.write_all(black_box(&slice)).unwrap();
    }
}

fn aligned(path: &Path, options: &WriterOptions) {
    let mut writer = options.create(path).unwrap();
    fill(&mut writer);
    assert_eq!(writer.publish().unwrap().bytes, FILE_BYTES);
}

fn buffered(path: &Path) {
    let mut writer = BufWriter::with_capacity(1 << 20, File::create(path).unwrap());
    fill(&mut writer);
    writer.into_inner().unwrap().sync_all().unwrap();
    assert_eq!(fs::metadata(path).unwrap().len(), FILE_BYTES);
}

fn write(criterion: &mut Criterion) {
    let directory = directory();
    let path = directory.path().join("file");
    let mut group = criterion.benchmark_group("write");
    group.throughput(Throughput::Bytes(FILE_BYTES));
    group.sample_size(10);
    group.measurement_time(Duration::from_secs(10));
    let auto = WriterOptions::default();
    let preallocated = WriterOptions {
        preallocate_bytes: FILE_BYTES,
        ..auto.clone()
    };
    let pwrite = WriterOptions {
        backend: BackendChoice::Pwrite,
        ..auto.clone()
    };
    let cached = WriterOptions {
        direct: Direct::Never,
        ..auto.clone()
    };
    for (name, options) in [
        ("aligned_io", auto),
        ("aligned_io_preallocated", preallocated),
        ("aligned_io_pwrite", pwrite),
        ("aligned_io_buffered", cached),
    ] {
        // Each way starts without the file of the one before, and replaces its own from then on.
        let _ = fs::remove_file(&path);
        group.bench_function(format!("{name}/1GiB"), |bencher| {
            bencher.iter(|| aligned(&path, &options));
        });
    }
    let _ = fs::remove_file(&path);
    group.bench_function("std_bufwriter/1GiB", |bencher| {
        bencher.iter(|| buffered(&path));
    });
    group.finish();
}

criterion_group!(benches, write);
criterion_main!(benches);
