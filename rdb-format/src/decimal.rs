//! Integers as the decimal text they stand for.

/// An `i64` as text, without allocation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decimal {
    digits: [u8; 20],
    start: usize,
}

impl Decimal {
    /// The canonical text of `value`: no sign but `-`, no leading zero.
    pub(crate) fn new(value: i64) -> Self {
        let mut digits = [0; 20];
        let mut start = digits.len();
        let mut rest = value.unsigned_abs();
        // Twenty places hold the sign and the 19 digits of any i64, so every place is found.
        let (pairs, _) = digits.as_chunks_mut::<2>();
        for pair in pairs.iter_mut().rev() {
            let [last, ..] = (rest % 100).to_le_bytes();
            *pair = [b'0' | (last / 10), b'0' | (last % 10)];
            start = start.wrapping_sub(if rest < 10 { 1 } else { 2 });
            rest /= 100;
            if rest == 0 {
                break;
            }
        }
        if value < 0 {
            start = start.saturating_sub(1);
            if let Some(sign) = digits.get_mut(start) {
                *sign = b'-';
            }
        }
        Self { digits, start }
    }

    /// The text.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.digits.get(self.start..).unwrap_or_default()
    }
}

/// The value of `text` if it is exactly what [`Decimal`] writes for some `i64`.
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
    use super::{Decimal, parse_canonical};

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
            4096,
            i64::MAX,
            i64::MIN,
            i64::MIN + 1,
        ] {
            assert_eq!(Decimal::new(value).as_bytes(), value.to_string().as_bytes());
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
