//! Whatever fails: an error, the old file untouched, nothing left beside it; and what does not
//! fail is exact.

#![expect(
    clippy::unwrap_used,
    reason = "a failure outside a test function fails the test too"
)]

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aligned_io::{Direct, Failure, Faults, Operation, WriteError, WriterOptions};
use tempfile::TempDir;

const OLD: &[u8] = b"what stood there before";

/// The `SplitMix64` generator.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }

    fn per_mille(&mut self) -> u32 {
        u32::try_from([0, 30, 300][self.below(3)]).unwrap()
    }
}

/// One run: what is written, how, and what goes wrong.
#[derive(Debug)]
struct Run {
    options: WriterOptions,
    faults: Faults,
    bytes: usize,
    slice_bytes: usize,
    has_old_file: bool,
}

impl Run {
    fn from_seed(seed: u64) -> Self {
        let random = &mut Random(seed);
        let block_bytes = 4096 * (1 + random.below(4));
        let bytes = match random.below(4) {
            0 => random.below(100),
            1 => block_bytes * random.below(6),
            _ => random.below(block_bytes * 8),
        };
        let failure = match random.below(7) {
            0 => Some(Failure::Direct),
            1 => Some(Failure::Write {
                nth: random.below(10) as u64,
            }),
            2 => Some(Failure::NoSpace {
                at_byte: random.below(bytes + 4096) as u64,
            }),
            3 => Some(Failure::Sync),
            4 => Some(Failure::Reap {
                nth: random.below(10) as u64,
            }),
            _ => None,
        };
        Self {
            options: WriterOptions {
                block_bytes,
                depth: 1 + random.below(5),
                direct: [Direct::Auto, Direct::Never][random.below(2)],
                preallocate_bytes: [0, bytes as u64, 50_000][random.below(3)],
                ..WriterOptions::default()
            },
            faults: Faults {
                seed,
                short_per_mille: random.per_mille(),
                interrupted_per_mille: random.per_mille(),
                again_per_mille: random.per_mille(),
                early_per_mille: random.per_mille(),
                failure,
                disk: None,
            },
            bytes,
            slice_bytes: 1 + random.below(10_000),
            has_old_file: random.below(2) == 0,
        }
    }

    fn write(&self, path: &Path, content: &[u8]) -> Result<u64, Box<dyn Error>> {
        let mut writer = self.options.create_faulty(path, &self.faults)?;
        for slice in content.chunks(self.slice_bytes) {
            if let Err(error) = writer.write_all(slice) {
                assert!(is_write_error(&error), "{error:?} does not say what failed");
                let later = writer.write(b"more").unwrap_err();
                assert!(is_poisoned(&later), "{later:?} after {error:?}");
                assert!(is_poisoned(&writer.flush().unwrap_err()));
                assert!(matches!(writer.publish(), Err(WriteError::Poisoned { .. })));
                return Err(error.into());
            }
        }
        assert_eq!(writer.position(), content.len() as u64);
        let published = writer.publish()?;
        assert_eq!(published.bytes, content.len() as u64);
        Ok(published.stats.writes)
    }

    /// Whether the failure must have struck, given how many writes there were.
    fn must_fail(&self, writes: u64) -> bool {
        match self.faults.failure {
            Some(Failure::Write { nth } | Failure::Reap { nth }) => nth < writes,
            Some(Failure::NoSpace { at_byte }) => at_byte < self.bytes as u64,
            Some(Failure::Sync) => true,
            _ => false,
        }
    }

    /// Runs in `directory`, which is left empty: whether the file was published.
    fn check(&self, directory: &Path) -> bool {
        let path = directory.join("file");
        if self.has_old_file {
            fs::write(&path, OLD).unwrap();
        }
        let seed = self.faults.seed.to_le_bytes();
        let content: Vec<u8> = (0..self.bytes)
            .map(|index| (index % 251).to_le_bytes()[0] ^ seed[0])
            .collect();
        let outcome = self.write(&path, &content);
        let found = match fs::read(&path) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::NotFound);
                None
            }
        };
        match &outcome {
            Ok(writes) => {
                assert!(!self.must_fail(*writes), "false success: {self:?}");
                assert!(found.as_ref() == Some(&content), "not exact: {self:?}");
            }
            Err(error) => {
                let old = self.has_old_file.then(|| OLD.to_vec());
                assert!(found == old, "old file touched: {self:?}");
                let is_expected = !matches!(self.faults.failure, None | Some(Failure::Direct));
                assert!(is_expected, "{error:?} without a cause: {self:?}");
            }
        }
        let _ = fs::remove_file(&path);
        let left: Vec<_> = fs::read_dir(directory)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert!(left.is_empty(), "{left:?} left by {self:?}");
        outcome.is_ok()
    }
}

fn write_error(error: &io::Error) -> Option<&WriteError> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

fn is_write_error(error: &io::Error) -> bool {
    matches!(
        write_error(error),
        Some(WriteError::Io { .. } | WriteError::NoSpace { .. })
    )
}

fn is_poisoned(error: &io::Error) -> bool {
    matches!(write_error(error), Some(WriteError::Poisoned { .. }))
}

/// Runs seeds `first..first + runs`; asserts that both outcomes were common.
fn check_seeds(root: &Path, first: u64, runs: u64) {
    let directory = TempDir::new_in(root).unwrap();
    let published = (first..first + runs)
        .filter(|&seed| Run::from_seed(seed).check(directory.path()))
        .count() as u64;
    assert!(
        published > runs / 5 && published < runs * 4 / 5,
        "{published} of {runs} published"
    );
}

#[test]
fn thousands_of_faulty_runs_end_whole_or_not_at_all() {
    let memory = PathBuf::from("/dev/shm");
    let disk = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    check_seeds(if memory.is_dir() { &memory } else { &disk }, 0, 4000);
}

#[test]
fn faulty_runs_on_the_disk_end_whole_or_not_at_all() {
    check_seeds(Path::new(env!("CARGO_TARGET_TMPDIR")), 1_000_000, 300);
}

fn fail(direct: Direct, failure: Failure) -> WriteError {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("file");
    let options = WriterOptions {
        block_bytes: 4096,
        direct,
        ..WriterOptions::default()
    };
    let faults = Faults {
        failure: Some(failure),
        ..Faults::default()
    };
    let outcome = options
        .create_faulty(&path, &faults)
        .and_then(|mut writer| {
            // The third block fails at the latest when the file is published.
            let _ = writer.write_all(&[1; 4096 * 3]);
            writer.publish()
        });
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    outcome.unwrap_err()
}

#[test]
fn refused_fsync_is_named() {
    let error = fail(Direct::Never, Failure::Sync);
    assert!(
        matches!(
            error,
            WriteError::Io {
                operation: Operation::SyncFile,
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn full_disk_is_told_from_other_failures() {
    let error = fail(Direct::Never, Failure::NoSpace { at_byte: 5000 });
    let WriteError::NoSpace {
        needed, available, ..
    } = error
    else {
        panic!("{error:?}")
    };
    assert!(needed > 0 && needed <= 4096);
    assert!(available.is_some());
}

#[test]
fn failed_write_names_its_offset() {
    let error = fail(Direct::Never, Failure::Write { nth: 0 });
    let WriteError::Io {
        operation: Operation::Write { offset },
        ..
    } = error
    else {
        panic!("{error:?}")
    };
    assert!([0, 4096, 8192].contains(&offset));
}

#[test]
fn broken_backend_is_named() {
    let error = fail(Direct::Never, Failure::Reap { nth: 1 });
    assert!(
        matches!(
            error,
            WriteError::Io {
                operation: Operation::Reap,
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn direct_writes_that_are_refused_late_end_in_a_buffered_file() {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("file");
    let faults = Faults {
        failure: Some(Failure::Direct),
        ..Faults::default()
    };
    let mut writer = WriterOptions::default()
        .create_faulty(&path, &faults)
        .unwrap();
    assert!(!writer.mode().direct);
    writer.write_all(b"unaligned").unwrap();
    writer.publish().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"unaligned");
}

#[test]
fn direct_writes_that_are_refused_late_are_an_error_when_required() {
    let error = fail(Direct::Require, Failure::Direct);
    let is_named = matches!(
        error,
        WriteError::Io {
            operation: Operation::Probe | Operation::SetDirect,
            ..
        }
    );
    assert!(is_named, "{error:?}");
}

#[test]
fn preallocation_beyond_the_disk_fails_before_the_first_write() {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("file");
    let statistics = rustix::fs::statvfs(directory.path()).unwrap();
    // Refused from the count of free bytes, so the disk is not filled for others meanwhile.
    let preallocate_bytes = statistics.f_bfree * statistics.f_frsize * 2;
    let options = WriterOptions {
        preallocate_bytes,
        ..WriterOptions::default()
    };
    let error = options.create(&path).unwrap_err();
    let WriteError::NoSpace {
        needed, available, ..
    } = error
    else {
        panic!("{error:?}")
    };
    assert_eq!(needed, preallocate_bytes);
    assert!(available.unwrap() < needed);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn name_taken_by_a_directory_fails_the_rename_and_leaves_nothing() {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("taken");
    fs::create_dir(&path).unwrap();
    let mut writer = WriterOptions::default().create(&path).unwrap();
    writer.write_all(b"nowhere to go").unwrap();
    let error = writer.publish().unwrap_err();
    assert!(
        matches!(
            error,
            WriteError::Io {
                operation: Operation::Rename,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    assert!(path.is_dir());
}

#[test]
fn bad_input_is_refused_before_anything_is_created() {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("file");
    let with = |block_bytes, depth| {
        let options = WriterOptions {
            block_bytes,
            depth,
            ..WriterOptions::default()
        };
        options.create(&path).unwrap_err()
    };
    assert!(matches!(
        with(5000, 4),
        WriteError::Unaligned {
            alignment: 4096,
            ..
        }
    ));
    assert!(matches!(
        with(0, 4),
        WriteError::OutOfRange {
            option: "block_bytes",
            ..
        }
    ));
    assert!(matches!(
        with(2 << 30, 4),
        WriteError::OutOfRange {
            option: "block_bytes",
            ..
        }
    ));
    assert!(matches!(
        with(4096, 0),
        WriteError::OutOfRange {
            option: "depth",
            ..
        }
    ));
    for nameless in ["/", "..", ""] {
        let error = WriterOptions::default().create(nameless).unwrap_err();
        assert!(
            matches!(error, WriteError::NoFileName { .. }),
            "{nameless:?}: {error:?}"
        );
    }
    let missing = directory.path().join("missing").join("file");
    let error = WriterOptions::default().create(missing).unwrap_err();
    assert!(matches!(
        error,
        WriteError::Io {
            operation: Operation::OpenDirectory,
            ..
        }
    ));
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn writer_dropped_or_unwound_leaves_nothing() {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("file");
    let options = WriterOptions {
        block_bytes: 64 << 10,
        ..WriterOptions::default()
    };
    let mut dropped = options.create(&path).unwrap();
    dropped.write_all(&vec![1; 1 << 20]).unwrap();
    drop(dropped);
    let unwound = std::panic::catch_unwind(|| {
        let mut writer = options.create(&path).unwrap();
        writer.write_all(&vec![1; 1 << 20]).unwrap();
        std::panic::resume_unwind(Box::new("on purpose"));
    });
    assert!(unwound.is_err());
    drop(options.create(&path).unwrap().finish().unwrap());
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}
