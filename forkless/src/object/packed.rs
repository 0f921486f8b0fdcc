//! Which stored values hold listpacks, on whose form servers disagree.

use rdb_format::{Dialect, Encoding, Target, ValueType};

/// First version of Redis whose listpacks are in the shorter form.
const SHORT_VERSION_MIN: u32 = 14;

/// In which form the entries of a listpack say how long they are.
///
/// Entries of exactly 16383, 2097151 or 268435455 bytes take one byte more in listpacks of Redis up
/// to 8.6 and of Valkey than in those of Redis 8.8, and each side misreads those of the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packing {
    Padded,
    Short,
}

impl Packing {
    /// The form in a file of this version.
    pub(crate) fn of_file(dialect: Dialect, version: u32) -> Self {
        if dialect == Dialect::Redis && version >= SHORT_VERSION_MIN {
            Self::Short
        } else {
            Self::Padded
        }
    }

    /// The form that a target reads.
    pub(crate) fn of_target(target: Target) -> Self {
        if target == Target::Redis88 {
            Self::Short
        } else {
            Self::Padded
        }
    }
}

/// Whether values of this type hold listpacks.
pub(crate) fn holds_listpacks(value_type: ValueType) -> bool {
    matches!(
        value_type.encoding(),
        Encoding::Listpack | Encoding::Quicklist2 | Encoding::Stream
    )
}
