//! Real files of a real server, and encodings that servers no longer write.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use rdb_format::{
    ChecksumState, DecodeError, Dialect, Encoding, Entry, Event, Reader, Source, Value, Warning,
};

const PLAIN: &[u8] = include_bytes!("fixtures/plain.rdb");
const LZF: &[u8] = include_bytes!("fixtures/lzf.rdb");
const UNCHECKED: &[u8] = include_bytes!("fixtures/unchecked.rdb");
const LFU: &[u8] = include_bytes!("fixtures/lfu.rdb");
const LRU: &[u8] = include_bytes!("fixtures/lru.rdb");

fn entries<S: Source>(mut reader: Reader<S>) -> Result<Vec<Entry>, DecodeError> {
    std::iter::from_fn(|| reader.next_entry().transpose()).collect()
}

fn encodings(bytes: &[u8]) -> Vec<(Vec<u8>, Encoding)> {
    let mut reader = Reader::from_slice(bytes);
    let mut found = Vec::new();
    while let Some(event) = reader.next_event().unwrap() {
        if let Event::Key(head) = event {
            found.push((head.key.to_vec(), head.encoding));
        }
    }
    found.sort_by(|left, right| left.0.cmp(&right.0));
    found
}

fn end(bytes: &[u8]) -> ChecksumState {
    let mut reader = Reader::from_slice(bytes);
    let mut state = None;
    while let Some(event) = reader.next_event().unwrap() {
        if let Event::End { checksum } = event {
            state = Some(checksum);
        }
    }
    assert_eq!(reader.position(), bytes.len() as u64);
    state.unwrap()
}

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

fn strings(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| bytes(text)).collect()
}

/// Puts what has no order into one.
fn sorted(mut value: Value) -> Value {
    match &mut value {
        Value::Set(members) => members.sort(),
        Value::Hash(fields) => fields.sort(),
        Value::SortedSet(members) => members.sort_by(|left, right| left.0.cmp(&right.0)),
        _ => {}
    }
    value
}

fn expected_values() -> Vec<(&'static str, Value)> {
    let long = "abcdefgh".repeat(7);
    let hash = || {
        let pairs = [("f", "v"), ("g", "-7"), ("long", long.as_str())];
        Value::Hash(
            pairs
                .map(|(field, value)| (bytes(field), bytes(value)))
                .to_vec(),
        )
    };
    let members = |members: &[(&str, f64)]| {
        Value::SortedSet(
            members
                .iter()
                .map(|(member, score)| (bytes(member), *score))
                .collect(),
        )
    };
    let string = |text: &str| Value::String(bytes(text));
    let list = [
        "a",
        "5",
        "-1",
        "4095",
        "-4096",
        "32767",
        "-32768",
        "8388607",
        "2147483647",
        "9223372036854775807",
        &long,
    ];
    let infinity = f64::INFINITY;
    let packed = [("a", 1.5), ("b", 2.0), ("c", infinity), ("d", -infinity)];
    vec![
        ("12", string("numeric-key")),
        ("elsewhere", string("yes")),
        ("empty", string("")),
        ("expires", string("soon")),
        ("hash-listpack", hash()),
        ("hash-table", hash()),
        ("int16", string("-300")),
        ("int32", string("70000")),
        ("int64", string("5000000000")),
        ("int8", string("-7")),
        ("intset16", Value::Set(strings(&["-2", "1", "300"]))),
        ("intset32", Value::Set(strings(&["1", "70000"]))),
        ("intset64", Value::Set(strings(&["-5000000000", "1"]))),
        ("list", Value::List(strings(&list))),
        ("long", string(&long)),
        ("raw", string("hello")),
        ("set", Value::Set(strings(&["1", "a", &long]))),
        ("zset-listpack", members(&packed)),
        (
            "zset-skiplist",
            members(&[("a", 1.5), ("b", -2.0), ("c", infinity)]),
        ),
    ]
}

#[test]
fn every_value_of_a_real_file_is_read() {
    for file in [PLAIN, LZF] {
        let mut found = entries(Reader::from_slice(file)).unwrap();
        assert_eq!(found, entries(Reader::new(file)).unwrap());
        found.sort_by(|left, right| left.key.cmp(&right.key));
        for entry in &found {
            let elsewhere = entry.key == b"elsewhere";
            assert_eq!(entry.db, if elsewhere { 3 } else { 0 });
            let expires = (entry.key == b"expires").then_some(4_102_444_800_123);
            assert_eq!(entry.expire_at_ms, expires);
        }
        let values: Vec<_> = found
            .into_iter()
            .map(|entry| (entry.key, sorted(entry.value)))
            .collect();
        let expected: Vec<_> = expected_values()
            .into_iter()
            .map(|(key, value)| (bytes(key), value))
            .collect();
        assert_eq!(values, expected);
    }
}

#[test]
fn encodings_are_named_as_stored() {
    let names = |file| -> Vec<(String, &str)> {
        encodings(file)
            .into_iter()
            .map(|(key, encoding)| (String::from_utf8(key).unwrap(), encoding.name()))
            .collect()
    };
    let mut expected = vec![
        ("12", "raw"),
        ("elsewhere", "raw"),
        ("empty", "raw"),
        ("expires", "raw"),
        ("hash-listpack", "listpack"),
        ("hash-table", "hashtable"),
        ("int16", "int"),
        ("int32", "int"),
        ("int64", "raw"),
        ("int8", "int"),
        ("intset16", "intset"),
        ("intset32", "intset"),
        ("intset64", "intset"),
        ("list", "quicklist2"),
        ("long", "raw"),
        ("raw", "raw"),
        ("set", "hashtable"),
        ("zset-listpack", "listpack"),
        ("zset-skiplist", "skiplist"),
    ];
    let owned = |expected: &[(&str, &'static str)]| -> Vec<_> {
        expected
            .iter()
            .map(|(key, name)| ((*key).to_owned(), *name))
            .collect()
    };
    assert_eq!(names(PLAIN), owned(&expected));
    expected[14].1 = "lzf";
    assert_eq!(names(LZF), owned(&expected));
}

#[test]
fn records_around_the_keys_are_reported() {
    let mut reader = Reader::from_slice(PLAIN);
    let mut aux = Vec::new();
    let mut around = Vec::new();
    while let Some(event) = reader.next_event().unwrap() {
        match event {
            Event::Aux { name, value } => aux.push((name.to_vec(), value.to_vec())),
            Event::Function(source) => {
                assert!(source.starts_with(b"#!lua name=mylib\nredis.register_function"));
                around.push("function".to_owned());
            }
            Event::Key(_) | Event::Element(_) | Event::KeyEnd { .. } | Event::End { .. } => {}
            other => around.push(format!("{other:?}")),
        }
    }
    assert_eq!(aux[0], (bytes("redis-ver"), bytes("7.0.15")));
    assert_eq!(aux[1], (bytes("redis-bits"), bytes("64")));
    assert_eq!(
        around,
        [
            "Header { version: 10, dialect: Redis }",
            "function",
            "SelectDb(0)",
            "ResizeDb { keys: 18, expiring: 1 }",
            "SelectDb(3)",
            "ResizeDb { keys: 1, expiring: 0 }",
        ]
    );
    assert_eq!(reader.warnings(), []);
    assert_eq!((reader.version(), reader.dialect()), (10, Dialect::Redis));
}

#[test]
fn checksums_are_verified_unless_off() {
    for file in [PLAIN, LZF, LFU, LRU] {
        let stored = u64::from_le_bytes(file[file.len() - 8..].try_into().unwrap());
        assert_eq!(end(file), ChecksumState::Verified(stored));
    }
    assert_eq!(end(UNCHECKED), ChecksumState::Off);
}

#[test]
fn use_of_a_key_is_reported() {
    let one = |file| entries(Reader::from_slice(file)).unwrap().remove(0);
    assert_eq!((one(LFU).freq, one(LFU).idle_s), (Some(5), None));
    assert_eq!((one(LRU).freq, one(LRU).idle_s), (None, Some(0)));
}

/// A whole stream with one key `k`, of a type and with a body.
fn stream(value_type: u8, body: &[u8]) -> Vec<u8> {
    [
        b"REDIS0012",
        &[value_type][..],
        b"\x01k",
        body,
        &[0xff],
        &[0; 8],
    ]
    .concat()
}

fn value(value_type: u8, body: &[u8]) -> Value {
    let bytes = stream(value_type, body);
    let mut found = entries(Reader::from_slice(&bytes)).unwrap();
    assert_eq!(found, entries(Reader::new(bytes.as_slice())).unwrap());
    assert_eq!(found.len(), 1);
    found.remove(0).value
}

fn hash(pairs: &[(&str, &str)]) -> Value {
    Value::Hash(
        pairs
            .iter()
            .map(|(field, value)| (bytes(field), bytes(value)))
            .collect(),
    )
}

#[test]
fn encodings_of_the_past_are_read() {
    let ziplist = b"\x0f\x0f\0\0\0\x0c\0\0\0\x02\0\0\xf3\x02\xf6\xff";
    assert_eq!(
        value(1, b"\x02\x01a\xc0\x05"),
        Value::List(strings(&["a", "5"]))
    );
    assert_eq!(
        value(9, b"\x0b\x01\x03foo\x03\x00bar\xff"),
        hash(&[("foo", "bar")])
    );
    assert_eq!(value(10, ziplist), Value::List(strings(&["2", "5"])));
    assert_eq!(value(13, ziplist), hash(&[("2", "5")]));
    assert_eq!(
        value(12, ziplist),
        Value::SortedSet(vec![(bytes("2"), 5.0)])
    );
    let nodes = [b"\x02", &ziplist[..], &ziplist[..]].concat();
    assert_eq!(
        value(14, &nodes),
        Value::List(strings(&["2", "5", "2", "5"]))
    );
    let members = [("a", 1.5), ("b", f64::INFINITY), ("c", f64::NEG_INFINITY)];
    let members = members
        .map(|(member, score)| (bytes(member), score))
        .to_vec();
    let body = b"\x03\x01a\x031.5\x01b\xfe\x01c\xff";
    assert_eq!(value(3, body), Value::SortedSet(members));
}

#[test]
fn encodings_of_later_versions_are_read() {
    let listpack = b"\x0c\x0c\0\0\0\x02\0\x81a\x02\x05\x01\xff";
    assert_eq!(value(20, listpack), Value::Set(strings(&["a", "5"])));
    let nodes = [b"\x02\x02", &listpack[..], b"\x01\x03big"].concat();
    assert_eq!(value(18, &nodes), Value::List(strings(&["a", "5", "big"])));
}

#[test]
fn lengths_may_be_wider_than_needed() {
    let body = b"\x80\0\0\0\x02\x40\x01a\x81\0\0\0\0\0\0\0\x01b";
    assert_eq!(value(1, body), Value::List(strings(&["a", "b"])));
    assert_eq!(value(0, b"\xc2\x05\0\0\0"), Value::String(bytes("5")));
}

#[test]
fn empty_collections_are_reported_with_a_warning() {
    let body = b"\x07\x07\0\0\0\0\0\xff";
    for (value_type, body) in [
        (1, &b"\0"[..]),
        (2, b"\0"),
        (4, b"\0"),
        (5, b"\0"),
        (16, body),
    ] {
        let bytes = stream(value_type, body);
        let mut reader = Reader::from_slice(&bytes);
        assert!(reader.next_entry().unwrap().is_some());
        assert_eq!(reader.warnings(), [Warning::EmptyCollection { offset: 9 }]);
    }
}

#[test]
fn attributes_belong_to_the_next_key_only() {
    let bytes = b"REDIS0009\xf9\x07\xfd\x01\0\0\0\xfa\x01x\x01y\xf8\x40\x64\xfc\x02\0\0\0\0\0\0\0\
        \0\x01a\x01b\xfc\xff\xff\xff\xff\xff\xff\xff\xff\0\x01c\x01d\
        \0\x01e\x01f\xff\0\0\0\0\0\0\0\0";
    let found = entries(Reader::from_slice(bytes)).unwrap();
    let facts: Vec<_> = found
        .iter()
        .map(|entry| (entry.expire_at_ms, entry.idle_s, entry.freq))
        .collect();
    assert_eq!(
        facts,
        [
            (Some(2), Some(100), Some(7)),
            (None, None, None),
            (None, None, None)
        ]
    );
}

#[test]
fn seconds_become_milliseconds() {
    let bytes = b"REDIS0003\xfd\x01\0\0\0\0\x01a\x01b\xfd\xff\xff\xff\xff\0\x01c\x01d\xff";
    let found = entries(Reader::from_slice(bytes)).unwrap();
    let times: Vec<_> = found.iter().map(|entry| entry.expire_at_ms).collect();
    assert_eq!(times, [Some(1000), Some(-1000)]);
}

#[test]
fn a_function_of_a_release_candidate_gets_its_first_line() {
    let bytes = b"REDIS0010\xf6\x03lib\x03LUA\x01\x04desc\x04code\xff\0\0\0\0\0\0\0\0";
    let mut reader = Reader::from_slice(bytes);
    reader.next_event().unwrap();
    let event = reader.next_event().unwrap();
    assert_eq!(event, Some(Event::Function(b"#!LUA name=lib\ncode")));
}

#[test]
fn data_of_modules_is_kept() {
    let bytes = b"REDIS0009\xf7\x81\0\0\0\0\0\0\0\x09\x02\x01\x01\x05\x02\x06\x03abcd\x04abcdefgh\
        \x05\x01x\x00\xff\0\0\0\0\0\0\0\0";
    let mut reader = Reader::from_slice(bytes);
    reader.next_event().unwrap();
    assert_eq!(
        reader.next_event().unwrap(),
        Some(Event::ModuleAux {
            module: 9,
            when: 1,
            items: b"\x01\x05\x02\x06\x03abcd\x04abcdefgh\x05\x01x\x00",
        })
    );
    let checksum = ChecksumState::Off;
    assert_eq!(reader.next_event().unwrap(), Some(Event::End { checksum }));
}

#[test]
fn what_follows_the_stream_is_left_alone() {
    let bytes = b"REDIS0003\xff*1\r\n";
    let mut reader = Reader::new(bytes.as_slice());
    while reader.next_event().unwrap().is_some() {}
    assert_eq!(reader.position(), 10);
    let (rest, buffered) = reader.into_parts();
    assert_eq!([&buffered, rest].concat(), b"*1\r\n");
}
