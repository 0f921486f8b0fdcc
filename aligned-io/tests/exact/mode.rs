//! The modes that a file can be written in: those that are forced are the ones reported.

use std::io;
use std::path::{Path, PathBuf};

use aligned_io::{
    AlignedWriter, Backend, BackendChoice, Direct, Operation, Registration, WriteError,
    WriterOptions,
};
use tempfile::TempDir;

use crate::file::{directories, leftovers};
use crate::restriction::{Restriction, is_restricted};
use crate::skipped::{in_turn, is_memory_limited, skip};

pub(crate) const BLOCK_BYTES: usize = 8192;

pub(crate) const MODES: [(BackendChoice, Direct); 9] = [
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

pub(crate) fn options(
    (backend, direct): (BackendChoice, Direct),
    preallocate_bytes: u64,
) -> WriterOptions {
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
pub(crate) fn create(options: &WriterOptions, path: &Path) -> Option<AlignedWriter> {
    let created = in_turn(|| options.create(path), refusal);
    unless_refused(options, path, created)
}

pub(crate) fn refusal(error: &WriteError) -> Option<(Operation, &io::Error)> {
    match error {
        WriteError::Io {
            operation, source, ..
        } => Some((*operation, source)),
        _ => None,
    }
}

pub(crate) fn unless_refused(
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
        let created = in_turn(|| options.create(&path), refusal);
        created.map(|writer| writer.mode())
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
