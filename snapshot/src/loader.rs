//! What one reader feeds to the shards: entries in batches, each to the shard of its key.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use rdb_format::{Element, KeyHead, StringEntry};
use shard_runtime::{Shard, ShardSet};

use crate::batch::{BATCH_BYTES, Batch, BatchPool, Loaded};
use crate::error::LoadError;
use crate::key::shard_hash;
use crate::keyspace::{Owner, Store};
use crate::load::{Load, LoadReport, Rules};
use crate::load_progress::LoadProgress;
use crate::open_key::OpenKey;
use crate::room::Room;
use crate::sync::Mutex;
use crate::under_way::{OnItsWay, UnderWay};
use crate::value::{FromRdb, Value};

/// Emptied batches kept for each shard.
const KEPT_BATCHES: usize = 8;

/// So many bytes for each shard may be on their way; then the reader waits.
const BYTES_UNDER_WAY_MAX: usize = KEPT_BATCHES * BATCH_BYTES;

/// Batches of entries for every shard, which keep them apart until the load is over.
pub(crate) struct Loader<'a, S: Store> {
    shards: &'a ShardSet<S>,
    owner: Weak<Owner>,
    rules: Rules,
    progress: &'a LoadProgress,
    // That of the entries to come; batches are sent before it changes.
    database: u32,
    // How many keys of each database should come here.
    expected: BTreeMap<u32, u64>,
    lanes: Vec<Lane<S::Value>>,
    // What the lanes know of the rooms in other databases.
    rooms: BTreeMap<u32, Vec<Room>>,
    pool: BatchPool<S::Value>,
    under_way: Arc<UnderWay>,
    // The first key that a shard could not take.
    refused: Arc<Mutex<Option<LoadError>>>,
    // Set when another reader has failed, so that this one need not go on.
    stop: &'a AtomicBool,
    pub(crate) report: LoadReport,
}

/// What is on its way to one shard.
struct Lane<V> {
    batch: Batch<V>,
    room: Room,
}

/// A string whose key has gone to its batch, and whose value is still to come.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenText {
    shard: usize,
    key_bytes: usize,
    expire_at_ms: Option<i64>,
    offset: u64,
}

impl<'a, S> Loader<'a, S>
where
    S: Store<Value: FromRdb>,
{
    /// Of what `owner` loads.
    pub(crate) fn new(
        shards: &'a ShardSet<S>,
        owner: &Arc<Owner>,
        load: &'a Load,
        stop: &'a AtomicBool,
    ) -> Self {
        let pool = BatchPool::new(KEPT_BATCHES * shards.len());
        let lane = |_| Lane {
            batch: pool.batch(),
            room: Room::default(),
        };
        Self {
            shards,
            owner: Arc::downgrade(owner),
            rules: load.rules,
            progress: &load.progress,
            database: 0,
            expected: BTreeMap::new(),
            lanes: (0..shards.len()).map(lane).collect(),
            rooms: BTreeMap::new(),
            pool,
            under_way: Arc::new(UnderWay::new(BYTES_UNDER_WAY_MAX * shards.len())),
            refused: Arc::new(Mutex::new(None)),
            stop,
            report: LoadReport::default(),
        }
    }

    /// The database of the entries to come.
    pub(crate) fn database(&self) -> u32 {
        self.database
    }

    /// The entries to come belong to database `number`.
    pub(crate) fn select(&mut self, number: u32) -> Result<(), LoadError> {
        if number != self.database {
            self.send_all()?;
            let mut rooms = self.rooms.remove(&number).unwrap_or_default();
            rooms.resize_with(self.lanes.len(), Room::default);
            for (lane, room) in self.lanes.iter_mut().zip(&mut rooms) {
                std::mem::swap(&mut lane.room, room);
            }
            // Of databases that are refused no key comes.
            if self.database < self.rules.databases_max {
                self.rooms.insert(self.database, rooms);
            }
            self.database = number;
            self.tell_lanes();
        }
        Ok(())
    }

    /// The file says that the database has so many keys.
    pub(crate) fn expect(&mut self, keys: u64) {
        self.expected.insert(self.database, keys);
        self.tell_lanes();
    }

    /// How many keys the file says that its databases have.
    pub(crate) fn expected(&self) -> &BTreeMap<u32, u64> {
        &self.expected
    }

    /// As [`expect`](Self::expect), of keys that come through so many loaders.
    pub(crate) fn expect_shares(&mut self, keys: &BTreeMap<u32, u64>, loaders: usize) {
        let shares = keys.iter();
        let shares = shares.map(|(number, keys)| (*number, keys / loaders as u64));
        self.expected = shares.collect();
        self.tell_lanes();
    }

    fn tell_lanes(&mut self) {
        let keys = self.expected.get(&self.database).copied().unwrap_or(0);
        let share = usize::try_from(keys).unwrap_or(usize::MAX) / self.lanes.len();
        for lane in &mut self.lanes {
            lane.room.expect(share);
        }
    }

    /// Adds a string.
    #[inline]
    pub(crate) fn add_string(&mut self, string: &StringEntry<'_>) -> Result<(), LoadError> {
        match self.begin_text(string.key, string.expire_at_ms, string.offset)? {
            Some(text) => self.end_text(text, string.value),
            None => Ok(()),
        }
    }

    /// Begins with a string whose value comes next; `None` if it is not wanted.
    #[inline]
    pub(crate) fn begin_text(
        &mut self,
        key: &[u8],
        expire_at_ms: Option<i64>,
        offset: u64,
    ) -> Result<Option<OpenText>, LoadError> {
        if !self.takes(expire_at_ms, offset)? {
            return Ok(None);
        }
        let shard = self.shards.shard_of(shard_hash(key));
        self.lanes[shard].batch.begin_text(key);
        Ok(Some(OpenText {
            shard,
            key_bytes: key.len(),
            expire_at_ms,
            offset,
        }))
    }

    /// Adds the value of the string that was begun last.
    #[inline]
    pub(crate) fn end_text(&mut self, text: OpenText, value: &[u8]) -> Result<(), LoadError> {
        let OpenText {
            shard,
            key_bytes,
            expire_at_ms,
            offset,
        } = text;
        let batch = &mut self.lanes[shard].batch;
        if let Err(key) = batch.end_text(key_bytes, value, expire_at_ms, offset) {
            let value = S::Value::from_string(value, expire_at_ms);
            batch.push(Loaded { key, value, offset });
        }
        self.pushed(shard)
    }

    /// Begins with a collection that travels as bytes: the shard it goes to.
    #[inline]
    pub(crate) fn begin_collection(&mut self, head: &KeyHead<'_>) -> usize {
        let shard = self.shards.shard_of(shard_hash(head.key));
        self.lanes[shard].batch.gathering.begin(head);
        shard
    }

    /// Adds an element to the collection that was begun last, of this shard; gives that back if it
    /// cannot travel so any further.
    #[inline]
    pub(crate) fn add_element(
        &mut self,
        shard: usize,
        element: &Element<'_>,
    ) -> Result<(), OpenKey> {
        self.lanes[shard].batch.gathering.add(element)
    }

    /// The collection that was begun last, of this shard, is whole.
    pub(crate) fn end_collection(&mut self, shard: usize) -> Result<(), LoadError> {
        let Some(open) = self.lanes[shard].batch.gathering.open() else {
            return Ok(());
        };
        let (is_empty, at_ms, offset) = (open.elements.is_empty(), open.expire_at_ms, open.offset);
        if is_empty {
            self.report.empty += 1;
        } else if self.takes(at_ms, offset)? {
            self.lanes[shard].batch.gathering.end();
            return self.pushed(shard);
        }
        self.lanes[shard].batch.gathering.forget_open();
        Ok(())
    }

    /// Adds an entry that is made already.
    pub(crate) fn push(&mut self, loaded: Loaded<S::Value>) -> Result<(), LoadError> {
        if !self.takes(loaded.value.expire_at_ms(), loaded.offset)? {
            return Ok(());
        }
        let shard = self.shards.shard_of(shard_hash(loaded.key.as_bytes()));
        self.lanes[shard].batch.push(loaded);
        self.pushed(shard)
    }

    /// Whether a key is wanted that expires then.
    #[inline]
    fn takes(&mut self, expire_at_ms: Option<i64>, offset: u64) -> Result<bool, LoadError> {
        if self.rules.expired.drops(expire_at_ms) {
            self.report.expired += 1;
            return Ok(false);
        }
        // A database takes a table of its own on each shard, as soon as it has a key.
        let (number, max) = (self.database, self.rules.databases_max);
        if number >= max {
            return Err(LoadError::Database {
                number,
                max,
                offset,
            });
        }
        Ok(true)
    }

    #[inline]
    fn pushed(&mut self, shard: usize) -> Result<(), LoadError> {
        self.report.keys += 1;
        if self.lanes[shard].batch.is_full() {
            self.send(shard)?;
        }
        Ok(())
    }

    /// Sends what is left, and waits until every shard has taken all of its entries, but not
    /// longer than `deadline`.
    pub(crate) fn finish(mut self, deadline: Duration) -> Result<LoadReport, LoadError> {
        self.send_all()?;
        self.shards.cut(deadline, |_| ())?;
        match self.refused.lock().take() {
            Some(error) => Err(error),
            None => Ok(self.report),
        }
    }

    fn send_all(&mut self) -> Result<(), LoadError> {
        (0..self.lanes.len()).try_for_each(|shard| self.send(shard))
    }

    fn send(&mut self, shard: usize) -> Result<(), LoadError> {
        let lane = &mut self.lanes[shard];
        if lane.batch.len() == 0 {
            return Ok(());
        }
        let batch = std::mem::replace(&mut lane.batch, self.pool.batch());
        self.progress.add_keys(batch.len());
        self.under_way.wait();
        let delivery = Delivery {
            on_its_way: OnItsWay::new(&self.under_way, batch.weight_bytes()),
            planned: lane.room.expected(),
            reserve: lane.room.make(batch.len()),
            batch,
            database: self.database,
            owner: Weak::clone(&self.owner),
            refused: Arc::clone(&self.refused),
            pool: self.pool.clone(),
        };
        // Waits for room also where others are refused: a load has nowhere else to go.
        let take = move |shard: &mut Shard<S>| delivery.take(shard);
        let sent = self.shards.send_within(shard, Duration::MAX, take);
        sent.map_err(|not_sent| not_sent.error)?;
        if let Some(error) = self.refused.lock().take() {
            return Err(error);
        }
        // Relaxed: a hint, which may come late.
        if self.stop.load(Ordering::Relaxed) {
            return Err(LoadError::Stopped);
        }
        Ok(())
    }
}

/// A batch, and all that its shard must know of it.
struct Delivery<V> {
    batch: Batch<V>,
    on_its_way: OnItsWay,
    /// How many keys the table is going to have, as far as anybody knows.
    planned: usize,
    /// How many more keys the table should have room for, if that is worth a look.
    reserve: Option<usize>,
    database: u32,
    owner: Weak<Owner>,
    refused: Arc<Mutex<Option<LoadError>>>,
    pool: BatchPool<V>,
}

impl<V: FromRdb> Delivery<V> {
    /// Puts the entries with what is kept apart for their owner, on their shard.
    fn take<S: Store<Value = V>>(mut self, shard: &mut Shard<S>) {
        let Some(staged) = shard.state().keyspace().staged(&self.owner) else {
            return;
        };
        let table = staged.database(self.database);
        table.plan_for(self.planned);
        if let Some(keys) = self.reserve {
            table.reserve(keys);
        }
        if let Err(error) = self.batch.insert_into(table, self.database) {
            self.refused.lock().get_or_insert(error);
            return;
        }
        self.pool.recycle(self.batch);
        drop(self.on_its_way);
    }
}
