//! The data types behave as the collections of `std`, and views of them never change.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use forkless::{AppendError, Hash, List, Object, Set, SortedSet, Text};
use proptest::prelude::*;
use rdb_format::{
    Checksum, Compression, ConsumerGroup, Dump, Encoder, ReadOptions, StreamId, StreamRecord,
    Target, Value as Owned,
};
use snapshot::{Copies, FromRdb, Frozen, Piece, Value};

/// What is done to a collection, whatever its type makes of it.
#[derive(Debug, Clone)]
enum Action {
    Put { key: u16, len: usize },
    Take { key: u16 },
    First,
    Last,
    TakeMany { key: u16, count: usize },
    Freeze,
}

fn actions() -> impl Strategy<Value = (u16, Vec<Action>)> {
    let len = prop_oneof![6 => 0..40_usize, 2 => 100..400_usize, 1 => 7000..20_000_usize];
    let key = 0..3000_u16;
    let action = prop_oneof![
        8 => (key.clone(), len).prop_map(|(key, len)| Action::Put { key, len }),
        4 => key.clone().prop_map(|key| Action::Take { key }),
        2 => Just(Action::First),
        2 => Just(Action::Last),
        1 => (key, 1..400_usize).prop_map(|(key, count)| Action::TakeMany { key, count }),
        1 => Just(Action::Freeze),
    ];
    let filled = prop_oneof![Just(0_u16), 1..100_u16, 1000..3000_u16];
    (filled, prop::collection::vec(action, 1..300))
}

fn bytes(key: u16, len: usize) -> Vec<u8> {
    let mut bytes = key.to_string().into_bytes();
    bytes.resize(bytes.len().max(len), b'.');
    bytes
}

fn text(bytes: &[u8]) -> Text {
    Text::from(bytes)
}

/// A view, and what it must show: encoded at the end, in pieces of this size.
struct Kept {
    view: Box<dyn Frozen>,
    expected: Owned,
    piece_bytes: usize,
}

impl Kept {
    fn new(object: &Object, expected: Owned, number: usize) -> Self {
        Self {
            view: object.freeze(&Copies::uncounted()),
            expected,
            piece_bytes: [1, 100, 5000, 1 << 20][number % 4],
        }
    }

    fn check(mut self, object: &Object) {
        let mut encoder = Encoder::new(Target::Redis70, Compression::None);
        let mut body = Vec::new();
        loop {
            let piece = self
                .view
                .encode_piece(&mut encoder, &mut body, self.piece_bytes);
            if piece.unwrap() == Piece::Last {
                break;
            }
        }
        assert_eq!(sorted(decode(object, &body)), sorted(self.expected));
    }
}

/// Decodes a body of the object's type.
fn decode(object: &Object, body: &[u8]) -> Owned {
    let mut payload = vec![object.value_type_for(Target::Redis70).number()];
    payload.extend_from_slice(body);
    payload.extend_from_slice(&[0; 10]);
    let options = ReadOptions {
        checksum: Checksum::Ignore,
        ..ReadOptions::default()
    };
    Dump::parse_with(&payload, options)
        .unwrap()
        .value()
        .unwrap()
}

/// Without an order where there is none.
fn sorted(mut value: Owned) -> Owned {
    match &mut value {
        Owned::Set(members) => members.sort(),
        Owned::Hash(fields) => fields.sort(),
        _ => {}
    }
    value
}

/// What the object holds, encoded at once.
fn contents(object: &Object) -> Owned {
    let mut encoder = Encoder::new(Target::Redis70, Compression::None);
    let mut body = Vec::new();
    object.encode(&mut encoder, &mut body).unwrap();
    sorted(decode(object, &body))
}

/// The weight of an object depends on what it holds, not on how that came there.
fn weighs_as_if_new(object: &Object) {
    let again = Object::from_rdb(contents(object), None).unwrap();
    assert_eq!(object.weight_bytes(), again.weight_bytes());
}

/// Puts an item in front, behind, in between, or in the place of another.
fn put_into_list(list: &mut List, model: &mut VecDeque<Vec<u8>>, key: u16, item: Vec<u8>) {
    let at = usize::from(key) % (model.len() + 1);
    match key % 4 {
        0 => {
            list.push_front(text(&item));
            model.push_front(item);
        }
        1 => {
            list.push_back(text(&item));
            model.push_back(item);
        }
        2 => {
            list.insert(at, text(&item));
            model.insert(at, item);
        }
        _ => {
            let old = list.set(at, text(&item)).map(|old| old.as_bytes().to_vec());
            let expected = model.get_mut(at).map(|old| std::mem::replace(old, item));
            assert_eq!(old, expected);
        }
    }
}

fn run_list(filled: u16, actions: Vec<Action>) {
    let mut model: VecDeque<Vec<u8>> = (0..filled).map(|key| bytes(key, 0)).collect();
    let list: List = model.iter().map(|item| text(item)).collect();
    let mut object = Object::List(Box::new(list));
    let mut kept = Vec::new();
    for (number, action) in actions.into_iter().enumerate() {
        if let Action::Freeze = action {
            kept.push(Kept::new(
                &object,
                Owned::List(model.clone().into()),
                number,
            ));
        }
        let Object::List(list) = &mut object else {
            unreachable!()
        };
        let len = model.len();
        let place = |key: u16| usize::from(key) % len.max(1);
        match action {
            Action::Put { key, len } => put_into_list(list, &mut model, key, bytes(key, len)),
            Action::Take { key } => {
                let at = place(key);
                let taken = list.remove(at).map(|item| item.as_bytes().to_vec());
                assert_eq!(taken, model.remove(at));
            }
            Action::First => {
                let taken = list.pop_front().map(|item| item.as_bytes().to_vec());
                assert_eq!(taken, model.pop_front());
            }
            Action::Last => {
                let taken = list.pop_back().map(|item| item.as_bytes().to_vec());
                assert_eq!(taken, model.pop_back());
            }
            Action::TakeMany { key, count } => {
                let at = place(key);
                let range = list.range(at..at + count);
                let range: Vec<Vec<u8>> = range.map(<[u8]>::to_vec).collect();
                let expected: Vec<_> = model.iter().skip(at).take(count).cloned().collect();
                assert_eq!(range, expected);
                for _ in range {
                    list.remove(at);
                    model.remove(at);
                }
            }
            Action::Freeze => {}
        }
        assert_eq!(list.len(), model.len());
        assert_eq!(list.get(len / 2), model.get(len / 2).map(Vec::as_slice));
    }
    weighs_as_if_new(&object);
    assert_eq!(contents(&object), Owned::List(model.into()));
    for kept in kept {
        kept.check(&object);
    }
}

fn run_set(filled: u16, actions: Vec<Action>) {
    let mut model: BTreeSet<Vec<u8>> = (0..filled).map(|key| bytes(key, 0)).collect();
    let set: Set = model.iter().map(|member| text(member)).collect();
    let mut object = Object::Set(Box::new(set));
    let mut kept = Vec::new();
    for (number, action) in actions.into_iter().enumerate() {
        if let Action::Freeze = action {
            let expected = model.iter().cloned().collect();
            kept.push(Kept::new(&object, Owned::Set(expected), number));
        }
        let Object::Set(set) = &mut object else {
            unreachable!()
        };
        match action {
            Action::Put { key, len } => {
                let member = bytes(key, len);
                assert_eq!(set.insert(text(&member)), model.insert(member.clone()));
                assert!(set.contains(&member));
            }
            Action::Take { key } => {
                let member = bytes(key, 0);
                assert_eq!(set.remove(&member), model.remove(&member));
            }
            Action::First | Action::Last => {
                let member = set.at(number % set.len().max(1)).map(<[u8]>::to_vec);
                if let Some(member) = member {
                    assert!(set.remove(&member) && model.remove(&member));
                }
            }
            Action::TakeMany { key, count } => {
                for key in (key..).take(count) {
                    let member = bytes(key, 0);
                    assert_eq!(set.remove(&member), model.remove(&member));
                }
            }
            Action::Freeze => {}
        }
        assert_eq!(set.len(), model.len());
    }
    weighs_as_if_new(&object);
    assert_eq!(contents(&object), Owned::Set(model.into_iter().collect()));
    for kept in kept {
        kept.check(&object);
    }
}

fn run_hash(filled: u16, actions: Vec<Action>) {
    let pairs = (0..filled).map(|key| (bytes(key, 0), bytes(key, 5)));
    let mut model: BTreeMap<Vec<u8>, Vec<u8>> = pairs.collect();
    let hash: Hash = model.iter().map(|(f, v)| (text(f), text(v))).collect();
    let mut object = Object::Hash(Box::new(hash));
    let mut kept = Vec::new();
    for (number, action) in actions.into_iter().enumerate() {
        if let Action::Freeze = action {
            let expected = model.clone().into_iter().collect();
            kept.push(Kept::new(&object, Owned::Hash(expected), number));
        }
        let Object::Hash(hash) = &mut object else {
            unreachable!()
        };
        match action {
            Action::Put { key, len } => {
                let (field, value) = (bytes(key, 0), bytes(key, len));
                let old = hash.set(text(&field), text(&value));
                assert_eq!(hash.get(&field), Some(value.as_slice()));
                let old = old.map(|old| old.as_bytes().to_vec());
                assert_eq!(old, model.insert(field, value));
            }
            Action::Take { key } => {
                let field = bytes(key, 0);
                let old = hash.remove(&field).map(|old| old.as_bytes().to_vec());
                assert_eq!(old, model.remove(&field));
                assert_eq!(hash.get(&field), None);
            }
            Action::First | Action::Last => {
                let pair = hash.at(number % hash.len().max(1));
                if let Some((field, value)) = pair {
                    assert_eq!(model.get(field).map(Vec::as_slice), Some(value));
                }
            }
            Action::TakeMany { key, count } => {
                for key in (key..).take(count) {
                    let field = bytes(key, 0);
                    assert_eq!(
                        hash.remove(&field).is_some(),
                        model.remove(&field).is_some()
                    );
                }
            }
            Action::Freeze => {}
        }
        assert_eq!(hash.len(), model.len());
    }
    weighs_as_if_new(&object);
    assert_eq!(contents(&object), Owned::Hash(model.into_iter().collect()));
    for kept in kept {
        kept.check(&object);
    }
}

/// A sorted set as plain as it can be: scores are whole numbers, as an order of `std` wants them.
#[derive(Default)]
struct Board {
    scores: BTreeMap<Vec<u8>, i32>,
    ranks: BTreeSet<(i32, Vec<u8>)>,
}

impl Board {
    fn insert(&mut self, member: Vec<u8>, score: i32) -> Option<i32> {
        let old = self.remove(&member);
        self.ranks.insert((score, member.clone()));
        self.scores.insert(member, score);
        old
    }

    fn remove(&mut self, member: &[u8]) -> Option<i32> {
        let old = self.scores.remove(member)?;
        self.ranks.remove(&(old, member.to_vec()));
        Some(old)
    }

    fn members(&self) -> Vec<(Vec<u8>, f64)> {
        let ranks = self.ranks.iter();
        ranks
            .map(|(score, member)| (member.clone(), f64::from(*score)))
            .collect()
    }
}

fn run_sorted_set(filled: u16, actions: Vec<Action>) {
    let mut model = Board::default();
    for key in 0..filled {
        model.insert(bytes(key, 0), i32::from(key) % 97);
    }
    let members = model.members().into_iter();
    let set: SortedSet = members
        .map(|(member, score)| (text(&member), score))
        .collect();
    let mut object = Object::SortedSet(Box::new(set));
    let mut kept = Vec::new();
    for (number, action) in actions.into_iter().enumerate() {
        if let Action::Freeze = action {
            kept.push(Kept::new(
                &object,
                Owned::SortedSet(model.members()),
                number,
            ));
        }
        let Object::SortedSet(set) = &mut object else {
            unreachable!()
        };
        match action {
            Action::Put { key, len } => {
                let (member, score) = (bytes(key, len / 10), i32::try_from(len % 50).unwrap());
                let old = set.insert(text(&member), f64::from(score));
                assert_eq!(old, model.insert(member.clone(), score).map(f64::from));
                let rank = model.ranks.range(..(score, member.clone())).count();
                assert_eq!(set.rank(&member), Some(rank));
                let below = model.ranks.range(..(score, Vec::new())).count();
                assert_eq!(set.rank_of_score(f64::from(score)), below);
            }
            Action::Take { key } => {
                let member = bytes(key, 0);
                assert_eq!(set.remove(&member), model.remove(&member).map(f64::from));
                assert_eq!(set.rank(&member), None);
            }
            Action::First | Action::Last => {
                let rank = if matches!(action, Action::First) {
                    0
                } else {
                    set.len().max(1) - 1
                };
                let member = set
                    .range(rank..rank + 1)
                    .next()
                    .map(|(member, _)| member.to_vec());
                if let Some(member) = member {
                    assert_eq!(set.remove(&member), model.remove(&member).map(f64::from));
                }
            }
            Action::TakeMany { key, count } => {
                for key in (key..).take(count) {
                    let member = bytes(key, 0);
                    assert_eq!(set.remove(&member), model.remove(&member).map(f64::from));
                }
            }
            Action::Freeze => {}
        }
        assert_eq!(set.len(), model.ranks.len());
    }
    weighs_as_if_new(&object);
    assert_eq!(contents(&object), Owned::SortedSet(model.members()));
    for kept in kept {
        kept.check(&object);
    }
}

fn stream_id(number: u64) -> StreamId {
    StreamId {
        ms: number / 3,
        seq: number % 3 + 1,
    }
}

/// A stream as the codec has it, of these entries and with one group.
fn stream_of(model: &BTreeMap<StreamId, Vec<u8>>, last: u64, deleted: Option<StreamId>) -> Owned {
    let record = |(id, value): (&StreamId, &Vec<u8>)| StreamRecord {
        id: *id,
        deleted: false,
        fields: vec![
            (b"field".to_vec(), value.clone()),
            (b"".to_vec(), id.to_string().into_bytes()),
        ],
    };
    Owned::Stream(Box::new(rdb_format::Stream {
        records: model.iter().map(record).collect(),
        last_id: stream_id(last),
        first_id: Some(model.keys().next().copied().unwrap_or_default()),
        deleted_id_max: Some(deleted.unwrap_or_default()),
        entries_added: Some(last),
        ..rdb_format::Stream::default()
    }))
}

fn run_stream(filled: u16, actions: Vec<Action>) {
    let mut model = BTreeMap::new();
    let (mut last, mut deleted) = (u64::from(filled), None);
    for number in 1..=last {
        model.insert(stream_id(number), bytes(7, 30));
    }
    let mut object = Object::from_rdb(stream_of(&model, last, deleted), None).unwrap();
    let mut kept = Vec::new();
    for (number, action) in actions.into_iter().enumerate() {
        if let Action::Freeze = action {
            kept.push(Kept::new(&object, stream_of(&model, last, deleted), number));
        }
        let Object::Stream(stream) = &mut object else {
            unreachable!()
        };
        match action {
            Action::Put { key, len } => {
                last += 1;
                let (id, value) = (stream_id(last), bytes(key, len));
                let text = id.to_string();
                let fields = [(&b"field"[..], &value[..]), (b"", text.as_bytes())];
                stream.append(id, fields).unwrap();
                let again = stream.append(id, fields).unwrap_err();
                assert_eq!(again, AppendError::Order { id, last: id });
                model.insert(id, value);
            }
            Action::Take { key } => {
                let id = stream_id(u64::from(key));
                let is_there = model.remove(&id).is_some();
                assert_eq!(stream.remove(id), is_there);
                if is_there {
                    deleted = deleted.max(Some(id));
                }
            }
            Action::First | Action::Last => {
                let len = stream.len().saturating_sub(1);
                let trimmed = stream.trim(len);
                assert_eq!(trimmed, usize::from(model.pop_first().is_some()));
            }
            Action::TakeMany { key, count } => {
                let first = stream_id(u64::from(key));
                let end = stream_id(u64::from(key) + count as u64);
                let found = stream.range(first..=end);
                let found: Vec<_> = found
                    .map(|(id, mut fields)| (id, fields.next().unwrap().1.to_vec()))
                    .collect();
                let expected = model.range(first..=end);
                let expected: Vec<_> = expected.map(|(id, value)| (*id, value.clone())).collect();
                assert_eq!(found, expected);
            }
            Action::Freeze => {}
        }
        assert_eq!(stream.len(), model.len());
        assert_eq!(stream.last_id(), stream_id(last));
    }
    weighs_as_if_new(&object);
    assert_eq!(contents(&object), stream_of(&model, last, deleted));
    for kept in kept {
        kept.check(&object);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn list_is_a_sequence((filled, actions) in actions()) {
        run_list(filled, actions);
    }

    #[test]
    fn set_is_a_set((filled, actions) in actions()) {
        run_set(filled, actions);
    }

    #[test]
    fn hash_is_a_map((filled, actions) in actions()) {
        run_hash(filled, actions);
    }

    #[test]
    fn stream_is_in_the_order_of_ids((filled, actions) in actions()) {
        run_stream(filled, actions);
    }

    #[test]
    fn sorted_set_is_in_order((filled, actions) in actions()) {
        run_sorted_set(filled, actions);
    }
}

#[test]
fn scan_meets_what_stays_once_while_others_come_and_go() {
    let stays: BTreeSet<Vec<u8>> = (0..2000).map(|key| bytes(key, 0)).collect();
    let mut set: Set = stays.iter().map(|member| text(member)).collect();
    let mut met = BTreeMap::new();
    let (mut cursor, mut round) = (0, 0_u16);
    loop {
        let (members, next) = set.scan(cursor, 10);
        for member in members {
            *met.entry(member.to_vec()).or_insert(0) += 1;
        }
        if next == 0 {
            break;
        }
        cursor = next;
        round += 1;
        assert!(set.insert(text(&bytes(10_000 + round, 0))));
        if round > 5 {
            assert!(set.remove(&bytes(10_000 + round - 5, 0)));
        }
    }
    assert!(stays.iter().all(|member| met.get(member) == Some(&1)));
    assert!(met.values().all(|times| *times == 1));
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

#[test]
fn scores_of_zero_are_equal_whatever_their_sign() {
    let mut set = SortedSet::new();
    set.insert(text(b"b"), -0.0);
    set.insert(text(b"a"), 0.0);
    set.insert(text(b"low"), f64::NEG_INFINITY);
    let members: Vec<&[u8]> = set.iter().map(|(member, _)| member).collect();
    assert_eq!(members, [&b"low"[..], b"a", b"b"]);
    assert_eq!(set.rank_of_score(0.0), 1);
}

#[test]
fn repeated_members_of_a_file_count_once() {
    let fields = vec![
        (b"f".to_vec(), b"1".to_vec()),
        (b"f".to_vec(), b"2".to_vec()),
    ];
    let object = Object::from_rdb(Owned::Hash(fields), None).unwrap();
    let last = vec![(b"f".to_vec(), b"2".to_vec())];
    assert_eq!(contents(&object), Owned::Hash(last));
    let members = vec![(b"m".to_vec(), 1.0), (b"m".to_vec(), 2.0)];
    let object = Object::from_rdb(Owned::SortedSet(members), None).unwrap();
    assert_eq!(
        contents(&object),
        Owned::SortedSet(vec![(b"m".to_vec(), 2.0)])
    );
}
