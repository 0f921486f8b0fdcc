//! Sums of decimal fractions, for INCRBYFLOAT.

use crate::server::number::parse_float;
use crate::server::refusal::Refusal;

/// Digits behind the point that are kept.
const SCALE: usize = 17;

/// Digits before the point that are added exactly.
const WHOLE_DIGITS_MAX: usize = 20;

/// The sum of two numbers, with up to seventeen digits behind the point and no zeros at the end.
///
/// Exact where both numbers have at most so many digits, and twenty before the point: 0.1 and 0.2
/// make 0.3. Beyond that it is added in double precision, where Redis has extended precision.
pub(super) fn add_decimals(one: &[u8], other: &[u8]) -> Result<String, Refusal> {
    if let (Some(one), Some(other)) = (fixed(one), fixed(other)) {
        return Ok(fixed_text(one + other));
    }
    let parse = |text| parse_float(text).ok_or(Refusal::NoFloat);
    let sum = parse(one)? + parse(other)?;
    if !sum.is_finite() {
        return Err(Refusal::FloatOverflow);
    }
    let text = format!("{sum:.SCALE$}");
    Ok(trimmed(&text).to_owned())
}

/// A plain decimal in units of 10^-17, if it is one and has not too many digits.
fn fixed(text: &[u8]) -> Option<i128> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    let mut parts = digits.splitn(2, |byte| *byte == b'.');
    let whole = parts.next().unwrap_or_default();
    let fraction = parts.next().unwrap_or_default();
    let is_sound = !(whole.is_empty() && fraction.is_empty())
        && whole.len() <= WHOLE_DIGITS_MAX
        && fraction.len() <= SCALE;
    if !is_sound {
        return None;
    }
    let zeros = std::iter::repeat_n(&b'0', SCALE - fraction.len());
    let mut value: i128 = 0;
    for digit in whole.iter().chain(fraction).chain(zeros) {
        let digit = digit.is_ascii_digit().then(|| digit - b'0')?;
        value = value * 10 + i128::from(digit);
    }
    Some(if negative { -value } else { value })
}

fn fixed_text(value: i128) -> String {
    let sign = if value < 0 { "-" } else { "" };
    let digits = format!("{:0width$}", value.unsigned_abs(), width = SCALE + 1);
    let (whole, fraction) = digits.split_at(digits.len() - SCALE);
    trimmed(&format!("{sign}{whole}.{fraction}")).to_owned()
}

fn trimmed(text: &str) -> &str {
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0" } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_exact_where_digits_suffice() {
        for (one, other, sum) in [
            ("0.1", "0.2", "0.3"),
            ("3.0e3", "200", "3200"),
            ("10.50", "0.1", "10.6"),
            ("-1", "1", "0"),
            ("-.5", "+.25", "-0.25"),
            (
                "99999999999999999999",
                "0.00000000000000001",
                "99999999999999999999.00000000000000001",
            ),
            ("1e20", "1", "100000000000000000000"),
        ] {
            assert_eq!(add_decimals(one.as_bytes(), other.as_bytes()).unwrap(), sum);
        }
    }

    #[test]
    fn what_is_no_number_or_too_large_is_refused() {
        for text in ["", "-", ".", "1x", " 1", "nan"] {
            let refused = add_decimals(b"1", text.as_bytes());
            assert!(matches!(refused, Err(Refusal::NoFloat)), "{text:?}");
        }
        let refused = add_decimals(b"1e308", b"1e308");
        assert!(matches!(refused, Err(Refusal::FloatOverflow)));
    }
}
