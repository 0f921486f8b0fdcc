//! What a running snapshot tells about itself, and the first thing that went wrong.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::error::SnapshotError;

/// What a snapshot is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Phase {
    /// Shards deliver, the sink writes.
    Writing,
    /// Everything is written; it is being made durable and published.
    Publishing,
    /// Over, for better or worse: [`Handle::wait`](crate::Handle::wait) knows.
    Over,
}

/// How far a snapshot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What it is doing.
    pub phase: Phase,
    /// Keys that have left their shards.
    pub keys_done: u64,
    /// Keys there were at the cut.
    pub keys_total: u64,
    /// Bytes written so far.
    pub bytes: u64,
    /// Bytes on their way from the shards to the sink, out of the budget.
    pub budget_bytes_used: usize,
}

/// What shards, sink and handle of one snapshot share.
///
/// The counters are statistics: nothing is decided by them, so all accesses are Relaxed and
/// no model of them is needed. The failure is decided under its lock.
#[derive(Debug)]
pub(crate) struct Shared {
    phase: Mutex<Phase>,
    over: Condvar,
    keys_done: AtomicU64,
    keys_total: AtomicU64,
    bytes: AtomicU64,
    failure: Mutex<Option<SnapshotError>>,
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self {
            phase: Mutex::new(Phase::Writing),
            over: Condvar::new(),
            keys_done: AtomicU64::new(0),
            keys_total: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            failure: Mutex::new(None),
        }
    }

    pub(crate) fn count_keys(&self, keys: u64) {
        self.keys_done.fetch_add(keys, Ordering::Relaxed);
    }

    pub(crate) fn set_keys_total(&self, keys: u64) {
        self.keys_total.store(keys, Ordering::Relaxed);
    }

    pub(crate) fn set_bytes(&self, bytes: u64) {
        self.bytes.store(bytes, Ordering::Relaxed);
    }

    pub(crate) fn set_phase(&self, phase: Phase) {
        *self.phase.lock() = phase;
        if phase == Phase::Over {
            self.over.notify_all();
        }
    }

    /// Waits until the snapshot is over, but not longer than `timeout`; whether it is.
    pub(crate) fn wait_timeout(&self, timeout: Duration) -> bool {
        let mut phase = self.phase.lock();
        self.over
            .wait_while_for(&mut phase, |phase| *phase != Phase::Over, timeout);
        *phase == Phase::Over
    }

    /// Keeps `error` if it is the first: it is the cause, the others are its consequences.
    pub(crate) fn fail(&self, error: SnapshotError) {
        self.failure.lock().get_or_insert(error);
    }

    /// The first error, if there was one.
    pub(crate) fn take_failure(&self) -> Option<SnapshotError> {
        self.failure.lock().take()
    }

    pub(crate) fn progress(&self, budget_bytes_used: usize) -> Progress {
        Progress {
            phase: *self.phase.lock(),
            keys_done: self.keys_done.load(Ordering::Relaxed),
            keys_total: self.keys_total.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            budget_bytes_used,
        }
    }
}
