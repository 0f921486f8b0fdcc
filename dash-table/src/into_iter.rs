//! Iteration that consumes the table.

use core::fmt;
use core::iter::FusedIterator;

use crate::directory::Directory;
use crate::table::DashTable;
use crate::walk::Walk;

/// Every entry of a table that is no more, in no particular order.
///
/// Made by `into_iter`. What is not taken out is dropped with it.
pub struct IntoIter<K, V> {
    directory: Directory<K, V>,
    walk: Walk,
    left: usize,
}

/// Every key of a table that is no more; see [`DashTable::into_keys`].
pub struct IntoKeys<K, V> {
    entries: IntoIter<K, V>,
}

/// Every value of a table that is no more; see [`DashTable::into_values`].
pub struct IntoValues<K, V> {
    entries: IntoIter<K, V>,
}

impl<K, V, S, O> DashTable<K, V, S, O> {
    /// Every key, in no particular order. The table ends here, and with it its cuts: nothing is
    /// delivered, as when it is dropped.
    pub fn into_keys(self) -> IntoKeys<K, V> {
        IntoKeys {
            entries: self.into_iter(),
        }
    }

    /// Every value, in no particular order. The table ends here, and with it its cuts: nothing
    /// is delivered, as when it is dropped.
    pub fn into_values(self) -> IntoValues<K, V> {
        IntoValues {
            entries: self.into_iter(),
        }
    }
}

/// The table ends here, and with it its cuts: nothing is delivered, as when it is dropped.
/// [`DashTable::drain`] is for who wants the entries and the deliveries.
impl<K, V, S, O> IntoIterator for DashTable<K, V, S, O> {
    type Item = (K, V);
    type IntoIter = IntoIter<K, V>;

    fn into_iter(self) -> IntoIter<K, V> {
        IntoIter {
            left: self.len(),
            directory: self.into_directory(),
            walk: Walk::start(),
        }
    }
}

impl<K, V> Iterator for IntoIter<K, V> {
    type Item = (K, V);

    #[inline]
    fn next(&mut self) -> Option<(K, V)> {
        let (segment, place) = self.walk.step(&mut self.directory)?;
        self.left -= 1;
        Some(segment.take(place))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<K, V> Iterator for IntoKeys<K, V> {
    type Item = K;

    #[inline]
    fn next(&mut self) -> Option<K> {
        self.entries.next().map(|(key, _)| key)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }
}

impl<K, V> Iterator for IntoValues<K, V> {
    type Item = V;

    #[inline]
    fn next(&mut self) -> Option<V> {
        self.entries.next().map(|(_, value)| value)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.entries.size_hint()
    }
}

impl<K, V> ExactSizeIterator for IntoIter<K, V> {}
impl<K, V> ExactSizeIterator for IntoKeys<K, V> {}
impl<K, V> ExactSizeIterator for IntoValues<K, V> {}

impl<K, V> FusedIterator for IntoIter<K, V> {}
impl<K, V> FusedIterator for IntoKeys<K, V> {}
impl<K, V> FusedIterator for IntoValues<K, V> {}

impl<K, V> fmt::Debug for IntoIter<K, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = formatter.debug_struct("IntoIter");
        fields.field("left", &self.left).finish_non_exhaustive()
    }
}

impl<K, V> fmt::Debug for IntoKeys<K, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = formatter.debug_struct("IntoKeys");
        fields.field("left", &self.entries.left);
        fields.finish_non_exhaustive()
    }
}

impl<K, V> fmt::Debug for IntoValues<K, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = formatter.debug_struct("IntoValues");
        fields.field("left", &self.entries.left);
        fields.finish_non_exhaustive()
    }
}
