//! Marks speed a load up, and change nothing else: whatever they say, a load finds what one reader
//! finds.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod tiny_store;

use std::fs::File;
use std::io::Write;

use rdb_format::{Crc64, Event, Reader};
use shard_runtime::{ShardSet, ShardSetConfig};
use snapshot::{LoadError, LoadProgress, LoadReport};

use crate::tiny_store::{Memory, Model, TinyStore, decode, patient, patient_load};

/// EOF and checksum.
const END_BYTES: usize = 9;

/// Opcode, name and the length of the digits, before the 16 digits of the second field.
const PLACE_HEAD_BYTES: usize = 1 + 18 + 1;

fn start(shards: usize) -> ShardSet<TinyStore> {
    let config = ShardSetConfig {
        shards,
        ..ShardSetConfig::default()
    };
    ShardSet::start(config, |_| TinyStore::default()).unwrap()
}

/// What the shards serve now, as a snapshot tells it.
fn served(shards: &ShardSet<TinyStore>) -> Model {
    decode(&saved(shards)).unwrap()
}

fn saved(shards: &ShardSet<TinyStore>) -> Vec<u8> {
    let memory = Memory::default();
    let handle = patient().to_writer(shards, memory.clone()).unwrap();
    handle.wait().unwrap();
    memory.take()
}

/// A value that looks like the begin of a section, again and again.
fn deceptive() -> Vec<u8> {
    b"\xfe\x00\x00\x01k\x01v".repeat(2000)
}

/// Some 6 MB in two databases, with values that ride and one that looks like records.
fn marked_file() -> Vec<u8> {
    let shards = start(2);
    for shard in 0..2 {
        shards
            .call(shard, move |shard| {
                let own = shard.index();
                let store = shard.state();
                for number in 0..20_000 {
                    let key = format!("{own} {number}").into_bytes();
                    store.set(number % 2, &key, &[b'v'; 120]);
                }
                for number in 0..10 {
                    let key = format!("{own} big {number}").into_bytes();
                    store.set(7, &key, &vec![b'b'; 40_000]);
                }
                store.set(0, format!("{own} deceptive").as_bytes(), &deceptive());
            })
            .unwrap();
    }
    saved(&shards)
}

fn on_disk(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// Loads from a file into three shards.
fn load(bytes: &[u8]) -> (Result<LoadReport, LoadError>, Model) {
    let shards = start(3);
    let report = patient_load().from_file(&on_disk(bytes), &shards);
    let model = served(&shards);
    (report, model)
}

/// The first field: where it begins, and the numbers in it.
fn marks(file: &[u8]) -> (usize, Vec<usize>) {
    let mut reader = Reader::from_slice(file);
    let mut at = reader.position();
    while let Some(event) = reader.next_event().unwrap() {
        if let Event::Aux { name, value } = event
            && name == b"forkless-marks"
        {
            let text = std::str::from_utf8(value).unwrap();
            let numbers = text.split(' ').map(|number| number.parse().unwrap());
            return (usize::try_from(at).unwrap(), numbers.collect());
        }
        at = reader.position();
    }
    panic!("the file has no marks");
}

/// Where sections could begin: each SELECTDB, and each key.
fn records(file: &[u8]) -> (Vec<usize>, Vec<usize>) {
    let mut reader = Reader::from_slice(file);
    let (mut selects, mut keys) = (Vec::new(), Vec::new());
    let mut at = 0;
    while let Some(event) = reader.next_event().unwrap() {
        match event {
            Event::SelectDb(_) => selects.push(at),
            Event::Key(head) => keys.push(usize::try_from(head.offset).unwrap()),
            _ => {}
        }
        at = usize::try_from(reader.position()).unwrap();
    }
    (selects, keys)
}

/// The file with these numbers in its first field, and a checksum that is right.
fn with_marks(file: &[u8], lengths: &[usize]) -> Vec<u8> {
    let (at, _) = marks(file);
    let mut out = file[..at].to_vec();
    let text: Vec<String> = lengths.iter().map(ToString::to_string).collect();
    let text = text.join(" ");
    out.extend_from_slice(b"\xfa\x0eforkless-marks\x80");
    out.extend_from_slice(&u32::try_from(text.len()).unwrap().to_be_bytes());
    out.extend_from_slice(text.as_bytes());
    let place = file.len() - END_BYTES - 16 - PLACE_HEAD_BYTES;
    out.extend_from_slice(&file[place..file.len() - 8]);
    let mut checksum = Crc64::new();
    checksum.update(&out);
    out.extend_from_slice(&checksum.value().to_le_bytes());
    out
}

/// The lengths of the sections that begin at these places.
fn lengths(starts: &[usize]) -> Vec<usize> {
    let mut last = 0;
    let mut lengths = Vec::new();
    for start in starts {
        lengths.push(start - last);
        last = *start;
    }
    lengths
}

#[test]
fn marked_file_is_loaded_section_by_section() {
    let file = marked_file();
    let model = decode(&file).unwrap();
    let (_, numbers) = marks(&file);
    assert!(numbers.len() >= 3, "{numbers:?}");
    assert!(numbers.iter().all(|number| *number >= 1 << 20));

    let shards = start(3);
    let progress = LoadProgress::new();
    let load = patient_load().progress(&progress);
    let report = load.from_file(&on_disk(&file), &shards).unwrap();
    assert_eq!(report.sections, numbers.len() + 1);
    assert_eq!((report.keys, report.bytes), (40_022, file.len() as u64));
    assert_eq!(served(&shards), model);
    let at_last = progress.look();
    assert_eq!((at_last.keys, at_last.bytes), (40_022, file.len() as u64));
    assert_eq!(at_last.bytes_total, Some(file.len() as u64));

    let shards = start(1);
    let report = patient_load().from_reader(&file[..], &shards).unwrap();
    assert_eq!((report.keys, report.sections), (40_022, 1));
    assert_eq!(served(&shards), model);
}

#[test]
fn marks_that_are_not_right_are_passed_over() {
    let file = marked_file();
    let model = decode(&file).unwrap();
    let (at, right) = marks(&file);
    let (selects, keys) = records(&file);
    let inside = file.windows(9).position(|bytes| bytes == &deceptive()[..9]);
    let inside = inside.unwrap();
    let after = |place: usize| *selects.iter().find(|select| **select > place).unwrap();
    let wrong = [
        ("one byte early", vec![right[0] - 1]),
        ("one byte late", vec![right[0] + 1]),
        ("a key without its database", vec![keys[20_000]]),
        (
            "within a value that looks like a section",
            lengths(&[inside]),
        ),
        (
            "the same, and the end is right",
            lengths(&[inside, after(inside)]),
        ),
        ("the header cut", vec![5]),
        ("the last before the marks", vec![at - 1]),
        ("beyond the records", vec![at]),
        ("beyond the file", vec![file.len() + 9]),
        ("zero", vec![0]),
        ("none that a file could have", vec![usize::MAX, 2]),
    ];
    for (name, numbers) in wrong {
        let (report, served) = load(&with_marks(&file, &numbers));
        let report = report.unwrap();
        assert_eq!((report.keys, report.sections), (40_022, 1), "{name}");
        assert_eq!(served, model, "{name}");
    }
    // So that what is shown above is not the doing of the new checksum or the other length.
    for numbers in [right, lengths(&selects[3..6])] {
        let (report, served) = load(&with_marks(&file, &numbers));
        assert_eq!(report.unwrap().sections, numbers.len() + 1);
        assert_eq!(served, model);
    }
}

#[test]
fn damaged_file_is_told_as_one_reader_tells_it() {
    let file = marked_file();
    for at in (0..file.len()).step_by(file.len() / 40) {
        let mut damaged = file.clone();
        damaged[at] ^= 0x10;
        let shards = start(2);
        let expected = patient_load()
            .from_reader(&damaged[..], &shards)
            .unwrap_err();
        let (error, served) = load(&damaged);
        assert_eq!(
            error.unwrap_err().to_string(),
            expected.to_string(),
            "byte {at}"
        );
        assert_eq!(served, Model::new(), "byte {at}");
    }
    for end in [file.len() - 1, file.len() - 30, file.len() / 2] {
        let (error, served) = load(&file[..end]);
        assert!(
            matches!(error.unwrap_err(), LoadError::Decode(_)),
            "cut at {end}"
        );
        assert_eq!(served, Model::new());
    }
}
