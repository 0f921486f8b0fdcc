//! `forkless serve` as a process on a Unix socket, and a plain client of it or of a real server.

#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod frame;

use std::io::{BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::serving::frame::Frame;

/// How long a server may take until it answers.
const START: Duration = Duration::from_mins(3);

/// A server in a folder of its own; killed when dropped.
pub(crate) struct Served {
    pub(crate) child: Child,
    /// Holds the socket, whose path must be short.
    sockets: TempDir,
}

impl Served {
    /// Starts `forkless serve` on `folder`, and waits until it answers.
    pub(crate) fn forkless(folder: &Path, options: &[&str]) -> Self {
        Self::forkless_at(0, folder, options)
    }

    /// The same, which also listens at a port.
    pub(crate) fn forkless_at(port: u16, folder: &Path, options: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forkless"));
        command.args(["serve", "--port", &port.to_string(), "--dir"]);
        Self::start(command.arg(folder).args(options))
    }

    /// Starts the system's redis-server on `folder`, and waits until it answers.
    pub(crate) fn redis(folder: &Path, options: &[&str]) -> Self {
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--enable-debug-command", "yes"]);
        command.arg("--dir").arg(folder);
        Self::start(command.args(options))
    }

    fn start(command: &mut Command) -> Self {
        let sockets = tempfile::tempdir().unwrap();
        let socket = sockets.path().join("socket");
        command.arg("--unixsocket").arg(&socket);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.spawn().unwrap();
        let mut server = Self { child, sockets };
        let deadline = Instant::now() + START;
        while UnixStream::connect(&socket).is_err() {
            assert!(
                server.child.try_wait().unwrap().is_none(),
                "the server has ended"
            );
            assert!(Instant::now() < deadline, "the server does not answer");
            std::thread::sleep(Duration::from_millis(5));
        }
        server
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.sockets.path().join("socket")
    }

    pub(crate) fn connect(&self) -> Client {
        let stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(START)).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        Client { stream, reader }
    }

    /// Stops it, and lets it go on after what `meanwhile` does.
    pub(crate) fn while_stopped(&self, meanwhile: impl FnOnce()) {
        let process = Pid::from_child(&self.child);
        kill_process(process, Signal::STOP).unwrap();
        meanwhile();
        kill_process(process, Signal::CONT).unwrap();
    }

    /// Sends it a signal; one that has ended is past that.
    pub(crate) fn signal(&mut self, signal: Signal) {
        if !self.has_ended() {
            kill_process(Pid::from_child(&self.child), signal).unwrap();
        }
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Kills it, as the power would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it has ended by itself; whether it says that all is well.
    pub(crate) fn ends_well(mut self) -> bool {
        let deadline = Instant::now() + START;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.success();
            }
            assert!(Instant::now() < deadline, "the server does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A connection that shows the bytes of replies.
pub(crate) struct Client {
    stream: UnixStream,
    reader: BufReader<UnixStream>,
}

/// A request as it is sent.
pub(crate) fn pack(words: &[&[u8]]) -> Vec<u8> {
    let mut packed = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        packed.extend(format!("${}\r\n", word.len()).into_bytes());
        packed.extend_from_slice(word);
        packed.extend_from_slice(b"\r\n");
    }
    packed
}

impl Client {
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Sends to a server that may close the connection before it has read everything.
    pub(crate) fn send_in_vain(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).ok();
    }

    /// Sends nothing more, and goes on reading.
    pub(crate) fn end_requests(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }

    pub(crate) fn receive(&mut self) -> Frame {
        Frame::read(&mut self.reader).unwrap()
    }

    /// The reply to one command, as it is sent.
    pub(crate) fn ask_words(&mut self, words: &[&[u8]]) -> Frame {
        self.send(&pack(words));
        self.receive()
    }

    /// The reply to one command whose words have blanks in between.
    pub(crate) fn ask(&mut self, command: &str) -> String {
        let words: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
        String::from_utf8_lossy(&self.ask_words(&words).bytes()).into_owned()
    }

    /// Everything until the server closes the connection.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A server may close while something of ours is unread, which resets the connection.
        self.reader.read_to_end(&mut rest).ok();
        rest
    }
}
