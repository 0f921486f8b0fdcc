//! Every byte of a file is read, in order, once, or the error says which is not.
//!
//! Modes that this machine refuses are skipped, unless `FORKLESS_IO_URING` says that it refuses
//! none.

#![expect(
    clippy::unwrap_used,
    reason = "a failure outside a test function fails the test too"
)]

mod skipped;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use aligned_io::{
    AlignedReader, BackendChoice, Direct, Failure, Faults, Operation, ReadError, ReaderOptions,
};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::skipped::{in_turn, skip};

const BLOCK_BYTES: usize = 4096;

const MODES: [(BackendChoice, Direct); 8] = [
    (BackendChoice::Auto, Direct::Auto),
    (BackendChoice::Auto, Direct::Never),
    (BackendChoice::IoUring, Direct::Require),
    (BackendChoice::IoUring, Direct::Never),
    (BackendChoice::Threads, Direct::Auto),
    (BackendChoice::Threads, Direct::Never),
    (BackendChoice::Pwrite, Direct::Require),
    (BackendChoice::Pwrite, Direct::Never),
];

fn disk() -> TempDir {
    TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// In memory where that is to be had.
fn memory() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        TempDir::new_in(memory).unwrap()
    } else {
        disk()
    }
}

fn options((backend, direct): (BackendChoice, Direct)) -> ReaderOptions {
    ReaderOptions {
        block_bytes: BLOCK_BYTES,
        depth: 3,
        backend,
        direct,
        ..ReaderOptions::default()
    }
}

fn refusal(error: &ReadError) -> Option<(Operation, &io::Error)> {
    match error {
        ReadError::Io {
            operation, source, ..
        } => Some((*operation, source)),
        _ => None,
    }
}

/// Opens a file, or says `None` where this machine refuses a mode that was required.
fn open(options: &ReaderOptions, path: &Path) -> Option<AlignedReader> {
    let forced = options.backend == BackendChoice::IoUring || options.direct == Direct::Require;
    match in_turn(|| options.open(path), refusal) {
        Ok(reader) => Some(reader),
        Err(ReadError::Io {
            operation, source, ..
        }) if forced => {
            let refusals = [Operation::SetUpRing, Operation::SetDirect, Operation::Probe];
            assert!(refusals.contains(&operation), "{options:?}: {operation}");
            skip(path, operation, &source);
            None
        }
        Err(error) => panic!("{options:?}: {error}"),
    }
}

fn content(length: usize) -> Vec<u8> {
    let byte = |index: usize| {
        let mixed = (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed.to_be_bytes()[1]
    };
    (0..length).map(byte).collect()
}

fn assert_reads(options: &ReaderOptions, path: &Path, expected: &[u8]) {
    let Some(mut reader) = open(options, path) else {
        return;
    };
    assert_eq!(reader.length(), expected.len() as u64);
    let mut found = Vec::new();
    reader.read_to_end(&mut found).unwrap();
    assert!(found == expected, "{options:?}, {} bytes", expected.len());
    assert_eq!(reader.position(), expected.len() as u64);
    assert_eq!(reader.read(&mut [0]).unwrap(), 0);
    assert!(reader.fill_buf().unwrap().is_empty());
}

#[test]
fn every_size_up_to_three_blocks_and_one_byte_is_exact() {
    let directory = memory();
    let path = directory.path().join("file");
    let all = content(3 * BLOCK_BYTES + 1);
    let mut file = File::create(&path).unwrap();
    for length in 0..=all.len() {
        for mode in [MODES[0], MODES[1], MODES[6]] {
            assert_reads(&options(mode), &path, &all[..length]);
        }
        file.write_all(all.get(length..=length).unwrap_or_default())
            .unwrap();
    }
}

#[test]
fn sizes_around_each_block_are_exact_in_every_mode_on_the_disk() {
    let directory = disk();
    let path = directory.path().join("file");
    let all = content(3 * BLOCK_BYTES + 1);
    let around = (0..=3).flat_map(|block| {
        let end = block * BLOCK_BYTES;
        [end.saturating_sub(511), end.saturating_sub(1), end, end + 1]
    });
    for length in around.chain((0..all.len()).step_by(1117)) {
        fs::write(&path, &all[..length]).unwrap();
        for mode in MODES {
            assert_reads(&options(mode), &path, &all[..length]);
        }
    }
}

#[test]
fn forced_modes_are_the_ones_reported() {
    let directory = disk();
    let path = directory.path().join("file");
    fs::write(&path, content(20_000)).unwrap();
    for (backend, direct) in MODES {
        let Some(reader) = open(&options((backend, direct)), &path) else {
            continue;
        };
        let mode = reader.mode();
        match direct {
            Direct::Never => assert!(!mode.direct),
            Direct::Require => assert!(mode.direct),
            _ => {}
        }
        let name = mode.backend.to_string();
        match backend {
            BackendChoice::IoUring => assert_eq!(name, "io_uring"),
            BackendChoice::Threads => assert_eq!(name, "threads"),
            BackendChoice::Pwrite => assert_eq!(name, "pwrite"),
            _ => {}
        }
    }
}

#[test]
fn lines_are_read_across_blocks() {
    let directory = disk();
    let path = directory.path().join("file");
    let lines: Vec<String> = (0..5000).map(|n| format!("line {n}")).collect();
    fs::write(&path, lines.join("\n")).unwrap();
    let reader = options(MODES[0]).open(&path).unwrap();
    let found: Vec<String> = reader.lines().map(Result::unwrap).collect();
    assert_eq!(found, lines);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_sizes_of_reads_add_up(
        mode in 0..MODES.len(),
        depth in 1_usize..6,
        length in 0..BLOCK_BYTES * 9,
        steps in prop::collection::vec((any::<bool>(), 0..BLOCK_BYTES * 2), 1..20),
    ) {
        let directory = disk();
        let path = directory.path().join("file");
        let expected = content(length);
        fs::write(&path, &expected).unwrap();
        let options = ReaderOptions { depth, ..options(MODES[mode]) };
        let Some(mut reader) = open(&options, &path) else { return Ok(()) };
        let mut found = Vec::new();
        for &(copies, bytes) in steps.iter().cycle().take(100) {
            if copies {
                let mut into = vec![0; bytes];
                let count = reader.read(&mut into).unwrap();
                prop_assert!(count > 0 || bytes == 0 || found.len() == length);
                found.extend_from_slice(&into[..count]);
            } else {
                let lent = reader.fill_buf().unwrap();
                let count = lent.len().min(bytes);
                found.extend_from_slice(&lent[..count]);
                reader.consume(count);
            }
            prop_assert_eq!(reader.position(), found.len() as u64);
        }
        reader.read_to_end(&mut found).unwrap();
        prop_assert!(found == expected);
    }
}

/// What was read before the error, if there was one.
fn read_all(mut reader: AlignedReader) -> (Vec<u8>, Option<io::Error>) {
    let mut found = Vec::new();
    let outcome = reader.read_to_end(&mut found);
    if let Err(error) = outcome {
        let later = inside(reader.read(&mut [0]).unwrap_err());
        assert!(matches!(later, ReadError::Poisoned { .. }), "{later:?}");
        return (found, Some(error));
    }
    (found, None)
}

fn inside(error: io::Error) -> ReadError {
    *error.into_inner().unwrap().downcast().unwrap()
}

#[test]
fn thousands_of_faulty_runs_are_exact_or_name_the_byte() {
    let directory = memory();
    let path = directory.path().join("file");
    let all = content(10 * BLOCK_BYTES + 77);
    fs::write(&path, &all).unwrap();
    let (mut exact, mut failed) = (0, 0);
    for seed in 0..4000_u64 {
        let chance = |shift: u32| [0, 30, 300][usize::try_from(seed >> shift).unwrap() % 3];
        let nth = seed % 25;
        let faults = Faults {
            seed,
            short_per_mille: chance(2),
            interrupted_per_mille: chance(4),
            again_per_mille: chance(6),
            failure: (seed % 2 == 0).then_some(Failure::Write { nth }),
            ..Faults::default()
        };
        let direct = [Direct::Auto, Direct::Never][usize::from(seed % 3 == 0)];
        let options = options((BackendChoice::Auto, direct));
        let outcome = options.open_faulty(&path, &faults).map(read_all);
        let (found, error) = match outcome {
            Ok((found, error)) => (found, error.map(inside)),
            Err(error) => (Vec::new(), Some(error)),
        };
        assert!(all.starts_with(&found), "seed {seed}");
        match error {
            None => {
                assert_eq!(found.len(), all.len(), "seed {seed}: an early end");
                exact += 1;
            }
            Some(ReadError::Read { offset, source, .. }) => {
                assert_eq!(source.raw_os_error(), Some(5), "seed {seed}");
                let block = BLOCK_BYTES as u64;
                assert!(offset / block * block == found.len() as u64, "seed {seed}");
                assert!(faults.failure.is_some(), "seed {seed}");
                failed += 1;
            }
            Some(error) => panic!("seed {seed}: {error:?}"),
        }
    }
    assert!(
        exact > 1000 && failed > 1000,
        "{exact} exact, {failed} failed"
    );
}

#[test]
fn broken_backend_is_an_error_and_not_an_end() {
    let directory = disk();
    let path = directory.path().join("file");
    fs::write(&path, content(10 * BLOCK_BYTES)).unwrap();
    let faults = Faults {
        failure: Some(Failure::Reap { nth: 5 }),
        ..Faults::default()
    };
    let reader = options(MODES[0]).open_faulty(&path, &faults).unwrap();
    let error = inside(read_all(reader).1.unwrap());
    let is_named = matches!(
        error,
        ReadError::Io {
            operation: Operation::Reap,
            ..
        }
    );
    assert!(is_named, "{error:?}");
}

#[test]
fn direct_reads_that_are_refused_late_go_through_the_page_cache() {
    let directory = disk();
    let path = directory.path().join("file");
    let all = content(3 * BLOCK_BYTES + 5);
    fs::write(&path, &all).unwrap();
    let faults = Faults {
        failure: Some(Failure::Direct),
        ..Faults::default()
    };
    for depth in [1, 3] {
        let options = ReaderOptions {
            depth,
            ..options(MODES[0])
        };
        let reader = options.open_faulty(&path, &faults).unwrap();
        assert!(!reader.mode().direct);
        assert!(read_all(reader).0 == all);
    }
    let required = options((BackendChoice::Auto, Direct::Require));
    let error = required.open_faulty(&path, &faults).unwrap_err();
    let is_named = matches!(
        error,
        ReadError::Io {
            operation: Operation::Probe | Operation::SetDirect,
            ..
        }
    );
    assert!(is_named, "{error:?}");
}

#[test]
fn file_that_shrinks_is_an_error_and_one_that_grows_ends_where_it_did() {
    for mode in MODES {
        let directory = disk();
        let path = directory.path().join("file");
        let all = content(20 * BLOCK_BYTES);
        fs::write(&path, &all[..15 * BLOCK_BYTES + 9]).unwrap();
        let Some(reader) = open(&options(mode), &path) else {
            continue;
        };
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(&all[15 * BLOCK_BYTES + 9..]).unwrap();
        assert!(read_all(reader).0 == all[..15 * BLOCK_BYTES + 9]);

        let reader = open(&options(mode), &path).unwrap();
        let end = 17 * BLOCK_BYTES + 100;
        file.set_len(end as u64).unwrap();
        let (found, error) = read_all(reader);
        assert!(found == all[..17 * BLOCK_BYTES], "{} bytes", found.len());
        let error = inside(error.unwrap());
        let ReadError::Shrunk { length, offset, .. } = error else {
            panic!("{error:?}")
        };
        assert_eq!((length, offset), (all.len() as u64, end as u64));
    }
}

#[test]
fn what_is_no_file_and_what_is_no_option_are_refused() {
    let directory = disk();
    let path = directory.path().join("file");
    fs::write(&path, "content").unwrap();
    let open = |path: &Path| ReaderOptions::default().open(path).unwrap_err();
    assert!(matches!(open(directory.path()), ReadError::NoFile { .. }));
    assert!(matches!(
        open(Path::new("/dev/null")),
        ReadError::NoFile { .. }
    ));
    let missing = open(&PathBuf::from("/nowhere/at/all"));
    let ReadError::Open { source, .. } = missing else {
        panic!("{missing:?}")
    };
    assert_eq!(source.kind(), ErrorKind::NotFound);
    let with = |block_bytes, depth| {
        let options = ReaderOptions {
            block_bytes,
            depth,
            ..ReaderOptions::default()
        };
        options.open(&path).unwrap_err()
    };
    assert!(matches!(with(5000, 4), ReadError::Unaligned { .. }));
    assert!(matches!(
        with(0, 4),
        ReadError::OutOfRange {
            option: "block_bytes",
            ..
        }
    ));
    assert!(matches!(
        with(4096, 0),
        ReadError::OutOfRange {
            option: "depth",
            ..
        }
    ));
}
