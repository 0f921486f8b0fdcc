//! Each failure by itself is named, or survived.

use std::fs;
use std::io::Write;

use aligned_io::{Direct, Failure, Faults, Operation, WriteError, WriterOptions};
use tempfile::TempDir;

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
