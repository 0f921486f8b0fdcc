//! What a block notes about entries that do not stand in their homes.

use crate::hash::Tag;
use crate::slot_set::SlotSet;

/// Guests and overflow of `N` buckets.
///
/// Apart from the tags, because a lookup that finds its key needs none of it.
#[repr(C)]
pub(crate) struct Marks<const N: usize> {
    /// For each kind of tag, a bit for each home that may have entries with such a tag in the
    /// stash or the chain. One cache line for the whole segment, so that most misses find it near.
    overflow: [u64; KINDS],
    /// The slots of each bucket whose entries have the bucket before it as their home.
    guests: [SlotSet; N],
}

/// How many kinds of tags the overflow is kept apart for, so that a miss seldom looks there.
const KINDS: usize = 4;

impl<const N: usize> Marks<N> {
    /// No guest, and no overflow.
    pub(crate) const NONE: Self = Self {
        overflow: [0; KINDS],
        guests: [SlotSet::NONE; N],
    };

    /// The slots whose entries have the bucket before this one as their home.
    #[inline]
    pub(crate) fn guests(&self, bucket: usize) -> SlotSet {
        self.guests[bucket]
    }

    /// As [`guests`](Self::guests), to change.
    #[inline]
    pub(crate) fn guests_mut(&mut self, bucket: usize) -> &mut SlotSet {
        &mut self.guests[bucket]
    }

    /// Where [`may_overflow`](Self::may_overflow) looks.
    #[inline]
    pub(crate) fn overflow(&self) -> *const u64 {
        self.overflow.as_ptr()
    }

    /// Whether an entry of this home and tag may stand in the stash or the chain.
    #[inline]
    pub(crate) fn may_overflow(&self, home: usize, tag: Tag) -> bool {
        self.overflow[kind(tag)] >> home & 1 != 0
    }

    /// Whether any entry of this home may stand in the stash or the chain.
    #[inline]
    pub(crate) fn has_overflow(&self, home: usize) -> bool {
        self.overflow.iter().any(|homes| homes >> home & 1 != 0)
    }

    /// Notes that an entry of this home and tag stands in the stash or the chain.
    #[inline]
    pub(crate) fn admit(&mut self, home: usize, tag: Tag) {
        self.overflow[kind(tag)] |= 1 << home;
    }

    /// Notes that no entry of this home with a tag of this kind overflows any more.
    #[inline]
    pub(crate) fn expel(&mut self, home: usize, tag: Tag) {
        self.overflow[kind(tag)] &= !(1 << home);
    }

    /// Notes that no entry overflows any more.
    pub(crate) fn expel_all(&mut self) {
        self.overflow = [0; KINDS];
    }
}

/// Whether two tags are of one kind.
pub(crate) fn is_same_kind(one: Tag, other: Tag) -> bool {
    kind(one) == kind(other)
}

#[inline]
fn kind(tag: Tag) -> usize {
    usize::from(tag.byte()) % KINDS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(byte: u8) -> Tag {
        Tag::from_byte(byte).unwrap()
    }

    #[test]
    fn overflow_is_noted_for_a_home_and_a_kind_of_tag() {
        let mut marks = Marks::<1>::NONE;
        marks.admit(3, tag(9));
        assert!(marks.has_overflow(3) && !marks.has_overflow(2));
        assert!(marks.may_overflow(3, tag(5)), "of one kind with 9");
        assert!(!marks.may_overflow(3, tag(8)) && !marks.may_overflow(2, tag(9)));
        marks.expel(3, tag(8));
        assert!(marks.may_overflow(3, tag(9)));
        marks.expel(3, tag(5));
        assert!(!marks.has_overflow(3));
    }

    #[test]
    fn nothing_overflows_after_all_is_expelled() {
        let mut marks = Marks::<1>::NONE;
        (1..=9).for_each(|byte| marks.admit(2, tag(byte)));
        marks.expel_all();
        assert!(!marks.has_overflow(2));
    }
}
