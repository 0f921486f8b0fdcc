//! Elements: a collection as bytes, one element behind the other.

use std::fmt;

use rdb_format::{Element, Family, Value};

use crate::collected;

/// Lengths below this take one byte.
const SHORT_BYTES: usize = 1 << 7;

/// Lengths below this take two, and no text is as long.
const LONG_BYTES: usize = 1 << 15;

/// The elements of a list, a set, a hash or a sorted set, in the order in which a file had them:
/// what [`FromRdb::from_elements`](crate::FromRdb::from_elements) makes a value of.
///
/// A file may name a member or a field twice, and so may these.
///
/// ```
/// use rdb_format::{Element, Value};
/// use snapshot::Elements;
///
/// let hash = Value::Hash(vec![(b"name".to_vec(), b"Ada".to_vec())]);
/// let mut bytes = Vec::new();
/// let elements = Elements::of(&hash, &mut bytes).expect("it is small");
/// assert_eq!(elements.iter().next(), Some(Element::Field(b"name", b"Ada")));
/// assert_eq!(elements.to_value(), hash);
/// ```
#[derive(Clone, Copy)]
pub struct Elements<'a> {
    family: Family,
    len: u32,
    // Each text behind its length; a score as eight bytes, little-endian.
    bytes: &'a [u8],
}

impl<'a> Elements<'a> {
    /// Those that [`push`] has made `bytes` of, so many of them.
    pub(crate) const fn new(family: Family, len: u32, bytes: &'a [u8]) -> Self {
        Self { family, len, bytes }
    }

    /// The elements of `value`, whose bytes take the place of what is in `bytes`; `None` if it is
    /// none of the four, fields of it expire, or a text of it is longer than 32,767 bytes.
    /// O(bytes).
    pub fn of(value: &Value, bytes: &'a mut Vec<u8>) -> Option<Self> {
        bytes.clear();
        let (family, len, fit) = match value {
            Value::List(items) => (Family::List, items.len(), push_items(items, bytes)),
            Value::Set(members) => (Family::Set, members.len(), push_items(members, bytes)),
            Value::Hash(fields) => {
                let push = |(field, value): &(Vec<u8>, Vec<u8>)| {
                    push(bytes, &Element::Field(field, value)).is_some()
                };
                (Family::Hash, fields.len(), fields.iter().all(push))
            }
            Value::SortedSet(members) => {
                let push = |(member, score): &(Vec<u8>, f64)| {
                    push(bytes, &Element::Scored(member, *score)).is_some()
                };
                (Family::SortedSet, members.len(), members.iter().all(push))
            }
            _ => return None,
        };
        let len = u32::try_from(len).ok()?;
        fit.then_some(Self::new(family, len, bytes))
    }

    /// What they are the elements of.
    pub const fn family(&self) -> Family {
        self.family
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many bytes they take as they are.
    pub const fn weight_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The elements: [`Item`](Element::Item)s, [`Field`](Element::Field)s or
    /// [`Scored`](Element::Scored) ones.
    pub fn iter(&self) -> impl Iterator<Item = Element<'a>> + use<'a> {
        let (family, mut rest) = (self.family, self.bytes);
        std::iter::from_fn(move || next(family, &mut rest))
    }

    /// The value that they make up. O(bytes).
    pub fn to_value(&self) -> Value {
        let len = self.len();
        let mut value = match self.family {
            Family::Set => Value::Set(Vec::with_capacity(len)),
            Family::Hash => Value::Hash(Vec::with_capacity(len)),
            Family::SortedSet => Value::SortedSet(Vec::with_capacity(len)),
            _ => Value::List(Vec::with_capacity(len)),
        };
        let added = self
            .iter()
            .try_for_each(|element| collected::push(&mut value, element));
        debug_assert!(added.is_some(), "the elements are of the family's kind");
        value
    }
}

impl fmt::Debug for Elements<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// [`Elements`] of one's own, in one allocation: for stores that keep small collections as they
/// came.
///
/// ```
/// use rdb_format::Value;
/// use snapshot::{Elements, PackedElements};
///
/// let list = Value::List(vec![b"one".to_vec(), b"two".to_vec()]);
/// let mut bytes = Vec::new();
/// let elements = Elements::of(&list, &mut bytes).expect("it is small");
/// let packed = PackedElements::from(elements);
/// assert_eq!(packed.elements().weight_bytes(), 8);
/// assert_eq!(packed.elements().to_value(), list);
/// ```
#[derive(Clone)]
pub struct PackedElements {
    family: Family,
    len: u32,
    bytes: Box<[u8]>,
}

impl PackedElements {
    /// The elements.
    pub const fn elements(&self) -> Elements<'_> {
        Elements::new(self.family, self.len, &self.bytes)
    }
}

impl From<Elements<'_>> for PackedElements {
    fn from(elements: Elements<'_>) -> Self {
        Self {
            family: elements.family,
            len: elements.len,
            bytes: Box::from(elements.bytes),
        }
    }
}

impl fmt::Debug for PackedElements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.elements().fmt(f)
    }
}

/// Appends an element; `None`, and possibly a part of it appended, if it is of another kind than
/// those of the four families, or a text of it is too long.
#[inline]
pub(crate) fn push(out: &mut Vec<u8>, element: &Element<'_>) -> Option<()> {
    match *element {
        Element::Item(item) => push_text(out, item),
        Element::Field(field, value) => {
            push_text(out, field)?;
            push_text(out, value)
        }
        Element::Scored(member, score) => {
            push_text(out, member)?;
            out.extend_from_slice(&score.to_le_bytes());
            Some(())
        }
        _ => None,
    }
}

fn push_items(items: &[Vec<u8>], out: &mut Vec<u8>) -> bool {
    let mut items = items.iter();
    items.all(|item| push(out, &Element::Item(item)).is_some())
}

#[inline]
fn push_text(out: &mut Vec<u8>, text: &[u8]) -> Option<()> {
    let len = u16::try_from(text.len()).ok()?;
    match text.len() {
        // The lower byte is all of it.
        ..SHORT_BYTES => out.push(len.to_le_bytes()[0]),
        SHORT_BYTES..LONG_BYTES => {
            let [high, low] = len.to_be_bytes();
            out.extend_from_slice(&[high | 0x80, low]);
        }
        _ => return None,
    }
    out.extend_from_slice(text);
    Some(())
}

/// Takes an element off the front of `rest`; `None` at its end.
#[inline]
fn next<'a>(family: Family, rest: &mut &'a [u8]) -> Option<Element<'a>> {
    let text = next_text(rest)?;
    Some(match family {
        Family::Hash => Element::Field(text, next_text(rest)?),
        Family::SortedSet => {
            let (score, behind) = rest.split_first_chunk()?;
            *rest = behind;
            Element::Scored(text, f64::from_le_bytes(*score))
        }
        _ => Element::Item(text),
    })
}

#[inline]
fn next_text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (&first, behind) = rest.split_first()?;
    let (len, behind) = match usize::from(first) {
        len @ ..SHORT_BYTES => (len, behind),
        high => {
            let (&low, behind) = behind.split_first()?;
            ((high & 0x7f) << 8 | usize::from(low), behind)
        }
    };
    let (text, behind) = behind.split_at_checked(len)?;
    *rest = behind;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(value: &Value) -> Option<Value> {
        let mut bytes = b"what was there before".to_vec();
        let elements = Elements::of(value, &mut bytes)?;
        assert_eq!(elements.iter().count(), elements.len());
        let packed = PackedElements::from(elements);
        assert_eq!(packed.elements().to_value(), elements.to_value());
        Some(elements.to_value())
    }

    #[test]
    fn texts_of_every_length_come_back_up_to_the_longest() {
        for len in [0, 1, SHORT_BYTES - 1, SHORT_BYTES, 255, 256, LONG_BYTES - 1] {
            let text = || vec![b'x'; len];
            for value in [
                Value::List(vec![text(), b"behind".to_vec()]),
                Value::Set(vec![b"before".to_vec(), text()]),
                Value::Hash(vec![(text(), b"v".to_vec()), (b"f".to_vec(), text())]),
                Value::SortedSet(vec![(text(), -0.5), (b"m".to_vec(), f64::INFINITY)]),
            ] {
                assert_eq!(again(&value), Some(value));
            }
        }
        for len in [LONG_BYTES, 1 << 16, (1 << 16) + 5] {
            assert_eq!(again(&Value::Set(vec![vec![b'x'; len]])), None);
        }
    }

    #[test]
    fn what_is_no_plain_collection_is_not_taken() {
        assert_eq!(again(&Value::String(b"text".to_vec())), None);
        let field = (b"f".to_vec(), b"v".to_vec(), Some(9));
        assert_eq!(again(&Value::ExpiringHash(vec![field])), None);
        assert_eq!(
            again(&Value::List(Vec::new())),
            Some(Value::List(Vec::new()))
        );
    }
}
