//! Writing and reading one file, front to back, in turns with fio and with `std`: one row of JSON
//! per figure on stdout, times in seconds.
//!
//! `cargo bench -p aligned-io --bench figures` writes 1 GiB each time beside fio and 4 GiB beside
//! `std`, `-- --quick` 256 MiB. `ALIGNED_IO_BENCH_DIR` chooses the disk; otherwise the build
//! directory's is measured. Rows whose names hold the words after the options are measured, all if
//! there are none.
//!
//! Beside fio, our time runs from the first byte to the end of the fsync of the file, and every
//! byte is copied once, from a slice of 128 KiB. fio's is the one it reports: its writes and its
//! final fsync, and nothing is copied into its buffers; one row of ours does without copies too.
//! Both have the file preallocated before.
//! Beside `std`, our time runs from creating the writer, without preallocation, to the fsync of the
//! directory. What creating and publishing alone take is a row of its own.
//!
//! 2026-11-21, 2 virtual cores of an AMD EPYC on a shared host, ext4, Linux 6.18; nothing else ran
//! in the machine. Times a peer's, medians of 7 rounds taken in pairs, 1 GiB each (4 GiB and 3
//! rounds beside `std`). One row's own rounds differ by up to half, and by more through the page
//! cache; the disk gave 1.1 to 2.2 GiB/s to fio.
//!
//! | | times as fast as fio |
//! |---|---|
//! | write, 64 KiB x 4, `io_uring`, `O_DIRECT` | 0.93 |
//! | write, 64 KiB x 16, `io_uring`, `O_DIRECT` | 1.22 |
//! | write, 256 KiB x 16, `io_uring`, `O_DIRECT` | 0.89, 0.90 |
//! | write, 1 MiB x 1, `io_uring`, `O_DIRECT` | 0.99 |
//! | write, 1 MiB x 4, `io_uring`, `O_DIRECT` | 1.13 |
//! | write, 1 MiB x 16, `io_uring`, `O_DIRECT` | 0.97 |
//! | write, 256 KiB x 16, threads, `O_DIRECT`, beside libaio | 0.94 |
//! | write, 1 MiB, `pwrite`, `O_DIRECT` | 0.88 |
//! | write, 64 KiB, `pwrite`, page cache | 1.77 |
//! | write, 1 MiB, `pwrite`, page cache | 1.48 |
//! | read, 256 KiB x 16, `io_uring`, `O_DIRECT` | 0.94 |
//! | read, 1 MiB x 4, `io_uring`, `O_DIRECT` | 0.84, 0.89 |
//! | write 4 GiB as it comes, beside `std` | 2.1 |
//!
//! Before each turn the old file is removed and its removal is synced, as a disk that is told of
//! freed blocks is busy with that for a while.

#![expect(clippy::unwrap_used, reason = "a benchmark stops at the first failure")]

mod fio;
mod memory;
mod reads;
mod row;
mod scale;
mod shape;
mod table;
mod time;
mod turns;
mod writes;

use std::path::PathBuf;

use tempfile::TempDir;

use crate::scale::Scale;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_quick = arguments.iter().any(|argument| argument == "--quick");
    let words: Vec<&String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let chosen = std::env::var_os("ALIGNED_IO_BENCH_DIR").map(PathBuf::from);
    let root = chosen.unwrap_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")));
    let directory = TempDir::new_in(&root).unwrap();
    let statistics = rustix::fs::statvfs(directory.path()).unwrap();
    let free = statistics.f_bavail * statistics.f_frsize;
    assert!(
        free > 3 * Scale::plain(is_quick).file_bytes,
        "{}: {free} bytes free are too few",
        root.display()
    );
    let has_fio = fio::is_installed();
    let is_chosen = |name: &str| words.iter().all(|word| name.contains(word.as_str()));
    if is_chosen("memory of a writer") {
        memory::measure(directory.path());
    }
    for row in table::rows(is_quick) {
        if is_chosen(&row.name) {
            turns::measure(&row, directory.path(), has_fio);
        }
    }
}
