//! A round: requests of many connections that go to the shards together.

use std::sync::Arc;

use shard_runtime::ShardSet;
use slab::Slab;

use crate::server::batch::{Batch, Errand, SpareBatches};
use crate::server::command::Command;
use crate::server::connection::Connection;
use crate::server::inbox::Inbox;
use crate::server::reply::Reply;
use crate::server::session::Session;
use crate::server::shard_state::ShardState;
use crate::server::sync::{AtomicUsize, Ordering};
use crate::server::words::Words;

/// What a round may hold before it is sent, in bytes of words.
const BYTES_MAX: usize = 4 << 20;

/// How many requests a round may hold before it is sent.
const REQUESTS_MAX: usize = 4096;

/// Stands for a reply that needs no shard.
const HERE: u32 = u32::MAX;

/// Requests of many connections, and where the reply to each comes from.
#[derive(Debug, Default)]
pub(crate) struct Round {
    /// In the order of requests; those of one connection are neighbours.
    parts: Vec<Part>,
    /// For each shard what it is asked, until it is sent and when it is back.
    batches: Vec<Option<Batch>>,
    /// How many batches are under way.
    outstanding: usize,
    /// The same, as those know who bring them back.
    missing: Arc<AtomicUsize>,
    /// Replies that need no shard, one behind the other.
    replies: Vec<u8>,
    /// Where each of them ends.
    ends: Vec<usize>,
    bytes: usize,
}

#[derive(Debug, Clone, Copy)]
struct Part {
    connection: usize,
    /// The shard's number, or [`HERE`].
    source: u32,
}

impl Round {
    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.parts.len() >= REQUESTS_MAX || self.bytes >= BYTES_MAX
    }

    /// Whether every batch is back.
    pub(crate) fn is_complete(&self) -> bool {
        self.outstanding == 0
    }

    /// Adds a command whose keys are all on `shard`.
    #[inline]
    pub(crate) fn ask(
        &mut self,
        connection: usize,
        session: &Session,
        shard: usize,
        command: &Command,
        words: Words<'_>,
        spare: &mut SpareBatches,
    ) {
        if self.batches.len() <= shard {
            self.batches.resize_with(shard + 1, || None);
        }
        let batch = self.batches[shard].get_or_insert_with(|| spare.take());
        let before = batch.bytes();
        batch.push(command, words, session.database, session.protocol);
        self.bytes += batch.bytes() - before;
        self.parts.push(Part {
            connection,
            source: u32::try_from(shard).unwrap_or(HERE),
        });
    }

    /// Adds a reply that needs no shard, behind those that do.
    pub(crate) fn reply(&mut self, connection: usize, reply: &[u8]) {
        self.replies.extend_from_slice(reply);
        self.ends.push(self.replies.len());
        self.parts.push(Part {
            connection,
            source: HERE,
        });
    }

    /// Sends the batches to their shards; they come back to `home`, as those of round `number`.
    pub(crate) fn send(&mut self, number: usize, shards: &ShardSet<ShardState>, home: &Arc<Inbox>) {
        self.outstanding = self.batches.iter().flatten().count();
        // Relaxed: whoever counts has got the batch through a lock.
        self.missing.store(self.outstanding, Ordering::Relaxed);
        for (shard, batch) in self.batches.iter_mut().enumerate() {
            if let Some(batch) = batch.take() {
                let errand = Errand::new(batch, shard, (number, &self.missing), home);
                // What cannot be sent is dropped, and so comes back without its replies.
                drop(shards.send(shard, move |shard| errand.run(shard)));
            }
        }
    }

    /// Takes a batch back.
    pub(crate) fn take_back(&mut self, shard: usize, batch: Batch) {
        self.outstanding -= 1;
        self.batches[shard] = Some(batch);
    }

    /// Gives every connection its replies, and `settled` each that has all of them.
    pub(crate) fn deliver(
        &mut self,
        connections: &mut Slab<Connection>,
        mut settled: impl FnMut(&mut Slab<Connection>, usize),
    ) {
        let mut here = 0;
        for (at, part) in self.parts.iter().enumerate() {
            let reply = if part.source == HERE {
                let begin = if here == 0 { 0 } else { self.ends[here - 1] };
                let end = self.ends[here];
                here += 1;
                Some(&self.replies[begin..end])
            } else {
                let batch = self.batches[part.source as usize].as_mut();
                batch.and_then(|batch| batch.take_reply())
            };
            let connection = &mut connections[part.connection];
            if let Some(reply) = reply {
                connection.send(reply);
            } else {
                let protocol = connection.session.protocol;
                let error = format!("ERR the store has failed: shard {} is lost", part.source);
                Reply::new(connection.output(), protocol).error(&error);
            }
            let next = self.parts.get(at + 1).map(|part| part.connection);
            if next != Some(part.connection) {
                settled(connections, part.connection);
            }
        }
    }

    /// Forgets everything, for another use; the batches go to `spare`.
    pub(crate) fn clear(&mut self, spare: &mut SpareBatches) {
        for batch in self.batches.iter_mut().filter_map(Option::take) {
            spare.give(batch);
        }
        self.parts.clear();
        self.replies.clear();
        self.ends.clear();
        self.bytes = 0;
    }
}
