//! Which container a string holds, and one cursor over them all.

use std::fmt;

use super::intset::IntsetCursor;
use super::listpack::ListpackCursor;
use super::ziplist::ZiplistCursor;
use super::zipmap::ZipmapCursor;
use crate::error::CompactError;

/// A format that holds a small value in one string.
///
/// [`entries`](Container::entries) walks one without anything else of this crate:
///
/// ```
/// use rdb_format::{CompactEntry, Container};
///
/// let listpack = b"\x0c\0\0\0\x02\0\x81a\x02\x05\x01\xff";
/// let entries: Result<Vec<_>, _> = Container::Listpack.entries(listpack)?.collect();
/// assert_eq!(entries?, [CompactEntry::Bytes(b"a"), CompactEntry::Integer(5)]);
/// # Ok::<(), rdb_format::CompactError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Container {
    /// Ascending integers of one width.
    Intset,
    /// Entries with the length of the entry before them.
    Ziplist,
    /// Pairs of strings, up to Redis 2.4.
    Zipmap,
    /// Entries followed by their own length, from Redis 7.0 on.
    Listpack,
}

impl Container {
    /// The word people use for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Intset => "intset",
            Self::Ziplist => "ziplist",
            Self::Zipmap => "zipmap",
            Self::Listpack => "listpack",
        }
    }
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What an entry is: a place in the container, or an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// Bytes from `start` to `end`, which lie within the container.
    Bytes { start: usize, end: usize },
    /// An integer, standing for its decimal text.
    Integer(i64),
}

/// A position in a container whose bytes are kept elsewhere.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cursor {
    Intset(IntsetCursor),
    Ziplist(ZiplistCursor),
    Zipmap(ZipmapCursor),
    Listpack(ListpackCursor),
}

impl Cursor {
    /// Starts before the first entry; checks header and end mark.
    pub(crate) fn new(container: Container, bytes: &[u8]) -> Result<Self, CompactError> {
        Ok(match container {
            Container::Intset => Self::Intset(IntsetCursor::new(bytes)?),
            Container::Ziplist => Self::Ziplist(ZiplistCursor::new(bytes)?),
            Container::Zipmap => Self::Zipmap(ZipmapCursor::new(bytes)?),
            Container::Listpack => Self::Listpack(ListpackCursor::new(bytes)?),
        })
    }

    /// The next entry; at the end, checks the counts of the header and gives `None`.
    #[inline]
    pub(crate) fn next(&mut self, bytes: &[u8]) -> Result<Option<Span>, CompactError> {
        match self {
            Self::Intset(cursor) => cursor.next(bytes),
            Self::Ziplist(cursor) => cursor.next(bytes),
            Self::Zipmap(cursor) => cursor.next(bytes),
            Self::Listpack(cursor) => cursor.next(bytes),
        }
    }

    /// Where the next entry starts, in bytes.
    pub(crate) fn at(&self) -> usize {
        match self {
            Self::Intset(cursor) => cursor.at(),
            Self::Ziplist(cursor) => cursor.at(),
            Self::Zipmap(cursor) => cursor.at(),
            Self::Listpack(cursor) => cursor.at(),
        }
    }

    /// Whether an entry behind the cursor carried one byte of length too many.
    pub(crate) fn padded(&self) -> bool {
        matches!(self, Self::Listpack(cursor) if cursor.padded())
    }
}
