//! What a replica is told.

use std::time::Duration;

#[cfg(planted)]
use crate::planted::Bug;
use crate::planted::Plant;

/// What a replica keeps to.
#[derive(Debug, Clone)]
pub struct ReplicaOptions {
    pub(super) secret: Vec<u8>,
    pub(super) connect: Duration,
    pub(super) retry: Duration,
    pub(super) cut_deadline: Duration,
    pub(super) plant: Plant,
}

impl ReplicaOptions {
    /// No secret, 5 s to connect, and half a second between attempts.
    pub fn new() -> Self {
        Self {
            secret: Vec::new(),
            connect: Duration::from_secs(5),
            retry: Duration::from_millis(500),
            cut_deadline: Duration::from_mins(1),
            plant: Plant::default(),
        }
    }

    /// Follows with `bug`.
    #[cfg(planted)]
    #[must_use]
    pub fn plant(mut self, bug: Bug) -> Self {
        self.plant.set(bug);
        self
    }

    /// What the master asks to be known, and must know itself.
    #[must_use]
    pub fn secret(mut self, secret: &[u8]) -> Self {
        self.secret = secret.to_vec();
        self
    }

    /// How long connecting, and each word of a handshake, may take.
    #[must_use]
    pub fn connect(mut self, patience: Duration) -> Self {
        self.connect = patience;
        self
    }

    /// How long to wait before another attempt: so long, or, when full syncs are lost one after
    /// the other before anything was shown, twice as long each time, up to 128 times.
    #[must_use]
    pub fn retry(mut self, pause: Duration) -> Self {
        self.retry = pause;
        self
    }
}

impl Default for ReplicaOptions {
    fn default() -> Self {
        Self::new()
    }
}
