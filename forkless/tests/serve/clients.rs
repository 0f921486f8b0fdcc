//! Who is let in: strangers, too many, those that talk nonsense, and the tools of Redis.

use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Shutdown, TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::serving::{Client, Served};

fn succeeds(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Whether the server answers, and does not say that it has too many clients. Then it may close
/// the connection before it is asked anything.
fn is_let_in(client: &mut Client) -> bool {
    client.send_in_vain(b"PING\r\n");
    client.receive().bytes() == b"+PONG\r\n"
}

#[test]
fn clients_beyond_the_most_are_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let server = Served::forkless(folder.path(), &["--maxclients", "3"]);
    let mut clients: Vec<Client> = Vec::new();
    // The one that waited for the start may not have been noticed to be gone.
    while clients.len() < 3 {
        let mut client = server.connect();
        if is_let_in(&mut client) {
            clients.push(client);
        }
    }
    let refused = server.connect().rest();
    assert_eq!(refused, b"-ERR max number of clients reached\r\n");
    drop(clients.pop());
    while !is_let_in(&mut server.connect()) {}
    assert!(
        clients[0]
            .ask("INFO stats")
            .contains("rejected_connections:")
    );
}

/// Waits until the one that asks is the only client.
fn wait_alone(client: &mut Client) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !client
        .ask("INFO clients")
        .contains("connected_clients:1\r\n")
    {
        assert!(Instant::now() < deadline, "clients that are gone are kept");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn client_that_ends_with_its_last_request_is_answered_and_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let server = Served::forkless(folder.path(), &["--shards", "2"]);
    let client = &mut server.connect();
    let [here, on_shard, nothing] = [&b"PING\r\n"[..], b"SET key 1\r\n", b"*2\r\n$3\r\nGE"];
    let mut others = [here, on_shard, nothing].map(|request| {
        let mut other = server.connect();
        assert_eq!(other.ask("PING"), "+PONG\r\n");
        (other, request)
    });
    // Request and end are noticed together.
    server.while_stopped(|| {
        for (other, request) in &mut others {
            other.send(request);
            other.end_requests();
        }
    });
    // They still hold their ends: those are closed that the server has.
    wait_alone(client);
    let said = others.map(|(mut other, _)| String::from_utf8(other.rest()).unwrap());
    assert_eq!(said, ["+PONG\r\n", "+OK\r\n", ""]);
}

#[test]
fn strangers_say_the_password_first() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    fs::write(&file, "open sesame\nignored\n").unwrap();
    let options = ["--requirepass-file", file.to_str().unwrap()];
    let server = Served::forkless(folder.path(), &options);
    let client = &mut server.connect();
    let refused = "-NOAUTH Authentication required.\r\n";
    for command in [
        "GET key",
        "PING",
        "DEBUG POPULATE 1",
        "SHUTDOWN",
        "MGET a b",
    ] {
        assert_eq!(client.ask(command), refused, "{command}");
    }
    assert!(client.ask("HELLO 3").starts_with("-NOAUTH "));
    let wrong = client.ask_words(&[b"AUTH", b"open sesamE"]);
    assert!(wrong.bytes().starts_with(b"-WRONGPASS "));
    assert_eq!(
        client.ask_words(&[b"AUTH", b"open sesame"]).bytes(),
        b"+OK\r\n"
    );
    assert_eq!(client.ask("SET key 1"), "+OK\r\n");
    let client = &mut server.connect();
    let hello: &[&[u8]] = &[b"HELLO", b"3", b"AUTH", b"default", b"open sesame"];
    assert_eq!(client.ask_words(hello).line, b"%7\r\n");
    assert_eq!(client.ask("GET key"), "$1\r\n1\r\n");
    let client = &mut server.connect();
    client.send(b"*11\r\n");
    let said = client.rest();
    assert_eq!(
        said,
        b"-ERR Protocol error: unauthenticated multibulk length\r\n"
    );
}

#[test]
fn file_that_is_no_socket_is_not_taken_for_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("precious");
    fs::write(&file, "content").unwrap();
    for option in ["--unixsocket", "--replication-unixsocket"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forkless"));
        command.args(["serve", "--port", "0", "--dir"]);
        command.arg(folder.path()).arg(option).arg(&file);
        if option != "--unixsocket" {
            command
                .arg("--unixsocket")
                .arg(folder.path().join("socket"));
        }
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("precious: "), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert_eq!(fs::read(&file).unwrap(), b"content");
    }
}

#[test]
fn bytes_that_are_no_requests_harm_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let server = Served::forkless(folder.path(), &[]);
    let client = &mut server.connect();
    let mut state = 1_u64;
    for _ in 0..200 {
        let bytes: Vec<u8> = (0..200)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                b"*$\r\n0123456789-\"'\\ xGET\0\xff"[usize::try_from(state >> 40).unwrap() % 25]
            })
            .collect();
        let mut noisy = server.connect();
        noisy.send_in_vain(&bytes);
        drop(noisy);
        assert_eq!(client.ask("PING"), "+PONG\r\n");
    }
}

#[test]
fn commands_that_a_browser_was_made_to_send_are_not_done() {
    let folder = tempfile::tempdir().unwrap();
    let server = Served::forkless(folder.path(), &[]);
    let client = &mut server.connect();
    for head in ["POST / HTTP/1.1\r\n", "HOST: localhost:6380\r\n"] {
        assert_eq!(client.ask("SET key 1"), "+OK\r\n");
        let mut browser = server.connect();
        browser.send(format!("{head}\r\nFLUSHALL\r\n").as_bytes());
        assert_eq!(browser.rest(), b"");
        assert_eq!(client.ask("GET key"), "$1\r\n1\r\n");
    }
}

#[test]
fn redis_cli_and_redis_benchmark_work() {
    let folder = tempfile::tempdir().unwrap();
    let server = Served::forkless(folder.path(), &["--shards", "2"]);
    let socket = server.socket();
    let cli =
        |words: &[&str]| succeeds(Command::new("redis-cli").arg("-s").arg(&socket).args(words));
    assert_eq!(cli(&["SET", "key", "value"]), "OK\n");
    assert_eq!(cli(&["-3", "GET", "key"]), "value\n");
    assert!(cli(&["--bigkeys"]).contains("string"));
    assert_eq!(cli(&["--scan"]), "key\n");
    let mut benchmark = Command::new("redis-benchmark");
    benchmark
        .arg("-s")
        .arg(&socket)
        .args(["-q", "-n", "2000", "-P", "4", "-r", "100", "-t"]);
    let tests =
        "ping_inline,ping_mbulk,set,get,incr,lpush,rpush,lpop,rpop,sadd,hset,zadd,lrange_100,mset";
    let said = succeeds(benchmark.arg(tests));
    assert!(said.matches("requests per second").count() >= 14, "{said}");
    assert!(!said.contains("ERR"), "{said}");
}

/// An address of this machine that others see, if it has one.
fn outer_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    // Nothing is sent: the system only says from where it would be.
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().unwrap().ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

/// What a server that listens everywhere replies to a PING at this address.
fn ping_everywhere(address: IpAddr, options: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind((address, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let options = [&["--bind", "0.0.0.0"], options].concat();
    let _server = Served::forkless_at(port, folder.path(), &options);
    let mut stream = TcpStream::connect((address, port)).unwrap();
    // It may be closed before this is read.
    stream.write_all(b"PING\r\n").ok();
    stream.shutdown(Shutdown::Write).ok();
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).ok();
    String::from_utf8(reply).unwrap()
}

#[test]
fn other_machines_are_turned_away_unless_somebody_says_so() {
    let Some(outer) = outer_address() else {
        println!("not run: this machine has no address that others see");
        return;
    };
    let own = IpAddr::from([127, 0, 0, 1]);
    assert_eq!(ping_everywhere(own, &[]), "+PONG\r\n");
    let denied = ping_everywhere(outer, &[]);
    // What was sent and not read may take the reply with it.
    assert!(
        denied.is_empty() || denied.starts_with("-DENIED "),
        "{denied}"
    );
    assert_eq!(ping_everywhere(outer, &["--open"]), "+PONG\r\n");
}
