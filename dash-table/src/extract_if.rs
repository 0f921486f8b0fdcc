//! Taking the entries out that a test chooses.

use core::fmt;
use core::iter::FusedIterator;

use crate::directory::Directory;
use crate::hook::Hook;
use crate::observer::Observer;
use crate::planted::Bug;
use crate::table::DashTable;
use crate::walk::Walk;

/// Takes the entries out that its test chooses; see [`DashTable::extract_if`].
#[must_use = "an iterator does nothing until it is asked; `retain` removes at once"]
pub struct ExtractIf<'a, K, V, F, O = ()> {
    directory: &'a mut Directory<K, V>,
    hook: Hook<'a, O>,
    walk: Walk,
    /// Entries that have not been tested.
    left: usize,
    is_wanted: F,
}

impl<K, V, S, O: Observer<K, V>> DashTable<K, V, S, O> {
    /// Takes the entries out for which `is_wanted` says yes, one for each call of `next`.
    ///
    /// Lends every value to `is_wanted`, and so delivers every bucket first. When the iterator is
    /// dropped or forgotten half-way, the entries that it has not reached stay.
    ///
    /// All of them take O(buckets + entries).
    ///
    /// # Panics
    ///
    /// When the observer or `is_wanted` does; the entry in question then stays.
    ///
    /// # Example
    ///
    /// ```
    /// let mut table: dash_table::DashTable<u32, u32> = (0..10).map(|n| (n, n * n)).collect();
    /// let even = table.extract_if(|key, _| key % 2 == 0);
    /// assert_eq!(even.count(), 5);
    /// assert_eq!(table.len(), 5);
    /// ```
    pub fn extract_if<F>(&mut self, is_wanted: F) -> ExtractIf<'_, K, V, F, O>
    where
        F: FnMut(&K, &mut V) -> bool,
    {
        let left = self.len();
        let (directory, hook, _) = self.parts();
        ExtractIf {
            directory,
            hook,
            walk: Walk::start(),
            left,
            is_wanted,
        }
    }
}

impl<K, V, F, O> Iterator for ExtractIf<'_, K, V, F, O>
where
    F: FnMut(&K, &mut V) -> bool,
    O: Observer<K, V>,
{
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        loop {
            let (segment, place) = self.walk.step(self.directory)?;
            self.left -= 1;
            self.hook
                .before_write(Bug::SkipDeliveryOnRetain, segment, place);
            let (key, value) = segment.get_mut(place);
            if (self.is_wanted)(key, value) {
                return Some(segment.remove(place, &mut self.hook));
            }
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.left))
    }
}

impl<K, V, F, O> FusedIterator for ExtractIf<'_, K, V, F, O>
where
    F: FnMut(&K, &mut V) -> bool,
    O: Observer<K, V>,
{
}

impl<K, V, F, O> fmt::Debug for ExtractIf<'_, K, V, F, O> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = formatter.debug_struct("ExtractIf");
        fields.field("untested", &self.left).finish_non_exhaustive()
    }
}
