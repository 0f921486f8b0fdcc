//! The gate that all commands pass, and that can be closed for a while.

use std::sync::Arc;
use std::sync::mpsc;

use parking_lot::{RwLockReadGuard, RwLockWriteGuard};

use crate::server::inbox::{Arrival, Inbox};
use crate::server::sync::{AtomicBool, Mutex, Ordering, RwLock};

/// Lets commands through, or holds them back where they wait: unread in their connections.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    closed: AtomicBool,
    /// Whether it stays so.
    closed_for_good: AtomicBool,
    /// Those of the connection threads.
    inboxes: Mutex<Vec<Arc<Inbox>>>,
    /// Held to read by commands that run on no single shard.
    passing: RwLock<()>,
}

/// The gate is closed until this is dropped.
#[derive(Debug)]
pub(crate) struct Closed<'a> {
    gate: &'a Gate,
    /// Whether it stays so for ever.
    for_good: bool,
    _passing: RwLockWriteGuard<'a, ()>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Tells the gate of a connection thread.
    pub(crate) fn add(&self, inbox: Arc<Inbox>) {
        self.inboxes.lock().push(inbox);
    }

    /// Whether commands must wait. For connection threads, which ask before each.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        // Relaxed: whoever closes it waits until each thread has said that it knows.
        self.closed.load(Ordering::Relaxed)
    }

    /// Waits until the gate is open, and keeps it so meanwhile; `None` once it is closed for good:
    /// what has not passed then is in no last snapshot, and must not be said to be done.
    pub(crate) fn pass(&self) -> Option<RwLockReadGuard<'_, ()>> {
        let passing = self.passing.read();
        // Relaxed: set under the lock.
        let is_open = !self.closed_for_good.load(Ordering::Relaxed);
        is_open.then_some(passing)
    }

    /// Closes the gate. What has passed it has reached its shards when this returns.
    pub(crate) fn close(&self) -> Closed<'_> {
        let passing = self.passing.write();
        if self.closed_for_good.load(Ordering::Relaxed) {
            // Nothing passes any more, and connection threads may be gone that could say so.
            return Closed {
                gate: self,
                for_good: true,
                _passing: passing,
            };
        }
        self.closed.store(true, Ordering::Relaxed);
        let inboxes = self.inboxes.lock();
        let (knows, answers) = mpsc::sync_channel(inboxes.len());
        for inbox in inboxes.iter() {
            inbox.push(Arrival::Closed(knows.clone()));
        }
        drop(knows);
        // Ends when all have answered, or are gone.
        for () in answers {}
        Closed {
            gate: self,
            for_good: false,
            _passing: passing,
        }
    }
}

impl Closed<'_> {
    /// Leaves the gate closed for ever.
    pub(crate) fn for_good(mut self) {
        self.for_good = true;
        // Relaxed: looked at under the lock that this holds.
        self.gate.closed_for_good.store(true, Ordering::Relaxed);
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        if self.for_good {
            return;
        }
        self.gate.closed.store(false, Ordering::Relaxed);
        for inbox in self.gate.inboxes.lock().iter() {
            inbox.push(Arrival::Opened);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_passes_a_gate_that_is_closed_for_good() {
        let gate = Gate::new();
        assert!(gate.pass().is_some());
        drop(gate.close());
        assert!(gate.pass().is_some());
        gate.close().for_good();
        assert!(gate.pass().is_none());
    }

    #[test]
    fn gate_that_is_closed_for_good_is_closed_again_although_nobody_answers() {
        let gate = Gate::new();
        gate.close().for_good();
        let waker = mio::Waker::new(mio::Poll::new().unwrap().registry(), mio::Token(0)).unwrap();
        // Of a connection thread that is gone.
        gate.add(Arc::new(Inbox::new(waker)));
        drop(gate.close());
        assert!(gate.is_closed());
    }
}
