//! The way to an entry.

use core::borrow::Borrow;
use core::hash::{BuildHasher, Hash};

use crate::hash::KeyHash;
use crate::observer::Observer;
use crate::segment::Segment;
use crate::slot::Found;
use crate::table::DashTable;

impl<K: Hash + Eq, V, S: BuildHasher, O: Observer<K, V>> DashTable<K, V, S, O> {
    /// Asks the processor for the memory that tells whether `key` is there, and where there is room
    /// for it.
    ///
    /// Changes nothing that can be seen, and returns at once. In a table larger than the caches a
    /// lookup mostly waits for memory; whoever has many keys at hand asks for some of them ahead,
    /// so that they wait together. [`insert_many`](Self::insert_many) does so by itself.
    ///
    /// # Example
    ///
    /// ```
    /// let table: dash_table::DashTable<u64, u64> = (0..1000).map(|n| (n, n * n)).collect();
    /// let keys: Vec<u64> = (0..1000).rev().collect();
    /// let mut sum = 0;
    /// for (index, key) in keys.iter().enumerate() {
    ///     if let Some(later) = keys.get(index + 16) {
    ///         table.prefetch(later);
    ///     }
    ///     sum += table[key];
    /// }
    /// assert_eq!(sum, 332_833_500);
    /// ```
    #[inline]
    pub fn prefetch<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.prefetch_tags(self.hash(key));
    }

    /// As [`prefetch`](Self::prefetch), by the key's hash.
    #[inline]
    pub(crate) fn prefetch_tags(&self, hash: KeyHash) {
        if let Some(segment) = self.directory().settled_segment_of(hash) {
            segment.prefetch(hash, O::ENABLED && !self.cuts().is_idle());
        }
    }

    /// As [`prefetch`](Self::prefetch), for the place that an insert would fill.
    ///
    /// Waits itself for the memory that tells where that is, unless it was asked for before.
    #[inline]
    pub(crate) fn prefetch_room(&self, hash: KeyHash) {
        if let Some(segment) = self.directory().settled_segment_of(hash) {
            segment.prefetch_room(hash);
        }
    }

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

impl<K, V> Segment<K, V> {
    /// Finds an entry by its hash and a test of its key.
    #[inline]
    pub(crate) fn find(
        &self,
        hash: KeyHash,
        is_key: impl Fn(&K) -> bool + Copy,
    ) -> Option<Found<'_, (K, V)>> {
        // By value, so that the key's address stays in a register.
        let is_match = move |entry: &(K, V)| is_key(&entry.0);
        let found = self.block.find_in_pair(hash, is_match);
        if found.is_none() && self.block.may_overflow(hash.home(), hash.tag()) {
            return self.find_overflow(hash.home(), hash.tag(), is_match);
        }
        found
    }

    /// What `of` makes of the entry: as [`find`](Self::find), for who does not ask where it stands.
    ///
    /// Computed wherever the entry is found, and not of an optional entry afterwards, which would
    /// cost a lookup one more branch.
    #[inline]
    pub(crate) fn lookup<'a, R>(
        &'a self,
        hash: KeyHash,
        is_key: impl Fn(&K) -> bool + Copy,
        of: impl Fn(&'a (K, V)) -> R,
    ) -> Option<R> {
        let is_match = move |entry: &(K, V)| is_key(&entry.0);
        if let Some(entry) = self.block.get_in_pair(hash, is_match) {
            return Some(of(entry));
        }
        if self.block.may_overflow(hash.home(), hash.tag()) {
            return self
                .find_overflow(hash.home(), hash.tag(), is_match)
                .map(|found| of(found.entry));
        }
        None
    }
}
