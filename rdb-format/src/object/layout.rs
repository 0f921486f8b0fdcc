//! How a value type is stored.

use super::shape::Shape;
use super::stream::Form;
use super::{hash, list, set, sorted_set, string};
use crate::compact::Container;
use crate::event::Dialect;
use crate::value_type::{Family, ValueType};

/// The form of a value after its key. Those up to [`Quicklist2`](Self::Quicklist2) are common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
    /// The lowest time, then as [`Elements`](Self::Elements), with times that count from it.
    TimedFields,
    /// A time that says nothing more, then one listpack of fields that may expire.
    TimedListpack,
    /// A count, whether an insertion index follows and what, then elements with their indexes.
    Array,
    /// Values of fields that a template names.
    Template,
    /// Bytes that only their module understands.
    Module,
    /// Nodes of entries, then consumer groups.
    Stream(Form),
}

/// The form of one element that is stored by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ElementForm {
    /// A string.
    Item,
    /// Two strings.
    Field,
    /// A string, and a score as text.
    TextScore,
    /// A string, and a score as eight bytes.
    BinaryScore,
    /// When it expires as a length, counted from the lowest time, 0 if never; two strings.
    RelativeExpiry,
    /// When it expires as a length, 0 if never; two strings.
    AbsoluteExpiry,
    /// Two strings; when it expires in eight bytes, -1 if never.
    TrailingExpiry,
    /// An index, a kind, and what it stands for.
    Indexed,
}

impl Layout {
    /// The layout of a type that this crate reads.
    pub(crate) fn of(value_type: ValueType, dialect: Dialect) -> Option<Self> {
        match value_type.family() {
            Family::String => Some(string::LAYOUT),
            Family::List => list::layout(value_type),
            Family::Set => set::layout(value_type),
            Family::Hash => hash::layout(value_type, dialect),
            Family::SortedSet => sorted_set::layout(value_type),
            Family::Stream => Form::of(value_type).map(Self::Stream),
            Family::Array => Some(Self::Array),
            Family::Module if value_type == ValueType::Module => Some(Self::Module),
            Family::Module => None,
        }
    }
}
