//! The sixteen bytes of a bucket that a lookup reads first.
//!
//! ```text
//! byte  0 ............. 13   14        15
//!      +------------------+-----------------+
//!      | tags, 0 = vacant | guests : 14 bits|
//!      |                  | filter :  2 bits|
//!      +------------------+-----------------+
//! ```
//!
//! A *guest* stands in the bucket after its home.
//! The *filter* says whether entries of this home stand in the stash or the chain: one bit for
//! even tags, one for odd ones, so that a miss seldom looks there.

use crate::fingerprint;
use crate::hash::Tag;
use crate::slot_set::SlotSet;

/// Fingerprints and marks of one bucket.
#[derive(Clone, Copy, Default, Debug)]
#[repr(C, align(16))]
pub(crate) struct Group([u8; 16]);

const MARKS: usize = 14;

impl Group {
    /// The slots whose entries have this tag, and perhaps the key looked for.
    #[inline]
    pub(crate) fn tagged(&self, tag: Tag) -> SlotSet {
        SlotSet::from_bits(fingerprint::equal(&self.0, tag.byte()))
    }

    /// The slots without an entry.
    #[inline]
    pub(crate) fn vacant(&self) -> SlotSet {
        SlotSet::from_bits(fingerprint::equal(&self.0, 0))
    }

    /// The slots with an entry.
    #[inline]
    pub(crate) fn occupied(&self) -> SlotSet {
        self.vacant().complement()
    }

    /// The slots whose entries have the bucket before this one as their home.
    #[inline]
    pub(crate) fn guests(&self) -> SlotSet {
        SlotSet::from_bits(self.marks())
    }

    /// Whether an entry of this home and tag may stand in the stash or the chain.
    #[inline]
    pub(crate) fn may_overflow(&self, tag: Tag) -> bool {
        self.marks() & filter_bit(tag) != 0
    }

    /// The tag in `slot`, if there is an entry.
    #[inline]
    pub(crate) fn tag(&self, slot: usize) -> Option<Tag> {
        Tag::from_byte(self.0[slot])
    }

    /// Gives `slot` a tag: from now on it is occupied.
    #[inline]
    pub(crate) fn occupy(&mut self, slot: usize, tag: Tag) {
        self.0[slot] = tag.byte();
    }

    /// Takes tag and guest mark from `slot`.
    #[inline]
    pub(crate) fn vacate(&mut self, slot: usize) {
        self.0[slot] = 0;
        self.set_marks(self.marks() & !(1 << slot));
    }

    /// Marks the entry in `slot` as a guest.
    #[inline]
    pub(crate) fn mark_guest(&mut self, slot: usize) {
        self.set_marks(self.marks() | 1 << slot);
    }

    /// Notes that an entry of this home and tag stands in the stash or the chain.
    #[inline]
    pub(crate) fn admit(&mut self, tag: Tag) {
        self.set_marks(self.marks() | filter_bit(tag));
    }

    /// Notes that no entry of this home whose tag is as even as `tag` overflows any more.
    #[inline]
    pub(crate) fn expel(&mut self, tag: Tag) {
        self.set_marks(self.marks() & !filter_bit(tag));
    }

    /// Notes that no entry of this home overflows any more.
    pub(crate) fn expel_all(&mut self) {
        self.set_marks(self.marks() & SlotSet::ALL.bits());
    }

    #[inline]
    fn marks(&self) -> u16 {
        u16::from_le_bytes([self.0[MARKS], self.0[MARKS + 1]])
    }

    #[inline]
    fn set_marks(&mut self, marks: u16) {
        [self.0[MARKS], self.0[MARKS + 1]] = marks.to_le_bytes();
    }
}

/// Whether two tags share their bit of the filter.
pub(crate) fn same_filter_bit(one: Tag, other: Tag) -> bool {
    filter_bit(one) == filter_bit(other)
}

#[inline]
fn filter_bit(tag: Tag) -> u16 {
    1 << (14 + u16::from(tag.byte() & 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(byte: u8) -> Tag {
        Tag::from_byte(byte).unwrap()
    }

    #[test]
    fn an_occupied_slot_is_found_by_its_tag_only() {
        let mut group = Group::default();
        group.occupy(1, tag(7));
        assert_eq!(group.tagged(tag(7)).first(), Some(1));
        assert!(group.tagged(tag(8)).is_empty());
        assert_eq!(group.occupied().len(), 1);
    }

    #[test]
    fn vacating_forgets_tag_and_guest_but_not_the_filter() {
        let mut group = Group::default();
        group.occupy(0, tag(7));
        group.mark_guest(0);
        group.admit(tag(9));
        group.vacate(0);
        assert!(group.occupied().is_empty() && group.guests().is_empty());
        assert!(group.may_overflow(tag(7)), "both tags are odd");
        assert!(!group.may_overflow(tag(8)));
        group.expel(tag(7));
        assert!(!group.may_overflow(tag(9)));
    }

    #[test]
    fn marks_are_no_tags() {
        let mut group = Group::default();
        group.admit(tag(1));
        group.admit(tag(2));
        assert_eq!(group.vacant(), SlotSet::ALL);
    }
}
