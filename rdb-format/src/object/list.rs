//! Lists: elements, one ziplist, or nodes.

use super::layout::{ElementForm, Layout};
use super::shape::Shape;
use crate::compact::Container;
use crate::encoder::Encoder;
use crate::value_type::ValueType;

/// The layout of a list type.
pub(crate) fn layout(value_type: ValueType) -> Option<Layout> {
    match value_type {
        ValueType::List => Some(Layout::Elements(ElementForm::Item)),
        ValueType::ListZiplist => Some(Layout::Packed(Container::Ziplist, Shape::Items)),
        ValueType::ListQuicklist => Some(Layout::Quicklist),
        ValueType::ListQuicklist2 => Some(Layout::Quicklist2),
        _ => None,
    }
}

/// Appends the body of a list, as type 1.
pub(crate) fn encode(encoder: &mut Encoder, out: &mut Vec<u8>, elements: &[Vec<u8>]) {
    encoder.length(out, elements.len() as u64);
    for element in elements {
        encoder.string(out, element);
    }
}
