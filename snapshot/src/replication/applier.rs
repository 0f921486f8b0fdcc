//! Records of one stream, to the shards of the replica.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use rdb_format::{Element, KeyHead};
use shard_runtime::{Shard, ShardSet};

use super::bundle::{Bundle, BundlePool};
use super::error::ReplicationError;
use crate::gathering::Gathering;
use crate::key::shard_hash;
use crate::keyspace::{Applied, Owner, Store};
use crate::open_key::OpenKey;
use crate::room::Room;
use crate::stream::{Recipient, Record};
use crate::sync::{Mutex, SHRINK};
use crate::under_way::{OnItsWay, UnderWay};
use crate::value::FromRdb;

/// A bundle with so many records travels.
const BUNDLE_RECORDS: usize = if cfg!(feature = "sim") { 4 } else { 1024 };

/// So many bytes of one stream may be on their way to the shards; then they are waited for.
const BYTES_UNDER_WAY_MAX: usize = (1 << 20) / SHRINK;

/// A stream that promises more keys is believed to have so many.
const KEYS_MAX: usize = 1 << 28;

/// How many bundles of each stream are kept for the next records.
const KEPT_BUNDLES: usize = 64;

/// What the appliers of all streams share.
#[derive(Debug)]
pub(super) struct Filling {
    /// Whose the keys are that are not shown yet.
    pub(super) owner: Arc<Owner>,
    /// Whether they are shown.
    pub(super) committed: AtomicBool,
    /// Whether a shard could not apply a record: what it has is no base to go on from.
    pub(super) failed: AtomicBool,
    /// The first record that a shard could not apply.
    failure: Arc<Mutex<Option<ReplicationError>>>,
    pub(super) records: Arc<AtomicU64>,
    pub(super) bytes: Arc<AtomicU64>,
}

impl Filling {
    pub(super) fn new(records: &Arc<AtomicU64>, bytes: &Arc<AtomicU64>) -> Self {
        Self {
            owner: Arc::new(Owner),
            committed: AtomicBool::new(false),
            failed: AtomicBool::new(false),
            failure: Arc::new(Mutex::new(None)),
            records: Arc::clone(records),
            bytes: Arc::clone(bytes),
        }
    }

    pub(super) fn take_failure(&self) -> Option<ReplicationError> {
        let failure = self.failure.lock().take();
        // Relaxed: read when all who write it are gone.
        self.failed.fetch_or(failure.is_some(), Ordering::Relaxed);
        failure
    }
}

/// Takes the records of one stream to the shards that they belong to, in order.
pub(super) struct Applier<'a, S: Store> {
    shards: &'a ShardSet<S>,
    filling: &'a Filling,
    bundles: Vec<Bundle>,
    pool: BundlePool,
    under_way: Arc<UnderWay>,
    // The frame whose records are being added.
    frame: Option<Arc<OnItsWay>>,
    // The stream's number, and how many streams there are.
    stream: (u16, u16),
    // The database that comes now, and what is known of the room that shards have for it.
    rooms: Option<(u32, Vec<Room>)>,
    // The string that has begun: its shard, and the bytes of its key. Of a collection the shard.
    open: (usize, usize),
    // What could not be sent, until the end of the frame.
    failed: Option<ReplicationError>,
}

impl<'a, S> Applier<'a, S>
where
    S: Store<Value: FromRdb>,
{
    /// For the records of stream number `stream.0` of `stream.1`.
    pub(super) fn new(shards: &'a ShardSet<S>, filling: &'a Filling, stream: (u16, u16)) -> Self {
        let mut bundles = Vec::new();
        bundles.resize_with(shards.len(), Bundle::default);
        Self {
            shards,
            filling,
            bundles,
            pool: BundlePool::new(KEPT_BUNDLES),
            under_way: Arc::new(UnderWay::new(BYTES_UNDER_WAY_MAX)),
            frame: None,
            stream,
            rooms: None,
            open: (0, 0),
            failed: None,
        }
    }

    /// A frame of so many bytes begins, whose records are to be added.
    pub(super) fn begin_frame(&mut self, bytes: usize) {
        self.frame = Some(Arc::new(OnItsWay::new(&self.under_way, bytes)));
        // Relaxed: statistics.
        self.filling
            .bytes
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// The frame has been added: sends what is left of it.
    pub(super) fn end_frame(&mut self) -> Result<(), ReplicationError> {
        for shard in 0..self.bundles.len() {
            self.send(shard);
        }
        self.frame = None;
        self.under_way.wait();
        match self.failed.take().or_else(|| self.filling.take_failure()) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Waits until the shards have taken all that was sent.
    pub(super) fn confirm(&mut self) -> Result<(), ReplicationError> {
        for shard in 0..self.shards.len() {
            self.shards.call(shard, |_| ())?;
        }
        match self.filling.take_failure() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn added(&mut self, shard: usize) {
        if self.bundles[shard].records() >= BUNDLE_RECORDS {
            self.send(shard);
        }
    }

    fn send(&mut self, shard: usize) {
        if self.bundles[shard].is_empty() {
            return;
        }
        let (mut next, records) = (self.pool.bundle(), self.bundles[shard].records());
        if let Some((database, rooms)) = &mut self.rooms
            && let Some(keys) = rooms[shard].make(records)
        {
            next.make_room(*database, keys);
        }
        let bundle = std::mem::replace(&mut self.bundles[shard], next);
        self.filling
            .records
            .fetch_add(records as u64, Ordering::Relaxed);
        let delivery = Delivery {
            frame: self.frame.clone(),
            bundle,
            pool: self.pool.clone(),
            // Acquire: pairs with the Release of who committed, who this reader has met.
            owner: (!self.filling.committed.load(Ordering::Acquire))
                .then(|| Arc::downgrade(&self.filling.owner)),
            failure: Arc::clone(&self.filling.failure),
        };
        let take = move |shard: &mut Shard<S>| delivery.take(shard);
        // Waits for room also where others are refused: a replica has nowhere else to go.
        if let Err(not_sent) = self.shards.send_within(shard, Duration::MAX, take) {
            let error = ReplicationError::Shard(not_sent.error);
            self.failed.get_or_insert(error);
        }
    }
}

impl<S> Recipient for Applier<'_, S>
where
    S: Store<Value: FromRdb>,
{
    fn expect(&mut self, database: u32, keys: u64) {
        let (stream, streams) = (usize::from(self.stream.0), usize::from(self.stream.1));
        let shards = self.bundles.len();
        let keys = usize::try_from(keys).unwrap_or(usize::MAX).min(KEYS_MAX);
        let mut rooms = Vec::new();
        for (shard, bundle) in self.bundles.iter_mut().enumerate() {
            // All streams have about as many keys, and each a range of hashes, as each shard has.
            bundle.plan(database, keys.saturating_mul(streams) / shards);
            let begin = (stream * shards).max(shard * streams);
            let end = ((stream + 1) * shards).min((shard + 1) * streams);
            let mut room = Room::default();
            room.expect(keys.saturating_mul(end.saturating_sub(begin)) / shards);
            rooms.push(room);
        }
        self.rooms = Some((database, rooms));
    }

    #[inline]
    fn begin_text(&mut self, key: &[u8]) {
        let shard = self.shards.shard_of(shard_hash(key));
        self.bundles[shard].begin_text(key);
        self.open = (shard, key.len());
    }

    #[inline]
    fn end_text(&mut self, database: u32, value: &[u8], expire_at_ms: Option<i64>) {
        let (shard, key_bytes) = self.open;
        self.bundles[shard].end_text(database, key_bytes, value, expire_at_ms);
        self.added(shard);
    }

    #[inline]
    fn begin_collection(&mut self, head: &KeyHead<'_>) -> bool {
        if !Gathering::takes(head) {
            return false;
        }
        let shard = self.shards.shard_of(shard_hash(head.key));
        self.bundles[shard].begin_collection(head);
        self.open.0 = shard;
        true
    }

    #[inline]
    fn add_element(&mut self, element: &Element<'_>) -> Result<(), OpenKey> {
        self.bundles[self.open.0].add_element(element)
    }

    fn end_collection(&mut self, database: u32) {
        let shard = self.open.0;
        self.bundles[shard].end_collection(database);
        self.added(shard);
    }

    fn give(&mut self, record: Record) {
        let shard = self.shards.shard_of(shard_hash(record.key()));
        self.bundles[shard].push(record);
        self.added(shard);
    }
}

/// Records for one shard.
struct Delivery {
    bundle: Bundle,
    pool: BundlePool,
    // Of which the records are, or some of them.
    frame: Option<Arc<OnItsWay>>,
    /// Whose what is not shown yet is; `None` to change what is shown.
    owner: Option<Weak<Owner>>,
    failure: Arc<Mutex<Option<ReplicationError>>>,
}

impl Delivery {
    fn take<S>(self, shard: &mut Shard<S>)
    where
        S: Store<Value: FromRdb>,
    {
        let Self {
            mut bundle, owner, ..
        } = self;
        let state = shard.state();
        let keyspace = match &owner {
            None => state.keyspace(),
            // Another filling has begun since.
            Some(owner) => match state.keyspace().staged(owner) {
                Some(staged) => staged,
                None => return,
            },
        };
        let mut applied = Applied::default();
        let failed = bundle.apply_to(keyspace, &mut applied);
        match &owner {
            None => state.on_applied(&applied),
            Some(owner) => state.keyspace().count_staged(owner, &applied),
        }
        if let Err(error) = failed {
            self.failure.lock().get_or_insert(error);
        }
        self.pool.recycle(bundle);
        drop(self.frame);
    }
}
