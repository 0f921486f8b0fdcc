//! A file with keys of every family that it can hold, and what is shown of it.

use std::fs;
use std::path::PathBuf;

use rdb_format::{Compression, Crc64, Encoder, Target, Value};
use tempfile::TempDir;

/// The keys of [`sample`], each as its line.
pub(crate) const LINES: [&str; 6] = [
    r#"{"db":0,"key":"counter","type":"string","encoding":"int","value":"42"}"#,
    concat!(
        r#"{"db":0,"key":"user:1","type":"string","encoding":"raw","#,
        r#""expire_at_ms":1700000000000,"value":{"base64":"AP8="}}"#,
    ),
    r#"{"db":0,"key":"queue","type":"list","encoding":"linkedlist","value":["b","","a"]}"#,
    r#"{"db":2,"key":"user:2","type":"set","encoding":"hashtable","value":["a","b","é"]}"#,
    concat!(
        r#"{"db":2,"key":{"base64":"/w=="},"type":"hash","encoding":"hashtable","#,
        r#""value":[["f\"1","v"],["f2","w"]]}"#,
    ),
    concat!(
        r#"{"db":3,"key":"rank","type":"zset","encoding":"skiplist","#,
        r#""value":[["low","-inf"],["a","1.5"],["b","1.5"],["high","inf"]]}"#,
    ),
];

/// A file with keys of every family that it can hold, and where the last one begins.
pub(crate) fn sample() -> (Vec<u8>, usize) {
    let owned = |items: &[&[u8]]| items.iter().map(|item| item.to_vec()).collect::<Vec<_>>();
    let fields = vec![
        (b"f2".to_vec(), b"w".to_vec()),
        (b"f\"1".to_vec(), b"v".to_vec()),
    ];
    let members: [(&[u8], f64); 4] = [
        (b"b", 1.5),
        (b"high", f64::INFINITY),
        (b"a", 1.5),
        (b"low", f64::NEG_INFINITY),
    ];
    let members = members
        .map(|(member, score)| (member.to_vec(), score))
        .to_vec();
    let entries: [(u32, &[u8], Option<i64>, Value); 6] = [
        (0, b"counter", None, Value::String(b"42".to_vec())),
        (
            0,
            b"user:1",
            Some(1_700_000_000_000),
            Value::String(b"\0\xff".to_vec()),
        ),
        (0, b"queue", None, Value::List(owned(&[b"b", b"", b"a"]))),
        (
            2,
            b"user:2",
            None,
            Value::Set(owned(&["é".as_bytes(), b"b", b"a"])),
        ),
        (2, b"\xff", None, Value::Hash(fields)),
        (3, b"rank", None, Value::SortedSet(members)),
    ];
    let mut encoder = Encoder::new(Target::Redis5, Compression::None);
    let mut file = Vec::new();
    let mut last = 0;
    encoder.header(&mut file);
    for (database, key, expire_at_ms, value) in &entries {
        encoder.select_db(&mut file, *database);
        last = file.len();
        encoder.entry(&mut file, key, *expire_at_ms, value).unwrap();
    }
    let mut crc = Crc64::new();
    crc.update(&file);
    encoder.end(&mut file, Some(crc));
    (file, last)
}

/// The table of [`sample`], below its first line, with the two biggest keys.
pub(crate) const TABLE: &str = "

db   type    keys  expiring  bytes   p50   p90   p99   max  encodings
0    list       1         0   13 B  13 B  13 B  13 B  13 B  1 linkedlist
0    string     2         1   22 B  11 B  11 B  11 B  11 B  1 int, 1 raw
2    hash       1         0   15 B  15 B  15 B  15 B  15 B  1 hashtable
2    set        1         0   16 B  16 B  16 B  16 B  16 B  1 hashtable
3    zset       1         0   52 B  52 B  52 B  52 B  52 B  1 skiplist
all             6         1  118 B  13 B  52 B  52 B  52 B  1 int, 1 raw, \
1 linkedlist, 2 hashtable, 1 skiplist

the biggest keys
bytes  elements  type  encoding   db  key
 52 B         4  zset  skiplist    3  rank
 16 B         3  set   hashtable   2  user:2";

pub(crate) fn write(folder: &TempDir, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join("a.rdb");
    fs::write(&path, bytes).unwrap();
    path
}
