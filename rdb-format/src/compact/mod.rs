//! The four containers that hold a small value in one string.

mod check;
mod container;
mod entries;
mod intset;
mod listpack;
mod listpack_writer;
mod ziplist;
mod zipmap;

pub(crate) use self::check::{check, score};
pub use self::container::Container;
pub(crate) use self::container::{Cursor, Span};
pub use self::entries::{CompactEntries, CompactEntry};
pub(crate) use self::listpack::ListpackCursor;
pub use self::listpack_writer::BackLengths;
pub(crate) use self::listpack_writer::ListpackWriter;
