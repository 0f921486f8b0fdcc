//! What cannot be, without any fault, is refused and leaves nothing; so does who gives up.

use std::fs;
use std::io::Write;

use aligned_io::{Operation, WriteError, WriterOptions};
use tempfile::TempDir;

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
