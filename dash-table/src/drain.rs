//! Emptying a table, entry by entry.

use core::fmt;
use core::iter::FusedIterator;

use crate::directory::Directory;
use crate::hook::Hook;
use crate::observer::Observer;
use crate::table::DashTable;
use crate::walk::Walk;

/// Takes every entry out, in no particular order; see [`DashTable::drain`].
pub struct Drain<'a, K, V, O: Observer<K, V> = ()> {
    directory: &'a mut Directory<K, V>,
    hook: Hook<'a, O>,
    walk: Walk,
}

impl<K, V, S, O: Observer<K, V>> DashTable<K, V, S, O> {
    /// Takes every entry out, in no particular order, and keeps the segments for later ones.
    ///
    /// Delivers each bucket before its first entry leaves. When the iterator is dropped the
    /// entries that are left leave too; when it is forgotten they stay, in a table that is whole.
    ///
    /// All of them take O(buckets + entries).
    ///
    /// # Panics
    ///
    /// When the observer does; the entry that was to leave then stays.
    ///
    /// # Example
    ///
    /// ```
    /// let mut table = dash_table::DashTable::from([(1, "one"), (2, "two")]);
    /// assert_eq!(table.drain().map(|(key, _)| key).sum::<u32>(), 3);
    /// assert!(table.is_empty());
    /// ```
    pub fn drain(&mut self) -> Drain<'_, K, V, O> {
        let (directory, hook, _) = self.parts();
        Drain {
            directory,
            hook,
            walk: Walk::start(),
        }
    }
}

impl<K, V, O: Observer<K, V>> Iterator for Drain<'_, K, V, O> {
    type Item = (K, V);

    #[inline]
    fn next(&mut self) -> Option<(K, V)> {
        let (segment, place) = self.walk.step(self.directory)?;
        Some(segment.remove(place, &mut self.hook))
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.hook.tally.entries;
        (left, Some(left))
    }
}

impl<K, V, O: Observer<K, V>> ExactSizeIterator for Drain<'_, K, V, O> {}

impl<K, V, O: Observer<K, V>> FusedIterator for Drain<'_, K, V, O> {}

impl<K, V, O: Observer<K, V>> Drop for Drain<'_, K, V, O> {
    fn drop(&mut self) {
        for segment in self.directory.segments_mut().iter_mut() {
            segment.clear(&mut self.hook);
        }
    }
}

impl<K, V, O: Observer<K, V>> fmt::Debug for Drain<'_, K, V, O> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = formatter.debug_struct("Drain");
        fields.field("left", &self.len()).finish_non_exhaustive()
    }
}
