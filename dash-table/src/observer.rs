//! The hook before every change: who is told, and what of.

use crate::bucket::Bucket;
use crate::cut::Cut;

/// Is handed every bucket that a cut still needs, before the bucket changes.
///
/// Mutations of the table call it, and so does
/// [`DashTable::traverse`](crate::DashTable::traverse); together they hand over each entry that was
/// there at a cut exactly once, as it was then, in the bucket where it stands by now: a split
/// divides buckets that are still needed.
///
/// # Example
///
/// ```
/// use dash_table::{Bucket, Cursor, Cut, DashTable, Observer, Traversal};
///
/// #[derive(Default)]
/// struct Collect(Vec<(u32, u32)>);
///
/// impl Observer<u32, u32> for Collect {
///     fn deliver(&mut self, _: Cut, bucket: Bucket<'_, u32, u32>) {
///         self.0.extend(bucket.iter().map(|(key, value)| (*key, *value)));
///     }
/// }
///
/// let mut table: DashTable<u32, u32, dash_table::DefaultHashBuilder, Collect> =
///     DashTable::with_observer(Collect::default());
/// table.insert(1, 10);
///
/// let cut = table.cut();
/// table.insert(1, 11); // hands over (1, 10) first
/// table.insert(2, 20); // came after the cut
/// let mut cursor = Cursor::start();
/// while table.traverse(cut, &mut cursor, 64) == Traversal::More {}
/// table.close(cut);
///
/// assert_eq!(table.observer().0, [(1, 10)]);
/// ```
pub trait Observer<K, V> {
    /// Whether anybody listens. `false` compiles the hook out of every mutation.
    const ENABLED: bool = true;

    /// Takes `bucket`, whose entries have not changed since `cut`.
    ///
    /// Called at most once for each content of a bucket and cut. A panic here leaves the table
    /// valid and the bucket still pending, so it may then come again.
    fn deliver(&mut self, cut: Cut, bucket: Bucket<'_, K, V>);

    /// Hears that the entry of `key` is about to change, in a bucket that the
    /// [relaxed](crate::DashTable::cut_relaxed) `cut` has had already, or in one that was made
    /// after it. `value` is what the entry holds until now: `None` when the key is about to come.
    ///
    /// Called before each change, and before each loan of `&mut V`, whatever then becomes of it.
    /// What the change comes to is to be seen by [`get`](crate::DashTable::get) afterwards. A
    /// panic here leaves the table valid and the entry as it was.
    #[inline]
    fn before_write(&mut self, cut: Cut, key: &K, value: Option<&V>) {
        let _ = (cut, key, value);
    }

    /// Looks at `bucket`, which a traversal will come to after a few others: the moment to ask
    /// for what its entries keep elsewhere, as with [`prefetch`](crate::prefetch).
    ///
    /// No promise: it may change before it is delivered, or be delivered without this. By default
    /// nothing is done.
    #[inline]
    fn approach(&mut self, bucket: Bucket<'_, K, V>) {
        let _ = bucket;
    }
}

/// Nobody listens.
impl<K, V> Observer<K, V> for () {
    const ENABLED: bool = false;

    #[inline]
    fn deliver(&mut self, _: Cut, _: Bucket<'_, K, V>) {}
}
