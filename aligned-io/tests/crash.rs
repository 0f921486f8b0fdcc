//! Killed at any moment: the final name holds an old file or a new one, always whole; and a set
//! of files is an old one or a new one.
//!
//! This proves nothing about fsync: what a killed process wrote is in the kernel's hands. For that
//! see `power.rs`. `FORKLESS_TEST_SEEDS` says how often a writer is killed.

#![expect(
    clippy::unwrap_used,
    reason = "a failure outside a test function fails the test too"
)]

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use aligned_io::{
    BackendChoice, FileSet, FileSetWriter, FinishedMember, ReadError, WriterOptions,
    remove_leftovers, remove_set_leftovers,
};
use tempfile::TempDir;

const SIGKILL: i32 = 9;
/// Tells the test program, started once more, to write into this directory until it is killed.
const DIRECTORY: &str = "ALIGNED_IO_CRASH_DIRECTORY";
/// Tells it what to write: see [`Kind`].
const KIND: &str = "ALIGNED_IO_CRASH_KIND";
/// How long the kernel may take to let go of what a killed writer wrote: its last writes may wait
/// for a busy disk.
const RELEASE: Duration = Duration::from_mins(2);
/// Files in a set.
const MEMBERS: u64 = 3;

/// What is written until the writer is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A file, through the best backend.
    File,
    /// A file, through `pwrite`.
    Pwrite,
    /// A file, through threads.
    Threads,
    /// A set of files.
    Set,
}

const KINDS: [Kind; 4] = [Kind::File, Kind::Pwrite, Kind::Threads, Kind::Set];

/// How often a writer is killed.
fn rounds() -> u64 {
    let chosen = std::env::var("FORKLESS_TEST_SEEDS").ok();
    chosen.map_or(30, |chosen| chosen.parse().unwrap())
}

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
            assert_eq!(error.kind(), ErrorKind::NotFound);
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

/// The generation of the set at `path`, which must be whole; `None` if there is none yet.
fn whole_set(path: &Path) -> Option<u64> {
    let set = match FileSet::open(path) {
        Ok(set) => set,
        // Opened, not looked for: a writer may put it there at any moment.
        Err(ReadError::Open { source, .. }) if source.kind() == ErrorKind::NotFound => return None,
        Err(error) => panic!("{error:?}"),
    };
    let generation: u64 = set.manifest().note().parse().unwrap();
    for ((member, path), number) in set.members().zip(0..) {
        // A newer set may have taken this one's place meanwhile.
        match fs::read(&path) {
            Ok(found) => assert!(found == content(generation + number), "{member:?}"),
            Err(error) => {
                let newer = whole_set(&path.with_file_name("file"));
                assert!(newer > Some(generation), "{member:?}: {error}");
                return newer;
            }
        }
    }
    Some(generation)
}

impl Kind {
    fn whole(self, path: &Path) -> Option<u64> {
        match self {
            Self::Set => whole_set(path),
            _ => whole_generation(path),
        }
    }

    fn clean(self, path: &Path) -> usize {
        match self {
            Self::Set => remove_set_leftovers(path).unwrap(),
            _ => remove_leftovers(path).unwrap(),
        }
    }

    /// Whether a file with this name is what the writers are there for.
    fn is_wanted(self, name: &str) -> bool {
        match self {
            Self::Set => !name.ends_with("-tmp"),
            _ => name == "file",
        }
    }

    /// The names of what else is there.
    fn unwanted(self, directory: &Path) -> Vec<String> {
        let names = fs::read_dir(directory).unwrap();
        names
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !self.is_wanted(name))
            .collect()
    }

    fn options(self) -> WriterOptions {
        WriterOptions {
            block_bytes: 64 << 10,
            backend: match self {
                Self::Pwrite => BackendChoice::Pwrite,
                Self::Threads => BackendChoice::Threads,
                Self::File | Self::Set => BackendChoice::Auto,
            },
            ..WriterOptions::default()
        }
    }

    fn write(self, path: &Path, generation: u64) {
        let options = self.options();
        if self == Self::Set {
            let set = FileSetWriter::begin(path).unwrap();
            let member = |number: u64| -> FinishedMember {
                let mut writer = set.create(&number.to_string(), &options).unwrap();
                writer.write_all(&content(generation + number)).unwrap();
                writer.finish().unwrap()
            };
            let members = (0..MEMBERS).map(member).collect();
            set.commit(members, &generation.to_string()).unwrap();
            return;
        }
        let mut writer = options.create(path).unwrap();
        for piece in content(generation).chunks(10_007) {
            writer.write_all(piece).unwrap();
        }
        writer.publish().unwrap();
    }
}

/// Publishes one generation after the other, until killed.
fn write_forever(directory: &Path, kind: Kind) -> ! {
    let path = directory.join("file");
    let mut generation = kind.whole(&path).map_or(0, |last| last + 1);
    loop {
        kind.write(&path, generation);
        generation += 1;
    }
}

/// Starts this very test again, as the process that writes.
fn start_writer(test: &str, directory: &Path, kind: Kind) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--quiet"])
        .env(DIRECTORY, directory)
        .env(KIND, format!("{kind:?}"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Fails with what the writer had to say before it ended by itself.
fn ended_by_itself(writer: &mut Child) -> ! {
    let status = writer.wait().unwrap();
    let mut said = String::new();
    writer
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    panic!("the writer ended by itself, {status}: {said}");
}

fn kill_writers(test: &str, kind: Kind) {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("file");
    let (mut last, mut removed) = (None, 0);
    for round in 0..rounds() {
        let mut writer = start_writer(test, directory.path(), kind);
        // In every other round the writer is given the time to publish, however slow the machine.
        while round % 2 == 0 && kind.whole(&path) == last {
            if writer.try_wait().unwrap().is_some() {
                ended_by_itself(&mut writer);
            }
            thread::sleep(Duration::from_millis(1));
        }
        // Spread over start, writing and publishing; a mix of whole and broken milliseconds.
        thread::sleep(Duration::from_micros(
            3000 + round * 7919 % 41 * 1000 + round * 131,
        ));
        writer.kill().unwrap();
        if writer.wait().unwrap().signal() != Some(SIGKILL) {
            ended_by_itself(&mut writer);
        }

        let generation = kind.whole(&path);
        assert!(generation >= last, "{generation:?} after {last:?}");
        last = generation;
        let until = Instant::now() + RELEASE;
        loop {
            removed += kind.clean(&path);
            let left = kind.unwanted(directory.path());
            if left.is_empty() {
                break;
            }
            assert!(Instant::now() < until, "{left:?}");
        }
        if kind == Kind::Set {
            // The lock, and what there is of one set.
            let wanted = generation.map_or(1, |_| 2 + MEMBERS);
            let found = fs::read_dir(directory.path()).unwrap().count() as u64;
            assert_eq!(found, wanted);
        }
    }
    assert!(
        last >= Some((rounds() / 2).saturating_sub(1)),
        "{last:?}: not every other writer published"
    );
    assert!(removed > 0, "no writer was killed while it wrote");
}

/// In the process started by [`start_writer`]: writes and never returns. Otherwise kills writers.
fn run(test: &str, kind: Kind) {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return kill_writers(test, kind);
    };
    let asked = std::env::var(KIND).unwrap();
    let kind = KINDS.iter().find(|kind| format!("{kind:?}") == asked);
    write_forever(Path::new(&directory), *kind.unwrap())
}

#[test]
fn killed_writer_leaves_an_old_file_or_a_whole_new_one() {
    run(
        "killed_writer_leaves_an_old_file_or_a_whole_new_one",
        Kind::File,
    );
}

#[test]
fn killed_pwrite_writer_leaves_an_old_file_or_a_whole_new_one() {
    run(
        "killed_pwrite_writer_leaves_an_old_file_or_a_whole_new_one",
        Kind::Pwrite,
    );
}

#[test]
fn killed_writer_with_threads_leaves_an_old_file_or_a_whole_new_one() {
    run(
        "killed_writer_with_threads_leaves_an_old_file_or_a_whole_new_one",
        Kind::Threads,
    );
}

#[test]
fn killed_writer_of_a_set_leaves_an_old_set_or_a_whole_new_one() {
    run(
        "killed_writer_of_a_set_leaves_an_old_set_or_a_whole_new_one",
        Kind::Set,
    );
}
