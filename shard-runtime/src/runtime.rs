//! The shard set: starts the shards, sends to them, cuts them, stops them.

use crate::config::ShardSetConfig;
use crate::dispatch::WhenFull;
use crate::error::ShardError;
use crate::gathering::Gatherings;
use crate::mailbox::{End, Mailbox};
use crate::reply::{Answer, Awaiter, reply};
use crate::room::Room;
use crate::set_id::SetId;
use crate::shard::Message;
use crate::shard_thread::{Mailboxes, ShardThread};
use crate::sync::{AtomicBool, Ordering, now};
use crate::topology;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Threads that each own one shard of the state.
///
/// Nothing else ever touches a shard's `S`, which is built on its thread and need not be `Send`.
/// Users share the set as `Arc<ShardSet<S>>`. Dropping it stops all shards, once they have served
/// what is in their mailboxes, and joins their threads.
///
/// ```
/// use shard_runtime::{ShardSet, ShardSetConfig};
///
/// let config = ShardSetConfig { shards: 2, ..ShardSetConfig::default() };
/// let shards = ShardSet::start(config, |index| vec![index])?;
/// shards.send(1, |shard| shard.state().push(7))?;
/// assert_eq!(shards.call(1, |shard| shard.state().clone())?, [1, 7]);
/// # Ok::<(), shard_runtime::ShardError>(())
/// ```
pub struct ShardSet<S> {
    mailboxes: Mailboxes<S>,
    threads: Vec<ShardThread>,
    gatherings: Gatherings,
    /// Set when shards must end and leave what waits.
    abort: Arc<AtomicBool>,
    when_full: WhenFull,
}

impl<S: 'static> ShardSet<S> {
    /// Starts the threads, and waits until each has built its state with `build(index)`.
    ///
    /// # Errors
    ///
    /// [`ShardError::ZeroConfig`], [`ShardError::Spawn`], or [`ShardError::Poisoned`] when `build`
    /// panicked. What had been started is stopped again.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a set is started once with what it is given"
    )]
    pub fn start(
        config: ShardSetConfig,
        build: impl Fn(usize) -> S + Send + Sync + 'static,
    ) -> Result<Self, ShardError> {
        config.check()?;
        let mailboxes: Arc<[_]> = (0..config.shards)
            .map(|_| Arc::new(Mailbox::new(config.mailbox_messages)))
            .collect();
        let mut set = Self {
            mailboxes,
            threads: Vec::with_capacity(config.shards),
            gatherings: Gatherings::new(),
            abort: Arc::new(AtomicBool::new(false)),
            when_full: config.when_full,
        };
        let cores = topology::plan(config.pin, config.shards);
        let build = Arc::new(build);
        let mut ready = Vec::with_capacity(config.shards);
        for index in 0..config.shards {
            let (replier, awaiter) = reply();
            let core = cores.as_ref().and_then(|cores| cores.get(index)).copied();
            let build = Arc::clone(&build);
            let thread = ShardThread::start(
                &config,
                index,
                core,
                &set.mailboxes,
                &set.abort,
                replier,
                move || build(index),
            )?;
            set.threads.push(thread);
            ready.push(awaiter);
        }
        for (index, ready) in ready.iter().enumerate() {
            set.await_answer(index, ready)?;
        }
        Ok(set)
    }

    /// How many shards there are.
    pub fn len(&self) -> usize {
        self.mailboxes.len()
    }

    /// Never: a set has at least one shard.
    pub fn is_empty(&self) -> bool {
        self.mailboxes.is_empty()
    }

    /// The shard that a hash belongs to: `hash * len / 2^64`, so the highest bits decide.
    ///
    /// The same for ever for the same number of shards. If a shard's own table takes its buckets
    /// from the high bits too, give it another hash, or all its keys fall into a part of it.
    pub fn shard_of(&self, hash: u64) -> usize {
        let scaled = (u128::from(hash) * self.len() as u128) >> 64;
        usize::try_from(scaled).unwrap_or(0)
    }

    /// Stops all shards, once they have served what is in their mailboxes, and joins them.
    ///
    /// Tasks that are not done are dropped. At the deadline all that is left is
    /// [aborted](ShardSet::abort).
    ///
    /// # Errors
    ///
    /// [`ShardError::ShutdownTimedOut`] when a shard has not stopped in time: its thread is left to
    /// itself, and ends after the closure or step that it is in. [`ShardError::Poisoned`] when a
    /// shard had panicked; all have stopped then. [`ShardError::OnShardThread`] on a thread of this
    /// set; all stop soon after, unjoined.
    pub fn shutdown(mut self, deadline: Duration) -> Result<(), ShardError> {
        self.close();
        let give_up = now().checked_add(deadline);
        let threads = std::mem::take(&mut self.threads);
        self.refuse_shard_threads()?;
        for (shard, thread) in threads.iter().enumerate() {
            if !thread.await_finish(give_up) {
                self.abort();
                return Err(ShardError::ShutdownTimedOut { shard, deadline });
            }
        }
        threads.into_iter().for_each(ShardThread::join);
        self.mailboxes
            .iter()
            .enumerate()
            .find_map(|(shard, mailbox)| match mailbox.ended()? {
                End::Stopped => None,
                end @ End::Poisoned { .. } => Some(Err(end.into_error(shard))),
            })
            .unwrap_or(Ok(()))
    }

    pub(crate) fn mailboxes(&self) -> &Mailboxes<S> {
        &self.mailboxes
    }

    pub(crate) fn mailbox(&self, shard: usize) -> Result<&Arc<Mailbox<Message<S>>>, ShardError> {
        self.mailboxes.get(shard).ok_or(ShardError::NoSuchShard {
            shard,
            shards: self.len(),
        })
    }

    pub(crate) fn push(
        &self,
        shard: usize,
        message: Message<S>,
        room: Room,
    ) -> Result<(), ShardError> {
        let mailbox = self.mailbox(shard)?;
        mailbox
            .push(message, room)
            .map_err(|rejected| rejected.into_error(shard, mailbox.capacity()))
    }

    /// Sends before all that waits. Only to shards that exist.
    pub(crate) fn push_urgent(&self, shard: usize, message: Message<S>) -> Result<(), ShardError> {
        let mailbox = &self.mailboxes[shard];
        mailbox
            .push_urgent(message)
            .map_err(|rejected| rejected.into_error(shard, mailbox.capacity()))
    }

    pub(crate) fn await_answer<R>(
        &self,
        shard: usize,
        awaiter: &Awaiter<R>,
    ) -> Result<R, ShardError> {
        match awaiter.wait(None) {
            Answer::Filled(result) => Ok(result),
            Answer::Panicked(_) | Answer::Lost | Answer::Pending | Answer::Taken => {
                Err(self.why_lost(shard))
            }
        }
    }

    /// Why an answer was lost. A panic drops the closure first and ends the mailbox next, so this
    /// may wait for a moment.
    pub(crate) fn why_lost(&self, shard: usize) -> ShardError {
        self.mailboxes[shard].await_end().into_error(shard)
    }

    pub(crate) fn refuse_shard_threads(&self) -> Result<(), ShardError> {
        self.current_shard()
            .map_or(Ok(()), |shard| Err(ShardError::OnShardThread { shard }))
    }
}

impl<S> ShardSet<S> {
    /// Lets no shard take another message. What is in their mailboxes still runs; then they stop.
    ///
    /// For sets shared as `Arc<ShardSet<S>>`, whose last owner joins the threads by dropping it.
    /// From here on all senders get [`ShardError::Stopped`].
    pub fn close(&self) {
        for mailbox in self.mailboxes.iter() {
            mailbox.close();
        }
    }

    /// Lets every shard stop after the closure or step that it is in.
    ///
    /// Messages that wait are dropped, and so are tasks; whoever waits for an answer gets
    /// [`ShardError::Stopped`]; cuts and transactions that had not come to their moment never will.
    ///
    /// Waits for nothing: [`ShardSet::shutdown`], or dropping the set, joins the threads.
    pub fn abort(&self) {
        // Relaxed: see `ShardLoop::is_aborted`.
        self.abort.store(true, Ordering::Relaxed);
        self.close();
    }

    pub(crate) fn gatherings(&self) -> &Gatherings {
        &self.gatherings
    }

    /// The shard of this set whose thread is running this, if it is one.
    pub(crate) fn current_shard(&self) -> Option<usize> {
        self.id().current_shard()
    }

    pub(crate) fn id(&self) -> SetId {
        SetId::of(&self.mailboxes)
    }

    pub(crate) fn when_full(&self) -> WhenFull {
        self.when_full
    }
}

impl<S> Drop for ShardSet<S> {
    fn drop(&mut self) {
        self.close();
        // The last owner may be a closure on one of the shards. It cannot wait for itself; that
        // thread ends by itself soon.
        let own = self.current_shard();
        for (shard, thread) in self.threads.drain(..).enumerate() {
            if own != Some(shard) {
                thread.join();
            }
        }
    }
}

impl<S> fmt::Debug for ShardSet<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ShardSet")
            .field("shards", &self.mailboxes.len())
            .finish_non_exhaustive()
    }
}
