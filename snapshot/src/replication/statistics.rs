//! How replication goes, on either side.

use std::time::Duration;

/// How one stream of a session goes, on the master's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamStatistics {
    /// Its number: that of the shard.
    pub stream: u16,
    /// Whether it has a connection.
    pub attached: bool,
    /// How many connections it has had.
    pub connections: u64,
    /// The number of the last frame there is.
    pub frames: u64,
    /// The number of the last frame that was sent.
    pub frames_sent: u64,
    /// The number of the last frame that the replica has taken.
    pub frames_acknowledged: u64,
    /// The number of the last cut that the replica has passed.
    pub cut_acknowledged: u64,
    /// Bytes sent, over all connections.
    pub bytes: u64,
    /// What is kept in memory for a replica that comes back, in bytes.
    pub backlog_bytes: usize,
    /// What is kept on the disk for it, in bytes.
    pub backlog_disk_bytes: u64,
}

/// How a replica is served, on the master's side.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionStatistics {
    /// The name of its session, in hexadecimal.
    pub session: String,
    /// The number of the last cut that was taken for it; 0 while it is being filled.
    pub cut: u64,
    /// Keys that were told as they were found.
    pub keys: u64,
    /// Changes that were told.
    pub changes: u64,
    /// Bytes in its channels, out of the budget.
    pub budget_bytes_used: usize,
    /// Since it began.
    pub elapsed: Duration,
    /// Its streams.
    pub streams: Vec<StreamStatistics>,
}

impl SessionStatistics {
    /// The last cut that the replica has passed in all streams; 0 before the first.
    pub fn cut_acknowledged(&self) -> u64 {
        let cuts = self.streams.iter().map(|stream| stream.cut_acknowledged);
        cuts.min().unwrap_or(0)
    }

    /// Bytes sent in a second, on average.
    pub fn bytes_per_s(&self) -> u64 {
        let bytes: u64 = self.streams.iter().map(|stream| stream.bytes).sum();
        let nanoseconds = self.elapsed.as_nanos().max(1);
        u64::try_from(u128::from(bytes) * 1_000_000_000 / nanoseconds).unwrap_or(u64::MAX)
    }
}

/// What a replica is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplicaState {
    /// It has no master, and tries to reach it.
    Connecting,
    /// It is being filled, and shows what it had before.
    Filling,
    /// It shows what the master had at a cut, and follows.
    Following,
    /// It was stopped, or cannot go on.
    Over,
}

/// How a replica goes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplicaStatistics {
    /// What it is doing.
    pub state: ReplicaState,
    /// The number of the last cut of the session that it has passed as a whole.
    pub cut: u64,
    /// Since it has passed that cut: no more than so much is missing.
    pub lag: Option<Duration>,
    /// How many streams there are.
    pub streams: u16,
    /// Records taken, of all sessions.
    pub records: u64,
    /// Bytes of records taken, of all sessions.
    pub bytes: u64,
    /// How often it was filled from the beginning.
    pub full_syncs: u64,
    /// How often it went on where it had been.
    pub resumptions: u64,
    /// What parted it from its master last.
    pub last_error: Option<String>,
}
