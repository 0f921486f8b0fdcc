//! A sorted set is in the order of its scores, and of members where these are equal.

use std::collections::{BTreeMap, BTreeSet};

use forkless::{Object, SortedSet};
use proptest::prelude::*;
use rdb_format::Value as Owned;

use crate::history::{Action, Model, actions, bytes, config, run, text};

/// A sorted set as plain as it can be: scores are whole numbers, as an order of `std` wants them.
#[derive(Default)]
pub(crate) struct Board {
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

impl Model for Board {
    fn filled(items: u16) -> Self {
        let mut board = Self::default();
        for key in 0..items {
            board.insert(bytes(key, 0), i32::from(key) % 97);
        }
        board
    }

    fn object(&self) -> Object {
        let members = self.members().into_iter();
        let set: SortedSet = members
            .map(|(member, score)| (text(&member), score))
            .collect();
        Object::SortedSet(Box::new(set))
    }

    fn owned(&self) -> Owned {
        Owned::SortedSet(self.members())
    }

    fn apply(&mut self, object: &mut Object, action: Action, _: usize) {
        let Object::SortedSet(set) = object else {
            unreachable!()
        };
        match action {
            Action::Put { key, len } => {
                let (member, score) = (bytes(key, len / 10), i32::try_from(len % 50).unwrap());
                let old = set.insert(text(&member), f64::from(score));
                assert_eq!(old, self.insert(member.clone(), score).map(f64::from));
                let rank = self.ranks.range(..(score, member.clone())).count();
                assert_eq!(set.rank(&member), Some(rank));
                let below = self.ranks.range(..(score, Vec::new())).count();
                assert_eq!(set.rank_of_score(f64::from(score)), below);
            }
            Action::Take { key } => {
                let member = bytes(key, 0);
                assert_eq!(set.remove(&member), self.remove(&member).map(f64::from));
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
                    assert_eq!(set.remove(&member), self.remove(&member).map(f64::from));
                }
            }
            Action::TakeMany { key, count } => {
                for key in (key..).take(count) {
                    let member = bytes(key, 0);
                    assert_eq!(set.remove(&member), self.remove(&member).map(f64::from));
                }
            }
            Action::Freeze => {}
        }
        assert_eq!(set.len(), self.ranks.len());
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn sorted_set_is_in_order((filled, actions) in actions()) {
        run::<Board>(filled, actions);
    }
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
