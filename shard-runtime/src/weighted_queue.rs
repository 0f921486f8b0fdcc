//! The queue behind a channel: what it lets in, whom it lets wait, and whom it wakes.

use crate::channel_error::{Cancelled, RecvDeadlineError, TrySendError};
#[cfg(planted)]
use crate::planted::{Plant, is_active};
use crate::sync::{Condvar, Mutex, MutexGuard, Waited, now};
use std::collections::VecDeque;
use std::mem;
use std::task::Waker;
use std::time::{Duration, Instant};

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
    /// How long `send` has waited for room, summed over all producers. A wait counts when it ends.
    pub blocked: Duration,
    /// How many producers wait in `send` now.
    pub waiting_producers: usize,
    /// How often `try_send` found no room.
    pub refused: u64,
}

/// A queue that lets messages in by weight.
pub(crate) struct WeightedQueue<T> {
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
    /// Whether the receiver has a message that it has not released; it may weigh nothing.
    in_hand: bool,
    stats: ChannelStats,
}

/// Why a message was not let in.
pub(crate) enum Refusal {
    /// There was no room, until the deadline if one was given.
    Full,
    Cancelled(Cancelled),
}

impl<T> State<T> {
    /// Everything that is in the channel, to be dropped without the lock.
    fn take_queue(&mut self) -> VecDeque<(T, usize)> {
        self.stats.queued_bytes = 0;
        mem::take(&mut self.queue)
    }

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

impl<T> WeightedQueue<T> {
    /// An empty queue with one producer.
    pub(crate) fn new(capacity_bytes: usize, reserved_bytes: usize) -> Self {
        Self {
            state: Mutex::new(State {
                queue: VecDeque::new(),
                producers: 1,
                cancelled: None,
                line: VecDeque::new(),
                next_place: 0,
                wakers: Vec::new(),
                receiver_waits: false,
                in_hand: false,
                stats: ChannelStats::default(),
            }),
            arrived: Condvar::new(),
            room: Condvar::new(),
            capacity_bytes,
            unreserved_bytes: capacity_bytes.saturating_sub(reserved_bytes),
        }
    }

    /// Lets a message in, after a wait in line if need be; or hands it back.
    pub(crate) fn send(
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
        let since = now();
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
        state.stats.blocked += now().saturating_duration_since(since);
        // The next in line may have room too, or be the first now.
        self.room.notify_all();
        if let Some(refusal) = refusal {
            return Err((message, refusal));
        }
        self.finish_send(state, message, weight);
        Ok(())
    }

    pub(crate) fn try_send(
        &self,
        message: T,
        weight: usize,
        waker: &Waker,
    ) -> Result<(), TrySendError<T>> {
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

    pub(crate) fn recv(&self, deadline: Option<Instant>) -> Result<Option<T>, RecvDeadlineError> {
        self.release();
        let mut state = self.state.lock();
        let mut waited = Waited::Notified;
        loop {
            if let Some(cancelled) = &state.cancelled {
                let cancelled = cancelled.clone();
                let left = state.take_queue();
                drop(state);
                drop(left);
                return Err(cancelled.into());
            }
            #[cfg(planted)]
            if is_active(Plant::ChannelYoungestFirst) {
                state.queue.make_contiguous().reverse();
            }
            if let Some((message, weight)) = state.queue.pop_front() {
                state.stats.queued_bytes = state.stats.queued_bytes.saturating_sub(weight);
                state.stats.in_hand_bytes = weight;
                state.in_hand = true;
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
    pub(crate) fn release(&self) {
        let mut state = self.state.lock();
        // A message may weigh nothing, and yet others have come to the front behind it.
        if !mem::take(&mut state.in_hand) {
            return;
        }
        state.stats.in_hand_bytes = 0;
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

    /// Ends the channel, and drops what is in it; also if it was ended before.
    pub(crate) fn cancel(&self, cancelled: Cancelled) {
        self.cancel_lazily(cancelled);
        let left = self.state.lock().take_queue();
        drop(left);
    }

    /// Ends the channel. What is in it is dropped by the receiver, or by whoever cancels next:
    /// there may be much of it, and the caller no time.
    pub(crate) fn cancel_lazily(&self, cancelled: Cancelled) {
        let mut state = self.state.lock();
        if state.cancelled.is_some() {
            return;
        }
        state.cancelled = Some(cancelled);
        let woken = mem::take(&mut state.wakers);
        drop(state);
        self.arrived.notify_one();
        #[cfg(planted)]
        if is_active(Plant::ChannelCancelWithoutWake) {
            return;
        }
        self.room.notify_all();
        woken.into_iter().for_each(Waker::wake);
    }

    /// Why the channel was cancelled, if it was.
    pub(crate) fn cancelled(&self) -> Option<Cancelled> {
        self.state.lock().cancelled.clone()
    }

    pub(crate) fn stats(&self) -> ChannelStats {
        let state = self.state.lock();
        ChannelStats {
            waiting_producers: state.line.len(),
            ..state.stats
        }
    }

    /// Counts one more producer.
    pub(crate) fn open(&self) {
        self.state.lock().producers += 1;
    }

    /// Counts one producer less.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.producers -= 1;
        #[cfg(planted)]
        if is_active(Plant::ChannelCloseTwice) {
            state.producers = state.producers.saturating_sub(1);
        }
        let last = state.producers == 0;
        #[cfg(planted)]
        let last = last && !is_active(Plant::ChannelCloseWithoutWake);
        drop(state);
        if last {
            self.arrived.notify_one();
        }
    }
}
