//! A blocking channel, bounded by the bytes in it: many producers, one consumer.

use crate::channel_error::{
    Cancelled, ReceiverDropped, RecvDeadlineError, SendError, TrySendError,
};
#[cfg(planted)]
use crate::planted::{Plant, is_active};
use crate::sync::{Condvar, Mutex, MutexGuard, Waited};
use std::cell::Cell;
use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

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

/// What has gone through a channel, and how full it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelStats {
    /// Bytes of the messages that wait.
    pub queued_bytes: usize,
    /// Bytes of the message in the consumer's hand.
    pub in_hand_bytes: usize,
    /// The most that the two have been together.
    pub high_water_bytes: usize,
    /// Messages sent so far.
    pub messages: u64,
    /// How long `send` has waited for room, summed over all producers.
    pub blocked: Duration,
    /// How often `try_send` found no room.
    pub refused: u64,
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
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            queue: VecDeque::new(),
            producers: 1,
            cancelled: None,
            line: VecDeque::new(),
            next_place: 0,
            wakers: Vec::new(),
            receiver_waits: false,
            stats: ChannelStats::default(),
        }),
        arrived: Condvar::new(),
        room: Condvar::new(),
        capacity_bytes: config.capacity_bytes,
        unreserved_bytes: config.capacity_bytes.saturating_sub(config.reserved_bytes),
    });
    (
        Sender {
            shared: Arc::clone(&shared),
        },
        Receiver {
            shared,
            not_sync: PhantomData,
        },
    )
}

struct Shared<T> {
    state: Mutex<State<T>>,
    /// The consumer sleeps here.
    arrived: Condvar,
    /// Producers in `send` sleep here, in line.
    room: Condvar,
    capacity_bytes: usize,
    /// What `try_send` may fill.
    unreserved_bytes: usize,
}

struct State<T> {
    /// Messages with their weights.
    queue: VecDeque<(T, usize)>,
    producers: usize,
    cancelled: Option<Cancelled>,
    /// The places of the producers that wait in `send`. The first is let in first, so a heavy
    /// message cannot be kept out by light ones for ever.
    line: VecDeque<u64>,
    next_place: u64,
    /// To be woken when `try_send` is worth another try.
    wakers: Vec<Waker>,
    receiver_waits: bool,
    stats: ChannelStats,
}

/// Why a message was not let in.
enum Refusal {
    /// There was no room, until the deadline if one was given.
    Full,
    Cancelled(Cancelled),
}

impl<T> State<T> {
    fn used_bytes(&self) -> usize {
        self.stats
            .queued_bytes
            .saturating_add(self.stats.in_hand_bytes)
    }

    /// Whether a message may be let in below `limit` bytes.
    fn fits(&self, weight: usize, limit: usize) -> bool {
        let used = self.used_bytes();
        used == 0 || used.saturating_add(weight) <= limit
    }

    fn let_in(&mut self, message: T, weight: usize) {
        self.queue.push_back((message, weight));
        self.stats.queued_bytes = self.stats.queued_bytes.saturating_add(weight);
        self.stats.messages += 1;
        self.stats.high_water_bytes = self.stats.high_water_bytes.max(self.used_bytes());
    }
}

impl<T> Shared<T> {
    /// Lets a message in, after a wait in line if need be; or hands it back.
    fn send(
        &self,
        message: T,
        weight: usize,
        deadline: Option<Instant>,
    ) -> Result<(), (T, Refusal)> {
        let mut state = self.state.lock();
        if let Some(cancelled) = state.cancelled.clone() {
            return Err((message, Refusal::Cancelled(cancelled)));
        }
        if state.line.is_empty() && state.fits(weight, self.capacity_bytes) {
            #[cfg(planted)]
            if is_active(Plant::ChannelLateEntry) {
                drop(state);
                state = self.state.lock();
            }
            self.finish_send(state, message, weight);
            return Ok(());
        }
        let place = state.next_place;
        state.next_place += 1;
        state.line.push_back(place);
        let since = Instant::now();
        let refusal = loop {
            let waited;
            (state, waited) = self.room.wait(state, deadline);
            if let Some(cancelled) = state.cancelled.clone() {
                break Some(Refusal::Cancelled(cancelled));
            }
            if state.line.front() == Some(&place) && state.fits(weight, self.capacity_bytes) {
                break None;
            }
            if waited == Waited::TimedOut {
                break Some(Refusal::Full);
            }
        };
        state.line.retain(|&other| other != place);
        state.stats.blocked += since.elapsed();
        // The next in line may have room too, or be the first now.
        self.room.notify_all();
        if let Some(refusal) = refusal {
            return Err((message, refusal));
        }
        self.finish_send(state, message, weight);
        Ok(())
    }

    fn try_send(&self, message: T, weight: usize, waker: &Waker) -> Result<(), TrySendError<T>> {
        let mut state = self.state.lock();
        if state.cancelled.is_some() {
            return Err(TrySendError::Cancelled(message));
        }
        if state.line.is_empty() && state.fits(weight, self.unreserved_bytes) {
            self.finish_send(state, message, weight);
            return Ok(());
        }
        state.stats.refused += 1;
        #[cfg(planted)]
        if is_active(Plant::ChannelLateWaker) {
            drop(state);
            state = self.state.lock();
        }
        if !state.wakers.iter().any(|known| known.will_wake(waker)) {
            state.wakers.push(waker.clone());
        }
        Err(TrySendError::Full(message))
    }

    fn finish_send(&self, mut state: MutexGuard<'_, State<T>>, message: T, weight: usize) {
        state.let_in(message, weight);
        let receiver_waits = mem::take(&mut state.receiver_waits);
        drop(state);
        if receiver_waits {
            self.arrived.notify_one();
        }
    }

    fn recv(&self, deadline: Option<Instant>) -> Result<Option<T>, RecvDeadlineError> {
        self.release();
        let mut state = self.state.lock();
        let mut waited = Waited::Notified;
        loop {
            if let Some(cancelled) = &state.cancelled {
                return Err(cancelled.clone().into());
            }
            if let Some((message, weight)) = state.queue.pop_front() {
                state.stats.queued_bytes = state.stats.queued_bytes.saturating_sub(weight);
                state.stats.in_hand_bytes = weight;
                return Ok(Some(message));
            }
            if state.producers == 0 {
                return Ok(None);
            }
            if waited == Waited::TimedOut {
                return Err(RecvDeadlineError::TimedOut);
            }
            #[cfg(planted)]
            if is_active(Plant::ChannelCheckThenWait) {
                drop(state);
                state = self.state.lock();
            }
            state.receiver_waits = true;
            (state, waited) = self.arrived.wait(state, deadline);
            state.receiver_waits = false;
        }
    }

    /// Gives back the weight of the message in the consumer's hand.
    fn release(&self) {
        let mut state = self.state.lock();
        if mem::take(&mut state.stats.in_hand_bytes) == 0 {
            return;
        }
        // Not before half is free: each wake-up lets its producer send more than one message.
        let woken = if state.used_bytes() <= self.unreserved_bytes / 2 {
            mem::take(&mut state.wakers)
        } else {
            Vec::new()
        };
        let anyone_in_line = !state.line.is_empty();
        #[cfg(planted)]
        let anyone_in_line = anyone_in_line && !is_active(Plant::ChannelReleaseWithoutWake);
        #[cfg(planted)]
        let woken = if is_active(Plant::ChannelReleaseWithoutWaker) {
            Vec::new()
        } else {
            woken
        };
        drop(state);
        if anyone_in_line {
            self.room.notify_all();
        }
        woken.into_iter().for_each(Waker::wake);
    }

    fn cancel(&self, cancelled: Cancelled) {
        let mut state = self.state.lock();
        if state.cancelled.is_some() {
            return;
        }
        state.cancelled = Some(cancelled);
        let dropped = mem::take(&mut state.queue);
        state.stats.queued_bytes = 0;
        let woken = mem::take(&mut state.wakers);
        drop(state);
        self.arrived.notify_one();
        #[cfg(planted)]
        if is_active(Plant::ChannelCancelWakesOne) {
            self.room.notify_one();
            return;
        }
        self.room.notify_all();
        woken.into_iter().for_each(Waker::wake);
        drop(dropped);
    }
}

/// A producer's end. Cloning it makes another producer; dropping it closes this one.
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
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
            match self.shared.send(message, weight, None) {
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
        self.shared.send(message, weight, Some(deadline)).map_err(
            |(message, refusal)| match refusal {
                Refusal::Full => TrySendError::Full(message),
                Refusal::Cancelled(_) => TrySendError::Cancelled(message),
            },
        )
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
        self.shared.try_send(message, weight, waker)
    }
}

impl<T> Sender<T> {
    /// Ends the channel for all: drops what is in it, and wakes everyone who waits. The first
    /// cause stays.
    pub fn cancel(&self, cause: impl Into<Box<dyn Error + Send + Sync>>) {
        self.shared.cancel(Cancelled::new(cause));
    }

    /// Whether the channel was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.shared.state.lock().cancelled.is_some()
    }

    /// Why the channel was cancelled, if it was.
    pub fn cancelled(&self) -> Option<Cancelled> {
        self.shared.state.lock().cancelled.clone()
    }

    /// A look at the channel.
    pub fn stats(&self) -> ChannelStats {
        self.shared.state.lock().stats
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.shared.state.lock().producers += 1;
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.shared.state.lock();
        state.producers -= 1;
        let last = state.producers == 0;
        #[cfg(planted)]
        let last = last && !is_active(Plant::ChannelCloseWithoutWake);
        drop(state);
        if last {
            self.shared.arrived.notify_one();
        }
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
    shared: Arc<Shared<T>>,
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
            match self.shared.recv(None) {
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
        self.shared.recv(Some(deadline))
    }

    /// Says that the memory of the last message is free, so its weight no longer counts.
    pub fn release(&self) {
        self.shared.release();
    }

    /// Ends the channel for all: drops what is in it, and wakes everyone who waits. The first
    /// cause stays.
    pub fn cancel(&self, cause: impl Into<Box<dyn Error + Send + Sync>>) {
        self.shared.cancel(Cancelled::new(cause));
    }

    /// Whether the channel was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.shared.state.lock().cancelled.is_some()
    }

    /// A look at the channel.
    pub fn stats(&self) -> ChannelStats {
        self.shared.state.lock().stats
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.cancel(Cancelled::new(ReceiverDropped));
        self.shared.release();
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
