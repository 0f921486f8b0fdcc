//! A list is a sequence.

use std::collections::VecDeque;

use forkless::{List, Object};
use proptest::prelude::*;
use rdb_format::Value as Owned;

use crate::history::{Action, Model, actions, bytes, config, run, text};

impl Model for VecDeque<Vec<u8>> {
    fn filled(items: u16) -> Self {
        (0..items).map(|key| bytes(key, 0)).collect()
    }

    fn object(&self) -> Object {
        let list: List = self.iter().map(|item| text(item)).collect();
        Object::List(Box::new(list))
    }

    fn owned(&self) -> Owned {
        Owned::List(self.clone().into())
    }

    fn apply(&mut self, object: &mut Object, action: Action, _: usize) {
        let Object::List(list) = object else {
            unreachable!()
        };
        let len = self.len();
        let place = |key: u16| usize::from(key) % len.max(1);
        match action {
            Action::Put { key, len } => put(list, self, key, bytes(key, len)),
            Action::Take { key } => {
                let at = place(key);
                let taken = list.remove(at).map(|item| item.as_bytes().to_vec());
                assert_eq!(taken, self.remove(at));
            }
            Action::First => {
                let taken = list.pop_front().map(|item| item.as_bytes().to_vec());
                assert_eq!(taken, self.pop_front());
            }
            Action::Last => {
                let taken = list.pop_back().map(|item| item.as_bytes().to_vec());
                assert_eq!(taken, self.pop_back());
            }
            Action::TakeMany { key, count } => {
                let at = place(key);
                let range = list.range(at..at + count);
                let range: Vec<Vec<u8>> = range.map(<[u8]>::to_vec).collect();
                let expected: Vec<_> = self.iter().skip(at).take(count).cloned().collect();
                assert_eq!(range, expected);
                for _ in range {
                    list.remove(at);
                    self.remove(at);
                }
            }
            Action::Freeze => {}
        }
        assert_eq!(list.len(), self.len());
        assert_eq!(list.get(len / 2), self.get(len / 2).map(Vec::as_slice));
    }
}

/// Puts an item in front, behind, in between, or in the place of another.
fn put(list: &mut List, model: &mut VecDeque<Vec<u8>>, key: u16, item: Vec<u8>) {
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

proptest! {
    #![proptest_config(config())]

    #[test]
    fn list_is_a_sequence((filled, actions) in actions()) {
        run::<VecDeque<Vec<u8>>>(filled, actions);
    }
}
