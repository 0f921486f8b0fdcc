//! Data that every server can hold.

use redis::Connection;

use crate::server::{Server, ask};

/// Pushes `count` elements made by `element` with `name`, some hundreds at a time.
fn push(
    connection: &mut Connection,
    name: &str,
    key: &str,
    count: usize,
    element: impl Fn(usize) -> Vec<Vec<u8>>,
) {
    for from in (0..count).step_by(500) {
        let mut command = redis::cmd(name);
        command.arg(key);
        (from..count.min(from + 500))
            .flat_map(&element)
            .for_each(|word| {
                command.arg(word);
            });
        command.exec(connection).unwrap();
    }
}

fn text(number: usize) -> Vec<u8> {
    format!("element {number}").into_bytes()
}

fn fill_strings(connection: &mut Connection) {
    let noise: Vec<u8> = (0..100_000_u32)
        .map(|i| i.wrapping_mul(2_654_435_761).to_be_bytes()[0])
        .collect();
    let values: &[(&[u8], Vec<u8>)] = &[
        (b"", b"the empty key".to_vec()),
        (b"\0\xff\r\n binary", vec![0, 255, 128, 10]),
        (b"empty", Vec::new()),
        (b"12345", b"the key is a number".to_vec()),
        (b"compressible", b"abcabcabc".repeat(1000)),
        (b"noise", noise.clone()),
        (b"big", noise.repeat(30)),
        (b"big and compressible", b"0123456789abcdef".repeat(50_000)),
    ];
    for (key, value) in values {
        ask::<()>(connection, "SET", &[key, value]);
    }
    for number in [
        "0",
        "-1",
        "127",
        "-128",
        "200",
        "-32768",
        "70000",
        "2147483647",
        "-2147483648",
        "2147483648",
        "9223372036854775807",
        "007",
        "-0",
        "+1",
        "1.5",
        " 1",
    ] {
        ask::<()>(connection, "SET", &[number.as_bytes(), number.as_bytes()]);
    }
    for length in [1, 10, 11, 12, 19, 20, 21, 63, 64, 16_383, 16_384, 20_000] {
        let key = format!("length {length}");
        ask::<()>(connection, "SET", &[key.as_bytes(), &noise[..length]]);
    }
}

fn fill_collections(connection: &mut Connection) {
    let pair = |number| vec![text(number), text(number * 7)];
    let scored = |number: usize| vec![format!("{}.5", number % 97).into_bytes(), text(number)];
    for count in [1, 20, 3000] {
        push(connection, "RPUSH", &format!("list {count}"), count, |n| {
            vec![text(n)]
        });
        push(connection, "SADD", &format!("set {count}"), count, |n| {
            vec![text(n)]
        });
        push(
            connection,
            "SADD",
            &format!("small integers {count}"),
            count,
            |n| vec![n.to_string().into_bytes()],
        );
        push(connection, "HSET", &format!("hash {count}"), count, pair);
        push(connection, "ZADD", &format!("zset {count}"), count, scored);
    }
    let (i32s, i64s) = (1_usize << 20, 1_usize << 40);
    for scale in [i32s, i64s] {
        push(
            connection,
            "SADD",
            &format!("integers of {scale}"),
            300,
            |n| vec![(n * scale).to_string().into_bytes()],
        );
    }
    push(connection, "RPUSH", "numbers", 300, |n| {
        vec![(n * n * n * 1_000_003).to_string().into()]
    });
    push(connection, "RPUSH", "long elements", 40, |n| {
        vec![n.to_string().repeat(9000).into_bytes()]
    });
    push(connection, "HSET", "long fields", 40, |n| {
        vec![n.to_string().repeat(300).into_bytes(), vec![b'v'; 70_000]]
    });
    for score in [
        "inf",
        "-inf",
        "0",
        "-0",
        "1.5",
        "-2.25",
        "1e300",
        "3.0000000000000004",
    ] {
        ask::<()>(
            connection,
            "ZADD",
            &[b"scores", score.as_bytes(), score.as_bytes()],
        );
        // The same among so many that the server uses a skip list.
        ask::<()>(
            connection,
            "ZADD",
            &[b"zset 3000", score.as_bytes(), score.as_bytes()],
        );
    }
}

/// The five classic types in every encoding that the server has, in several databases.
pub(crate) fn fill(server: &Server) {
    fill_strings(&mut server.connect(0));
    fill_collections(&mut server.connect(0));
    let other = &mut server.connect(3);
    fill_collections(other);
    let soon = b"4102444800123";
    for key in [
        "list 20",
        "hash 20",
        "set 3000",
        "zset 3000",
        "integers of 1048576",
    ] {
        ask::<()>(other, "PEXPIREAT", &[key.as_bytes(), soon]);
    }
    let last = &mut server.connect(15);
    ask::<()>(last, "SET", &[b"alone", b"here"]);
    ask::<()>(last, "SET", &[b"gone in 2100", b"value", b"PXAT", soon]);
    // A string big enough to ride, and to expire.
    ask::<()>(last, "SET", &[b"big", &vec![b'x'; 50_000], b"PXAT", soon]);
}
