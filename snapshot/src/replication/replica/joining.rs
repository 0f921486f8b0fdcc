//! How a replica comes to its master: the handshake, and a connection for each stream.

use std::sync::Arc;
#[cfg(planted)]
use std::sync::atomic::Ordering;

use super::{Handshake, Held, Inner};
use crate::keyspace::Store;
#[cfg(planted)]
use crate::planted::Bug;
use crate::replication::applier::Filling;
use crate::replication::connection::{Connection, FrameReader};
use crate::replication::error::ReplicationError;
use crate::replication::handshake::{Attach, HANDSHAKE_BYTES_MAX, Hello, Resume, Welcome};
use crate::replication::rendezvous::Rendezvous;
use crate::replication::secret::{Nonce, random};
use crate::stream::{Fields, FrameKind, PAYLOAD_BYTES_MAX, StreamDecoder};
use crate::value::FromRdb;

impl<S> Inner<S>
where
    S: Store<Value: FromRdb>,
{
    fn open(&self) -> Result<FrameReader, ReplicationError> {
        let opened = Connection::open(&self.address, self.options.connect);
        let connection = opened.map_err(|source| ReplicationError::Connect {
            address: self.address.clone(),
            source,
        })?;
        Ok(FrameReader::new(connection, HANDSHAKE_BYTES_MAX))
    }

    /// Proves to the master, and has it prove, that both know the secret; what it gives.
    pub(super) fn shake_hands(&self, held: Option<&Held>) -> Result<Handshake, ReplicationError> {
        let patience = self.options.connect;
        let nonce: Nonce = random().map_err(|source| ReplicationError::Broken { source })?;
        let mut reader = self.open()?;
        let hello = Hello {
            nonce,
            resume: held.map(|held| Resume {
                session: held.id,
                numbers: held.decoders.iter().map(StreamDecoder::number).collect(),
            }),
            takes: <S::Value as FromRdb>::TAKES,
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
    pub(super) fn begin(&self, welcome: &Welcome) -> Result<Held, ReplicationError> {
        let filling = Arc::new(Filling::new(&self.records, &self.bytes));
        let owner = Arc::clone(&filling.owner);
        self.shards.cut(self.options.cut_deadline, move |shard| {
            let before = shard.state().keyspace().stage_replacement(&owner);
            shard.state().discard(before);
        })?;
        let streams = usize::from(welcome.streams);
        let decoder = || {
            let decoder = StreamDecoder::new(welcome.rdb_version, welcome.dialect);
            #[cfg(planted)]
            let decoder = decoder.plant(self.options.plant);
            decoder
        };
        #[cfg(planted)]
        if self.options.plant.has(Bug::ShowBeforeCut) {
            filling.committed.store(true, Ordering::Release);
        }
        self.tell(|course| {
            course.following = false;
            course.full_syncs += 1;
            course.unshown += 1;
        });
        Ok(Held {
            id: welcome.session,
            decoders: std::iter::repeat_with(decoder).take(streams).collect(),
            rendezvous: Arc::new(Rendezvous::new(streams, self.options.plant)),
            filling,
        })
    }

    /// Opens a connection for each stream.
    pub(super) fn attach(
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
}
