//! The comparison byte by byte: the oracle of the machine versions.

use crate::group::Group;

/// Bit `i` of the result is set when tag `i` of the group is `byte`.
pub(crate) fn equal(group: &Group, byte: u8) -> u16 {
    let tags = group.tags().iter().enumerate();
    tags.fold(0, |bits, (index, &tag)| {
        bits | u16::from(tag == byte) << index
    })
}

/// Nothing.
#[inline]
#[cfg(not(any(
    target_arch = "x86_64",
    all(target_arch = "aarch64", target_endian = "little")
)))]
pub(crate) fn prefetch(_: *const u8) {}

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

    #[test]
    fn the_machine_agrees_with_scalar() {
        let mut state = 1_u64;
        for _ in 0..2_000 {
            let mut group = Group::default();
            for slot in 0..16 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let byte = u8::try_from(state >> 61).unwrap().wrapping_mul(37);
                if let Some(tag) = Tag::from_byte(byte) {
                    group.occupy(slot, tag);
                }
            }
            for wanted in [0, 37, 74, 255, group.tags()[0], group.tags()[15]] {
                let machine = crate::fingerprint::equal(&group, wanted);
                assert_eq!(machine, equal(&group, wanted), "{group:?}, {wanted}");
            }
        }
    }
}
