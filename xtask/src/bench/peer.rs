//! A real server as a measure: it saves and loads the same data on the same disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::failure::Failure;
use crate::program;
use crate::server::Server;
use crate::workspace::Workspace;

/// The peers, in the order of their turns; the first makes the file that everyone loads.
pub(crate) const PEERS: [Candidate; 3] = [REDIS_7_0, REDIS_8_2, VALKEY_9_1];

pub(crate) const REDIS_7_0: Candidate = Candidate {
    name: "Redis 7.0",
    place: Place::System("redis-server"),
};

const REDIS_8_2: Candidate = Candidate {
    name: "Redis 8.2",
    place: Place::Fetched("redis-8.2/redis-server"),
};

pub(crate) const VALKEY_9_1: Candidate = Candidate {
    name: "Valkey 9.1",
    place: Place::Fetched("valkey-9.1/valkey-server"),
};

/// A server that may or may not be there.
#[derive(Debug)]
pub(crate) struct Candidate {
    /// Its name where it is missing; a running one tells its exact version.
    pub(crate) name: &'static str,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// A program of the system.
    System(&'static str),
    /// A file under `target/servers`.
    Fetched(&'static str),
}

/// Plain values, a checksum, no compression: what the design compares with.
pub(crate) const OPTIONS: &[&str] = &[
    "--enable-debug-command",
    "yes",
    "--rdbcompression",
    "no",
    "--rdbchecksum",
    "yes",
];

/// A running server, full of data.
#[derive(Debug)]
pub(crate) struct Peer {
    /// Name and version, as `Redis 7.0.15`.
    pub(crate) name: String,
    /// What the data takes by the server's own count, which leaves out what its allocator wastes.
    pub(crate) store_bytes: f64,
    server: Server,
    keys: u64,
    binary: PathBuf,
    data: PathBuf,
}

impl Candidate {
    /// Its exact name, as `Redis 7.0.15`, and its program; nothing when it has not been fetched.
    ///
    /// # Errors
    ///
    /// [`Failure`] when it is one of the system's and not there, or does not tell its version.
    pub(crate) fn find(&self, workspace: &Workspace) -> Result<Option<(String, PathBuf)>, Failure> {
        let binary = match self.place {
            Place::System(program) => {
                program::on_path(program).ok_or_else(|| Failure::Missing {
                    what: format!("{program} is not installed"),
                    remedy: "cargo xtask setup".to_owned(),
                })?
            }
            Place::Fetched(path) => workspace.servers().join(path),
        };
        if !binary.is_file() {
            return Ok(None);
        }
        let name = exact_name(&program::output(Command::new(&binary).arg("--version"))?)?;
        Ok(Some((name, binary)))
    }

    /// Starts the server with `data` as its folder and has it fill itself with `keys` keys by the
    /// command `fill`; nothing when it has not been fetched.
    ///
    /// # Errors
    ///
    /// [`Failure`] when it is there and does not start, or cannot fill itself.
    pub(crate) fn start(
        &self,
        workspace: &Workspace,
        data: &Path,
        keys: u64,
        fill: &[String],
    ) -> Result<Option<Peer>, Failure> {
        let Some((name, binary)) = self.find(workspace)? else {
            return Ok(None);
        };
        fs::create_dir_all(data).map_err(Failure::file(data))?;
        let server = Server::start(&binary, data, OPTIONS)?;
        let empty_bytes = used_bytes(&server)?;
        server.order(&fill.iter().map(String::as_str).collect::<Vec<_>>())?;
        let peer = Peer {
            name,
            store_bytes: used_bytes(&server)? - empty_bytes,
            server,
            keys,
            binary,
            data: data.to_path_buf(),
        };
        peer.expect_all_keys()?;
        Ok(Some(peer))
    }
}

impl Peer {
    /// Seconds for `SAVE`.
    ///
    /// # Errors
    ///
    /// [`Failure`] when the server refuses.
    pub(crate) fn save_seconds(&self) -> Result<f64, Failure> {
        Ok(self.server.order(&["SAVE"])?.as_secs_f64())
    }

    /// Seconds to load the file that `SAVE` wrote, as a server that starts says it itself.
    ///
    /// Our program loads in a process of its own too. `DEBUG RELOAD` would have all memory at hand
    /// that the data was in before, which a server that starts has to be given by the kernel.
    /// Afterwards the server is stopped.
    ///
    /// # Errors
    ///
    /// [`Failure`] when the server does not start, does not say how long it took, or does not have
    /// every key then.
    pub(crate) fn load_seconds(&mut self) -> Result<f64, Failure> {
        self.stop();
        self.server = Server::start(&self.binary, &self.data, OPTIONS)?;
        self.expect_all_keys()?;
        self.stop();
        let log = self.server.log()?;
        loaded_seconds(&log).ok_or_else(|| Failure::Unexpected {
            from: self.name.clone(),
            said: format!("nothing of loading in {} bytes of log", log.len()),
        })
    }

    /// Stops the server, so that its store takes no memory while others have their turns.
    pub(crate) fn stop(&mut self) {
        self.server.stop();
    }

    /// The file that `SAVE` writes.
    pub(crate) fn file(&self) -> PathBuf {
        self.data.join("dump.rdb")
    }

    fn expect_all_keys(&self) -> Result<(), Failure> {
        let said = self.server.ask(&["DBSIZE"])?;
        if said == self.keys.to_string() {
            return Ok(());
        }
        let said = format!("{said} keys, not {}", self.keys);
        Err(Failure::Unexpected {
            from: self.name.clone(),
            said,
        })
    }
}

/// The memory that a server says it uses.
fn used_bytes(server: &Server) -> Result<f64, Failure> {
    let said = server.ask(&["INFO", "memory"])?;
    let bytes = said
        .lines()
        .find_map(|line| line.trim().strip_prefix("used_memory:")?.parse().ok());
    bytes.ok_or(Failure::Unexpected {
        from: "INFO memory".to_owned(),
        said,
    })
}

/// 1.5 from a log with the line `... DB loaded from disk: 1.500 seconds`.
fn loaded_seconds(log: &str) -> Option<f64> {
    let (_, said) = log.split_once("DB loaded from disk: ")?;
    said.split_whitespace().next()?.parse().ok()
}

/// `Redis 7.0.15` from `Redis server v=7.0.15 sha=...`.
fn exact_name(said: &str) -> Result<String, Failure> {
    let name = said.split_whitespace().next();
    let version = said
        .split_whitespace()
        .find_map(|word| word.strip_prefix("v="));
    match (name, version) {
        (Some(name), Some(version)) => Ok(format!("{name} {version}")),
        _ => Err(Failure::Unexpected {
            from: "--version".to_owned(),
            said: said.to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_with_its_version() {
        let said = "Valkey server v=9.1.2 sha=00000000:1 malloc=libc bits=64";
        assert_eq!(exact_name(said).unwrap(), "Valkey 9.1.2");
        assert!(exact_name("sh").is_err());
    }

    #[test]
    fn a_log_says_how_long_a_load_took() {
        let log = "1:M 21 Nov 2026 * Done loading RDB, keys loaded: 5\n\
                   1:M 21 Nov 2026 * DB loaded from disk: 1.500 seconds\n1:M * Ready\n";
        assert_eq!(loaded_seconds(log), Some(1.5));
        assert_eq!(loaded_seconds("Ready"), None);
    }

    #[test]
    fn a_peer_saves_and_loads_all_its_keys() {
        let data = tempfile::tempdir().unwrap();
        let workspace = Workspace::find().unwrap();
        let mut peer = PEERS[0]
            .start(
                &workspace,
                data.path(),
                100_000,
                &["DEBUG", "POPULATE", "100000", "key", "100"].map(str::to_owned),
            )
            .unwrap()
            .unwrap();
        assert!(peer.store_bytes > 10_000_000.0);
        assert!(peer.save_seconds().unwrap() > 0.0);
        assert!(peer.file().metadata().unwrap().len() > 10_000_000);
        assert!(peer.load_seconds().unwrap() > 0.0);
        assert!(peer.name.starts_with("Redis "), "{}", peer.name);
    }
}
