//! What is encoded and decoded.

use rdb_format::{Compression, Stream, StreamId, StreamRecord, Value, Values};

/// Keys of one kind.
pub(crate) struct Set {
    pub(crate) name: &'static str,
    /// What is counted, per which figures are given.
    pub(crate) unit: &'static str,
    pub(crate) keys: usize,
    /// How many of the unit a key is.
    pub(crate) per_key: usize,
    pub(crate) compression: Compression,
    /// The most nanoseconds that encoding and decoding one of the unit may take.
    pub(crate) goals: Option<(f64, f64)>,
    /// How values are read by those who keep them as they are stored, as servers do.
    pub(crate) kept: Option<Values>,
    value: fn(&mut Words, usize) -> Value,
}

const fn plain(
    name: &'static str,
    unit: &'static str,
    (keys, per_key): (usize, usize),
    value: fn(&mut Words, usize) -> Value,
) -> Set {
    Set {
        name,
        unit,
        keys,
        per_key,
        compression: Compression::None,
        goals: None,
        kept: None,
        value,
    }
}

/// All data sets. The goals: encode 8 M and decode 10 M strings of 100 bytes in a second, and
/// strings of 1 KiB, with their keys, at 1 GB/s both ways.
pub(crate) const SETS: [Set; 8] = [
    Set {
        goals: Some((125.0, 100.0)),
        ..plain("100 B strings", "ns/key", (400_000, 1), |words, _| {
            words.string(100)
        })
    },
    Set {
        goals: Some((1040.0, 1040.0)),
        ..plain("1 KiB strings", "ns/key", (100_000, 1), |words, _| {
            words.string(1024)
        })
    },
    Set {
        kept: Some(Values::Packed),
        ..plain("sets of 100 integers", "ns/member", (20_000, 100), integers)
    },
    Set {
        kept: Some(Values::Packed),
        ..plain(
            "hashes of 10 fields in listpacks",
            "ns/field",
            (50_000, 10),
            hash,
        )
    },
    Set {
        kept: Some(Values::Packed),
        ..plain("lists of 50 k elements", "ns/element", (20, 50_000), list)
    },
    Set {
        kept: Some(Values::Raw),
        ..plain("streams of 10 k entries", "ns/entry", (20, 10_000), stream)
    },
    Set {
        compression: Compression::Lzf,
        ..plain("100 B strings, LZF", "ns/key", (200_000, 1), |words, _| {
            words.string(100)
        })
    },
    Set {
        compression: Compression::Lzf,
        ..plain("1 KiB strings, LZF", "ns/key", (50_000, 1), |words, _| {
            words.string(1024)
        })
    },
];

impl Set {
    /// Keys of 16 bytes with their values: a part of them, as small as the divisor is big.
    pub(crate) fn entries(&self, divisor: usize) -> Vec<(Vec<u8>, Value)> {
        let mut words = Words::new();
        (0..self.keys.div_ceil(divisor))
            .map(|number| {
                let key = format!("key:{number:012}").into_bytes();
                (key, (self.value)(&mut words, self.per_key))
            })
            .collect()
    }
}

fn integers(words: &mut Words, count: usize) -> Value {
    let first = words.number(1 << 20);
    let text = |n: usize| (first + 7 * n).to_string().into_bytes();
    Value::Set((0..count).map(text).collect())
}

fn hash(words: &mut Words, count: usize) -> Value {
    let field = |n: usize| (format!("field{n}").into_bytes(), words.text(20));
    Value::Hash((0..count).map(field).collect())
}

fn list(words: &mut Words, count: usize) -> Value {
    Value::List((0..count).map(|_| words.text(40)).collect())
}

fn stream(words: &mut Words, count: usize) -> Value {
    let mut ms = 1_700_000_000_000;
    let records = (0..count).map(|_| {
        ms += 1 + words.number(50) as u64;
        let fields = ["sensor", "reading", "unit"];
        StreamRecord {
            id: StreamId { ms, seq: 1 },
            deleted: false,
            fields: fields
                .map(|f| (f.as_bytes().to_vec(), words.text(8)))
                .to_vec(),
        }
    });
    let records: Vec<StreamRecord> = records.collect();
    Value::Stream(Box::new(Stream {
        last_id: records.last().map_or(StreamId::ZERO, |last| last.id),
        entries_added: Some(records.len() as u64),
        deleted_id_max: Some(StreamId::ZERO),
        records,
        ..Stream::default()
    }))
}

/// Text of words that repeat now and then, as values often are.
pub(crate) struct Words {
    state: u64,
}

impl Words {
    pub(crate) const fn new() -> Self {
        Self { state: 7 }
    }

    fn number(&mut self, below: usize) -> usize {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(self.state >> 33).unwrap_or_default() % below
    }

    pub(crate) fn text(&mut self, len: usize) -> Vec<u8> {
        let mut text = Vec::with_capacity(len + 8);
        while text.len() < len {
            text.extend_from_slice(format!("word{} ", self.number(199)).as_bytes());
        }
        text.truncate(len);
        text
    }

    fn string(&mut self, len: usize) -> Value {
        Value::String(self.text(len))
    }
}
