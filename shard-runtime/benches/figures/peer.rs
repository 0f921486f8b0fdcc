//! What one would write without this crate: a thread that owns its state behind a `crossbeam`
//! channel of boxed closures.

use crossbeam::channel::{Sender, bounded};
use shard_runtime::{Worker, spawn_named};

/// Messages that fit in the mailbox of ours and in the peer's channel.
pub(crate) const MAILBOX: usize = 1024;

pub(crate) type Job = Box<dyn FnOnce(&mut u64) + Send>;

/// A running peer.
pub(crate) struct Peer {
    pub(crate) jobs: Sender<Job>,
    thread: Worker<u64>,
}

impl Peer {
    pub(crate) fn start() -> Self {
        let (jobs, inbox) = bounded::<Job>(MAILBOX);
        let thread = spawn_named("peer", move || {
            let mut state = 0;
            inbox.into_iter().for_each(|job| job(&mut state));
            state
        });
        Self { jobs, thread }
    }

    /// Runs `f` on the thread and waits for what it returns.
    pub(crate) fn call<R: Send + 'static>(
        &self,
        f: impl FnOnce(&mut u64) -> R + Send + 'static,
    ) -> R {
        let (answer, answered) = bounded(1);
        self.jobs
            .send(Box::new(move |state| {
                answer.send(f(state)).ok();
            }))
            .unwrap();
        answered.recv().unwrap()
    }

    /// Stops the thread, and returns its state.
    pub(crate) fn stop(self) -> u64 {
        let Self { jobs, thread } = self;
        drop(jobs);
        thread.join().unwrap()
    }
}
