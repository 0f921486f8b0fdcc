//! How far each replica's instances have come, kept in memory beside what is on disk.
//!
//! These numbers are read for each new instance, so they are in no row that each transaction
//! would have to lock: 64 writers with such a row wrote 15 times less.

use std::collections::BTreeSet;

/// How far the instances of one replica have come at this store; none where none has.
///
/// Always `deleted_upto <= purged_upto`, `deleted_upto <= executed_upto <= executed_max <= max`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Watermarks {
    /// The highest index known, also after it is deleted.
    pub max: Option<u64>,
    /// The highest index executed; lower ones may be missing.
    pub executed_max: Option<u64>,
    /// The index up to which, and with which, all instances are executed.
    pub executed_upto: Option<u64>,
    /// The index up to which the replica says that nobody needs its instances any more.
    pub purged_upto: Option<u64>,
    /// The index up to which instances are deleted here.
    pub deleted_upto: Option<u64>,
}

/// The watermarks of one replica as transactions raise them.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    marks: Watermarks,
    /// Executed indices above `executed_upto`, with gaps between.
    executed_above: BTreeSet<u64>,
    /// The highest index given away to a proposal that may not be stored yet.
    reserved: Option<u64>,
    /// The index up to which deleted instances are gone from the files' newest state.
    pub(crate) reclaimed_upto: Option<u64>,
}

impl Tracker {
    pub(crate) fn marks(&self) -> Watermarks {
        self.marks
    }

    /// An instance with this index is stored.
    pub(crate) fn saw(&mut self, index: u64) {
        self.marks.max = self.marks.max.max(Some(index));
    }

    /// The instance with this index is executed.
    pub(crate) fn executed(&mut self, index: u64) {
        self.saw(index);
        self.marks.executed_max = self.marks.executed_max.max(Some(index));
        if Some(index) <= self.marks.executed_upto {
            return;
        }
        self.executed_above.insert(index);
        self.close_gap();
    }

    /// All up to this index are executed.
    pub(crate) fn executed_upto(&mut self, index: u64) {
        self.saw(index);
        self.marks.executed_max = self.marks.executed_max.max(Some(index));
        if Some(index) <= self.marks.executed_upto {
            return;
        }
        self.marks.executed_upto = Some(index);
        self.executed_above = self.executed_above.split_off(&index);
        self.executed_above.remove(&index);
        self.close_gap();
    }

    /// Moves `executed_upto` over what is executed right above it.
    fn close_gap(&mut self) {
        while let Some(next) = after(self.marks.executed_upto) {
            if !self.executed_above.remove(&next) {
                break;
            }
            self.marks.executed_upto = Some(next);
        }
    }

    /// The replica says that nobody needs its instances up to this index.
    pub(crate) fn purged(&mut self, index: u64) {
        self.marks.purged_upto = self.marks.purged_upto.max(Some(index));
    }

    /// Instances up to this index are deleted.
    pub(crate) fn deleted(&mut self, index: u64) {
        self.executed_upto(index);
        self.purged(index);
        self.marks.deleted_upto = self.marks.deleted_upto.max(Some(index));
    }

    /// An index that was never stored and never given away by this; none if there is none left.
    pub(crate) fn reserve(&mut self) -> Option<u64> {
        let index = after(self.marks.max.max(self.reserved))?;
        self.reserved = Some(index);
        Some(index)
    }

    /// Up to where instances may be deleted: purged at their leader, and executed here.
    pub(crate) fn deletable_upto(&self) -> Option<u64> {
        self.marks.purged_upto.min(self.marks.executed_upto)
    }
}

/// The index after `index`, or the first; none if there is none.
pub(crate) fn after(index: Option<u64>) -> Option<u64> {
    index.map_or(Some(0), |index| index.checked_add(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn gaps_hold_back_what_is_executed_throughout() {
        let mut tracker = Tracker::default();
        tracker.executed(1);
        tracker.executed(3);
        let marks = tracker.marks();
        assert_eq!((marks.executed_max, marks.executed_upto), (Some(3), None));
        tracker.executed(0);
        assert_eq!(tracker.marks().executed_upto, Some(1));
        tracker.executed(2);
        assert_eq!(tracker.marks().executed_upto, Some(3));
        assert!(tracker.executed_above.is_empty());
    }

    #[test]
    fn an_index_is_reserved_once_and_after_all_that_was_stored() {
        let mut tracker = Tracker::default();
        assert_eq!(tracker.reserve(), Some(0));
        assert_eq!(tracker.reserve(), Some(1));
        tracker.deleted(7);
        assert_eq!(tracker.reserve(), Some(8));
        tracker.saw(u64::MAX);
        assert_eq!(tracker.reserve(), None);
    }

    #[test]
    fn what_is_deleted_was_executed_and_purged() {
        let mut tracker = Tracker::default();
        tracker.executed(9);
        tracker.deleted(7);
        let marks = tracker.marks();
        assert_eq!(marks.executed_upto, Some(7));
        assert_eq!(marks.purged_upto, Some(7));
        assert_eq!(marks.executed_max, Some(9));
        tracker.executed(8);
        assert_eq!(tracker.marks().executed_upto, Some(9));
    }

    #[test]
    fn only_what_is_purged_and_executed_may_be_deleted() {
        let mut tracker = Tracker::default();
        tracker.purged(5);
        assert_eq!(tracker.deletable_upto(), None);
        tracker.executed_upto(3);
        assert_eq!(tracker.deletable_upto(), Some(3));
        tracker.executed_upto(8);
        assert_eq!(tracker.deletable_upto(), Some(5));
    }

    proptest! {
        #[test]
        fn the_tracker_agrees_with_a_plain_set(
            indices in proptest::collection::vec(0..12_u64, 0..30),
        ) {
            let mut tracker = Tracker::default();
            let mut set = BTreeSet::new();
            for index in indices {
                tracker.executed(index);
                set.insert(index);
                let throughout = (0..12).take_while(|index| set.contains(index)).last();
                prop_assert_eq!(tracker.marks().executed_upto, throughout);
                prop_assert_eq!(tracker.marks().executed_max, set.last().copied());
            }
        }
    }
}
