//! Iteration over all entries.

use std::fmt;
use std::iter::FusedIterator;

use crate::arena::{self, Arena};
use crate::segment::Segment;
use crate::slot::Entries;

/// Every entry once, in no particular order.
pub struct Iter<'a, K, V> {
    segments: arena::Iter<'a, Segment<K, V>>,
    segment: Option<&'a Segment<K, V>>,
    /// The next bucket of `segment`.
    bucket: usize,
    entries: Option<Entries<'a, (K, V)>>,
    left: usize,
}

impl<'a, K, V> Iter<'a, K, V> {
    pub(crate) fn new(segments: &'a Arena<Segment<K, V>>, entries: usize) -> Self {
        let mut segments = segments.iter();
        let segment = segments.next();
        Self {
            segments,
            segment,
            bucket: 0,
            entries: None,
            left: entries,
        }
    }
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    #[inline]
    fn next(&mut self) -> Option<(&'a K, &'a V)> {
        loop {
            if let Some((key, value)) = self.entries.as_mut().and_then(Iterator::next) {
                self.left -= 1;
                return Some((key, value));
            }
            let segment = self.segment?;
            if self.bucket == segment.bucket_count() {
                self.segment = self.segments.next();
                self.bucket = 0;
            } else {
                self.entries = Some(segment.entries(self.bucket));
                self.bucket += 1;
            }
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<K, V> ExactSizeIterator for Iter<'_, K, V> {}
impl<K, V> FusedIterator for Iter<'_, K, V> {}

impl<K, V> Clone for Iter<'_, K, V> {
    fn clone(&self) -> Self {
        Self {
            segments: self.segments.clone(),
            ..*self
        }
    }
}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Iter<'_, K, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.clone()).finish()
    }
}
