//! The comparison byte by byte: the oracle of the machine versions.

use crate::group::Group;

/// Bit `i` of the result, for `i` below 14, is set when tag `i` of the group is `byte`; the other
/// bits mean nothing.
pub(crate) fn equal(group: &Group, byte: u8) -> u16 {
    let tags = group.tags().iter().enumerate();
    tags.fold(0, |bits, (index, &tag)| {
        bits | u16::from(tag == byte) << index
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Tag;

    #[test]
    fn each_equal_tag_sets_its_own_bit() {
        let mut group = Group::default();
        let tag = Tag::from_byte(9).unwrap();
        group.occupy(3, tag);
        group.occupy(13, tag);
        assert_eq!(equal(&group, 9), 1 << 3 | 1 << 13);
        assert_eq!(equal(&group, 1), 0);
    }
}
