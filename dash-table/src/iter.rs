//! Iteration over all entries, keys or values, to look at.

use core::fmt;
use core::iter::FusedIterator;

use crate::directory::Directory;
use crate::ranges;
use crate::segment::Segment;
use crate::slot::Run;
use crate::table::DashTable;

/// Every entry once, in no particular order; see [`DashTable::iter`].
pub struct Iter<'a, K, V> {
    segments: ranges::Iter<'a, Segment<K, V>>,
    segment: Option<&'a Segment<K, V>>,
    /// The one after it, which has begun to be fetched.
    next_segment: Option<&'a Segment<K, V>>,
    /// The next bucket of `segment`.
    bucket: usize,
    run: Run<'a, (K, V)>,
    left: usize,
}

/// Every key once, in no particular order; see [`DashTable::keys`].
pub struct Keys<'a, K, V> {
    entries: Iter<'a, K, V>,
}

/// Every value once, in no particular order; see [`DashTable::values`].
pub struct Values<'a, K, V> {
    entries: Iter<'a, K, V>,
}

impl<K, V, S, O> DashTable<K, V, S, O> {
    /// Every entry, in no particular order.
    ///
    /// All of them take O(buckets + entries).
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter::new(self.directory(), self.len())
    }

    /// Every key, in no particular order.
    ///
    /// # Example
    ///
    /// ```
    /// let table = dash_table::DashTable::from([("one", 1), ("two", 2)]);
    /// assert!(table.keys().all(|key| table.contains_key(key)));
    /// ```
    pub fn keys(&self) -> Keys<'_, K, V> {
        Keys {
            entries: self.iter(),
        }
    }

    /// Every value, in no particular order.
    ///
    /// # Example
    ///
    /// ```
    /// let table = dash_table::DashTable::from([("one", 1), ("two", 2)]);
    /// assert_eq!(table.values().sum::<u32>(), 3);
    /// ```
    pub fn values(&self) -> Values<'_, K, V> {
        Values {
            entries: self.iter(),
        }
    }
}

impl<'a, K, V> Iter<'a, K, V> {
    fn new(directory: &'a Directory<K, V>, entries: usize) -> Self {
        let mut segments = directory.segments().iter();
        Self {
            segment: segments.next(),
            next_segment: segments.next(),
            segments,
            bucket: 0,
            run: Run::NONE,
            left: entries,
        }
    }
}

impl<K, V> Iter<'_, K, V> {
    /// Turns to the next entries; `None` after the last.
    fn advance(&mut self) -> Option<()> {
        loop {
            let segment = self.segment?;
            if self.bucket < segment.bucket_count() {
                (self.run, self.bucket) = segment.run(self.bucket);
                return Some(());
            }
            self.segment = self.next_segment;
            self.bucket = 0;
            self.next_segment = self.segments.next();
            if let Some(next) = self.next_segment {
                next.block.fetch();
            }
        }
    }
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    #[inline]
    fn next(&mut self) -> Option<(&'a K, &'a V)> {
        loop {
            if let Some((key, value)) = self.run.next() {
                self.left -= 1;
                return Some((key, value));
            }
            self.advance()?;
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }

    #[inline]
    fn count(self) -> usize {
        self.left
    }

    /// A few buckets at a time, without a look at the iterator's state for each entry.
    fn fold<B, F>(mut self, first: B, mut join: F) -> B
    where
        F: FnMut(B, Self::Item) -> B,
    {
        let mut joined = first;
        loop {
            joined = self
                .run
                .fold(joined, |joined, (key, value)| join(joined, (key, value)));
            if self.advance().is_none() {
                return joined;
            }
        }
    }
}

impl<'a, K, V> Iterator for Keys<'a, K, V> {
    type Item = &'a K;

    #[inline]
    fn next(&mut self) -> Option<&'a K> {
        self.entries.next().map(|(key, _)| key)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }

    #[inline]
    fn count(self) -> usize {
        self.entries.len()
    }

    fn fold<B, F>(self, first: B, mut join: F) -> B
    where
        F: FnMut(B, Self::Item) -> B,
    {
        self.entries
            .fold(first, |joined, (key, _)| join(joined, key))
    }
}

impl<'a, K, V> Iterator for Values<'a, K, V> {
    type Item = &'a V;

    #[inline]
    fn next(&mut self) -> Option<&'a V> {
        self.entries.next().map(|(_, value)| value)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }

    #[inline]
    fn count(self) -> usize {
        self.entries.len()
    }

    fn fold<B, F>(self, first: B, mut join: F) -> B
    where
        F: FnMut(B, Self::Item) -> B,
    {
        self.entries
            .fold(first, |joined, (_, value)| join(joined, value))
    }
}

impl<K, V> ExactSizeIterator for Iter<'_, K, V> {}
impl<K, V> ExactSizeIterator for Keys<'_, K, V> {}
impl<K, V> ExactSizeIterator for Values<'_, K, V> {}

impl<K, V> FusedIterator for Iter<'_, K, V> {}
impl<K, V> FusedIterator for Keys<'_, K, V> {}
impl<K, V> FusedIterator for Values<'_, K, V> {}

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Self {
            segments: self.segments.clone(),
            ..*self
        }
    }
}

impl<K, V> Clone for Keys<'_, K, V> {
    fn clone(&self) -> Self {
        Self {
            entries: self.entries.clone(),
        }
    }
}

impl<K, V> Clone for Values<'_, K, V> {
    fn clone(&self) -> Self {
        Self {
            entries: self.entries.clone(),
        }
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Iter<'_, K, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.clone()).finish()
    }
}

impl<K: fmt::Debug, V> fmt::Debug for Keys<'_, K, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.clone()).finish()
    }
}

impl<K, V: fmt::Debug> fmt::Debug for Values<'_, K, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.clone()).finish()
    }
}

impl<'a, K, V, S, O> IntoIterator for &'a DashTable<K, V, S, O> {
    type Item = (&'a K, &'a V);
    type IntoIter = Iter<'a, K, V>;

    fn into_iter(self) -> Iter<'a, K, V> {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn folding_from_anywhere_meets_what_stepping_meets() {
        let table: DashTable<u32, u32> = (0..300).map(|key| (key, key)).collect();
        for steps in 0..=300 {
            let mut keys = table.keys();
            assert_eq!(keys.by_ref().take(steps).count(), steps);
            let mut stepped = Vec::new();
            let mut rest = keys.clone();
            while let Some(key) = rest.next() {
                stepped.push(key);
                assert_eq!(rest.len(), 300 - steps - stepped.len());
            }
            assert!(rest.next().is_none());
            let folded = keys.fold(Vec::new(), |mut folded, key| {
                folded.push(key);
                folded
            });
            assert_eq!(folded, stepped);
        }
    }
}
