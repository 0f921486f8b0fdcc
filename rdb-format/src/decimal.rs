//! Integers as the decimal text they stand for.

/// The most bytes that an `i64` takes: a sign and 19 digits.
const DECIMAL_MAX: usize = 20;

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
        *pair = [b'0' | (two / 10), b'0' | (two % 10)];
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
    let mut magnitude: u64 = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Nineteen digits stay below 10^19, which is below 2^64.
        magnitude = magnitude.wrapping_mul(10).wrapping_add(u64::from(digit));
    }
    if negative {
        0_i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
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
