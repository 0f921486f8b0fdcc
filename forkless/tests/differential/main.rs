//! Random commands are sent to redis-server 7.0.15 and to `forkless serve`; the replies are equal,
//! byte by byte, but for what [`normal`] names.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod generator;
#[path = "../serving/mod.rs"]
mod serving;

use std::collections::BTreeSet;

use crate::generator::{Random, command};
use crate::serving::frame::Frame;
use crate::serving::{Client, Served, pack};

/// Commands in one run.
const COMMANDS: usize = 4000;

/// The same command on both servers.
struct Pair {
    redis: Client,
    forkless: Client,
}

impl Pair {
    fn ask(&mut self, words: &[&[u8]]) -> [Frame; 2] {
        [&mut self.redis, &mut self.forkless].map(|client| client.ask_words(words))
    }

    /// Asks both, and compares the replies.
    fn agree(&mut self, words: &[&[u8]], note: &str) -> Frame {
        let [expected, found] = self.ask(words);
        compare(words, expected, &found, note)
    }
}

/// A reply without what may differ, and why it may.
fn normal(words: &[&[u8]], frame: Frame) -> Frame {
    let name = words[0].to_ascii_uppercase();
    let hidden = Frame {
        line: b"hidden".to_vec(),
        body: Vec::new(),
        elements: Vec::new(),
    };
    match name.as_slice() {
        // No order is promised.
        b"KEYS" | b"SMEMBERS" | b"HKEYS" | b"HVALS" => frame.sorted(1),
        b"HGETALL" => frame.sorted(2),
        // Time goes on between the two.
        b"TTL" | b"PTTL" | b"EXPIRETIME" | b"PEXPIRETIME" => match frame.number() {
            // Times that were given from now on; others are far beyond.
            Some(number) if number >= 0 && !is_absolute(&name, number) => hidden,
            _ => frame,
        },
        // It names the client's number.
        b"HELLO" if !frame.is_error() => hidden,
        _ => frame,
    }
}

/// Whether a time is one of those that were given as such: in 2033, within a day or so.
fn is_absolute(name: &[u8], number: i64) -> bool {
    let seconds = match name {
        b"EXPIRETIME" => number,
        b"PEXPIRETIME" => number / 1000,
        _ => 0,
    };
    (2_000_000_000..2_000_100_001).contains(&seconds)
}

fn compare(words: &[&[u8]], expected: Frame, found: &Frame, note: &str) -> Frame {
    let shown = |frame: &Frame| frame.bytes().escape_ascii().to_string();
    let normal_expected = normal(words, expected.clone());
    let normal_found = normal(words, found.clone());
    assert!(
        normal_expected == normal_found,
        "{note}: {}\n  redis:    {}\n  forkless: {}",
        words.join(&b' ').escape_ascii(),
        shown(&expected),
        shown(found),
    );
    expected
}

/// DUMP gives other bytes for the same value, since other encodings are chosen: each server is
/// given the other's, and makes the same of it.
fn exchange(pair: &mut Pair, key: &[u8], note: &str) {
    let [theirs, ours] = pair.ask(&[b"DUMP", key]);
    assert_eq!(theirs.is_null(), ours.is_null(), "{note}");
    if theirs.is_null() {
        return;
    }
    let restore = |payload: &[u8]| pack(&[b"RESTORE", b"restored", b"0", payload, b"REPLACE"]);
    pair.redis.send(&restore(ours.text()));
    pair.forkless.send(&restore(theirs.text()));
    for frame in [pair.redis.receive(), pair.forkless.receive()] {
        assert_eq!(frame.bytes(), b"+OK\r\n", "{note}: {}", key.escape_ascii());
    }
    look_at(pair, b"restored", note);
}

/// Compares one key, whatever it holds.
fn look_at(pair: &mut Pair, key: &[u8], note: &str) {
    let kind = pair.agree(&[b"TYPE", key], note);
    pair.agree(&[b"PEXPIRETIME", key], note);
    match kind.line.as_slice() {
        b"+string\r\n" => pair.agree(&[b"GET", key], note),
        b"+list\r\n" => pair.agree(&[b"LRANGE", key, b"0", b"-1"], note),
        b"+set\r\n" => pair.agree(&[b"SMEMBERS", key], note),
        b"+hash\r\n" => pair.agree(&[b"HGETALL", key], note),
        b"+zset\r\n" => pair.agree(&[b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"], note),
        _ => kind,
    };
}

/// All keys, by SCAN.
fn scan(client: &mut Client) -> BTreeSet<Vec<u8>> {
    let mut keys = BTreeSet::new();
    let mut cursor = b"0".to_vec();
    loop {
        let frame = client.ask_words(&[b"SCAN", &cursor, b"COUNT", b"3"]);
        cursor = frame.elements[0].text().to_vec();
        keys.extend(
            frame.elements[1]
                .elements
                .iter()
                .map(|key| key.text().to_vec()),
        );
        if cursor == b"0" {
            return keys;
        }
    }
}

fn run(seed: u64, version: &[u8], options: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let redis = Served::redis(folder.path(), &["--dbfilename", "redis.rdb"]);
    let forkless = Served::forkless(folder.path(), options);
    let mut pair = Pair {
        redis: redis.connect(),
        forkless: forkless.connect(),
    };
    // Its reply names the client's number.
    pair.ask(&[b"HELLO", version]);
    let random = &mut Random(seed);
    let mut done = 0;
    while done < COMMANDS {
        let note = format!("seed {seed}, command {done}");
        let batch: Vec<_> = (0..=random.below(20)).map(|_| command(random)).collect();
        let packed: Vec<u8> = batch
            .iter()
            .flat_map(|words| pack(&words.iter().map(Vec::as_slice).collect::<Vec<_>>()))
            .collect();
        pair.redis.send(&packed);
        // In two pieces, which need not end where a request does.
        let (first, second) = packed.split_at(random.below(packed.len()));
        pair.forkless.send(first);
        pair.forkless.send(second);
        for words in &batch {
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            let (expected, found) = (pair.redis.receive(), pair.forkless.receive());
            compare(&words, expected, &found, &note);
        }
        exchange(&mut pair, random.of(&[b"k1", b"k2", b"k3", b"k4"]), &note);
        done += batch.len();
    }
    for database in [&b"0"[..], b"1", b"9", b"15"] {
        let note = format!("seed {seed}, the end");
        pair.agree(&[b"SELECT", database], &note);
        pair.agree(&[b"DBSIZE"], &note);
        let keys = scan(&mut pair.redis);
        assert_eq!(scan(&mut pair.forkless), keys, "{note}");
        for key in keys {
            look_at(&mut pair, &key, &note);
        }
    }
}

#[test]
fn replies_of_version_two_equal_those_of_redis() {
    for seed in 0..4 {
        run(seed, b"2", &["--shards", "3"]);
    }
}

#[test]
fn replies_of_version_three_equal_those_of_redis() {
    for seed in 100..104 {
        run(seed, b"3", &["--shards", "2", "--connection-threads", "2"]);
    }
}

#[test]
fn one_shard_does_as_many() {
    run(200, b"2", &["--shards", "1"]);
}

#[test]
fn odd_options_and_bytes_are_answered_alike() {
    let folder = tempfile::tempdir().unwrap();
    let redis = Served::redis(folder.path(), &["--dbfilename", "redis.rdb"]);
    let forkless = Served::forkless(folder.path(), &["--shards", "1"]);
    let mut pair = Pair {
        redis: redis.connect(),
        forkless: forkless.connect(),
    };
    let long = "x".repeat(200);
    let commands = [
        "SET s 1 EX 100 EX 2000000",
        "SET s 1 PX 1 PX no",
        "SET s 1 EX 100 PX 100000",
        "SET s 1 KEEPTTL KEEPTTL",
        "SET s 1 KEEPTTL EX 5",
        "GETEX s EXAT 5 EXAT 2000000000",
        "EXPIRETIME s",
        "GETEX s PERSIST PERSIST",
        "GETEX s PERSIST EX 5",
        "GETEX s EX 5 PERSIST",
        "GETEX s NX",
        "ZADD z 1 a 2 b 3 c inf d",
        "ZRANGE z 0 1 REV REV",
        "ZRANGE z 0 1 WITHSCORES WITHSCORES",
        "ZRANGE z 0 1 BYSCORE BYSCORE",
        "ZRANGE z - + BYLEX BYSCORE WITHSCORES",
        "ZRANGE z -1e400 1e400 BYSCORE",
        "ZRANGE z 1e-400 +1e400 BYSCORE LIMIT 0 -1",
        "ZRANGE z (1 nan BYSCORE",
        "ZCOUNT z \t1 1e999",
        "ZCOUNT z \t 1",
        "ZADD z \t1 e",
        "ZADD z 1e400 e",
        "SCAN -",
        "SCAN 18446744073709551616",
        "SCAN x COUNT x",
        "EXPIRE s 1 \0\r\n",
        "EXPIRE s 1 a\r\nb",
        "HELLO 3 SETNAME one BAD\0OPTION",
        "CLIENT GETNAME",
        "CLIENT \0x y",
        &format!("CONFIG {long} y"),
        &format!("CLIENT {long} y"),
        &format!("DEBUG {long} y"),
        &format!("HELLO 2 {long}"),
    ];
    for command in commands {
        let words: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
        pair.agree(&words, "in turn");
    }
    for words in [
        &[&b"EXPIRE"[..], b"s", b"1", b"\xff"][..],
        &[b"CLIENT", b"\xff\xfe", b"y"],
        &[b"COMMAND", b"\xff"],
        &[b"HELLO", b"3", b"\xff"],
        &[b"SCAN", b"", b"MATCH", b"none", b"COUNT", b"1000"],
    ] {
        pair.agree(words, "in turn");
    }
}

#[test]
fn requests_on_lines_and_what_is_none_are_answered_alike() {
    let folder = tempfile::tempdir().unwrap();
    let redis = Served::redis(folder.path(), &["--dbfilename", "redis.rdb"]);
    let forkless = Served::forkless(folder.path(), &[]);
    let long = |head: &str| [head.as_bytes(), &vec![b'1'; 70_000]].concat();
    let inputs: Vec<Vec<u8>> = vec![
        b"SET a 'b c'\r\nGET a\nset d \"\\x41\\n\"\nget d\nQUIT\r\n".to_vec(),
        b"\r\n\r\nPING\r\n*0\r\n*-1\r\nPING\r\nQUIT\r\n".to_vec(),
        b"PING\r\n*1\r\nPING\r\n".to_vec(),
        b"*x\r\n".to_vec(),
        b"*3000000000\r\n".to_vec(),
        b"*2\r\n$3\r\nGET\r\n$-5\r\n".to_vec(),
        b"*2\r\n$3\r\nGET\r\n$999999999999\r\n".to_vec(),
        b"SET a 'unbalanced\r\n".to_vec(),
        long("*"),
        long("*1\r\n$"),
        long("GET "),
    ];
    for input in inputs {
        let [expected, found] = [&redis, &forkless].map(|server| {
            let mut client = server.connect();
            client.send_in_vain(&input);
            client.rest()
        });
        let shown = &input[..input.len().min(40)];
        assert_eq!(
            found.escape_ascii().to_string(),
            expected.escape_ascii().to_string(),
            "{}",
            shown.escape_ascii()
        );
        assert!(!found.is_empty());
    }
}
