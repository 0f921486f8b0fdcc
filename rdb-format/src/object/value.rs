//! Values that own their bytes.

use crate::encoder::Encoder;
use crate::encodings::Encodings;
use crate::error::EncodeError;
use crate::event::{Dialect, Element};
use crate::target::{Loss, Target};
use crate::value_type::{Encoding, Family, ValueType};

use super::array::{self, Array};
use super::hash_expiry;
use super::layout::Layout;
use super::pack;
use super::stream::{self, Form, Stream, StreamPart};
use super::{hash, list, set, sorted_set, string};

/// A whole value in memory. What streams cannot hold twice, such as members of a set, is not
/// checked to be unique here.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// A string.
    String(Vec<u8>),
    /// Elements from head to tail.
    List(Vec<Vec<u8>>),
    /// Members, in the order of the stream.
    Set(Vec<Vec<u8>>),
    /// Fields and their values, in the order of the stream.
    Hash(Vec<(Vec<u8>, Vec<u8>)>),
    /// Members and their scores, in the order of the stream, which need not be that of the scores.
    SortedSet(Vec<(Vec<u8>, f64)>),
    /// Fields, their values, and when they expire, in milliseconds since 1970. What is read from
    /// types that can hold such times comes like this, even if no field expires.
    ExpiringHash(Vec<(Vec<u8>, Vec<u8>, Option<i64>)>),
    /// Entries with ids, and consumer groups.
    Stream(Box<Stream>),
    /// Elements with indexes.
    Array(Box<Array>),
    /// The value of a module as stored, from its id to its end mark. Only the module can read it.
    Module(Vec<u8>),
}

impl Value {
    /// The plain type in which [`Encoder::value`] writes this value; every server since 5.0 loads
    /// it, but for arrays. [`Encoder::entry`] chooses what suits its target better.
    pub const fn value_type(&self) -> ValueType {
        match self {
            Self::String(_) => ValueType::String,
            Self::List(_) => ValueType::List,
            Self::Set(_) => ValueType::Set,
            Self::Hash(_) | Self::ExpiringHash(_) => ValueType::Hash,
            Self::SortedSet(_) => ValueType::SortedSet,
            Self::Stream(_) => ValueType::Stream,
            Self::Array(_) => ValueType::Array,
            Self::Module(_) => ValueType::Module,
        }
    }

    /// A value without elements. `None` for types that this crate has no values of.
    pub(crate) fn empty(value_type: ValueType) -> Option<Self> {
        Layout::of(value_type, Dialect::Redis)?;
        Some(match value_type.family() {
            Family::String => Self::String(Vec::new()),
            Family::List => Self::List(Vec::new()),
            Family::Set => Self::Set(Vec::new()),
            Family::Hash => match value_type {
                ValueType::HashExpiryPreview
                | ValueType::HashListpackExpiryPreview
                | ValueType::HashExpiry
                | ValueType::HashListpackExpiry => Self::ExpiringHash(Vec::new()),
                _ => Self::Hash(Vec::new()),
            },
            Family::SortedSet => Self::SortedSet(Vec::new()),
            Family::Stream => Self::Stream(Box::default()),
            Family::Module => Self::Module(Vec::new()),
            Family::Array => Self::Array(Box::default()),
        })
    }

    /// Appends an element, which must be of the value's kind.
    pub(crate) fn push(&mut self, element: Element<'_>) {
        match (self, element) {
            (Self::String(bytes), Element::Item(item))
            | (Self::Module(bytes), Element::Raw(item)) => bytes.extend_from_slice(item),
            (Self::List(items) | Self::Set(items), Element::Item(item)) => {
                items.push(item.to_vec());
            }
            (Self::Hash(fields), Element::Field(field, value)) => {
                fields.push((field.to_vec(), value.to_vec()));
            }
            (Self::ExpiringHash(fields), Element::Field(field, value)) => {
                fields.push((field.to_vec(), value.to_vec(), None));
            }
            (Self::ExpiringHash(fields), Element::ExpiringField(field, value, at_ms)) => {
                fields.push((field.to_vec(), value.to_vec(), Some(at_ms)));
            }
            (Self::SortedSet(members), Element::Scored(member, score)) => {
                members.push((member.to_vec(), score));
            }
            (Self::Array(array), Element::Indexed(index, element)) => {
                array.elements.push((index, element.to_vec()));
            }
            (Self::Stream(stream), Element::Entry(entry)) => stream.push(entry),
            _ => unreachable!("an element belongs to the family of its key"),
        }
    }

    /// Adds a part, which must be of a stream.
    pub(crate) fn add(&mut self, part: StreamPart<'_>) {
        let Self::Stream(stream) = self else {
            unreachable!("a part of a stream belongs to a stream")
        };
        stream.add(part);
    }

    /// Sets where the value, which must be an array, inserts next.
    pub(crate) fn set_insert_index(&mut self, index: u64) {
        let Self::Array(array) = self else {
            unreachable!("only an array has an insertion index")
        };
        array.insert_index = Some(index);
    }

    /// The type that suits a target best.
    pub(crate) fn type_for(&self, target: Target, encodings: &Encodings) -> ValueType {
        match self {
            Self::Stream(_) => target.stream_form().value_type(),
            Self::List(elements) => pack::list_type(elements, target, encodings),
            Self::Set(members) => pack::set_type(members, target, encodings),
            Self::SortedSet(members) => pack::sorted_set_type(members, target, encodings),
            Self::Hash(fields) => {
                let pairs = fields.iter().map(|(f, v)| (f.as_slice(), v.as_slice()));
                if pack::hash_type(pairs, target, encodings) {
                    ValueType::HashListpack
                } else {
                    ValueType::Hash
                }
            }
            Self::ExpiringHash(fields) => {
                let plain = hash_expiry::plain_type(fields, target);
                let pairs = fields.iter().map(|(f, v, _)| (f.as_slice(), v.as_slice()));
                match plain {
                    ValueType::Hash if pack::hash_type(pairs.clone(), target, encodings) => {
                        ValueType::HashListpack
                    }
                    ValueType::HashExpiry if pack::hash_type(pairs, target, encodings) => {
                        ValueType::HashListpackExpiry
                    }
                    plain => plain,
                }
            }
            Self::String(_) | Self::Array(_) | Self::Module(_) => self.value_type(),
        }
    }

    /// Fails if no server could load the value as `value_type`.
    pub(crate) fn check(&self, key: &[u8], value_type: ValueType) -> Result<(), EncodeError> {
        let repeats = match self {
            Self::SortedSet(members) => {
                sorted_set::check(key, members)?;
                value_type == ValueType::SortedSetListpack
                    && pack::repeats(
                        members
                            .iter()
                            .map(|(member, _)| member.as_slice())
                            .collect(),
                    )
            }
            Self::Stream(stream) => {
                stream.check().map_err(|source| EncodeError::Stream {
                    key: key.to_vec(),
                    source,
                })?;
                false
            }
            Self::ExpiringHash(fields) => {
                hash_expiry::check(key, fields, value_type)?;
                value_type.encoding() == Encoding::Listpack
                    && pack::repeats(fields.iter().map(|(field, ..)| field.as_slice()).collect())
            }
            Self::Hash(fields) => {
                value_type == ValueType::HashListpack
                    && pack::repeats(fields.iter().map(|(field, _)| field.as_slice()).collect())
            }
            Self::Set(members) => match value_type {
                ValueType::SetIntset => pack::integers_repeat(members),
                ValueType::SetListpack => {
                    pack::repeats(members.iter().map(Vec::as_slice).collect())
                }
                _ => false,
            },
            Self::String(_) | Self::List(_) | Self::Array(_) | Self::Module(_) => false,
        };
        if repeats {
            return Err(EncodeError::Duplicate { key: key.to_vec() });
        }
        Ok(())
    }

    /// What the value loses when it is written as `value_type`.
    pub(crate) fn losses(&self, value_type: ValueType) -> Vec<Loss> {
        match (self, Form::of(value_type)) {
            (Self::Stream(stream), Some(form)) => stream::losses(stream, form),
            (Self::ExpiringHash(fields), _)
                if matches!(value_type, ValueType::Hash | ValueType::HashListpack)
                    && fields.iter().any(|(_, _, at)| at.is_some()) =>
            {
                vec![Loss::FieldExpiry]
            }
            _ => Vec::new(),
        }
    }

    /// Appends the body, as `value_type`.
    pub(crate) fn encode(&self, encoder: &mut Encoder, out: &mut Vec<u8>, value_type: ValueType) {
        match self {
            Self::String(bytes) => string::encode(encoder, out, bytes),
            Self::List(elements) => match value_type {
                ValueType::ListQuicklist2 => pack::nodes(encoder, out, elements),
                _ => list::encode(encoder, out, elements),
            },
            Self::Set(members) => match value_type {
                ValueType::SetIntset => pack::intset(encoder, out, members),
                ValueType::SetListpack => {
                    pack::listpack(encoder, out, members.iter().map(Vec::as_slice));
                }
                _ => set::encode(encoder, out, members),
            },
            Self::Hash(fields) => match value_type {
                ValueType::HashListpack => {
                    let texts = fields.iter().flat_map(|(f, v)| [f.as_slice(), v]);
                    pack::listpack(encoder, out, texts);
                }
                _ => hash::encode(encoder, out, fields),
            },
            Self::ExpiringHash(fields) => hash_expiry::encode(encoder, out, fields, value_type),
            Self::SortedSet(members) => match value_type {
                ValueType::SortedSetListpack => pack::scores(encoder, out, members),
                _ => sorted_set::encode(encoder, out, members),
            },
            Self::Stream(stream) => {
                let Some(form) = Form::of(value_type) else {
                    unreachable!("a stream is written as a stream")
                };
                stream::encode(encoder, out, stream, form);
            }
            Self::Array(array) => array::encode(encoder, out, array),
            Self::Module(body) => out.extend_from_slice(body),
        }
    }
}
