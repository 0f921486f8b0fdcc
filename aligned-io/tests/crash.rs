//! Killed at any moment: the final name holds an old file or a new one, always whole.

#![expect(
    clippy::unwrap_used,
    reason = "a failure outside a test function fails the test too"
)]

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use aligned_io::{BackendChoice, WriterOptions, remove_leftovers};
use tempfile::TempDir;

const SIGKILL: i32 = 9;
const ROUNDS: u64 = 30;
/// Tells the test program, started once more, to write into this directory until it is killed.
const DIRECTORY: &str = "ALIGNED_IO_CRASH_DIRECTORY";
const BACKEND: &str = "ALIGNED_IO_CRASH_BACKEND";

/// The file number `generation`: the number, and then bytes that follow from it, as does their
/// count.
fn content(generation: u64) -> Vec<u8> {
    let length = 8 + usize::try_from(generation * 37_813 % 700_000).unwrap();
    let mut content = generation.to_le_bytes().to_vec();
    let seed = generation.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    content.extend((content.len()..length).map(|index| {
        let mixed = (index as u64 ^ seed).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed.to_be_bytes()[0]
    }));
    content
}

/// The generation of the file at `path`, which must be whole; `None` if there is none yet.
fn whole_generation(path: &Path) -> Option<u64> {
    let found = match fs::read(path) {
        Ok(found) => found,
        Err(error) => {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
            return None;
        }
    };
    let (number, _) = found.split_first_chunk().unwrap();
    let generation = u64::from_le_bytes(*number);
    assert!(
        found == content(generation),
        "generation {generation}, {} bytes",
        found.len()
    );
    Some(generation)
}

/// Publishes one generation after the other, until killed.
fn write_forever(directory: &Path, backend: BackendChoice) -> ! {
    let path = directory.join("file");
    let options = WriterOptions {
        block_bytes: 64 << 10,
        backend,
        ..WriterOptions::default()
    };
    let mut generation = whole_generation(&path).map_or(0, |last| last + 1);
    loop {
        let mut writer = options.create(&path).unwrap();
        for piece in content(generation).chunks(10_007) {
            writer.write_all(piece).unwrap();
        }
        writer.publish().unwrap();
        generation += 1;
    }
}

/// Starts this very test again, as the process that writes.
fn start_writer(test: &str, directory: &Path, backend: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--quiet"])
        .env(DIRECTORY, directory)
        .env(BACKEND, backend)
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

fn kill_writers(test: &str, backend: &str) {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("file");
    let (mut last, mut removed) = (None, 0);
    for round in 0..ROUNDS {
        let mut writer = start_writer(test, directory.path(), backend);
        // In every other round the writer is given the time to publish, however slow the machine.
        while round % 2 == 0 && whole_generation(&path) == last {
            assert!(
                writer.try_wait().unwrap().is_none(),
                "the writer ended by itself"
            );
            thread::sleep(Duration::from_millis(1));
        }
        // Spread over start, writing and publishing; a mix of whole and broken milliseconds.
        thread::sleep(Duration::from_micros(
            3000 + round * 7919 % 41 * 1000 + round * 131,
        ));
        writer.kill().unwrap();
        let status = writer.wait().unwrap();
        assert_eq!(
            status.signal(),
            Some(SIGKILL),
            "the writer ended by itself: {status}"
        );

        let generation = whole_generation(&path);
        assert!(generation >= last, "{generation:?} after {last:?}");
        last = generation;
        removed += remove_leftovers(&path).unwrap();
        let left: Vec<_> = fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| name != "file")
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
    assert!(
        last >= Some(ROUNDS / 2 - 1),
        "{last:?}: not every other writer published"
    );
    assert!(removed > 0, "no writer was killed while it wrote");
}

/// In the process started by [`start_writer`]: writes and never returns. Otherwise kills writers.
fn run(test: &str, backend: &str) {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return kill_writers(test, backend);
    };
    let choice = match std::env::var(BACKEND).as_deref() {
        Ok("pwrite") => BackendChoice::Pwrite,
        _ => BackendChoice::Auto,
    };
    write_forever(Path::new(&directory), choice)
}

#[test]
fn killed_writer_leaves_an_old_file_or_a_whole_new_one() {
    run(
        "killed_writer_leaves_an_old_file_or_a_whole_new_one",
        "auto",
    );
}

#[test]
fn killed_pwrite_writer_leaves_an_old_file_or_a_whole_new_one() {
    run(
        "killed_pwrite_writer_leaves_an_old_file_or_a_whole_new_one",
        "pwrite",
    );
}
