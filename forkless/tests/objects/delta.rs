//! What a replica is told of changes makes of its object what the master's is.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use forkless::Object;
use proptest::prelude::*;
use snapshot::{FromRdb, Value};

use crate::contents::contents;
use crate::history::{Action, Model, actions, config};
use crate::sorted_set::Board;

/// A stream of one key, and the replica at its end.
struct Stream {
    /// Changes before it is told of them.
    patience: usize,
    /// The name of the state that the replica has, if it has one; as of the first untold change.
    mark: Option<u64>,
    untold: usize,
    replica: Object,
    deltas: usize,
}

impl Stream {
    fn new(object: &Object, patience: usize) -> Self {
        Self {
            patience,
            mark: None,
            untold: 0,
            replica: copy(object),
            deltas: 0,
        }
    }

    /// The object is about to change.
    fn note(&mut self, object: &Object) {
        if self.untold == 0 {
            self.mark = object.mark();
        }
        self.untold += 1;
    }

    /// Tells what the object has changed to, if it is time.
    fn tell(&mut self, object: &Object) {
        if self.untold < self.patience {
            return;
        }
        let mut delta = Vec::new();
        if self
            .mark
            .is_some_and(|mark| object.delta_since(mark, &mut delta))
        {
            assert!(self.replica.apply_delta(&delta));
            assert!(delta.len() < object.weight_bytes());
            self.deltas += 1;
        } else {
            self.replica = copy(object);
        }
        self.untold = 0;
        assert_eq!(contents(&self.replica), contents(object));
        assert_eq!(self.replica.expire_at_ms(), object.expire_at_ms());
    }
}

fn copy(object: &Object) -> Object {
    Object::from_rdb(contents(object), object.expire_at_ms()).unwrap()
}

/// Goes through the actions, with two streams that follow; how many deltas they were told.
pub(crate) fn run<M: Model>(filled: u16, actions: Vec<Action>) -> usize {
    let mut model = M::filled(filled);
    let mut object = model.object();
    let mut streams = [1, 7].map(|patience| Stream::new(&object, patience));
    for (number, action) in actions.into_iter().enumerate() {
        for stream in &mut streams {
            stream.note(&object);
        }
        if let Action::Freeze = action {
            // It has another time to expire, or none, and is the same otherwise.
            let time = (number % 3 > 0).then_some(i64::try_from(number).unwrap());
            object = object.expiring(time);
        }
        let expire_at_ms = object.expire_at_ms();
        let mut lasting = object.expiring(None);
        model.apply(&mut lasting, action, number);
        object = lasting.expiring(expire_at_ms);
        for stream in &mut streams {
            stream.tell(&object);
        }
    }
    assert_eq!(contents(&object), model.owned());
    streams.iter().map(|stream| stream.deltas).sum()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn hash_is_told_by_its_changes((filled, actions) in actions()) {
        run::<BTreeMap<Vec<u8>, Vec<u8>>>(filled, actions);
    }

    #[test]
    fn set_is_told_by_its_changes((filled, actions) in actions()) {
        run::<BTreeSet<Vec<u8>>>(filled, actions);
    }

    #[test]
    fn sorted_set_is_told_by_its_changes((filled, actions) in actions()) {
        run::<Board>(filled, actions);
    }

    #[test]
    fn list_is_told_by_its_changes((filled, actions) in actions()) {
        run::<VecDeque<Vec<u8>>>(filled, actions);
    }

    #[test]
    fn string_is_told_by_its_changes((filled, actions) in actions()) {
        run::<Vec<u8>>(filled, actions);
    }
}

#[test]
fn large_string_is_told_by_what_is_appended_from_the_second_time_on() {
    let actions = (0..100).map(|key| Action::Put { key, len: 30 });
    assert_eq!(run::<Vec<u8>>(2000, actions.collect()), 99 + 13);
}

#[test]
fn large_collections_are_told_by_their_changes_alone() {
    let actions = || (0..100).map(|key| Action::Put { key, len: 30 }).collect();
    let told = [
        run::<BTreeMap<Vec<u8>, Vec<u8>>>(2000, actions()),
        run::<BTreeSet<Vec<u8>>>(2000, actions()),
        run::<Board>(2000, actions()),
        run::<VecDeque<Vec<u8>>>(2000, actions()),
    ];
    assert_eq!(told, [100 + 14; 4]);
}

#[test]
fn object_that_takes_the_place_of_another_is_told_as_a_whole() {
    let filled = |items: u16| <BTreeMap<Vec<u8>, Vec<u8>>>::filled(items).object();
    let before = filled(1000);
    let mark = before.mark().unwrap();
    let after = filled(1000);
    after.mark().unwrap();
    assert!(!after.delta_since(mark, &mut Vec::new()));
    assert!(before.delta_since(mark, &mut Vec::new()));
}
