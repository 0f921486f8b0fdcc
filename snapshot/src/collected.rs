//! A value put together from what a reader reports.

use rdb_format::{
    Array, Consumer, ConsumerGroup, Element, Family, Producer, Producers, Stream, StreamPart,
    StreamRecord, Value, ValueType,
};

/// A value of this type without elements; `None` for families that are not known here.
pub(crate) fn empty(value_type: ValueType) -> Option<Value> {
    Some(match value_type.family() {
        Family::String => Value::String(Vec::new()),
        Family::List => Value::List(Vec::new()),
        Family::Set => Value::Set(Vec::new()),
        Family::Hash if may_expire(value_type) => Value::ExpiringHash(Vec::new()),
        Family::Hash => Value::Hash(Vec::new()),
        Family::SortedSet => Value::SortedSet(Vec::new()),
        Family::Stream => Value::Stream(Box::default()),
        Family::Module => Value::Module(Vec::new()),
        Family::Array => Value::Array(Box::default()),
        _ => return None,
    })
}

/// Whether a value of this type is nothing but its elements: a list, a set, a hash or a sorted
/// set.
pub(crate) fn is_plain(value_type: ValueType) -> bool {
    match value_type.family() {
        Family::List | Family::Set | Family::SortedSet => true,
        Family::Hash => !may_expire(value_type),
        _ => false,
    }
}

/// Whether fields of a hash of this type may expire.
fn may_expire(value_type: ValueType) -> bool {
    matches!(
        value_type,
        ValueType::HashExpiryPreview
            | ValueType::HashListpackExpiryPreview
            | ValueType::HashExpiry
            | ValueType::HashListpackExpiry
    )
}

/// Adds an element. `None` when it is of another kind than the value.
pub(crate) fn push(value: &mut Value, element: Element<'_>) -> Option<()> {
    match (value, element) {
        (Value::List(items) | Value::Set(items), Element::Item(item)) => items.push(item.to_vec()),
        (Value::Hash(fields), Element::Field(field, value)) => {
            fields.push((field.to_vec(), value.to_vec()));
        }
        (Value::SortedSet(members), Element::Scored(member, score)) => {
            members.push((member.to_vec(), score));
        }
        (Value::ExpiringHash(fields), Element::Field(field, value)) => {
            fields.push((field.to_vec(), value.to_vec(), None));
        }
        (Value::ExpiringHash(fields), Element::ExpiringField(field, value, at_ms)) => {
            fields.push((field.to_vec(), value.to_vec(), Some(at_ms)));
        }
        (Value::Module(bytes), Element::Raw(piece)) => bytes.extend_from_slice(piece),
        (Value::Array(array), Element::Indexed(index, item)) => {
            array.elements.push((index, item.to_vec()));
        }
        (Value::Stream(stream), Element::Entry(entry)) => {
            let fields = entry.fields().map(|(f, v)| (f.to_vec(), v.to_vec()));
            stream.records.push(StreamRecord {
                id: entry.id(),
                deleted: entry.is_deleted(),
                fields: fields.collect(),
            });
        }
        _ => return None,
    }
    Some(())
}

/// Sets where an array inserts next. `None` when the value is none.
pub(crate) fn insert_index(value: &mut Value, index: u64) -> Option<()> {
    let Value::Array(array) = value else {
        return None;
    };
    let array: &mut Array = array;
    array.insert_index = Some(index);
    Some(())
}

/// Adds a part of a stream. `None` when the value is none, or the part is not known here.
pub(crate) fn add(value: &mut Value, part: StreamPart<'_>) -> Option<()> {
    let Value::Stream(stream) = value else {
        return None;
    };
    let stream: &mut Stream = stream;
    match part {
        StreamPart::Facts(facts) => {
            stream.last_id = facts.last_id;
            stream.first_id = facts.history.map(|history| history.first_id);
            stream.deleted_id_max = facts.history.map(|history| history.deleted_id_max);
            stream.entries_added = facts.history.map(|history| history.entries_added);
        }
        StreamPart::Group {
            name,
            last_id,
            entries_read,
        } => stream.groups.push(ConsumerGroup {
            name: name.to_vec(),
            last_id,
            entries_read,
            ..ConsumerGroup::default()
        }),
        StreamPart::Pending(_)
        | StreamPart::Consumer { .. }
        | StreamPart::Held(_)
        | StreamPart::Rejected(_) => add_to_group(stream.groups.last_mut()?, part)?,
        _ => add_to_producers(stream.producers.get_or_insert_default(), part)?,
    }
    Some(())
}

fn add_to_group(group: &mut ConsumerGroup, part: StreamPart<'_>) -> Option<()> {
    match part {
        StreamPart::Pending(pending) => group.pending.push(pending),
        StreamPart::Consumer {
            name,
            seen_at_ms,
            active_at_ms,
        } => group.consumers.push(Consumer {
            name: name.to_vec(),
            seen_at_ms,
            active_at_ms,
            held: Vec::new(),
        }),
        StreamPart::Held(id) => group.consumers.last_mut()?.held.push(id),
        StreamPart::Rejected(id) => group.rejected.push(id),
        _ => return None,
    }
    Some(())
}

fn add_to_producers(producers: &mut Producers, part: StreamPart<'_>) -> Option<()> {
    match part {
        StreamPart::Producers {
            keep_s,
            requests_max,
        } => (producers.keep_s, producers.requests_max) = (keep_s, requests_max),
        StreamPart::Producer { name } => producers.producers.push(Producer {
            name: name.to_vec(),
            requests: Vec::new(),
        }),
        StreamPart::Request { request, id } => {
            let producer = producers.producers.last_mut()?;
            producer.requests.push((request.to_vec(), id));
        }
        StreamPart::Requests { added, repeated } => {
            (producers.added, producers.repeated) = (added, repeated);
        }
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use rdb_format::{Compression, Encoder, Event, Pending, Reader, StreamId, Target};

    use super::*;

    /// The value as it comes back from a file for `target`.
    fn read_back(value: &Value, target: Target) -> Value {
        let mut encoder = Encoder::new(target, Compression::None);
        let mut file = Vec::new();
        encoder.header(&mut file);
        encoder.entry(&mut file, b"k", None, value).unwrap();
        encoder.end(&mut file, None);
        let mut reader = Reader::from_slice(&file);
        let mut collected = None;
        while let Some(event) = reader.next_event().unwrap() {
            match event {
                Event::Key(head) => collected = empty(head.value_type),
                Event::Element(element) => push(collected.as_mut().unwrap(), element).unwrap(),
                Event::Stream(part) => add(collected.as_mut().unwrap(), part).unwrap(),
                Event::InsertIndex(index) => {
                    insert_index(collected.as_mut().unwrap(), index).unwrap();
                }
                _ => {}
            }
        }
        collected.unwrap()
    }

    fn id(ms: u64) -> StreamId {
        StreamId { ms, seq: 1 }
    }

    #[test]
    fn stream_comes_back_with_all_its_parts() {
        let pending = |ms| Pending {
            id: id(ms),
            delivered_at_ms: 5,
            deliveries: 2,
        };
        let consumer = |name: &[u8], held: &[u64]| Consumer {
            name: name.to_vec(),
            seen_at_ms: 7,
            active_at_ms: Some(6),
            held: held.iter().map(|ms| id(*ms)).collect(),
        };
        let group = |name: &[u8]| ConsumerGroup {
            name: name.to_vec(),
            last_id: id(3),
            entries_read: Some(3),
            pending: vec![pending(1), pending(2), pending(3)],
            consumers: vec![consumer(b"a", &[1]), consumer(b"b", &[3])],
            rejected: vec![id(2)],
        };
        let stream = Stream {
            records: vec![StreamRecord {
                id: id(1),
                deleted: false,
                fields: vec![(b"f".to_vec(), b"1".to_vec())],
            }],
            last_id: id(9),
            first_id: Some(id(1)),
            deleted_id_max: Some(id(4)),
            entries_added: Some(8),
            groups: vec![group(b"g"), group(b"h")],
            producers: Some(Producers {
                producers: vec![Producer {
                    name: b"p".to_vec(),
                    requests: vec![(b"r".to_vec(), id(1))],
                }],
                added: 4,
                ..Producers::default()
            }),
        };
        let value = Value::Stream(Box::new(stream));
        assert_eq!(read_back(&value, Target::Redis88), value);
    }

    #[test]
    fn uncommon_values_come_back() {
        let field = |name: &str, at| (name.into(), b"v".to_vec(), at);
        let hash = Value::ExpiringHash(vec![field("f", None), field("g", Some(9))]);
        assert_eq!(read_back(&hash, Target::Redis74), hash);
        assert_eq!(read_back(&hash, Target::Valkey9), hash);
        let array = Value::Array(Box::new(Array {
            elements: vec![(3, b"three".to_vec())],
            insert_index: Some(4),
        }));
        assert_eq!(read_back(&array, Target::Redis88), array);
        let module = Value::Module(vec![0x3f, 2, 1, 0]);
        assert_eq!(read_back(&module, Target::Redis5), module);
    }

    #[test]
    fn elements_of_another_kind_are_not_taken() {
        let mut list = Value::List(Vec::new());
        assert_eq!(push(&mut list, Element::Scored(b"m", 1.0)), None);
        assert_eq!(insert_index(&mut list, 1), None);
        assert_eq!(add(&mut list, StreamPart::Held(id(1))), None);
        assert_eq!(list, Value::List(Vec::new()));
    }
}
