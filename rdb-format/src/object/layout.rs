//! How a value type is stored.

use super::shape::Shape;
use super::stream::Form;
use super::{hash, list, set, sorted_set, string};
use crate::compact::Container;
use crate::value_type::{Family, ValueType};

/// The form of a value after its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// One string.
    String,
    /// A count, then so many elements.
    Elements(ElementForm),
    /// One container.
    Packed(Container, Shape),
    /// A count, then so many nodes, each a ziplist.
    Quicklist,
    /// A count, then so many nodes, each with its kind: one element, or a listpack.
    Quicklist2,
    /// Nodes of entries, then consumer groups.
    Stream(Form),
}

/// The form of one element that is stored by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ElementForm {
    /// A string.
    Item,
    /// Two strings.
    Field,
    /// A string, and a score as text.
    TextScore,
    /// A string, and a score as eight bytes.
    BinaryScore,
}

impl Layout {
    /// The layout of a type that this crate reads.
    pub(crate) fn of(value_type: ValueType) -> Option<Self> {
        match value_type.family() {
            Family::String => Some(string::LAYOUT),
            Family::List => list::layout(value_type),
            Family::Set => set::layout(value_type),
            Family::Hash => hash::layout(value_type),
            Family::SortedSet => sorted_set::layout(value_type),
            Family::Stream => Form::of(value_type).map(Self::Stream),
            Family::Module | Family::Array => None,
        }
    }
}
