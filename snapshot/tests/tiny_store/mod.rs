//! A small store for tests: byte strings, with a plain map beside the tables as oracle.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdb_format::{EncodeError, Encoder, Value as Owned, ValueType};
use shard_runtime::ShardSet;
use snapshot::{
    Copies, FromRdb, Frozen, Key, Keyspace, Load, Piece, Snapshot, Store, Value, shard_hash,
};

/// Longer than a busy machine keeps anything waiting that works.
pub(crate) const PATIENCE: Duration = Duration::from_mins(10);

/// A snapshot that gives up no shard, and no sink, because the machine is busy.
pub(crate) fn patient() -> Snapshot {
    Snapshot::new()
        .cut_deadline(PATIENCE)
        .stall_deadline(PATIENCE)
}

/// A load that gives up no shard because the machine is busy.
pub(crate) fn patient_load() -> Load {
    Load::new().cut_deadline(PATIENCE)
}

/// A database number and a key, to a value.
pub(crate) type Model = BTreeMap<(u32, Vec<u8>), Arc<[u8]>>;

/// A byte string that can be frozen.
#[derive(Debug, Clone)]
pub(crate) struct Bytes(Arc<[u8]>);

impl Bytes {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self(Arc::from(bytes))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Value for Bytes {
    fn value_type(&self) -> ValueType {
        ValueType::String
    }

    fn expire_at_ms(&self) -> Option<i64> {
        None
    }

    fn weight_bytes(&self) -> usize {
        self.0.len()
    }

    fn encode(&self, encoder: &mut Encoder, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        encoder.string(out, &self.0);
        Ok(())
    }

    fn freeze(&self, _copies: &Copies) -> Box<dyn Frozen> {
        Box::new(FrozenBytes {
            bytes: Arc::clone(&self.0),
            done: None,
        })
    }
}

struct FrozenBytes {
    bytes: Arc<[u8]>,
    done: Option<usize>,
}

impl Frozen for FrozenBytes {
    fn encode_piece(
        &mut self,
        encoder: &mut Encoder,
        out: &mut Vec<u8>,
        piece_bytes: usize,
    ) -> Result<Piece, EncodeError> {
        let done = self.done.unwrap_or_else(|| {
            encoder.length(out, self.bytes.len() as u64);
            0
        });
        let next = self.bytes.len().min(done + piece_bytes);
        out.extend_from_slice(&self.bytes[done..next]);
        self.done = Some(next);
        Ok(if next == self.bytes.len() {
            Piece::Last
        } else {
            Piece::More
        })
    }
}

impl FromRdb for Bytes {
    fn from_rdb(value: Owned, expire_at_ms: Option<i64>) -> Result<Self, Owned> {
        match value {
            Owned::String(bytes) => Ok(Self::from_string(&bytes, expire_at_ms)),
            other => Err(other),
        }
    }

    fn from_string(bytes: &[u8], _expire_at_ms: Option<i64>) -> Self {
        Self::new(bytes)
    }
}

/// A shard's state: a keyspace, and a plain map that goes the same way.
#[derive(Debug, Default)]
pub(crate) struct TinyStore {
    keyspace: Keyspace<Bytes>,
    model: Model,
    at_cut: Vec<Model>,
}

impl Store for TinyStore {
    type Value = Bytes;

    fn keyspace(&mut self) -> &mut Keyspace<Bytes> {
        &mut self.keyspace
    }

    fn on_cut(&mut self) {
        self.at_cut.push(self.model.clone());
    }
}

impl TinyStore {
    pub(crate) fn set(&mut self, database: u32, key: &[u8], value: &[u8]) {
        let value = Bytes::new(value);
        self.keyspace
            .database(database)
            .insert(Key::from(key), value.clone());
        self.model.insert((database, key.to_vec()), value.0);
    }

    /// What the tables take, their values not counted.
    pub(crate) fn memory_bytes(&self) -> usize {
        let tables = self.keyspace.databases();
        tables.map(|(_, table)| table.memory_usage()).sum()
    }

    /// How many hold values: the tables, the plain maps, and every frozen view.
    pub(crate) fn holders(&self) -> usize {
        let tables = self.keyspace.databases();
        let values = tables.flat_map(|(_, table)| table.values());
        values.map(|bytes| Arc::strong_count(&bytes.0)).sum()
    }

    /// How many cuts were taken.
    pub(crate) fn cuts(&self) -> usize {
        self.at_cut.len()
    }

    /// How many cuts are open in the tables.
    pub(crate) fn open_cuts(&self) -> usize {
        let tables = self.keyspace.databases();
        tables.map(|(_, table)| table.open_cuts().len()).sum()
    }

    /// Changes a value in place, if the key is there.
    pub(crate) fn update(&mut self, database: u32, key: &[u8], value: &[u8]) {
        if let Some(bytes) = self.keyspace.database(database).get_mut(key) {
            *bytes = Bytes::new(value);
            self.model
                .insert((database, key.to_vec()), Arc::clone(&bytes.0));
        }
    }

    pub(crate) fn delete(&mut self, database: u32, key: &[u8]) {
        self.keyspace.database(database).remove(key);
        self.model.remove(&(database, key.to_vec()));
    }
}

/// The state of all shards at their cut number `cut`.
pub(crate) fn state_at_cut(shards: &ShardSet<TinyStore>, cut: usize) -> Model {
    let mut all = Model::new();
    for shard in 0..shards.len() {
        let part = shards
            .call(shard, move |shard| shard.state().at_cut[cut].clone())
            .unwrap();
        all.extend(part);
    }
    all
}

/// The shard that a key lives on.
pub(crate) fn shard_of(shards: &ShardSet<TinyStore>, key: &[u8]) -> usize {
    shards.shard_of(shard_hash(key))
}

/// What an RDB stream holds; an error if a key stands twice or a value is no string.
pub(crate) fn decode(stream: &[u8]) -> Result<Model, String> {
    let mut reader = rdb_format::Reader::from_slice(stream);
    let mut all = Model::new();
    while let Some(entry) = reader.next_entry().map_err(|error| error.to_string())? {
        let Owned::String(value) = entry.value else {
            return Err("not a string".to_owned());
        };
        let key = (entry.db, entry.key);
        if all.contains_key(&key) {
            return Err(format!("{key:?} stands twice"));
        }
        all.insert(key, value.into());
    }
    Ok(all)
}

/// The first difference between two states.
pub(crate) fn difference(found: &Model, expected: &Model) -> Option<String> {
    for (key, value) in expected {
        match found.get(key) {
            None => return Some(format!("{key:?} is missing")),
            Some(other) if other != value => return Some(format!("{key:?} has another value")),
            Some(_) => {}
        }
    }
    let extra = found.keys().find(|key| !expected.contains_key(*key));
    extra.map(|key| format!("{key:?} was not there at the cut"))
}

/// A stream into memory that outlives the snapshot.
#[derive(Debug, Default, Clone)]
pub(crate) struct Memory(Arc<Mutex<Vec<u8>>>);

impl Memory {
    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
