//! Files that replace nothing, and names that are not theirs to take.

#![expect(
    clippy::unwrap_used,
    reason = "a failure outside a test function fails the test too"
)]

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;

use aligned_io::{
    Faults, Finished, Operation, VolatileDisk, WriteError, WriterOptions, remove_leftovers,
};
use tempfile::TempDir;

/// A directory on the disk, and one in memory where there is one.
fn directories() -> Vec<TempDir> {
    let mut roots = vec![PathBuf::from(env!("CARGO_TARGET_TMPDIR"))];
    roots.extend(Some(PathBuf::from("/dev/shm")).filter(|memory| memory.is_dir()));
    roots
        .iter()
        .map(|root| TempDir::new_in(root).unwrap())
        .collect()
}

fn finished(path: &Path, content: &[u8]) -> Finished {
    let mut writer = WriterOptions::default().create(path).unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

fn names(directory: &TempDir) -> Vec<String> {
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| name(entry.unwrap()))
        .collect();
    names.sort();
    names
}

#[test]
fn new_file_replaces_nothing() {
    for directory in directories() {
        let path = directory.path().join("file");
        finished(&path, b"first").publish_new().unwrap();
        let error = finished(&path, b"second").publish_new().unwrap_err();
        assert!(
            matches!(error, WriteError::AlreadyExists { .. }),
            "{error:?}"
        );
        assert_eq!(fs::read(&path).unwrap(), b"first");
        finished(&path, b"third").publish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"third");
        assert_eq!(names(&directory), ["file"]);
    }
}

#[test]
fn dangling_link_and_directory_are_something() {
    for directory in directories() {
        let path = directory.path().join("link");
        symlink("/nowhere", &path).unwrap();
        let error = finished(&path, b"new").publish_new().unwrap_err();
        assert!(
            matches!(error, WriteError::AlreadyExists { .. }),
            "{error:?}"
        );
        let path = directory.path().join("taken");
        fs::create_dir(&path).unwrap();
        let error = finished(&path, b"new").publish_new().unwrap_err();
        assert!(
            matches!(error, WriteError::AlreadyExists { .. }),
            "{error:?}"
        );
        assert_eq!(names(&directory), ["link", "taken"]);
    }
}

#[test]
fn of_many_that_come_at_once_exactly_one_is_published() {
    const WRITERS: usize = 8;
    for directory in directories() {
        let path = directory.path().join("file");
        let barrier = Barrier::new(WRITERS);
        let published: Vec<usize> = thread::scope(|scope| {
            let start = |index: usize| {
                let (path, barrier) = (&path, &barrier);
                scope.spawn(move || {
                    let file = finished(path, &[index.to_le_bytes()[0]; 5000]);
                    barrier.wait();
                    file.publish_new().is_ok().then_some(index)
                })
            };
            let writers: Vec<_> = (0..WRITERS).map(start).collect();
            let ends = writers.into_iter().map(|writer| writer.join().unwrap());
            ends.flatten().collect()
        });
        assert_eq!(published.len(), 1, "{published:?}");
        assert_eq!(
            fs::read(&path).unwrap(),
            [published[0].to_le_bytes()[0]; 5000]
        );
        assert_eq!(names(&directory), ["file"]);
    }
}

/// Publishes a new file on a disk that links and removes where others rename, and that fails at
/// `step` of that; what is reported as failed, if anything.
fn fails_at(step: u64) -> Option<Operation> {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let disk = VolatileDisk::new(directory.path(), step).unwrap();
    disk.forbid_rename_new();
    let faults = Faults {
        disk: Some(disk.clone()),
        ..Faults::default()
    };
    let path = directory.path().join("file");
    let mut writer = WriterOptions::default()
        .create_faulty(&path, &faults)
        .unwrap();
    writer.write_all(b"new").unwrap();
    let file = writer.finish().unwrap();
    disk.fail_at(disk.steps() + step);
    match file.publish_new() {
        Ok(_) => {
            assert_eq!(names(&directory), ["file"]);
            None
        }
        Err(WriteError::Io { operation, .. }) => Some(operation),
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn file_that_has_its_name_is_published_whatever_becomes_of_the_temporary_one() {
    assert_eq!(fails_at(0), Some(Operation::Rename));
    // The removal of the temporary name; what fails is the fsync after it.
    assert_eq!(fails_at(1), Some(Operation::SyncDirectory));
    assert_eq!(fails_at(2), Some(Operation::SyncDirectory));
    assert_eq!(fails_at(3), None);
}

#[test]
fn links_that_look_like_leftovers_stay() {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let target = directory.path().join("target");
    fs::write(&target, "precious").unwrap();
    symlink(&target, directory.path().join(".dump.1-0.forkless-tmp")).unwrap();
    let removed = remove_leftovers(directory.path().join("dump")).unwrap();
    assert_eq!(removed, 0);
    assert_eq!(fs::read(&target).unwrap(), b"precious");
    assert_eq!(names(&directory), [".dump.1-0.forkless-tmp", "target"]);
}

#[test]
fn devices_pipes_and_sockets_are_not_replaced() {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let socket = tempfile::tempdir().unwrap();
    let path = socket.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    symlink(&path, directory.path().join("link")).unwrap();
    symlink("/dev/null", directory.path().join("device")).unwrap();
    symlink("nowhere", directory.path().join("dangling")).unwrap();
    let create = |path: &Path| WriterOptions::default().create(path);
    for special in [
        path.clone(),
        directory.path().join("link"),
        directory.path().join("device"),
    ] {
        let error = create(&special).unwrap_err();
        assert!(matches!(error, WriteError::Special { .. }), "{error:?}");
    }
    assert_eq!(names(&socket), ["socket"]);
    assert_eq!(names(&directory), ["dangling", "device", "link"]);
    drop(listener);
    let dangling = directory.path().join("dangling");
    create(&dangling)
        .unwrap()
        .finish()
        .unwrap()
        .publish()
        .unwrap();
    assert!(dangling.exists());
}
