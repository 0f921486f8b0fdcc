//! Records on their way to a shard, in order: strings and small collections as bytes, which the
//! shard makes values of.

use std::sync::Arc;

use crossbeam::queue::ArrayQueue;
use rdb_format::{Element, KeyHead};

use super::apply::{apply, insert_collections, insert_texts};
use super::error::ReplicationError;
use crate::gathering::Gathering;
use crate::keyspace::{Applied, Keyspace};
use crate::open_key::OpenKey;
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
    // The collections, in order.
    gathering: Gathering,
    // Those that are neither, in order.
    others: Vec<Record>,
    records: usize,
}

#[derive(Debug, Clone, Copy)]
enum Item {
    Text(Text),
    /// The next of the collections.
    Collection {
        database: u32,
    },
    /// The next of the others.
    Other,
    /// The database is going to have about so many keys.
    Plan {
        database: u32,
        keys: usize,
    },
    /// So many more keys of the database are about to come.
    Room {
        database: u32,
        keys: usize,
    },
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
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How many records there are in it.
    pub(super) fn records(&self) -> usize {
        self.records
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
        self.records += 1;
        self.items.push(Item::Text(Text {
            database,
            key_bytes,
            value_bytes: value.len(),
            expire_at_ms,
        }));
    }

    /// Begins with a collection, of a kind that [`Gathering::takes`].
    #[inline]
    pub(super) fn begin_collection(&mut self, head: &KeyHead<'_>) {
        self.gathering.begin(head);
    }

    /// Adds an element to the collection that was begun; gives that back if it must go another
    /// way.
    #[inline]
    pub(super) fn add_element(&mut self, element: &Element<'_>) -> Result<(), OpenKey> {
        self.gathering.add(element)
    }

    /// The collection that was begun is whole.
    pub(super) fn end_collection(&mut self, database: u32) {
        self.gathering.end();
        self.records += 1;
        self.items.push(Item::Collection { database });
    }

    /// The database is going to have about so many keys, somebody says. Takes no memory for them.
    pub(super) fn plan(&mut self, database: u32, keys: usize) {
        self.items.push(Item::Plan { database, keys });
    }

    /// So many more keys of the database are about to come: takes the memory for them.
    pub(super) fn make_room(&mut self, database: u32, keys: usize) {
        self.items.push(Item::Room { database, keys });
    }

    pub(super) fn push(&mut self, record: Record) {
        self.records += 1;
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
        let (mut collections, mut others) = (self.gathering.iter(), self.others.drain(..));
        let (mut items, mut bytes) = (self.items.as_slice(), self.bytes.as_slice());
        while let Some(first) = items.first() {
            let mut count = 1;
            match *first {
                Item::Text(Text { database, .. }) => {
                    // As many as there are, so that the table waits for their memory together.
                    count = texts_of(items, database).count();
                    let table = keyspace.database(database);
                    let texts = texts_of(items, database).map(|text| {
                        let (key, value, behind) = text.split(bytes);
                        bytes = behind;
                        (key, value, text.expire_at_ms)
                    });
                    insert_texts(texts, table, database, applied);
                }
                Item::Collection { database } => {
                    count = collections_of(items, database).count();
                    let table = keyspace.database(database);
                    let collections = &mut collections.by_ref().take(count);
                    insert_collections(collections, table, database, applied)?;
                }
                Item::Other => {
                    let record = others.next();
                    record.map_or(Ok(()), |record| apply(record, keyspace, applied))?;
                }
                Item::Plan { database, keys } => keyspace.database(database).plan_for(keys),
                Item::Room { database, keys } => keyspace.database(database).reserve(keys),
            }
            items = &items[count..];
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES_MAX);
        self.items.clear();
        self.items.shrink_to(KEPT_BYTES_MAX / size_of::<Item>());
        self.gathering.clear(KEPT_BYTES_MAX);
        self.others.clear();
        self.records = 0;
    }
}

/// The strings of this database that `items` begin with.
fn texts_of(items: &[Item], database: u32) -> impl Iterator<Item = &Text> {
    items.iter().map_while(move |item| match item {
        Item::Text(text) if text.database == database => Some(text),
        _ => None,
    })
}

/// The collections of this database that `items` begin with.
fn collections_of(items: &[Item], database: u32) -> impl Iterator<Item = &Item> {
    items.iter().take_while(
        move |item| matches!(item, Item::Collection { database: of } if *of == database),
    )
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

#[cfg(test)]
mod tests {
    use rdb_format::{Compression, Dialect, Encoder, Event, Reader, Target, Value as Content};

    use super::*;
    use crate::owned::Owned;

    fn text(bundle: &mut Bundle, database: u32, key: &[u8], value: &[u8], expires: Option<i64>) {
        bundle.begin_text(key);
        bundle.end_text(database, key.len(), value, expires);
    }

    fn list(key: &[u8]) -> Record {
        Record::Set {
            database: 0,
            key: key.to_vec(),
            value: Content::List(vec![b"item".to_vec()]),
            expire_at_ms: None,
        }
    }

    /// Adds a set as a reader reports it.
    fn set(
        bundle: &mut Bundle,
        database: u32,
        key: &[u8],
        members: &[&[u8]],
        expires: Option<i64>,
    ) {
        let members = members.iter().map(|member| member.to_vec());
        let mut encoder = Encoder::new(Target::default(), Compression::None);
        let (mut record, value) = (Vec::new(), Content::Set(members.collect()));
        encoder.entry(&mut record, key, expires, &value).unwrap();
        let mut reader = Reader::from_slice_middle(&record, 0, 10, Dialect::Redis);
        while let Some(event) = reader.next_event().unwrap() {
            match event {
                Event::Key(head) => bundle.begin_collection(&head),
                Event::Element(element) => bundle.add_element(&element).unwrap(),
                _ => {}
            }
        }
        bundle.end_collection(database);
    }

    fn delete(key: &[u8]) -> Record {
        Record::Delete {
            database: 0,
            key: key.to_vec(),
        }
    }

    fn get<'a>(
        keyspace: &'a mut Keyspace<Owned>,
        database: u32,
        key: &[u8],
    ) -> Option<&'a Content> {
        keyspace.database(database).get(key).map(Owned::get)
    }

    #[test]
    fn the_last_record_of_a_key_counts_whatever_it_is() {
        let mut keyspace = Keyspace::<Owned>::new();
        let (mut bundle, mut applied) = (Bundle::default(), Applied::default());
        for database in [0, 1] {
            text(&mut bundle, database, b"text", b"1", Some(5));
            text(&mut bundle, database, b"text", b"2", None);
        }
        text(&mut bundle, 0, b"then a list", b"1", None);
        bundle.push(list(b"then a list"));
        bundle.push(list(b"then a text"));
        text(&mut bundle, 0, b"then a text", b"1", Some(7));
        set(&mut bundle, 0, b"then a text", &[b"a"], None);
        text(&mut bundle, 0, b"then a text", b"2", Some(7));
        text(&mut bundle, 1, b"then a set", b"1", Some(7));
        for members in [&[&b"a"[..], b"b"][..], &[b"c"]] {
            set(&mut bundle, 1, b"then a set", members, Some(7));
        }
        text(&mut bundle, 0, b"then nothing", b"1", Some(7));
        bundle.push(delete(b"then nothing"));
        bundle.push(delete(b"not even there"));
        assert_eq!(bundle.records(), 16);
        bundle.apply_to(&mut keyspace, &mut applied).unwrap();
        for database in [0, 1] {
            let value = get(&mut keyspace, database, b"text");
            assert_eq!(value, Some(&Content::String(b"2".to_vec())));
        }
        let value = get(&mut keyspace, 0, b"then a list");
        assert_eq!(value, Some(&Content::List(vec![b"item".to_vec()])));
        let value = get(&mut keyspace, 0, b"then a text");
        assert_eq!(value, Some(&Content::String(b"2".to_vec())));
        let value = get(&mut keyspace, 1, b"then a set");
        assert_eq!(value, Some(&Content::Set(vec![b"c".to_vec()])));
        assert_eq!(keyspace.len(), 5);
        assert_eq!(applied.changes, 16);
        assert_eq!(applied.expiring, [(0, 1), (1, 1)]);
    }

    #[test]
    fn many_strings_of_any_length_arrive_as_they_are() {
        let mut keyspace = Keyspace::<Owned>::new();
        let mut bundle = Bundle::default();
        let key =
            |number: usize| [number.to_string().as_bytes(), &[b'k'; 40][..number % 40]].concat();
        for number in 0..1000 {
            let value = vec![b'v'; number % 300];
            text(&mut bundle, 0, &key(number), &value, None);
        }
        let applied = &mut Applied::default();
        bundle.apply_to(&mut keyspace, applied).unwrap();
        for number in 0..1000 {
            let value = get(&mut keyspace, 0, &key(number));
            assert_eq!(value, Some(&Content::String(vec![b'v'; number % 300])));
        }
    }

    #[test]
    fn nothing_is_applied_behind_what_cannot_be() {
        let mut keyspace = Keyspace::<Owned>::new();
        let mut bundle = Bundle::default();
        text(&mut bundle, 0, b"before", b"1", None);
        bundle.push(Record::Delta {
            database: 0,
            key: b"before".to_vec(),
            delta: b"nobody understands it".to_vec(),
        });
        text(&mut bundle, 0, b"behind", b"1", None);
        let applied = &mut Applied::default();
        let failed = bundle.apply_to(&mut keyspace, applied);
        assert!(matches!(failed, Err(ReplicationError::Diverged { .. })));
        assert!(get(&mut keyspace, 0, b"before").is_some());
        assert!(get(&mut keyspace, 0, b"behind").is_none());
    }

    #[test]
    fn room_is_made_where_it_is_said() {
        let mut keyspace = Keyspace::<Owned>::new();
        let mut bundle = Bundle::default();
        bundle.plan(2, 100_000);
        bundle.plan(3, 100_000);
        bundle.make_room(3, 100_000);
        text(&mut bundle, 3, b"key", b"1", None);
        let applied = &mut Applied::default();
        bundle.apply_to(&mut keyspace, applied).unwrap();
        assert_eq!(keyspace.database(2).stats().slots, 0);
        assert!(keyspace.database(3).stats().slots >= 100_000);
        assert_eq!((keyspace.len(), applied.changes), (1, 1));
    }

    #[test]
    fn recycled_bundle_brings_nothing_old() {
        let pool = BundlePool::new(1);
        let mut bundle = pool.bundle();
        text(&mut bundle, 0, b"old", &vec![0; 2 * KEPT_BYTES_MAX], None);
        bundle.push(list(b"old list"));
        pool.recycle(bundle);
        let mut bundle = pool.bundle();
        assert!(bundle.bytes.capacity() <= KEPT_BYTES_MAX);
        text(&mut bundle, 0, b"new", b"1", None);
        let mut keyspace = Keyspace::<Owned>::new();
        let applied = &mut Applied::default();
        bundle.apply_to(&mut keyspace, applied).unwrap();
        assert_eq!(keyspace.len(), 1);
    }
}
