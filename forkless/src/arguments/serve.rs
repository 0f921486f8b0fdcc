//! What `serve` can be asked.

use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use rdb_format::Target;
use snapshot::Address;

use crate::arguments::{Compress, Files, size_bytes, target};

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address to listen at, for more of them once more. Others than this machine reach the
    /// server only if it is one of those that they see.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) bind: Vec<IpAddr>,
    /// Port to listen at; 0 for none.
    #[arg(long, default_value_t = 6380)]
    pub(crate) port: u16,
    /// Unix socket to listen at.
    #[arg(long, value_name = "PATH")]
    pub(crate) unixsocket: Option<PathBuf>,
    /// Shards, each a thread of its own [default: the number of cores].
    #[arg(long)]
    pub(crate) shards: Option<NonZeroUsize>,
    /// Threads that read requests and write replies.
    #[arg(long, value_name = "N", default_value = "1")]
    pub(crate) connection_threads: NonZeroUsize,
    /// Folder of the snapshot, which is loaded at the start; made if it is not there.
    #[arg(long, default_value = ".")]
    pub(crate) dir: PathBuf,
    /// Name of the snapshot in its folder.
    #[arg(long, value_name = "NAME", default_value = "dump.rdb")]
    pub(crate) dbfilename: String,
    /// One file, or one for each shard and a manifest.
    #[arg(long, value_enum, default_value_t = Files::Single)]
    pub(crate) files: Files,
    /// Take a snapshot when the server is stopped.
    #[arg(long)]
    pub(crate) save_on_shutdown: bool,
    /// Bytes that may be on their way from the shards to the disk.
    #[arg(long, default_value = "64MiB", value_parser = size_bytes)]
    pub(crate) snapshot_budget: usize,
    /// RDB version to write: 9 to 14, or 80 for Valkey 9.
    #[arg(long, default_value = "10", value_parser = target)]
    pub(crate) rdb_version: Target,
    /// Compression of strings in snapshots.
    #[arg(long, value_enum, default_value_t = Compress::None)]
    pub(crate) compress: Compress,
    /// File with the password that clients must say, on its first line.
    #[arg(long, value_name = "FILE")]
    pub(crate) requirepass_file: Option<PathBuf>,
    /// Serve clients of other machines although no password is asked of them.
    #[arg(long)]
    pub(crate) open: bool,
    /// Clients at the same time, at most.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) maxclients: usize,
    /// Bytes of a request, at most.
    #[arg(long, value_name = "BYTES", default_value = "1GiB", value_parser = size_bytes)]
    pub(crate) query_max: usize,
    #[command(flatten)]
    pub(crate) replication: Replication,
}

/// What has to do with other servers.
#[derive(Debug, Args)]
#[command(next_help_heading = "Replication")]
pub(crate) struct Replication {
    /// Replicate the server that listens for replicas there: HOST:PORT, or unix:PATH.
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) replicaof: Option<Address>,
    /// Port to listen at for replicas; 0 for any that is free.
    #[arg(
        long = "replication-port",
        id = "replication_port",
        value_name = "PORT"
    )]
    pub(crate) port: Option<u16>,
    /// Address to listen at for replicas, for more of them once more [default: those of --bind].
    #[arg(
        long = "replication-bind",
        id = "replication_bind",
        value_name = "ADDRESS"
    )]
    #[arg(requires = "replication_port")]
    pub(crate) bind: Vec<IpAddr>,
    /// Unix socket to listen at for replicas.
    #[arg(
        long = "replication-unixsocket",
        id = "replication_unixsocket",
        value_name = "PATH"
    )]
    pub(crate) unixsocket: Option<PathBuf>,
    /// File whose first line is the secret that masters and replicas ask each other for.
    #[arg(long = "replication-secret-file", value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Let replicas of other machines connect although no secret is asked of them.
    #[arg(long = "replication-open", id = "replication_open")]
    pub(crate) open: bool,
    /// Bytes that may wait to be sent to one replica, before it has to begin anew.
    #[arg(long = "replication-budget", value_name = "BYTES")]
    #[arg(default_value = "64MiB", value_parser = size_bytes)]
    pub(crate) budget: usize,
    /// Bytes of what was sent that are kept for one replica, should it have to come back.
    #[arg(long = "replication-backlog", value_name = "BYTES")]
    #[arg(default_value = "64MiB", value_parser = size_bytes)]
    pub(crate) backlog: usize,
    /// Folder of this server alone for what the backlog has no room for in memory; made if it is
    /// not there, and cleared of what a killed server left [default: none: that is not kept].
    #[arg(long = "replication-backlog-dir", value_name = "PATH")]
    pub(crate) backlog_dir: Option<PathBuf>,
    /// Bytes that are kept in that folder for one replica.
    #[arg(long = "replication-backlog-disk", value_name = "BYTES")]
    #[arg(default_value = "1GiB", value_parser = size_bytes)]
    pub(crate) backlog_disk: usize,
}
