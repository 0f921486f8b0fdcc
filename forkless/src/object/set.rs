//! Sets: members in the order of their hashes.

use snapshot::Copies;

use crate::object::delta::Step;
use crate::object::hashed::{Hashed, Place, hash_of};
use crate::object::log::Log;
use crate::object::pieces::{Encoded, Part};
use crate::object::text::Text;
use crate::object::tree::{Element, Tree, View};

/// A member and its hash.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    hash: u64,
    text: Text,
}

impl Element for Member {
    type Mark = u64;

    fn mark(&self) -> &u64 {
        &self.hash
    }

    fn weight_bytes(&self) -> usize {
        size_of::<u64>() + self.text.weight_bytes()
    }
}

impl Hashed for Member {
    fn key(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

impl Encoded for Member {
    fn part(&self, index: usize) -> Option<Part<'_>> {
        (index == 0).then_some(Part::Text(&self.text))
    }
}

/// A set of texts: each costs O(log n) to find, add or remove.
///
/// ```
/// let mut set = forkless::Set::new();
/// assert!(set.insert(b"a"[..].into()));
/// assert!(!set.insert(b"a"[..].into()));
/// assert!(set.contains(b"a") && set.remove(b"a") && set.is_empty());
/// ```
#[derive(Debug, Default)]
pub struct Set {
    members: Tree<Member>,
    log: Log,
}

impl Set {
    /// A set without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many members.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether `member` is in it.
    pub fn contains(&self, member: &[u8]) -> bool {
        self.members.get_key(member).is_some()
    }

    /// Adds a member; whether it is new.
    pub fn insert(&mut self, member: Text) -> bool {
        let hash = hash_of(member.as_bytes());
        let Place::Before(index) = self.members.find(member.as_bytes(), hash) else {
            return false;
        };
        self.log.record(self.members.weight_bytes(), |out| {
            Step::Member(member.as_bytes()).write(out);
        });
        self.members.insert(index, Member { hash, text: member });
        true
    }

    /// Removes a member; whether it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        let is_removed = self.members.remove_key(member).is_some();
        if is_removed {
            self.log.record(self.members.weight_bytes(), |out| {
                Step::Gone(member).write(out);
            });
        }
        is_removed
    }

    /// Member number `index` of an order that any change may change; so a random number gets a
    /// random member. O(log n).
    pub fn at(&self, index: usize) -> Option<&[u8]> {
        self.members.get(index).map(Hashed::key)
    }

    /// Members from `cursor` on, about `count` of them, and the next cursor: 0 at the end.
    ///
    /// Who begins with 0 and goes on until 0 comes back has met every member that was there all
    /// the while, each once.
    pub fn scan(&self, cursor: u64, count: usize) -> (impl ExactSizeIterator<Item = &[u8]>, u64) {
        let (members, next) = self.members.scan(cursor, count);
        (members.into_iter().map(Hashed::key), next)
    }

    /// The members, in no order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.members.iter().map(Hashed::key)
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    pub(crate) fn tree(&self) -> &Tree<Member> {
        &self.members
    }

    pub(crate) fn freeze(&self, copies: &Copies) -> View<Member> {
        self.members.freeze(copies)
    }
}

impl FromIterator<Text> for Set {
    /// A set of these, which may repeat.
    fn from_iter<I: IntoIterator<Item = Text>>(members: I) -> Self {
        let members = members.into_iter().map(|text| Member {
            hash: hash_of(text.as_bytes()),
            text,
        });
        Self {
            members: Tree::from_unsorted(members.collect()),
            log: Log::default(),
        }
    }
}
