//! The master's side: listens, shakes hands, and gives each replica a session.

mod options;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdb_format::Dialect;
use shard_runtime::{ShardSet, Worker, spawn_named};

pub use self::options::MasterOptions;
use super::address::{Address, Listener};
use super::connection::{Connection, FrameReader};
use super::entrance::{Entrance, Pass};
use super::error::ReplicationError;
use super::handshake::{
    Acknowledge, Attach, HANDSHAKE_BYTES_MAX, Hello, STREAMS_MAX, SessionId, Welcome,
};
use super::lane::{Lane, LaneLimits};
use super::secret::{Nonce, Secret, random};
use super::session::{Resumption, Session, SessionLimits};
use super::spill::{SpillFolder, SpillOptions};
use super::statistics::SessionStatistics;
use crate::keyspace::Store;
#[cfg(planted)]
use crate::planted::Bug;
use crate::stream::{Fields, FrameKind};
use crate::sync::{Condvar, Mutex, now};

/// How long it may take the sessions of an earlier master to leave their folder.
const SPILL_PATIENCE: Duration = Duration::from_secs(5);

/// How long a master that is dropped waits for its sessions to say so.
const END_PATIENCE: Duration = Duration::from_secs(1);

/// A master: whoever connects and knows the secret follows the shards. Dropping it ends all
/// sessions, which takes a second at most.
pub struct Master<S: Store> {
    inner: Arc<Inner<S>>,
    addresses: Vec<Address>,
    accepting: Vec<Worker<()>>,
}

struct Inner<S: Store> {
    shards: Arc<ShardSet<S>>,
    options: MasterOptions,
    secret: Secret,
    spill: Option<Arc<SpillFolder>>,
    sessions: Mutex<BTreeMap<SessionId, Arc<Session>>>,
    /// A session has ended.
    ended: Condvar,
    entrance: Arc<Entrance>,
    stop: AtomicBool,
}

/// A stream, and what whoever is to carry it has claimed.
struct Claimed {
    lane: Arc<Lane>,
    claim: u64,
    /// Of the last frame that the replica has.
    number: u64,
    #[cfg(planted)]
    stream: u16,
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
            entrance: Arc::new(Entrance::new(options.silence)),
            options,
            sessions: Mutex::new(BTreeMap::new()),
            ended: Condvar::new(),
            stop: AtomicBool::new(false),
        });
        let mut master = Self {
            inner,
            addresses: Vec::new(),
            accepting: Vec::new(),
        };
        master.listen(address)?;
        Ok(master)
    }

    /// Listens at one more address, as at the first: replicas may come back at another one than
    /// they came to.
    ///
    /// # Errors
    ///
    /// [`ReplicationError::Listen`] and [`ReplicationError::Unprotected`].
    pub fn listen(&mut self, address: &Address) -> Result<(), ReplicationError> {
        let failed = |source| ReplicationError::Listen {
            address: address.clone(),
            source,
        };
        let listener = Listener::bind(address).map_err(failed)?;
        let options = &self.inner.options;
        let is_private = !options.secret.is_empty() || options.without_secret_for_all;
        if !is_private && !listener.is_local().map_err(failed)? {
            let address = address.clone();
            return Err(ReplicationError::Unprotected { address });
        }
        self.addresses.push(listener.address().map_err(failed)?);
        let inner = Arc::clone(&self.inner);
        let accept = move || inner.accept(&listener);
        self.accepting
            .push(spawn_named("replication-accept", accept));
        Ok(())
    }

    /// Where it listens first: with the port that the system chose, if port 0 was asked for.
    pub fn address(&self) -> &Address {
        &self.addresses[0]
    }

    /// Everywhere that it listens.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
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
        self.inner.entrance.close();
        for session in self.inner.sessions.lock().values() {
            session.stop();
        }
        for accepting in self.accepting.drain(..) {
            // A panic there is told nowhere else, and ends nothing here.
            drop(accepting.join());
        }
        let until = now().checked_add(END_PATIENCE);
        let mut sessions = self.inner.sessions.lock();
        while !sessions.is_empty() && until.is_some_and(|until| now() < until) {
            sessions = self.inner.ended.wait_until(sessions, until);
        }
    }
}

impl<S: Store> fmt::Debug for Master<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Master")
            .field("addresses", &self.addresses)
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
            let Ok(pass) = self.entrance.enter(&connection, self.options.silence) else {
                connection.close();
                continue;
            };
            let Some(pass) = pass else {
                return;
            };
            let inner = Arc::clone(self);
            spawn_named("replication-peer", move || {
                // Whoever came has been told, or is gone.
                drop(inner.serve(connection, pass));
            });
        }
    }

    /// Serves a connection, from its first word to its end.
    fn serve(self: &Arc<Self>, connection: Connection, pass: Pass) -> Result<(), ReplicationError> {
        let mut reader = FrameReader::new(connection, HANDSHAKE_BYTES_MAX);
        let mut shaken = self.shake_hands(&mut reader, &pass);
        if let Err(error) = &mut shaken {
            if pass.is_turned_away() {
                *error = ReplicationError::refused("too many others shake hands with it");
            }
            let text = error.to_string();
            drop(reader.say(FrameKind::Refuse, text.as_bytes(), pass.time_left()));
        }
        drop(pass);
        let carried = shaken.map(|claimed| {
            if let Some(claimed) = claimed {
                self.carry(&mut reader, claimed);
            }
        });
        reader.connection().close();
        carried
    }

    /// Hears what somebody has come for, and has it proved; the stream that the connection is to
    /// carry, if it is one.
    fn shake_hands(
        self: &Arc<Self>,
        reader: &mut FrameReader,
        pass: &Pass,
    ) -> Result<Option<Claimed>, ReplicationError> {
        match reader.next(pass.time_left())? {
            Some(frame) if frame.kind == FrameKind::Hello => {
                let hello = Hello::decode(frame.payload)?;
                self.welcome(reader, &hello, pass).map(|()| None)
            }
            Some(frame) if frame.kind == FrameKind::Attach => {
                let attach = Attach::decode(frame.payload)?;
                self.claim(reader, &attach, pass).map(Some)
            }
            Some(frame) => Err(ReplicationError::Unexpected {
                kind: frame.kind,
                expected: FrameKind::Hello,
            }),
            None => {
                let silence = self.options.silence;
                Err(ReplicationError::Silent { silence })
            }
        }
    }

    /// Has the replica prove that it knows the secret, and finds it a session.
    fn welcome(
        self: &Arc<Self>,
        reader: &mut FrameReader,
        hello: &Hello,
        pass: &Pass,
    ) -> Result<(), ReplicationError> {
        let silence = self.options.silence;
        let broken = |source| ReplicationError::Broken { source };
        let nonce: Nonce = random().map_err(broken)?;
        reader.say(FrameKind::Challenge, &nonce, pass.time_left())?;
        let answer = reader.expect(FrameKind::Answer, pass.time_left())?;
        let mut fields = Fields::of(answer.payload);
        let proof = fields.array()?;
        fields.end()?;
        let nonces = [&hello.nonce[..], &nonce[..]];
        if !self.secret.verifies("forkless replica", &nonces, &proof) {
            return Err(ReplicationError::Secret);
        }
        pass.prove();
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
        reader.say(FrameKind::Welcome, &welcome.encode(), pass.time_left())
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
                match session.resume(resume, hello.takes, key) {
                    Resumption::GoesOn => return Ok((session, true)),
                    Resumption::Stale => {
                        let reason = "you have said that you have more than you ask for";
                        return Err(ReplicationError::refused(reason));
                    }
                    Resumption::Lost => session.stop(),
                }
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
                inner.ended.notify_all();
            }
        };
        let session = Session::start(&self.shards, (id, key.clone()), (relaxed, limits), over)?;
        sessions.insert(id, Arc::clone(&session));
        Ok((session, false))
    }

    /// Has somebody prove that a stream is to go over this connection.
    fn claim(
        &self,
        reader: &mut FrameReader,
        attach: &Attach,
        pass: &Pass,
    ) -> Result<Claimed, ReplicationError> {
        let known = self.sessions.lock().get(&attach.session).cloned();
        let session = known.ok_or_else(|| ReplicationError::refused("there is no such session"))?;
        let (lane, claim) = session.claim(attach)?;
        let lane = Arc::clone(lane);
        pass.prove();
        reader.say(FrameKind::Attached, &[], pass.time_left())?;
        Ok(Claimed {
            lane,
            claim,
            number: attach.number,
            #[cfg(planted)]
            stream: attach.stream,
        })
    }

    /// Has a connection carry a stream, and listens to what the replica says of it.
    fn carry(&self, reader: &mut FrameReader, claimed: Claimed) {
        let Ok(connection) = reader.connection().again() else {
            return;
        };
        let lane = claimed.lane;
        if let Some(epoch) = lane.attach(connection, claimed.number, claimed.claim) {
            // What was wrong is not told: others may be in the middle of a frame.
            self.listen(reader, |acknowledged| {
                #[cfg(planted)]
                if self.options.plant.has(Bug::AcknowledgeForeign) {
                    for session in self.sessions.lock().values() {
                        session.lanes[usize::from(claimed.stream)]
                            .acknowledge_foreign(acknowledged);
                    }
                }
                lane.acknowledge(epoch, acknowledged)
            });
            lane.detach(epoch);
        }
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
