//! Files of a real server, with what it answered itself about every key.

use std::fs;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use crate::program::{inspect, text};

/// Files of a real server, with what it answered itself about every key.
#[test]
fn corpus_files_show_what_the_server_said() {
    let Some(corpus) = std::env::var_os("FORKLESS_RDB_CORPUS").map(PathBuf::from) else {
        eprintln!("skipped: FORKLESS_RDB_CORPUS is not set");
        return;
    };
    let mut compared = 0;
    for name in [
        "checksum_off",
        "empty_no_keys",
        "nocompress",
        "sets_hashes_zsets",
        "streams_v2_groups_pel_deleted",
    ] {
        let folder = corpus.join("local-redis-7.0.15");
        let expected = fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
        let expected: Json = serde_json::from_str(&expected).unwrap();
        let output = inspect(&folder.join(format!("{name}.rdb")), &["--format", "jsonl"]);
        assert_eq!(output.status.code(), Some(0));
        let mut shown: Vec<Json> = text(&output.stdout)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        shown.sort_by_key(|key| (key["db"].as_u64(), bytes(&key["key"])));
        let mut keys = expected["keys"].as_array().unwrap().clone();
        keys.sort_by_key(|key| (key["db"].as_u64(), latin1(&key["key"])));
        assert_eq!(shown.len(), keys.len(), "{name}");
        for (shown, expected) in shown.iter().zip(&keys) {
            assert_same_key(shown, expected);
            compared += 1;
        }
    }
    assert_eq!(compared, 23);
}

/// Compares a line of ours with what the server said, which has bytes as Latin-1.
fn assert_same_key(shown: &Json, expected: &Json) {
    assert_eq!(shown["db"], expected["db"]);
    assert_eq!(bytes(&shown["key"]), latin1(&expected["key"]));
    assert_eq!(shown["type"], expected["type"]);
    let expire_at_ms = shown.get("expire_at_ms").and_then(Json::as_i64);
    assert_eq!(
        expire_at_ms.unwrap_or(-1),
        expected["expire_at_ms"].as_i64().unwrap()
    );
    let (shown, value) = (&shown["value"], &expected["value"]);
    let array = |json: &Json| json.as_array().unwrap().clone();
    match expected["type"].as_str().unwrap() {
        "string" => assert_eq!(bytes(shown), latin1(value)),
        "list" => {
            let shown: Vec<_> = array(shown).iter().map(bytes).collect();
            assert_eq!(shown, array(value).iter().map(latin1).collect::<Vec<_>>());
        }
        "set" => {
            let shown: Vec<_> = array(shown).iter().map(bytes).collect();
            let mut value: Vec<_> = array(value).iter().map(latin1).collect();
            value.sort();
            assert_eq!(shown, value);
        }
        "hash" => {
            let shown: Vec<_> = array(shown)
                .iter()
                .map(|pair| (bytes(&pair[0]), bytes(&pair[1])))
                .collect();
            let fields = value.as_object().unwrap();
            let mut value: Vec<_> = fields
                .iter()
                .map(|(field, value)| (latin1(&Json::from(field.as_str())), latin1(value)))
                .collect();
            value.sort();
            assert_eq!(shown, value);
        }
        "zset" => {
            let number = |text: &Json| text.as_str().unwrap().parse::<f64>().unwrap().to_bits();
            let shown: Vec<_> = array(shown)
                .iter()
                .map(|pair| (bytes(&pair[0]), number(&pair[1])))
                .collect();
            let value: Vec<_> = array(value)
                .iter()
                .map(|pair| (latin1(&pair[0]), number(&pair[1])))
                .collect();
            assert_eq!(shown, value);
        }
        "stream" => assert_same_stream(shown, value),
        other => panic!("type {other} is not compared"),
    }
}

/// Compares a stream of ours with what `XRANGE` and `XINFO STREAM FULL` said.
fn assert_same_stream(shown: &Json, value: &Json) {
    let array = |json: &Json| json.as_array().unwrap().clone();
    let flat = |entry: &Json| -> Vec<Vec<u8>> {
        let pairs = array(&entry[1]);
        pairs
            .iter()
            .flat_map(array)
            .map(|text| bytes(&text))
            .collect()
    };
    let (entries, expected) = (array(&shown["entries"]), array(&value["entries"]));
    assert_eq!(entries.len(), expected.len());
    for (entry, expected) in entries.iter().zip(&expected) {
        assert_eq!(entry[0], expected[0]);
        let texts: Vec<_> = array(&expected[1]).iter().map(latin1).collect();
        assert_eq!(flat(entry), texts);
    }
    let info = &value["info_full"];
    assert_eq!(&shown["last_id"], named(info, "last-generated-id"));
    assert_eq!(&shown["entries_added"], named(info, "entries-added"));
    assert_eq!(
        &shown["max_deleted_id"],
        named(info, "max-deleted-entry-id")
    );
    let (groups, expected) = (array(&shown["groups"]), array(named(info, "groups")));
    assert_eq!(groups.len(), expected.len());
    for (group, expected) in groups.iter().zip(&expected) {
        assert_eq!(&group["name"], named(expected, "name"));
        assert_eq!(&group["last_id"], named(expected, "last-delivered-id"));
        let read = group.get("entries_read").unwrap_or(&Json::Null);
        assert_eq!(read, named(expected, "entries-read"));
        let pending: Vec<Json> = array(named(expected, "pending"))
            .iter()
            .map(|entry| json!([entry[0], entry[2], entry[3]]))
            .collect();
        assert_eq!(array(&group["pending"]), pending);
        let consumers: Vec<Json> = array(named(expected, "consumers"))
            .iter()
            .map(|consumer| {
                let held = array(named(consumer, "pending"));
                let held: Vec<&Json> = held.iter().map(|entry| &entry[0]).collect();
                json!({
                    "name": named(consumer, "name"),
                    "seen_at_ms": named(consumer, "seen-time"),
                    "held": held,
                })
            })
            .collect();
        assert_eq!(array(&group["consumers"]), consumers);
    }
}

/// The value that follows a name in what a server says.
fn named<'a>(info: &'a Json, name: &str) -> &'a Json {
    let items = info.as_array().unwrap();
    let place = items.iter().step_by(2).position(|item| item == name);
    &items[2 * place.unwrap() + 1]
}

/// Bytes in our form: text, or base64.
fn bytes(json: &Json) -> Vec<u8> {
    match json.as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => STANDARD.decode(json["base64"].as_str().unwrap()).unwrap(),
    }
}

/// Bytes as characters 0 to 255.
fn latin1(json: &Json) -> Vec<u8> {
    let text = json.as_str().unwrap();
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect()
}
