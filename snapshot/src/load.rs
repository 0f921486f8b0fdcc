//! Loading: one reader decodes a file and feeds the shards in batches.

use std::io::Read;
use std::sync::Arc;

use parking_lot::Mutex;
use rdb_format::{Element, Event, KeyHead, Reader, StreamPart, Value as Owned};
use shard_runtime::ShardSet;

use crate::collected;
use crate::error::LoadError;
use crate::key::{Key, shard_hash};
use crate::keyspace::Store;
use crate::value::FromRdb;

/// Entries that travel to a shard together.
const BATCH_ENTRIES: usize = 256;

/// A batch also travels when its values weigh this many bytes.
const BATCH_BYTES: usize = 256 << 10;

/// What a load brought in.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadReport {
    /// Keys now in the shards.
    pub keys: u64,
    /// Keys of collections without elements, left out as servers do.
    pub empty: u64,
    /// Version number in the file's head.
    pub rdb_version: u32,
    /// Length of the file up to and with its checksum, in bytes.
    pub bytes: u64,
    /// Source texts of the function libraries in the file.
    pub functions: Vec<Vec<u8>>,
    /// Records that stores do not keep: what modules say of a key or of no key, and slot imports.
    pub not_kept: u64,
}

/// Reads a whole RDB stream into the shards, each key to [`shard_hash`]'s shard.
///
/// What is on its way to a shard is bounded by its mailbox: a message is a batch of up to
/// 256 KiB, or one larger value.
///
/// Keys that have expired are loaded like others: what they were worth is the store's
/// decision. Checksum and structure are verified on the way; sizes in the file are hints and
/// never allocations.
///
/// # Errors
///
/// When the stream is not a sound RDB file to its end, holds what the store cannot, or names
/// a key twice. The shards then hold part of the file: drop them.
pub fn load<S>(source: impl Read, shards: &ShardSet<S>) -> Result<LoadReport, LoadError>
where
    S: Store<Value: FromRdb>,
{
    let mut loader = Loader::new(shards);
    let mut reader = Reader::new(source);
    let mut open: Option<OpenKey> = None;
    while let Some(event) = reader.next_event()? {
        match event {
            Event::Header { version, .. } => loader.report.rdb_version = version,
            Event::Function(text) => loader.report.functions.push(text.to_vec()),
            Event::SelectDb(number) => loader.database = number,
            Event::Key(head) => open = Some(OpenKey::new(&head)),
            Event::Element(element) => {
                let Some(key) = &mut open else {
                    unreachable!("an element follows its key")
                };
                key.add::<S::Value>(element, &mut loader)?;
            }
            Event::Stream(part) => {
                if let Some(key) = &mut open {
                    key.add_part(part);
                }
            }
            Event::InsertIndex(index) => {
                if let Some(key) = &mut open {
                    key.set_insert_index(index);
                }
            }
            Event::KeyEnd { .. } => {
                let Some(key) = open.take() else {
                    unreachable!("a key's end follows it")
                };
                key.end::<S::Value>(&mut loader)?;
            }
            Event::KeyMeta(_) | Event::ModuleAux { .. } | Event::SlotImport { .. } => {
                loader.report.not_kept += 1;
            }
            // Hints, and what says nothing about the keys.
            _ => {}
        }
    }
    loader.report.bytes = reader.position();
    loader.finish()
}

/// The key that the reader is inside of, and its elements so far.
struct OpenKey {
    key: Key,
    expire_at_ms: Option<i64>,
    offset: u64,
    type_name: &'static str,
    elements: u64,
    value: Collected,
}

enum Collected {
    /// A string that has gone to its shard already.
    Sent,
    Elements(Owned),
    Unknown,
}

impl OpenKey {
    fn new(head: &KeyHead<'_>) -> Self {
        let value = match collected::empty(head.value_type) {
            Some(value) => Collected::Elements(value),
            None => Collected::Unknown,
        };
        Self {
            key: Key::from(head.key),
            expire_at_ms: head.expire_at_ms,
            offset: head.offset,
            type_name: head.value_type.family().name(),
            elements: 0,
            value,
        }
    }

    fn add<V: FromRdb>(
        &mut self,
        element: Element<'_>,
        loader: &mut Loader<'_, impl Store<Value = V>>,
    ) -> Result<(), LoadError> {
        self.elements += 1;
        match (&mut self.value, element) {
            (Collected::Elements(Owned::String(_)), Element::Item(bytes)) => {
                let value = V::from_string(bytes, self.expire_at_ms);
                self.value = Collected::Sent;
                loader.push(Loaded {
                    key: self.key.clone(),
                    value,
                    offset: self.offset,
                })?;
            }
            (Collected::Elements(value), element) => {
                let pushed = collected::push(value, element);
                self.know(pushed);
            }
            _ => self.value = Collected::Unknown,
        }
        Ok(())
    }

    fn add_part(&mut self, part: StreamPart<'_>) {
        if let Collected::Elements(value) = &mut self.value {
            let added = collected::add(value, part);
            self.know(added);
        }
        // A stream without entries is none of the collections that are dropped when empty.
        self.elements += 1;
    }

    fn set_insert_index(&mut self, index: u64) {
        if let Collected::Elements(value) = &mut self.value {
            let set = collected::insert_index(value, index);
            self.know(set);
        }
    }

    /// What could not be added makes the value one that is not known here.
    fn know(&mut self, added: Option<()>) {
        if added.is_none() {
            self.value = Collected::Unknown;
        }
    }

    fn end<V: FromRdb>(
        self,
        loader: &mut Loader<'_, impl Store<Value = V>>,
    ) -> Result<(), LoadError> {
        let unsupported = |key, database| LoadError::UnsupportedType {
            database,
            key,
            type_name: self.type_name,
            offset: self.offset,
        };
        match self.value {
            Collected::Sent => Ok(()),
            Collected::Unknown => Err(unsupported(self.key, loader.database)),
            Collected::Elements(_) if self.elements == 0 => {
                loader.report.empty += 1;
                Ok(())
            }
            Collected::Elements(owned) => {
                let Ok(value) = V::from_rdb(owned, self.expire_at_ms) else {
                    return Err(unsupported(self.key, loader.database));
                };
                loader.push(Loaded {
                    key: self.key,
                    value,
                    offset: self.offset,
                })
            }
        }
    }
}

struct Loaded<V> {
    key: Key,
    value: V,
    offset: u64,
}

/// Entries of one database on their way to one shard.
struct Batch<V> {
    entries: Vec<Loaded<V>>,
    weight_bytes: usize,
}

impl<V> Batch<V> {
    fn new() -> Self {
        Self {
            entries: Vec::with_capacity(BATCH_ENTRIES),
            weight_bytes: 0,
        }
    }
}

struct Loader<'a, S: Store> {
    shards: &'a ShardSet<S>,
    database: u32,
    // The database that the batches are for; they are sent before it changes.
    batches_database: u32,
    batches: Vec<Batch<S::Value>>,
    // The first key that a shard found in its table already.
    duplicate: Arc<Mutex<Option<LoadError>>>,
    report: LoadReport,
}

impl<'a, S: Store> Loader<'a, S> {
    fn new(shards: &'a ShardSet<S>) -> Self {
        Self {
            shards,
            database: 0,
            batches_database: 0,
            batches: (0..shards.len()).map(|_| Batch::new()).collect(),
            duplicate: Arc::new(Mutex::new(None)),
            report: LoadReport::default(),
        }
    }

    fn push(&mut self, loaded: Loaded<S::Value>) -> Result<(), LoadError> {
        if self.batches_database != self.database {
            self.send_all()?;
            self.batches_database = self.database;
        }
        self.report.keys += 1;
        let shard = self.shards.shard_of(shard_hash(loaded.key.as_bytes()));
        let batch = &mut self.batches[shard];
        batch.weight_bytes += crate::value::Value::weight_bytes(&loaded.value);
        batch.entries.push(loaded);
        if batch.entries.len() >= BATCH_ENTRIES || batch.weight_bytes >= BATCH_BYTES {
            self.send(shard)?;
        }
        Ok(())
    }

    fn send_all(&mut self) -> Result<(), LoadError> {
        (0..self.batches.len()).try_for_each(|shard| self.send(shard))
    }

    fn send(&mut self, shard: usize) -> Result<(), LoadError> {
        let batch = std::mem::replace(&mut self.batches[shard], Batch::new());
        let number = self.batches_database;
        let duplicate = Arc::clone(&self.duplicate);
        self.shards.send(shard, move |shard| {
            let table = shard.state().keyspace().database(number);
            for Loaded { key, value, offset } in batch.entries {
                // A copy of a short key is cheaper than a second look into the table.
                if table.insert(key.clone(), value).is_some() {
                    let error = LoadError::DuplicateKey {
                        database: number,
                        key,
                        offset,
                    };
                    duplicate.lock().get_or_insert(error);
                    return;
                }
            }
        })?;
        match self.duplicate.lock().take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Sends what is left, and waits until every shard has taken all of its entries.
    fn finish(mut self) -> Result<LoadReport, LoadError> {
        self.send_all()?;
        for shard in 0..self.shards.len() {
            self.shards.call(shard, |_| ())?;
        }
        match self.duplicate.lock().take() {
            Some(error) => Err(error),
            None => Ok(self.report),
        }
    }
}
