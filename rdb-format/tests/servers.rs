//! Real servers load what is written for them, and give it back; found through
//! `FORKLESS_RDB_SERVERS`, paths of server programs with `:` between; skipped when it is unset.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rdb_format::{
    Compression, Consumer, ConsumerGroup, Crc64, Dump, Encoder, Encodings, Entry, Pending, Reader,
    Stream, StreamId, StreamRecord, Target, Value,
};

#[expect(
    clippy::print_stderr,
    reason = "a skipped test must say that it is skipped"
)]
fn servers() -> Vec<PathBuf> {
    let Some(paths) = std::env::var_os("FORKLESS_RDB_SERVERS") else {
        eprintln!("skipped: FORKLESS_RDB_SERVERS names no servers");
        return Vec::new();
    };
    std::env::split_paths(&paths).collect()
}

/// Who a server is, as `--version` says: whether it is Valkey, and its version.
fn version(server: &Path) -> (bool, u32, u32) {
    let output = Command::new(server).arg("--version").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let numbers = text.split("v=").nth(1).unwrap();
    let mut numbers = numbers.split('.').map(|n| n.parse().unwrap());
    (
        text.starts_with("Valkey"),
        numbers.next().unwrap(),
        numbers.next().unwrap(),
    )
}

/// The targets whose files a server loads.
fn targets((valkey, major, minor): (bool, u32, u32)) -> Vec<Target> {
    let version = major * 100 + minor;
    let loads = |target: &Target| match target {
        Target::Redis5 => true,
        Target::Redis70 => version >= 700,
        Target::Redis72 | Target::Valkey8 => version >= 702,
        Target::Redis74 => !valkey && version >= 704,
        Target::Redis86 => !valkey && version >= 806,
        Target::Redis88 => !valkey && version >= 808,
        Target::Valkey9 => valkey && version >= 900,
        _ => false,
    };
    Target::ALL.into_iter().filter(loads).collect()
}

/// A server that runs until it is dropped.
struct Running {
    child: Child,
    socket: BufReader<UnixStream>,
}

impl Running {
    fn start(server: &Path, folder: &Path) -> Self {
        let path = folder.join("s");
        let child = Command::new(server)
            .args(["--port", "0", "--save", "", "--dbfilename", "dump.rdb"])
            .args(["--sanitize-dump-payload", "yes"])
            .arg("--unixsocket")
            .arg(&path)
            .arg("--dir")
            .arg(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut child = child;
        loop {
            if let Ok(socket) = UnixStream::connect(&path) {
                let socket = BufReader::new(socket);
                return Self { child, socket };
            }
            let ended = child.try_wait().unwrap();
            assert!(ended.is_none(), "{} refuses the file", server.display());
            std::thread::yield_now();
        }
    }

    /// Sends a command; gives the reply, `None` for null.
    fn call(&mut self, parts: &[&[u8]]) -> Option<Vec<u8>> {
        let mut message = format!("*{}\r\n", parts.len()).into_bytes();
        for part in parts {
            message.extend_from_slice(format!("${}\r\n", part.len()).as_bytes());
            message.extend_from_slice(part);
            message.extend_from_slice(b"\r\n");
        }
        self.socket.get_mut().write_all(&message).unwrap();
        let mut line = String::new();
        self.socket.read_line(&mut line).unwrap();
        let line = line.trim_end();
        match line.split_at(1) {
            ("$", "-1") => None,
            ("$", length) => {
                let mut bytes = vec![0; length.parse::<usize>().unwrap() + 2];
                self.socket.read_exact(&mut bytes).unwrap();
                bytes.truncate(bytes.len() - 2);
                Some(bytes)
            }
            ("+" | ":", text) => Some(text.as_bytes().to_vec()),
            _ => panic!("{line} to {}", parts[0].escape_ascii()),
        }
    }

    fn loading_is_over(&mut self) {
        loop {
            let info = self.call(&[b"INFO", b"persistence"]).unwrap();
            if info.windows(9).any(|text| text == b"loading:0") {
                return;
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn texts(count: usize, len: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|n| format!("{n:0len$}x").into_bytes())
        .collect()
}

fn integers(count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|n| (n * 70_001).to_string().into_bytes())
        .collect()
}

fn stream() -> Stream {
    let record = |n: u64| StreamRecord {
        id: StreamId {
            ms: 1000 + n / 3,
            seq: n % 3 + 1,
        },
        deleted: false,
        fields: match n % 50 {
            0 => vec![(b"other".to_vec(), vec![b'v'; 5000])],
            7 => Vec::from([
                (b"a".to_vec(), b"1".to_vec()),
                (b"b".to_vec(), b"-7".to_vec()),
            ]),
            _ => vec![(b"field".to_vec(), n.to_string().into_bytes())],
        },
    };
    let records: Vec<_> = (0..350).map(record).collect();
    let pending = |n: usize| Pending {
        id: records[n].id,
        delivered_at_ms: 1_700_000_000_000,
        deliveries: 3,
    };
    let consumer = |name: &str, held: &[usize]| Consumer {
        name: name.into(),
        seen_at_ms: 1_700_000_000_001,
        active_at_ms: None,
        held: held.iter().map(|n| records[*n].id).collect(),
    };
    let group = ConsumerGroup {
        name: b"group".to_vec(),
        last_id: records[9].id,
        entries_read: None,
        pending: [0, 3, 5].map(pending).to_vec(),
        consumers: vec![consumer("alice", &[0, 5]), consumer("bob", &[3])],
        rejected: Vec::new(),
    };
    Stream {
        last_id: StreamId { ms: 9000, seq: 0 },
        groups: vec![group],
        records,
        ..Stream::default()
    }
}

/// Values of every kind, on both sides of the thresholds of servers.
fn values() -> Vec<Value> {
    let late = Some(4_102_444_800_000);
    let mut values = vec![
        Value::String(b"hello".to_vec()),
        Value::String(b"-300".to_vec()),
        Value::String(b"compressible ".repeat(50)),
        Value::Stream(Box::new(stream())),
        Value::Stream(Box::new(Stream {
            entries_added: Some(400),
            deleted_id_max: Some(StreamId { ms: 7, seq: 7 }),
            ..stream()
        })),
        Value::List(vec![
            vec![b'x'; 16_378],
            vec![b'y'; 9000],
            b"5".to_vec(),
            vec![b'z'; 16_378],
        ]),
        Value::Hash(vec![(vec![b'f'; 16_378], b"long".to_vec())]),
        Value::ExpiringHash(vec![
            (b"stays".to_vec(), b"1".to_vec(), None),
            (b"later".to_vec(), b"2".to_vec(), late.map(|at| at + 5000)),
            (b"late".to_vec(), b"3".to_vec(), late),
        ]),
        Value::ExpiringHash(
            texts(600, 3)
                .into_iter()
                .map(|f| (f.clone(), f, late))
                .collect(),
        ),
        Value::SortedSet(vec![
            (b"negative zero".to_vec(), -0.0),
            (b"one".to_vec(), 1.0),
        ]),
    ];
    for count in [1, 128, 129, 512, 513] {
        for len in [3, 63, 64] {
            let texts = texts(count, len);
            values.push(Value::List(texts.clone()));
            values.push(Value::Set(texts.clone()));
            values.push(Value::Hash(
                texts.iter().cloned().zip(texts.clone()).collect(),
            ));
            let scores = [
                1.5,
                f64::INFINITY,
                -3.0,
                1e300,
                0.1,
                f64::NEG_INFINITY,
                2.5e-7,
                0.0,
            ];
            values.push(Value::SortedSet(
                texts.into_iter().zip(scores.into_iter().cycle()).collect(),
            ));
        }
        values.push(Value::Set(integers(count)));
        values.push(Value::Set(vec![
            b"-32769".to_vec(),
            (u64::MAX / 3).to_string().into_bytes(),
        ]));
    }
    values
}

/// Puts what has no order into one, and what servers fill in into one state.
fn normal(mut value: Value) -> Value {
    match &mut value {
        Value::Set(members) => members.sort(),
        Value::Hash(fields) => fields.sort(),
        Value::ExpiringHash(fields) => fields.sort(),
        Value::SortedSet(members) => members.sort_by(|a, b| a.0.cmp(&b.0)),
        Value::Stream(stream) => {
            let live = stream.len() as u64;
            stream.first_id = None;
            stream.entries_added.get_or_insert(live);
            stream.deleted_id_max.get_or_insert_default();
            for group in &mut stream.groups {
                // From an old form servers estimate it.
                group.entries_read = None;
                for consumer in &mut group.consumers {
                    consumer.active_at_ms.get_or_insert(consumer.seen_at_ms);
                }
            }
        }
        _ => {}
    }
    value
}

/// A file with the values that the target holds whole, and those values by key.
fn file(target: Target, encodings: Encodings) -> (Vec<u8>, Vec<(Vec<u8>, Value)>) {
    let mut encoder = Encoder::new(target, Compression::Lzf).with_encodings(encodings);
    let mut out = Vec::new();
    let mut held = Vec::new();
    encoder.header(&mut out);
    encoder.select_db(&mut out, 0);
    for (number, value) in values().into_iter().enumerate() {
        let key = format!("key {number}").into_bytes();
        if encoder.entry(&mut out, &key, None, &value).is_ok() {
            held.push((key, value));
        }
    }
    let mut crc = Crc64::new();
    crc.update(&out);
    encoder.end(&mut out, Some(crc));
    (out, held)
}

/// How the server keeps each value.
fn loads_and_gives_back(server: &Path, target: Target, encodings: Encodings) -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let (bytes, held) = file(target, encodings);
    assert!(held.len() > 50);
    std::fs::write(folder.path().join("dump.rdb"), bytes).unwrap();
    let mut running = Running::start(server, folder.path());
    running.loading_is_over();
    let size = running.call(&[b"DBSIZE"]).unwrap();
    assert_eq!(size, held.len().to_string().into_bytes());
    let mut encoder = Encoder::new(target, Compression::None).with_encodings(encodings);
    let mut kept = Vec::new();
    for (key, value) in &held {
        let expected = normal(value.clone());
        let given = |payload: &[u8]| normal(Dump::parse(payload).unwrap().value().unwrap());
        kept.push(running.call(&[b"OBJECT", b"ENCODING", key]).unwrap());
        let payload = running.call(&[b"DUMP", key]).unwrap();
        assert_eq!(given(&payload), expected, "{} {target}", key.escape_ascii());
        let mut payload = Vec::new();
        encoder.dump(&mut payload, key, value).unwrap();
        running
            .call(&[b"RESTORE", b"again", b"0", &payload, b"REPLACE"])
            .unwrap();
        let payload = running.call(&[b"DUMP", b"again"]).unwrap();
        assert_eq!(given(&payload), expected, "{} {target}", key.escape_ascii());
    }
    running.call(&[b"DEL", b"again"]).unwrap();
    running.call(&[b"SAVE"]).unwrap();
    let saved = std::fs::read(folder.path().join("dump.rdb")).unwrap();
    let mut reader = Reader::from_slice(&saved);
    let entries: Vec<Entry> = std::iter::from_fn(|| reader.next_entry().transpose())
        .map(Result::unwrap)
        .collect();
    assert_eq!(entries.len(), held.len());
    for entry in entries {
        let (_, value) = held.iter().find(|(key, _)| *key == entry.key).unwrap();
        assert_eq!(normal(entry.value), normal(value.clone()));
    }
    kept
}

#[test]
fn servers_load_what_is_written_for_them() {
    for server in servers() {
        let targets = targets(version(&server));
        assert!(!targets.is_empty());
        for target in targets {
            let kept = [Encodings::PLAIN, Encodings::SERVERS]
                .map(|encodings| loads_and_gives_back(&server, target, encodings));
            assert_eq!(kept[0], kept[1], "the thresholds are those of the server");
        }
    }
}

#[test]
fn libraries_of_functions_go_back_and_forth() {
    for server in servers() {
        if version(&server).1 < 7 {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut running = Running::start(&server, folder.path());
        let source = b"#!lua name=mylib\nredis.register_function('f', function() return 1 end)";
        let mut payload = Vec::new();
        Encoder::new(Target::Redis70, Compression::Lzf)
            .function_dump(&mut payload, &[source])
            .unwrap();
        running.call(&[b"FUNCTION", b"RESTORE", &payload]).unwrap();
        let payload = running.call(&[b"FUNCTION", b"DUMP"]).unwrap();
        assert_eq!(rdb_format::parse_function_dump(&payload).unwrap(), [source]);
    }
}
