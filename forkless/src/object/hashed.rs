//! Hashed elements: members and fields, kept in the order of their hashes so that they are found.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::object::tree::{Element, Iter, Tree};

/// An element that is found by a text of its own, unique in its tree.
pub(crate) trait Hashed: Element<Mark = u64> {
    /// What it is found by.
    fn key(&self) -> &[u8];
}

/// Hashes a member or field, as nobody outside of this process can foresee.
pub(crate) fn hash_of(key: &[u8]) -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    let seed = SEED.get_or_init(|| RandomState::new().hash_one(0_u8));
    xxh3_64_with_seed(key, *seed)
}

/// Where an element is, or belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is number so many.
    At(usize),
    /// It is not there; it would be number so many.
    Before(usize),
}

impl<E: Hashed> Tree<E> {
    /// Finds the element with this `key` and its `hash`.
    pub(crate) fn find(&self, key: &[u8], hash: u64) -> Place {
        let first = self.partition_point(|mark| *mark < hash);
        let alike = self.iter_from(first);
        let alike = alike.take_while(|element| *element.mark() == hash);
        match alike.zip(first..).find(|(element, _)| element.key() == key) {
            Some((_, index)) => Place::At(index),
            None => Place::Before(first),
        }
    }

    /// The element with this `key`.
    pub(crate) fn get_key(&self, key: &[u8]) -> Option<&E> {
        match self.find(key, hash_of(key)) {
            Place::At(index) => self.get(index),
            Place::Before(_) => None,
        }
    }

    /// Takes the element with this `key` out.
    pub(crate) fn remove_key(&mut self, key: &[u8]) -> Option<E> {
        match self.find(key, hash_of(key)) {
            Place::At(index) => self.remove(index),
            Place::Before(_) => None,
        }
    }

    /// The elements from `cursor` on, and the cursor that follows on some `count` of them; 0 at
    /// the end. An element that is there all the while is met by whoever goes from 0 to 0.
    pub(crate) fn scan(&self, cursor: u64, count: usize) -> (Vec<&E>, u64) {
        let first = self.partition_point(|mark| *mark < cursor);
        let mut rest: Iter<'_, E> = self.iter_from(first);
        let mut found: Vec<&E> = rest.by_ref().take(count.max(1)).collect();
        // Elements with equal hashes are met together: the cursor cannot tell them apart.
        for element in rest {
            let hash = *element.mark();
            if found.last().is_some_and(|last| *last.mark() != hash) {
                return (found, hash);
            }
            found.push(element);
        }
        (found, 0)
    }

    /// A tree of elements in any order. Of those with equal keys the last one stays.
    pub(crate) fn from_unsorted(mut elements: Vec<E>) -> Self {
        elements.sort_by(|a, b| a.mark().cmp(b.mark()).then_with(|| a.key().cmp(b.key())));
        elements.dedup_by(|later, kept| {
            let are_equal = later.mark() == kept.mark() && later.key() == kept.key();
            if are_equal {
                std::mem::swap(later, kept);
            }
            are_equal
        });
        elements.into_iter().collect()
    }
}
