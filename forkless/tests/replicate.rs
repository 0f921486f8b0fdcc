//! `forkless replicate` against a master in this process.

use std::process::Command;
use std::sync::Arc;

use rdb_format::{Reader, Value};
use shard_runtime::{ShardSet, ShardSetConfig};
use snapshot::{Address, Key, Keyspace, Master, MasterOptions, Owned, shard_hash};

#[test]
fn replicate_writes_what_the_master_has() {
    let config = ShardSetConfig {
        shards: 3,
        ..ShardSetConfig::default()
    };
    let shards = Arc::new(ShardSet::start(config, |_| Keyspace::<Owned>::new()).unwrap());
    for number in 0..5000_u32 {
        let key = Key::from(format!("key:{number}").as_bytes());
        let value = Value::List(vec![b"a".to_vec(), number.to_string().into_bytes()]);
        let set = move |shard: &mut shard_runtime::Shard<Keyspace<Owned>>| {
            let table = shard.state().database(number % 2);
            table.insert(key, Owned::new(value, None));
        };
        let hash = shard_hash(format!("key:{number}").as_bytes());
        shards.call(shards.shard_of(hash), set).unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let address = Address::Unix(folder.path().join("master"));
    let options = MasterOptions::new().secret(b"open sesame");
    let _master = Master::start(&shards, &address, options).unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "open sesame\n").unwrap();
    let replicate = |secret: &std::path::Path, patience: &str| {
        Command::new(env!("CARGO_BIN_EXE_forkless"))
            .args(["replicate", &address.to_string(), "--shards", "2", "--json"])
            .args(["--patience", patience, "--out"])
            .arg(folder.path().join("out"))
            .arg("--secret-file")
            .arg(secret)
            .output()
            .unwrap()
    };
    let done = replicate(&secret, "600");
    assert!(done.status.success(), "{done:?}");
    let text = String::from_utf8(done.stdout).unwrap();
    let json: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!((&json["keys"], &json["streams"]), (&5000.into(), &3.into()));
    let file = std::fs::read(folder.path().join("out/dump.rdb")).unwrap();
    let mut reader = Reader::from_slice(&file);
    let mut keys = 0;
    while let Some(entry) = reader.next_entry().unwrap() {
        let number = std::str::from_utf8(&entry.key[4..]).unwrap();
        assert_eq!(entry.db, number.parse::<u32>().unwrap() % 2);
        let expected = Value::List(vec![b"a".to_vec(), number.as_bytes().to_vec()]);
        assert_eq!(entry.value, expected);
        keys += 1;
    }
    assert_eq!(keys, 5000);

    std::fs::write(&secret, "open barley\n").unwrap();
    // It says what it knows when its patience is over: on a busy machine, that may be nothing yet.
    let is_named = ["2", "20", "200"].into_iter().any(|patience| {
        let refused = replicate(&secret, patience);
        assert_eq!(refused.status.code(), Some(1));
        let error = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(error.lines().count(), 1, "{error}");
        error.contains("secret")
    });
    assert!(is_named);
}
