//! Keys that have changed since a stream was last told of them.

use std::collections::{HashMap, VecDeque};

use crate::key::Key;
use crate::sync::{HashBuilder, hash_builder};

/// About what a key takes here besides its own bytes, in bytes: in the order, and in the map with
/// its spare room.
const KEY_BYTES: usize = 2 * size_of::<Key>() + 4 * size_of::<u64>();

/// Keys that have changed, each once, in the order of their first changes.
///
/// What they have changed to is looked up when it is told. So however often a key is written to
/// while a slow replica waits, it takes the same room.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    databases: Vec<(u32, Marks)>,
    // May name keys that were forgotten since.
    order: VecDeque<(u32, Key)>,
    bytes: usize,
}

/// The name of the state that a value had before its first change, if it can tell what came after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark(pub(crate) Option<u64>);

type Marks = HashMap<Key, Mark, HashBuilder>;

impl Changes {
    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// What they take in memory, about, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The key is about to change; if it has not since it was last told of, its value is asked
    /// for its `mark`.
    pub(crate) fn note(&mut self, database: u32, key: &Key, mark: impl FnOnce() -> Mark) {
        let marks = self.marks(database);
        if !marks.contains_key(key) {
            marks.insert(key.clone(), mark());
            self.order.push_back((database, key.clone()));
            self.bytes += bytes_of(key);
        }
    }

    /// Forgets a key; the mark of its value if it has changed.
    pub(crate) fn forget(&mut self, database: u32, key: &Key) -> Option<Mark> {
        if self.is_empty() {
            return None;
        }
        self.marks(database).remove(key)
    }

    /// Takes the next key out, and the mark of its value.
    pub(crate) fn next(&mut self) -> Option<(u32, Key, Mark)> {
        while let Some((database, key)) = self.order.pop_front() {
            self.bytes -= bytes_of(&key);
            if let Some(mark) = self.marks(database).remove(&key) {
                return Some((database, key, mark));
            }
        }
        // What a burst of changes took is given back.
        self.databases.retain(|(_, marks)| marks.capacity() < 4096);
        None
    }

    fn marks(&mut self, database: u32) -> &mut Marks {
        let known = self.databases.iter().position(|(of, _)| *of == database);
        let index = known.unwrap_or_else(|| {
            let marks = HashMap::with_hasher(hash_builder());
            self.databases.push((database, marks));
            self.databases.len() - 1
        });
        &mut self.databases[index].1
    }
}

fn bytes_of(key: &Key) -> usize {
    KEY_BYTES + 2 * key.as_bytes().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_once_in_the_order_of_their_first_changes() {
        let mut changes = Changes::default();
        let [a, b] = [&b"a"[..], b"b"].map(Key::from);
        changes.note(0, &b, || Mark(Some(1)));
        changes.note(0, &a, || Mark(None));
        changes.note(0, &b, || unreachable!("it has one"));
        changes.note(1, &b, || Mark(Some(2)));
        assert_eq!(changes.next(), Some((0, b.clone(), Mark(Some(1)))));
        assert_eq!(changes.forget(0, &a), Some(Mark(None)));
        assert_eq!(changes.forget(0, &a), None);
        assert_eq!(changes.next(), Some((1, b, Mark(Some(2)))));
        assert_eq!(changes.next(), None);
        assert_eq!(changes.bytes(), 0);
    }
}
