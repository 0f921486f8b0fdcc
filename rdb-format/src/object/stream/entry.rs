//! One entry of a stream, borrowed from its node.

use std::fmt;

use super::id::StreamId;
use crate::compact::{CompactEntry, ListpackCursor};

/// One entry of a stream, borrowed from its node.
#[derive(Clone, Copy)]
pub struct StreamEntry<'a> {
    pub(super) id: StreamId,
    pub(super) deleted: bool,
    // A node that was checked: so many fields and values are found in it. Places fit 32 bits, as
    // the size of a listpack does; every event is as large as this, so it is kept small.
    pub(super) node: &'a [u8],
    // Where the fields of the node are, if the entry has the same; 0 if not.
    pub(super) shared: u32,
    pub(super) own: u32,
    pub(super) fields: u32,
}

impl<'a> StreamEntry<'a> {
    /// Its id.
    pub const fn id(&self) -> StreamId {
        self.id
    }

    /// Whether it is deleted and its room not yet given back. Users of the stream do not see it.
    pub const fn is_deleted(&self) -> bool {
        self.deleted
    }

    /// Its fields and values, in order. Fields may repeat.
    pub fn fields(&self) -> EntryFields<'a> {
        let at = |place: u32| ListpackCursor::at_place(self.node, place as usize);
        EntryFields {
            node: self.node,
            shared: (self.shared != 0).then(|| at(self.shared)),
            own: at(self.own),
            left: self.fields,
        }
    }
}

impl PartialEq for StreamEntry<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.deleted == other.deleted && self.fields().eq(other.fields())
    }
}

impl fmt::Debug for StreamEntry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamEntry")
            .field("id", &self.id)
            .field("deleted", &self.deleted)
            .field("fields", &self.fields())
            .finish()
    }
}

/// Fields and values of one entry. Texts that are integers come as such.
#[derive(Clone)]
pub struct EntryFields<'a> {
    node: &'a [u8],
    shared: Option<ListpackCursor>,
    own: ListpackCursor,
    left: u32,
}

impl<'a> Iterator for EntryFields<'a> {
    type Item = (CompactEntry<'a>, CompactEntry<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let node = self.node;
        let text = |cursor: &mut ListpackCursor| match cursor.next(node) {
            Ok(Some(span)) => Some(CompactEntry::new(span, node)),
            Ok(None) | Err(_) => None,
        };
        let field = text(self.shared.as_mut().unwrap_or(&mut self.own))?;
        Some((field, text(&mut self.own)?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.left as usize;
        (left, Some(left))
    }
}

impl std::iter::FusedIterator for EntryFields<'_> {}

impl fmt::Debug for EntryFields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
