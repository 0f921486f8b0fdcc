//! Iteration over all entries, to change their values.

use core::fmt;
use core::iter::FusedIterator;
use core::slice;

use crate::hook::Hook;
use crate::observer::Observer;
use crate::planted::Bug;
use crate::ranges;
use crate::segment::Segment;
use crate::slot::{BucketsMut, EntriesMut};
use crate::stash::Link;
use crate::table::DashTable;

/// Every entry once, its value to change, in no particular order; see [`DashTable::iter_mut`].
pub struct IterMut<'a, K, V, O = ()> {
    hook: Hook<'a, O>,
    segments: ranges::IterMut<'a, Segment<K, V>>,
    /// What is left of the present segment, all of whose buckets have been delivered.
    block: Option<BucketsMut<'a, (K, V)>>,
    chain: slice::IterMut<'a, Link<K, V>>,
    entries: Option<EntriesMut<'a, (K, V)>>,
    left: usize,
}

/// Every value once, to change, in no particular order; see [`DashTable::values_mut`].
pub struct ValuesMut<'a, K, V, O = ()> {
    entries: IterMut<'a, K, V, O>,
}

impl<K, V, S, O: Observer<K, V>> DashTable<K, V, S, O> {
    /// Every entry, in no particular order, its value to change.
    ///
    /// Delivers segment by segment, before it lends a value of the segment: at most the 69 buckets
    /// of one (and its chain, if keys with equal hashes made one) at a time, because what it has
    /// lent is out of its hands.
    /// What is not reached is not delivered.
    ///
    /// All of them take O(buckets + entries).
    ///
    /// # Panics
    ///
    /// When the observer does; the table then is as it was.
    ///
    /// # Example
    ///
    /// ```
    /// let mut table = dash_table::DashTable::from([("one", 1), ("two", 2)]);
    /// for (_, value) in table.iter_mut() {
    ///     *value *= 10;
    /// }
    /// assert_eq!(table["two"], 20);
    /// ```
    pub fn iter_mut(&mut self) -> IterMut<'_, K, V, O> {
        let left = self.len();
        let (directory, hook, _) = self.parts();
        IterMut {
            hook,
            segments: directory.segments_mut().iter_mut(),
            block: None,
            chain: slice::IterMut::default(),
            entries: None,
            left,
        }
    }

    /// Every value, in no particular order, to change. Delivers as
    /// [`iter_mut`](Self::iter_mut) does.
    pub fn values_mut(&mut self) -> ValuesMut<'_, K, V, O> {
        ValuesMut {
            entries: self.iter_mut(),
        }
    }
}

impl<'a, K, V, O: Observer<K, V>> IterMut<'a, K, V, O> {
    /// The next bucket of the present segment.
    #[inline]
    fn next_bucket(&mut self) -> Option<EntriesMut<'a, (K, V)>> {
        if let Some(entries) = self.block.as_mut().and_then(Iterator::next) {
            return Some(entries);
        }
        self.chain.next()?.block.buckets_mut().next()
    }

    /// Delivers the next segment, and turns to it.
    fn enter_segment(&mut self) -> Option<()> {
        let segment = self.segments.next()?;
        for bucket in 0..segment.bucket_count() {
            self.hook
                .before_writes(Bug::SkipDeliveryOnIterMut, segment, bucket);
        }
        let (block, header) = segment.block.parts_mut();
        self.block = Some(block);
        self.chain = header.chain.iter_mut();
        Some(())
    }
}

impl<'a, K, V, O: Observer<K, V>> Iterator for IterMut<'a, K, V, O> {
    type Item = (&'a K, &'a mut V);

    #[inline]
    fn next(&mut self) -> Option<(&'a K, &'a mut V)> {
        loop {
            if let Some((key, value)) = self.entries.as_mut().and_then(Iterator::next) {
                self.left -= 1;
                return Some((key, value));
            }
            self.entries = self.next_bucket();
            if self.entries.is_none() {
                self.enter_segment()?;
            }
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<'a, K, V, O: Observer<K, V>> Iterator for ValuesMut<'a, K, V, O> {
    type Item = &'a mut V;

    #[inline]
    fn next(&mut self) -> Option<&'a mut V> {
        self.entries.next().map(|(_, value)| value)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }
}

impl<K, V, O: Observer<K, V>> ExactSizeIterator for IterMut<'_, K, V, O> {}
impl<K, V, O: Observer<K, V>> ExactSizeIterator for ValuesMut<'_, K, V, O> {}

impl<K, V, O: Observer<K, V>> FusedIterator for IterMut<'_, K, V, O> {}
impl<K, V, O: Observer<K, V>> FusedIterator for ValuesMut<'_, K, V, O> {}

impl<K, V, O> fmt::Debug for IterMut<'_, K, V, O> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = formatter.debug_struct("IterMut");
        fields.field("left", &self.left).finish_non_exhaustive()
    }
}

impl<K, V, O> fmt::Debug for ValuesMut<'_, K, V, O> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = formatter.debug_struct("ValuesMut");
        fields.field("left", &self.entries.left);
        fields.finish_non_exhaustive()
    }
}

impl<'a, K, V, S, O: Observer<K, V>> IntoIterator for &'a mut DashTable<K, V, S, O> {
    type Item = (&'a K, &'a mut V);
    type IntoIter = IterMut<'a, K, V, O>;

    fn into_iter(self) -> IterMut<'a, K, V, O> {
        self.iter_mut()
    }
}
