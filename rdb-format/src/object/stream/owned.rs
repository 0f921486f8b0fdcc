//! A whole stream in memory.

use super::entry::StreamEntry;
use super::id::StreamId;
use super::part::{Pending, StreamPart};
use crate::compact::CompactEntry;

/// A whole stream in memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stream {
    /// Entries in ascending order of their ids; deleted ones only if reading was told to keep
    /// them.
    pub records: Vec<StreamRecord>,
    /// The highest id ever given; at least that of the last entry.
    pub last_id: StreamId,
    /// The lowest id that is not deleted, as stated; `None` before Redis 7.0. What is written is
    /// the id of the first entry, whatever this says.
    pub first_id: Option<StreamId>,
    /// The highest id that was deleted. `None` before Redis 7.0, which stands for 0-0.
    pub deleted_id_max: Option<StreamId>,
    /// Entries ever added. `None` before Redis 7.0, which stands for the entries there are.
    pub entries_added: Option<u64>,
    /// Consumer groups.
    pub groups: Vec<ConsumerGroup>,
    /// What is remembered of producers, from Redis 8.6 on.
    pub producers: Option<Producers>,
}

/// One entry of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamRecord {
    /// Its id.
    pub id: StreamId,
    /// Whether it is deleted, and users of the stream do not see it.
    pub deleted: bool,
    /// Fields and values, in order. Fields may repeat.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
}

/// A consumer group of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConsumerGroup {
    /// Its name, unique in the stream.
    pub name: Vec<u8>,
    /// The last id that it delivered.
    pub last_id: StreamId,
    /// How many entries it has read, if known.
    pub entries_read: Option<u64>,
    /// Entries that were delivered and not acknowledged. Each is held by one consumer or rejected.
    pub pending: Vec<Pending>,
    /// Its consumers.
    pub consumers: Vec<Consumer>,
    /// Pending entries that were rejected and are held by nobody, from Redis 8.8 on.
    pub rejected: Vec<StreamId>,
}

/// A consumer in a group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Consumer {
    /// Its name, unique in the group.
    pub name: Vec<u8>,
    /// When it last asked, in milliseconds since 1970.
    pub seen_at_ms: i64,
    /// When it last got an entry, in milliseconds since 1970; -1 if never. `None` before Redis
    /// 7.2, which stands for when it was seen.
    pub active_at_ms: Option<i64>,
    /// The pending entries that it holds.
    pub held: Vec<StreamId>,
}

/// What a stream remembers of its producers, so that a repeated request adds nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Producers {
    /// For how long requests are remembered, in seconds: 1 to 86400.
    pub keep_s: u64,
    /// How many requests are remembered per producer: 1 to 10000.
    pub requests_max: u64,
    /// The producers.
    pub producers: Vec<Producer>,
    /// Requests remembered ever.
    pub added: u64,
    /// Requests that were repeated.
    pub repeated: u64,
}

impl Default for Producers {
    /// What servers start with: 100 s, 100 requests, no producer.
    fn default() -> Self {
        Self {
            keep_s: 100,
            requests_max: 100,
            producers: Vec::new(),
            added: 0,
            repeated: 0,
        }
    }
}

/// A producer of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Producer {
    /// Its name, unique in the stream.
    pub name: Vec<u8>,
    /// Its requests, and the entries that they made.
    pub requests: Vec<(Vec<u8>, StreamId)>,
}

impl Stream {
    /// Entries that are not deleted.
    pub fn len(&self) -> usize {
        self.records.iter().filter(|record| !record.deleted).count()
    }

    /// Whether every entry is deleted, or there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends an entry that was read.
    pub(crate) fn push(&mut self, entry: StreamEntry<'_>) {
        let text = |text: CompactEntry<'_>| text.to_vec();
        let fields = entry.fields().map(|(f, v)| (text(f), text(v))).collect();
        self.records.push(StreamRecord {
            id: entry.id(),
            deleted: entry.is_deleted(),
            fields,
        });
    }

    /// Adds a part that was read, which belongs to the group, consumer or producer before it.
    pub(crate) fn add(&mut self, part: StreamPart<'_>) {
        let group = self.groups.last_mut();
        match (part, group) {
            (StreamPart::Facts(facts), _) => {
                self.last_id = facts.last_id;
                self.first_id = facts.history.map(|history| history.first_id);
                self.deleted_id_max = facts.history.map(|history| history.deleted_id_max);
                self.entries_added = facts.history.map(|history| history.entries_added);
            }
            (
                StreamPart::Group {
                    name,
                    last_id,
                    entries_read,
                },
                _,
            ) => self.groups.push(ConsumerGroup {
                name: name.to_vec(),
                last_id,
                entries_read,
                ..ConsumerGroup::default()
            }),
            (StreamPart::Pending(pending), Some(group)) => group.pending.push(pending),
            (
                StreamPart::Consumer {
                    name,
                    seen_at_ms,
                    active_at_ms,
                },
                Some(group),
            ) => group.consumers.push(Consumer {
                name: name.to_vec(),
                seen_at_ms,
                active_at_ms,
                held: Vec::new(),
            }),
            (StreamPart::Held(id), Some(group)) => {
                if let Some(consumer) = group.consumers.last_mut() {
                    consumer.held.push(id);
                }
            }
            (StreamPart::Rejected(id), Some(group)) => group.rejected.push(id),
            (part, _) => self.producers.get_or_insert_default().add(part),
        }
    }
}

impl Producers {
    fn add(&mut self, part: StreamPart<'_>) {
        match part {
            StreamPart::Producers {
                keep_s,
                requests_max,
            } => (self.keep_s, self.requests_max) = (keep_s, requests_max),
            StreamPart::Producer { name } => self.producers.push(Producer {
                name: name.to_vec(),
                requests: Vec::new(),
            }),
            StreamPart::Request { request, id } => {
                if let Some(producer) = self.producers.last_mut() {
                    producer.requests.push((request.to_vec(), id));
                }
            }
            StreamPart::Requests { added, repeated } => {
                (self.added, self.repeated) = (added, repeated);
            }
            _ => unreachable!("a part of a group follows its group"),
        }
    }
}
