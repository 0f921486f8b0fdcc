//! What the other file has not: it is told, and the rest is there.

use std::fs;
use std::path::Path;

use rdb_format::{Compression, Encoder, Target, Value};

use crate::file::{end, field, sample};
use crate::keys::keys;
use crate::program::{convert, folder_with, forkless, text};

#[test]
fn records_that_belong_to_no_key_are_copied_or_told() {
    let mut encoder = Encoder::new(Target::Redis70, Compression::None);
    let mut file = Vec::new();
    encoder.header(&mut file);
    encoder.aux(&mut file, b"ctime", b"1700000000");
    encoder.aux(&mut file, b"repl-id", b"of another server");
    encoder.aux(&mut file, b"strange", b"value");
    encoder.module_aux(&mut file, 0x3f, 2, &[2, 7, 0]);
    let value = Value::String(b"v".to_vec());
    encoder.entry(&mut file, b"k", None, &value).unwrap();
    end(&mut encoder, &mut file);
    let folder = folder_with(&file);
    let path = folder.path();

    let done = convert(path, "out.rdb", &["--rdb-version", "12"]);
    assert!(done.status.success(), "{done:?}");
    let said = "in.rdb: warning: unknown aux fields are left out: strange\n";
    assert_eq!(text(&done.stderr), said);
    let out = fs::read(path.join("out.rdb")).unwrap();
    let holds = |bytes: &[u8]| out.windows(bytes.len()).any(|window| window == bytes);
    assert!(holds(b"ctime") && holds(b"\xf7\x3f\x02\x02\x02\x07\0"));
    assert!(!holds(b"repl-id") && !holds(b"strange"));

    let saved = forkless(&["save", "in.rdb", "out.rdb"], path);
    assert!(saved.status.success(), "{saved:?}");
    let said = "in.rdb: warning: 1 records of modules or of slot imports are left out\n";
    assert_eq!(text(&saved.stderr), said);
}

#[test]
fn what_is_skipped_is_told_and_the_rest_is_there() {
    let folder = folder_with(&sample(Target::Redis74));
    let path = folder.path();
    let options = ["--rdb-version", "10", "--skip-unsupported"];
    let output = convert(path, "out.rdb", &options);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = text(&output.stderr);
    assert!(
        said.starts_with("in.rdb: skipped: key \"expiring\": "),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1);
    let mut expected = keys(path, "in.rdb");
    expected.retain(|key| key["key"] != "expiring");
    assert_eq!(keys(path, "out.rdb"), expected);
}

#[test]
fn many_skipped_keys_are_told_in_bounded_lines() {
    let mut encoder = Encoder::new(Target::Redis74, Compression::None);
    let mut file = Vec::new();
    encoder.header(&mut file);
    for number in 0..150 {
        let value = Value::ExpiringHash(vec![field("f", "v", Some(4_102_444_800_000))]);
        let key = format!("key {number}");
        encoder
            .entry(&mut file, key.as_bytes(), None, &value)
            .unwrap();
    }
    encoder.end(&mut file, None);
    let folder = folder_with(&file);
    for (option, last) in [
        (&["--skip-unsupported"][..], "in.rdb: skipped: 50 more"),
        (
            &["--allow-loss", "any"],
            "in.rdb: 50 more times something is left out",
        ),
    ] {
        let options = [&["--rdb-version", "10"], option].concat();
        let output = convert(folder.path(), "out.rdb", &options);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let said: Vec<&str> = text(&output.stderr).lines().collect();
        let said: Vec<&str> = said
            .into_iter()
            .filter(|line| !line.contains("checksum"))
            .collect();
        assert_eq!(said.len(), 101);
        assert_eq!(said.last(), Some(&last));
    }
}

#[test]
fn what_may_be_lost_is_told() {
    let folder = folder_with(&sample(Target::Redis74));
    let path = folder.path();
    let options = ["--rdb-version", "10", "--allow-loss", "any"];
    let output = convert(path, "out.rdb", &options);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        text(&output.stderr),
        "in.rdb: key \"expiring\" is written without fields that expire\n"
    );
    let shown = keys(path, "out.rdb");
    let hash = shown.iter().find(|key| key["key"] == "expiring").unwrap();
    assert_eq!(hash["value"].to_string(), r#"[["goes","2"],["stays","1"]]"#);
    assert_eq!(hash["idle_s"], 60);
    // Statistics are all that this allows to lose.
    refused_beside(path, &["--rdb-version", "10", "--allow-loss", "statistics"]);
}

fn refused_beside(folder: &Path, options: &[&str]) {
    let output = convert(folder, "refused.rdb", options);
    assert_eq!(output.status.code(), Some(1));
    assert!(!folder.join("refused.rdb").exists());
}
