//! A view of a channel from beside it.

use crate::channel::Receiver;
use crate::channel_error::Cancelled;
use crate::weighted_queue::{ChannelStats, WeightedQueue};
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// A view of a channel for who neither sends nor receives: it keeps nothing open.
///
/// ```
/// use shard_runtime::{ChannelConfig, channel};
///
/// let (sender, receiver) = channel::<Vec<u8>>(ChannelConfig::default());
/// let monitor = receiver.monitor();
/// sender.send(vec![1; 100])?;
/// assert_eq!(monitor.stats().messages, 1);
///
/// monitor.cancel("changed my mind");
/// assert!(receiver.recv().is_err());
/// # Ok::<(), shard_runtime::SendError<Vec<u8>>>(())
/// ```
pub struct Monitor<T> {
    queue: Arc<WeightedQueue<T>>,
}

impl<T> Receiver<T> {
    /// A view of this channel.
    pub fn monitor(&self) -> Monitor<T> {
        Monitor {
            queue: Arc::clone(&self.queue),
        }
    }
}

impl<T> Monitor<T> {
    /// Ends the channel for all, as [`Receiver::cancel`] does.
    pub fn cancel(&self, cause: impl Into<Box<dyn Error + Send + Sync>>) {
        self.queue.cancel(Cancelled::new(cause));
    }

    /// A look at the channel.
    pub fn stats(&self) -> ChannelStats {
        self.queue.stats()
    }
}

impl<T> fmt::Debug for Monitor<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Monitor")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
