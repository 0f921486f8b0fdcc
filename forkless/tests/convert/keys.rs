//! The keys of a file as `inspect` shows them, and whether two files say the same.

use std::path::Path;

use serde_json::Value as Json;

use crate::program::{forkless, text};

/// The keys of a file, without how they are stored.
pub(crate) fn keys(folder: &Path, file: &str) -> Vec<Json> {
    let shown = forkless(&["inspect", file, "--format", "jsonl"], folder);
    assert!(shown.status.success(), "{file}: {shown:?}");
    let lines = text(&shown.stdout).lines();
    let key = |line| {
        let mut key: Json = serde_json::from_str(line).unwrap();
        key.as_object_mut().unwrap().remove("encoding");
        key
    };
    lines.map(key).collect()
}

/// Removes what only streams of some versions know of themselves.
pub(crate) fn without_statistics(mut keys: Vec<Json>) -> Vec<Json> {
    fn strip(json: &mut Json) {
        match json {
            Json::Object(map) => {
                for name in [
                    "entries_added",
                    "max_deleted_id",
                    "entries_read",
                    "active_at_ms",
                ] {
                    map.remove(name);
                }
                // A stream without producers remembers as much as one of a server without them.
                if map.get("producers").is_some_and(|all| all["added"] == 0) {
                    map.remove("producers");
                }
                map.values_mut().for_each(strip);
            }
            Json::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    keys.iter_mut().for_each(strip);
    keys
}

/// Asserts that two files say the same, and names the first key that differs.
pub(crate) fn assert_same(found: &[Json], expected: &[Json], what: &str) {
    for (found, expected) in found.iter().zip(expected) {
        assert!(found == expected, "{what}: {} differs", expected["key"]);
    }
    assert_eq!(found.len(), expected.len(), "{what}");
}
