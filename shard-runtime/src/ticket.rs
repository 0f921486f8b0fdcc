//! A claim to the answer of a closure that was submitted to a shard.

use crate::error::ShardError;
use crate::fate::Fate;
use crate::mailbox::End;
#[cfg(planted)]
use crate::planted::{Plant, is_active, is_unwinding};
use crate::reply::{Answer, Awaiter};
use crate::set_id::SetId;
use crate::sync::now;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// The answer of a closure given to [`ShardSet::submit`](crate::ShardSet::submit), to come.
///
/// Wait for it, look at it now and then, or await it: it is a [`Future`] that needs no runtime and
/// no thread, and a [`Task`](crate::Task) of another shard can poll it with its own waker. Dropping
/// it gives up the answer, not the closure, which runs all the same.
///
/// ```
/// use shard_runtime::{ShardSet, ShardSetConfig};
///
/// let config = ShardSetConfig { shards: 2, ..ShardSetConfig::default() };
/// let shards = ShardSet::start(config, |index| index + 40)?;
/// let tickets = [0, 1].map(|shard| shards.submit(shard, |shard| *shard.state()));
/// // Both shards are at work now.
/// let mut sum = 0;
/// for ticket in tickets {
///     sum += ticket?.wait()?;
/// }
/// assert_eq!(sum, 81);
/// # Ok::<(), shard_runtime::ShardError>(())
/// ```
#[must_use = "the answer is lost with its ticket; `send` does not ask for one"]
pub struct Ticket<R> {
    awaiter: Awaiter<R>,
    shard: usize,
    set: SetId,
    fate: Arc<Fate>,
    /// A waker may have been left.
    polled: bool,
}

impl<R> Ticket<R> {
    pub(crate) fn new(awaiter: Awaiter<R>, shard: usize, set: SetId, fate: &Arc<Fate>) -> Self {
        Self {
            awaiter,
            shard,
            set,
            fate: Arc::clone(fate),
            polled: false,
        }
    }

    /// The shard that answers.
    pub fn shard(&self) -> usize {
        self.shard
    }

    /// Takes the answer if it has come; `None` if it has not. Never waits.
    ///
    /// # Errors
    ///
    /// As [`Ticket::wait`]; and [`ShardError::AnswerTaken`] when it was taken before.
    pub fn try_take(&mut self) -> Option<Result<R, ShardError>> {
        self.judge(self.awaiter.try_take())
    }

    /// Waits for the answer.
    ///
    /// # Errors
    ///
    /// [`ShardError::Poisoned`] when the closure panicked, or never ran because of a panic before
    /// it; [`ShardError::Stopped`] when the shard stopped without running it;
    /// [`ShardError::OnShardThread`], unless the answer is there, on a thread of the same set;
    /// [`ShardError::AnswerTaken`].
    pub fn wait(mut self) -> Result<R, ShardError> {
        loop {
            if let Some(result) = self.wait_until(None) {
                return result;
            }
        }
    }

    /// Waits for the answer for `patience` at most; `None` if it has not come.
    ///
    /// # Errors
    ///
    /// As [`Ticket::wait`].
    pub fn wait_timeout(&mut self, patience: Duration) -> Option<Result<R, ShardError>> {
        self.wait_until(now().checked_add(patience))
    }

    fn wait_until(&mut self, deadline: Option<Instant>) -> Option<Result<R, ShardError>> {
        let here = self.set.current_shard();
        let answer = match (self.awaiter.try_take(), here) {
            (Answer::Pending, Some(shard)) => {
                return Some(Err(ShardError::OnShardThread { shard }));
            }
            (Answer::Pending, None) => self.awaiter.wait(deadline),
            (answer, _) => answer,
        };
        self.judge(answer)
    }

    fn judge(&self, answer: Answer<R>) -> Option<Result<R, ShardError>> {
        let shard = self.shard;
        Some(match answer {
            Answer::Pending => return None,
            Answer::Filled(answer) => Ok(answer),
            Answer::Panicked(message) => Err(End::Poisoned { message }.into_error(shard)),
            Answer::Lost => Err(self.fate.end().unwrap_or(End::Stopped).into_error(shard)),
            Answer::Taken => Err(ShardError::AnswerTaken { shard }),
        })
    }
}

impl<R> Future for Ticket<R> {
    type Output = Result<R, ShardError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.polled = true;
        let Poll::Ready(answer) = self.awaiter.poll(context.waker()) else {
            return Poll::Pending;
        };
        self.polled = false;
        self.judge(answer).map_or(Poll::Pending, Poll::Ready)
    }
}

impl<R> Drop for Ticket<R> {
    fn drop(&mut self) {
        #[cfg(planted)]
        if is_unwinding() || is_active(Plant::TicketKeepsWaker) {
            return;
        }
        // The shard may keep the cell for long, and the waker keeps all that it would wake.
        if self.polled {
            self.awaiter.forget_waker();
        }
    }
}

impl<R> fmt::Debug for Ticket<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Ticket")
            .field("shard", &self.shard)
            .finish_non_exhaustive()
    }
}
