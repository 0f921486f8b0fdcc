//! Cuts: the moments whose state somebody still needs.

use core::borrow::Borrow;
use core::hash::{BuildHasher, Hash};

use smallvec::SmallVec;

use crate::cursor::{Cursor, Traversal};
use crate::observer::Observer;
use crate::position::Position;
use crate::table::DashTable;

/// A moment in the life of one table, at which its state is to be seen.
///
/// Ordered by time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Cut(u64);

impl Cut {
    /// The table's clock when the cut was opened. Every cut of a table has its own.
    pub fn clock(self) -> u64 {
        self.0
    }

    /// The lowest version that this cut no longer needs.
    #[inline]
    pub(crate) fn covered_from(self) -> u64 {
        self.0 + 1
    }

    /// Whether a bucket with this version is still to be delivered to this cut.
    #[inline]
    pub(crate) fn needs(self, version: u64) -> bool {
        version <= self.0
    }
}

/// The clock and the open cuts of one table.
#[derive(Debug)]
pub(crate) struct Cuts {
    clock: u64,
    // Invariant: ascending, and every cut is below `clock`.
    open: SmallVec<[Cut; 2]>,
    // Invariant: a part of `open`, ascending.
    relaxed: SmallVec<[Cut; 1]>,
    // Invariant: `clock`, or `NEVER` while some cut is relaxed.
    settled: u64,
    // Invariant: whether no cut is open.
    idle: bool,
}

/// The version of no bucket.
const NEVER: u64 = u64::MAX;

impl Cuts {
    pub(crate) fn new() -> Self {
        Self {
            clock: 1,
            open: SmallVec::new(),
            relaxed: SmallVec::new(),
            settled: 1,
            idle: true,
        }
    }

    /// Bytes on the heap: none while few cuts are open.
    pub(crate) fn heap_bytes(&self) -> usize {
        let spilled = [
            self.open.spilled().then(|| self.open.capacity()),
            self.relaxed.spilled().then(|| self.relaxed.capacity()),
        ];
        spilled.into_iter().flatten().sum::<usize>() * size_of::<Cut>()
    }

    /// The version that a bucket has once no cut needs it.
    #[inline]
    pub(crate) fn clock(&self) -> u64 {
        self.clock
    }

    /// The version of a bucket of which a write need not tell anybody. No bucket has it while a
    /// cut is relaxed, since all writes are told then.
    #[inline]
    pub(crate) fn settled(&self) -> u64 {
        self.settled
    }

    /// Opens a cut at this moment.
    pub(crate) fn open(&mut self) -> Cut {
        let cut = Cut(self.clock);
        self.clock += 1;
        self.open.push(cut);
        self.settle();
        cut
    }

    /// Opens a relaxed cut at this moment.
    pub(crate) fn open_relaxed(&mut self) -> Cut {
        let cut = self.open();
        self.relaxed.push(cut);
        self.settle();
        cut
    }

    /// Forgets a cut. One that is not open is no concern.
    pub(crate) fn close(&mut self, cut: Cut) {
        self.open.retain(|open| *open != cut);
        self.relaxed.retain(|open| *open != cut);
        self.settle();
    }

    /// Whether no cut is open. Then nobody needs a bucket, and none needs to be stamped: whatever
    /// version it has, the cuts to come will need it.
    #[inline]
    pub(crate) fn is_idle(&self) -> bool {
        self.idle
    }

    fn settle(&mut self) {
        self.idle = self.open.is_empty();
        self.settled = if self.relaxed.is_empty() {
            self.clock
        } else {
            NEVER
        };
    }

    /// The open cuts, oldest first.
    #[inline]
    pub(crate) fn opened(&self) -> &[Cut] {
        &self.open
    }

    /// Those of the open cuts that are relaxed, oldest first.
    pub(crate) fn relaxed(&self) -> &[Cut] {
        &self.relaxed
    }
}

impl<K, V, S, O> DashTable<K, V, S, O> {
    /// Opens a cut: from now on the state of this moment is kept available to it, bucket by
    /// bucket, until [`close`](Self::close).
    ///
    /// O(1): no bucket is touched; every one is now pending for the cut.
    pub fn cut(&mut self) -> Cut {
        self.cuts_mut().open()
    }

    /// Opens a relaxed cut: instead of the state of this moment it is kept what is there when its
    /// traversal comes by, and every change since then.
    ///
    /// A write to a bucket that the cut still needs is not its concern: the traversal will meet
    /// what was written. A write to one that it has had, or to one that is new, is told to
    /// [`Observer::before_write`]. What moves between a bucket that it needs and one that it has
    /// had is delivered first, as to any cut. So of what was there at the cut, a key is delivered
    /// before any change of it is told; and once the traversal is done every change is told, until
    /// [`close`](Self::close). A key that left, which was told, and came back before the traversal
    /// is done, may be delivered again: what is delivered is always what the key holds then, and
    /// counts for more than what was told.
    ///
    /// O(1), and any number of cuts of both kinds may be open. While no relaxed one is, they cost
    /// a write nothing.
    ///
    /// # Example
    ///
    /// ```
    /// use dash_table::{Bucket, Cursor, Cut, DashTable, Observer, Traversal};
    ///
    /// #[derive(Default)]
    /// struct Follow { delivered: Vec<(u32, u32)>, changed: Vec<u32> }
    ///
    /// impl Observer<u32, u32> for Follow {
    ///     fn deliver(&mut self, _: Cut, bucket: Bucket<'_, u32, u32>) {
    ///         self.delivered.extend(bucket.iter().map(|(key, value)| (*key, *value)));
    ///     }
    ///     fn before_write(&mut self, _: Cut, key: &u32, _: Option<&u32>) {
    ///         self.changed.push(*key);
    ///     }
    /// }
    ///
    /// let mut table: DashTable<u32, u32, dash_table::DefaultHashBuilder, Follow> =
    ///     DashTable::with_observer(Follow::default());
    /// table.insert(1, 10);
    /// let cut = table.cut_relaxed();
    /// table.insert(1, 11); // the traversal will meet it
    /// let mut cursor = Cursor::start();
    /// while table.traverse(cut, &mut cursor, 64) == Traversal::More {}
    /// table.insert(1, 12); // the traversal has met it
    /// table.close(cut);
    ///
    /// assert_eq!(table.observer().delivered, [(1, 11)]);
    /// assert_eq!(table.observer().changed, [1]);
    /// ```
    pub fn cut_relaxed(&mut self) -> Cut {
        self.cuts_mut().open_relaxed()
    }

    /// Closes a cut, finished or given up: nothing is delivered to it any more. A cut that is
    /// not open is ignored.
    pub fn close(&mut self, cut: Cut) {
        self.cuts_mut().close(cut);
    }

    /// The open cuts, oldest first.
    pub fn open_cuts(&self) -> &[Cut] {
        self.cuts().opened()
    }
}

impl<K, V, S, O: Observer<K, V>> DashTable<K, V, S, O> {
    /// Takes the traversal of `cut` at most `max_buckets` physical buckets further, and `cursor`
    /// with it.
    ///
    /// Delivers each pending bucket that it meets to `cut`, and to every older open cut that
    /// still needs it, oldest first. When it says [`Traversal::Done`], everything that was in the
    /// table at the cut has been delivered to it, by this or by writes.
    ///
    /// # Example
    ///
    /// See [`Observer`].
    pub fn traverse(&mut self, cut: Cut, cursor: &mut Cursor, max_buckets: usize) -> Traversal {
        let (directory, mut hook, _) = self.parts();
        cursor.advance(cut, max_buckets, directory, &mut hook)
    }
}

impl<K, V, S, O> DashTable<K, V, S, O>
where
    K: Eq + Hash,
    S: BuildHasher,
    O: Observer<K, V>,
{
    /// The value of a key, if it stands in a bucket that `cut` has had, or in one that is new since
    /// then; `None` if it is still to be delivered.
    ///
    /// Whoever follows a [relaxed](Self::cut_relaxed) cut and was told of a write looks the key up
    /// here: what is to be delivered is not to be told ahead of that, since nobody would hear of it
    /// should the key leave again before.
    pub fn get_delivered<Q>(&self, key: &Q, cut: Cut) -> Option<&V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let is_key = move |other: &K| other.borrow() == key;
        let Position { number, place } = self.position(self.hash(key), is_key)?;
        let segment = &self.directory().segments()[number];
        let is_delivered = !cut.needs(segment.version(place.bucket));
        is_delivered.then(|| &segment.get(place).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_cut_needs_every_version_up_to_its_clock() {
        let mut cuts = Cuts::new();
        let before = cuts.clock();
        let cut = cuts.open();
        assert!(cut.needs(before));
        assert!(!cut.needs(cuts.clock()));
        assert!(!cut.needs(cut.covered_from()));
    }

    #[test]
    fn open_cuts_stay_oldest_first() {
        let mut cuts = Cuts::new();
        let (first, second, third) = (cuts.open(), cuts.open(), cuts.open());
        cuts.close(second);
        cuts.close(second);
        assert_eq!(cuts.opened(), [first, third]);
        assert!(first < third);
    }

    #[test]
    fn no_version_is_settled_while_a_cut_is_relaxed() {
        let mut cuts = Cuts::new();
        let first = cuts.open_relaxed();
        cuts.open();
        assert_eq!(cuts.settled(), NEVER);
        assert_eq!(cuts.relaxed(), [first]);
        cuts.close(first);
        assert_eq!(cuts.settled(), cuts.clock());
    }
}
