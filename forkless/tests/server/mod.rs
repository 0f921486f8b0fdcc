//! A real server on a Unix socket, and what it holds.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod content;
pub(crate) mod fill;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use redis::{Client, Connection, FromRedisValue};
use tempfile::TempDir;

use crate::server::content::{Content, Contents};

/// Databases of a server that nobody configured.
const DATABASES: u32 = 16;

/// A server in a folder of its own; killed when dropped.
pub(crate) struct Server {
    child: Child,
    /// Holds the socket, whose path must be short, and folders of tests may not be.
    sockets: TempDir,
}

impl Server {
    /// Starts `program` and lets it load `folder/file`, if it is there. What it says goes to
    /// `folder/file.log`, and is the error when it refuses the file.
    pub(crate) fn start(program: &Path, folder: &Path, file: &str) -> Result<Self, String> {
        let sockets = tempfile::tempdir().unwrap();
        let log = folder.join(format!("{file}.log"));
        let child = Command::new(program)
            .args(["--port", "0", "--save", "", "--appendonly", "no"])
            .args(["--loglevel", "warning", "--dbfilename", file])
            .arg("--unixsocket")
            .arg(sockets.path().join("socket"))
            .arg("--dir")
            .arg(folder)
            .stdin(Stdio::null())
            .stdout(File::create(&log).unwrap())
            .spawn();
        let child = child.map_err(|error| {
            let program = program.display();
            format!("{program} does not start: {error}: run `cargo xtask setup`")
        })?;
        let mut server = Self { child, sockets };
        server.wait_until_loaded(&log)?;
        Ok(server)
    }

    /// Starts the system's redis-server with this file.
    pub(crate) fn of_system(folder: &Path, file: &str) -> Self {
        Self::start(Path::new("redis-server"), folder, file).unwrap()
    }

    fn wait_until_loaded(&mut self, log: &Path) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let said = std::fs::read_to_string(log).unwrap();
                return Err(format!("the server ended with {status}: {said}"));
            }
            let client = self.client(0);
            let pong = client
                .get_connection()
                .and_then(|mut connection| redis::cmd("PING").query::<String>(&mut connection));
            match pong {
                Ok(_) => return Ok(()),
                Err(error) => assert!(Instant::now() < deadline, "no answer: {error}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn client(&self, database: u32) -> Client {
        let socket: PathBuf = self.sockets.path().join("socket");
        Client::open(format!("unix://{}?db={database}", socket.display())).unwrap()
    }

    pub(crate) fn connect(&self, database: u32) -> Connection {
        self.client(database).get_connection().unwrap()
    }

    /// Everything in all databases.
    pub(crate) fn contents(&self) -> Contents {
        let mut contents = BTreeMap::new();
        for database in 0..DATABASES {
            let connection = &mut self.connect(database);
            for key in ask::<Vec<Vec<u8>>>(connection, "KEYS", &[b"*"]) {
                let content = Content::read(connection, &key);
                let expire_at_ms = content::expire_at_ms(connection, &key);
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
    }
}

/// Sends one command.
pub(crate) fn ask<T: FromRedisValue>(
    connection: &mut Connection,
    name: &str,
    words: &[&[u8]],
) -> T {
    try_ask(connection, name, words).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Sends one command, which this server may not know.
pub(crate) fn try_ask<T: FromRedisValue>(
    connection: &mut Connection,
    name: &str,
    words: &[&[u8]],
) -> redis::RedisResult<T> {
    let mut command = redis::cmd(name);
    for word in words {
        command.arg(*word);
    }
    command.query(connection)
}
