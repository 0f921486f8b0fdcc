//! What goes into one file: values of one kind, so that a failure says which.

use std::fmt;

use redis::Connection;

use crate::line::{Ability, Line};
use crate::server::{Server, ask, fill, try_ask};

/// The year 2100.
const LATE_MS: i64 = 4_102_444_800_123;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Strings, lists, sets, hashes, sorted sets in all encodings, databases, expiry.
    Classic,
    /// Streams with groups, consumers and pending entries.
    Streams,
    /// Hashes whose fields expire.
    FieldExpiry,
    /// Libraries of functions.
    Functions,
    /// The values of a module that comes with Redis 8.
    VectorSets,
}

impl Part {
    pub(crate) const ALL: [Self; 5] = [
        Self::Classic,
        Self::Streams,
        Self::FieldExpiry,
        Self::Functions,
        Self::VectorSets,
    ];

    /// Whether the server can hold it.
    pub(crate) fn known_to(self, line: &Line) -> bool {
        match self {
            Self::Classic | Self::Streams => true,
            Self::FieldExpiry => line.can(Ability::FieldExpiry),
            Self::Functions => line.can(Ability::Functions),
            Self::VectorSets => line.can(Ability::VectorSets),
        }
    }

    /// Whether files of this version can hold it, as the server has it.
    pub(crate) fn held_by(self, rdb_version: u32, line: &Line) -> bool {
        match self {
            // Version 10 added counters, and 11 when consumers were active.
            Self::Streams => rdb_version >= line.saves().min(11),
            Self::FieldExpiry => matches!(rdb_version, 12 | 80),
            Self::Functions => rdb_version >= 10,
            Self::Classic | Self::VectorSets => true,
        }
    }

    /// Puts it into an empty server.
    pub(crate) fn fill(self, server: &Server) {
        match self {
            Self::Classic => fill::fill(server),
            Self::Streams => {
                streams(&mut server.connect(0));
                streams(&mut server.connect(5));
            }
            Self::FieldExpiry => field_expiry(&mut server.connect(0)),
            Self::Functions => functions(&mut server.connect(0)),
            Self::VectorSets => vector_sets(&mut server.connect(0)),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(match self {
            Self::Classic => "classic types",
            Self::Streams => "streams",
            Self::FieldExpiry => "field expiry",
            Self::Functions => "functions",
            Self::VectorSets => "vector sets",
        })
    }
}

/// Sends a command of words without spaces.
fn order(connection: &mut Connection, line: &str) {
    let mut words = line.split(' ');
    let name = words.next().unwrap();
    let words: Vec<_> = words.map(str::as_bytes).collect();
    ask::<redis::Value>(connection, name, &words);
}

fn streams(connection: &mut Connection) {
    for line in [
        "XADD stream:small 1-1 field value",
        "XADD stream:small 1-2 field other",
        "XADD stream:small 5-0 a 1 b -7 c 9223372036854775807",
        "XADD stream:small 18446744073709551615-1 field last",
        // Emptied, and never filled: what is left is the last id.
        "XADD stream:emptied 7-7 field value",
        "XDEL stream:emptied 7-7",
        "XGROUP CREATE stream:made group $ MKSTREAM",
    ] {
        order(connection, line);
    }
    let binary = [b"stream:binary".as_slice(), b"3-3", b"\0\xff", b"\r\n\x80"];
    ask::<String>(connection, "XADD", &binary);
    ask::<String>(
        connection,
        "XADD",
        &[b"stream:binary", b"3-4", b"", &vec![b'v'; 70_000]],
    );
    for number in 0..1000 {
        let other = if number % 50 == 0 { "other" } else { "field" };
        order(
            connection,
            &format!(
                "XADD stream:big {}-{} {other} {number}",
                number / 3 + 1,
                number % 3
            ),
        );
    }
    for number in (0..1000).step_by(7) {
        order(
            connection,
            &format!("XDEL stream:big {}-{}", number / 3 + 1, number % 3),
        );
    }
    order(connection, "XTRIM stream:big MAXLEN 700");
    groups(connection);
    order(connection, &format!("PEXPIREAT stream:small {LATE_MS}"));
    // Redis 6 knows neither argument.
    let words: [&[u8]; 6] = [
        b"stream:emptied",
        b"9-9",
        b"ENTRIESADDED",
        b"100",
        b"MAXDELETEDID",
        b"8-8",
    ];
    try_ask::<String>(connection, "XSETID", &words).ok();
}

fn groups(connection: &mut Connection) {
    for line in [
        "XGROUP CREATE stream:big workers 0",
        "XGROUP CREATE stream:big late $",
        "XGROUP CREATE stream:big middle 200-0",
        "XGROUP CREATECONSUMER stream:big workers idle",
        "XREADGROUP GROUP workers alice COUNT 150 STREAMS stream:big >",
        "XREADGROUP GROUP workers bob COUNT 20 STREAMS stream:big >",
        "XREADGROUP GROUP workers carol COUNT 5 NOACK STREAMS stream:big >",
        "XREADGROUP GROUP middle alice COUNT 1 STREAMS stream:big >",
        "XREADGROUP GROUP middle nobody COUNT 1 STREAMS stream:big 0",
        "XGROUP CREATE stream:small all 0",
        "XREADGROUP GROUP all reader STREAMS stream:small >",
        "XACK stream:small all 1-1",
        // Pending, and deleted.
        "XDEL stream:small 1-2",
    ] {
        order(connection, line);
    }
    let pending: Vec<(String, String, i64, i64)> = ask(
        connection,
        "XPENDING",
        &[b"stream:big", b"workers", b"-", b"+", b"8"],
    );
    for (number, (id, ..)) in pending.iter().enumerate() {
        order(
            connection,
            &if number < 3 {
                format!("XACK stream:big workers {id}")
            } else {
                let at_ms = format!("170000000000{number}");
                format!("XCLAIM stream:big workers bob 0 {id} TIME {at_ms} RETRYCOUNT 9")
            },
        );
    }
}

fn field_expiry(connection: &mut Connection) {
    order(connection, "HSET fields:few stays 1 later 2 late 3");
    order(
        connection,
        &format!("HPEXPIREAT fields:few {LATE_MS} FIELDS 1 late"),
    );
    order(
        connection,
        &format!("HPEXPIREAT fields:few {} FIELDS 1 later", LATE_MS + 5000),
    );
    order(connection, "HSET fields:both field value");
    order(
        connection,
        &format!("HPEXPIREAT fields:both {LATE_MS} FIELDS 1 field"),
    );
    order(
        connection,
        &format!("PEXPIREAT fields:both {}", LATE_MS - 1000),
    );
    order(connection, "HSET fields:persists a 1 b 2");
    order(
        connection,
        &format!("HPEXPIREAT fields:persists {LATE_MS} FIELDS 1 a"),
    );
    order(connection, "HPERSIST fields:persists FIELDS 1 a");
    for (key, every) in [("fields:many", 1), ("fields:some", 3)] {
        for number in 0..800 {
            order(
                connection,
                &format!("HSET {key} field:{number} value:{number}"),
            );
            if number % every == 0 {
                let at = LATE_MS + number * 86_400_000 % 977;
                order(
                    connection,
                    &format!("HPEXPIREAT {key} {at} FIELDS 1 field:{number}"),
                );
            }
        }
    }
    let long = "x".repeat(20_000);
    order(connection, &format!("HSET fields:long {long} value"));
    order(
        connection,
        &format!("HPEXPIREAT fields:long {LATE_MS} FIELDS 1 {long}"),
    );
}

fn functions(connection: &mut Connection) {
    for (name, code) in [("one", "return 1"), ("two", "return redis.call('DBSIZE')")] {
        let code = format!(
            "#!lua name={name}\nredis.register_function('{name}', function() {code} end)\n{}",
            "-- a comment that compresses well\n".repeat(20)
        );
        ask::<String>(connection, "FUNCTION", &[b"LOAD", code.as_bytes()]);
    }
    order(connection, "SET beside functions");
}

fn vector_sets(connection: &mut Connection) {
    for number in 0..60 {
        let vector = format!("{number}.5 {} -{number} 0.25", number * number);
        for key in ["plain NOQUANT", "quantized Q8", "binary BIN"] {
            let (key, form) = key.split_once(' ').unwrap();
            order(
                connection,
                &format!("VADD {key} VALUES 4 {vector} member:{number} {form}"),
            );
        }
    }
}
