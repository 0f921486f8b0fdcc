//! A blocking channel, bounded by the bytes in it: many producers, one consumer.

use crate::channel_error::{
    Cancelled, ReceiverDropped, RecvDeadlineError, SendError, TrySendError,
};
#[cfg(planted)]
use crate::planted::is_unwinding;
use crate::weighted_queue::{ChannelStats, Refusal, WeightedQueue};
use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::Waker;
use std::time::Instant;

/// How much memory a message holds while it is in a channel.
pub trait Weighted {
    /// Bytes. Asked once, when the message is sent.
    fn weight_bytes(&self) -> usize;
}

impl Weighted for Vec<u8> {
    /// The bytes allocated, used or not.
    fn weight_bytes(&self) -> usize {
        self.capacity()
    }
}

/// How much a channel may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelConfig {
    /// Bytes of all messages together that are in the channel or in the consumer's hand.
    /// Default 64 MiB.
    pub capacity_bytes: usize,
    /// The part of it that [`Sender::try_send`] leaves to [`Sender::send`]. Default 16 MiB.
    pub reserved_bytes: usize,
}

impl Default for ChannelConfig {
    fn default() -> Self {
        Self {
            capacity_bytes: 64 << 20,
            reserved_bytes: 16 << 20,
        }
    }
}

/// Makes a channel.
///
/// The bound: a message is let in when nothing else is in the channel, or when its weight and all
/// others' together are at most [`ChannelConfig::capacity_bytes`]. So one that is heavier than the
/// whole capacity passes alone. A message's weight counts from the moment it is let in until the
/// consumer is done with it: until it calls [`Receiver::recv`] for the next one, or
/// [`Receiver::release`].
///
/// What one producer sends arrives in the order sent.
///
/// ```
/// use shard_runtime::{ChannelConfig, channel, spawn_named};
///
/// let (sender, receiver) = channel(ChannelConfig { capacity_bytes: 4096, reserved_bytes: 0 });
/// let producer = spawn_named("producer", move || {
///     for byte in 0..100 {
///         sender.send(vec![byte; 1000])?; // waits while four others are in the channel
///     }
///     Ok::<(), shard_runtime::SendError<Vec<u8>>>(())
/// });
/// let mut bytes = 0;
/// while let Some(blob) = receiver.recv()? {
///     bytes += blob.len();
/// }
/// assert_eq!(bytes, 100_000);
/// assert!(receiver.stats().high_water_bytes <= 4096);
/// producer.join()??;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn channel<T: Weighted>(config: ChannelConfig) -> (Sender<T>, Receiver<T>) {
    let queue = Arc::new(WeightedQueue::new(
        config.capacity_bytes,
        config.reserved_bytes,
    ));
    (
        Sender {
            queue: Arc::clone(&queue),
        },
        Receiver {
            queue,
            not_sync: PhantomData,
        },
    )
}

/// A producer's end. Cloning it makes another producer; dropping it closes this one.
pub struct Sender<T> {
    queue: Arc<WeightedQueue<T>>,
}

impl<T: Weighted> Sender<T> {
    /// Sends, and waits while the whole capacity is spent. Those who wait are let in in the order
    /// in which they came, before any [`try_send`](Sender::try_send).
    ///
    /// # Errors
    ///
    /// [`SendError`], with the message, once the channel is cancelled.
    pub fn send(&self, mut message: T) -> Result<(), SendError<T>> {
        let weight = message.weight_bytes();
        loop {
            match self.queue.send(message, weight, None) {
                Ok(()) => return Ok(()),
                Err((message, Refusal::Cancelled(cancelled))) => {
                    return Err(SendError { message, cancelled });
                }
                // Only a deadline ends in this.
                Err((back, Refusal::Full)) => message = back,
            }
        }
    }

    /// Sends, and waits until `deadline` at most while the whole capacity is spent. For those who
    /// must not depend on a consumer that may hang.
    ///
    /// # Errors
    ///
    /// [`TrySendError::Full`] when the deadline has passed, [`TrySendError::Cancelled`].
    pub fn send_deadline(&self, message: T, deadline: Instant) -> Result<(), TrySendError<T>> {
        let weight = message.weight_bytes();
        self.queue
            .send(message, weight, Some(deadline))
            .map_err(|(message, refusal)| match refusal {
                Refusal::Full => TrySendError::Full(message),
                Refusal::Cancelled(_) => TrySendError::Cancelled(message),
            })
    }

    /// Sends if there is room without touching the reserve.
    ///
    /// # Errors
    ///
    /// [`TrySendError::Full`] when there is not: `waker` is woken when another try is worth it,
    /// which is when half of the unreserved room is free, or the channel is cancelled.
    /// [`TrySendError::Cancelled`] once the channel is cancelled.
    pub fn try_send(&self, message: T, waker: &Waker) -> Result<(), TrySendError<T>> {
        let weight = message.weight_bytes();
        self.queue.try_send(message, weight, waker)
    }
}

impl<T> Sender<T> {
    /// Ends the channel for all, and wakes everyone who waits. The first cause stays.
    ///
    /// Returns at once: what is in the channel is dropped by the receiver when it finds out, or
    /// by a [`Monitor`](crate::Monitor) that cancels too.
    pub fn cancel(&self, cause: impl Into<Box<dyn Error + Send + Sync>>) {
        self.queue.cancel_lazily(Cancelled::new(cause));
    }

    /// Whether the channel was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.queue.cancelled().is_some()
    }

    /// Why the channel was cancelled, if it was.
    pub fn cancelled(&self) -> Option<Cancelled> {
        self.queue.cancelled()
    }

    /// A look at the channel.
    pub fn stats(&self) -> ChannelStats {
        self.queue.stats()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.queue.open();
        Self {
            queue: Arc::clone(&self.queue),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        #[cfg(planted)]
        if is_unwinding() {
            return;
        }
        self.queue.close();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Sender")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// The consumer's end. Dropping it cancels the channel with [`ReceiverDropped`].
pub struct Receiver<T> {
    pub(crate) queue: Arc<WeightedQueue<T>>,
    /// One thread at a time: there is one hand to hold a message in.
    not_sync: PhantomData<Cell<()>>,
}

impl<T> Receiver<T> {
    /// Waits for a message; `None` when all producers have closed and all messages are received.
    ///
    /// Calling it says that the message before is done with, as [`release`](Receiver::release).
    ///
    /// # Errors
    ///
    /// [`Cancelled`] once the channel is cancelled.
    pub fn recv(&self) -> Result<Option<T>, Cancelled> {
        loop {
            match self.queue.recv(None) {
                Ok(message) => return Ok(message),
                Err(RecvDeadlineError::Cancelled(cancelled)) => return Err(cancelled),
                Err(RecvDeadlineError::TimedOut) => {}
            }
        }
    }

    /// As [`recv`](Receiver::recv), until `deadline`.
    ///
    /// # Errors
    ///
    /// [`RecvDeadlineError`] when the deadline has passed or the channel is cancelled.
    pub fn recv_deadline(&self, deadline: Instant) -> Result<Option<T>, RecvDeadlineError> {
        self.queue.recv(Some(deadline))
    }

    /// Says that the memory of the last message is free, so its weight no longer counts.
    pub fn release(&self) {
        self.queue.release();
    }

    /// Ends the channel for all: drops what is in it, and wakes everyone who waits. The first
    /// cause stays.
    pub fn cancel(&self, cause: impl Into<Box<dyn Error + Send + Sync>>) {
        self.queue.cancel(Cancelled::new(cause));
    }

    /// Whether the channel was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.queue.cancelled().is_some()
    }

    /// A look at the channel.
    pub fn stats(&self) -> ChannelStats {
        self.queue.stats()
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        #[cfg(planted)]
        if is_unwinding() {
            return;
        }
        self.queue.cancel(Cancelled::new(ReceiverDropped));
        self.queue.release();
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Receiver")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
