//! A real redis-server on a Unix socket, and what it holds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use redis::{Client, Connection, FromRedisValue};

/// Databases of a server that nobody configured.
const DATABASES: u32 = 16;

/// A server in a folder of its own; killed when dropped.
pub(crate) struct Server {
    child: Child,
    socket: PathBuf,
}

impl Server {
    /// Starts a server that loads `folder/file`, if it is there.
    pub(crate) fn start(folder: &Path, file: &str) -> Self {
        // Sockets have short names, and folders of tests may not.
        static STARTED: AtomicU32 = AtomicU32::new(0);
        // Relaxed: only the number matters, and that it is another each time.
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("forkless-{}-{number}.socket", std::process::id());
        let socket = std::env::temp_dir().join(name);
        let child = Command::new("redis-server")
            .args([
                "--port",
                "0",
                "--save",
                "",
                "--appendonly",
                "no",
                "--loglevel",
                "warning",
            ])
            .args(["--enable-debug-command", "yes", "--dbfilename", file])
            .arg("--unixsocket")
            .arg(&socket)
            .arg("--dir")
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is not installed: run `cargo xtask setup`");
        let mut server = Self { child, socket };
        server.wait_until_loaded();
        server
    }

    fn wait_until_loaded(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the server refused the file and ended with {status}");
            }
            let client = self.client(0);
            let pong = client
                .get_connection()
                .and_then(|mut connection| redis::cmd("PING").query::<String>(&mut connection));
            match pong {
                Ok(_) => return,
                Err(error) => assert!(Instant::now() < deadline, "no answer: {error}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn client(&self, database: u32) -> Client {
        Client::open(format!("unix://{}?db={database}", self.socket.display())).unwrap()
    }

    pub(crate) fn connect(&self, database: u32) -> Connection {
        self.client(database).get_connection().unwrap()
    }

    /// Everything in all databases.
    pub(crate) fn contents(&self) -> Contents {
        let mut contents = Contents::new();
        for database in 0..DATABASES {
            let connection = &mut self.connect(database);
            for key in ask::<Vec<Vec<u8>>>(connection, "KEYS", &[b"*"]) {
                let kind: String = ask(connection, "TYPE", &[&key]);
                let content = Content::read(connection, &kind, &key);
                let expire_at_ms: i64 = ask(connection, "PEXPIRETIME", &[&key]);
                contents.insert((database, key), (content, expire_at_ms));
            }
        }
        contents
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        std::fs::remove_file(&self.socket).ok();
    }
}

/// Database and key, to value and expiry (-1: never).
pub(crate) type Contents = BTreeMap<(u32, Vec<u8>), (Content, i64)>;

/// A value as commands show it, in a comparable order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content {
    String(Vec<u8>),
    List(Vec<Vec<u8>>),
    Set(Vec<Vec<u8>>),
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
    /// Members with their scores as the server prints them.
    SortedSet(Vec<(Vec<u8>, Vec<u8>)>),
    /// Entries, and all that XINFO knows, as the client library shows them.
    Stream {
        entries: String,
        info: String,
    },
}

impl Content {
    fn read(connection: &mut Connection, kind: &str, key: &[u8]) -> Self {
        match kind {
            "string" => Self::String(ask(connection, "GET", &[key])),
            "list" => Self::List(ask(connection, "LRANGE", &[key, b"0", b"-1"])),
            "set" => {
                let mut members: Vec<Vec<u8>> = ask(connection, "SMEMBERS", &[key]);
                members.sort();
                Self::Set(members)
            }
            "hash" => Self::Hash(ask(connection, "HGETALL", &[key])),
            "zset" => {
                let flat: Vec<Vec<u8>> =
                    ask(connection, "ZRANGE", &[key, b"0", b"-1", b"WITHSCORES"]);
                let pairs = flat.chunks_exact(2);
                Self::SortedSet(
                    pairs
                        .map(|pair| (pair[0].clone(), pair[1].clone()))
                        .collect(),
                )
            }
            "stream" => {
                let entries: redis::Value = ask(connection, "XRANGE", &[key, b"-", b"+"]);
                let words: [&[u8]; 5] = [b"STREAM", key, b"FULL", b"COUNT", b"0"];
                let info: redis::Value = ask(connection, "XINFO", &words);
                Self::Stream {
                    entries: format!("{entries:?}"),
                    info: format!("{info:?}"),
                }
            }
            other => panic!("no test writes a {other}"),
        }
    }
}

/// Sends one command.
pub(crate) fn ask<T: FromRedisValue>(
    connection: &mut Connection,
    name: &str,
    words: &[&[u8]],
) -> T {
    let mut command = redis::cmd(name);
    for word in words {
        command.arg(*word);
    }
    command
        .query(connection)
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}
