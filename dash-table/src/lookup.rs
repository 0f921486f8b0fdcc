//! The way to an entry for who only looks.

use core::borrow::Borrow;
use core::hash::{BuildHasher, Hash};

use crate::hash::KeyHash;
use crate::observer::Observer;
use crate::table::DashTable;

impl<K: Hash + Eq, V, S: BuildHasher, O: Observer<K, V>> DashTable<K, V, S, O> {
    /// What `of` makes of a key's entry.
    #[inline]
    pub(crate) fn lookup<'a, Q, R>(&'a self, key: &Q, of: impl Fn(&'a (K, V)) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.hash(key);
        let is_key = move |other: &K| other.borrow() == key;
        match self.directory().settled_segment_of(hash) {
            Some(segment) => segment.lookup(hash, is_key, of),
            None => self.lookup_unsettled(hash, is_key).map(of),
        }
    }

    /// Looks a key up whose entry of the directory has not been filled yet, or in a table that has
    /// no segment. Out of the way, so that most lookups need not save registers for it.
    #[cold]
    #[inline(never)]
    fn lookup_unsettled(
        &self,
        hash: KeyHash,
        is_key: impl Fn(&K) -> bool + Copy,
    ) -> Option<&(K, V)> {
        let segment = self.directory().segment_of(hash)?;
        segment.lookup(hash, is_key, |entry| entry)
    }
}
