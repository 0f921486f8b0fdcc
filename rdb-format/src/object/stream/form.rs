//! The five forms of a stream.

use crate::value_type::ValueType;

/// What later forms of a stream add, in the order they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Form {
    /// Entries, groups, consumers, pending entries.
    Plain,
    /// First id, highest deleted id, number of entries ever added and read.
    Counted,
    /// When a consumer was active.
    Active,
    /// Producers.
    Producers,
    /// Rejected entries.
    Rejected,
}

impl Form {
    /// The form of a stream type.
    pub(crate) const fn of(value_type: ValueType) -> Option<Self> {
        match value_type {
            ValueType::Stream => Some(Self::Plain),
            ValueType::Stream2 => Some(Self::Counted),
            ValueType::Stream3 => Some(Self::Active),
            ValueType::Stream4 => Some(Self::Producers),
            ValueType::Stream5 => Some(Self::Rejected),
            _ => None,
        }
    }

    /// The type of a stream of this form.
    pub(crate) const fn value_type(self) -> ValueType {
        match self {
            Self::Plain => ValueType::Stream,
            Self::Counted => ValueType::Stream2,
            Self::Active => ValueType::Stream3,
            Self::Producers => ValueType::Stream4,
            Self::Rejected => ValueType::Stream5,
        }
    }
}
