//! A lane: one stream of a session on the master's side, over whatever connection it has.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::backlog::Backlog;
use super::connection::Connection;
use super::error::ReplicationError;
use super::handshake::Acknowledge;
use super::spill::Spill;
use super::statistics::StreamStatistics;
use crate::planted::{Bug, Plant};
use crate::stream::{Frame, FrameKind, StreamSource};
use crate::sync::{Condvar, Mutex, now};

/// How long the pump waits for frames before it looks whether there is anything else to do.
const PUMP_PATIENCE: Duration = Duration::from_millis(50);

/// How much may be under way to a replica that has not acknowledged it, if its backlog is no
/// bigger: twice what it tells of at once. Sockets would take many times as much, and all that they
/// hold is held here once more. In a simulation it is a blob.
pub(super) const AHEAD_BYTES_MIN: usize = if cfg!(feature = "sim") { 512 } else { 2 << 20 };

/// What a lane keeps to.
#[derive(Debug, Clone, Copy)]
pub(super) struct LaneLimits {
    /// How long a write may take, and how long nothing may come from the replica.
    pub(super) silence: Duration,
    /// How much of what was sent is kept, in bytes.
    pub(super) backlog_bytes: usize,
    pub(super) plant: Plant,
}

/// One stream of a session.
#[derive(Debug)]
pub(super) struct Lane {
    stream: u16,
    limits: LaneLimits,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    backlog: Backlog,
    // None while it is being written to, too.
    connection: Option<Connection>,
    // The same, to end it whoever writes to it.
    closer: Option<Connection>,
    // How many connections there have been; the last one counts.
    epoch: u64,
    // Whether the last one still lives.
    attached: bool,
    detached_since: Instant,
    // The number of the last frame that the last connection was given.
    sent: u64,
    sent_at: Instant,
    acknowledged: Acknowledge,
    bytes_sent: u64,
    connections: u64,
    // Whether a connection has come since the last handshake.
    claimed: bool,
    over: bool,
}

impl Lane {
    pub(super) fn new(stream: u16, limits: LaneLimits, spill: Option<Spill>) -> Self {
        Self {
            stream,
            limits,
            state: Mutex::new(State {
                backlog: Backlog::new(limits.backlog_bytes, spill),
                connection: None,
                closer: None,
                epoch: 0,
                attached: false,
                detached_since: now(),
                sent: 0,
                sent_at: now(),
                acknowledged: Acknowledge { number: 0, cut: 0 },
                bytes_sent: 0,
                connections: 0,
                claimed: false,
                over: false,
            }),
            changed: Condvar::new(),
        }
    }

    /// Whether a replica that has everything up to this frame can go on from there.
    pub(super) fn can_resume(&self, number: u64) -> bool {
        self.state.lock().backlog.has_after(number)
    }

    /// Whether the replica has said that it has more than up to this frame.
    pub(super) fn is_past(&self, number: u64) -> bool {
        self.state.lock().acknowledged.number > number
    }

    /// A new handshake has begun: a connection of an earlier one is worth nothing, and one new one
    /// may come.
    pub(super) fn renew(&self) {
        let mut state = self.state.lock();
        state.detach();
        state.claimed = false;
    }

    /// Keeps the place for the connection that asks, if it is the first of its handshake and can
    /// be served; what [`attach`](Self::attach) wants to know.
    pub(super) fn claim(&self, number: u64) -> Option<u64> {
        let mut state = self.state.lock();
        let is_taken = state.claimed && !self.limits.plant.has(Bug::AttachTwice);
        if is_taken || state.over || !state.backlog.has_after(number) {
            return None;
        }
        state.claimed = true;
        Some(state.epoch)
    }

    /// Gives it a connection, which has everything up to this frame; the connection's number.
    /// `None` if the place that was `claimed` is kept for somebody else by now.
    pub(super) fn attach(&self, connection: Connection, number: u64, claimed: u64) -> Option<u64> {
        let mut state = self.state.lock();
        if state.epoch != claimed && !self.limits.plant.has(Bug::AttachTwice) {
            return None;
        }
        let number = match self.limits.plant {
            plant if plant.has(Bug::ResumeTooEarly) => number.saturating_sub(1),
            plant if plant.has(Bug::ResumeTooLate) && number > 0 => number + 1,
            _ => number,
        };
        state.detach();
        // Without it, a write may take as long as it may take.
        state.closer = connection.again().ok();
        state.connection = Some(connection);
        state.attached = true;
        state.sent = number;
        state.sent_at = now();
        state.connections += 1;
        self.changed.notify_all();
        Some(state.epoch)
    }

    /// The connection of this number is gone.
    pub(super) fn detach(&self, epoch: u64) {
        let mut state = self.state.lock();
        if state.epoch == epoch {
            state.detach();
        }
    }

    /// The replica says over the connection of this number how far it is; whether that can be.
    pub(super) fn acknowledge(&self, epoch: u64, acknowledged: Acknowledge) -> bool {
        let mut state = self.state.lock();
        // A connection that was replaced says nothing that still matters.
        if state.epoch != epoch {
            return false;
        }
        if acknowledged.number > state.backlog.last() {
            return false;
        }
        state.acknowledged = acknowledged;
        let was_ready = self.is_ready(&state);
        state.backlog.forget(acknowledged.number);
        if !was_ready && self.is_ready(&state) {
            self.changed.notify_all();
        }
        true
    }

    /// Takes what another session's replica has said for what this one's has.
    #[cfg(planted)]
    pub(super) fn acknowledge_foreign(&self, acknowledged: Acknowledge) {
        self.state.lock().backlog.forget(acknowledged.number);
    }

    /// For how long it has been without a connection, if it is.
    pub(super) fn detached_for(&self) -> Option<Duration> {
        let state = self.state.lock();
        let since = now().saturating_duration_since(state.detached_since);
        (!state.attached).then_some(since)
    }

    pub(super) fn statistics(&self) -> StreamStatistics {
        let state = self.state.lock();
        StreamStatistics {
            stream: self.stream,
            attached: state.attached,
            connections: state.connections,
            frames: state.backlog.last(),
            frames_sent: state.sent,
            frames_acknowledged: state.acknowledged.number,
            cut_acknowledged: state.acknowledged.cut,
            bytes: state.bytes_sent,
            backlog_bytes: state.backlog.bytes(),
            backlog_disk_bytes: state.backlog.disk_bytes(),
        }
    }

    /// Passes a stream on until it ends.
    ///
    /// Nothing is taken from it while there is no connection, or enough is under way to the
    /// replica: what is not taken is held within the budget of the streams, and keys that change
    /// again and again are held once.
    pub(super) fn pump(&self, mut source: StreamSource) {
        let pool = source.pool().clone();
        self.state.lock().backlog.give_back_to(pool);
        loop {
            if self.wait_ready() {
                let Ok(frames) = source.next_kept(now().checked_add(PUMP_PATIENCE)) else {
                    return;
                };
                if !frames.is_empty() {
                    self.state.lock().backlog.push(frames, source.number());
                }
            } else if source.is_ended() {
                return;
            }
            self.send_all();
        }
    }

    /// Waits a little for a connection over which more can be sent; whether there is one.
    fn wait_ready(&self) -> bool {
        let deadline = now().checked_add(PUMP_PATIENCE);
        let mut state = self.state.lock();
        if !self.is_ready(&state) && state.has_sent_all() {
            state = self.changed.wait_until(state, deadline);
        }
        self.is_ready(&state)
    }

    /// Whether there is a connection, and too little under way to the replica.
    ///
    /// What files have room for is not waited for.
    fn is_ready(&self, state: &State) -> bool {
        let ahead_bytes_max = AHEAD_BYTES_MIN.max(self.limits.backlog_bytes / 8);
        let is_ahead = state.backlog.bytes() >= ahead_bytes_max && !state.backlog.has_files();
        state.attached && !is_ahead
    }

    /// Sends what is to be sent, if there is a connection.
    fn send_all(&self) {
        let (taken, epoch) = {
            let mut state = self.state.lock();
            (state.connection.take(), state.epoch)
        };
        let Some(mut connection) = taken else {
            return;
        };
        let sent = self.send_over(&mut connection, epoch);
        let mut state = self.state.lock();
        if state.epoch != epoch {
            connection.close();
        } else if sent.is_ok() {
            state.connection = Some(connection);
        } else {
            connection.close();
            state.detach();
        }
    }

    fn send_over(&self, connection: &mut Connection, epoch: u64) -> Result<(), ReplicationError> {
        loop {
            let (next, sent, is_quiet) = {
                let mut state = self.state.lock();
                if state.epoch != epoch {
                    return Ok(());
                }
                let sent = state.sent;
                let next = state.backlog.after(sent);
                if next.is_none() && !state.backlog.has_after(sent) {
                    return Err(ReplicationError::BacklogSpent);
                }
                let quiet = now().saturating_duration_since(state.sent_at);
                let is_quiet = quiet >= self.limits.silence / 4;
                (next, sent, is_quiet)
            };
            let (bytes, number, frames) = if let Some((frames, last)) = next {
                let unsent = skip(&frames, sent);
                connection.send(unsent, self.limits.silence)?;
                (unsent.len(), last, frames)
            } else if is_quiet {
                let mut frame = Vec::new();
                Frame::encode(&mut frame, FrameKind::Heartbeat, 0, &sent.to_le_bytes());
                connection.send(&frame, self.limits.silence)?;
                (frame.len(), sent, Arc::new(frame))
            } else {
                return Ok(());
            };
            let mut state = self.state.lock();
            // They may have been acknowledged by now.
            state.backlog.give_back(frames);
            state.bytes_sent += bytes as u64;
            if state.epoch == epoch {
                state.sent = number;
                state.sent_at = now();
            }
        }
    }

    /// Says why the stream has ended, to whoever is there.
    pub(super) fn end(&self, text: &str) {
        let mut state = self.state.lock();
        state.over = true;
        if let Some(mut connection) = state.connection.take() {
            let text = &text.as_bytes()[..text.len().min(1000)];
            let mut frame = Vec::new();
            Frame::encode(&mut frame, FrameKind::End, 0, text);
            // It may be gone already, and must not keep anybody waiting.
            drop(connection.send(&frame, Duration::from_millis(100)));
            connection.close();
        }
        state.detach();
    }
}

impl State {
    /// Whether there is nothing to send, or nobody to send it to.
    fn has_sent_all(&self) -> bool {
        !self.attached || self.sent >= self.backlog.last()
    }

    fn detach(&mut self) {
        for connection in [self.connection.take(), self.closer.take()] {
            connection.iter().for_each(Connection::close);
        }
        self.epoch += 1;
        if self.attached {
            self.attached = false;
            self.detached_since = now();
        }
    }
}

/// The part of whole frames that comes after the one with this number.
fn skip(mut frames: &[u8], number: u64) -> &[u8] {
    while let Ok(Some((frame, rest))) = Frame::split(frames) {
        if frame.number > number {
            break;
        }
        frames = rest;
    }
    frames
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replication::spill::{SpillFolder, SpillOptions};

    fn lane(spill: Option<Spill>) -> Lane {
        let limits = LaneLimits {
            silence: Duration::from_secs(1),
            backlog_bytes: 64 * AHEAD_BYTES_MIN,
            plant: Plant::default(),
        };
        Lane::new(0, limits, spill)
    }

    #[test]
    fn who_asks_for_what_it_has_acknowledged_asked_long_ago() {
        let lane = lane(None);
        for number in 1..=3 {
            let mut frame = Vec::new();
            Frame::encode(&mut frame, FrameKind::Delete, number, b"payload");
            lane.state.lock().backlog.push(frame, number);
        }
        assert!(lane.can_resume(1) && !lane.is_past(0));
        assert!(lane.acknowledge(0, Acknowledge { number: 2, cut: 0 }));
        assert!(lane.is_past(1) && !lane.can_resume(1));
        assert!(lane.can_resume(2) && !lane.is_past(2));
    }

    #[test]
    fn no_more_is_taken_until_the_replica_acknowledges() {
        let lane = lane(None);
        let is_ready = || lane.is_ready(&lane.state.lock());
        assert!(!is_ready(), "there is nobody");
        let (master, _replica) = std::os::unix::net::UnixStream::pair().unwrap();
        let epoch = lane.claim(0).unwrap();
        let epoch = lane.attach(Connection::Unix(master), 0, epoch).unwrap();
        for number in 1..=8 {
            assert!(is_ready(), "{number}");
            let frames = vec![0; AHEAD_BYTES_MIN];
            lane.state.lock().backlog.push(frames, number);
        }
        assert!(!is_ready());
        assert!(!lane.state.lock().has_sent_all());
        lane.state.lock().sent = 8;
        assert!(!lane.wait_ready(), "nothing comes");
        assert!(lane.acknowledge(epoch, Acknowledge { number: 1, cut: 0 }));
        assert!(is_ready() && lane.wait_ready());
    }

    #[test]
    fn files_take_what_a_replica_does_not_acknowledge() {
        let folder = tempfile::tempdir().unwrap();
        let options = SpillOptions::new(folder.path().to_path_buf(), 1 << 30);
        let taken = SpillFolder::take(options, Duration::ZERO).unwrap();
        let spill = Spill::new(&Arc::new(taken), "stream".to_owned(), 1);
        let lane = lane(Some(spill));
        lane.state.lock().attached = true;
        let frames = vec![0; 9 * AHEAD_BYTES_MIN];
        lane.state.lock().backlog.push(frames, 1);
        assert!(lane.is_ready(&lane.state.lock()));
    }

    #[test]
    fn frames_that_the_replica_has_are_skipped() {
        let mut frames = Vec::new();
        for number in 5..8 {
            Frame::encode(&mut frames, FrameKind::Delete, number, b"payload");
        }
        assert_eq!(skip(&frames, 3).len(), frames.len());
        assert_eq!(skip(&frames, 5).len(), frames.len() / 3 * 2);
        assert_eq!(skip(&frames, 7).len(), 0);
    }
}
