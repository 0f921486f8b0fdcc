//! The examples do what they say.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs::File;
use std::path::Path;

use rdb_format::{Element, Event, Reader};

#[path = "../examples/convert.rs"]
#[expect(dead_code, reason = "its main is for the command line")]
mod convert;
#[path = "../examples/count.rs"]
#[expect(dead_code, reason = "its main is for the command line")]
mod count;
#[path = "../examples/filter.rs"]
#[expect(dead_code, reason = "its main is for the command line")]
mod filter;
#[path = "../examples/json.rs"]
#[expect(dead_code, reason = "its main is for the command line")]
mod json;
#[path = "../examples/write.rs"]
#[expect(dead_code, reason = "its main is for the command line")]
mod write;

fn fixture() -> &'static Path {
    Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/plain.rdb"
    ))
}

/// The keys of a file, in order of their bytes, and its version.
fn keys(path: &Path) -> (Vec<String>, u32) {
    let mut reader = Reader::new(File::open(path).unwrap());
    let entries = std::iter::from_fn(|| reader.next_entry().unwrap());
    let mut keys: Vec<_> = entries.map(|e| String::from_utf8(e.key).unwrap()).collect();
    keys.sort();
    (keys, reader.version())
}

#[test]
fn count_counts_every_key_by_kind() {
    let mut out = Vec::new();
    count::count(fixture(), &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<_> = text
        .lines()
        .map(|line| line.trim_start().split_once("  ").unwrap())
        .collect();
    assert!(lines.contains(&("3", "intset set")), "{text}");
    assert!(lines.contains(&("1", "quicklist2 list")), "{text}");
    let counts = lines
        .iter()
        .map(|(count, _)| count.parse::<usize>().unwrap());
    assert_eq!(counts.sum::<usize>(), keys(fixture()).0.len());
}

#[test]
fn json_prints_one_line_for_each_key() {
    let mut out = Vec::new();
    json::dump(fixture(), &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), keys(fixture()).0.len());
    let expires = lines.iter().find(|line| line["key"] == "expires").unwrap();
    assert_eq!(expires["expire_at_ms"], 4_102_444_800_123_u64);
    assert_eq!(expires["value"], "soon");
}

#[test]
fn filter_keeps_the_keys_with_a_prefix() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.rdb");
    filter::filter(fixture(), "intset", &output).unwrap();
    let expected = ["intset16", "intset32", "intset64"].map(str::to_owned);
    assert_eq!(keys(&output), (expected.to_vec(), 10));
}

#[test]
fn convert_writes_for_another_version() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.rdb");
    for version in [9, 11, 80] {
        convert::convert(fixture(), version, &output).unwrap();
        assert_eq!(keys(&output), (keys(fixture()).0, version));
    }
    assert!(convert::convert(fixture(), 8, &output).is_err());
}

#[test]
fn write_writes_a_million_elements_in_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.rdb");
    write::write(&output).unwrap();
    let mut reader = Reader::new(File::open(&output).unwrap());
    let (mut keys, mut items) = (0, 0);
    while let Some(event) = reader.next_event().unwrap() {
        match event {
            Event::Key(_) => keys += 1,
            Event::Element(Element::Item(_)) => items += 1,
            _ => {}
        }
    }
    assert_eq!((keys, items), (3, 1 + 4 + 1_000_000));
}
