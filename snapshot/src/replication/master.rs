//! The master's side: listens, shakes hands, and gives each replica a session.

mod options;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rdb_format::Dialect;
use shard_runtime::{ShardSet, Worker, spawn_named};

pub use self::options::MasterOptions;
use super::address::{Address, Listener};
use super::connection::{Connection, FrameReader};
use super::error::ReplicationError;
use super::handshake::{
    Acknowledge, Attach, HANDSHAKE_BYTES_MAX, Hello, STREAMS_MAX, SessionId, Welcome,
};
use super::lane::LaneLimits;
use super::secret::{Nonce, Secret, random};
use super::session::{Session, SessionLimits};
use super::spill::{SpillFolder, SpillOptions};
use super::statistics::SessionStatistics;
use crate::keyspace::Store;
#[cfg(planted)]
use crate::planted::Bug;
use crate::stream::{Fields, FrameKind};
use crate::sync::{Mutex, now};

/// How long it may take the sessions of an earlier master to leave their folder.
const SPILL_PATIENCE: Duration = Duration::from_secs(5);

/// How many connections may be in their handshake, or carry a stream, at once.
const CONNECTIONS_MAX: usize = 4096;

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
    spill: Option<Arc<SpillFolder>>,
    sessions: Mutex<BTreeMap<SessionId, Arc<Session>>>,
    connections: AtomicUsize,
    stop: AtomicBool,
}

impl<S: Store> Master<S> {
    /// Listens at `address`.
    ///
    /// # Errors
    ///
    /// [`ReplicationError::Listen`], [`ReplicationError::Unprotected`] and
    /// [`ReplicationError::Spill`].
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
        let is_private = !options.secret.is_empty() || options.without_secret_for_all;
        if !is_private && !listener.is_local().map_err(listen)? {
            let address = address.clone();
            return Err(ReplicationError::Unprotected { address });
        }
        let address = listener.address().map_err(listen)?;
        let take = |spill: &SpillOptions| {
            let taken = SpillFolder::take(spill.clone(), SPILL_PATIENCE);
            taken.map_err(|source| ReplicationError::Spill {
                folder: spill.folder().to_path_buf(),
                source,
            })
        };
        let spill = options.spill.as_ref().map(take).transpose()?.map(Arc::new);
        let inner = Arc::new(Inner {
            shards: Arc::clone(shards),
            secret: Secret::new(&options.secret),
            spill,
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
                if session.resume(resume, hello.takes, key) {
                    return Ok((session, true));
                }
                session.stop();
            }
        }
        if self.shards.len() > usize::from(STREAMS_MAX) {
            return Err(ReplicationError::refused("it has too many shards"));
        }
        // The lock is kept while the session begins, so that there are never too many.
        let mut sessions = self.sessions.lock();
        if sessions.len() >= self.options.replicas_max || self.stop.load(Ordering::Relaxed) {
            return Err(ReplicationError::refused("it has too many replicas"));
        }
        let id: SessionId = random().map_err(|source| ReplicationError::Broken { source })?;
        let limits = SessionLimits {
            lane: LaneLimits {
                silence: self.options.silence,
                backlog_bytes: self.options.backlog_bytes / self.shards.len(),
                plant: self.options.plant,
            },
            telling: hello.takes,
            spill: self.spill.clone(),
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
        let known = self.sessions.lock().get(&attach.session).cloned();
        let unknown = || ReplicationError::refused("there is no such session");
        let session = known.ok_or_else(unknown)?;
        let (lane, claimed) = session.claim(attach)?;
        reader.say(FrameKind::Attached, &[], silence)?;
        let again = reader.connection().again();
        let connection = again.map_err(|source| ReplicationError::Broken { source })?;
        if let Some(epoch) = lane.attach(connection, attach.number, claimed) {
            // What was wrong is not told: others may be in the middle of a frame.
            self.listen(reader, |acknowledged| {
                #[cfg(planted)]
                if self.options.plant.has(Bug::AcknowledgeForeign) {
                    for session in self.sessions.lock().values() {
                        session.lanes[usize::from(attach.stream)].acknowledge_foreign(acknowledged);
                    }
                }
                lane.acknowledge(epoch, acknowledged)
            });
            lane.detach(epoch);
        }
        Ok(())
    }

    /// Listens to what the replica says of a stream, until it says nothing more, or something
    /// else, or something that cannot be.
    fn listen(&self, reader: &mut FrameReader, take: impl Fn(Acknowledge) -> bool) {
        let silence = self.options.silence;
        let mut heard = now();
        loop {
            match reader.next(silence / 4) {
                Ok(Some(frame)) if frame.kind == FrameKind::Acknowledge => {
                    let acknowledged = Acknowledge::decode(frame.payload);
                    if !acknowledged.is_ok_and(&take) {
                        return;
                    }
                    heard = now();
                }
                Ok(None) if now().saturating_duration_since(heard) < silence => {}
                _ => return,
            }
        }
    }
}
