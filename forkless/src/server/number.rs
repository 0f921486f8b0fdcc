//! Numbers as clients write and read them.

use std::io::Write;

use crate::server::quotes::is_blank;

/// The integer that `text` is the canonical decimal form of: no sign but `-`, no leading zero.
#[inline]
pub(crate) fn parse_integer(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [] | [b'0', _, ..] => return None,
        [b'0'] => return (!negative).then_some(0),
        _ if digits.len() > 19 => return None,
        _ => {}
    }
    let mut magnitude: u64 = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Nineteen digits are below 2^64.
        magnitude = magnitude * 10 + u64::from(digit);
    }
    if negative {
        0_i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// Appends the decimal form of `value`.
#[inline]
pub(crate) fn append_integer(out: &mut Vec<u8>, value: i64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        // A remainder by ten fits.
        digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

/// The number that `text` stands for, infinities among them; `None` for what is none, is not a
/// number, or is beyond the range of a double.
pub(crate) fn parse_float(text: &[u8]) -> Option<f64> {
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    let says_infinity = text.iter().any(|byte| byte.eq_ignore_ascii_case(&b'i'));
    let overflows = value.is_infinite() && !says_infinity;
    let has_digits = || {
        let mantissa = text.split(|byte| byte.eq_ignore_ascii_case(&b'e')).next();
        mantissa.is_some_and(|digits| digits.iter().any(|byte| (b'1'..=b'9').contains(byte)))
    };
    let underflows = value == 0.0 && has_digits();
    (!value.is_nan() && !overflows && !underflows).then_some(value)
}

/// As [`parse_float`], of a bound: one beyond the range of a double is infinite or nothing, and
/// blanks may come before it.
pub(crate) fn parse_bound(text: &[u8]) -> Option<f64> {
    let blanks = text.iter().take_while(|byte| is_blank(**byte)).count();
    let value: f64 = std::str::from_utf8(&text[blanks..]).ok()?.parse().ok()?;
    (!value.is_nan()).then_some(value)
}

/// Appends `value` with up to seventeen significant digits, as C's `%.17g` does.
pub(crate) fn append_float(out: &mut Vec<u8>, value: f64) {
    if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"inf" } else { b"-inf" });
        return;
    }
    let text = format!("{value:.16e}");
    let Some((mantissa, exponent)) = text.split_once('e') else {
        return;
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(mantissa) => ("-", mantissa),
        None => ("", mantissa),
    };
    let digits = mantissa.replace('.', "");
    let digits = digits.trim_end_matches('0');
    let digits = if digits.is_empty() { "0" } else { digits };
    out.extend_from_slice(sign.as_bytes());
    let whole = usize::try_from(exponent + 1).unwrap_or_default();
    // Writing to a vector does not fail.
    let written = match exponent {
        ..-4 | 17.. => {
            let (first, rest) = digits.split_at(1);
            let point = if rest.is_empty() { "" } else { "." };
            let sign = if exponent < 0 { '-' } else { '+' };
            write!(out, "{first}{point}{rest}e{sign}{:02}", exponent.abs())
        }
        -4..0 => write!(
            out,
            "0.{}{digits}",
            "0".repeat(exponent.unsigned_abs() as usize - 1)
        ),
        _ if digits.len() <= whole => {
            write!(out, "{digits}{}", "0".repeat(whole - digits.len()))
        }
        _ => write!(out, "{}.{}", &digits[..whole], &digits[whole..]),
    };
    drop(written);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integer(value: i64) -> String {
        let mut out = Vec::new();
        append_integer(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    fn float(value: f64) -> String {
        let mut out = Vec::new();
        append_float(&mut out, value);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn integers_come_back() {
        for value in [0, 1, -1, 9, 10, -10, 4096, i64::MAX, i64::MIN, i64::MIN + 1] {
            assert_eq!(integer(value), value.to_string());
            assert_eq!(parse_integer(integer(value).as_bytes()), Some(value));
        }
        for text in [
            "",
            "-",
            "-0",
            "+1",
            "01",
            " 1",
            "1 ",
            "1.0",
            "9223372036854775808",
        ] {
            assert_eq!(parse_integer(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn floats_have_seventeen_digits_as_c_prints_them() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (-2.5, "-2.5"),
            (0.1, "0.10000000000000001"),
            (100.0, "100"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (1.5e300, "1.5000000000000001e+300"),
            (0.0001, "0.0001"),
            (0.00001, "1.0000000000000001e-05"),
            (123_456.789, "123456.789"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(float(value), text);
        }
    }

    #[test]
    fn floats_are_read_within_their_range_only() {
        for (text, value) in [
            ("1", 1.0),
            ("-.5", -0.5),
            ("5.", 5.0),
            ("1e3", 1e3),
            ("+2", 2.0),
        ] {
            assert_eq!(parse_float(text.as_bytes()), Some(value), "{text}");
        }
        assert_eq!(parse_float(b"-Inf"), Some(f64::NEG_INFINITY));
        assert_eq!(parse_float(b"0e5"), Some(0.0));
        assert_eq!(parse_bound(b" \t1e400"), Some(f64::INFINITY));
        assert_eq!(parse_bound(b"-1e-400"), Some(-0.0));
        for text in ["", " ", "1 ", "nan", "one", "1e"] {
            assert_eq!(parse_bound(text.as_bytes()), None, "{text:?}");
        }
        for text in ["", " 1", "1 ", "nan", "1e400", "1e-400", "one", "1e"] {
            assert_eq!(parse_float(text.as_bytes()), None, "{text:?}");
        }
    }
}
