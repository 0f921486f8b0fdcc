//! The whole of a container is checked before its first entry is delivered.

use super::container::{Container, Cursor, Span};
use super::entries::CompactEntry;
use crate::decimal::parse_canonical;
use crate::error::CompactError;
use crate::object::{REDIS_EXPIRE_AT_MS, Shape, parse_score};

/// Containers with more fields or members than this are not searched for repeated ones, which
/// bounds the memory that a hostile container can cost. Servers keep 512 at most by default.
const UNIQUE_MAX: usize = 64 * 1024;

/// What a sound container was found to hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checked {
    /// A cursor before the first entry.
    pub(crate) cursor: Cursor,
    /// Whether an entry carries one byte of backward length too many.
    pub(crate) padded: bool,
    /// How many elements it holds.
    pub(crate) elements: usize,
}

/// Walks the container in `bytes`, whose elements have `shape`.
pub(crate) fn check(
    container: Container,
    bytes: &[u8],
    shape: Shape,
) -> Result<Checked, CompactError> {
    let start = Cursor::new(container, bytes)?;
    if let Cursor::Intset(integers) = start
        && let Some(elements) = integers.ascending(bytes)
    {
        return Ok(Checked {
            cursor: start,
            padded: false,
            elements,
        });
    }
    let mut cursor = start;
    // An intset ascends, so its cursor has seen that nothing repeats.
    let unique = shape != Shape::Items && container != Container::Intset;
    let mut names = Vec::new();
    let mut elements = 0_usize;
    loop {
        let at = cursor.at();
        let Some(name) = cursor.next(bytes)? else {
            break;
        };
        elements = elements.wrapping_add(1);
        if unique && names.len() <= UNIQUE_MAX {
            names.push((Name::new(CompactEntry::new(name, bytes)), at));
        }
        if matches!(shape, Shape::Items | Shape::Members) {
            continue;
        }
        let partner = cursor.at();
        let Some(span) = cursor.next(bytes)? else {
            return Err(CompactError::Odd { at });
        };
        match shape {
            Shape::Scores if score(span, bytes).is_none() => {
                return Err(CompactError::Score { at: partner });
            }
            Shape::ExpiringFields => {
                let at = cursor.at();
                match cursor.next(bytes)? {
                    Some(Span::Integer(time))
                        if time == 0 || REDIS_EXPIRE_AT_MS.contains(&time) => {}
                    _ => return Err(CompactError::FieldExpiry { at }),
                }
            }
            _ => {}
        }
    }
    if names.len() <= UNIQUE_MAX {
        check_unique(&mut names)?;
    }
    Ok(Checked {
        cursor: start,
        padded: cursor.padded(),
        elements,
    })
}

/// The score that an entry holds, unless it is not a number.
pub(crate) fn score(span: Span, bytes: &[u8]) -> Option<f64> {
    match CompactEntry::new(span, bytes) {
        #[expect(
            clippy::cast_precision_loss,
            reason = "the score is the nearest double"
        )]
        CompactEntry::Integer(value) => Some(value as f64),
        CompactEntry::Bytes(text) => parse_score(text),
    }
}

/// An entry as the text it stands for: `5` stored as a string equals 5 stored as an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Name<'a> {
    Integer(i64),
    Bytes(&'a [u8]),
}

impl<'a> Name<'a> {
    fn new(entry: CompactEntry<'a>) -> Self {
        match entry {
            CompactEntry::Integer(value) => Self::Integer(value),
            CompactEntry::Bytes(text) => {
                parse_canonical(text).map_or(Self::Bytes(text), Self::Integer)
            }
        }
    }
}

fn check_unique(names: &mut [(Name<'_>, usize)]) -> Result<(), CompactError> {
    names.sort_unstable();
    let repeated = names.windows(2).filter_map(|pair| match pair {
        [(left, _), (right, at)] if left == right => Some(*at),
        _ => None,
    });
    match repeated.min() {
        Some(at) => Err(CompactError::Duplicate { at }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::compact::Container;
    use crate::error::CompactError;
    use crate::object::Shape;

    fn listpack(count: u8, entries: &[u8]) -> Vec<u8> {
        let size = u8::try_from(entries.len() + 7).unwrap();
        [&[size, 0, 0, 0, count, 0], entries, &[0xff]].concat()
    }

    fn checked(bytes: &[u8], shape: Shape) -> Result<(), CompactError> {
        check(Container::Listpack, bytes, shape).map(|_| ())
    }

    #[test]
    fn an_integer_repeats_the_string_of_its_digits() {
        let bytes = listpack(2, b"\x05\x01\x815\x02");
        assert_eq!(checked(&bytes, Shape::Items), Ok(()));
        assert_eq!(
            checked(&bytes, Shape::Members),
            Err(CompactError::Duplicate { at: 8 })
        );
        assert_eq!(
            checked(&bytes, Shape::Fields),
            Ok(()),
            "value equal to its field"
        );
    }

    #[test]
    fn a_field_needs_a_value() {
        let bytes = listpack(3, b"\x05\x01\x06\x01\x07\x01");
        assert_eq!(
            checked(&bytes, Shape::Fields),
            Err(CompactError::Odd { at: 10 })
        );
        assert_eq!(
            checked(&bytes, Shape::Scores),
            Err(CompactError::Odd { at: 10 })
        );
    }

    #[test]
    fn a_score_is_a_number() {
        for text in [&b"nan"[..], b"-nan", b"x", b""] {
            let mut entries = b"\x81a\x02".to_vec();
            let len = u8::try_from(text.len()).unwrap();
            entries.push(0x80 | len);
            entries.extend_from_slice(text);
            entries.push(len + 1);
            let bytes = listpack(2, &entries);
            assert_eq!(
                checked(&bytes, Shape::Scores),
                Err(CompactError::Score { at: 9 })
            );
        }
        let bytes = listpack(2, b"\x81a\x02\x84-inf\x05");
        assert_eq!(checked(&bytes, Shape::Scores), Ok(()));
    }
}
