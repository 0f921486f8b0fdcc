//! One stream being read: its frames go to the shards, its cuts meet those of the others.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::Inner;
use crate::keyspace::{Owner, Store};
use crate::replication::applier::{Applier, Filling};
use crate::replication::connection::FrameReader;
use crate::replication::error::ReplicationError;
use crate::replication::handshake::Acknowledge;
use crate::replication::lane::AHEAD_BYTES_MIN;
use crate::replication::rendezvous::{Met, Rendezvous};
use crate::stream::{Frame, FrameKind, StreamDecoder};
use crate::sync::now;
use crate::value::FromRdb;

/// How often a reader looks whether it is to stop, and tells the master how far it is.
const LOOK: Duration = Duration::from_millis(200);

/// After how many bytes it tells the master how far it is, which keeps them until then.
const TELL_BYTES: usize = AHEAD_BYTES_MIN / 2;

/// One stream being read.
pub(super) struct Reading<S: Store> {
    pub(super) inner: Arc<Inner<S>>,
    pub(super) stream: u16,
    pub(super) streams: u16,
    pub(super) decoder: StreamDecoder,
    pub(super) reader: FrameReader,
    pub(super) rendezvous: Arc<Rendezvous>,
    pub(super) filling: Arc<Filling>,
    pub(super) silence: Duration,
}

/// Lets the other readers go when it is dropped, should one of them panic, too.
pub(super) struct Leaving(pub(super) Arc<Rendezvous>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<S> Reading<S>
where
    S: Store<Value: FromRdb>,
{
    pub(super) fn run(&mut self) -> Result<(), ReplicationError> {
        let (inner, filling) = (Arc::clone(&self.inner), Arc::clone(&self.filling));
        let mut applier = Applier::new(&inner.shards, &filling, (self.stream, self.streams));
        // It had come to a cut when its connection broke, and others may not have.
        if self.decoder.cut() > 0 {
            self.meet(self.decoder.cut())?;
        }
        let mut heard = now();
        let (mut told, mut untold_bytes) = (now(), 0);
        self.acknowledge()?;
        loop {
            if self.inner.is_stopped() || self.rendezvous.is_aborted() {
                applier.confirm()?;
                return Err(ReplicationError::Stopped);
            }
            let cut = match self.reader.next(LOOK)? {
                Some(frame) => {
                    heard = now();
                    untold_bytes += frame.payload.len();
                    take(frame, (&mut self.decoder, &mut applier, self.stream))?
                }
                None if now().saturating_duration_since(heard) < self.silence => None,
                None => {
                    return Err(ReplicationError::Silent {
                        silence: self.silence,
                    });
                }
            };
            if let Some(cut) = cut {
                applier.confirm()?;
                self.meet(cut)?;
                heard = now();
            }
            let since_told = now().saturating_duration_since(told);
            if cut.is_some() || untold_bytes >= TELL_BYTES || since_told >= LOOK {
                self.acknowledge()?;
                (told, untold_bytes) = (now(), 0);
            }
        }
    }

    /// Waits until all streams have come to the cut, and has the master know that this side lives.
    fn meet(&mut self, cut: u64) -> Result<(), ReplicationError> {
        loop {
            match self.meet_within(cut, LOOK)? {
                Met::Done => return Ok(()),
                Met::Aborted => return Err(ReplicationError::Stopped),
                Met::Waiting => self.acknowledge()?,
            }
        }
    }

    /// Waits a while for the other streams. The last one shows what there was at the first cut, or
    /// has the shards know that this is another.
    fn meet_within(&self, cut: u64, patience: Duration) -> Result<Met, ReplicationError> {
        let stream = usize::from(self.stream);
        let deadline = now().checked_add(patience);
        self.rendezvous.meet(stream, (cut, deadline), |_| {
            let (inner, filling) = (&self.inner, &self.filling);
            let owner = Arc::downgrade(&filling.owner);
            let shows = filling.committed.load(Ordering::Acquire);
            inner.shards.cut(inner.options.cut_deadline, move |shard| {
                if !shows {
                    show(shard.state(), &owner);
                }
                shard.state().on_stream_cut();
            })?;
            // Release: pairs with the Acquire of the readers, who go on after this.
            filling.committed.store(true, Ordering::Release);
            inner.tell(|course| (course.following, course.unshown) = (true, 0));
            Ok(())
        })
    }

    fn acknowledge(&mut self) -> Result<(), ReplicationError> {
        let acknowledged = Acknowledge {
            number: self.decoder.number(),
            cut: self.rendezvous.done().0.min(self.decoder.cut()),
        };
        self.reader
            .say(FrameKind::Acknowledge, &acknowledged.encode(), self.silence)
    }
}

/// Shows what was kept apart for `owner`, in the place of all there was.
fn show<S: Store>(state: &mut S, owner: &Weak<Owner>) {
    if let Some((tables, applied)) = state.keyspace().commit_replacement(owner) {
        state.discard(tables);
        state.on_replaced();
        state.on_applied(&applied);
    }
}

/// Takes one frame of a stream; the cut that it passes, if it does.
fn take<S>(
    frame: Frame<'_>,
    (decoder, applier, stream): (&mut StreamDecoder, &mut Applier<'_, S>, u16),
) -> Result<Option<u64>, ReplicationError>
where
    S: Store<Value: FromRdb>,
{
    let of_stream = |source| ReplicationError::Stream { stream, source };
    match frame.kind {
        FrameKind::Heartbeat => {
            let heard = decoder.take_heartbeat(frame.payload);
            return heard.map(|()| None).map_err(of_stream);
        }
        FrameKind::End => {
            let text = String::from_utf8_lossy(frame.payload).into_owned();
            return Err(ReplicationError::Ended { text });
        }
        _ => {}
    }
    applier.begin_frame(frame.payload.len());
    let taken = decoder.take_for(frame, applier);
    let cut = taken.map_err(of_stream)?;
    applier.end_frame()?;
    Ok(cut)
}
