//! A hash is a map.

use std::collections::BTreeMap;

use forkless::{Hash, Object};
use proptest::prelude::*;
use rdb_format::Value as Owned;

use crate::history::{Action, Model, actions, bytes, config, run, text};

impl Model for BTreeMap<Vec<u8>, Vec<u8>> {
    fn filled(items: u16) -> Self {
        let pairs = (0..items).map(|key| (bytes(key, 0), bytes(key, 5)));
        pairs.collect()
    }

    fn object(&self) -> Object {
        let hash: Hash = self.iter().map(|(f, v)| (text(f), text(v))).collect();
        Object::Hash(Box::new(hash))
    }

    fn owned(&self) -> Owned {
        Owned::Hash(self.clone().into_iter().collect())
    }

    fn apply(&mut self, object: &mut Object, action: Action, number: usize) {
        let Object::Hash(hash) = object else {
            unreachable!()
        };
        match action {
            Action::Put { key, len } => {
                let (field, value) = (bytes(key, 0), bytes(key, len));
                let old = hash.set(text(&field), text(&value));
                assert_eq!(hash.get(&field), Some(value.as_slice()));
                let old = old.map(|old| old.as_bytes().to_vec());
                assert_eq!(old, self.insert(field, value));
            }
            Action::Take { key } => {
                let field = bytes(key, 0);
                let old = hash.remove(&field).map(|old| old.as_bytes().to_vec());
                assert_eq!(old, self.remove(&field));
                assert_eq!(hash.get(&field), None);
            }
            Action::First | Action::Last => {
                let pair = hash.at(number % hash.len().max(1));
                if let Some((field, value)) = pair {
                    assert_eq!(self.get(field).map(Vec::as_slice), Some(value));
                }
            }
            Action::TakeMany { key, count } => {
                for key in (key..).take(count) {
                    let field = bytes(key, 0);
                    assert_eq!(hash.remove(&field).is_some(), self.remove(&field).is_some());
                }
            }
            Action::Freeze => {}
        }
        assert_eq!(hash.len(), self.len());
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn hash_is_a_map((filled, actions) in actions()) {
        run::<BTreeMap<Vec<u8>, Vec<u8>>>(filled, actions);
    }
}
