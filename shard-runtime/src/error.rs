//! Every way a shard set can fail.

use crate::mailbox::End;
use crate::room::Rejected;
use std::fmt;
use std::time::Duration;

/// Why an operation on a shard set, or on a named thread, failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShardError {
    /// A number of the configuration must not be zero.
    #[error("{field} must be at least 1")]
    ZeroConfig {
        /// The field of [`ShardSetConfig`](crate::ShardSetConfig).
        field: &'static str,
    },
    /// The share of tasks must leave something for both sides.
    #[error("tasks cannot have {percent} % of the time: 1 to 99 is possible")]
    TaskShare {
        /// What [`ShardSetConfig::task_share_percent`](crate::ShardSetConfig) was.
        percent: u8,
    },
    /// The system refused a thread.
    #[error("thread {thread} could not be started")]
    Spawn {
        /// The name the thread was to have.
        thread: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A thread started with [`spawn_named`](crate::spawn_named) panicked.
    #[error("thread {thread} panicked: {message}")]
    Panicked {
        /// The thread's name.
        thread: String,
        /// The message of the panic.
        message: String,
    },
    /// A closure or a task panicked on the shard, which has been dropped since.
    #[error("shard {shard} is poisoned by a panic: {message}")]
    Poisoned {
        /// The shard's index.
        shard: usize,
        /// The message of the panic.
        message: String,
    },
    /// The shard set is shutting down.
    #[error("shard {shard} has stopped")]
    Stopped {
        /// The shard's index.
        shard: usize,
    },
    /// No shard has this index.
    #[error("there is no shard {shard} among {shards}")]
    NoSuchShard {
        /// The index asked for.
        shard: usize,
        /// How many shards the set has.
        shards: usize,
    },
    /// A shard's own thread asked for something that would block it.
    #[error("shard {shard} must not wait for a shard of its own set")]
    OnShardThread {
        /// The shard whose thread asked.
        shard: usize,
    },
    /// The mailbox was full, and the sender would not wait, or not longer, or must not: a shard's
    /// own thread never does.
    #[error("the mailbox of shard {shard} is full at {messages} messages")]
    MailboxFull {
        /// The shard that was sent to.
        shard: usize,
        /// How many messages the mailbox holds.
        messages: usize,
    },
    /// The answer was taken from its [`Ticket`](crate::Ticket) before.
    #[error("the answer of shard {shard} was taken before")]
    AnswerTaken {
        /// The shard that answered.
        shard: usize,
    },
    /// Not all shards came to the cut in time. It has happened on none of them.
    #[error("shard {shard} did not come to the cut within {deadline:?}")]
    CutTimedOut {
        /// The first shard, by index, that was waited for in vain.
        shard: usize,
        /// The time that was given.
        deadline: Duration,
    },
    /// The cut has happened, but a shard that had come to it has not begun with its part in time:
    /// it is held up by what it was doing at the moment. Its part runs before anything else when
    /// it comes back; all other parts run too.
    #[error("the cut has happened, but shard {shard} has not begun its part within {deadline:?}")]
    CutOverdue {
        /// The first shard, by index, that was waited for in vain.
        shard: usize,
        /// The time that was given.
        deadline: Duration,
    },
    /// Not all shards came to the transaction in time. No part of it has run, or ever will.
    #[error("shard {shard} did not come to the transaction within {deadline:?}")]
    TransactionTimedOut {
        /// The first shard that was waited for in vain.
        shard: usize,
        /// The time that was given.
        deadline: Duration,
    },
    /// A shard was too long in the first half of an exchange. The second has run nowhere, and never
    /// will; the first has run on all other shards, and may still be running on this one.
    #[error("shard {shard} did not end the first half of the exchange within {deadline:?}")]
    ExchangeTimedOut {
        /// The first shard that was waited for in vain.
        shard: usize,
        /// The time that was given.
        deadline: Duration,
    },
    /// An exchange names a shard twice. It has run nowhere.
    #[error("shard {shard} has more than one part of the exchange")]
    TwoParts {
        /// The shard's index.
        shard: usize,
    },
    /// What was decided between the halves of an exchange is not one plan for each part. The second
    /// half has run nowhere.
    #[error("{plans} plans for the {parts} parts of an exchange")]
    PlanCount {
        /// How many plans there were.
        plans: usize,
        /// How many parts there are.
        parts: usize,
    },
    /// A shard did not stop in time. Its thread goes on by itself, unowned.
    #[error("shard {shard} did not stop within {deadline:?}")]
    ShutdownTimedOut {
        /// The shard's index.
        shard: usize,
        /// The time that was given.
        deadline: Duration,
    },
}

/// A closure was not sent, has not run, and is handed back.
///
/// It turns into its [`ShardError`] by `?`, which drops the closure.
#[derive(thiserror::Error)]
#[error("closure not sent")]
pub struct NotSent<F> {
    /// What was to be sent.
    pub closure: F,
    /// Why it was not.
    #[source]
    pub error: ShardError,
}

impl<F> From<NotSent<F>> for ShardError {
    fn from(not_sent: NotSent<F>) -> Self {
        not_sent.error
    }
}

// Closures are not `Debug`, and errors must be.
impl<F> fmt::Debug for NotSent<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("NotSent")
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}

impl End {
    pub(crate) fn into_error(self, shard: usize) -> ShardError {
        match self {
            Self::Stopped => ShardError::Stopped { shard },
            Self::Poisoned { message } => ShardError::Poisoned {
                shard,
                message: message.to_string(),
            },
        }
    }
}

impl Rejected {
    pub(crate) fn into_error(self, shard: usize, messages: usize) -> ShardError {
        match self {
            Self::Full => ShardError::MailboxFull { shard, messages },
            Self::Closing => ShardError::Stopped { shard },
            Self::Ended(end) => end.into_error(shard),
        }
    }
}
