//! Hashes: fields with values, one zipmap, one ziplist or one listpack.

use super::layout::{ElementForm, Layout};
use super::shape::Shape;
use crate::compact::Container;
use crate::encoder::Encoder;
use crate::event::Dialect;
use crate::value_type::ValueType;

/// The layout of a hash type.
pub(crate) fn layout(value_type: ValueType, dialect: Dialect) -> Option<Layout> {
    match value_type {
        ValueType::Hash => Some(Layout::Elements(ElementForm::Field)),
        ValueType::HashZipmap => Some(Layout::Packed(Container::Zipmap, Shape::Fields)),
        ValueType::HashZiplist => Some(Layout::Packed(Container::Ziplist, Shape::Fields)),
        ValueType::HashListpack => Some(Layout::Packed(Container::Listpack, Shape::Fields)),
        ValueType::HashExpiryPreview if dialect == Dialect::Valkey => {
            Some(Layout::Elements(ElementForm::TrailingExpiry))
        }
        ValueType::HashExpiryPreview => Some(Layout::Elements(ElementForm::AbsoluteExpiry)),
        ValueType::HashListpackExpiryPreview => {
            Some(Layout::Packed(Container::Listpack, Shape::ExpiringFields))
        }
        ValueType::HashTemplateListpack
        | ValueType::HashTemplateListpackRef
        | ValueType::HashTemplate
        | ValueType::HashTemplateRef => Some(Layout::Template),
        ValueType::HashExpiry => Some(Layout::TimedFields),
        ValueType::HashListpackExpiry => Some(Layout::TimedListpack),
        _ => None,
    }
}

/// Appends the body of a hash, as type 4.
pub(crate) fn encode(encoder: &mut Encoder, out: &mut Vec<u8>, fields: &[(Vec<u8>, Vec<u8>)]) {
    encoder.length(out, fields.len() as u64);
    for (field, value) in fields {
        encoder.string(out, field);
        encoder.string(out, value);
    }
}
