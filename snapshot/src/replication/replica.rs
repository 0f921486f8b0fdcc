//! The replica's side: shakes hands, reads all streams into its shards, and comes back.

mod joining;
mod options;
mod reading;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use shard_runtime::{ShardSet, Worker, spawn_named};

pub use self::options::ReplicaOptions;
use self::reading::{Leaving, Reading};
use super::address::Address;
use super::applier::Filling;
use super::connection::FrameReader;
use super::error::ReplicationError;
use super::handshake::{SessionId, Welcome};
use super::rendezvous::Rendezvous;
use super::secret::Secret;
use super::statistics::{ReplicaState, ReplicaStatistics};
use crate::events;
use crate::keyspace::Store;
use crate::planted::Bug;
use crate::stream::StreamDecoder;
use crate::sync::{Condvar, Mutex, now};
use crate::value::FromRdb;

/// The longest silence of a master that is believed to be meant.
const SILENCE_MAX: Duration = Duration::from_mins(10);

/// How often the time between attempts is doubled at most.
const DOUBLINGS_MAX: u32 = 7;

/// A replica: its shards become what the master's are, and follow. Dropping it stops that, and
/// leaves what is there.
pub struct Replica<S: Store> {
    inner: Arc<Inner<S>>,
    running: Option<Worker<()>>,
}

struct Inner<S: Store> {
    shards: Arc<ShardSet<S>>,
    address: Address,
    options: ReplicaOptions,
    secret: Secret,
    stop: AtomicBool,
    // Of the session there is.
    course: Mutex<Course>,
    changed: Condvar,
    records: Arc<AtomicU64>,
    bytes: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct Course {
    rendezvous: Option<Arc<Rendezvous>>,
    streams: u16,
    connected: bool,
    following: bool,
    over: bool,
    full_syncs: u64,
    // Full syncs that were begun since anything was shown.
    unshown: u32,
    resumptions: u64,
    last_error: Option<String>,
}

/// What a replica has of a session.
struct Held {
    id: SessionId,
    decoders: Vec<StreamDecoder>,
    rendezvous: Arc<Rendezvous>,
    filling: Arc<Filling>,
}

/// What one handshake came to.
struct Handshake {
    key: Secret,
    welcome: Welcome,
}

impl<S> Replica<S>
where
    S: Store<Value: FromRdb>,
{
    /// Begins to follow the master at `address`, in a thread of its own.
    ///
    /// What the shards hold until now is shown until all that the master has is there; then it is
    /// dropped. Meanwhile, and as long as it follows, nobody else should write to the shards.
    pub fn start(shards: &Arc<ShardSet<S>>, address: &Address, options: ReplicaOptions) -> Self {
        let inner = Arc::new(Inner {
            shards: Arc::clone(shards),
            address: address.clone(),
            secret: Secret::new(&options.secret),
            options,
            stop: AtomicBool::new(false),
            course: Mutex::new(Course::default()),
            changed: Condvar::new(),
            records: Arc::default(),
            bytes: Arc::default(),
        });
        let running = Arc::clone(&inner);
        let running = spawn_named("replica", move || running.run());
        Self {
            inner,
            running: Some(running),
        }
    }
}

impl<S: Store> Replica<S> {
    /// Waits until the shards show what the master had at some cut, but not longer than
    /// `patience`; whether they do.
    pub fn wait_synced(&self, patience: Duration) -> bool {
        let deadline = now().checked_add(patience);
        let mut course = self.inner.course.lock();
        while !course.following && !course.over && deadline.is_none_or(|deadline| now() < deadline)
        {
            course = self.inner.changed.wait_until(course, deadline);
        }
        course.following
    }

    /// How it goes.
    pub fn statistics(&self) -> ReplicaStatistics {
        let course = self.inner.course.lock();
        let done = course
            .rendezvous
            .as_ref()
            .map(|rendezvous| rendezvous.done());
        let (cut, at) = done.unwrap_or_default();
        let state = match *course {
            Course { over: true, .. } => ReplicaState::Over,
            Course {
                connected: false, ..
            } => ReplicaState::Connecting,
            Course {
                following: false, ..
            } => ReplicaState::Filling,
            _ => ReplicaState::Following,
        };
        ReplicaStatistics {
            state,
            cut,
            lag: at.map(|at| now().saturating_duration_since(at)),
            streams: course.streams,
            records: self.inner.records.load(Ordering::Relaxed),
            bytes: self.inner.bytes.load(Ordering::Relaxed),
            full_syncs: course.full_syncs,
            resumptions: course.resumptions,
            last_error: course.last_error.clone(),
        }
    }

    /// Stops following, and waits until nothing changes any more. What is there stays.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.inner.stop.store(true, Ordering::Relaxed);
        self.inner.changed.notify_all();
        if let Some(rendezvous) = &self.inner.course.lock().rendezvous {
            rendezvous.abort();
        }
        if let Some(running) = self.running.take() {
            // A panic there is told nowhere else, and ends nothing here.
            drop(running.join());
        }
    }
}

impl<S: Store> Drop for Replica<S> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<S: Store> fmt::Debug for Replica<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replica")
            .field("address", &self.inner.address)
            .finish_non_exhaustive()
    }
}

impl<S: Store> Inner<S> {
    fn is_stopped(&self) -> bool {
        // Relaxed: it is looked at again soon.
        self.stop.load(Ordering::Relaxed)
    }

    fn tell(&self, change: impl FnOnce(&mut Course)) {
        change(&mut self.course.lock());
        self.changed.notify_all();
    }
}

impl<S> Inner<S>
where
    S: Store<Value: FromRdb>,
{
    fn run(self: &Arc<Self>) {
        let mut held = None;
        while !self.is_stopped() {
            let Err(error) = self.follow(&mut held) else {
                break;
            };
            // What does not fit what is here is no base to go on from; nor is a dead shard.
            let failed = |held: &Held| held.filling.failed.load(Ordering::Relaxed);
            let is_base = !held.as_ref().is_some_and(failed);
            if !is_base
                || !matches!(
                    error,
                    ReplicationError::Connect { .. }
                        | ReplicationError::Broken { .. }
                        | ReplicationError::Closed
                        | ReplicationError::Silent { .. }
                        | ReplicationError::Stopped
                        | ReplicationError::Refused { .. }
                        | ReplicationError::Frame(_)
                )
            {
                held = None;
            }
            let error = events::chain(&error);
            self.tell(|course| (course.connected, course.last_error) = (false, Some(error)));
            let mut course = self.course.lock();
            // A time too far to be told never comes.
            let until = now().checked_add(self.pause(course.unshown));
            while !self.is_stopped() && until.is_none_or(|until| now() < until) {
                course = self.changed.wait_until(course, until);
            }
        }
        if let Some(held) = held {
            self.forget(&held.filling);
        }
        self.tell(|course| course.over = true);
    }

    /// How long to wait before another attempt, when so many full syncs were begun since anything
    /// was shown.
    ///
    /// The master ends the session that lags when a younger one is filled faster. Two replicas
    /// that come back at once, each faster than the other with some stream, would end each other
    /// for ever; so the one that has lost more often leaves the other more time.
    fn pause(&self, unshown: u32) -> Duration {
        let lost = if self.options.plant.has(Bug::RefillAtOnce) {
            0
        } else {
            unshown.saturating_sub(1)
        };
        self.options
            .retry
            .saturating_mul(1 << lost.min(DOUBLINGS_MAX))
    }

    /// Has the shards drop what they keep and do not show.
    fn forget(&self, filling: &Filling) {
        let owner = Arc::downgrade(&filling.owner);
        let forgotten = self.shards.broadcast(move |shard| {
            let tables = shard.state().keyspace().unstage_replacement(&owner);
            shard.state().discard(tables);
        });
        // A shard that is gone keeps nothing.
        drop(forgotten);
    }

    /// Follows the master until something goes wrong.
    fn follow(self: &Arc<Self>, held: &mut Option<Held>) -> Result<(), ReplicationError> {
        #[cfg(planted)]
        if let Some(held) = held {
            held.decoders
                .iter_mut()
                .for_each(StreamDecoder::forget_where);
        }
        let handshake = self.shake_hands(held.as_ref())?;
        if !handshake.welcome.resumed {
            *held = None;
        }
        let kept = match held {
            Some(held) => {
                held.rendezvous.again();
                held
            }
            None => held.insert(self.begin(&handshake.welcome)?),
        };
        let readers = self.attach(kept, &handshake)?;
        self.tell(|course| {
            course.rendezvous = Some(Arc::clone(&kept.rendezvous));
            course.streams = handshake.welcome.streams;
            course.connected = true;
            if handshake.welcome.resumed {
                course.resumptions += 1;
            }
        });
        if self.is_stopped() {
            return Ok(());
        }
        let silence = Duration::from_millis(handshake.welcome.silence_ms.into()).min(SILENCE_MAX);
        self.read_all(kept, readers, silence)
    }

    /// Reads all streams, each in a thread of its own, until something goes wrong with one.
    fn read_all(
        self: &Arc<Self>,
        held: &mut Held,
        readers: Vec<FrameReader>,
        silence: Duration,
    ) -> Result<(), ReplicationError> {
        // Their number has come as 16 bits.
        let count = u16::try_from(readers.len()).unwrap_or(u16::MAX);
        let first = Arc::new(Mutex::new(None));
        let decoders = std::mem::take(&mut held.decoders);
        let streams = (0..).zip(decoders).zip(readers);
        let start = |((stream, decoder), reader)| {
            let mut reading = Reading {
                inner: Arc::clone(self),
                stream,
                streams: count,
                decoder,
                reader,
                rendezvous: Arc::clone(&held.rendezvous),
                filling: Arc::clone(&held.filling),
                silence,
            };
            let first = Arc::clone(&first);
            spawn_named("replica-stream", move || {
                let leaving = Leaving(Arc::clone(&reading.rendezvous));
                let read = reading.run();
                reading.reader.connection().close();
                if let Err(error) = read {
                    // Before the others are let go: what they then say is a consequence.
                    first.lock().get_or_insert(error);
                }
                drop(leaving);
                reading.decoder
            })
        };
        let reading: Vec<Worker<StreamDecoder>> = streams.map(start).collect();
        let mut lost = None;
        for reading in reading {
            match reading.join() {
                Ok(decoder) => held.decoders.push(decoder),
                Err(error) => lost = Some(error.into()),
            }
        }
        let first = first.lock().take();
        match held.filling.take_failure().or(lost).or(first) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}
