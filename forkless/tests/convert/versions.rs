//! Every version says the same as the file that it was made of, in the form that its readers want.

use std::fs;

use rdb_format::{Compression, Encoder, Target, Value};

use crate::file::{end, sample};
use crate::filled::{assert_same_entries, fill};
use crate::keys::{assert_same, keys, without_statistics};
use crate::program::{converted, folder_with, forkless, text};
use crate::server::{Server, ask};

#[test]
fn files_of_redis_say_the_same_in_every_version_and_load() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let server = Server::of_system(path, "in.rdb");
    fill(&server);
    let expected = server.contents();
    drop(server);
    let before = keys(path, "in.rdb");

    for version in ["10", "11", "12", "13", "14", "80"] {
        let name = format!("{version}.rdb");
        let json = converted(path, &name, &["--rdb-version", version]);
        if version == "14" {
            // Its listpacks have another form.
            let after = without_statistics(keys(path, &name));
            assert_same(&after, &without_statistics(before.clone()), version);
            continue;
        }
        assert_eq!(json["rewritten"], 0, "all types of Redis 7.0 pass");
        assert_same(&keys(path, &name), &before, version);
        let anew = format!("{version}-anew.rdb");
        let options = ["--rdb-version", version, "--compress", "lzf"];
        let json = converted(path, &anew, &options);
        assert_eq!(json["rewritten"], json["keys"]);
        // Newer forms of streams say what older ones leave to be understood.
        let (anew, before) = (keys(path, &anew), before.clone());
        let (anew, before) = (without_statistics(anew), without_statistics(before));
        assert_same(&anew, &before, version);
    }
    let nine = [
        "--rdb-version",
        "9",
        "--allow-loss",
        "statistics",
        "--skip-unsupported",
    ];
    let json = converted(path, "9.rdb", &nine);
    assert_eq!(json["skipped"], 1, "functions");
    let nine = without_statistics(keys(path, "9.rdb"));
    assert_same(&nine, &without_statistics(before), "9");

    for (name, same_nodes) in [("10.rdb", true), ("10-anew.rdb", false), ("9.rdb", false)] {
        let server = Server::of_system(path, name);
        let found = server.contents();
        assert_eq!(found.len(), expected.len(), "{name}");
        for (key, (content, expire_at_ms)) in &expected {
            let (other, other_expire_at_ms) = &found[key];
            assert_eq!(expire_at_ms, other_expire_at_ms, "{name}: {key:?}");
            let what = format!("{name}: {key:?}");
            if same_nodes {
                assert_eq!(content, other, "{what}");
            } else {
                assert_same_entries(other, content, &what);
            }
        }
        let held = ask::<redis::Value>(&mut server.connect(0), "XPENDING", &[b"s", b"g"]);
        let redis::Value::Array(held) = held else {
            panic!("{held:?}")
        };
        assert_eq!(held[0], redis::Value::Int(43), "{name}");
    }
}

/// Entries of 16383 bytes, about whose form servers disagree.
#[test]
fn listpacks_take_the_form_that_the_target_reads() {
    let record = rdb_format::StreamRecord {
        id: rdb_format::StreamId { ms: 1, seq: 1 },
        deleted: false,
        fields: vec![(b"f".to_vec(), vec![b'v'; 16_378])],
    };
    let stream = rdb_format::Stream {
        last_id: record.id,
        records: vec![record],
        ..rdb_format::Stream::default()
    };
    for (from, to, padded) in [
        (Target::Redis70, "14", [true, false]),
        (Target::Redis70, "12", [true, true]),
        (Target::Redis88, "14", [false, false]),
    ] {
        let mut encoder = Encoder::new(from, Compression::None);
        let mut file = Vec::new();
        encoder.header(&mut file);
        let value = Value::Stream(Box::new(stream.clone()));
        encoder.entry(&mut file, b"s", None, &value).unwrap();
        end(&mut encoder, &mut file);
        let folder = folder_with(&file);
        let path = folder.path();
        let is_padded = |file: &str| {
            let checked = forkless(&["check", file], path);
            assert!(checked.status.success(), "{checked:?}");
            text(&checked.stderr).contains("too wide")
        };
        converted(path, "out.rdb", &["--rdb-version", to]);
        assert_eq!(
            [is_padded("in.rdb"), is_padded("out.rdb")],
            padded,
            "{from} to {to}"
        );
        let save = ["save", "in.rdb", "saved.rdb", "--rdb-version", to];
        assert!(forkless(&save, path).status.success());
        assert_eq!(is_padded("saved.rdb"), padded[1], "{from} to {to}");
        let (saved, before) = (keys(path, "saved.rdb"), keys(path, "in.rdb"));
        assert_same(&without_statistics(saved), &without_statistics(before), to);
    }
}

#[test]
fn expiring_fields_cross_between_redis_and_valkey() {
    for (from, to) in [
        (Target::Redis74, "80"),
        (Target::Valkey9, "12"),
        (Target::Valkey9, "14"),
        (Target::Valkey9, "80"),
    ] {
        let folder = folder_with(&sample(from));
        let path = folder.path();
        let json = converted(path, "out.rdb", &["--rdb-version", to]);
        assert_eq!(json["keys"], 4);
        assert_eq!(
            json["rewritten"],
            u64::from(to != "80" || from != Target::Valkey9)
        );
        assert_eq!(
            keys(path, "out.rdb"),
            keys(path, "in.rdb"),
            "{from} to {to}"
        );
    }
}

#[test]
fn file_can_be_converted_in_place() {
    let folder = folder_with(&sample(Target::Redis5));
    let path = folder.path();
    let before = keys(path, "in.rdb");
    converted(
        path,
        "in.rdb",
        &["--rdb-version", "12", "--compress", "lzf"],
    );
    assert_eq!(keys(path, "in.rdb"), before);
    assert!(
        fs::read(path.join("in.rdb"))
            .unwrap()
            .starts_with(b"REDIS0012")
    );
    assert_eq!(fs::read_dir(path).unwrap().count(), 1);
}
