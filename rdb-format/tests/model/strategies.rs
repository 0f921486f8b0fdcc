//! Arbitrary values.

use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use rdb_format::{
    Array, Compression, Consumer, ConsumerGroup, Pending, Producer, Producers, Stream, StreamId,
    StreamRecord, Target, Value,
};

pub(crate) fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..40),
        "[0-9-]{0,12}".prop_map(String::into_bytes),
        any::<i64>().prop_map(|n| n.to_string().into_bytes()),
        (vec(any::<u8>(), 1..9), 1..60_usize).prop_map(|(piece, times)| piece.repeat(times)),
    ]
}

pub(crate) fn score() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("a score is a number", |score| !score.is_nan())
}

pub(crate) fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        text().prop_map(Value::String),
        vec(text(), 0..30).prop_map(Value::List),
        btree_set(text(), 0..30).prop_map(|set| Value::Set(set.into_iter().collect())),
        btree_map(text(), text(), 0..30).prop_map(|map| Value::Hash(map.into_iter().collect())),
        btree_map(text(), score(), 0..30)
            .prop_map(|map| Value::SortedSet(map.into_iter().collect())),
    ]
}

/// Values that not every target can hold.
pub(crate) fn rare_value() -> impl Strategy<Value = Value> {
    let at_ms = proptest::option::of(0..1_i64 << 48);
    let expiring = btree_map(text(), (text(), at_ms), 1..30);
    let insert_index = proptest::option::of(0..u64::MAX);
    let elements = btree_map(0..u64::MAX, text(), 1..30);
    let items = vec(
        prop_oneof![
            any::<u8>().prop_map(|n| vec![2, n & 0x3f]),
            any::<[u8; 4]>().prop_map(|bytes| [&[3][..], &bytes].concat()),
            any::<[u8; 8]>().prop_map(|bytes| [&[4][..], &bytes].concat()),
            vec(any::<u8>(), 0..40)
                .prop_map(|text| { [&[5, u8::try_from(text.len()).unwrap()], &text[..]].concat() }),
        ],
        0..9,
    );
    prop_oneof![
        expiring.prop_map(|map| {
            let fields = map
                .into_iter()
                .map(|(field, (value, at))| (field, value, at));
            Value::ExpiringHash(fields.collect())
        }),
        (elements, insert_index).prop_map(|(elements, insert_index)| {
            let elements = elements.into_iter().collect();
            Value::Array(Box::new(Array {
                elements,
                insert_index,
            }))
        }),
        items.prop_map(|items| Value::Module([&[9], &items.concat()[..], &[0]].concat())),
    ]
}

/// Puts what has no order into one; a hash none of whose fields expires is a plain one.
pub(crate) fn in_order(mut value: Value) -> Value {
    match &mut value {
        Value::Set(members) => members.sort(),
        Value::Hash(fields) => fields.sort(),
        // A listpack holds no negative zero.
        Value::SortedSet(members) => {
            for (_, score) in members.iter_mut() {
                *score += 0.0;
            }
            members.sort_by(|left, right| left.0.cmp(&right.0));
        }
        Value::ExpiringHash(fields) => {
            fields.sort();
            if fields.iter().all(|(_, _, at)| at.is_none()) {
                let fields = std::mem::take(fields);
                return Value::Hash(fields.into_iter().map(|(f, v, _)| (f, v)).collect());
            }
        }
        _ => {}
    }
    value
}

pub(crate) fn target() -> impl Strategy<Value = Target> {
    prop::sample::select(Target::ALL.to_vec())
}

pub(crate) fn stream_id() -> impl Strategy<Value = StreamId> {
    prop_oneof![(0..9_u64, 0..9_u64), any::<(u64, u64)>()]
        .prop_map(|(ms, seq)| StreamId { ms, seq })
}

pub(crate) fn group() -> impl Strategy<Value = ConsumerGroup> {
    // Each pending id and who holds it: one of three consumers, or nobody.
    let pending = btree_map(stream_id(), (0..4_usize, any::<i64>(), any::<u64>()), 0..9);
    let times = vec(any::<(i64, i64)>(), 3);
    let read = proptest::option::of(0..30_u64);
    (text(), stream_id(), read, pending, times).prop_map(
        |(name, last_id, entries_read, held, times)| {
            let held_by = |n: usize| {
                let ids = held.iter().filter(move |(_, (by, ..))| *by == n);
                ids.map(|(id, _)| *id).collect::<Vec<_>>()
            };
            let consumers = times
                .iter()
                .enumerate()
                .map(|(n, (seen, active))| Consumer {
                    name: format!("consumer {n}").into_bytes(),
                    seen_at_ms: *seen,
                    active_at_ms: Some(*active),
                    held: held_by(n),
                });
            let pending = held.iter().map(|(id, (_, at, count))| Pending {
                id: *id,
                delivered_at_ms: *at,
                deliveries: *count,
            });
            ConsumerGroup {
                name,
                last_id,
                entries_read,
                pending: pending.collect(),
                consumers: consumers.collect(),
                rejected: held_by(3),
            }
        },
    )
}

pub(crate) fn producers() -> impl Strategy<Value = Producers> {
    let requests = vec((text(), stream_id()), 0..4);
    let producers = btree_map(text(), requests, 0..4);
    (any::<[u64; 4]>(), producers).prop_map(|([keep_s, requests_max, added, repeated], all)| {
        let producers = all
            .into_iter()
            .map(|(name, requests)| Producer { name, requests });
        Producers {
            keep_s,
            requests_max,
            producers: producers.collect(),
            added,
            repeated,
        }
    })
}

/// Streams as the newest target gives them back.
pub(crate) fn stream() -> impl Strategy<Value = Stream> {
    let fields = prop_oneof![
        Just(vec![b"f".to_vec(), b"7".to_vec()]),
        vec(text(), 0..4),
        vec(text(), 1..2),
    ];
    let record = (fields, vec(text(), 4), prop::bool::weighted(0.2));
    let groups = vec(group(), 0..3);
    let rest = (stream_id(), 0..9_u64, groups, producers());
    (btree_map(stream_id(), record, 0..160), rest).prop_map(|(records, rest)| {
        let (deleted, more, mut groups, producers) = rest;
        let records: Vec<_> = records
            .into_iter()
            .map(|(id, (names, values, deleted))| StreamRecord {
                id,
                deleted,
                fields: names.into_iter().zip(values).collect(),
            })
            .collect();
        let live: Vec<_> = records
            .iter()
            .filter(|r| !r.deleted)
            .map(|r| r.id)
            .collect();
        groups.sort_by(|left, right| left.name.cmp(&right.name));
        groups.dedup_by(|left, right| left.name == right.name);
        let entries_added = live.len() as u64 + more;
        for group in &mut groups {
            group.entries_read = group.entries_read.map(|read| read.min(entries_added));
        }
        Stream {
            last_id: records.last().map_or(StreamId::ZERO, |record| record.id),
            first_id: Some(live.first().copied().unwrap_or_default()),
            deleted_id_max: Some(deleted),
            entries_added: Some(entries_added),
            records,
            groups,
            producers: Some(producers),
        }
    })
}

pub(crate) fn compression() -> impl Strategy<Value = Compression> {
    prop::sample::select(vec![Compression::None, Compression::Lzf])
}
