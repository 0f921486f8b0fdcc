//! Merging: two emptied segments become one again.
//!
//! The inverse of a split: entries of the upper segment keep their bucket, because a bit of the
//! prefix decides neither home nor tag. So counting is enough to know whether they fit, and no key
//! is hashed.

use alloc::vec::Vec;

use crate::directory::Directory;
use crate::geometry::{BUCKETS, MAX_DEPTH, MERGE_ENTRIES_MAX, SLOTS};
use crate::hook::Hook;
use crate::observer::Observer;
use crate::planted::Bug;
use crate::segment::Segment;
use crate::table::DashTable;

/// Which merges are worth it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Density {
    /// Those after which the segment is so empty that it will not split again soon, and that leave
    /// reserved room alone.
    Sparse,
    /// All that fit.
    Full,
}

impl<K, V, S, O: Observer<K, V>> DashTable<K, V, S, O> {
    /// Gives back what it can: merges segments as far as their entries fit, and halves the
    /// directory.
    ///
    /// An empty table then owns no memory. `remove` merges too, segment by segment, but leaves
    /// reserved room alone, and merges only what is nearly empty.
    ///
    /// # Complexity
    ///
    /// O(buckets + entries). No key is hashed.
    ///
    /// # Example
    ///
    /// ```
    /// let mut table = dash_table::DashTable::with_capacity(100_000);
    /// table.insert("one", 1);
    /// let before = table.memory_usage();
    /// table.shrink_to_fit();
    /// assert!(table.memory_usage() * 50 < before);
    /// ```
    pub fn shrink_to_fit(&mut self) {
        let (directory, mut hook, _) = self.parts();
        if hook.tally.entries == 0 {
            // Nothing is pending where nothing is.
            *directory = Directory::new();
        } else {
            directory.shrink(&mut hook);
        }
    }
}

impl<K, V> Directory<K, V> {
    /// Merges the segment at `position` with its buddy, if both are there, whole, and empty enough;
    /// says whether it did.
    ///
    /// What gives or takes is delivered before anything moves, where the one bucket is needed by
    /// other cuts than the other: a panic of the observer leaves both segments whole. O(one
    /// segment).
    #[cold]
    pub(crate) fn merge<O>(
        &mut self,
        position: u32,
        density: Density,
        hook: &mut Hook<'_, O>,
    ) -> bool
    where
        O: Observer<K, V>,
    {
        let Some((lower, upper)) = self.buddies(position, density) else {
            return false;
        };
        if !self.fit(lower, upper, density) {
            return false;
        }
        self.deliver_both(lower, upper, hook);
        let mut gone = self.unite(lower, upper);
        let Some(segment) = self.segment_at(lower) else {
            return false;
        };
        segment.absorb(&mut gone);
        if hook.plant.has(Bug::MergedSegmentAtVersionZero) {
            (0..segment.bucket_count()).for_each(|bucket| segment.stamp(bucket, 0));
        }
        hook.tally.merges += 1;
        true
    }

    /// Merges whatever fits, and gives back what the directory does not need.
    pub(crate) fn shrink<O>(&mut self, hook: &mut Hook<'_, O>)
    where
        O: Observer<K, V>,
    {
        self.unreserve();
        let mut position = 0;
        while let Some(segment) = self.segment_at(position) {
            let (start, next) = (segment.position(), segment.end());
            // After a merge the segment may well merge again, with a buddy that lies before it.
            position = if self.merge(start, Density::Full, hook) {
                start & !(next - start)
            } else {
                next
            };
        }
        self.shrink_entries();
    }

    /// The positions of a segment and its buddy, the lower one first, if they can be merged.
    fn buddies(&self, position: u32, density: Density) -> Option<(u32, u32)> {
        let segment = self.segment_covering(position)?;
        let depth = segment.depth();
        if depth == 0 {
            return None;
        }
        let width = 1 << (MAX_DEPTH - depth);
        let lower = segment.position() & !width;
        if density == Density::Sparse && self.is_reserved(lower, depth - 1) {
            return None;
        }
        let buddy = self.segment_covering(segment.position() ^ width)?;
        (buddy.depth() == depth).then_some((lower, lower | width))
    }

    /// Whether the entries of both segments fit into one, each in the bucket where it stands.
    fn fit(&self, lower: u32, upper: u32, density: Density) -> bool {
        let segments = (self.segment_covering(lower), self.segment_covering(upper));
        let (Some(lower), Some(upper)) = segments else {
            return false;
        };
        let most = match density {
            Density::Sparse => MERGE_ENTRIES_MAX,
            Density::Full => usize::MAX,
        };
        let mut entries = lower.count_chained() + upper.count_chained();
        (0..BUCKETS).all(|bucket| {
            let both = lower.entries(bucket).len() + upper.entries(bucket).len();
            entries += both;
            both <= SLOTS && entries <= most
        })
    }

    /// Passes the hook for each bucket that gives and the one that takes. Links move whole, with
    /// their versions.
    fn deliver_both<O>(&mut self, lower: u32, upper: u32, hook: &mut Hook<'_, O>)
    where
        O: Observer<K, V>,
    {
        let segments = (self.segment_covering(lower), self.segment_covering(upper));
        let (Some(taker), Some(giver)) = segments else {
            return;
        };
        let is_seen = |&bucket: &usize| {
            !giver.entries(bucket).is_empty()
                && !hook.moves_unseen(giver.version(bucket), taker.version(bucket))
        };
        let moving: Vec<usize> = (0..BUCKETS).filter(is_seen).collect();
        if hook.plant.has(Bug::SkipDeliveryOnMerge) {
            return;
        }
        for position in [upper, lower] {
            if let Some(segment) = self.segment_at(position) {
                for &bucket in &moving {
                    hook.before_change(segment, bucket);
                }
            }
        }
    }
}

impl<K, V> Segment<K, V> {
    /// Takes all entries of its upper buddy, and its range. No code of the entries runs.
    fn absorb(&mut self, upper: &mut Self) {
        for bucket in 0..BUCKETS {
            let taken = self.block.take_over(bucket, &mut upper.block);
            self.copy_stash_homes(bucket, &taken, upper);
        }
        let links = upper.chain_mut().drain(..);
        self.chain_mut().extend(links);
        self.widen();
        self.rebuild_marks();
    }
}
