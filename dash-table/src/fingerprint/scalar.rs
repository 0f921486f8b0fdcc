//! The comparison byte by byte: the oracle of the machine versions.

/// Bit `i` of the result is set when `bytes[i] == byte`.
pub(crate) fn equal(bytes: &[u8; 16], byte: u8) -> u16 {
    bytes.iter().enumerate().fold(0, |bits, (index, &each)| {
        bits | u16::from(each == byte) << index
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_equal_byte_sets_its_own_bit() {
        let mut bytes = [0; 16];
        bytes[3] = 9;
        bytes[15] = 9;
        assert_eq!(equal(&bytes, 9), 1 << 3 | 1 << 15);
        assert_eq!(equal(&bytes, 1), 0);
    }
}
