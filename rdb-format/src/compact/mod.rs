//! The four containers that hold a small value in one string.

mod check;
mod container;
mod entries;
mod intset;
mod listpack;
mod ziplist;
mod zipmap;

pub(crate) use self::check::{check, score};
pub use self::container::Container;
pub(crate) use self::container::{Cursor, Span};
pub use self::entries::{CompactEntries, CompactEntry};
