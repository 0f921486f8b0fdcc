//! The replica's side: shakes hands, reads all streams into its shards, and comes back.

mod options;
mod reading;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdb_format::Dialect;
use shard_runtime::{ShardSet, Worker, spawn_named};

pub use self::options::ReplicaOptions;
use self::reading::Reading;
use super::address::Address;
use super::applier::Filling;
use super::connection::{Connection, FrameReader};
use super::error::ReplicationError;
use super::handshake::{Attach, HANDSHAKE_BYTES_MAX, Hello, Resume, SessionId, Welcome};
use super::rendezvous::Rendezvous;
use super::secret::{Nonce, Secret, random};
use super::statistics::{ReplicaState, ReplicaStatistics};
use crate::events;
use crate::keyspace::Store;
use crate::stream::{Fields, FrameKind, PAYLOAD_BYTES_MAX, StreamDecoder};
use crate::sync::{Condvar, Mutex};
use crate::value::FromRdb;

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
    resumptions: u64,
    last_error: Option<String>,
}

/// What a replica has of a session.
struct Held {
    id: SessionId,
    decoders: Vec<StreamDecoder>,
    rendezvous: Arc<Rendezvous>,
    filling: Filling,
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
        let deadline = Instant::now().checked_add(patience);
        let mut course = self.inner.course.lock();
        while !course.following
            && !course.over
            && deadline.is_none_or(|deadline| Instant::now() < deadline)
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
            lag: at.map(|at| at.elapsed()),
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
    fn run(&self) {
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
            let pause = Instant::now() + self.options.retry;
            let mut course = self.course.lock();
            while !self.is_stopped() && Instant::now() < pause {
                course = self.changed.wait_until(course, Some(pause));
            }
        }
        if let Some(held) = held {
            self.forget(&held.filling);
        }
        self.tell(|course| course.over = true);
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
    fn follow(&self, held: &mut Option<Held>) -> Result<(), ReplicationError> {
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
            } else {
                course.full_syncs += 1;
            }
        });
        if self.is_stopped() {
            return Ok(());
        }
        let silence = Duration::from_millis(handshake.welcome.silence_ms.into());
        self.read_all(kept, readers, silence)
    }

    fn open(&self) -> Result<FrameReader, ReplicationError> {
        let opened = Connection::open(&self.address, self.options.connect);
        let connection = opened.map_err(|source| ReplicationError::Connect {
            address: self.address.clone(),
            source,
        })?;
        Ok(FrameReader::new(connection, HANDSHAKE_BYTES_MAX))
    }

    /// Proves to the master, and has it prove, that both know the secret; what it gives.
    fn shake_hands(&self, held: Option<&Held>) -> Result<Handshake, ReplicationError> {
        let patience = self.options.connect;
        let nonce: Nonce = random().map_err(|source| ReplicationError::Broken { source })?;
        let mut reader = self.open()?;
        let hello = Hello {
            nonce,
            resume: held.map(|held| Resume {
                session: held.id,
                numbers: held.decoders.iter().map(StreamDecoder::number).collect(),
            }),
        };
        reader.say(FrameKind::Hello, &hello.encode(), patience)?;
        let challenge = reader.expect(FrameKind::Challenge, patience)?;
        let mut fields = Fields::of(challenge.payload);
        let master: Nonce = fields.array()?;
        fields.end()?;
        let nonces = [&nonce[..], &master[..]];
        let proof = self.secret.prove("forkless replica", &nonces);
        reader.say(FrameKind::Answer, &proof, patience)?;
        let welcome = Welcome::decode(reader.expect(FrameKind::Welcome, patience)?.payload)?;
        reader.connection().close();
        if !self
            .secret
            .verifies("forkless master", &nonces, &welcome.proof)
        {
            return Err(ReplicationError::Secret);
        }
        let resumable = held.is_some_and(|held| {
            held.id == welcome.session && held.decoders.len() == usize::from(welcome.streams)
        });
        if welcome.resumed && !resumable {
            return Err(ReplicationError::Nonsense {
                what: "what is resumed",
                found: 1,
            });
        }
        Ok(Handshake {
            key: self.secret.of_handshake(&nonce, &master),
            welcome,
        })
    }

    /// Begins to keep apart what a new session brings.
    fn begin(&self, welcome: &Welcome) -> Result<Held, ReplicationError> {
        let filling = Filling::new(&self.records, &self.bytes);
        let owner = Arc::clone(&filling.owner);
        self.shards.cut(self.options.cut_deadline, move |shard| {
            let before = shard.state().keyspace().stage_replacement(&owner);
            shard.state().discard(before);
        })?;
        let streams = usize::from(welcome.streams);
        let dialect: Dialect = welcome.dialect;
        let decoder = || StreamDecoder::new(welcome.rdb_version, dialect);
        self.tell(|course| course.following = false);
        Ok(Held {
            id: welcome.session,
            decoders: std::iter::repeat_with(decoder).take(streams).collect(),
            rendezvous: Arc::new(Rendezvous::new(streams)),
            filling,
        })
    }

    /// Opens a connection for each stream.
    fn attach(
        &self,
        held: &Held,
        handshake: &Handshake,
    ) -> Result<Vec<FrameReader>, ReplicationError> {
        let patience = self.options.connect;
        let attach = |(stream, decoder): (u16, &StreamDecoder)| {
            let mut reader = self.open()?;
            let number = decoder.number();
            let subject = Attach::subject(&held.id, stream, number);
            let attach = Attach {
                session: held.id,
                stream,
                number,
                proof: handshake.key.prove("forkless attach", &[&subject]),
            };
            reader.say(FrameKind::Attach, &attach.encode(), patience)?;
            let attached = reader.expect(FrameKind::Attached, patience)?;
            Fields::of(attached.payload).end()?;
            reader.allow(PAYLOAD_BYTES_MAX);
            Ok(reader)
        };
        (0..).zip(&held.decoders).map(attach).collect()
    }

    /// Reads all streams, each in a thread of its own, until something goes wrong with one.
    fn read_all(
        &self,
        held: &mut Held,
        readers: Vec<FrameReader>,
        silence: Duration,
    ) -> Result<(), ReplicationError> {
        let (rendezvous, filling) = (&*held.rendezvous, &held.filling);
        // Their number has come as 16 bits.
        let count = u16::try_from(readers.len()).unwrap_or(u16::MAX);
        let first = Mutex::new(None);
        std::thread::scope(|scope| {
            let streams = (0..).zip(&mut held.decoders).zip(readers);
            for ((stream, decoder), reader) in streams {
                let (first, inner) = (&first, &*self);
                scope.spawn(move || {
                    let mut reading = Reading {
                        inner,
                        stream,
                        streams: count,
                        decoder,
                        reader,
                        rendezvous,
                        filling,
                        silence,
                    };
                    let read = reading.run();
                    reading.reader.connection().close();
                    if let Err(error) = read {
                        // Before the others are let go: what they then say is a consequence.
                        first.lock().get_or_insert(error);
                    }
                    rendezvous.abort();
                });
            }
        });
        match (filling.take_failure(), first.into_inner()) {
            (Some(error), _) | (None, Some(error)) => Err(error),
            (None, None) => Ok(()),
        }
    }
}
