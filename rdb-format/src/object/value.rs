//! Values that own their bytes.

use crate::error::EncodeError;
use crate::event::Element;
use crate::target::{Loss, Target};
use crate::value_type::{Family, ValueType};
use crate::writer::Encoder;

use super::layout::Layout;
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
    /// Entries with ids, and consumer groups.
    Stream(Box<Stream>),
}

impl Value {
    /// The plain type in which [`Encoder::value`] writes this value; every server since 5.0 loads
    /// it. [`Encoder::entry`] chooses what suits its target better.
    pub const fn value_type(&self) -> ValueType {
        match self {
            Self::String(_) => ValueType::String,
            Self::List(_) => ValueType::List,
            Self::Set(_) => ValueType::Set,
            Self::Hash(_) => ValueType::Hash,
            Self::SortedSet(_) => ValueType::SortedSet,
            Self::Stream(_) => ValueType::Stream,
        }
    }

    /// A value without elements. `None` for types that this crate has no values of.
    pub(crate) fn empty(value_type: ValueType) -> Option<Self> {
        Layout::of(value_type)?;
        match value_type.family() {
            Family::String => Some(Self::String(Vec::new())),
            Family::List => Some(Self::List(Vec::new())),
            Family::Set => Some(Self::Set(Vec::new())),
            Family::Hash => Some(Self::Hash(Vec::new())),
            Family::SortedSet => Some(Self::SortedSet(Vec::new())),
            Family::Stream => Some(Self::Stream(Box::default())),
            Family::Module | Family::Array => None,
        }
    }

    /// Appends an element, which must be of the value's kind.
    pub(crate) fn push(&mut self, element: Element<'_>) {
        match (self, element) {
            (Self::String(bytes), Element::Item(item)) => bytes.extend_from_slice(item),
            (Self::List(items) | Self::Set(items), Element::Item(item)) => {
                items.push(item.to_vec());
            }
            (Self::Hash(fields), Element::Field(field, value)) => {
                fields.push((field.to_vec(), value.to_vec()));
            }
            (Self::SortedSet(members), Element::Scored(member, score)) => {
                members.push((member.to_vec(), score));
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

    /// The type that suits a target best.
    pub(crate) fn type_for(&self, target: Target) -> ValueType {
        match self {
            Self::Stream(_) => target.stream_form().value_type(),
            _ => self.value_type(),
        }
    }

    /// Fails if no server could load the value.
    pub(crate) fn check(&self, key: &[u8]) -> Result<(), EncodeError> {
        match self {
            Self::SortedSet(members) => sorted_set::check(members),
            Self::Stream(stream) => stream.check().map_err(|source| EncodeError::Stream {
                key: key.to_vec(),
                source,
            }),
            Self::String(_) | Self::List(_) | Self::Set(_) | Self::Hash(_) => Ok(()),
        }
    }

    /// What the value loses when it is written as `value_type`.
    pub(crate) fn losses(&self, value_type: ValueType) -> Vec<Loss> {
        match (self, Form::of(value_type)) {
            (Self::Stream(stream), Some(form)) => stream::losses(stream, form),
            _ => Vec::new(),
        }
    }

    /// Appends the body, as `value_type`.
    pub(crate) fn encode(&self, encoder: &mut Encoder, out: &mut Vec<u8>, value_type: ValueType) {
        match self {
            Self::String(bytes) => string::encode(encoder, out, bytes),
            Self::List(elements) => list::encode(encoder, out, elements),
            Self::Set(members) => set::encode(encoder, out, members),
            Self::Hash(fields) => hash::encode(encoder, out, fields),
            Self::SortedSet(members) => sorted_set::encode(encoder, out, members),
            Self::Stream(stream) => {
                let Some(form) = Form::of(value_type) else {
                    unreachable!("a stream is written as a stream")
                };
                stream::encode(encoder, out, stream, form);
            }
        }
    }
}
