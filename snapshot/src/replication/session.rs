//! A session: what one replica is given, over however many connections one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shard_runtime::{ShardSet, spawn_named};

use super::error::ReplicationError;
use super::handshake::{Resume, SessionId};
use super::lane::{Lane, LaneLimits};
use super::secret::Secret;
use super::statistics::SessionStatistics;
use crate::error::SnapshotError;
use crate::keyspace::Store;
use crate::stream::{Relaxed, Streams, StreamsProgress};
use crate::sync::Mutex;

/// What a session keeps to.
#[derive(Debug, Clone)]
pub(super) struct SessionLimits {
    pub(super) lane: LaneLimits,
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
    // What connections of the last handshake prove themselves with.
    key: Mutex<Secret>,
    progress: Mutex<StreamsProgress>,
    stop: AtomicBool,
}

impl Session {
    /// Begins the streams of a new session; `over` is called when they have ended.
    pub(super) fn start<S: Store>(
        shards: &Arc<ShardSet<S>>,
        (id, key): (SessionId, Secret),
        (relaxed, limits): (Relaxed, SessionLimits),
        over: impl FnOnce(&SessionId) + Send + 'static,
    ) -> Result<Arc<Self>, ReplicationError> {
        let (streams, sources) = relaxed.start(shards)?;
        let lane = |stream| Arc::new(Lane::new(stream, limits.lane));
        let lanes: Vec<Arc<Lane>> = (0..).map(lane).take(sources.len()).collect();
        for (source, lane) in sources.into_iter().zip(&lanes) {
            let lane = Arc::clone(lane);
            spawn_named("replication-stream", move || lane.pump(source));
        }
        let session = Arc::new(Self {
            id,
            lanes,
            key: Mutex::new(key),
            progress: Mutex::new(streams.progress()),
            stop: AtomicBool::new(false),
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
        while !streams.wait_timeout(limits.cut_every) {
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
        let text = streams.wait().to_string();
        for lane in &self.lanes {
            lane.end(&text);
        }
    }

    /// Ends the session, soon.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub(super) fn key(&self) -> Secret {
        self.key.lock().clone()
    }

    /// Whether a replica can go on with what it has; if so, it has made a handshake with this key,
    /// and its connections will come.
    pub(super) fn resume(&self, resume: &Resume, key: &Secret) -> bool {
        let lanes = self.lanes.iter().zip(&resume.numbers);
        let kept = lanes.clone().all(|(lane, number)| lane.can_resume(*number));
        if resume.numbers.len() != self.lanes.len() || !kept {
            return false;
        }
        *self.key.lock() = key.clone();
        self.lanes.iter().for_each(|lane| lane.renew());
        true
    }

    pub(super) fn statistics(&self) -> SessionStatistics {
        let progress = *self.progress.lock();
        let digits = self.id.iter().map(|byte| format!("{byte:02x}"));
        SessionStatistics {
            session: digits.collect(),
            cut: progress.cut,
            keys: progress.keys,
            changes: progress.changes,
            budget_bytes_used: progress.budget_bytes_used,
            elapsed: progress.elapsed,
            streams: self.lanes.iter().map(|lane| lane.statistics()).collect(),
        }
    }
}
