//! The sixteen bytes of a bucket that a lookup reads first: one tag for each slot, 0 for a vacant
//! one.

use crate::fingerprint;
use crate::hash::Tag;
use crate::slot_set::SlotSet;

/// The fingerprints of one bucket.
#[derive(Clone, Copy, Default, Debug)]
#[repr(C, align(16))]
pub(crate) struct Group {
    tags: [u8; 16],
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

    /// Takes the tag from `slot`.
    #[inline]
    pub(crate) fn vacate(&mut self, slot: usize) {
        self.tags[slot] = 0;
    }

    /// Takes over the tags of the slots in `movers`, which are vacant here.
    #[inline]
    pub(crate) fn receive(&mut self, source: &Self, movers: SlotSet) {
        let given = u128::from_le_bytes(source.tags) & movers.bytes();
        self.tags = (u128::from_le_bytes(self.tags) | given).to_le_bytes();
    }

    /// Forgets the tags of the slots in `movers`.
    #[inline]
    pub(crate) fn release(&mut self, movers: SlotSet) {
        self.tags = (u128::from_le_bytes(self.tags) & !movers.bytes()).to_le_bytes();
    }

    /// The fingerprints, byte by byte.
    #[cfg(any(
        test,
        not(any(
            target_arch = "x86_64",
            all(target_arch = "aarch64", target_endian = "little")
        ))
    ))]
    pub(crate) fn tags(&self) -> &[u8; 16] {
        &self.tags
    }
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
        group.vacate(1);
        assert_eq!(group.vacant(), SlotSet::ALL);
    }

    #[test]
    fn movers_take_their_tags_along() {
        let (mut source, mut target) = (Group::default(), Group::default());
        source.occupy(0, tag(7));
        source.occupy(1, tag(8));
        let mut movers = SlotSet::NONE;
        movers.add(1);
        target.receive(&source, movers);
        source.release(movers);
        assert_eq!((target.tag(0), target.tag(1)), (None, Some(tag(8))));
        assert_eq!((source.tag(0), source.tag(1)), (Some(tag(7)), None));
    }
}
