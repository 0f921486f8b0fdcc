//! An object: any value of the store, in three words.

use std::sync::Arc;

use rdb_format::{EncodeError, Encoder, Target, Value as Owned, ValueType};
use snapshot::{Copies, FromRdb, Frozen, Piece, Value};

use crate::object::elements::Elements;
use crate::object::opaque::{FrozenOpaque, Opaque};
use crate::object::pieces::{FrozenElements, FrozenText};
use crate::object::text::Text;

/// A value of the store.
///
/// Collections are held as they were loaded, immutable and shareable, which makes freezing
/// them a matter of one reference count.
#[derive(Debug)]
pub(crate) enum Object {
    String(Text),
    List(Arc<Elements<Text>>),
    Set(Arc<Elements<Text>>),
    Hash(Arc<Elements<(Text, Text)>>),
    SortedSet(Arc<Elements<(Text, f64)>>),
    /// What is only kept: streams, modules, arrays, hashes with fields that expire.
    Opaque(Arc<Opaque>),
    /// Only keys that expire pay for saying when.
    Expiring(Box<Expiring>),
}

/// An object that is gone some day.
#[derive(Debug)]
pub(crate) struct Expiring {
    expire_at_ms: i64,
    object: Object,
}

impl Object {
    /// The bytes, if it is a string.
    pub(crate) fn as_string(&self) -> Option<&[u8]> {
        match self {
            Self::String(text) => Some(text.as_bytes()),
            Self::Expiring(expiring) => expiring.object.as_string(),
            _ => None,
        }
    }

    fn expiring(self, expire_at_ms: Option<i64>) -> Self {
        match expire_at_ms {
            Some(expire_at_ms) => Self::Expiring(Box::new(Expiring {
                expire_at_ms,
                object: self,
            })),
            None => self,
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
            Self::Opaque(opaque) => opaque.value_type(),
            Self::Expiring(expiring) => expiring.object.value_type(),
        }
    }

    fn value_type_for(&self, target: Target) -> ValueType {
        match self {
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
            Self::List(elements) | Self::Set(elements) => elements.weight_bytes(),
            Self::Hash(elements) => elements.weight_bytes(),
            Self::SortedSet(elements) => elements.weight_bytes(),
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
            Self::String(text) => {
                encoder.string(out, text.as_bytes());
                Ok(())
            }
            Self::Expiring(expiring) => expiring.object.encode(encoder, out),
            collection => {
                let piece = collection.freeze(&Copies::uncounted()).encode_piece(
                    encoder,
                    out,
                    usize::MAX >> 1,
                )?;
                debug_assert_eq!(piece, Piece::Last, "a piece without bounds is the whole");
                Ok(())
            }
        }
    }

    fn freeze(&self, copies: &Copies) -> Box<dyn Frozen> {
        match self {
            Self::String(text) => Box::new(FrozenText::new(text.clone())),
            Self::List(elements) | Self::Set(elements) => {
                Box::new(FrozenElements::new(Arc::clone(elements)))
            }
            Self::Hash(elements) => Box::new(FrozenElements::new(Arc::clone(elements))),
            Self::SortedSet(elements) => Box::new(FrozenElements::new(Arc::clone(elements))),
            Self::Opaque(opaque) => Box::new(FrozenOpaque::new(Arc::clone(opaque))),
            Self::Expiring(expiring) => expiring.object.freeze(copies),
        }
    }
}

impl FromRdb for Object {
    fn from_rdb(value: Owned, expire_at_ms: Option<i64>) -> Result<Self, Owned> {
        fn texts(items: Vec<Vec<u8>>) -> Arc<Elements<Text>> {
            Arc::new(Elements::new(items.into_iter().map(Text::from).collect()))
        }
        let object = match value {
            Owned::String(bytes) => Self::String(Text::from(bytes)),
            Owned::List(items) => Self::List(texts(items)),
            Owned::Set(items) => Self::Set(texts(items)),
            Owned::Hash(fields) => {
                let fields = fields
                    .into_iter()
                    .map(|(f, v)| (Text::from(f), Text::from(v)));
                Self::Hash(Arc::new(Elements::new(fields.collect())))
            }
            Owned::SortedSet(members) => {
                let members = members.into_iter().map(|(m, score)| (Text::from(m), score));
                Self::SortedSet(Arc::new(Elements::new(members.collect())))
            }
            Owned::ExpiringHash(fields) if fields.iter().all(|(_, _, at)| at.is_none()) => {
                let fields = fields
                    .into_iter()
                    .map(|(f, v, _)| (Text::from(f), Text::from(v)));
                Self::Hash(Arc::new(Elements::new(fields.collect())))
            }
            other => match Opaque::new(&other) {
                Some(opaque) => Self::Opaque(Arc::new(opaque)),
                None => return Err(other),
            },
        };
        Ok(object.expiring(expire_at_ms))
    }

    fn from_string(bytes: &[u8], expire_at_ms: Option<i64>) -> Self {
        Self::String(Text::from(bytes)).expiring(expire_at_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_takes_no_more_room_than_three_words() {
        assert_eq!(size_of::<Object>(), 24);
    }
}
