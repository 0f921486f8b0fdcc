//! A master and its replicas: ours, and the real ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::bench::client::{Client, free_port};
use crate::bench::peer;
use crate::failure::Failure;
use crate::server::Server;

/// How long anything may take that has no other bound.
const PATIENCE: Duration = Duration::from_mins(2);

/// How often a replica is asked how far it is.
const LOOK: Duration = Duration::from_millis(10);

/// Shards of a master and of a replica of ours.
const SHARDS: &str = "2";

/// Sent through memory and loaded beside what there is: the quickest that real servers do.
const DISKLESS: &[&str] = &[
    "--repl-diskless-sync",
    "yes",
    "--repl-diskless-sync-delay",
    "0",
    "--repl-diskless-load",
    "swapdb",
];

/// Whose program it is, and where.
#[derive(Debug, Clone)]
pub(crate) enum Program {
    Ours(PathBuf),
    Peer(PathBuf),
}

/// A server that others follow, or that follows.
#[derive(Debug)]
pub(crate) struct Node {
    server: Server,
    client: Client,
    /// Where clients are served.
    pub(crate) port: u16,
    /// Where replicas are.
    replication_port: u16,
    /// It is none of ours: it forks, and we do not doubt what it shows.
    is_peer: bool,
}

impl Node {
    /// Starts a server without keys.
    ///
    /// # Errors
    ///
    /// [`Failure`] when it does not start.
    pub(crate) fn start(program: &Program, data: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(data).map_err(Failure::file(data))?;
        let port = free_port()?;
        let words = port.to_string();
        let mut options = vec!["--port", &words];
        let (server, replication_port) = match program {
            Program::Ours(binary) => {
                let replication_port = free_port()?;
                let words = replication_port.to_string();
                options.extend(["--replication-port", &words, "--shards", SHARDS]);
                let server = Server::start_forkless(binary, data, &options)?;
                (server, replication_port)
            }
            Program::Peer(binary) => {
                options.extend(peer::OPTIONS);
                options.extend(DISKLESS);
                (Server::start(binary, data, &options)?, port)
            }
        };
        Ok(Self {
            server,
            client: Client::connect(port)?,
            port,
            replication_port,
            is_peer: matches!(program, Program::Peer(_)),
        })
    }

    /// Fills it with the keys `key:0` and up.
    ///
    /// # Errors
    ///
    /// [`Failure`] when it does not have all of them then.
    pub(crate) fn fill(&mut self, keys: u64, value_bytes: usize) -> Result<(), Failure> {
        let (keys, value_bytes) = (keys.to_string(), value_bytes.to_string());
        let words = ["DEBUG", "POPULATE", &keys, "key", &value_bytes];
        self.client.ask(&words)?;
        let said = self.client.ask(&["DBSIZE"])?;
        if said == keys {
            return Ok(());
        }
        Err(Failure::Unexpected {
            from: "DBSIZE".to_owned(),
            said,
        })
    }

    /// The number of its process.
    pub(crate) fn process(&self) -> u32 {
        self.server.process()
    }

    /// Has it follow `master`, and waits until it is in sync: how long that took.
    ///
    /// # Errors
    ///
    /// [`Failure`] when it is not after two minutes.
    pub(crate) fn follow(&mut self, master: &Self) -> Result<Duration, Failure> {
        let begun = Instant::now();
        let port = master.replication_port.to_string();
        self.client.ask(&["REPLICAOF", "127.0.0.1", &port])?;
        loop {
            let said = self.client.ask(&["INFO", "replication"])?;
            if is_in_sync(&said) {
                return Ok(begun.elapsed());
            }
            if begun.elapsed() > PATIENCE {
                return Err(Failure::Unexpected {
                    from: "INFO replication".to_owned(),
                    said,
                });
            }
            std::thread::sleep(LOOK);
        }
    }

    /// What the last child of the server had of memory that was written to meanwhile, in bytes.
    ///
    /// # Errors
    ///
    /// [`Failure`] when it does not say so.
    pub(crate) fn copied_bytes(&mut self) -> Result<f64, Failure> {
        if !self.is_peer {
            return Ok(0.0);
        }
        let said = self.client.ask(&["INFO", "persistence"])?;
        let bytes = said
            .lines()
            .find_map(|line| line.strip_prefix("rdb_last_cow_size:"));
        bytes
            .and_then(|bytes| bytes.parse().ok())
            .ok_or(Failure::Unexpected {
                from: "INFO persistence".to_owned(),
                said,
            })
    }

    /// Waits until it has the same keys with the same values as `other`; nobody writes any more.
    ///
    /// Of peers the number of keys is enough: their digests would take longer than all else here.
    ///
    /// # Errors
    ///
    /// [`Failure`] when it has not after two minutes.
    pub(crate) fn expect_equal(&mut self, other: &mut Self) -> Result<(), Failure> {
        let begun = Instant::now();
        loop {
            let digests = [&mut *self, &mut *other].map(|node| {
                let keys = node.client.ask(&["DBSIZE"])?;
                if node.is_peer {
                    return Ok(keys);
                }
                let digest = node.client.ask(&["DEBUG", "DIGEST"])?;
                Ok::<_, Failure>(format!("{keys} keys, {digest}"))
            });
            let [ours, others] = digests;
            let (ours, others) = (ours?, others?);
            if ours == others {
                return Ok(());
            }
            if begun.elapsed() > PATIENCE {
                return Err(Failure::Unexpected {
                    from: "the replica".to_owned(),
                    said: format!("{others}, where its master says {ours}"),
                });
            }
            std::thread::sleep(LOOK);
        }
    }
}

/// Whether a replica that says this of its replication shows what its master has.
fn is_in_sync(said: &str) -> bool {
    let has = |line: &str| said.lines().any(|said| said == line);
    has("role:slave") && has("master_link_status:up") && has("master_sync_in_progress:0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program;

    #[test]
    fn a_replica_is_in_sync_when_it_has_everything() {
        let binary = program::on_path("redis-server").unwrap();
        let program = Program::Peer(binary);
        let data = tempfile::tempdir().unwrap();
        let mut master = Node::start(&program, &data.path().join("master")).unwrap();
        master.fill(1000, 100).unwrap();
        let mut replica = Node::start(&program, &data.path().join("replica")).unwrap();
        assert!(!is_in_sync(
            &replica.client.ask(&["INFO", "replication"]).unwrap()
        ));
        assert!(replica.follow(&master).unwrap() > Duration::ZERO);
        replica.expect_equal(&mut master).unwrap();
        assert_eq!(replica.client.ask(&["DBSIZE"]).unwrap(), "1000");
        assert!(master.copied_bytes().unwrap() >= 0.0);
    }
}
