//! What all threads of a server share, and how it is stopped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Condvar;
use shard_runtime::{ShardSet, Worker};
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

/// How long a server that is cut off may take to stop, and its threads to end after that.
const CUT_OFF_PATIENCE: Duration = Duration::from_secs(5);
const THREADS_PATIENCE: Duration = Duration::from_secs(1);

/// How often whoever waits for a thread looks whether the server has been cut off.
const LOOK: Duration = Duration::from_millis(5);

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

/// How far the stopping is, and what has become of it.
#[derive(Debug)]
struct Stop {
    phase: Phase,
    /// When nothing is waited for any more, whatever hangs.
    cut_off_at: Option<Instant>,
    /// Whether a last snapshot was wanted, and there is none.
    is_unsaved: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
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
            stop: Mutex::new(Stop {
                phase: Phase::NotAsked,
                cut_off_at: None,
                is_unsaved: false,
            }),
            stopped: Condvar::new(),
        }
    }

    /// Waits until it may stop: everything that was to be saved is saved, or it has been cut off.
    pub(crate) fn await_stop(&self) {
        let mut stop = self.stop.lock();
        while stop.phase != Phase::Ready {
            let Some(at) = stop.cut_off_at else {
                self.stopped.wait(&mut stop);
                continue;
            };
            if self.stopped.wait_until(&mut stop, at).timed_out() {
                self.end(&mut stop);
            }
        }
    }

    /// Waits for a thread to end, but not for long when the server has been cut off.
    ///
    /// # Errors
    ///
    /// When it has panicked, or does not end.
    pub(crate) fn await_end(&self, worker: Worker<()>) -> Result<(), ServerError> {
        while !worker.is_finished() {
            let cut_off_at = self.stop.lock().cut_off_at;
            if cut_off_at.is_some_and(|at| Instant::now() >= at + THREADS_PATIENCE) {
                return Err(ServerError::CutOff {
                    thread: worker.name().to_owned(),
                });
            }
            std::thread::sleep(LOOK);
        }
        Ok(worker.join()?)
    }

    /// Whether a last snapshot was wanted, and there is none.
    pub(crate) fn is_unsaved(&self) -> bool {
        self.stop.lock().is_unsaved
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
    /// fails. What somebody else does to stop it is waited for.
    pub(crate) fn stop(&self, save: SaveFirst) -> Result<(), ServerError> {
        let mut stop = self.stop.lock();
        while stop.phase == Phase::Asked {
            self.stopped.wait(&mut stop);
        }
        if stop.phase == Phase::Ready {
            return Ok(());
        }
        stop.phase = Phase::Asked;
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
        // Who is cut off has not chosen to save nothing.
        if saves || stop.cut_off_at.is_none() {
            stop.is_unsaved = outcome.is_err();
        }
        if outcome.is_ok() || stop.cut_off_at.is_some() {
            closed.for_good();
            self.end(&mut stop);
            return outcome.map_err(|_| self.unsaved());
        }
        if stop.phase == Phase::Asked {
            stop.phase = Phase::NotAsked;
            self.stopped.notify_all();
        }
        outcome
    }

    /// Has the server end soon, whatever hangs: a last snapshot is given up.
    pub(crate) fn cut_off(&self) {
        let mut stop = self.stop.lock();
        if stop.phase != Phase::Ready {
            stop.is_unsaved |= self.options.save_on_shutdown;
        }
        stop.cut_off_at
            .get_or_insert_with(|| Instant::now() + CUT_OFF_PATIENCE);
        self.stopped.notify_all();
        drop(stop);
        self.persistence.cancel();
    }

    /// Stops without saving: a thread of the server has failed.
    pub(crate) fn give_up(&self) {
        self.end(&mut self.stop.lock());
    }

    fn end(&self, stop: &mut Stop) {
        stop.phase = Phase::Ready;
        self.stopping.store(true, Ordering::Relaxed);
        self.stopped.notify_all();
    }

    fn is_cut_off(&self) -> bool {
        self.stop.lock().cut_off_at.is_some()
    }

    /// Takes a snapshot of the final state, in place of one that may be under way.
    fn save_last(&self) -> Result<(), ServerError> {
        while !self.is_cut_off() {
            match self.persistence.begin(&self.options, &self.shards) {
                Ok(handle) => {
                    // Before it had begun there was nothing to cancel.
                    if self.is_cut_off() {
                        handle.cancel();
                    }
                    return self.persistence.finish(handle, &self.shards);
                }
                Err(ServerError::Saving) => {
                    self.persistence.cancel();
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(error) => return Err(error),
            }
        }
        Err(self.unsaved())
    }

    /// There is no last snapshot, although one was wanted.
    pub(crate) fn unsaved(&self) -> ServerError {
        let path = self.persistence.path().to_owned();
        ServerError::Unsaved { path }
    }

    /// Takes a snapshot while the store is served.
    pub(crate) fn save(&self) -> Result<(), ServerError> {
        let handle = self.persistence.begin(&self.options, &self.shards)?;
        self.persistence.finish(handle, &self.shards)
    }
}
