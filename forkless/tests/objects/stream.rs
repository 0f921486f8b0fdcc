//! A stream is in the order of its ids, and its groups are those of its moment in a view.

use std::collections::BTreeMap;

use forkless::{AppendError, Object};
use proptest::prelude::*;
use rdb_format::{ConsumerGroup, StreamId, StreamRecord, Value as Owned};
use snapshot::FromRdb;

use crate::history::{Action, Model, actions, bytes, config, run};
use crate::view::Kept;

/// A stream as plain as it can be: its entries, and what it remembers of others.
struct Log {
    entries: BTreeMap<StreamId, Vec<u8>>,
    /// How many were added, which is the number of the last one.
    last: u64,
    deleted: Option<StreamId>,
}

impl Model for Log {
    fn filled(items: u16) -> Self {
        let last = u64::from(items);
        let ids = (1..=last).map(stream_id);
        Self {
            entries: ids.map(|id| (id, bytes(7, 30))).collect(),
            last,
            deleted: None,
        }
    }

    fn object(&self) -> Object {
        Object::from_rdb(self.owned(), None).unwrap()
    }

    /// As the codec has it, without groups.
    fn owned(&self) -> Owned {
        let record = |(id, value): (&StreamId, &Vec<u8>)| StreamRecord {
            id: *id,
            deleted: false,
            fields: vec![
                (b"field".to_vec(), value.clone()),
                (b"".to_vec(), id.to_string().into_bytes()),
            ],
        };
        Owned::Stream(Box::new(rdb_format::Stream {
            records: self.entries.iter().map(record).collect(),
            last_id: stream_id(self.last),
            first_id: Some(self.entries.keys().next().copied().unwrap_or_default()),
            deleted_id_max: Some(self.deleted.unwrap_or_default()),
            entries_added: Some(self.last),
            ..rdb_format::Stream::default()
        }))
    }

    fn apply(&mut self, object: &mut Object, action: Action, _: usize) {
        let Object::Stream(stream) = object else {
            unreachable!()
        };
        match action {
            Action::Put { key, len } => {
                self.last += 1;
                let (id, value) = (stream_id(self.last), bytes(key, len));
                let text = id.to_string();
                let fields = [(&b"field"[..], &value[..]), (b"", text.as_bytes())];
                stream.append(id, fields).unwrap();
                let again = stream.append(id, fields).unwrap_err();
                assert_eq!(again, AppendError::Order { id, last: id });
                self.entries.insert(id, value);
            }
            Action::Take { key } => {
                let id = stream_id(u64::from(key));
                let is_there = self.entries.remove(&id).is_some();
                assert_eq!(stream.remove(id), is_there);
                if is_there {
                    self.deleted = self.deleted.max(Some(id));
                }
            }
            Action::First | Action::Last => {
                let len = stream.len().saturating_sub(1);
                let trimmed = stream.trim(len);
                assert_eq!(trimmed, usize::from(self.entries.pop_first().is_some()));
            }
            Action::TakeMany { key, count } => {
                let first = stream_id(u64::from(key));
                let end = stream_id(u64::from(key) + count as u64);
                let found = stream.range(first..=end);
                let found: Vec<_> = found
                    .map(|(id, mut fields)| (id, fields.next().unwrap().1.to_vec()))
                    .collect();
                let expected = self.entries.range(first..=end);
                let expected: Vec<_> = expected.map(|(id, value)| (*id, value.clone())).collect();
                assert_eq!(found, expected);
            }
            Action::Freeze => {}
        }
        assert_eq!(stream.len(), self.entries.len());
        assert_eq!(stream.last_id(), stream_id(self.last));
    }
}

fn stream_id(number: u64) -> StreamId {
    StreamId {
        ms: number / 3,
        seq: number % 3 + 1,
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn stream_is_in_the_order_of_ids((filled, actions) in actions()) {
        run::<Log>(filled, actions);
    }
}

#[test]
fn groups_in_a_view_stay_as_they_were() {
    let group = |name: &[u8]| ConsumerGroup {
        name: name.to_vec(),
        entries_read: Some(0),
        ..ConsumerGroup::default()
    };
    let stream = rdb_format::Stream {
        entries_added: Some(0),
        first_id: Some(StreamId::ZERO),
        deleted_id_max: Some(StreamId::ZERO),
        groups: vec![group(b"a"), group(b"b")],
        ..rdb_format::Stream::default()
    };
    let owned = Owned::Stream(Box::new(stream));
    let mut object = Object::from_rdb(owned.clone(), None).unwrap();
    let kept = Kept::new(&object, owned, 0);
    let Object::Stream(live) = &mut object else {
        unreachable!()
    };
    live.group_mut(b"a").unwrap().last_id = stream_id(1);
    assert!(live.add_group(group(b"c")) && !live.add_group(group(b"b")));
    assert_eq!(live.remove_group(b"b"), Some(group(b"b")));
    let names: Vec<&[u8]> = live.groups().map(|group| group.name.as_slice()).collect();
    assert_eq!(names, [b"a", b"c"]);
    kept.check(&object);
}
