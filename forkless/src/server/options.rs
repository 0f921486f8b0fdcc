//! What a server is started with.

use std::net::SocketAddr;
use std::path::PathBuf;

use rdb_format::{Compression, Target};
use snapshot::Address;

use crate::server::request_limits::RequestLimits;

/// How many files a snapshot of the server has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotFiles {
    /// One.
    Single,
    /// One for each shard, and a manifest.
    PerShard,
}

/// How to start a [`Server`](crate::Server).
///
/// ```
/// use forkless::ServerOptions;
///
/// let options = ServerOptions { shards: 4, ..ServerOptions::default() };
/// assert!(options.addresses.is_empty() && options.unix_socket.is_none());
/// ```
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Addresses to listen at; none at first. With port 0 the system chooses one.
    pub addresses: Vec<SocketAddr>,
    /// Path of a Unix socket to listen at, which only this user may connect to.
    pub unix_socket: Option<PathBuf>,
    /// Shards, each a thread of its own; 1 at first.
    pub shards: usize,
    /// Threads that read requests and write replies; 1 at first.
    pub connection_threads: usize,
    /// Clients at the same time, at most; 10,000 at first.
    pub clients_max: usize,
    /// What clients must say before anything else.
    pub password: Option<Vec<u8>>,
    /// Who is served if there is no password; those of this machine at first.
    pub unknown: Unknown,
    /// How much a request may hold.
    pub limits: RequestLimits,
    /// Folder of the snapshot; made if it is not there.
    pub folder: PathBuf,
    /// Name of the snapshot's file, or of its set of files.
    pub file_name: String,
    /// Whether it is one.
    pub files: SnapshotFiles,
    /// Who is to read it: Redis 7.0 and later at first.
    pub target: Target,
    /// Whether strings are compressed in it.
    pub compression: Compression,
    /// Bytes that may be on their way from the shards to the disk; 64 MiB at first.
    pub snapshot_budget_bytes: usize,
    /// Whether a snapshot is taken when the server is stopped.
    pub save_on_shutdown: bool,
    /// What has to do with other servers.
    pub replication: ReplicationOptions,
}

/// Who may replicate from a server, and whom it replicates itself.
#[derive(Debug, Clone)]
pub struct ReplicationOptions {
    /// Addresses to listen at for replicas; none at first. With port 0 the system chooses one.
    pub addresses: Vec<SocketAddr>,
    /// Path of a Unix socket to listen at for replicas, which only this user may connect to.
    pub unix_socket: Option<PathBuf>,
    /// What replicas must know, and what the server tells that it replicates.
    pub secret: Option<Vec<u8>>,
    /// Who may replicate if nobody has to know anything.
    pub unknown: Unknown,
    /// Bytes that may wait to be sent to one replica, before it has to begin anew; 64 MiB at
    /// first.
    pub budget_bytes: usize,
    /// Bytes of what was sent that are kept for one replica, should it have to come back; 64 MiB
    /// at first.
    pub backlog_bytes: usize,
    /// Where that goes which is to be kept and has no room there; nowhere at first: it is not kept.
    pub backlog_on_disk: Option<BacklogOnDisk>,
    /// Where the server listens for replicas that this one replicates.
    pub replica_of: Option<Address>,
}

/// Files for what a backlog has no room for in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BacklogOnDisk {
    /// Their folder, which no other server may use meanwhile; made if it is not there. Files of
    /// this kind that are in it are removed when the server starts, and nothing else.
    pub folder: PathBuf,
    /// How many bytes of them there may be for one replica.
    pub bytes: u64,
}

/// Who is served that has to know nothing: neither a password, nor a secret as a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// Whoever is on this machine. Clients of others are turned away; a server that replicas of
    /// others could connect to does not start.
    OfThisMachine,
    /// Everybody.
    All,
}

impl Default for ReplicationOptions {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            unix_socket: None,
            secret: None,
            unknown: Unknown::OfThisMachine,
            budget_bytes: 64 << 20,
            backlog_bytes: 64 << 20,
            backlog_on_disk: None,
            replica_of: None,
        }
    }
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            unix_socket: None,
            shards: 1,
            connection_threads: 1,
            clients_max: 10_000,
            password: None,
            unknown: Unknown::OfThisMachine,
            limits: RequestLimits::default(),
            folder: PathBuf::from("."),
            file_name: "dump.rdb".to_owned(),
            files: SnapshotFiles::Single,
            target: Target::Redis70,
            compression: Compression::None,
            snapshot_budget_bytes: 64 << 20,
            save_on_shutdown: false,
            replication: ReplicationOptions::default(),
        }
    }
}
