//! Sorted sets: members with scores, one ziplist or one listpack.

use super::layout::{ElementForm, Layout};
use super::shape::Shape;
use crate::compact::Container;
use crate::encoder::Encoder;
use crate::error::EncodeError;
use crate::value_type::ValueType;

/// The layout of a sorted set type.
pub(crate) fn layout(value_type: ValueType) -> Option<Layout> {
    match value_type {
        ValueType::SortedSetText => Some(Layout::Elements(ElementForm::TextScore)),
        ValueType::SortedSet => Some(Layout::Elements(ElementForm::BinaryScore)),
        ValueType::SortedSetZiplist => Some(Layout::Packed(Container::Ziplist, Shape::Scores)),
        ValueType::SortedSetListpack => Some(Layout::Packed(Container::Listpack, Shape::Scores)),
        _ => None,
    }
}

/// Appends the body of a sorted set, as type 5, in the order given.
pub(crate) fn encode(encoder: &mut Encoder, out: &mut Vec<u8>, members: &[(Vec<u8>, f64)]) {
    encoder.length(out, members.len() as u64);
    for (member, score) in members {
        encoder.string(out, member);
        encoder.score(out, *score);
    }
}

/// Fails if some score is not a number.
pub(crate) fn check(key: &[u8], members: &[(Vec<u8>, f64)]) -> Result<(), EncodeError> {
    match members.iter().position(|(_, score)| score.is_nan()) {
        Some(index) => Err(EncodeError::Score {
            key: key.to_vec(),
            index,
        }),
        None => Ok(()),
    }
}

/// The number that a text stands for, unless it stands for none.
pub(crate) fn parse_score(text: &[u8]) -> Option<f64> {
    let score: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (!score.is_nan()).then_some(score)
}

#[cfg(test)]
mod tests {
    use super::parse_score;

    #[test]
    fn infinities_are_scores_and_nan_is_none() {
        assert_eq!(parse_score(b"inf"), Some(f64::INFINITY));
        assert_eq!(parse_score(b"-inf"), Some(f64::NEG_INFINITY));
        assert_eq!(parse_score(b"1.5"), Some(1.5));
        assert_eq!(parse_score(b"3.0000000000000001e+20"), Some(3e20));
        for text in [&b"nan"[..], b"-nan", b"", b"1.5 ", b"one", b"\xff"] {
            assert_eq!(parse_score(text), None, "{text:?}");
        }
    }
}
