//! Records on their way to a shard, in order: strings as bytes, which the shard makes values of.

use std::sync::Arc;

use crossbeam::queue::ArrayQueue;

use super::error::ReplicationError;
use crate::key::Key;
use crate::keyspace::{Applied, Keyspace, Table};
use crate::stream::Record;
use crate::value::FromRdb;

/// What a bundle that was large keeps of its memory, in bytes.
const KEPT_BYTES_MAX: usize = 256 << 10;

/// Records for one shard, in the order of their stream.
#[derive(Debug, Default)]
pub(super) struct Bundle {
    // Keys and values of the strings, one after the other.
    bytes: Vec<u8>,
    items: Vec<Item>,
    // Those that are no strings, in order.
    others: Vec<Record>,
}

#[derive(Debug, Clone, Copy)]
enum Item {
    Text(Text),
    /// The next of the others.
    Other,
}

/// A string: its key and its value are the next bytes.
#[derive(Debug, Clone, Copy)]
struct Text {
    database: u32,
    key_bytes: usize,
    value_bytes: usize,
    expire_at_ms: Option<i64>,
}

impl Bundle {
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Adds the key of a string. [`end_text`](Self::end_text) must come next.
    #[inline]
    pub(super) fn begin_text(&mut self, key: &[u8]) {
        self.bytes.extend_from_slice(key);
    }

    /// Adds the value of the string whose key was added last, and was so long.
    #[inline]
    pub(super) fn end_text(
        &mut self,
        database: u32,
        key_bytes: usize,
        value: &[u8],
        expire_at_ms: Option<i64>,
    ) {
        self.bytes.extend_from_slice(value);
        self.items.push(Item::Text(Text {
            database,
            key_bytes,
            value_bytes: value.len(),
            expire_at_ms,
        }));
    }

    pub(super) fn push(&mut self, record: Record) {
        self.items.push(Item::Other);
        self.others.push(record);
    }

    /// Applies all records, one after the other.
    ///
    /// # Errors
    ///
    /// At the first that cannot be applied.
    pub(super) fn apply_to<V: FromRdb>(
        &mut self,
        keyspace: &mut Keyspace<V>,
        applied: &mut Applied,
    ) -> Result<(), ReplicationError> {
        let mut others = self.others.drain(..);
        let (mut items, mut bytes) = (self.items.as_slice(), self.bytes.as_slice());
        while let Some((first, behind)) = items.split_first() {
            if let Item::Text(Text { database, .. }) = first {
                // Strings follow strings, so that the table waits for the memory of many at once.
                let (texts, rest) = items.split_at(texts_of(items, *database).count());
                let texts = texts_of(texts, *database);
                let table = keyspace.database(*database);
                bytes = insert(texts, bytes, table, *database, applied);
                items = rest;
            } else {
                items = behind;
                others
                    .next()
                    .map_or(Ok(()), |record| apply(record, keyspace, applied))?;
            }
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES_MAX);
        self.items.clear();
        self.items.shrink_to(KEPT_BYTES_MAX / size_of::<Item>());
        self.others.clear();
    }
}

/// The strings of this database that `items` begin with.
fn texts_of(items: &[Item], database: u32) -> impl Iterator<Item = &Text> {
    items.iter().map_while(move |item| match item {
        Item::Text(text) if text.database == database => Some(text),
        _ => None,
    })
}

/// Inserts strings that `bytes` begin with into the table of their database; the bytes behind
/// them.
fn insert<'a, V: FromRdb>(
    texts: impl Iterator<Item = &'a Text>,
    bytes: &'a [u8],
    table: &mut Table<V>,
    database: u32,
    applied: &mut Applied,
) -> &'a [u8] {
    let mut rest = bytes;
    let mut expired = 0;
    let entries = texts.map(|text| {
        let (key, value, behind) = text.split(rest);
        rest = behind;
        applied.count(database, false, text.expire_at_ms.is_some());
        (Key::from(key), V::from_string(value, text.expire_at_ms))
    });
    table.insert_many(entries, |_, old: V| {
        expired += i64::from(old.expire_at_ms().is_some());
    });
    applied.count_expiring(database, -expired);
    rest
}

impl Text {
    /// Its key and its value, which `bytes` begin with, and the bytes behind them.
    #[inline]
    fn split<'a>(&self, bytes: &'a [u8]) -> (&'a [u8], &'a [u8], &'a [u8]) {
        let (key, rest) = bytes.split_at(self.key_bytes);
        let (value, rest) = rest.split_at(self.value_bytes);
        (key, value, rest)
    }
}

/// Changes a key as a record says.
fn apply<V: FromRdb>(
    record: Record,
    keyspace: &mut Keyspace<V>,
    applied: &mut Applied,
) -> Result<(), ReplicationError> {
    let table = keyspace.database(record.database());
    match record {
        Record::Set {
            database,
            key,
            value,
            expire_at_ms,
        } => {
            let key = Key::from(key.as_slice());
            let Ok(value) = V::from_rdb(value, expire_at_ms) else {
                return Err(ReplicationError::UnsupportedType { database, key });
            };
            let old = table.insert(key, value);
            let expires = expire_at_ms.is_some();
            applied.count(database, does_expire(old.as_ref()), expires);
        }
        Record::Delete { database, key } => {
            let old = table.remove(key.as_slice());
            applied.count(database, does_expire(old.as_ref()), false);
        }
        Record::Delta {
            database,
            key,
            delta,
        } => {
            let mut value = table.get_mut(key.as_slice());
            let did_expire = does_expire(value.as_deref());
            if !value
                .as_mut()
                .is_some_and(|value| value.apply_delta(&delta))
            {
                let key = Key::from(key.as_slice());
                return Err(ReplicationError::Diverged { database, key });
            }
            applied.count(database, did_expire, does_expire(value.as_deref()));
        }
    }
    Ok(())
}

fn does_expire<V: FromRdb>(value: Option<&V>) -> bool {
    value.is_some_and(|value| value.expire_at_ms().is_some())
}

/// Bundles that have been emptied, kept for the next records: their memory is warm.
#[derive(Debug, Clone)]
pub(super) struct BundlePool(Arc<ArrayQueue<Bundle>>);

impl BundlePool {
    /// A pool that keeps at most so many.
    pub(super) fn new(bundles: usize) -> Self {
        Self(Arc::new(ArrayQueue::new(bundles.max(1))))
    }

    pub(super) fn bundle(&self) -> Bundle {
        self.0.pop().unwrap_or_default()
    }

    pub(super) fn recycle(&self, mut bundle: Bundle) {
        bundle.clear();
        drop(self.0.push(bundle));
    }
}
