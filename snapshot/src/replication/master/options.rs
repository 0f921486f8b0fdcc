//! What a master is told.

use std::path::PathBuf;
use std::time::Duration;

use rdb_format::Target;

#[cfg(planted)]
use crate::planted::Bug;
use crate::planted::Plant;
use crate::replication::spill::SpillOptions;
use crate::stream::Relaxed;

/// What a master keeps to.
#[derive(Debug, Clone)]
pub struct MasterOptions {
    pub(super) secret: Vec<u8>,
    pub(super) relaxed: Relaxed,
    pub(super) target: Target,
    pub(super) backlog_bytes: usize,
    pub(super) cut_every: Duration,
    pub(super) silence: Duration,
    pub(super) detached: Duration,
    pub(super) replicas_max: usize,
    pub(super) without_secret_for_all: bool,
    pub(super) spill: Option<SpillOptions>,
    pub(super) plant: Plant,
}

impl MasterOptions {
    /// No secret, 64 MiB for what waits to be sent to each replica and 64 MiB of what was sent
    /// kept for it, a cut every 100 ms, 10 s of silence before a connection is dead, 60 s for a
    /// replica to come back, and 16 replicas.
    pub fn new() -> Self {
        Self {
            secret: Vec::new(),
            relaxed: Relaxed::new(),
            // The newest holds all that any other does, and replicas read them all.
            target: Target::Redis88,
            backlog_bytes: 64 << 20,
            cut_every: Duration::from_millis(100),
            silence: Duration::from_secs(10),
            detached: Duration::from_mins(1),
            replicas_max: 16,
            without_secret_for_all: false,
            spill: None,
            plant: Plant::default(),
        }
    }

    /// Serves replicas with `bug`.
    #[cfg(planted)]
    #[must_use]
    pub fn plant(mut self, bug: Bug) -> Self {
        self.plant.set(bug);
        self.relaxed = self.relaxed.plant(bug);
        self
    }

    /// What replicas must know.
    #[must_use]
    pub fn secret(mut self, secret: &[u8]) -> Self {
        self.secret = secret.to_vec();
        self
    }

    /// Lets replicas on other machines follow without a secret. Without this a master that has none
    /// listens on the loopback and on Unix sockets only.
    #[must_use]
    pub fn without_secret_for_all(mut self) -> Self {
        self.without_secret_for_all = true;
        self
    }

    /// How many bytes may wait to be sent to one replica; see
    /// [`Relaxed::budget_bytes`]. When they are spent, its session ends.
    #[must_use]
    pub fn budget_bytes(mut self, bytes: usize) -> Self {
        self.relaxed = self.relaxed.budget_bytes(bytes);
        self
    }

    /// How many bytes of what was sent are kept in memory for one replica, should it have to come
    /// back.
    #[must_use]
    pub fn backlog_bytes(mut self, bytes: usize) -> Self {
        self.backlog_bytes = bytes;
        self
    }

    /// Keeps what [`backlog_bytes`](Self::backlog_bytes) has no room for in files, up to so many
    /// bytes for one replica.
    ///
    /// The folder must exist, and have nothing else in it: files that an earlier master left there
    /// are removed, and no other master may use it meanwhile. They need not survive anything, so
    /// a disk that fails or lies costs a replica that comes back no more than a new full sync.
    #[must_use]
    pub fn backlog_on_disk(mut self, folder: impl Into<PathBuf>, bytes: u64) -> Self {
        self.spill = Some(SpillOptions::new(folder.into(), bytes));
        self
    }

    /// Has the files of the backlog fail.
    #[cfg(feature = "sim")]
    #[must_use]
    pub fn faulty_backlog(mut self, faults: aligned_io::Faults) -> Self {
        if let Some(spill) = &mut self.spill {
            spill.faults = faults;
        }
        self
    }

    /// How often a cut is taken: the moments that a replica shows exactly.
    #[must_use]
    pub fn cut_every(mut self, time: Duration) -> Self {
        self.cut_every = time;
        self
    }

    /// After how long without a word a connection is dead.
    #[must_use]
    pub fn silence(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }

    /// For how long a stream may be without a connection before the session ends.
    #[must_use]
    pub fn detached(mut self, time: Duration) -> Self {
        self.detached = time;
        self
    }

    /// How many replicas there may be at once.
    #[must_use]
    pub fn replicas_max(mut self, replicas: usize) -> Self {
        self.replicas_max = replicas;
        self
    }
}

impl Default for MasterOptions {
    fn default() -> Self {
        Self::new()
    }
}
