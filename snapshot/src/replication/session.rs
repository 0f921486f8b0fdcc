//! A session: what one replica is given, over however many connections one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shard_runtime::{ShardSet, spawn_named};

use super::error::ReplicationError;
use super::handshake::{Attach, Resume, SessionId};
use super::lane::{Lane, LaneLimits};
use super::secret::Secret;
use super::spill::{Spill, SpillFolder};
use super::statistics::SessionStatistics;
use crate::error::SnapshotError;
use crate::events;
use crate::keyspace::Store;
use crate::planted::{Bug, Plant};
use crate::stream::{Relaxed, Streams, StreamsProgress, Telling};
use crate::sync::Mutex;

/// What a session keeps to.
#[derive(Debug, Clone)]
pub(super) struct SessionLimits {
    pub(super) lane: LaneLimits,
    /// What the replica takes.
    pub(super) telling: Telling,
    /// Where frames go that memory has no room for.
    pub(super) spill: Option<Arc<SpillFolder>>,
    /// How long a stream may be without a connection.
    pub(super) detached: Duration,
    /// How often a cut is taken.
    pub(super) cut_every: Duration,
}

/// What one replica is given.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) lanes: Vec<Arc<Lane>>,
    telling: Telling,
    // What connections of the last handshake prove themselves with.
    key: Mutex<Secret>,
    progress: Mutex<StreamsProgress>,
    stop: AtomicBool,
    plant: Plant,
}

/// What becomes of a replica's wish to go on with a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resumption {
    /// It does.
    GoesOn,
    /// What it lacks is gone. It begins anew.
    Lost,
    /// It has said since that it has more: the wish was under way for long, and was followed by
    /// another. The session goes on without it.
    Stale,
}

impl Session {
    /// Begins the streams of a new session; `over` is called when they have ended.
    pub(super) fn start<S: Store>(
        shards: &Arc<ShardSet<S>>,
        (id, key): (SessionId, Secret),
        (relaxed, limits): (Relaxed, SessionLimits),
        over: impl FnOnce(&SessionId) + Send + 'static,
    ) -> Result<Arc<Self>, ReplicationError> {
        let telling = limits.telling;
        let (streams, sources) = relaxed.telling(telling).start(shards)?;
        let name = name_of(&id);
        let count = sources.len();
        let lane = |stream| {
            let spill = limits.spill.as_ref();
            let spill = spill.map(|folder| Spill::new(folder, format!("{name}-{stream}"), count));
            Arc::new(Lane::new(stream, limits.lane, spill))
        };
        let lanes: Vec<Arc<Lane>> = (0..).map(lane).take(sources.len()).collect();
        for (source, lane) in sources.into_iter().zip(&lanes) {
            let lane = Arc::clone(lane);
            spawn_named("replication-stream", move || lane.pump(source));
        }
        let session = Arc::new(Self {
            id,
            lanes,
            telling,
            key: Mutex::new(key),
            progress: Mutex::new(streams.progress()),
            stop: AtomicBool::new(false),
            plant: limits.lane.plant,
        });
        let (kept, shards) = (Arc::clone(&session), Arc::clone(shards));
        spawn_named("replication-session", move || {
            kept.run(&shards, streams, &limits);
            over(&kept.id);
        });
        Ok(session)
    }

    /// Takes cuts until the streams end.
    fn run<S: Store>(&self, shards: &ShardSet<S>, streams: Streams, limits: &SessionLimits) {
        // The first cut is taken as soon as it can be: until then a replica shows nothing.
        while !streams.wait_first(limits.cut_every) {
            *self.progress.lock() = streams.progress();
            let left = self.lanes.iter().filter_map(|lane| lane.detached_for());
            let gone = left.max().is_some_and(|time| time > limits.detached);
            // Relaxed: it is looked at again soon.
            if gone || self.stop.load(Ordering::Relaxed) {
                streams.stop();
            } else if streams.wait_ready(Duration::ZERO)
                && let Err(SnapshotError::Cut { source }) = streams.cut(shards)
                && !matches!(source, shard_runtime::ShardError::CutTimedOut { .. })
            {
                streams.stop();
            }
        }
        let text = events::chain(&streams.wait());
        for lane in &self.lanes {
            lane.end(&text);
        }
    }

    /// Ends the session, soon.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Keeps a stream's place for the connection that asks, if it belongs to the last handshake
    /// and is the first to ask; the stream, and what [`Lane::attach`] wants to know.
    pub(super) fn claim(&self, attach: &Attach) -> Result<(&Arc<Lane>, u64), ReplicationError> {
        let subject = Attach::subject(&attach.session, attach.stream, attach.number);
        // No other handshake comes between the proof and the place.
        let key = self.key.lock();
        if !key.verifies("forkless attach", &[&subject], &attach.proof)
            && !self.plant.has(Bug::AttachReplaced)
        {
            return Err(ReplicationError::Secret);
        }
        let lane = self.lanes.get(usize::from(attach.stream));
        let lane = lane.ok_or_else(|| ReplicationError::refused("there is no such stream"))?;
        let claimed = lane.claim(attach.number);
        let refused = || ReplicationError::refused("the stream is taken, or has gone on");
        Ok((lane, claimed.ok_or_else(refused)?))
    }

    /// Whether a replica that takes this can go on with what it has; if so, it has made a handshake
    /// with this key, and its connections will come.
    pub(super) fn resume(&self, resume: &Resume, takes: Telling, key: &Secret) -> Resumption {
        if takes != self.telling || resume.numbers.len() != self.lanes.len() {
            return Resumption::Lost;
        }
        let mut current = self.key.lock();
        let mut lanes = self.lanes.iter().zip(&resume.numbers);
        if lanes.clone().any(|(lane, number)| lane.is_past(*number)) {
            return Resumption::Stale;
        }
        if !lanes.all(|(lane, number)| lane.can_resume(*number)) {
            return Resumption::Lost;
        }
        *current = key.clone();
        self.lanes.iter().for_each(|lane| lane.renew());
        Resumption::GoesOn
    }

    pub(super) fn statistics(&self) -> SessionStatistics {
        let progress = *self.progress.lock();
        SessionStatistics {
            session: name_of(&self.id),
            cut: progress.cut,
            keys: progress.keys,
            changes: progress.changes,
            budget_bytes_used: progress.budget_bytes_used,
            elapsed: progress.elapsed,
            streams: self.lanes.iter().map(|lane| lane.statistics()).collect(),
        }
    }
}

/// The name of a session, in hexadecimal.
fn name_of(id: &SessionId) -> String {
    let digits = id.iter().map(|byte| format!("{byte:02x}"));
    digits.collect()
}
