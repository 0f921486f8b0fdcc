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
//! What came out, and when and where, stands in `docs/measurements` of the repository. One row's
//! rounds differ by up to half, and by more through the page cache.
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
