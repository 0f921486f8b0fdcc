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
pub(crate) struct Group {
    tags: [u8; 14],
    marks: u16,
}

impl Group {
    /// The slots whose entries have this tag, and perhaps the key looked for.
    #[inline]
    pub(crate) fn tagged(&self, tag: Tag) -> SlotSet {
        SlotSet::from_bits(fingerprint::equal(self, tag.byte()))
    }

    /// The slots without an entry.
    #[inline]
    pub(crate) fn vacant(&self) -> SlotSet {
        SlotSet::from_bits(fingerprint::equal(self, 0))
    }

    /// The slots with an entry.
    #[inline]
    pub(crate) fn occupied(&self) -> SlotSet {
        self.vacant().complement()
    }

    /// The slots whose entries have the bucket before this one as their home.
    #[inline]
    pub(crate) fn guests(&self) -> SlotSet {
        SlotSet::from_bits(self.marks)
    }

    /// Whether an entry of this home and tag may stand in the stash or the chain.
    #[inline]
    pub(crate) fn may_overflow(&self, tag: Tag) -> bool {
        self.marks & filter_bit(tag) != 0
    }

    /// Whether any entry of this home may stand in the stash or the chain.
    #[inline]
    pub(crate) fn has_overflow(&self) -> bool {
        self.marks & !SlotSet::ALL.bits() != 0
    }

    /// The tag in `slot`, if there is an entry.
    #[inline]
    pub(crate) fn tag(&self, slot: usize) -> Option<Tag> {
        Tag::from_byte(self.tags[slot])
    }

    /// Gives `slot` a tag: from now on it is occupied.
    #[inline]
    pub(crate) fn occupy(&mut self, slot: usize, tag: Tag) {
        self.tags[slot] = tag.byte();
    }

    /// Takes tag and guest mark from `slot`.
    #[inline]
    pub(crate) fn vacate(&mut self, slot: usize) {
        self.tags[slot] = 0;
        self.marks &= !(1 << slot);
    }

    /// Marks the entry in `slot` as a guest.
    #[inline]
    pub(crate) fn mark_guest(&mut self, slot: usize) {
        self.marks |= 1 << slot;
    }

    /// Takes over tags and guest marks of the slots in `movers`, which are vacant here.
    #[inline]
    pub(crate) fn receive(&mut self, source: &Self, movers: SlotSet) {
        for (slot, (tag, given)) in self.tags.iter_mut().zip(source.tags).enumerate() {
            // All ones for a mover, without a branch.
            *tag |= given & u8::from(movers.has(slot)).wrapping_neg();
        }
        self.marks |= source.marks & movers.bits();
    }

    /// Forgets tags and guest marks of the slots in `movers`.
    #[inline]
    pub(crate) fn release(&mut self, movers: SlotSet) {
        for (slot, tag) in self.tags.iter_mut().enumerate() {
            *tag &= u8::from(!movers.has(slot)).wrapping_neg();
        }
        self.marks &= !movers.bits();
    }

    /// Notes that an entry of this home and tag stands in the stash or the chain.
    #[inline]
    pub(crate) fn admit(&mut self, tag: Tag) {
        self.marks |= filter_bit(tag);
    }

    /// Notes that no entry of this home whose tag is as even as `tag` overflows any more.
    #[inline]
    pub(crate) fn expel(&mut self, tag: Tag) {
        self.marks &= !filter_bit(tag);
    }

    /// Notes that no entry of this home overflows any more.
    pub(crate) fn expel_all(&mut self) {
        self.marks &= SlotSet::ALL.bits();
    }

    /// The fingerprints, byte by byte.
    #[cfg(any(
        test,
        not(any(
            target_arch = "x86_64",
            all(target_arch = "aarch64", target_endian = "little")
        ))
    ))]
    pub(crate) fn tags(&self) -> &[u8; 14] {
        &self.tags
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
    fn movers_take_tag_and_guest_mark_along_and_leave_the_filter() {
        let (mut source, mut target) = (Group::default(), Group::default());
        source.occupy(0, tag(7));
        source.occupy(1, tag(8));
        source.mark_guest(1);
        source.admit(tag(3));
        let mut movers = SlotSet::NONE;
        movers.add(1);
        target.receive(&source, movers);
        source.release(movers);
        assert_eq!((target.tag(0), target.tag(1)), (None, Some(tag(8))));
        assert_eq!((source.tag(0), source.tag(1)), (Some(tag(7)), None));
        assert_eq!((target.guests(), source.guests()), (movers, SlotSet::NONE));
        assert!(source.may_overflow(tag(3)) && !target.may_overflow(tag(3)));
    }

    #[test]
    fn marks_are_no_tags() {
        let mut group = Group::default();
        group.admit(tag(1));
        group.admit(tag(2));
        assert_eq!(group.vacant(), SlotSet::ALL);
    }
}
