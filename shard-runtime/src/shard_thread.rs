//! The thread under a shard: builds the state, turns the loop, reports how it ended.

use crate::config::ShardSetConfig;
use crate::error::ShardError;
use crate::fair_share::FairShare;
use crate::inbox::Idle;
use crate::mailbox::{End, Mailbox};
use crate::reply::{Answer, Awaiter, Replier, reply};
use crate::set_id::SetId;
use crate::shard::{Message, Shard, ShardLoop, Turn};
use crate::sync::AtomicBool;
use crate::thread::{Thread, is_fiber, spawn, yield_now};
use crate::topology;
use crate::worker::panic_message;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

/// The mailboxes of a set.
pub(crate) type Mailboxes<S> = Arc<[Arc<Mailbox<Message<S>>>]>;

/// A running shard.
#[derive(Debug)]
pub(crate) struct ShardThread {
    handle: Thread<()>,
    finished: Awaiter<()>,
}

impl ShardThread {
    /// Starts a thread that builds a state, says so through `ready`, and serves.
    pub(crate) fn start<S: 'static>(
        config: &ShardSetConfig,
        index: usize,
        core: Option<usize>,
        mailboxes: &Mailboxes<S>,
        abort: &Arc<AtomicBool>,
        ready: Replier<()>,
        build: impl FnOnce() -> S + Send + 'static,
    ) -> Result<Self, ShardError> {
        let name = format!("{}-{index}", config.name);
        let (finish, finished) = reply();
        let turns = FairShare::new(config.task_slice, config.task_share_percent);
        let mailboxes = Arc::clone(mailboxes);
        let abort = Arc::clone(abort);
        let life = move || {
            SetId::of(&mailboxes).enter(index);
            pin(index, core);
            run(index, &mailboxes, turns, abort, ready, build);
            finish.fill(());
        };
        let handle =
            spawn(&name, config.stack_bytes, life).map_err(|source| ShardError::Spawn {
                thread: name,
                source,
            })?;
        Ok(Self { handle, finished })
    }

    /// Waits until the shard has ended and dropped all it had; says whether it has.
    pub(crate) fn await_finish(&self, deadline: Option<Instant>) -> bool {
        self.finished.wait(deadline) != Answer::Pending
    }

    /// Waits for the thread.
    pub(crate) fn join(self) {
        // Panics are caught and kept in the mailbox, so there is nothing to learn here.
        drop(self.handle.join());
    }
}

fn pin(index: usize, core: Option<usize>) {
    if let Some(core) = core
        && !is_fiber()
        && let Err(error) = topology::pin_current_thread(core)
    {
        tracing::warn!(shard = index, core, %error, "shard is not pinned to its core");
    }
}

/// The life of a shard. Never panics.
fn run<S: 'static>(
    index: usize,
    mailboxes: &Mailboxes<S>,
    turns: FairShare,
    abort: Arc<AtomicBool>,
    ready: Replier<()>,
    build: impl FnOnce() -> S,
) {
    let mailbox = &mailboxes[index];
    let lived = catch_unwind(AssertUnwindSafe(|| {
        let shard = Shard::new(index, build(), Arc::clone(mailbox));
        ready.fill(());
        let mut shard = ShardLoop::new(shard, turns, abort);
        let end = loop {
            match shard.turn(Idle::Sleep) {
                Turn::Ended(end) => break end,
                // Tasks are background work: on a machine whose cores are all taken, whoever
                // waits for one, as a client with the next message, comes first.
                Turn::Worked if shard.gives_way() => yield_now(),
                Turn::Worked | Turn::Idle => {}
            }
        };
        if let End::Poisoned { message } = &end {
            tracing::error!(shard = index, %message, "shard is poisoned");
        }
        shard.end(end);
    }));
    // What panics outside a turn: the building of the state, or the dropping of what was left.
    if let Err(payload) = lived {
        let message = panic_message(payload.as_ref());
        tracing::error!(shard = index, %message, "shard is poisoned");
        let left = mailbox.end(End::Poisoned {
            message: message.into(),
        });
        // A message that panics when dropped must not take the thread with it.
        drop(catch_unwind(AssertUnwindSafe(|| drop(left))));
    }
}
