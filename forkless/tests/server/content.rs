//! Values as commands show them, in a form that can be compared between servers.

use std::collections::BTreeMap;

use redis::{Connection, Value};

use crate::server::{ask, try_ask};

/// Database and key, to value and expiry in Unix milliseconds (-1: never).
pub(crate) type Contents = BTreeMap<(u32, Vec<u8>), (Content, i64)>;

/// A value as commands show it, in a comparable order.
#[derive(Debug, PartialEq, Eq, Clone)]
pub(crate) enum Content {
    String(Vec<u8>),
    List(Vec<Vec<u8>>),
    Set(Vec<Vec<u8>>),
    /// Fields with their values and when they expire, in Unix milliseconds (-1: never).
    Hash(BTreeMap<Vec<u8>, (Vec<u8>, i64)>),
    /// Members with their scores, in order. A score is the shortest text that reads back equal:
    /// servers print more or fewer digits of the same number.
    SortedSet(Vec<(Vec<u8>, String)>),
    /// What `XINFO STREAM FULL` says.
    Stream(Info),
    /// Members of a vector set with their vectors, in order.
    VectorSet(Vec<(Vec<u8>, Vec<String>)>),
}

/// A reply of `XINFO`: pairs of a name and something become a map.
#[derive(Debug, PartialEq, Eq, Clone)]
pub(crate) enum Info {
    Number(i64),
    Text(Vec<u8>),
    Nil,
    List(Vec<Info>),
    Map(BTreeMap<String, Info>),
}

impl Content {
    pub(crate) fn read(connection: &mut Connection, key: &[u8]) -> Self {
        let kind: String = ask(connection, "TYPE", &[key]);
        match kind.as_str() {
            "string" => Self::String(ask(connection, "GET", &[key])),
            "list" => Self::List(ask(connection, "LRANGE", &[key, b"0", b"-1"])),
            "set" => {
                let mut members: Vec<Vec<u8>> = ask(connection, "SMEMBERS", &[key]);
                members.sort();
                Self::Set(members)
            }
            "hash" => Self::Hash(hash(connection, key)),
            "zset" => Self::SortedSet(
                pairs(ask(
                    connection,
                    "ZRANGE",
                    &[key, b"0", b"-1", b"WITHSCORES"],
                ))
                .map(|(member, score)| (member, number(&score)))
                .collect(),
            ),
            "stream" => Self::Stream(Info::of_stream(connection, key)),
            "vectorset" => Self::VectorSet(vectors(connection, key)),
            other => panic!("no test writes a {other}"),
        }
    }
}

fn pairs(flat: Vec<Vec<u8>>) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    assert!(flat.len().is_multiple_of(2), "the reply is of pairs");
    let mut words = flat.into_iter();
    std::iter::from_fn(move || words.next().zip(words.next()))
}

fn number(text: &[u8]) -> String {
    let text = str::from_utf8(text).unwrap();
    format!("{:?}", text.parse::<f64>().unwrap())
}

fn hash(connection: &mut Connection, key: &[u8]) -> BTreeMap<Vec<u8>, (Vec<u8>, i64)> {
    let flat: Vec<Vec<u8>> = ask(connection, "HGETALL", &[key]);
    let mut fields: BTreeMap<_, _> = pairs(flat)
        .map(|(field, value)| (field, (value, -1)))
        .collect();
    let count = fields.len().to_string();
    let mut words = vec![key, b"FIELDS", count.as_bytes()];
    words.extend(fields.keys().map(Vec::as_slice));
    // Older servers do not know the command, nor fields that expire.
    let times: Vec<i64> = try_ask(connection, "HPEXPIRETIME", &words).unwrap_or_default();
    for ((_, expire_at_ms), time) in fields.values_mut().zip(times) {
        *expire_at_ms = time;
    }
    fields
}

fn vectors(connection: &mut Connection, key: &[u8]) -> Vec<(Vec<u8>, Vec<String>)> {
    let mut members: Vec<Vec<u8>> = ask(connection, "VRANDMEMBER", &[key, b"1000000"]);
    members.sort();
    let vector = |member: Vec<u8>| {
        let numbers: Vec<Vec<u8>> = ask(connection, "VEMB", &[key, &member]);
        (member, numbers.iter().map(|n| number(n)).collect())
    };
    members.into_iter().map(vector).collect()
}

/// When a key expires, in Unix milliseconds; -1: never.
pub(crate) fn expire_at_ms(connection: &mut Connection, key: &[u8]) -> i64 {
    if let Ok(at) = try_ask(connection, "PEXPIRETIME", &[key]) {
        return at;
    }
    // Redis 6 tells only what is left. That is exact if the clock stood still around the answer.
    loop {
        let before = now_ms(connection);
        let left: i64 = ask(connection, "PTTL", &[key]);
        if left < 0 {
            return left;
        }
        if now_ms(connection) == before {
            return before + left;
        }
    }
}

fn now_ms(connection: &mut Connection) -> i64 {
    let (seconds, micros): (i64, i64) = ask(connection, "TIME", &[]);
    seconds * 1000 + micros / 1000
}

impl Info {
    fn of_stream(connection: &mut Connection, key: &[u8]) -> Self {
        let reply: Value = ask(
            connection,
            "XINFO",
            &[b"STREAM", key, b"FULL", b"COUNT", b"0"],
        );
        let Self::List(items) = Self::of(reply) else {
            panic!("XINFO gives pairs");
        };
        let mut info = Self::map(items);
        if let Self::Map(map) = &mut info {
            // How the server keeps it, which is its own affair.
            map.retain(|name, _| !name.starts_with("radix-tree"));
        }
        info
    }

    fn of(value: Value) -> Self {
        match value {
            Value::Int(number) => Self::Number(number),
            Value::BulkString(bytes) => Self::Text(bytes),
            Value::SimpleString(text) => Self::Text(text.into_bytes()),
            Value::Nil => Self::Nil,
            Value::Array(items) => Self::List(items.into_iter().map(Self::of).collect()),
            other => panic!("XINFO does not give {other:?}"),
        }
    }

    /// Names and what follows each, as a map; groups and consumers in it too, in order of names.
    fn map(items: Vec<Self>) -> Self {
        let mut items = items.into_iter();
        let mut map = BTreeMap::new();
        while let (Some(Self::Text(name)), Some(item)) = (items.next(), items.next()) {
            let name = String::from_utf8(name).unwrap();
            let item = match item {
                Self::List(parts) if name == "groups" || name == "consumers" => {
                    Self::List(parts.into_iter().map(Self::part).collect())
                }
                item => item,
            };
            map.insert(name, item);
        }
        Self::Map(map)
    }

    fn part(self) -> Self {
        match self {
            Self::List(items) => Self::map(items),
            other => panic!("a group or consumer is not {other:?}"),
        }
    }
}
