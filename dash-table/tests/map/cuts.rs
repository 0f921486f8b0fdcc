//! Cuts that are opened, traversed and closed, and what each got.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};

use dash_table::{Bucket, Cursor, Cut, Observer, Traversal};

use super::kind::Kind;
use super::pair::Pair;

/// An open cut, and what it must get.
pub(crate) struct Expected<K, V> {
    cut: Cut,
    state: HashMap<K, V>,
    cursor: Cursor,
}

impl<K, V, S> Pair<K, V, S>
where
    K: Kind + Hash + Eq,
    V: Kind,
    S: BuildHasher + Default + Clone,
{
    pub(crate) fn open(&mut self) {
        if self.cuts.len() < 4 {
            self.cuts.push(Expected {
                cut: self.table.cut(),
                state: self.model.clone(),
                cursor: Cursor::start(),
            });
        }
    }

    pub(crate) fn traverse(&mut self, index: usize, most: usize) -> Result<(), &'static str> {
        let count = self.cuts.len().max(1);
        let Some(open) = self.cuts.get_mut(index % count) else {
            return Ok(());
        };
        if self.table.traverse(open.cut, &mut open.cursor, most) == Traversal::More {
            return Ok(());
        }
        let Expected { cut, state, .. } = self.cuts.remove(index % count);
        self.table.close(cut);
        let got = self.table.observer_mut().0.remove(&cut).unwrap_or_default();
        let delivered = got.len();
        let unique: HashMap<K, V> = got.into_iter().collect();
        if unique.len() != delivered {
            return Err("an entry was delivered twice");
        }
        if unique == state {
            Ok(())
        } else {
            Err("not the state at the cut")
        }
    }

    pub(crate) fn close(&mut self, index: usize) {
        if !self.cuts.is_empty() {
            let Expected { cut, .. } = self.cuts.remove(index % self.cuts.len());
            self.table.close(cut);
            self.table.observer_mut().0.remove(&cut);
        }
    }
}

/// Keeps everything that is delivered.
pub(crate) struct Ledger<K, V>(pub(crate) HashMap<Cut, Vec<(K, V)>>);

impl<K, V> Default for Ledger<K, V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K, V> Clone for Ledger<K, V> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<K: Clone, V: Clone> Observer<K, V> for Ledger<K, V> {
    fn deliver(&mut self, cut: Cut, bucket: Bucket<'_, K, V>) {
        let entries = bucket
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()));
        self.0.entry(cut).or_default().extend(entries);
    }
}
