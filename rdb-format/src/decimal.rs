//! Integers as the decimal text they stand for.

/// The most bytes that an `i64` takes: a sign and 19 digits.
const DECIMAL_MAX: usize = 20;

/// The texts of 0 to 99, two digits each.
const PAIRS: [[u8; 2]; 100] = pairs();

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "made when compiled"
)]
const fn pairs() -> [[u8; 2]; 100] {
    let mut pairs = [[b'0'; 2]; 100];
    let (mut tens, mut at) = (b'0', 0);
    while at < 100 {
        let mut ones = b'0';
        while ones <= b'9' {
            pairs[at] = [tens, ones];
            ones += 1;
            at += 1;
        }
        tens += 1;
    }
    pairs
}

/// Appends the canonical text of `value`: no sign but `-`, no leading zero.
#[inline]
pub(crate) fn append_decimal(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    let mut rest = value.unsigned_abs();
    let len = rest.checked_ilog10().unwrap_or(0).wrapping_add(1) as usize;
    let start = out.len();
    // All of it is given room, as a length that is known takes no call; then what is too much is
    // taken back.
    out.extend_from_slice(&[b'0'; DECIMAL_MAX]);
    out.truncate(start.wrapping_add(len));
    let digits = out.get_mut(start..).unwrap_or_default();
    let (first, pairs) = digits.as_rchunks_mut::<2>();
    for pair in pairs.iter_mut().rev() {
        let [two, ..] = (rest % 100).to_le_bytes();
        *pair = PAIRS.get(usize::from(two)).copied().unwrap_or_default();
        rest /= 100;
    }
    if let Some(digit) = first.first_mut() {
        *digit |= rest.to_le_bytes()[0];
    }
}

/// The value of `text` if it is exactly what [`append_decimal`] writes for some `i64`.
pub(crate) fn parse_canonical(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [] | [b'0', _, ..] => return None,
        [b'0'] => return if negative { None } else { Some(0) },
        _ if digits.len() > 19 => return None,
        _ => {}
    }
    let magnitude = match digits.len() {
        4..=8 => parse_together(digits)?,
        _ => parse_each(digits)?,
    };
    if negative {
        0_i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// The value of at most nineteen digits: below 10^19, which is below 2^64.
fn parse_each(digits: &[u8]) -> Option<u64> {
    let mut value: u64 = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
    }
    Some(value)
}

/// The value of four to eight digits, which are taken for the bytes of one word: neighbours are
/// joined to pairs, pairs to fours, and fours to one number, all of a kind at once.
fn parse_together(digits: &[u8]) -> Option<u64> {
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    const LOW_BITS: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    // What takes a byte from 10 on to its top bit, and no smaller one.
    const ABOVE_NINE: u64 = 0x7676_7676_7676_7676;
    const PAIR_LANES: u64 = 0x00ff_00ff_00ff_00ff;
    const FOUR_LANES: u64 = 0x0000_ffff_0000_ffff;
    let len = u32::try_from(digits.len()).ok()?;
    let (behind, missing) = (len.checked_sub(4)?, 8_u32.checked_sub(len)?);
    // The two overlap in bytes that are the same. The first digit is the lowest byte.
    let first = u64::from(u32::from_le_bytes(*digits.first_chunk()?));
    let last = u64::from(u32::from_le_bytes(*digits.last_chunk()?));
    let text = first | (last << behind.wrapping_mul(8));
    let missing_bits = missing.wrapping_mul(8);
    let values = text ^ (ZEROS >> missing_bits);
    let above = (values & LOW_BITS).wrapping_add(ABOVE_NINE) | values;
    if above & !LOW_BITS != 0 {
        return None;
    }
    // The digits that are missing come first and are zeros.
    let ones = values << missing_bits;
    let pairs = (ones & PAIR_LANES)
        .wrapping_mul(10)
        .wrapping_add((ones >> 8) & PAIR_LANES);
    let fours = (pairs & FOUR_LANES)
        .wrapping_mul(100)
        .wrapping_add((pairs >> 16) & FOUR_LANES);
    let (high, low) = (fours & 0xffff_ffff, fours >> 32);
    Some(high.wrapping_mul(10_000).wrapping_add(low))
}

#[cfg(test)]
mod tests {
    use super::{append_decimal, parse_canonical};

    #[test]
    fn text_is_what_the_standard_library_prints() {
        for value in [
            0,
            1,
            -1,
            9,
            10,
            -10,
            99,
            100,
            999,
            4096,
            -70_000,
            i64::MAX,
            i64::MIN,
            i64::MIN + 1,
        ] {
            let mut text = b"before".to_vec();
            append_decimal(&mut text, value);
            assert_eq!(text, format!("before{value}").as_bytes());
            assert_eq!(parse_canonical(value.to_string().as_bytes()), Some(value));
        }
    }

    #[test]
    fn numbers_of_every_length_are_read_and_no_other_byte_is_a_digit() {
        let mut value = 0_i64;
        for digit in [1, 2, 0, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 9, 9, 0, 1, 2] {
            value = value * 10 + digit;
            for value in [value, -value] {
                let text = value.to_string().into_bytes();
                assert_eq!(parse_canonical(&text), Some(value));
                for at in 0..text.len() {
                    for byte in 0..=u8::MAX {
                        let mut changed = text.clone();
                        changed[at] = byte;
                        let expected = std::str::from_utf8(&changed)
                            .ok()
                            .and_then(|text| text.parse::<i64>().ok())
                            .filter(|value| value.to_string().as_bytes() == changed);
                        assert_eq!(parse_canonical(&changed), expected, "{changed:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn only_canonical_text_is_an_integer() {
        for text in [
            "",
            "-",
            "-0",
            "+1",
            "01",
            "-01",
            " 1",
            "1 ",
            "1.0",
            "a",
            "9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999",
            "00",
        ] {
            assert_eq!(parse_canonical(text.as_bytes()), None, "{text:?}");
        }
    }
}
