//! What comes to a connection thread from other threads, and wakes it.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use mio::Waker;

use crate::server::batch::Batch;
use crate::server::client::Client;
use crate::server::stream::Stream;
use crate::server::sync::{AtomicUsize, Mutex, Ordering};

/// What comes to a connection thread.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// A connection that was accepted.
    Connection { stream: Stream, client: Arc<Client> },
    /// A batch that comes back from its shard.
    Batch {
        batch: Batch,
        shard: usize,
        round: usize,
    },
    /// The reply to a command that ran elsewhere.
    Answer { connection: usize, reply: Vec<u8> },
    /// The gate is closed: to be told that nothing more will pass until it opens.
    Closed(SyncSender<()>),
    /// The gate is open again.
    Opened,
    /// The server stops.
    Stop,
}

/// What has come to a connection thread, which sleeps in its poll while there is nothing.
#[derive(Debug)]
pub(crate) struct Inbox {
    state: Mutex<State>,
    waker: Waker,
}

#[derive(Debug)]
struct State {
    arrivals: Vec<Arrival>,
    /// The thread may be asleep, and has not been woken.
    asleep: bool,
}

impl Inbox {
    pub(crate) fn new(waker: Waker) -> Self {
        Self {
            state: Mutex::new(State {
                arrivals: Vec::new(),
                asleep: false,
            }),
            waker,
        }
    }

    pub(crate) fn push(&self, arrival: Arrival) {
        self.push_if_last(arrival, || true);
    }

    /// Brings one of several that are worth nothing before all of them are there, of which so many
    /// are still `missing`, this one among them: only the last wakes the thread.
    pub(crate) fn push_one_of(&self, arrival: Arrival, missing: &AtomicUsize) {
        // Relaxed: all who count do so under the lock.
        self.push_if_last(arrival, || missing.fetch_sub(1, Ordering::Relaxed) == 1);
    }

    fn push_if_last(&self, arrival: Arrival, is_last: impl FnOnce() -> bool) {
        let mut state = self.state.lock();
        state.arrivals.push(arrival);
        // Decided under the lock under which the thread decides to sleep, so no wake-up is lost;
        // and only the first who comes pays for it.
        let wakes = is_last() && std::mem::replace(&mut state.asleep, false);
        drop(state);
        if wakes {
            // It fails only when the thread's poll is gone, and then nobody waits.
            drop(self.waker.wake());
        }
    }

    /// Takes everything that has come into `arrivals`, which is empty.
    pub(crate) fn take(&self, arrivals: &mut Vec<Arrival>) {
        std::mem::swap(&mut self.state.lock().arrivals, arrivals);
    }

    /// Whether the thread may go to sleep: nothing has come. From then on it is woken.
    pub(crate) fn may_sleep(&self) -> bool {
        let mut state = self.state.lock();
        state.asleep = state.arrivals.is_empty();
        state.asleep
    }

    /// The thread is awake, and needs no waking.
    pub(crate) fn awake(&self) {
        self.state.lock().asleep = false;
    }
}
