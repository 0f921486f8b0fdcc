//! What a server holds that has every type of Redis 7.0, and how it compares.

use redis::Connection;

use crate::server::content::{Content, Info};
use crate::server::{Server, ask};

pub(crate) fn fill(server: &Server) {
    let connection = &mut server.connect(0);
    let run = |connection: &mut Connection, line: &str| {
        let (name, words) = line.split_once(' ').unwrap();
        let words: Vec<&[u8]> = words.split(' ').map(str::as_bytes).collect();
        ask::<redis::Value>(connection, name, &words)
    };
    for line in [
        "SET string value",
        "SET number 12345 PXAT 4102444800123",
        "RPUSH list a b c",
        "SADD integers 1 2 3",
        "SADD set a b c",
        "HSET hash f v g w",
        "ZADD zset 1.5 a -inf b 3 c",
        "XADD empty 1-1 f v",
        "XDEL empty 1-1",
        "XGROUP CREATE s g 0 MKSTREAM",
        "XGROUP CREATE s idle 0",
    ] {
        run(connection, line);
    }
    for number in 1..=300 {
        run(
            connection,
            &format!("XADD s {number}-7 field {number} other text{number}"),
        );
    }
    for line in [
        "XREADGROUP GROUP g alice COUNT 40 STREAMS s >",
        "XREADGROUP GROUP g bob COUNT 5 STREAMS s >",
        "XACK s g 3-7 5-7",
        "XDEL s 2-7 100-7 300-7",
    ] {
        run(connection, line);
    }
    for number in 0..2000 {
        run(connection, &format!("RPUSH long element{number}"));
        run(
            connection,
            &format!("HSET wide field{number} {}", "v".repeat(number % 90 + 1)),
        );
    }
    let code = b"#!lua name=mylib\nredis.register_function('seven', function() return 7 end)";
    ask::<()>(connection, "FUNCTION", &[b"LOAD", code]);
    ask::<()>(&mut server.connect(9), "SET", &[b"alone", b"here"]);
    ask::<()>(connection, "SAVE", &[]);
}

/// Asserts that two values are the same, streams but for how they are stored.
pub(crate) fn assert_same_entries(found: &Content, expected: &Content, what: &str) {
    match (found, expected) {
        (Content::Stream(found), Content::Stream(expected)) => {
            assert_eq!(entries(found), entries(expected), "{what}");
        }
        _ => assert_eq!(found, expected, "{what}"),
    }
}

/// The entries of a stream, without how they are stored.
fn entries(info: &Info) -> &Info {
    let Info::Map(facts) = info else {
        panic!("{info:?}")
    };
    &facts["entries"]
}
