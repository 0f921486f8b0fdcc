//! Files of every size, and of every split of it, are exact.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use aligned_io::WriterOptions;
use proptest::prelude::*;

use crate::file::{content, directories, leftovers};
use crate::mode::{BLOCK_BYTES, MODES, create, options};

/// Set to write files of each and every size in each mode.
const LONG: &str = "FORKLESS_TEST_SEEDS";

/// Writes `size` bytes and checks what was published.
fn write_and_check(options: &WriterOptions, path: &Path, size: usize) {
    let Some(mut writer) = create(options, path) else {
        return;
    };
    let expected = content(size, 1);
    writer.write_all(&expected).unwrap();
    assert_eq!(writer.position(), size as u64);
    let published = writer.publish().unwrap();
    assert_eq!(published.bytes, size as u64);
    assert_eq!(published.path, path);
    assert!(
        fs::read(path).unwrap() == expected,
        "{options:?}, {size} bytes"
    );
    assert_eq!(leftovers(path), Vec::<PathBuf>::new());
}

#[test]
fn every_size_up_to_three_blocks_is_exact() {
    let is_long = std::env::var_os(LONG).is_some();
    // Primes, so that each mode meets other distances from a boundary; and fewer on the disk, where
    // each file waits for two fsyncs.
    for (directory, stride) in directories().into_iter().zip([509, 61]) {
        let stride = if is_long { 1 } else { stride };
        let path = directory.path().join("exact");
        for (start, mode) in MODES.into_iter().enumerate() {
            let options = WriterOptions {
                block_bytes: 4096,
                ..options(mode, 0)
            };
            for size in (start..=3 * 4096 + 1).step_by(stride) {
                write_and_check(&options, &path, size);
            }
        }
    }
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
                write_and_check(&options, &path, size);
            }
        }
    }
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
