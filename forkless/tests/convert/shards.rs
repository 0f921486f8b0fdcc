//! The same keys through `save`: into shards and out again.

use std::fs;

use rdb_format::{Compression, Encoder, Target, Value};
use serde_json::Value as Json;

use crate::file::field;
use crate::filled::{assert_same_entries, fill};
use crate::keys::{assert_same, keys, without_statistics};
use crate::program::{folder_with, forkless, text};
use crate::server::Server;

#[test]
fn values_that_the_store_does_not_know_pass_through_shards() {
    fn sorted(keys: Vec<Json>) -> Vec<Json> {
        let mut keys = without_statistics(keys);
        keys.sort_by_key(|key| (key["db"].as_u64(), key["key"].to_string()));
        keys
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let server = Server::of_system(path, "in.rdb");
    fill(&server);
    let expected = server.contents();
    drop(server);
    let before = sorted(keys(path, "in.rdb"));
    for version in ["10", "11", "12", "13", "14", "80"] {
        let options = ["--rdb-version", version, "--shards", "3"];
        let save = [&["save", "in.rdb", "out.rdb"][..], &options].concat();
        let saved = forkless(&save, path);
        assert!(saved.status.success(), "{saved:?}");
        assert_same(&sorted(keys(path, "out.rdb")), &before, version);
        if version == "10" {
            let server = Server::of_system(path, "out.rdb");
            for (key, (content, _)) in server.contents() {
                assert_same_entries(&content, &expected[&key].0, &format!("{key:?}"));
            }
        }
    }

    let saved = forkless(&["save", "in.rdb", "old.rdb"], path);
    assert_eq!(saved.status.code(), Some(1));
    assert!(!path.join("old.rdb").exists());
}

#[test]
fn expiring_fields_and_big_values_pass_through_shards() {
    let mut encoder = Encoder::new(Target::Valkey9, Compression::None);
    let mut file = Vec::new();
    encoder.header(&mut file);
    let fields = |count: u32| {
        let at_ms = |n: u32| {
            n.is_multiple_of(3)
                .then_some(4_102_444_800_000 + i64::from(n))
        };
        let fields = (0..count).map(|n| field(&n.to_string(), "value", at_ms(n)));
        Value::ExpiringHash(fields.collect())
    };
    let entries = [
        ("small", fields(3)),
        ("big", fields(10_000)),
        ("plain", Value::ExpiringHash(vec![field("f", "v", None)])),
        ("module", Value::Module(vec![0x3f, 2, 1, 0])),
    ];
    for (key, value) in &entries {
        encoder
            .entry(&mut file, key.as_bytes(), None, value)
            .unwrap();
    }
    encoder.end(&mut file, None);
    let folder = folder_with(&file);
    let path = folder.path();
    let sorted = |file: &str| {
        let mut keys = keys(path, file);
        keys.sort_by_key(|key| key["key"].to_string());
        keys
    };
    for version in ["80", "12", "14"] {
        let save = ["save", "in.rdb", "out.rdb", "--rdb-version", version];
        let saved = forkless(&save, path);
        assert!(saved.status.success(), "{saved:?}");
        assert_same(&sorted("out.rdb"), &sorted("in.rdb"), version);
    }
    let refused = forkless(&["save", "in.rdb", "old.rdb", "--shards", "1"], path);
    let line = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{line}");
    let named = ["key \"small\": ", "key \"big\": "];
    assert!(named.iter().any(|name| line.contains(name)), "{line}");
    assert!(
        line.contains("Redis 5 cannot hold fields that expire"),
        "{line}"
    );
    assert_eq!(fs::read_dir(path).unwrap().count(), 2);
}
