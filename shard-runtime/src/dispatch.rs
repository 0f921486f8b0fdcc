//! The ways to let a closure run on a shard: sent, called, submitted, broadcast.

use crate::error::{NotSent, ShardError};
use crate::job::Job;
use crate::reply::{Replier, reply};
use crate::reply_pool::pooled_reply;
use crate::room::Room;
use crate::runtime::ShardSet;
use crate::shard::{Message, Shard};
use crate::sync::now;
use crate::ticket::Ticket;
use crate::worker::panic_message;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

/// What [`ShardSet::send`], [`ShardSet::call`] and [`ShardSet::submit`] do if a mailbox is full.
///
/// On a thread of the set itself they never wait, whatever is chosen here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// Wait, asleep, until there is room. The default.
    #[default]
    Wait,
    /// Return [`ShardError::MailboxFull`]. For callers that must not wait, as those in an async
    /// runtime, and for services that would rather refuse than queue.
    Refuse,
}

impl<S: 'static> ShardSet<S> {
    /// Lets `f` run on a shard, and does not wait for it.
    ///
    /// What one thread sends to one shard runs in the order sent. While the mailbox is full it
    /// waits, without spinning, or refuses, as [`WhenFull`] says. A closure that captures up to 56
    /// bytes costs no allocation.
    ///
    /// # Errors
    ///
    /// [`ShardError::NoSuchShard`], [`ShardError::Poisoned`], [`ShardError::Stopped`];
    /// [`ShardError::MailboxFull`] under [`WhenFull::Refuse`] and, as a shard must never wait for
    /// a shard, on a thread of this set. `f` is dropped then and has not run.
    pub fn send(
        &self,
        shard: usize,
        f: impl FnOnce(&mut Shard<S>) + Send + 'static,
    ) -> Result<(), ShardError> {
        self.push(shard, Job::new(f), self.room())
    }

    /// As [`ShardSet::send`], but never waits, and hands `f` back if it cannot be sent.
    ///
    /// ```
    /// use shard_runtime::{Shard, ShardError, ShardSet, ShardSetConfig};
    /// use std::sync::mpsc;
    ///
    /// let config = ShardSetConfig { mailbox_messages: 1, ..ShardSetConfig::default() };
    /// let shards = ShardSet::start(config, |_| String::new())?;
    /// let (begin, begun) = mpsc::channel::<()>();
    /// let (release, released) = mpsc::channel::<()>();
    /// shards.send(0, move |_| {
    ///     begin.send(()).ok();
    ///     released.recv().ok();
    /// })?;
    /// // The shard is at work, and takes nothing out of its mailbox until it is released.
    /// begun.recv().ok();
    /// while shards.try_send(0, |_| ()).is_ok() {}
    /// let word = "kept".to_owned();
    /// let attempt = move |shard: &mut Shard<String>| shard.state().push_str(&word);
    /// let refused = shards.try_send(0, attempt).unwrap_err();
    /// assert!(matches!(refused.error, ShardError::MailboxFull { shard: 0, messages: 1 }));
    /// drop(release);
    /// shards.send(0, refused.closure)?;
    /// assert_eq!(shards.call(0, |shard| shard.state().clone())?, "kept");
    /// # Ok::<(), ShardError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`NotSent`] with `f` and one of the errors of [`ShardSet::send`].
    pub fn try_send<F>(&self, shard: usize, f: F) -> Result<(), NotSent<F>>
    where
        F: FnOnce(&mut Shard<S>) + Send + 'static,
    {
        self.push_as(shard, f, Room::Demand, Job::new)
    }

    /// As [`ShardSet::send`], but waits for room for `patience` at most, and hands `f` back if it
    /// cannot be sent. For those who must not depend on a shard that may hang.
    ///
    /// # Errors
    ///
    /// [`NotSent`] with `f` and one of the errors of [`ShardSet::send`].
    pub fn send_within<F>(&self, shard: usize, patience: Duration, f: F) -> Result<(), NotSent<F>>
    where
        F: FnOnce(&mut Shard<S>) + Send + 'static,
    {
        let room = match (self.current_shard(), now().checked_add(patience)) {
            (Some(_), _) => Room::Demand,
            (None, Some(deadline)) => Room::AwaitUntil(deadline),
            (None, None) => Room::Await,
        };
        self.push_as(shard, f, room, Job::new)
    }

    /// Lets `f` run on a shard, and returns what it returned.
    ///
    /// A closure that captures up to 48 bytes costs no allocation, and the answer none once the
    /// thread has called before.
    ///
    /// # Errors
    ///
    /// As [`ShardSet::send`]; and [`ShardError::OnShardThread`] on a thread of this set, instead
    /// of a deadlock. After [`ShardError::Poisoned`] it is unknown whether `f` has run.
    pub fn call<R: Send + 'static>(
        &self,
        shard: usize,
        f: impl FnOnce(&mut Shard<S>) -> R + Send + 'static,
    ) -> Result<R, ShardError> {
        self.refuse_shard_threads()?;
        let (replier, awaiter) = pooled_reply();
        self.push(shard, answering(replier, f), self.room())?;
        self.await_answer(shard, &awaiter)
    }

    /// Lets `f` run on a shard, and returns a claim to what it will return: to wait for, to poll,
    /// or to await.
    ///
    /// Waits for nothing but room in the mailbox, and not even for that under
    /// [`WhenFull::Refuse`] or on a thread of this set. One allocation, for the answer.
    ///
    /// # Errors
    ///
    /// As [`ShardSet::send`].
    pub fn submit<R: Send + 'static>(
        &self,
        shard: usize,
        f: impl FnOnce(&mut Shard<S>) -> R + Send + 'static,
    ) -> Result<Ticket<R>, ShardError> {
        let mailbox = self.mailbox(shard)?;
        let (replier, awaiter) = reply();
        self.push(shard, answering(replier, f), self.room())?;
        Ok(Ticket::new(awaiter, shard, self.id(), mailbox.fate()))
    }

    /// As [`ShardSet::submit`], but never waits, and hands `f` back if it cannot be sent.
    ///
    /// # Errors
    ///
    /// [`NotSent`] with `f` and one of the errors of [`ShardSet::send`].
    pub fn try_submit<R, F>(&self, shard: usize, f: F) -> Result<Ticket<R>, NotSent<F>>
    where
        R: Send + 'static,
        F: FnOnce(&mut Shard<S>) -> R + Send + 'static,
    {
        let mailbox = match self.mailbox(shard) {
            Ok(mailbox) => mailbox,
            Err(error) => return Err(NotSent { closure: f, error }),
        };
        let (replier, awaiter) = reply();
        let ticket = Ticket::new(awaiter, shard, self.id(), mailbox.fate());
        let sent = self.push_as(shard, (f, replier), Room::Demand, |(f, replier)| {
            answering(replier, f)
        });
        sent.map(|()| ticket).map_err(|not_sent| NotSent {
            closure: not_sent.closure.0,
            error: not_sent.error,
        })
    }

    /// Lets `f` run on every shard, and returns what it returned on each, or why it did not, in
    /// shard order.
    ///
    /// Every shard runs it in its own time: unlike a [cut](ShardSet::cut) it is no one moment, and
    /// no shard waits for another. So a shard that is poisoned costs its own answer only.
    ///
    /// ```
    /// use shard_runtime::{ShardSet, ShardSetConfig};
    ///
    /// let config = ShardSetConfig { shards: 3, ..ShardSetConfig::default() };
    /// let shards = ShardSet::start(config, |index| vec![0; index])?;
    /// let lengths: Result<Vec<_>, _> =
    ///     shards.broadcast(|shard| shard.state().len()).into_iter().collect();
    /// assert_eq!(lengths?, [0, 1, 2]);
    /// # Ok::<(), shard_runtime::ShardError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Each as of [`ShardSet::call`].
    pub fn broadcast<R: Send + 'static>(
        &self,
        f: impl Fn(&mut Shard<S>) -> R + Send + Sync + 'static,
    ) -> Vec<Result<R, ShardError>> {
        let f = Arc::new(f);
        let tickets: Vec<_> = (0..self.len())
            .map(|shard| {
                let f = Arc::clone(&f);
                self.refuse_shard_threads()?;
                self.submit(shard, move |shard| f(shard))
            })
            .collect();
        tickets
            .into_iter()
            .map(|ticket| ticket.and_then(Ticket::wait))
            .collect()
    }

    /// How this thread waits for room.
    fn room(&self) -> Room {
        let may_wait = self.when_full() == WhenFull::Wait && self.current_shard().is_none();
        if may_wait { Room::Await } else { Room::Demand }
    }

    fn push_as<C>(
        &self,
        shard: usize,
        content: C,
        room: Room,
        make: impl FnOnce(C) -> Message<S>,
    ) -> Result<(), NotSent<C>> {
        let mailbox = match self.mailbox(shard) {
            Ok(mailbox) => mailbox,
            Err(error) => {
                return Err(NotSent {
                    closure: content,
                    error,
                });
            }
        };
        mailbox
            .push_as(content, room, make)
            .map_err(|(rejected, closure)| NotSent {
                closure,
                error: rejected.into_error(shard, mailbox.capacity()),
            })
    }
}

/// A message that answers with what `f` returns, or with the message of its panic.
pub(crate) fn answering<S: 'static, R: Send + 'static>(
    replier: Replier<R>,
    f: impl FnOnce(&mut Shard<S>) -> R + Send + 'static,
) -> Message<S> {
    Job::new(move |shard: &mut Shard<S>| {
        match catch_unwind(AssertUnwindSafe(|| f(shard))) {
            Ok(answer) => replier.fill(answer),
            // Whoever awaits the answer need not find out from the shard's mailbox, which ends a
            // moment later.
            Err(payload) => {
                replier.fail(panic_message(payload.as_ref()).into());
                resume_unwind(payload)
            }
        }
    })
}
