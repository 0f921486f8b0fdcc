//! A set of slots of one bucket, as bits.

use crate::geometry::SLOTS;

/// Some of the slots of one bucket, iterated from the lowest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SlotSet(u16);

impl SlotSet {
    /// Every slot of a bucket.
    pub(crate) const ALL: Self = Self(u16::MAX >> (16 - SLOTS));
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

    /// The first slot from `start` on, and around from the last slot to the first.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "below 16")]
    pub(crate) fn first_from(self, start: usize) -> Option<usize> {
        let turned = self.0.rotate_right(start as u32);
        (turned != 0).then(|| (start + turned.trailing_zeros() as usize) % 16)
    }

    /// A byte of ones for each slot of the set, the lowest first; zeros for the others.
    #[inline]
    pub(crate) fn bytes(self) -> u128 {
        let [low, high] = self.0.to_le_bytes();
        u128::from(spread(low)) | u128::from(spread(high)) << 64
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

    /// What either holds.
    #[inline]
    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Takes one slot out.
    #[inline]
    pub(crate) fn remove(&mut self, slot: usize) {
        self.0 &= !(1 << slot);
    }

    /// Adds one slot.
    #[inline]
    pub(crate) fn add(&mut self, slot: usize) {
        self.0 |= (1 << slot) & Self::ALL.0;
    }
}

/// A byte of ones for each bit that is set, the lowest first.
#[inline]
fn spread(bits: u8) -> u64 {
    const ONE_EACH: u64 = 0x0101_0101_0101_0101;
    // The bits to all bytes; in each byte the one that counts; from that to the byte's top bit.
    let chosen = (u64::from(bits) * ONE_EACH) & 0x8040_2010_0804_0201;
    let top = (chosen + 0x7f * ONE_EACH) & (0x80 * ONE_EACH);
    (top >> 7) * 0xff
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
    fn the_first_slot_from_another_may_lie_before_it() {
        let mut set = SlotSet::NONE;
        assert_eq!(set.first_from(1), None);
        set.add(0);
        assert_eq!((set.first_from(0), set.first_from(1)), (Some(0), Some(0)));
        set.add(1);
        assert_eq!((set.first_from(0), set.first_from(1)), (Some(0), Some(1)));
    }

    #[test]
    fn each_bit_spreads_to_its_byte() {
        for bits in 0..=u8::MAX {
            let bytes = spread(bits).to_le_bytes();
            for (index, byte) in bytes.into_iter().enumerate() {
                assert_eq!(byte, if bits >> index & 1 == 1 { 0xff } else { 0 });
            }
        }
        assert_eq!(SlotSet(0x8001).bytes(), 0xff << 120 | 0xff);
    }

    #[test]
    fn slots_come_lowest_first() {
        assert_eq!(
            SlotSet::ALL.collect::<Vec<_>>(),
            (0..SLOTS).collect::<Vec<_>>()
        );
    }
}
