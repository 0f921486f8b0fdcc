//! The master's side: listens, shakes hands, and gives each replica a session.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rdb_format::{Dialect, Target};
use shard_runtime::{ShardSet, Worker, spawn_named};

use super::address::{Address, Listener};
use super::connection::{Connection, FrameReader};
use super::error::ReplicationError;
use super::handshake::{
    Acknowledge, Attach, HANDSHAKE_BYTES_MAX, Hello, STREAMS_MAX, SessionId, Welcome,
};
use super::lane::{Lane, LaneLimits};
use super::secret::{Nonce, Secret, random};
use super::session::{Session, SessionLimits};
use super::statistics::SessionStatistics;
use crate::keyspace::Store;
use crate::stream::{Fields, FrameKind, Relaxed};
use crate::sync::Mutex;

/// How often the listener looks for a connection.
const LOOK: Duration = Duration::from_millis(10);

/// How many connections may be in their handshake, or carry a stream, at once.
const CONNECTIONS_MAX: usize = 4096;

/// What a master keeps to.
#[derive(Debug, Clone)]
pub struct MasterOptions {
    secret: Vec<u8>,
    relaxed: Relaxed,
    target: Target,
    backlog_bytes: usize,
    cut_every: Duration,
    silence: Duration,
    detached: Duration,
    replicas_max: usize,
}

impl MasterOptions {
    /// No secret, 64 MiB for what waits to be sent to each replica and 64 MiB of what was sent
    /// kept for it, a cut every 100 ms, 10 s of silence before a connection is dead, 60 s for a
    /// replica to come back, and 16 replicas.
    pub fn new() -> Self {
        Self {
            secret: Vec::new(),
            relaxed: Relaxed::new(),
            target: Target::default(),
            backlog_bytes: 64 << 20,
            cut_every: Duration::from_millis(100),
            silence: Duration::from_secs(10),
            detached: Duration::from_mins(1),
            replicas_max: 16,
        }
    }

    /// What replicas must know.
    #[must_use]
    pub fn secret(mut self, secret: &[u8]) -> Self {
        self.secret = secret.to_vec();
        self
    }

    /// How many bytes may wait to be sent to one replica; see
    /// [`Relaxed::budget_bytes`]. When they are spent, its session ends.
    #[must_use]
    pub fn budget_bytes(mut self, bytes: usize) -> Self {
        self.relaxed = self.relaxed.budget_bytes(bytes);
        self
    }

    /// How many bytes of what was sent are kept for one replica, should it have to come back.
    #[must_use]
    pub fn backlog_bytes(mut self, bytes: usize) -> Self {
        self.backlog_bytes = bytes;
        self
    }

    /// How often a cut is taken: the moments that a replica shows exactly.
    #[must_use]
    pub fn cut_every(mut self, time: Duration) -> Self {
        self.cut_every = time;
        self
    }

    /// After how long without a word a connection is dead.
    #[must_use]
    pub fn silence(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }

    /// For how long a stream may be without a connection before the session ends.
    #[must_use]
    pub fn detached(mut self, time: Duration) -> Self {
        self.detached = time;
        self
    }

    /// How many replicas there may be at once.
    #[must_use]
    pub fn replicas_max(mut self, replicas: usize) -> Self {
        self.replicas_max = replicas;
        self
    }
}

impl Default for MasterOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// A master: whoever connects and knows the secret follows the shards. Dropping it ends all
/// sessions.
pub struct Master<S: Store> {
    inner: Arc<Inner<S>>,
    address: Address,
    accepting: Option<Worker<()>>,
}

struct Inner<S: Store> {
    shards: Arc<ShardSet<S>>,
    options: MasterOptions,
    secret: Secret,
    sessions: Mutex<BTreeMap<SessionId, Arc<Session>>>,
    connections: AtomicUsize,
    stop: AtomicBool,
}

impl<S: Store> Master<S> {
    /// Listens at `address`.
    ///
    /// # Errors
    ///
    /// [`ReplicationError::Listen`].
    pub fn start(
        shards: &Arc<ShardSet<S>>,
        address: &Address,
        options: MasterOptions,
    ) -> Result<Self, ReplicationError> {
        let listen = |source| ReplicationError::Listen {
            address: address.clone(),
            source,
        };
        let listener = Listener::bind(address).map_err(listen)?;
        let address = listener.address().map_err(listen)?;
        let inner = Arc::new(Inner {
            shards: Arc::clone(shards),
            secret: Secret::new(&options.secret),
            options,
            sessions: Mutex::new(BTreeMap::new()),
            connections: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&inner);
        let accepting = spawn_named("replication-accept", move || accepting.accept(&listener));
        Ok(Self {
            inner,
            address,
            accepting: Some(accepting),
        })
    }

    /// Where it listens: with the port that the system chose, if port 0 was asked for.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// How each replica is served.
    pub fn statistics(&self) -> Vec<SessionStatistics> {
        let sessions = self.inner.sessions.lock();
        sessions.values().map(|s| s.statistics()).collect()
    }
}

impl<S: Store> Drop for Master<S> {
    fn drop(&mut self) {
        self.inner.stop.store(true, Ordering::Relaxed);
        for session in self.inner.sessions.lock().values() {
            session.stop();
        }
        if let Some(accepting) = self.accepting.take() {
            // A panic there is told nowhere else, and ends nothing here.
            drop(accepting.join());
        }
    }
}

impl<S: Store> fmt::Debug for Master<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Master")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl<S: Store> Inner<S> {
    fn accept(self: &Arc<Self>, listener: &Listener) {
        // Relaxed, here and below: it is looked at again soon.
        while !self.stop.load(Ordering::Relaxed) {
            // A connection that failed before it was accepted is none.
            let Ok(Some(connection)) = listener.accept() else {
                std::thread::sleep(LOOK);
                continue;
            };
            if self.connections.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS_MAX {
                connection.close();
                self.connections.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            let inner = Arc::clone(self);
            spawn_named("replication-peer", move || {
                // Whoever came has been told, or is gone.
                drop(inner.serve(connection));
                inner.connections.fetch_sub(1, Ordering::Relaxed);
            });
        }
    }

    /// Serves a connection, from its first word to its end.
    fn serve(self: &Arc<Self>, connection: Connection) -> Result<(), ReplicationError> {
        let silence = self.options.silence;
        let mut reader = FrameReader::new(connection, HANDSHAKE_BYTES_MAX);
        let served = match reader.next(silence)? {
            Some(frame) if frame.kind == FrameKind::Hello => {
                let hello = Hello::decode(frame.payload);
                hello.and_then(|hello| self.welcome(&mut reader, &hello))
            }
            Some(frame) if frame.kind == FrameKind::Attach => {
                let attach = Attach::decode(frame.payload);
                attach.and_then(|attach| self.carry(&mut reader, &attach))
            }
            Some(frame) => Err(ReplicationError::Unexpected {
                kind: frame.kind,
                expected: FrameKind::Hello,
            }),
            None => Err(ReplicationError::Silent { silence }),
        };
        if let Err(error) = &served {
            let text = error.to_string();
            drop(reader.say(FrameKind::Refuse, text.as_bytes(), silence));
        }
        reader.connection().close();
        served
    }

    /// Has the replica prove that it knows the secret, and finds it a session.
    fn welcome(
        self: &Arc<Self>,
        reader: &mut FrameReader,
        hello: &Hello,
    ) -> Result<(), ReplicationError> {
        let silence = self.options.silence;
        let broken = |source| ReplicationError::Broken { source };
        let nonce: Nonce = random().map_err(broken)?;
        reader.say(FrameKind::Challenge, &nonce, silence)?;
        let answer = reader.expect(FrameKind::Answer, silence)?;
        let mut fields = Fields::of(answer.payload);
        let proof = fields.array()?;
        fields.end()?;
        let nonces = [&hello.nonce[..], &nonce[..]];
        if !self.secret.verifies("forkless replica", &nonces, &proof) {
            return Err(ReplicationError::Secret);
        }
        let key = self.secret.of_handshake(&hello.nonce, &nonce);
        let (session, resumed) = self.session(hello, &key)?;
        let streams = u16::try_from(session.lanes.len()).unwrap_or(u16::MAX);
        let silence_ms = u32::try_from(silence.as_millis()).unwrap_or(u32::MAX);
        let welcome = Welcome {
            proof: self.secret.prove("forkless master", &nonces),
            session: session.id,
            streams,
            rdb_version: self.options.target.rdb_version(),
            dialect: Dialect::Redis,
            resumed,
            silence_ms,
        };
        reader.say(FrameKind::Welcome, &welcome.encode(), silence)
    }

    /// The session that the replica goes on with, or a new one; and whether it goes on.
    fn session(
        self: &Arc<Self>,
        hello: &Hello,
        key: &Secret,
    ) -> Result<(Arc<Session>, bool), ReplicationError> {
        if let Some(resume) = &hello.resume {
            let known = self.sessions.lock().get(&resume.session).cloned();
            if let Some(session) = known {
                if session.resume(resume, key) {
                    return Ok((session, true));
                }
                session.stop();
            }
        }
        let refused = |text: &str| ReplicationError::Refused {
            text: text.to_owned(),
        };
        if self.shards.len() > usize::from(STREAMS_MAX) {
            return Err(refused("it has too many shards"));
        }
        // The lock is kept while the session begins, so that there are never too many.
        let mut sessions = self.sessions.lock();
        if sessions.len() >= self.options.replicas_max || self.stop.load(Ordering::Relaxed) {
            return Err(refused("it has too many replicas"));
        }
        let id: SessionId = random().map_err(|source| ReplicationError::Broken { source })?;
        let limits = SessionLimits {
            lane: LaneLimits {
                silence: self.options.silence,
                backlog_bytes: self.options.backlog_bytes / self.shards.len(),
            },
            detached: self.options.detached,
            cut_every: self.options.cut_every,
        };
        let relaxed = self.options.relaxed.clone().target(self.options.target);
        let inner = Arc::downgrade(self);
        let over = move |id: &SessionId| {
            if let Some(inner) = inner.upgrade() {
                inner.sessions.lock().remove(id);
            }
        };
        let session = Session::start(&self.shards, (id, key.clone()), (relaxed, limits), over)?;
        sessions.insert(id, Arc::clone(&session));
        Ok((session, false))
    }

    /// Has a connection carry a stream, and listens to what the replica says of it.
    fn carry(&self, reader: &mut FrameReader, attach: &Attach) -> Result<(), ReplicationError> {
        let silence = self.options.silence;
        let refused = |text: &str| ReplicationError::Refused {
            text: text.to_owned(),
        };
        let known = self.sessions.lock().get(&attach.session).cloned();
        let session = known.ok_or_else(|| refused("there is no such session"))?;
        let subject = Attach::subject(&attach.session, attach.stream, attach.number);
        if !session
            .key()
            .verifies("forkless attach", &[&subject], &attach.proof)
        {
            return Err(ReplicationError::Secret);
        }
        let lane = session.lanes.get(usize::from(attach.stream));
        let lane = lane.ok_or_else(|| refused("there is no such stream"))?;
        if !lane.claim(attach.number) {
            return Err(refused("the stream is taken, or has gone on"));
        }
        reader.say(FrameKind::Attached, &[], silence)?;
        let again = reader.connection().again();
        let connection = again.map_err(|source| ReplicationError::Broken { source })?;
        let epoch = lane.attach(connection, attach.number);
        listen(reader, lane, silence);
        // What was wrong is not told: others may be in the middle of a frame.
        lane.detach(epoch);
        Ok(())
    }
}

/// Listens to what the replica says of a stream, until it says nothing more, or something else.
fn listen(reader: &mut FrameReader, lane: &Lane, silence: Duration) {
    let mut heard = Instant::now();
    loop {
        match reader.next(silence / 4) {
            Ok(Some(frame)) if frame.kind == FrameKind::Acknowledge => {
                let Ok(acknowledged) = Acknowledge::decode(frame.payload) else {
                    return;
                };
                lane.acknowledge(acknowledged);
                heard = Instant::now();
            }
            Ok(None) if heard.elapsed() < silence => {}
            _ => return,
        }
    }
}
