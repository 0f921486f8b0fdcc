//! One physical bucket, as an observer sees it.

use core::fmt;

use crate::slot::Entries;

/// A view of the entries of one physical bucket: at most 16, in no particular order.
///
/// Copied as cheaply as a reference.
///
/// # Example
///
/// ```
/// # use dash_table::{Bucket, Cut, DashTable, Observer};
/// struct Count(usize);
///
/// impl<K, V> Observer<K, V> for Count {
///     fn deliver(&mut self, _: Cut, bucket: Bucket<'_, K, V>) {
///         assert_eq!(bucket.iter().count(), bucket.len());
///         self.0 += bucket.len();
///     }
/// }
/// # let mut table: DashTable<u32, u32, dash_table::DefaultHashBuilder, Count> =
/// #     DashTable::with_observer(Count(0));
/// # table.insert(1, 1);
/// # table.cut();
/// # table.clear();
/// # assert_eq!(table.observer().0, 1);
/// ```
pub struct Bucket<'a, K, V> {
    entries: Entries<'a, (K, V)>,
}

impl<'a, K, V> Bucket<'a, K, V> {
    #[inline]
    pub(crate) fn new(entries: Entries<'a, (K, V)>) -> Self {
        Self { entries }
    }

    /// The entries.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'a K, &'a V)> + use<'a, K, V> {
        self.entries.map(|(key, value)| (key, value))
    }

    /// How many entries.
    #[inline]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry. A bucket that is delivered has at least one.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K, V> Clone for Bucket<'_, K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Bucket<'_, K, V> {}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Bucket<'_, K, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.iter()).finish()
    }
}
