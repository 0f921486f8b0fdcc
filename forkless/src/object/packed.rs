//! Packed: a small collection as it came from a file, until somebody looks into it.

use std::cell::OnceCell;

use rdb_format::{Element, Encoder, Family, Value as Owned, ValueType};
use snapshot::{Elements, PackedElements};

use crate::object::hashed::hash_of;
use crate::object::text::Text;
use crate::object::value::Object;

/// More elements are not packed: to take them apart would take a reader too long.
const ELEMENTS_MAX: usize = 128;

/// Neither are more bytes.
const BYTES_MAX: usize = 2 << 10;

/// Places for names that must differ: twice as many as there may be, so that few share one.
const PLACES: usize = 2 * ELEMENTS_MAX;

/// A list, set, hash or sorted set of few elements, as it was loaded.
///
/// In this form it takes about a third of the memory, and neither loading nor saving it makes or
/// follows a pointer for each element. Who looks into it finds the collection that it stands for,
/// which is made then and kept beside it; the first change puts that in its place.
#[derive(Debug)]
pub struct Packed {
    elements: PackedElements,
    opened: OnceCell<Box<Object>>,
}

impl Packed {
    /// Of these elements, if they are few and small enough, and no two of them are one.
    pub(super) fn new(elements: Elements<'_>) -> Option<Self> {
        let is_small = elements.len() <= ELEMENTS_MAX && elements.weight_bytes() <= BYTES_MAX;
        if !is_small || elements.is_empty() || !is_sound(elements) {
            return None;
        }
        Some(Self {
            elements: PackedElements::from(elements),
            opened: OnceCell::new(),
        })
    }

    /// Of a value, as [`new`](Self::new).
    pub(super) fn of(value: &Owned) -> Option<Self> {
        let bytes = match value {
            Owned::List(texts) | Owned::Set(texts) if texts.len() <= ELEMENTS_MAX => {
                texts.iter().map(Vec::len).sum()
            }
            Owned::Hash(fields) if fields.len() <= ELEMENTS_MAX => {
                let bytes = |(field, value): &(Vec<u8>, Vec<u8>)| field.len() + value.len();
                fields.iter().map(bytes).sum()
            }
            Owned::SortedSet(members) if members.len() <= ELEMENTS_MAX => {
                members.iter().map(|(member, _)| member.len()).sum()
            }
            _ => usize::MAX,
        };
        if bytes > BYTES_MAX {
            return None;
        }
        Self::new(Elements::of(value, &mut Vec::new())?)
    }

    pub(super) fn value_type(&self) -> ValueType {
        match self.elements.elements().family() {
            Family::Set => ValueType::Set,
            Family::Hash => ValueType::Hash,
            Family::SortedSet => ValueType::SortedSet,
            _ => ValueType::List,
        }
    }

    /// Bytes it keeps in memory, with what has been made of it.
    pub(super) fn weight_bytes(&self) -> usize {
        use snapshot::Value as _;
        let opened = self.opened.get();
        let opened = opened.map_or(0, |object| object.weight_bytes());
        size_of::<Self>() + self.elements.elements().weight_bytes() + opened
    }

    /// Appends the body of the collection: how many elements, and the elements.
    pub(super) fn encode(&self, encoder: &mut Encoder, out: &mut Vec<u8>) {
        let elements = self.elements.elements();
        encoder.length(out, elements.len() as u64);
        for element in elements.iter() {
            match element {
                Element::Item(item) => encoder.string(out, item),
                Element::Field(field, value) => {
                    encoder.string(out, field);
                    encoder.string(out, value);
                }
                Element::Scored(member, score) => {
                    encoder.string(out, member);
                    encoder.score(out, score);
                }
                _ => {}
            }
        }
    }

    /// The collection that it stands for, which is kept.
    pub(super) fn opened(&self) -> &Object {
        self.opened.get_or_init(|| Box::new(self.to_object()))
    }

    /// The collection that it stands for, instead of it.
    pub(super) fn into_object(self) -> Object {
        let Self { elements, opened } = self;
        opened
            .into_inner()
            .map_or_else(|| object_of(elements.elements()), |object| *object)
    }

    /// The collection that it stands for, once more.
    pub(crate) fn to_object(&self) -> Object {
        object_of(self.elements.elements())
    }
}

fn object_of(elements: Elements<'_>) -> Object {
    let items = || elements.iter().filter_map(name_of).map(Text::from);
    let fields = || {
        elements.iter().filter_map(|element| match element {
            Element::Field(field, value) => Some((Text::from(field), Text::from(value))),
            _ => None,
        })
    };
    let members = || {
        elements.iter().filter_map(|element| match element {
            Element::Scored(member, score) => Some((Text::from(member), score)),
            _ => None,
        })
    };
    match elements.family() {
        Family::Set => Object::Set(Box::new(items().collect())),
        Family::Hash => Object::Hash(Box::new(fields().collect())),
        Family::SortedSet => Object::SortedSet(Box::new(members().collect())),
        _ => Object::List(Box::new(items().collect())),
    }
}

/// What an element is found by.
fn name_of(element: Element<'_>) -> Option<&[u8]> {
    match element {
        Element::Item(name) | Element::Field(name, _) | Element::Scored(name, _) => Some(name),
        _ => None,
    }
}

/// Whether all members or fields differ and all scores are numbers. Of a very few it says so
/// though they do not, which costs them no more than being packed.
fn is_sound(elements: Elements<'_>) -> bool {
    if elements.family() == Family::List {
        return true;
    }
    let mut tags = [0_u32; PLACES];
    elements.iter().all(|element| {
        let Some(name) = name_of(element) else {
            return false;
        };
        let [place, _, _, _, tag @ ..] = hash_of(name).to_le_bytes();
        // 0 is a place that nobody has taken.
        let tag = u32::from_le_bytes(tag) | 1;
        let mut place = usize::from(place);
        while tags[place] != 0 {
            if tags[place] == tag {
                return false;
            }
            place = (place + 1) % PLACES;
        }
        tags[place] = tag;
        !matches!(element, Element::Scored(_, score) if score.is_nan())
    })
}

#[cfg(test)]
mod tests {
    use rdb_format::{Compression, Target};
    use snapshot::{FromRdb, Value};

    use super::*;

    fn texts(count: usize) -> Vec<Vec<u8>> {
        (0..count)
            .map(|number| number.to_string().into_bytes())
            .collect()
    }

    fn values(count: usize) -> [Owned; 4] {
        let fields = texts(count).into_iter().map(|text| (text, b"v".to_vec()));
        let members = texts(count).into_iter().zip((0_u8..).map(f64::from));
        [
            Owned::List(texts(count)),
            Owned::Set(texts(count)),
            Owned::Hash(fields.collect()),
            Owned::SortedSet(members.collect()),
        ]
    }

    fn body(object: &Object) -> Vec<u8> {
        let mut encoder = Encoder::new(Target::default(), Compression::None);
        let mut body = Vec::new();
        object.encode(&mut encoder, &mut body).unwrap();
        body
    }

    #[test]
    fn small_collections_stay_packed_until_somebody_looks() {
        for value in values(ELEMENTS_MAX) {
            let mut object = Object::from_rdb(value.clone(), Some(7)).unwrap();
            let packed_body = body(&object);
            let packed_bytes = object.weight_bytes();
            let value_type = object.value_type();
            assert_eq!((object.expire_at_ms(), object.mark()), (Some(7), None));
            assert!(!matches!(object.lasting(), Object::Packed(_)));
            assert!(object.weight_bytes() > 2 * packed_bytes, "both are kept");
            assert_eq!(body(&object), packed_body, "a look changes nothing");
            assert!(!matches!(object.lasting_mut(), Object::Packed(_)));
            assert_eq!(
                (object.value_type(), object.expire_at_ms()),
                (value_type, Some(7))
            );
            assert_eq!(body(&object).len(), packed_body.len());
        }
    }

    #[test]
    fn what_is_large_or_empty_or_repeats_is_not_packed() {
        let long = || vec![b'x'; BYTES_MAX];
        let twice = || vec![b"a".to_vec(), b"b".to_vec(), b"a".to_vec()];
        let scored = |score| Owned::SortedSet(vec![(b"a".to_vec(), score)]);
        let others = [
            Owned::List(vec![long()]),
            Owned::Set(twice()),
            Owned::Hash(twice().into_iter().map(|name| (name, Vec::new())).collect()),
            scored(f64::NAN),
            Owned::String(b"text".to_vec()),
        ];
        let too_many = values(ELEMENTS_MAX + 1);
        for value in others.iter().chain(&values(0)).chain(&too_many) {
            assert!(Packed::of(value).is_none(), "{value:?}");
        }
        assert!(Packed::of(&scored(f64::NEG_INFINITY)).is_some());
        assert!(
            Packed::of(&Owned::List(twice())).is_some(),
            "items may repeat"
        );
    }

    #[test]
    fn of_equal_members_and_fields_the_last_counts() {
        let twice = vec![
            (b"a".to_vec(), 1.0),
            (b"b".to_vec(), 2.0),
            (b"a".to_vec(), 3.0),
        ];
        let object = Object::from_rdb(Owned::SortedSet(twice), None).unwrap();
        let Object::SortedSet(set) = object.lasting() else {
            panic!("{object:?}");
        };
        assert_eq!((set.len(), set.score(b"a")), (2, Some(3.0)));
    }
}
