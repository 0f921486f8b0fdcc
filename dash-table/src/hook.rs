//! What every mutation carries along: the cuts, the observer, and the counts.
//!
//! The rule that makes overlapping cuts correct has its one home here: *whoever stamps a bucket
//! must first deliver it to every cut that the stamp would hide it from*.

use crate::bucket::Bucket;
use crate::cut::{Cut, Cuts};
use crate::observer::Observer;
use crate::planted::{Bug, Plant};
use crate::segment::{Place, Segment};

/// What a table counts.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Tally {
    /// Entries in the table.
    pub(crate) entries: usize,
    /// Entries moved to another bucket to make room, since the table was made.
    pub(crate) displacements: u64,
    /// Segments split, since the table was made.
    pub(crate) splits: u64,
    /// Segments merged with their buddies, since the table was made.
    pub(crate) merges: u64,
}

/// The context of one mutation.
#[derive(Debug)]
pub(crate) struct Hook<'a, O> {
    pub(crate) cuts: &'a Cuts,
    pub(crate) observer: &'a mut O,
    pub(crate) tally: &'a mut Tally,
    pub(crate) plant: Plant,
}

impl<O> Hook<'_, O> {
    /// Must be called before entries move into a bucket or out of it, but for those that
    /// [`before_write`](Self::before_write) and [`before_insert`](Self::before_insert) tell of, and
    /// those that [`moves_unseen`](Self::moves_unseen) lets pass.
    #[inline]
    pub(crate) fn before_change<K, V>(&mut self, segment: &mut Segment<K, V>, bucket: usize)
    where
        O: Observer<K, V>,
    {
        let is_needed = || !self.cuts.is_idle() && segment.version(bucket) != self.cuts.clock();
        if !cfg!(uncut) && O::ENABLED && is_needed() {
            self.deliver_and_stamp(segment, bucket, self.cuts.clock(), |_| true);
        }
    }

    /// Must be called before an entry moves from one bucket of a segment to another. Unless this
    /// bug is planted.
    #[inline]
    pub(crate) fn before_move<K, V>(
        &mut self,
        bug: Bug,
        segment: &mut Segment<K, V>,
        from: usize,
        to: usize,
    ) where
        O: Observer<K, V>,
    {
        if !self.moves_unseen(segment.version(from), segment.version(to)) && !self.plant.has(bug) {
            self.before_change(segment, from);
            self.before_change(segment, to);
        }
    }

    /// Whether an entry that goes from a bucket of the first version into one of the second need
    /// not be delivered first: the cuts that need the one are those that need the other, so whoever
    /// is still to see the entry will, and nobody will see it twice.
    #[inline]
    pub(crate) fn moves_unseen<K, V>(&self, from: u64, to: u64) -> bool
    where
        O: Observer<K, V>,
    {
        cfg!(uncut) || !O::ENABLED || self.cuts.is_idle() || from == to || {
            let newest = self.cuts.opened().last();
            let is_alike = |cut: &Cut| cut.needs(from) == cut.needs(to);
            if self.plant.has(Bug::MoveAsksNewestCutOnly) {
                newest.is_none_or(is_alike)
            } else {
                self.cuts.opened().iter().all(is_alike)
            }
        }
    }

    /// Whether a write to the bucket need not tell anybody.
    #[inline]
    pub(crate) fn is_settled<K, V>(&self, segment: &Segment<K, V>, bucket: usize) -> bool
    where
        O: Observer<K, V>,
    {
        cfg!(uncut)
            || !O::ENABLED
            || self.cuts.is_idle()
            || segment.version(bucket) == self.cuts.settled()
    }

    /// Must be called before the entry at `place` changes, is lent to be changed, or leaves.
    /// Unless this bug is planted.
    #[inline]
    pub(crate) fn before_write<K, V>(&mut self, bug: Bug, segment: &mut Segment<K, V>, place: Place)
    where
        O: Observer<K, V>,
    {
        if !self.is_settled(segment, place.bucket) && !self.plant.has(bug) {
            self.write_entry(segment, place);
        }
    }

    /// As [`before_write`](Self::before_write), for all entries of a bucket.
    #[inline]
    pub(crate) fn before_writes<K, V>(
        &mut self,
        bug: Bug,
        segment: &mut Segment<K, V>,
        bucket: usize,
    ) where
        O: Observer<K, V>,
    {
        if !self.is_settled(segment, bucket) && !self.plant.has(bug) {
            for slot in segment.entries(bucket).slots() {
                self.write_entry(segment, Place { bucket, slot });
            }
        }
    }

    /// Must be called before an entry with this key comes into a bucket that is not settled.
    pub(crate) fn before_insert<K, V>(
        &mut self,
        segment: &mut Segment<K, V>,
        bucket: usize,
        key: &K,
    ) where
        O: Observer<K, V>,
    {
        if !self.plant.has(Bug::SkipDeliveryOnInsert) {
            self.open_to_writes(segment, bucket);
            self.tell(segment.version(bucket), key, None);
        }
    }

    #[cold]
    fn write_entry<K, V>(&mut self, segment: &mut Segment<K, V>, place: Place)
    where
        O: Observer<K, V>,
    {
        self.open_to_writes(segment, place.bucket);
        let (key, value) = segment.get(place);
        self.tell(segment.version(place.bucket), key, Some(value));
    }

    /// Delivers a bucket that is about to be written to, unless only relaxed cuts still need it:
    /// their traversals will meet what is written.
    fn open_to_writes<K, V>(&mut self, segment: &mut Segment<K, V>, bucket: usize)
    where
        O: Observer<K, V>,
    {
        let (version, clock) = (segment.version(bucket), self.cuts.clock());
        let relaxed = self.cuts.relaxed();
        let waiting = |cuts: &[Cut]| cuts.iter().filter(|cut| cut.needs(version)).count();
        let (all, moving) = (waiting(self.cuts.opened()), waiting(relaxed));
        if version == clock || (all > 0 && all == moving) {
            if all > 0 && self.plant.has(Bug::StampHidesFromRelaxedCut) {
                segment.stamp(bucket, clock);
            }
            return;
        }
        self.deliver_and_stamp(segment, bucket, clock, |_| true);
    }

    /// Tells the observer of a write for each relaxed cut that does not need the bucket.
    fn tell<K, V>(&mut self, version: u64, key: &K, value: Option<&V>)
    where
        O: Observer<K, V>,
    {
        for &cut in self.cuts.relaxed().iter().filter(|cut| !cut.needs(version)) {
            if value.is_none() && self.plant.has(Bug::InsertIsNotTold) {
                continue;
            }
            self.observer.before_write(cut, key, value);
        }
    }

    /// Shows a bucket to the observer, if there is one and the traversal of `cut` will deliver it.
    #[inline]
    pub(crate) fn approach<K, V>(&mut self, segment: &Segment<K, V>, bucket: usize, cut: Cut)
    where
        O: Observer<K, V>,
    {
        if bucket < segment.bucket_count() && cut.needs(segment.version(bucket)) {
            self.observer.approach(Bucket::new(segment.entries(bucket)));
        }
    }

    /// Delivers a bucket that the traversal of `cut` has reached, and stamps it as covered for
    /// this cut and the older ones. Newer cuts will still meet it.
    pub(crate) fn visit<K, V>(&mut self, segment: &mut Segment<K, V>, bucket: usize, cut: Cut)
    where
        O: Observer<K, V>,
    {
        if !cut.needs(segment.version(bucket)) {
            return;
        }
        let stamp = if self.plant.has(Bug::TraversalHidesFromNewerCut) {
            self.cuts.clock()
        } else {
            cut.covered_from()
        };
        let alone = self.plant.has(Bug::TraversalHidesFromOlderCut);
        self.deliver_and_stamp(segment, bucket, stamp, |other| {
            if alone { other == cut } else { other <= cut }
        });
    }

    #[cold]
    fn deliver_and_stamp<K, V>(
        &mut self,
        segment: &mut Segment<K, V>,
        bucket: usize,
        stamp: u64,
        is_meant: impl Fn(Cut) -> bool,
    ) where
        O: Observer<K, V>,
    {
        if self.plant.has(Bug::StampBeforeDelivery) {
            segment.stamp(bucket, stamp);
        }
        let version = segment.version(bucket);
        let view = Bucket::new(segment.entries(bucket));
        if !view.is_empty() {
            let open = self.cuts.opened();
            for &cut in open
                .iter()
                .filter(|cut| cut.needs(version) && is_meant(**cut))
            {
                if self.plant.has(Bug::HideFromOlderCut) && Some(&cut) != open.last() {
                    continue;
                }
                self.observer.deliver(cut, view);
            }
        }
        segment.stamp(bucket, stamp);
    }
}
