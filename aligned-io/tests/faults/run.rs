//! Thousands of runs, each with faults of its own.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aligned_io::{Direct, Failure, Faults, WriteError, WriterOptions};
use tempfile::TempDir;

use crate::random::Random;

const OLD: &[u8] = b"what stood there before";

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
