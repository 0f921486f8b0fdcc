//! What is answered, and in which order.

use crate::serving::{Served, pack};

#[test]
fn replies_come_in_the_order_of_requests_whatever_does_them() {
    let folder = tempfile::tempdir().unwrap();
    let server = Served::forkless(folder.path(), &["--shards", "4"]);
    let client = &mut server.connect();
    let mut requests = Vec::new();
    for round in 0..300_u32 {
        let round = round.to_string();
        let round = round.as_bytes();
        requests.extend(pack(&[b"SET", b"a", round]));
        requests.extend(pack(&[b"PING", round]));
        requests.extend(pack(&[b"MGET", b"a", b"b", b"c", b"d"]));
        requests.extend(pack(&[b"MSET", b"b", round, b"c", round, b"d", round]));
        requests.extend(pack(&[b"GET", b"c"]));
        requests.extend(pack(&[b"ECHO", round]));
        requests.extend(pack(&[b"DEL", b"c", b"d"]));
        requests.extend(pack(&[b"EXISTS", b"a", b"b", b"c", b"d"]));
    }
    client.send(&requests);
    let mut before = None::<Vec<u8>>;
    for round in 0..300_u32 {
        let round = round.to_string().into_bytes();
        assert_eq!(client.receive().bytes(), b"+OK\r\n");
        assert_eq!(client.receive().text(), round);
        let values = client.receive().elements;
        assert_eq!(values[0].text(), round);
        assert_eq!(values[1].text(), before.as_deref().unwrap_or_default());
        assert!(values[2].is_null() && values[3].is_null());
        assert_eq!(client.receive().bytes(), b"+OK\r\n");
        assert_eq!(client.receive().text(), round);
        assert_eq!(client.receive().text(), round);
        assert_eq!(client.receive().number(), Some(2));
        assert_eq!(client.receive().number(), Some(2));
        before = Some(round);
    }
}

#[test]
fn large_values_pass_and_larger_requests_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = Served::forkless(folder.path(), &["--query-max", "9MiB"]);
    let client = &mut server.connect();
    let value = vec![b'x'; 8 << 20];
    assert_eq!(
        client.ask_words(&[b"SET", b"key", &value]).bytes(),
        b"+OK\r\n"
    );
    assert!(client.ask_words(&[b"GET", b"key"]).text() == value);
    client.send(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10000000\r\n");
    assert_eq!(
        client.rest(),
        b"-ERR Protocol error: invalid bulk length\r\n"
    );
    let client = &mut server.connect();
    let mut request = b"*3\r\n$3\r\nSET\r\n$8388608\r\n".to_vec();
    request.extend_from_slice(&value);
    request.extend_from_slice(b"\r\n$8388608\r\n");
    client.send_in_vain(&request);
    assert_eq!(
        client.rest(),
        b"-ERR Protocol error: request of more than 9437184 bytes\r\n"
    );
    assert_eq!(server.connect().ask("STRLEN key"), ":8388608\r\n");
}

#[test]
fn client_that_does_not_read_holds_up_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let server = Served::forkless(folder.path(), &[]);
    let client = &mut server.connect();
    client.ask_words(&[b"SET", b"large", &vec![b'x'; 1 << 20]]);
    let lazy = &mut server.connect();
    let requests = pack(&[b"GET", b"large"]).repeat(64);
    lazy.send(&requests);
    for _ in 0..100 {
        assert_eq!(client.ask("PING"), "+PONG\r\n");
        assert_eq!(client.ask("SET a b"), "+OK\r\n");
    }
    for _ in 0..64 {
        assert_eq!(lazy.receive().text().len(), 1 << 20);
    }
}

#[test]
fn keys_whose_time_has_come_go_by_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let server = Served::forkless(folder.path(), &["--shards", "2"]);
    let client = &mut server.connect();
    for key in 0..2000 {
        client.ask(&format!("SET key:{key} 1 PX 1"));
    }
    client.ask("SET stays 1 EX 100000");
    while !client.ask("DBSIZE").starts_with(":1\r") {
        std::thread::yield_now();
    }
    let info = client.ask("INFO");
    assert!(
        info.contains("expired_keys:2000") && info.contains("db0:keys=1,expires=1"),
        "{info}"
    );
}
