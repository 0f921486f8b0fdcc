//! A set of slots of one bucket, as bits.

use crate::geometry::SLOTS;

/// Some of the slots of one bucket, iterated from the lowest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SlotSet(u16);

impl SlotSet {
    /// Every slot of a bucket.
    pub(crate) const ALL: Self = Self((1 << SLOTS) - 1);
    /// No slot.
    pub(crate) const NONE: Self = Self(0);

    /// The slots whose bits are set; bits beyond the last slot are ignored.
    #[inline]
    pub(crate) fn from_bits(bits: u16) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// One bit for each slot.
    #[inline]
    pub(crate) fn bits(self) -> u16 {
        self.0
    }

    /// How many slots.
    #[inline]
    pub(crate) fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    #[inline]
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The lowest slot.
    #[inline]
    pub(crate) fn first(self) -> Option<usize> {
        (self.0 != 0).then(|| self.0.trailing_zeros() as usize)
    }

    /// What both hold.
    #[inline]
    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The slots that are not in this set.
    #[inline]
    pub(crate) fn complement(self) -> Self {
        Self(!self.0 & Self::ALL.0)
    }

    /// Whether it holds this slot.
    #[inline]
    pub(crate) fn has(self, slot: usize) -> bool {
        self.0 >> slot & 1 == 1
    }

    /// Adds one slot if `is_wanted`, without a branch.
    #[inline]
    pub(crate) fn add_if(&mut self, slot: usize, is_wanted: bool) {
        self.0 |= (u16::from(is_wanted) << slot) & Self::ALL.0;
    }

    /// Adds one slot.
    #[inline]
    pub(crate) fn add(&mut self, slot: usize) {
        self.0 |= (1 << slot) & Self::ALL.0;
    }
}

#[expect(
    clippy::copy_iterator,
    reason = "a set of bits, copied on purpose; crate-private"
)]
impl Iterator for SlotSet {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        let slot = self.first()?;
        self.0 &= self.0 - 1;
        Some(slot)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.len(), Some(self.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_beyond_the_last_slot_are_ignored() {
        assert_eq!(SlotSet::from_bits(u16::MAX), SlotSet::ALL);
        assert_eq!(SlotSet::ALL.complement(), SlotSet::NONE);
    }

    #[test]
    fn slots_come_lowest_first() {
        assert_eq!(
            SlotSet::ALL.collect::<Vec<_>>(),
            (0..SLOTS).collect::<Vec<_>>()
        );
    }
}
