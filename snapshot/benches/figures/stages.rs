//! What each stage of a shard's work on a key adds, on one thread.

use std::hint::black_box;
use std::time::Instant;

use dash_table::{Bucket, Cursor, Cut, DashTable, DefaultHashBuilder, Observer, Traversal};
use rdb_format::{Compression, Crc64, Encoder, Target, ValueType};
use snapshot::{Key, Value};

use crate::bytes::Bytes;
use crate::data::{self, DataSet};
use crate::{Extent, row};

/// How far a key is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Walk,
    Read,
    Encode,
    Sum,
}

const STAGES: [(Stage, &str); 4] = [
    (Stage::Walk, "walk the buckets"),
    (Stage::Read, "and read keys and values"),
    (Stage::Encode, "and encode"),
    (Stage::Sum, "and checksum"),
];

/// Bytes that are encoded before they are summed, as in a blob.
const BLOB_BYTES: usize = 128 << 10;

type Table = DashTable<Key, Bytes, DefaultHashBuilder, Line>;

/// Takes each delivered key as far as its stage says.
struct Line {
    stage: Stage,
    encoder: Encoder,
    out: Vec<u8>,
    keys: u64,
    sum: Crc64,
}

impl Observer<Key, Bytes> for Line {
    fn deliver(&mut self, _: Cut, bucket: Bucket<'_, Key, Bytes>) {
        self.keys += bucket.len() as u64;
        if self.stage == Stage::Read {
            let ends = |bytes: &[u8]| bytes.first().unwrap_or(&0) ^ bytes.last().unwrap_or(&0);
            let read = |sum, (key, value): (&Key, &Bytes)| {
                sum ^ ends(key.as_bytes()) ^ ends(value.as_bytes())
            };
            black_box(bucket.iter().fold(0, read));
        }
        if self.stage >= Stage::Encode {
            for (key, value) in bucket.iter() {
                let out = &mut self.out;
                self.encoder
                    .key(out, key.as_bytes(), ValueType::String, None);
                value.encode(&mut self.encoder, out).unwrap();
            }
        }
        if self.out.len() >= BLOB_BYTES {
            if self.stage >= Stage::Sum {
                self.sum.update(&self.out);
            }
            self.out.clear();
        }
    }

    fn approach(&mut self, bucket: Bucket<'_, Key, Bytes>) {
        if self.stage >= Stage::Read {
            bucket
                .iter()
                .for_each(|(_, value)| dash_table::prefetch(value.out_of_line()));
        }
    }
}

/// Prints nanoseconds for each key, up to and including each stage.
pub(crate) fn measure(extent: Extent, set: DataSet) {
    let mut table = Table::with_observer(Line {
        stage: Stage::Walk,
        encoder: Encoder::new(Target::default(), Compression::None),
        out: Vec::with_capacity(2 * BLOB_BYTES),
        keys: 0,
        sum: Crc64::new(),
    });
    for id in 0..set.keys(extent) {
        table.insert(data::key(id), Bytes::new(data::value(id, set.value_bytes)));
    }
    let mut figures = STAGES.map(|_| Vec::new());
    for _ in 0..extent.rounds {
        for ((stage, _), figures) in STAGES.iter().zip(&mut figures) {
            figures.push(nanoseconds_per_key(&mut table, *stage));
        }
    }
    for ((_, name), figures) in STAGES.iter().zip(&figures) {
        let name = format!("save {}, one thread: {name}", set.name(extent));
        row::print(&name, "ns/key", figures);
    }
}

fn nanoseconds_per_key(table: &mut Table, stage: Stage) -> f64 {
    table.observer_mut().stage = stage;
    table.observer_mut().keys = 0;
    let cut = table.cut();
    let mut cursor = Cursor::start();
    let began = Instant::now();
    while table.traverse(cut, &mut cursor, 4) == Traversal::More {}
    let nanoseconds = began.elapsed().as_secs_f64() * 1e9;
    table.close(cut);
    let keys = table.observer().keys;
    assert_eq!(keys, table.len() as u64, "a traversal lost keys");
    nanoseconds / keys as f64
}
