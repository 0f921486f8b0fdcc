//! A real Redis or Valkey, started for one purpose and stopped with it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::failure::Failure;
use crate::program;

/// How long a server may take until it answers.
const START_SECONDS_MAX: u64 = 120;

/// A running server that only this program can reach; killed on drop.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    socket: PathBuf,
    log: PathBuf,
    /// Holds the socket: a path under the target folder can be longer than the 107 bytes that a
    /// socket's path may have.
    _sockets: TempDir,
}

impl Server {
    /// Starts `binary` with `data` as its folder and waits until it answers.
    ///
    /// It listens on a Unix socket, and at a port only if one is among `options`; it reads no
    /// configuration, and saves only when told to.
    /// `options` are added to its command line. What it logs goes to `server.log` in `data`.
    ///
    /// # Errors
    ///
    /// [`Failure`] when it cannot start or does not answer within two minutes.
    pub(crate) fn start(binary: &Path, data: &Path, options: &[&str]) -> Result<Self, Failure> {
        Self::launch(binary, data, |command, socket| {
            let plain = ["--port", "0", "--save", "", "--appendonly", "no"];
            command.args(plain).arg("--unixsocket").arg(socket);
            command.arg("--dir").arg(data).args(options);
        })
    }

    /// As [`Server::start`], of our own program.
    ///
    /// # Errors
    ///
    /// As [`Server::start`].
    pub(crate) fn start_forkless(
        binary: &Path,
        data: &Path,
        options: &[&str],
    ) -> Result<Self, Failure> {
        Self::launch(binary, data, |command, socket| {
            command.arg("serve").arg("--unixsocket").arg(socket);
            command.arg("--dir").arg(data).args(options);
        })
    }

    /// Starts `binary` with the arguments that `tell` adds, among them the path of its socket.
    fn launch(
        binary: &Path,
        data: &Path,
        tell: impl FnOnce(&mut Command, &Path),
    ) -> Result<Self, Failure> {
        let sockets = tempfile::tempdir().map_err(Failure::file(data))?;
        let socket = sockets.path().join("server.sock");
        let log = data.join("server.log");
        let output = File::create(&log).map_err(Failure::file(&log))?;
        let mut command = Command::new(binary);
        tell(&mut command, &socket);
        let child = command
            .stdin(Stdio::null())
            .stderr(output.try_clone().map_err(Failure::file(&log))?)
            .stdout(output)
            .spawn()
            .map_err(|source| Failure::Launch {
                program: binary.display().to_string(),
                source,
            })?;
        let mut server = Self {
            child,
            socket,
            log,
            _sockets: sockets,
        };
        server.wait_until_it_answers()?;
        Ok(server)
    }

    /// The number of its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Sends one command and gives back the reply as text.
    ///
    /// # Errors
    ///
    /// [`Failure`] when redis-cli cannot run or cannot reach the server.
    pub(crate) fn ask(&self, words: &[&str]) -> Result<String, Failure> {
        program::output(
            Command::new("redis-cli")
                .arg("-s")
                .arg(&self.socket)
                .args(words),
        )
    }

    /// Sends one command that is answered with `OK`, and gives back how long that took.
    ///
    /// The time includes the start of redis-cli, a few milliseconds.
    ///
    /// # Errors
    ///
    /// [`Failure::Unexpected`] for any other answer, and as [`Server::ask`].
    pub(crate) fn order(&self, words: &[&str]) -> Result<Duration, Failure> {
        let started = Instant::now();
        let said = self.ask(words)?;
        let elapsed = started.elapsed();
        if said == "OK" {
            Ok(elapsed)
        } else {
            Err(Failure::Unexpected {
                from: words.join(" "),
                said,
            })
        }
    }

    /// What it has logged so far.
    ///
    /// # Errors
    ///
    /// [`Failure`] when that cannot be read.
    pub(crate) fn log(&self) -> Result<String, Failure> {
        std::fs::read_to_string(&self.log).map_err(Failure::file(&self.log))
    }

    /// Ends it, and waits until it is gone.
    pub(crate) fn stop(&mut self) {
        // Both fail only if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn wait_until_it_answers(&mut self) -> Result<(), Failure> {
        let deadline = Instant::now() + Duration::from_secs(START_SECONDS_MAX);
        loop {
            let ended = self.child.try_wait().map_err(Failure::file(&self.log))?;
            let answers = self.ask(&["PING"]).is_ok_and(|said| said == "PONG");
            if ended.is_none() && answers {
                return Ok(());
            }
            if ended.is_some() || Instant::now() > deadline {
                let said = self.log()?.lines().last().unwrap_or("nothing").to_owned();
                return Err(Failure::Unexpected {
                    from: "a server's start".to_owned(),
                    said,
                });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_answers_until_it_is_dropped() {
        let data = tempfile::tempdir().unwrap();
        let server = Server::start(Path::new("redis-server"), data.path(), &[]).unwrap();
        let socket = server.socket.clone();
        assert!(server.order(&["SET", "key", "two words"]).is_ok());
        assert_eq!(server.ask(&["GET", "key"]).unwrap(), "two words");
        let refused = server.order(&["NOSUCH"]).unwrap_err();
        assert!(refused.to_string().contains("NOSUCH"), "{refused}");
        drop(server);
        assert!(!socket.exists());
    }

    #[test]
    fn a_server_that_cannot_start_says_why() {
        let data = tempfile::tempdir().unwrap();
        let options = ["--no-such-option", "x"];
        let refused = Server::start(Path::new("redis-server"), data.path(), &options).unwrap_err();
        assert!(matches!(refused, Failure::Unexpected { .. }), "{refused}");
    }
}
