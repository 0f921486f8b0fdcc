//! Cuts: the moments whose state somebody still needs.

use smallvec::SmallVec;

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
}

impl Cuts {
    pub(crate) fn new() -> Self {
        Self {
            clock: 1,
            open: SmallVec::new(),
        }
    }

    /// Bytes on the heap: none while few cuts are open.
    pub(crate) fn heap_bytes(&self) -> usize {
        if self.open.spilled() {
            self.open.capacity() * size_of::<Cut>()
        } else {
            0
        }
    }

    /// The version that a bucket has once no cut needs it.
    #[inline]
    pub(crate) fn clock(&self) -> u64 {
        self.clock
    }

    /// Opens a cut at this moment.
    pub(crate) fn open(&mut self) -> Cut {
        let cut = Cut(self.clock);
        self.clock += 1;
        self.open.push(cut);
        cut
    }

    /// Forgets a cut. One that is not open is no concern.
    pub(crate) fn close(&mut self, cut: Cut) {
        self.open.retain(|open| *open != cut);
    }

    /// The open cuts, oldest first.
    #[inline]
    pub(crate) fn opened(&self) -> &[Cut] {
        &self.open
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
}
