//! A set is a set, and a scan of it meets what stays.

use std::collections::{BTreeMap, BTreeSet};

use forkless::{Object, Set};
use proptest::prelude::*;
use rdb_format::Value as Owned;

use crate::history::{Action, Model, actions, bytes, config, run, text};

impl Model for BTreeSet<Vec<u8>> {
    fn filled(items: u16) -> Self {
        (0..items).map(|key| bytes(key, 0)).collect()
    }

    fn object(&self) -> Object {
        let set: Set = self.iter().map(|member| text(member)).collect();
        Object::Set(Box::new(set))
    }

    fn owned(&self) -> Owned {
        Owned::Set(self.iter().cloned().collect())
    }

    fn apply(&mut self, object: &mut Object, action: Action, number: usize) {
        let Object::Set(set) = object else {
            unreachable!()
        };
        match action {
            Action::Put { key, len } => {
                let member = bytes(key, len);
                assert_eq!(set.insert(text(&member)), self.insert(member.clone()));
                assert!(set.contains(&member));
            }
            Action::Take { key } => {
                let member = bytes(key, 0);
                assert_eq!(set.remove(&member), self.remove(&member));
            }
            Action::First | Action::Last => {
                let member = set.at(number % set.len().max(1)).map(<[u8]>::to_vec);
                if let Some(member) = member {
                    assert!(set.remove(&member) && self.remove(&member));
                }
            }
            Action::TakeMany { key, count } => {
                for key in (key..).take(count) {
                    let member = bytes(key, 0);
                    assert_eq!(set.remove(&member), self.remove(&member));
                }
            }
            Action::Freeze => {}
        }
        assert_eq!(set.len(), self.len());
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn set_is_a_set((filled, actions) in actions()) {
        run::<BTreeSet<Vec<u8>>>(filled, actions);
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
