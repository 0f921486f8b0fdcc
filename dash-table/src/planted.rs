//! Bugs planted on purpose, so that the tests can show that they would find them.
//!
//! Only `--cfg planted` lets anybody plant one; without it [`Plant`] is empty and always says no.

/// A way to lose, change or repeat what a cut sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
#[cfg_attr(
    not(planted),
    expect(unreachable_pub, reason = "exported under `--cfg planted` only")
)]
pub enum Bug {
    /// `insert` of a present key changes its bucket without delivering it.
    SkipDeliveryOnOverwrite,
    /// `insert` of a new key changes its bucket without delivering it.
    SkipDeliveryOnInsert,
    /// `remove` changes its bucket without delivering it.
    SkipDeliveryOnRemove,
    /// `get_mut` lends a value without delivering its bucket.
    SkipDeliveryOnGetMut,
    /// `retain` lends and removes without delivering.
    SkipDeliveryOnRetain,
    /// `clear` drops entries without delivering.
    SkipDeliveryOnClear,
    /// `iter_mut` lends values without delivering.
    SkipDeliveryOnIterMut,
    /// A merge moves entries between buckets that not the same cuts need, and delivers neither.
    SkipDeliveryOnMerge,
    /// The buckets of a merged segment are at version zero, so every cut takes them again.
    MergedSegmentAtVersionZero,
    /// A displacement moves an entry between buckets that not the same cuts need, and delivers
    /// neither.
    SkipDeliveryOnDisplacement,
    /// Entries leave the stash for buckets that not the same cuts need, without a delivery.
    SkipDeliveryOnUnload,
    /// Whether the same cuts need two buckets is asked of the newest cut only.
    MoveAsksNewestCutOnly,
    /// The pending cuts are computed after the stamp, so none is left.
    StampBeforeDelivery,
    /// The buckets of a new segment start at version zero, so every cut takes them again.
    NewSegmentAtVersionZero,
    /// The buckets of a new segment start at the clock, so that no cut takes what came there.
    NewSegmentAtClock,
    /// A write delivers to the newest pending cut only, and hides the bucket from the others.
    HideFromOlderCut,
    /// The traversal of a cut delivers to it alone, and hides the bucket from older cuts.
    TraversalHidesFromOlderCut,
    /// The traversal of a cut stamps with the clock, and hides the bucket from newer cuts.
    TraversalHidesFromNewerCut,
    /// A write to a bucket that only relaxed cuts need stamps it, and their traversals pass it by.
    StampHidesFromRelaxedCut,
    /// A relaxed cut is not told of keys that come.
    InsertIsNotTold,
    /// A scan does not look for entries that stand in the bucket after their home.
    ScanMissesGuests,
    /// A scan does not look into the stash.
    ScanMissesOverflow,
    /// A scan's cursor counts entries of the directory, whose number changes between steps.
    ScanCountsDirectoryEntries,
}

/// The bug that is planted in one table, if any.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Plant {
    #[cfg(planted)]
    bug: Option<Bug>,
}

impl Plant {
    /// Whether this bug is planted.
    #[cfg(planted)]
    pub(crate) fn has(self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// Never: nothing is planted in a normal build.
    #[cfg(not(planted))]
    #[inline]
    #[expect(
        clippy::unused_self,
        reason = "the same signature as under `--cfg planted`"
    )]
    pub(crate) const fn has(self, _: Bug) -> bool {
        false
    }

    /// Plants a bug, or pulls it out.
    #[cfg(planted)]
    pub(crate) fn set(&mut self, bug: Option<Bug>) {
        self.bug = bug;
    }
}
