//! What `replicate` can be asked.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use snapshot::Address;

use super::size_bytes;

/// A replica from the command line.
#[derive(Debug, Args)]
pub(crate) struct Replicate {
    /// Where the master listens for replicas: HOST:PORT, or unix:PATH.
    pub(crate) master: Address,
    /// Shards, each a thread of its own [default: the number of cores].
    #[arg(long)]
    pub(crate) shards: Option<NonZeroUsize>,
    /// Folder for dump.rdb: what the master had.
    #[arg(long)]
    pub(crate) out: PathBuf,
    /// File whose first line is the secret that the master asks for.
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Seconds to wait for the master's keys.
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    pub(crate) patience: u64,
    /// Seconds to follow the master after that, before the snapshot.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) follow: u64,
    /// Bytes that may be on their way from the shards to the disk.
    #[arg(long, default_value = "64MiB", value_parser = size_bytes)]
    pub(crate) snapshot_budget: usize,
}
