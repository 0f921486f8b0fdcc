//! What the encoder writes: each kind of value for each target, plain, packed and compressed.

use rdb_format::{
    Array, Compression, Consumer, ConsumerGroup, Encoder, Encodings, Losses, Pending, Producer,
    Producers, Reader, Stream, StreamId, StreamRecord, Target, Value,
};

use super::{Sample, end};

fn text(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

fn id(ms: u64, seq: u64) -> StreamId {
    StreamId { ms, seq }
}

fn stream() -> Value {
    let record = |id, deleted, fields: &[(&str, &str)]| StreamRecord {
        id,
        deleted,
        fields: fields.iter().map(|(f, v)| (text(f), text(v))).collect(),
    };
    let records = vec![
        record(id(5, 1), false, &[("f", "v")]),
        record(id(6, 0), true, &[("f", "w")]),
        record(id(6, 1), false, &[("g", "x"), ("h", "-300")]),
    ];
    let pending = |id| Pending {
        id,
        delivered_at_ms: 1_700_000_000_000,
        deliveries: 2,
    };
    let consumer = |name, held| Consumer {
        name: text(name),
        seen_at_ms: 1_700_000_000_001,
        active_at_ms: Some(1_700_000_000_002),
        held,
    };
    Value::Stream(Box::new(Stream {
        records,
        last_id: id(7, 70_000),
        first_id: Some(id(5, 1)),
        deleted_id_max: Some(id(6, 0)),
        entries_added: Some(4),
        groups: vec![ConsumerGroup {
            name: text("group"),
            last_id: id(6, 1),
            entries_read: Some(3),
            pending: vec![pending(id(5, 1)), pending(id(6, 0)), pending(id(6, 1))],
            consumers: vec![
                consumer("ann", vec![id(5, 1)]),
                consumer("bob", vec![id(6, 0)]),
            ],
            rejected: vec![id(6, 1)],
        }],
        producers: Some(Producers {
            keep_s: 300,
            requests_max: 50,
            producers: vec![Producer {
                name: text("p"),
                requests: vec![(text("r1"), id(5, 1))],
            }],
            added: 7,
            repeated: 2,
        }),
    }))
}

/// Each kind of value, with strings of every form in it.
fn values() -> Vec<(&'static str, Value)> {
    let strings = |texts: &[&str]| texts.iter().map(|t| text(t)).collect::<Vec<_>>();
    let long = "repeated, ".repeat(8);
    let fields = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter().map(|(f, v)| (text(f), text(v)));
        Value::Hash(pairs.collect())
    };
    let scores = [("a", 1.5), ("b", 2.0), ("c", f64::INFINITY), ("d", -0.25)];
    let expiring = [("f", "v", None), ("g", "7", Some(4_102_444_800_000))];
    let expiring = expiring.map(|(f, v, at)| (text(f), text(v), at));
    let items = b"\x81\x2e\x49\x27\x5b\x6f\xde\x58\x02\x02\x05\x05\x03abc\x03abcd\x00";
    vec![
        ("string", Value::String(text("hello"))),
        ("empty string", Value::String(Vec::new())),
        ("int8", Value::String(text("-7"))),
        ("int16", Value::String(text("-300"))),
        ("int32", Value::String(text("70000"))),
        ("int64", Value::String(text("5000000000"))),
        ("long string", Value::String(text(&long))),
        ("list", Value::List(strings(&["a", "5", "-4097", &long]))),
        ("set", Value::Set(strings(&["a", "5", "long enough"]))),
        ("intset", Value::Set(strings(&["-2", "1", "70000"]))),
        ("hash", fields(&[("f", "v"), ("g", "-7"), ("h", "")])),
        (
            "sorted set",
            Value::SortedSet(scores.map(|(m, at)| (text(m), at)).to_vec()),
        ),
        ("expiring hash", Value::ExpiringHash(expiring.to_vec())),
        ("stream", stream()),
        (
            "written array",
            Value::Array(Box::new(Array {
                elements: vec![(0, text("42")), (1 << 40, text("x"))],
                insert_index: Some(9),
            })),
        ),
        ("module", Value::Module(items.to_vec())),
    ]
}

/// Each record that stands beside the keys, as far as the target has it.
fn records(target: Target) -> Sample {
    let mut encoder = Encoder::new(target, Compression::None);
    let mut out = Vec::new();
    encoder.header(&mut out);
    encoder.aux(&mut out, b"ctime", b"1700000000");
    encoder.module_aux(&mut out, 9, 2, b"\x02\x07\x00");
    // A target without one of these refuses it and leaves the output as it is.
    drop(encoder.function(&mut out, b"#!lua name=l\n0"));
    drop(encoder.slot_import(&mut out, &[b'j'; 40], &[(0, 99), (5000, 5000)]));
    encoder.select_db(&mut out, 3);
    encoder.resize_db(&mut out, 1, 1);
    drop(encoder.slot_info(&mut out, 77, 1, 1));
    let mut source = b"REDIS0013\xfc\x01\0\0\0\0\x01\0\0\xf8\x40\x64\xf9\x07".to_vec();
    if target.holds_key_meta() {
        source.extend_from_slice(b"\xf3\x01\x08\x10\x20\x30\x02\x05\x00");
    }
    source.extend_from_slice(b"\0\x01k\x01v\xff\0\0\0\0\0\0\0\0");
    let entry = Reader::from_slice(&source).next_entry();
    let entry = entry.unwrap().unwrap();
    encoder.record(&mut out, &entry).unwrap();
    Sample::new(format!("records for {target}"), end(out))
}

pub(super) fn samples() -> Vec<Sample> {
    let ways = [
        ("", Encodings::PLAIN, Compression::None),
        ("packed ", Encodings::SERVERS, Compression::None),
        ("compressed ", Encodings::SERVERS, Compression::Lzf),
    ];
    let mut samples: Vec<_> = Target::ALL.map(records).into();
    for target in Target::ALL {
        for (way, encodings, compression) in ways {
            for (name, value) in values() {
                let mut encoder = Encoder::new(target, compression)
                    .with_encodings(encodings)
                    .allow(Losses::Any);
                let mut out = Vec::new();
                encoder.header(&mut out);
                // What the target does not know at all has no file.
                if encoder.entry(&mut out, b"key", None, &value).is_ok() {
                    let cut = if encoder.losses_count() > 0 {
                        "cut down "
                    } else {
                        ""
                    };
                    let name = format!("{cut}{way}{name} for {target}");
                    samples.push(Sample::new(name, end(out)));
                }
            }
        }
    }
    samples
}
