//! What a stream holds beside its entries, part by part.

use super::id::StreamId;

/// One part of what a stream holds beside its entries, in the order they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamPart<'a> {
    /// Follows the last entry.
    Facts(StreamFacts),
    /// A consumer group begins. Its pending entries follow, then its consumers.
    Group {
        /// Its name.
        name: &'a [u8],
        /// The last id that it delivered.
        last_id: StreamId,
        /// How many entries it has read, if known.
        entries_read: Option<u64>,
    },
    /// An entry was delivered by the last group and not acknowledged.
    Pending(Pending),
    /// A consumer of the last group begins. The ids that it holds follow.
    Consumer {
        /// Its name.
        name: &'a [u8],
        /// When it last asked, in milliseconds since 1970.
        seen_at_ms: i64,
        /// When it last got an entry, in milliseconds since 1970; -1 if never. `None` before 7.2.
        active_at_ms: Option<i64>,
    },
    /// The last consumer holds this pending entry.
    Held(StreamId),
    /// This pending entry of the last group was rejected and is held by nobody.
    Rejected(StreamId),
    /// What follows is remembered of producers.
    Producers {
        /// For how long, in seconds.
        keep_s: u64,
        /// How many request ids per producer at most.
        requests_max: u64,
    },
    /// A producer begins. Its requests follow.
    Producer {
        /// Its name.
        name: &'a [u8],
    },
    /// The last producer made this request.
    Request {
        /// Id of the request.
        request: &'a [u8],
        /// The entry that it made.
        id: StreamId,
    },
    /// How many requests all producers made, and how many of them were repeated.
    Requests {
        /// Requests remembered ever.
        added: u64,
        /// Repeated ones.
        repeated: u64,
    },
}

/// The numbers of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamFacts {
    /// Entries that are not deleted, as stated. Real files are off by a few; trust the entries.
    pub length: u64,
    /// The highest id ever given.
    pub last_id: StreamId,
    /// What streams hold from Redis 7.0 on.
    pub history: Option<StreamHistory>,
}

/// What a stream knows of entries that it had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamHistory {
    /// The lowest id that is not deleted.
    pub first_id: StreamId,
    /// The highest id that was deleted.
    pub deleted_id_max: StreamId,
    /// Entries ever added.
    pub entries_added: u64,
}

/// An entry that was delivered and not acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// The entry, which may be deleted by now.
    pub id: StreamId,
    /// When it was last delivered, in milliseconds since 1970.
    pub delivered_at_ms: i64,
    /// How often it was delivered.
    pub deliveries: u64,
}
