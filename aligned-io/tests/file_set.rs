//! A set of files appears as a whole, replaces the one before it, and takes nothing else away.

#![expect(
    clippy::unwrap_used,
    reason = "a failure outside a test function fails the test too"
)]

use std::fs;
use std::io::{BufRead, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use aligned_io::{
    FileSet, FileSetWriter, FinishedMember, ReadError, ReaderOptions, WriteError, WriterOptions,
    remove_set_leftovers,
};
use tempfile::TempDir;

fn directory() -> (TempDir, PathBuf) {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("dump");
    (directory, path)
}

fn options() -> WriterOptions {
    WriterOptions {
        block_bytes: 64 << 10,
        depth: 2,
        ..WriterOptions::default()
    }
}

fn finished(set: &FileSetWriter, name: &str, content: &[u8]) -> FinishedMember {
    let mut writer = set.create(name, &options()).unwrap();
    writer.write_all(content).unwrap();
    assert_eq!(writer.position(), content.len() as u64);
    writer.finish().unwrap()
}

fn commit(path: &Path, contents: &[&[u8]], note: &str) -> FileSet {
    let set = FileSetWriter::begin(path).unwrap();
    let member = |(index, content): (usize, &&[u8])| finished(&set, &index.to_string(), content);
    let members = contents.iter().enumerate().map(member).collect();
    set.commit(members, note).unwrap()
}

/// The content of every file of the set at `path`, and the note.
fn contents(path: &Path) -> (Vec<Vec<u8>>, String) {
    let set = FileSet::open(path).unwrap();
    let read = set.members().map(|(_, path)| fs::read(path).unwrap());
    (read.collect(), set.manifest().note().to_owned())
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

/// A process that is being started has a copy of each open file until its program runs, and a lock
/// belongs to the copies too.
#[test]
fn set_is_free_at_once_while_processes_are_started() {
    let (_directory, path) = directory();
    thread::scope(|scope| {
        let starter = scope.spawn(|| {
            for _ in 0..100 {
                assert!(Command::new("true").status().unwrap().success());
            }
        });
        while !starter.is_finished() {
            drop(FileSetWriter::begin(&path).unwrap());
        }
        starter.join().unwrap();
    });
}

#[test]
fn set_replaces_the_one_before_it_as_a_whole() {
    let (directory, path) = directory();
    let error = FileSet::open(&path).unwrap_err();
    let ReadError::Open { source, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(source.kind(), ErrorKind::NotFound);

    commit(&path, &[b"zero", b"", &vec![7; 200_000]], "first");
    let next = FileSetWriter::begin(&path).unwrap();
    assert_eq!(next.generation(), 2);
    let members = vec![finished(&next, "0", b"other")];
    let first = [b"zero".to_vec(), Vec::new(), vec![7; 200_000]];
    assert_eq!(contents(&path), (first.to_vec(), "first".to_owned()));
    next.commit(members, "second").unwrap();

    assert_eq!(
        contents(&path),
        (vec![b"other".to_vec()], "second".to_owned())
    );
    let left = [".dump.lock", "dump.g0000000002.0", "dump.manifest"];
    assert_eq!(names(&directory), left);
}

/// What reading says is wrong, however it is read.
fn damage(set: &FileSet) -> Result<(), ReadError> {
    let member = &set.manifest().members()[0];
    let options = ReaderOptions {
        block_bytes: 4096,
        ..ReaderOptions::default()
    };
    let mut copied = set.reader(member, &options)?;
    let mut lent = set.reader(member, &options)?;
    let count = lent.fill_buf().unwrap().len().min(100);
    lent.consume(count);
    let inside = |error: std::io::Error| *error.into_inner().unwrap().downcast().unwrap();
    let found = copied.read_to_end(&mut Vec::new());
    let same = lent.read_until(b'#', &mut Vec::new());
    assert_eq!(found.is_err(), same.is_err());
    assert_eq!(found.is_err(), lent.verify().is_err());
    // It does not become the end of the file by being asked for again.
    assert_eq!(found.is_err(), copied.read(&mut [0]).is_err());
    found.map(drop).map_err(inside)
}

#[test]
fn only_the_file_that_the_manifest_names_is_read_to_its_end() {
    let (_directory, path) = directory();
    let content: Vec<u8> = (0..10_000_u32)
        .map(|index| (index % 199).to_le_bytes()[0] | 0x80)
        .collect();
    let set = commit(&path, &[&content], "");
    let (member, file) = set.members().next().unwrap();
    damage(&set).unwrap();
    for at in [0, 99, 100, 4095, 4096, 9999] {
        let mut flipped = content.clone();
        flipped[at] ^= 4;
        fs::write(&file, &flipped).unwrap();
        let error = damage(&set).unwrap_err();
        let ReadError::Checksum {
            path,
            expected,
            found,
        } = error
        else {
            panic!("{error:?}")
        };
        assert_eq!((path, expected), (file.clone(), member.xxh3));
        assert_eq!(found, xxhash_rust::xxh3::xxh3_64(&flipped));
    }
    for length in [0, 9999, 10_001] {
        let mut other = content.clone();
        other.resize(length, 0);
        fs::write(&file, &other).unwrap();
        let error = damage(&set).unwrap_err();
        let ReadError::Length {
            expected, found, ..
        } = error
        else {
            panic!("{error:?}")
        };
        assert_eq!((expected, found), (10_000, length as u64));
    }
    fs::write(&file, &content).unwrap();
    damage(&set).unwrap();
    fs::remove_file(&file).unwrap();
    assert!(matches!(damage(&set), Err(ReadError::Open { .. })));
}

#[test]
fn manifest_tells_lengths_and_checksums() {
    let (_directory, path) = directory();
    commit(&path, &[b"forkless"], "");
    let set = FileSet::open(&path).unwrap();
    let member = &set.manifest().members()[0];
    assert_eq!((member.name.as_str(), member.bytes), ("0", 8));
    assert_eq!(member.xxh3, xxhash_rust::xxh3::xxh3_64(b"forkless"));
    assert_eq!(set.manifest().generation(), 1);
}

#[test]
fn set_without_files_is_a_set() {
    let (_directory, path) = directory();
    commit(&path, &[b"gone"], "");
    commit(&path, &[], "empty");
    assert_eq!(contents(&path), (Vec::new(), "empty".to_owned()));
}

#[test]
fn set_that_is_given_up_leaves_nothing() {
    let (directory, path) = directory();
    let set = FileSetWriter::begin(&path).unwrap();
    let unfinished = set.create("0", &options()).unwrap();
    let uncommitted = finished(&set, "1", b"whole");
    drop((unfinished, uncommitted, set));
    assert_eq!(names(&directory), [".dump.lock"]);
}

#[test]
fn set_has_one_writer_at_a_time() {
    let (_directory, path) = directory();
    let first = FileSetWriter::begin(&path).unwrap();
    let second = FileSetWriter::begin(&path).unwrap_err();
    assert!(matches!(second, WriteError::Busy { .. }), "{second:?}");
    let cleaning = remove_set_leftovers(&path).unwrap_err();
    assert!(matches!(cleaning, WriteError::Busy { .. }), "{cleaning:?}");
    drop(FileSetWriter::begin(path.with_file_name("other")).unwrap());
    first.commit(Vec::new(), "").unwrap();
    drop(FileSetWriter::begin(&path).unwrap());
}

#[test]
fn files_are_written_by_threads_of_their_own() {
    let (_directory, path) = directory();
    let set = FileSetWriter::begin(&path).unwrap();
    let members = thread::scope(|scope| {
        let write = |shard: u8| {
            let mut writer = set.create(&format!("{shard}.rdb"), &options()).unwrap();
            scope.spawn(move || {
                for _ in 0..50 {
                    writer.write_all(&[shard; 5000]).unwrap();
                }
                writer.finish().unwrap()
            })
        };
        let threads: Vec<_> = (0..4).map(write).collect();
        let ends = threads.into_iter().map(|thread| thread.join().unwrap());
        ends.collect()
    });
    set.commit(members, "").unwrap();
    let expected: Vec<_> = (0..4).map(|shard| vec![shard; 250_000]).collect();
    assert_eq!(contents(&path).0, expected);
}

#[test]
fn leftovers_go_and_everything_else_stays() {
    let (directory, path) = directory();
    commit(&path, &[b"zero", b"one"], "");
    let stay = [
        "dump.20261121.rdb",
        "dump.g17.0",
        "dump.rdb",
        "dump2.g0000000001.0",
        ".dump.rdb.4194305-0.forkless-tmp",
        ".dump2.g0000000001.0.4194305-0.forkless-tmp",
    ];
    let go = [
        "dump.g0000000000.0",
        "dump.g0000000001.2",
        "dump.g0000000009.0",
        ".dump.manifest.4194305-0.forkless-tmp",
        ".dump.g0000000012.0.4194305-0.forkless-tmp",
    ];
    for name in stay.iter().chain(&go) {
        fs::write(directory.path().join(name), "left").unwrap();
    }
    let named = [
        ".dump.lock",
        "dump.g0000000001.0",
        "dump.g0000000001.1",
        "dump.manifest",
    ];
    let mut expected: Vec<_> = stay.iter().chain(&named).copied().collect();
    expected.sort_unstable();
    assert_eq!(remove_set_leftovers(&path).unwrap(), go.len());
    assert_eq!(names(&directory), expected);
    assert_eq!(remove_set_leftovers(&path).unwrap(), 0);
    assert_eq!(contents(&path).0, [b"zero".to_vec(), b"one".to_vec()]);
}

#[test]
fn generation_is_above_everything_that_was_ever_there() {
    let (directory, path) = directory();
    let left = directory
        .path()
        .join(".dump.g0000000012.0.4194305-0.forkless-tmp");
    fs::write(left, "left").unwrap();
    assert_eq!(FileSetWriter::begin(&path).unwrap().generation(), 13);
    fs::write(directory.path().join("dump.g4294967295.0"), "left").unwrap();
    let error = FileSetWriter::begin(&path).unwrap_err();
    assert!(
        matches!(
            error,
            WriteError::OutOfRange {
                option: "generation",
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(FileSetWriter::begin(&path).unwrap().generation(), 1);
}

#[test]
fn file_of_a_living_writer_stays_when_its_set_is_given_up() {
    let (directory, path) = directory();
    let set = FileSetWriter::begin(&path).unwrap();
    let mut writer = set.create("0", &options()).unwrap();
    writer.write_all(b"alive").unwrap();
    drop(set);
    assert_eq!(remove_set_leftovers(&path).unwrap(), 0);
    assert_eq!(names(&directory).len(), 2);
    let next = FileSetWriter::begin(&path).unwrap();
    assert_eq!(next.generation(), 2);
    let foreign = writer.finish().unwrap();
    let error = next.commit(vec![foreign], "").unwrap_err();
    assert!(
        matches!(error, WriteError::ForeignMember { .. }),
        "{error:?}"
    );
    assert_eq!(names(&directory), [".dump.lock"]);
}

#[test]
fn manifest_that_cannot_be_believed_lets_nothing_be_removed() {
    let (directory, path) = directory();
    commit(&path, &[b"precious"], "");
    let manifest = directory.path().join("dump.manifest");
    let mut bytes = fs::read(&manifest).unwrap();
    let last = bytes.len() - 2;
    bytes[last] ^= 1;
    fs::write(&manifest, &bytes).unwrap();
    fs::write(directory.path().join("dump.g0000000009.0"), "left").unwrap();
    let before = names(&directory);
    for error in [
        remove_set_leftovers(&path).unwrap_err(),
        FileSetWriter::begin(&path).unwrap_err(),
    ] {
        let WriteError::Manifest { source } = error else {
            panic!("{error:?}")
        };
        assert!(matches!(
            source,
            ReadError::Checksum { .. } | ReadError::NoManifest { .. }
        ));
    }
    assert_eq!(names(&directory), before);
    FileSet::open(&path).unwrap_err();
}

#[test]
fn names_and_notes_that_a_manifest_cannot_hold_are_refused() {
    let (directory, path) = directory();
    let set = FileSetWriter::begin(&path).unwrap();
    let long = "n".repeat(129);
    for name in ["", "a/b", "../a", "a\nb", "a\0b", &long] {
        let error = set.create(name, &options()).unwrap_err();
        assert!(matches!(error, WriteError::MemberName { .. }), "{error:?}");
    }
    let error = set.commit(Vec::new(), "two\nlines").unwrap_err();
    assert!(
        matches!(error, WriteError::Note { bytes: 9, .. }),
        "{error:?}"
    );
    let set = FileSetWriter::begin(&path).unwrap();
    let twice = vec![finished(&set, "0", b"a"), finished(&set, "0", b"b")];
    let error = set.commit(twice, "").unwrap_err();
    assert!(
        matches!(error, WriteError::AlreadyExists { .. }),
        "{error:?}"
    );
    assert_eq!(names(&directory), [".dump.lock"]);
    let nameless = FileSetWriter::begin("/").unwrap_err();
    assert!(matches!(nameless, WriteError::NoFileName { .. }));
}

#[test]
fn longest_names_are_known_for_what_they_are() {
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    // The set's name, `.g`, ten digits, a dot and the file's name: 200 bytes together.
    let path = directory.path().join("s".repeat(100));
    let set = FileSetWriter::begin(&path).unwrap();
    let error = set.create(&"n".repeat(88), &options()).unwrap_err();
    assert!(matches!(error, WriteError::MemberName { .. }), "{error:?}");
    let longest = "n".repeat(87);
    let members = vec![finished(&set, &longest, b"long")];
    let set = set.commit(members, "").unwrap();
    let (_, found) = set.members().next().unwrap();
    assert_eq!(fs::read(&found).unwrap(), b"long");
    let name = found.file_name().unwrap().to_str().unwrap();
    let left = directory
        .path()
        .join(format!(".{name}.4194305-0.forkless-tmp"));
    fs::write(left, "left").unwrap();
    assert_eq!(remove_set_leftovers(&path).unwrap(), 1);
}
