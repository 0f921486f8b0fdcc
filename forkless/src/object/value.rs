//! An object: any value of the store, in three words.

use std::sync::Arc;

use rdb_format::{EncodeError, Encoder, Target, Value as Owned, ValueType};
use snapshot::{Copies, Elements, FromRdb, Frozen, Piece, Telling, Value};

use crate::object::hash::Hash;
use crate::object::list::List;
use crate::object::opaque::{FrozenOpaque, Opaque};
use crate::object::packed::Packed;
use crate::object::pieces::{self, FrozenText, FrozenTree};
use crate::object::set::Set;
use crate::object::sorted_set::SortedSet;
use crate::object::stream::Stream;
use crate::object::text::Text;

/// A value of the store.
///
/// Collections are kept in chunks, which frozen views of them share: freezing one takes a
/// reference count, and a write copies the chunk it touches while a view still needs that.
///
/// ```
/// use forkless::Object;
///
/// let object = Object::Hash(Box::default());
/// let mut object = object.expiring(Some(1_793_232_000_000));
/// let Object::Hash(hash) = object.lasting_mut() else {
///     panic!("it is a hash");
/// };
/// hash.set(b"field"[..].into(), b"value"[..].into());
/// ```
#[derive(Debug)]
pub enum Object {
    /// A string.
    String(Text),
    /// A list.
    List(Box<List>),
    /// A set.
    Set(Box<Set>),
    /// A hash.
    Hash(Box<Hash>),
    /// A sorted set.
    SortedSet(Box<SortedSet>),
    /// A stream.
    Stream(Box<Stream>),
    /// A small collection that was loaded and not been looked into: never what
    /// [`lasting`](Self::lasting) gives.
    Packed(Box<Packed>),
    /// What is only kept: modules, arrays, hashes with fields that expire.
    Opaque(Arc<Opaque>),
    /// Only keys that expire pay for saying when.
    Expiring(Box<Expiring>),
}

/// An object that is gone some day.
#[derive(Debug)]
pub struct Expiring {
    expire_at_ms: i64,
    object: Object,
}

impl Object {
    /// The bytes, if it is a string.
    pub fn as_string(&self) -> Option<&[u8]> {
        match self.as_kept() {
            Self::String(text) => Some(text.as_bytes()),
            _ => None,
        }
    }

    /// The value itself, whether it expires or not, and taken apart if it was packed.
    pub fn lasting(&self) -> &Self {
        match self.as_kept() {
            Self::Packed(packed) => packed.opened(),
            kept => kept,
        }
    }

    /// As [`lasting`](Self::lasting), to change.
    pub fn lasting_mut(&mut self) -> &mut Self {
        let kept = match self {
            Self::Expiring(expiring) => &mut expiring.object,
            kept => kept,
        };
        if matches!(kept, Self::Packed(_)) {
            let empty = Self::String(Text::from(&b""[..]));
            if let Self::Packed(packed) = std::mem::replace(kept, empty) {
                *kept = packed.into_object();
            }
        }
        kept
    }

    /// The value itself, in the form in which it is kept.
    pub(crate) fn as_kept(&self) -> &Self {
        match self {
            Self::Expiring(expiring) => &expiring.object,
            kept => kept,
        }
    }

    /// Has it be gone at this time, in milliseconds since 1970; `None`: never.
    pub(crate) fn expire_at(&mut self, expire_at_ms: Option<i64>) {
        let empty = Self::String(Text::from(&b""[..]));
        let object = std::mem::replace(self, empty);
        *self = object.expiring(expire_at_ms);
    }

    /// The same value, gone at this time, in milliseconds since 1970; `None`: never.
    #[must_use]
    pub fn expiring(self, expire_at_ms: Option<i64>) -> Self {
        let object = match self {
            Self::Expiring(expiring) => expiring.object,
            lasting => lasting,
        };
        match expire_at_ms {
            Some(expire_at_ms) => Self::Expiring(Box::new(Expiring {
                expire_at_ms,
                object,
            })),
            None => object,
        }
    }
}

impl Value for Object {
    fn value_type(&self) -> ValueType {
        match self {
            Self::String(_) => ValueType::String,
            Self::List(_) => ValueType::List,
            Self::Set(_) => ValueType::Set,
            Self::Hash(_) => ValueType::Hash,
            Self::SortedSet(_) => ValueType::SortedSet,
            Self::Stream(_) => ValueType::Stream3,
            Self::Packed(packed) => packed.value_type(),
            Self::Opaque(opaque) => opaque.value_type(),
            Self::Expiring(expiring) => expiring.object.value_type(),
        }
    }

    fn value_type_for(&self, target: Target) -> ValueType {
        match self {
            Self::Stream(_) => Stream::value_type_for(target),
            Self::Opaque(opaque) => opaque.value_type_for(target),
            Self::Expiring(expiring) => expiring.object.value_type_for(target),
            _ => self.value_type(),
        }
    }

    fn expire_at_ms(&self) -> Option<i64> {
        match self {
            Self::Expiring(expiring) => Some(expiring.expire_at_ms),
            _ => None,
        }
    }

    fn weight_bytes(&self) -> usize {
        match self {
            Self::String(text) => text.weight_bytes(),
            Self::List(list) => list.tree().weight_bytes() + list.log().weight_bytes(),
            Self::Set(set) => set.tree().weight_bytes() + set.log().weight_bytes(),
            Self::Hash(hash) => hash.tree().weight_bytes() + hash.log().weight_bytes(),
            Self::SortedSet(set) => set.tree().weight_bytes() + set.log().weight_bytes(),
            Self::Stream(stream) => stream.weight_bytes(),
            Self::Packed(packed) => packed.weight_bytes(),
            Self::Opaque(opaque) => opaque.weight_bytes(),
            Self::Expiring(expiring) => expiring.object.weight_bytes(),
        }
    }

    fn out_of_line(&self) -> &[u8] {
        match self {
            Self::String(text) => text.out_of_line(),
            Self::Expiring(expiring) => expiring.object.out_of_line(),
            // One pointer leads to another there; the first is not worth a request.
            _ => &[],
        }
    }

    fn encode(&self, encoder: &mut Encoder, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match self {
            Self::String(text) => encoder.string(out, text.as_bytes()),
            Self::List(list) => pieces::encode_tree(encoder, out, list.tree()),
            Self::Set(set) => pieces::encode_tree(encoder, out, set.tree()),
            Self::Hash(hash) => pieces::encode_tree(encoder, out, hash.tree()),
            Self::SortedSet(set) => pieces::encode_tree(encoder, out, set.tree()),
            Self::Stream(stream) => {
                let mut frozen = stream.view();
                while frozen.encode_piece(encoder, out, usize::MAX)? == Piece::More {}
            }
            Self::Packed(packed) => packed.encode(encoder, out),
            Self::Opaque(opaque) => out.extend_from_slice(&opaque.body(encoder)?),
            Self::Expiring(expiring) => expiring.object.encode(encoder, out)?,
        }
        Ok(())
    }

    fn mark(&self) -> Option<u64> {
        self.state_name()
    }

    fn delta_since(&self, mark: u64, out: &mut Vec<u8>) -> bool {
        self.write_delta(mark, out)
    }

    fn freeze(&self, copies: &Copies) -> Box<dyn Frozen> {
        match self {
            Self::String(text) => Box::new(FrozenText::new(text.clone())),
            Self::List(list) => Box::new(FrozenTree::new(list.freeze(copies))),
            Self::Set(set) => Box::new(FrozenTree::new(set.freeze(copies))),
            Self::Hash(hash) => Box::new(FrozenTree::new(hash.freeze(copies))),
            Self::SortedSet(set) => Box::new(FrozenTree::new(set.freeze(copies))),
            Self::Stream(stream) => Box::new(stream.freeze(copies)),
            Self::Packed(packed) => packed.opened().freeze(copies),
            Self::Opaque(opaque) => Box::new(FrozenOpaque::new(Arc::clone(opaque))),
            Self::Expiring(expiring) => expiring.object.freeze(copies),
        }
    }
}

impl FromRdb for Object {
    const TAKES: Telling = Telling::Deltas;

    fn from_rdb(value: Owned, expire_at_ms: Option<i64>) -> Result<Self, Owned> {
        let object = match Packed::of(&value) {
            Some(packed) => Self::Packed(Box::new(packed)),
            None => Self::taken_apart(value)?,
        };
        Ok(object.expiring(expire_at_ms))
    }

    fn from_string(bytes: &[u8], expire_at_ms: Option<i64>) -> Self {
        let object = Self::String(Text::from(bytes));
        match expire_at_ms {
            Some(_) => object.expiring(expire_at_ms),
            // Not moved once more: most strings come by here.
            None => object,
        }
    }

    fn from_elements(elements: Elements<'_>, expire_at_ms: Option<i64>) -> Result<Self, Owned> {
        let object = match Packed::new(elements) {
            Some(packed) => Self::Packed(Box::new(packed)),
            None => Self::taken_apart(elements.to_value())?,
        };
        Ok(object.expiring(expire_at_ms))
    }

    fn apply_delta(&mut self, delta: &[u8]) -> bool {
        self.read_delta(delta)
    }
}

impl Object {
    /// An object of a value of any size.
    fn taken_apart(value: Owned) -> Result<Self, Owned> {
        fn pair((first, second): (Vec<u8>, Vec<u8>)) -> (Text, Text) {
            (Text::from(first), Text::from(second))
        }
        Ok(match value {
            Owned::String(bytes) => Self::String(Text::from(bytes)),
            Owned::List(items) => Self::List(Box::new(collect(items, Text::from))),
            Owned::Set(members) => Self::Set(Box::new(collect(members, Text::from))),
            Owned::Hash(fields) => Self::Hash(Box::new(collect(fields, pair))),
            Owned::SortedSet(members) if members.iter().any(|(_, score)| score.is_nan()) => {
                return Err(Owned::SortedSet(members));
            }
            Owned::SortedSet(members) => {
                let scored = |(member, score)| (Text::from(member), score);
                Self::SortedSet(Box::new(collect(members, scored)))
            }
            Owned::ExpiringHash(fields) if fields.iter().all(|(_, _, at)| at.is_none()) => {
                let hash = collect(fields, |(field, value, _)| pair((field, value)));
                Self::Hash(Box::new(hash))
            }
            Owned::Stream(stream) => Self::Stream(Box::new(Stream::from(*stream))),
            other => match Opaque::new(&other) {
                Some(opaque) => Self::Opaque(Arc::new(opaque)),
                None => return Err(other),
            },
        })
    }
}

fn collect<T, E, C: FromIterator<E>>(items: Vec<T>, convert: impl Fn(T) -> E) -> C {
    items.into_iter().map(convert).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_takes_no_more_room_than_three_words() {
        assert_eq!(size_of::<Object>(), 24);
    }
}
