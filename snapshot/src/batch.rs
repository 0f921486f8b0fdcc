//! Entries on their way from a reader to a shard, which makes values of their bytes.

use std::sync::Arc;

use crossbeam::queue::ArrayQueue;

use crate::error::LoadError;
use crate::gathering::{Gathered, Gathering};
use crate::key::Key;
use crate::keyspace::Table;
use crate::value::{FromRdb, Value};

/// A batch with so many entries travels.
const BATCH_ENTRIES: usize = 4096;

/// A batch also travels when it holds this many bytes.
pub(crate) const BATCH_BYTES: usize = 256 << 10;

/// A string up to this long, its key included, travels as bytes and is made a value by its shard;
/// the bytes of a longer one would be copied once too often.
const TEXT_BYTES_MAX: usize = 16 << 10;

/// An entry, and where in its file it stood.
pub(crate) struct Loaded<V> {
    pub(crate) key: Key,
    pub(crate) value: V,
    pub(crate) offset: u64,
}

/// A string in the bytes of a batch: first the key, then the value. Small, since there are many.
struct Text {
    offset: u64,
    key_bytes: u16,
    value_bytes: u16,
    /// Whether the next of the batch's expiry times is this one's.
    expires: bool,
}

const _: () = assert!(TEXT_BYTES_MAX <= u16::MAX as usize, "see Text");

/// Entries of one database for one shard.
pub(crate) struct Batch<V> {
    // Keys and values of the texts, one after the other.
    bytes: Vec<u8>,
    texts: Vec<Text>,
    // In milliseconds since 1970, of the texts that expire, in order.
    expiries: Vec<i64>,
    /// Small collections.
    pub(crate) gathering: Gathering,
    // What travels neither way.
    values: Vec<Loaded<V>>,
    weight_bytes: usize,
}

impl<V> Batch<V> {
    fn new() -> Self {
        Self {
            bytes: Vec::new(),
            texts: Vec::new(),
            expiries: Vec::new(),
            gathering: Gathering::default(),
            values: Vec::new(),
            weight_bytes: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.texts.len() + self.gathering.len() + self.values.len()
    }

    /// About what it takes, in bytes.
    pub(crate) fn weight_bytes(&self) -> usize {
        self.weight_bytes + self.bytes.len() + self.gathering.weight_bytes()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len() >= BATCH_ENTRIES || self.weight_bytes() >= BATCH_BYTES
    }

    /// Adds the key of a string. [`end_text`](Self::end_text) must come next.
    #[inline]
    pub(crate) fn begin_text(&mut self, key: &[u8]) {
        self.bytes.extend_from_slice(key);
    }

    /// Adds the value of the string whose key was added last, and was so long; gives the key back
    /// if both together are longer than [`TEXT_BYTES_MAX`].
    #[inline]
    pub(crate) fn end_text(
        &mut self,
        key_bytes: usize,
        value: &[u8],
        expire_at_ms: Option<i64>,
        offset: u64,
    ) -> Result<(), Key> {
        let short = key_bytes + value.len() <= TEXT_BYTES_MAX;
        let lengths = (u16::try_from(key_bytes), u16::try_from(value.len()));
        let (true, (Ok(key_bytes), Ok(value_bytes))) = (short, lengths) else {
            return Err(self.take_key(key_bytes));
        };
        self.bytes.extend_from_slice(value);
        self.expiries.extend(expire_at_ms);
        self.texts.push(Text {
            offset,
            key_bytes,
            value_bytes,
            expires: expire_at_ms.is_some(),
        });
        Ok(())
    }

    /// Takes the key back that was added last, and was so long.
    #[cold]
    fn take_key(&mut self, key_bytes: usize) -> Key {
        let start = self.bytes.len().saturating_sub(key_bytes);
        let key = Key::from(&self.bytes[start..]);
        self.bytes.truncate(start);
        key
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.texts.clear();
        self.expiries.clear();
        self.gathering.clear(2 * BATCH_BYTES);
        self.values.clear();
        self.weight_bytes = 0;
    }
}

impl<V: Value> Batch<V> {
    /// Adds an entry that is made already.
    pub(crate) fn push(&mut self, loaded: Loaded<V>) {
        self.weight_bytes += loaded.value.weight_bytes() + loaded.key.as_bytes().len();
        self.values.push(loaded);
    }
}

impl<V: FromRdb> Batch<V> {
    /// Moves all entries into `table`, which is the database's of this number.
    ///
    /// # Errors
    ///
    /// Of the first key that the table had already, or whose value the store has no type for.
    pub(crate) fn insert_into(
        &mut self,
        table: &mut Table<V>,
        database: u32,
    ) -> Result<(), LoadError> {
        let twice = |key, offset| LoadError::DuplicateKey {
            database,
            key,
            offset,
        };
        let mut duplicate = None;
        self.insert_texts(table, |key| {
            duplicate.get_or_insert(key);
        });
        let inserted = self.insert_collections(table, |key| {
            duplicate.get_or_insert(key);
        });
        if let Some(key) = duplicate {
            let offset = self.last_offset(&key);
            return Err(twice(key, offset));
        }
        inserted.map_err(|gathered| LoadError::UnsupportedType {
            database,
            key: Key::from(gathered.key),
            type_name: gathered.elements.family().name(),
            offset: gathered.offset,
        })?;
        for Loaded { key, value, offset } in std::mem::take(&mut self.values) {
            // A copy of a short key is cheaper than a second look into the table.
            if table.insert(key.clone(), value).is_some() {
                let offset = offset.max(self.last_offset(&key));
                return Err(twice(key, offset));
            }
        }
        Ok(())
    }

    fn insert_texts(&self, table: &mut Table<V>, mut twice: impl FnMut(Key)) {
        let mut expiries = self.expiries.iter().copied();
        let texts = Texts::new(self).map(|(text, key, value)| {
            let expire_at_ms = text.expires.then(|| expiries.next()).flatten();
            (Key::from(key), V::from_string(value, expire_at_ms))
        });
        table.insert_many(texts, |key, _| twice(key));
    }

    /// As far as the store has types for them; gives back the first that it has none for.
    fn insert_collections(
        &self,
        table: &mut Table<V>,
        mut twice: impl FnMut(Key),
    ) -> Result<(), Gathered<'_>> {
        let mut refused = Ok(());
        let collections = self.gathering.iter().map_while(|gathered| {
            let entry = gathered.entry();
            if entry.is_none() {
                refused = Err(gathered);
            }
            entry
        });
        table.insert_many(collections, |key, _| twice(key));
        refused
    }

    /// Where the last text or collection with this key stood in its file; 0 if there is none.
    #[cold]
    fn last_offset(&self, key: &Key) -> u64 {
        let texts = Texts::new(self).map(|(text, key, _)| (key, text.offset));
        let gathered = self.gathering.iter();
        let gathered = gathered.map(|gathered| (gathered.key, gathered.offset));
        let same = texts.chain(gathered);
        let same = same.filter(|(other, _)| *other == key.as_bytes());
        same.map(|(_, offset)| offset).max().unwrap_or(0)
    }
}

/// The texts of a batch, each with its key and its value.
struct Texts<'a> {
    texts: std::slice::Iter<'a, Text>,
    bytes: &'a [u8],
}

impl<'a> Texts<'a> {
    fn new<V>(batch: &'a Batch<V>) -> Self {
        Self {
            texts: batch.texts.iter(),
            bytes: &batch.bytes,
        }
    }
}

impl<'a> Iterator for Texts<'a> {
    type Item = (&'a Text, &'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let text = self.texts.next()?;
        let (key, rest) = self.bytes.split_at(usize::from(text.key_bytes));
        let (value, rest) = rest.split_at(usize::from(text.value_bytes));
        self.bytes = rest;
        Some((text, key, value))
    }
}

/// Batches that have been emptied, kept for the next ones: their memory is warm.
pub(crate) struct BatchPool<V>(Arc<ArrayQueue<Batch<V>>>);

// Not derived: that would ask the same of what the batches hold.
impl<V> Clone for BatchPool<V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<V> BatchPool<V> {
    /// A pool that keeps at most so many.
    pub(crate) fn new(batches: usize) -> Self {
        Self(Arc::new(ArrayQueue::new(batches.max(1))))
    }

    pub(crate) fn batch(&self) -> Batch<V> {
        self.0.pop().unwrap_or_else(Batch::new)
    }

    /// Takes a batch back; one that finds no room, or has become long, is dropped.
    pub(crate) fn recycle(&self, mut batch: Batch<V>) {
        batch.clear();
        // One long key must not stay in memory as room for short ones.
        if batch.bytes.capacity() <= 2 * BATCH_BYTES {
            drop(self.0.push(batch));
        }
    }
}
