//! Every byte arrives, and not one more, in each mode and at each boundary.

#![expect(
    clippy::unwrap_used,
    reason = "a failure outside a test function fails the test too"
)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::thread;

use aligned_io::{
    AlignedWriter, Backend, BackendChoice, Direct, Operation, WriteError, WriterOptions,
};
use proptest::prelude::*;
use tempfile::TempDir;

const BLOCK_BYTES: usize = 8192;

const MODES: [(BackendChoice, Direct); 9] = [
    (BackendChoice::Auto, Direct::Auto),
    (BackendChoice::Auto, Direct::Never),
    (BackendChoice::IoUring, Direct::Require),
    (BackendChoice::IoUring, Direct::Never),
    (BackendChoice::Threads, Direct::Auto),
    (BackendChoice::Threads, Direct::Never),
    (BackendChoice::Pwrite, Direct::Auto),
    (BackendChoice::Pwrite, Direct::Require),
    (BackendChoice::Pwrite, Direct::Never),
];

/// A directory on the disk, and one in memory where there is one.
fn directories() -> Vec<TempDir> {
    let mut roots = vec![PathBuf::from(env!("CARGO_TARGET_TMPDIR"))];
    roots.extend(Some(PathBuf::from("/dev/shm")).filter(|memory| memory.is_dir()));
    roots
        .iter()
        .map(|root| TempDir::new_in(root).unwrap())
        .collect()
}

fn options((backend, direct): (BackendChoice, Direct), preallocate_bytes: u64) -> WriterOptions {
    WriterOptions {
        block_bytes: BLOCK_BYTES,
        depth: 3,
        backend,
        direct,
        preallocate_bytes,
        ..WriterOptions::default()
    }
}

/// Creates a writer, or says `None` where this machine refuses a mode that was required.
fn create(options: &WriterOptions, path: &Path) -> Option<AlignedWriter> {
    let forced = options.backend == BackendChoice::IoUring || options.direct == Direct::Require;
    match options.create(path) {
        Ok(writer) => Some(writer),
        Err(WriteError::Io {
            operation, source, ..
        }) if forced => {
            let refusals = [Operation::SetUpRing, Operation::SetDirect, Operation::Probe];
            assert!(
                refusals.contains(&operation),
                "{options:?}: {operation}: {source}"
            );
            assert!(
                leftovers(path).is_empty(),
                "something stays of a refused file"
            );
            None
        }
        Err(error) => panic!("{options:?}: {error}"),
    }
}

fn leftovers(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path.parent().unwrap()).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|found| found != path)
        .collect()
}

/// Bytes that repeat with no period a block size has.
fn content(bytes: usize, seed: usize) -> Vec<u8> {
    let mixed = |index: usize| (index % 251) ^ (index / 4093) ^ seed;
    (0..bytes)
        .map(|index| mixed(index).to_le_bytes()[0])
        .collect()
}

#[test]
fn every_size_around_every_boundary_is_exact_in_every_mode() {
    let mut sizes = vec![0, 1];
    for boundary in [512, 4096, BLOCK_BYTES, BLOCK_BYTES + 4096, 2 * BLOCK_BYTES] {
        sizes.extend([boundary - 1, boundary, boundary + 1]);
    }
    sizes.extend([3 * BLOCK_BYTES - 1, 3 * BLOCK_BYTES, 3 * BLOCK_BYTES + 1]);
    for directory in directories() {
        let path = directory.path().join("exact");
        for mode in MODES {
            for (round, &size) in sizes.iter().enumerate() {
                let preallocate_bytes = [0, 1, 100_000][round % 3];
                let options = options(mode, preallocate_bytes);
                let Some(mut writer) = create(&options, &path) else {
                    continue;
                };
                let expected = content(size, 1);
                writer.write_all(&expected).unwrap();
                assert_eq!(writer.position(), size as u64);
                let published = writer.publish().unwrap();
                assert_eq!(published.bytes, size as u64);
                assert_eq!(published.path, path);
                assert!(
                    fs::read(&path).unwrap() == expected,
                    "{options:?}, {size} bytes"
                );
                assert_eq!(leftovers(&path), Vec::<PathBuf>::new());
            }
        }
    }
}

#[test]
fn forced_modes_are_the_ones_reported() {
    for directory in directories() {
        let path = directory.path().join("mode");
        for (backend, direct) in MODES {
            let Some(writer) = create(&options((backend, direct), 0), &path) else {
                continue;
            };
            let mode = writer.mode();
            match backend {
                BackendChoice::IoUring => assert_eq!(mode.backend, Backend::IoUring),
                BackendChoice::Threads => assert_eq!(mode.backend, Backend::Threads),
                BackendChoice::Pwrite => assert_eq!(mode.backend, Backend::Pwrite),
                _ => {}
            }
            match direct {
                Direct::Never => assert!(!mode.direct),
                Direct::Require => assert!(mode.direct),
                _ => {}
            }
            if backend == BackendChoice::Auto && !mode.direct {
                assert_eq!(mode.backend, Backend::Pwrite);
            }
            assert!(!mode.registered_buffers || mode.backend == Backend::IoUring);
            drop(writer);
            assert_eq!(leftovers(&path), Vec::<PathBuf>::new());
        }
    }
}

#[test]
fn finished_files_appear_together_when_published() {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let paths = ["0", "1", "2"].map(|name| directory.path().join(name));
    let finished: Vec<_> = paths
        .iter()
        .map(|path| {
            let mut writer = WriterOptions::default().create(path).unwrap();
            writer
                .write_all(path.as_os_str().as_encoded_bytes())
                .unwrap();
            writer.finish().unwrap()
        })
        .collect();
    assert!(paths.iter().all(|path| !path.exists()));
    for file in finished {
        let bytes = file.bytes();
        assert_eq!(file.publish().unwrap().bytes, bytes);
    }
    for path in &paths {
        assert_eq!(fs::read(path).unwrap(), path.as_os_str().as_encoded_bytes());
    }
}

#[test]
fn writer_moves_from_thread_to_thread() {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("moved");
    let mut writer = options(MODES[0], 0).create(&path).unwrap();
    let expected = content(5 * BLOCK_BYTES + 77, 3);
    for piece in expected.chunks(BLOCK_BYTES + 1) {
        // The thread that started a write may be gone when it comes back.
        writer = thread::scope(|scope| {
            let moved = scope.spawn(move || {
                writer.write_all(piece).unwrap();
                writer
            });
            moved.join().unwrap()
        });
    }
    writer.publish().unwrap();
    assert!(fs::read(&path).unwrap() == expected);
}

#[test]
fn two_writers_of_one_name_do_not_meet_and_the_last_one_stays() {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("shared");
    let mut first = WriterOptions::default().create(&path).unwrap();
    let mut second = WriterOptions::default().create(&path).unwrap();
    first.write_all(b"first").unwrap();
    second.write_all(b"second").unwrap();
    second.publish().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"second");
    first.publish().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"first");
    assert_eq!(leftovers(&path), Vec::<PathBuf>::new());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_split_of_any_size_is_exact(
        mode in 0..MODES.len(),
        depth in 1_usize..6,
        pieces in prop::collection::vec(
            prop_oneof![0_usize..40, 0_usize..5000, Just(BLOCK_BYTES), 0_usize..30_000],
            0..24,
        ),
    ) {
        for directory in directories() {
            let path = directory.path().join("split");
            let options = WriterOptions { depth, ..options(MODES[mode], 0) };
            let Some(mut writer) = create(&options, &path) else { continue };
            let mut expected = Vec::new();
            for (index, &bytes) in pieces.iter().enumerate() {
                let piece = content(bytes, index);
                prop_assert_eq!(writer.write(&piece).unwrap(), bytes);
                expected.extend_from_slice(&piece);
            }
            let published = writer.publish().unwrap();
            prop_assert_eq!(published.bytes, expected.len() as u64);
            prop_assert!(published.stats.max_in_flight <= depth);
            prop_assert!(fs::read(&path).unwrap() == expected);
        }
    }
}
