//! Sets: members, one intset or one listpack.

use super::layout::{ElementForm, Layout};
use super::shape::Shape;
use crate::compact::Container;
use crate::encoder::Encoder;
use crate::value_type::ValueType;

/// The layout of a set type.
pub(crate) fn layout(value_type: ValueType) -> Option<Layout> {
    match value_type {
        ValueType::Set => Some(Layout::Elements(ElementForm::Item)),
        ValueType::SetIntset => Some(Layout::Packed(Container::Intset, Shape::Members)),
        ValueType::SetListpack => Some(Layout::Packed(Container::Listpack, Shape::Members)),
        _ => None,
    }
}

/// Appends the body of a set, as type 2.
pub(crate) fn encode(encoder: &mut Encoder, out: &mut Vec<u8>, members: &[Vec<u8>]) {
    encoder.length(out, members.len() as u64);
    for member in members {
        encoder.string(out, member);
    }
}
