//! What all threads of a server share, and how it is stopped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Condvar;
use shard_runtime::ShardSet;
use snapshot::shard_hash;

use crate::server::client::Clients;
use crate::server::error::ServerError;
use crate::server::gate::Gate;
use crate::server::options::ServerOptions;
use crate::server::persistence::Persistence;
use crate::server::replication::Replication;
use crate::server::role::CurrentRole;
use crate::server::shard_state::ShardState;
use crate::server::sync::{AtomicBool, Mutex, Ordering};

/// How long a snapshot may take to clear away what it has written, when the server ends.
const ABANDON_PATIENCE: Duration = Duration::from_secs(5);

/// What all threads of a server share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: ServerOptions,
    pub(crate) shards: Arc<ShardSet<ShardState>>,
    pub(crate) persistence: Persistence,
    pub(crate) role: Arc<CurrentRole>,
    pub(crate) replication: Replication,
    pub(crate) clients: Clients,
    pub(crate) gate: Gate,
    pub(crate) started: Instant,
    /// The first port that it listens at.
    pub(crate) port: u16,
    stopping: AtomicBool,
    stop: Mutex<Stop>,
    stopped: Condvar,
}

/// How far the stopping is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    NotAsked,
    /// Saving comes first.
    Asked,
    /// Everything that was to be saved is saved.
    Ready,
}

/// Whether to save before stopping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaveFirst {
    /// As the server's options say.
    AsConfigured,
    /// In any case.
    Always,
    /// In no case.
    Never,
}

impl Shared {
    pub(crate) fn new(
        options: ServerOptions,
        (shards, role): (Arc<ShardSet<ShardState>>, Arc<CurrentRole>),
        (persistence, replication): (Persistence, Replication),
        port: u16,
    ) -> Self {
        Self {
            options,
            shards,
            persistence,
            role,
            replication,
            clients: Clients::default(),
            gate: Gate::new(),
            started: Instant::now(),
            port,
            stopping: AtomicBool::new(false),
            stop: Mutex::new(Stop::NotAsked),
            stopped: Condvar::new(),
        }
    }

    /// Waits until it may stop: everything that was to be saved is saved.
    pub(crate) fn await_stop(&self) {
        let mut stop = self.stop.lock();
        while *stop != Stop::Ready {
            self.stopped.wait(&mut stop);
        }
    }

    /// The shard that a key belongs to.
    #[inline]
    pub(crate) fn shard_of(&self, key: &[u8]) -> usize {
        self.shards.shard_of(shard_hash(key))
    }

    /// Whether the server stops, and has saved what it was to save.
    pub(crate) fn is_stopping(&self) -> bool {
        // Relaxed: whoever sets it wakes those who look.
        self.stopping.load(Ordering::Relaxed)
    }

    /// Closes the gate for good, after a last snapshot if one is wanted; opens it again if that
    /// fails.
    pub(crate) fn stop(&self, save: SaveFirst) -> Result<(), ServerError> {
        let mut stop = self.stop.lock();
        if *stop != Stop::NotAsked {
            return Ok(());
        }
        *stop = Stop::Asked;
        drop(stop);
        let saves = match save {
            SaveFirst::AsConfigured => self.options.save_on_shutdown,
            SaveFirst::Always => true,
            SaveFirst::Never => false,
        };
        let closed = self.gate.close();
        let outcome = if saves {
            self.save_last()
        } else {
            self.persistence.abandon(ABANDON_PATIENCE);
            Ok(())
        };
        let mut stop = self.stop.lock();
        match outcome {
            Ok(()) => {
                closed.for_good();
                *stop = Stop::Ready;
                self.stopping.store(true, Ordering::Relaxed);
                self.stopped.notify_all();
            }
            Err(_) => *stop = Stop::NotAsked,
        }
        outcome
    }

    /// Stops without saving: a thread of the server has failed.
    pub(crate) fn give_up(&self) {
        *self.stop.lock() = Stop::Ready;
        self.stopping.store(true, Ordering::Relaxed);
        self.stopped.notify_all();
    }

    /// Takes a snapshot of the final state, in place of one that may be under way.
    fn save_last(&self) -> Result<(), ServerError> {
        loop {
            match self.persistence.begin(&self.options, &self.shards) {
                Ok(handle) => return self.persistence.finish(handle, &self.shards),
                Err(ServerError::Saving) => {
                    self.persistence.cancel();
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes a snapshot while the store is served.
    pub(crate) fn save(&self) -> Result<(), ServerError> {
        let handle = self.persistence.begin(&self.options, &self.shards)?;
        self.persistence.finish(handle, &self.shards)
    }
}
