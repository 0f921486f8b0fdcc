//! What the two ends of a channel say when a message does not pass.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// The channel was cancelled, and what was in it was dropped. Its source is the cause.
#[derive(Clone, Debug, thiserror::Error)]
#[error("channel cancelled")]
pub struct Cancelled {
    /// What the first one to cancel said.
    #[source]
    pub cause: Arc<dyn Error + Send + Sync>,
}

impl Cancelled {
    pub(crate) fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            cause: Arc::from(cause.into()),
        }
    }
}

/// The cause of a [`Cancelled`] channel whose receiver is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the receiver was dropped")]
pub struct ReceiverDropped;

/// The channel was cancelled, so the message is handed back.
#[derive(Clone, thiserror::Error)]
#[error("message not sent")]
pub struct SendError<T> {
    /// The message.
    pub message: T,
    /// Why it was not sent.
    #[source]
    pub cancelled: Cancelled,
}

/// The message could not be sent now, so it is handed back.
#[derive(Clone, thiserror::Error)]
pub enum TrySendError<T> {
    /// There was no room for it.
    #[error("channel full")]
    Full(T),
    /// The channel was cancelled; [`Sender::cancelled`](crate::Sender::cancelled) says why.
    #[error("channel cancelled")]
    Cancelled(T),
}

impl<T> TrySendError<T> {
    /// The message.
    pub fn into_message(self) -> T {
        match self {
            Self::Full(message) | Self::Cancelled(message) => message,
        }
    }
}

/// Why nothing was received before the deadline.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecvDeadlineError {
    /// The deadline passed, and nothing had come.
    #[error("nothing was received before the deadline")]
    TimedOut,
    /// The channel was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

// Messages are seldom `Debug`, and errors must be.
impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SendError")
            .field("cancelled", &self.cancelled)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Full(_) => "Full(..)",
            Self::Cancelled(_) => "Cancelled(..)",
        })
    }
}
