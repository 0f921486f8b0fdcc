//! The stores that are measured: shards of objects, filled before anything is measured.

use std::path::PathBuf;
use std::sync::Arc;

use forkless::{Hash, List, Object, Set, SortedSet, Stream, Text};
use rdb_format::StreamId;
use shard_runtime::{ShardSet, ShardSetConfig};
use snapshot::{Key, Keyspace, shard_hash};

pub(crate) type Shards = ShardSet<Keyspace<Object>>;

/// The key of the one huge value.
pub(crate) const HUGE: &[u8] = b"huge";

/// What an element's own text takes.
pub(crate) const VALUE_BYTES: usize = 100;

/// Shards without keys.
pub(crate) fn start(shards: usize) -> Arc<Shards> {
    let config = ShardSetConfig {
        shards,
        ..ShardSetConfig::default()
    };
    Arc::new(ShardSet::start(config, |_| Keyspace::new()).unwrap())
}

/// Where snapshots go: below the build's own folder, on the disk that holds the workspace.
pub(crate) fn folder() -> tempfile::TempDir {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    tempfile::tempdir_in(target).unwrap()
}

/// The name of element `number`: a member, a field, a key.
pub(crate) fn name(number: usize) -> [u8; 16] {
    let mut name = *b"element:00000000";
    let mut rest = number;
    for digit in name.iter_mut().rev().take(8) {
        *digit = b'0' + u8::try_from(rest % 10).unwrap();
        rest /= 10;
    }
    name
}

/// A text that begins with `name` and is no other's.
pub(crate) fn text(number: usize, bytes: usize) -> Text {
    let mut text = Vec::with_capacity(bytes);
    text.extend_from_slice(&name(number));
    text.resize(bytes, b'.');
    Text::from(text)
}

/// The id of entry `number` of a stream.
fn id(number: usize) -> StreamId {
    StreamId {
        ms: number as u64 + 1,
        seq: 0,
    }
}

/// A value of this kind with about `data_bytes` of elements; how many these are.
fn huge(kind: &str, data_bytes: usize) -> (Object, usize) {
    let elements = data_bytes / VALUE_BYTES;
    let texts = (0..elements).map(|number| text(number, VALUE_BYTES));
    let object = match kind {
        "string" => Object::String(Text::from(vec![b'.'; data_bytes])),
        "list" => Object::List(Box::new(texts.collect::<List>())),
        "set" => Object::Set(Box::new(texts.collect::<Set>())),
        "hash" => {
            let fields = texts
                .zip(0..)
                .map(|(value, number)| (Text::from(&name(number)[..]), value));
            Object::Hash(Box::new(fields.collect::<Hash>()))
        }
        "sorted-set" => {
            let members = texts
                .zip(0..)
                .map(|(member, number)| (member, f64::from(number)));
            Object::SortedSet(Box::new(members.collect::<SortedSet>()))
        }
        "stream" => {
            let mut stream = Stream::new();
            for number in 0..elements {
                let text = text(number, VALUE_BYTES);
                stream
                    .append(id(number), [(&b"field"[..], text.as_bytes())])
                    .unwrap();
            }
            Object::Stream(Box::new(stream))
        }
        other => panic!("no kind of data: {other}"),
    };
    (object, elements)
}

/// Puts a [`huge`] value where its key belongs; how many elements it has.
///
/// Its shard makes it, as commands would: memory that is freed goes back to whom it came from.
pub(crate) fn put_huge(shards: &Shards, kind: &str, data_bytes: usize) -> usize {
    let kind = kind.to_owned();
    let put = shards.call(shards.shard_of(shard_hash(HUGE)), move |shard| {
        let (object, elements) = huge(&kind, data_bytes);
        shard.state().database(0).insert(Key::from(HUGE), object);
        elements
    });
    put.unwrap()
}

/// Fills database 0 with strings of `value_bytes`, about `data_bytes` of them; how many keys.
///
/// Their shards make them, as with [`put_huge`].
pub(crate) fn fill(shards: &Shards, data_bytes: usize, value_bytes: usize) -> usize {
    let keys = data_bytes / value_bytes;
    let mut batches: Vec<Vec<usize>> = Vec::new();
    batches.resize_with(shards.len(), Vec::new);
    let send = |shard, batch: Vec<usize>| {
        let insert = shards.call(shard, move |shard| {
            for number in batch {
                let object = Object::String(text(number, value_bytes));
                let key = Key::from(&name(number)[..]);
                shard.state().database(0).insert(key, object);
            }
        });
        insert.unwrap();
    };
    for number in 0..keys {
        let shard = shards.shard_of(shard_hash(&name(number)));
        batches[shard].push(number);
        if batches[shard].len() == 256 {
            send(shard, std::mem::take(&mut batches[shard]));
        }
    }
    for (shard, batch) in batches.into_iter().enumerate() {
        send(shard, batch);
    }
    keys
}
