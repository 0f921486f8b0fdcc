//! Every byte arrives, and not one more, in each mode and at each boundary; with `io_uring`
//! forbidden by a seccomp filter and with 64 KiB of locked memory too.
//!
//! Modes that this machine refuses are skipped, unless `FORKLESS_IO_URING` says that it refuses
//! none.

#![expect(
    clippy::unwrap_used,
    reason = "a failure outside a test function fails the test too"
)]

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use aligned_io::{
    AlignedWriter, Backend, BackendChoice, BufferPool, Direct, Operation, Pages, Registration,
    WriteError, WriterOptions,
};
use proptest::prelude::*;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};
use tempfile::TempDir;

const BLOCK_BYTES: usize = 8192;
/// Set for a child that runs these same tests under a [`Restriction`].
const RESTRICTION: &str = "ALIGNED_IO_RESTRICTION";
/// Set to write files of each and every size in each mode.
const LONG: &str = "FORKLESS_TEST_SEEDS";
const EPERM: u32 = 1;
const ENOSYS: u32 = 38;
/// The numbers of these system calls, the same on every machine.
const IO_URING_SETUP: i64 = 425;
const IO_URING_ENTER: i64 = 426;

/// A restriction that is no system call.
const LOCKED_MEMORY: &str = "locked memory";

/// Which system call is refused, as what.
const SECCOMP: [(&str, i64, u32); 3] = [
    ("io_uring", IO_URING_SETUP, EPERM),
    ("io_uring_enter, EPERM", IO_URING_ENTER, EPERM),
    ("io_uring_enter, ENOSYS", IO_URING_ENTER, ENOSYS),
];

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

/// What the kernel refuses to this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Restriction {
    None,
    /// `io_uring`, as in a container.
    IoUring,
    /// More than 64 KiB of locked memory, as without privileges under an old limit.
    LockedMemory,
}

impl Restriction {
    /// Puts the calling thread, and those it starts, under the restriction of this process.
    fn apply() -> Self {
        thread_local!(static APPLIED: OnceCell<Restriction> = const { OnceCell::new() });
        APPLIED.with(|applied| *applied.get_or_init(Self::apply_anew))
    }

    fn apply_anew() -> Self {
        let Ok(wanted) = std::env::var(RESTRICTION) else {
            return Self::None;
        };
        let refused = SECCOMP.into_iter().find(|(name, ..)| *name == wanted);
        if let Some((_, call, errno)) = refused {
            let arch = TargetArch::try_from(std::env::consts::ARCH).unwrap();
            let filter = SeccompFilter::new(
                BTreeMap::from([(call, Vec::new())]),
                SeccompAction::Allow,
                SeccompAction::Errno(errno),
                arch,
            );
            let program = BpfProgram::try_from(filter.unwrap()).unwrap();
            seccompiler::apply_filter(&program).unwrap();
            return Self::IoUring;
        }
        assert_eq!(wanted, LOCKED_MEMORY);
        // The privileged are not held to the limit.
        let mut sets = capabilities(None).unwrap();
        sets.effective.remove(CapabilitySet::IPC_LOCK);
        sets.permitted.remove(CapabilitySet::IPC_LOCK);
        set_capabilities(None, sets).unwrap();
        let current = Some(64 << 10);
        let limit = Rlimit {
            current,
            ..getrlimit(Resource::Memlock)
        };
        setrlimit(Resource::Memlock, limit).unwrap();
        Self::LockedMemory
    }
}

fn is_restricted() -> bool {
    std::env::var_os(RESTRICTION).is_some()
}

/// Runs all tests of this file but the restricted ones again, in a restricted process.
fn run_restricted(restriction: &str) {
    if is_restricted() {
        return;
    }
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--skip", "all_of_this_holds"])
        .env(RESTRICTION, restriction)
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success(), "{restriction}: {output}");
    assert!(output.contains("test result: ok. 9 passed"), "{output}");
}

/// A directory on the disk, and one in memory where there is one.
fn directories() -> Vec<TempDir> {
    Restriction::apply();
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
        // Above the limit of locked memory where there is one.
        depth: if is_restricted() { 17 } else { 3 },
        backend,
        direct,
        preallocate_bytes,
        ..WriterOptions::default()
    }
}

/// Creates a writer, or says `None` where this machine refuses a mode that was required.
fn create(options: &WriterOptions, path: &Path) -> Option<AlignedWriter> {
    unless_refused(options, path, options.create(path))
}

fn unless_refused(
    options: &WriterOptions,
    path: &Path,
    created: Result<AlignedWriter, WriteError>,
) -> Option<AlignedWriter> {
    let forced = options.backend == BackendChoice::IoUring || options.direct == Direct::Require;
    match created {
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
            skip(path, operation, &source);
            None
        }
        Err(error) => panic!("{options:?}: {error}"),
    }
}

/// Says that a mode is skipped, because this machine refuses it, unless `FORKLESS_IO_URING` says
/// that none may be. Only the memory may always refuse `O_DIRECT`.
#[expect(
    clippy::print_stderr,
    reason = "a skipped test must say that it is skipped"
)]
fn skip(path: &Path, operation: Operation, source: &io::Error) {
    let is_required = std::env::var_os("FORKLESS_IO_URING").is_some() && !is_restricted();
    let may_refuse = operation != Operation::SetUpRing && path.starts_with("/dev/shm");
    let place = path.display();
    assert!(!is_required || may_refuse, "{place}: {operation}: {source}");
    eprintln!("skipped: {place}: {operation}: {source}");
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

#[test]
fn all_of_this_holds_without_io_uring() {
    run_restricted(SECCOMP[0].0);
}

#[test]
fn all_of_this_holds_where_io_uring_is_set_up_but_does_not_turn() {
    run_restricted(SECCOMP[1].0);
    run_restricted(SECCOMP[2].0);
}

#[test]
fn all_of_this_holds_without_locked_memory() {
    run_restricted(LOCKED_MEMORY);
}

#[test]
fn forced_modes_are_the_ones_reported() {
    let restriction = Restriction::apply();
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
            match restriction {
                Restriction::None => {}
                Restriction::IoUring => assert_ne!(mode.backend, Backend::IoUring),
                Restriction::LockedMemory => assert!(!mode.registered_buffers),
            }
            drop(writer);
            assert_eq!(leftovers(&path), Vec::<PathBuf>::new());
        }
    }
}

#[test]
fn registration_can_be_forced_and_forbidden() {
    let restriction = Restriction::apply();
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("file");
    let with = |backend, registration| {
        let options = WriterOptions {
            block_bytes: 64 << 10,
            registration,
            ..options((backend, Direct::Never), 0)
        };
        options.create(&path).map(|writer| writer.mode())
    };
    let refused = |mode| match mode {
        Err(WriteError::Io { operation, .. }) => operation,
        other => panic!("{other:?}"),
    };
    for backend in [BackendChoice::Threads, BackendChoice::Pwrite] {
        let forced = with(backend, Registration::Require);
        assert_eq!(refused(forced), Operation::RegisterBuffers);
    }
    let forbidden = with(BackendChoice::IoUring, Registration::Never);
    let forced = with(BackendChoice::IoUring, Registration::Require);
    match (restriction, forbidden) {
        (Restriction::IoUring, forbidden) => {
            assert_eq!(refused(forbidden), Operation::SetUpRing);
            assert_eq!(refused(forced), Operation::SetUpRing);
        }
        (Restriction::LockedMemory, forbidden) => {
            // Rings count against the limit too, those of all tests together, so that any of them
            // may be refused.
            let operation = refused(forced);
            let refusals = [Operation::RegisterBuffers, Operation::SetUpRing];
            assert!(refusals.contains(&operation), "{operation}");
            match forbidden {
                Ok(mode) => assert!(!mode.registered_buffers),
                refusal => assert_eq!(refused(refusal), Operation::SetUpRing),
            }
        }
        (Restriction::None, Ok(mode)) => {
            assert!(!mode.registered_buffers);
            // Refused where the limit is low already.
            assert!(forced.is_ok_and(|mode| mode.registered_buffers) || is_memory_limited());
        }
        // This machine has no `io_uring` at all.
        (
            _,
            Err(WriteError::Io {
                operation, source, ..
            }),
        ) => {
            assert_eq!(operation, Operation::SetUpRing);
            skip(&path, operation, &source);
        }
        (_, Err(error)) => panic!("{error}"),
    }
}

fn is_memory_limited() -> bool {
    getrlimit(Resource::Memlock)
        .current
        .is_some_and(|bytes| bytes < 1 << 20)
}

#[test]
fn bytes_filled_in_place_and_copied_are_one_stream() {
    for directory in directories() {
        let path = directory.path().join("filled");
        for mode in MODES {
            let options = options(mode, 0);
            let pool = BufferPool::new(options.depth + 2, BLOCK_BYTES, Pages::Huge).unwrap();
            let created = options.create_with_buffers(&path, &pool);
            let Some(mut writer) = unless_refused(&options, &path, created) else {
                continue;
            };
            let refused = options.create_with_buffers(&path, &pool);
            assert!(matches!(
                refused,
                Err(WriteError::TooFewBuffers { wanted, free: 1 }) if wanted == options.depth + 1
            ));
            let expected = content(5 * BLOCK_BYTES + 17, 2);
            let mut rest = expected.as_slice();
            let mut step = 0;
            while !rest.is_empty() {
                step += 1;
                let wanted = rest.len().min(step * 997);
                let taken = if step % 3 == 0 {
                    writer.write(&rest[..wanted]).unwrap()
                } else {
                    let fill = writer.fill(|space| {
                        let count = wanted.min(space.len());
                        space[..count].copy_from_slice(&rest[..count]);
                        count
                    });
                    fill.unwrap()
                };
                rest = &rest[taken..];
            }
            assert_eq!(writer.fill(|_| 0).unwrap(), 0);
            writer.publish().unwrap();
            assert!(fs::read(&path).unwrap() == expected, "{mode:?}");
            assert_eq!(pool.free(), pool.count());
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
