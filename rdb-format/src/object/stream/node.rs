//! A node of a stream: a listpack with records that share their fields.
//!
//! Every number is an entry of the listpack:
//!
//! | part | entries |
//! |---|---|
//! | head | live records, deleted records, number of fields, fields, 0 |
//! | record with the fields of the head | flags, ms, seq, values, number of entries before this |
//! | record with its own | flags, ms, seq, number of fields, fields and values, number as above |
//!
//! `ms` and `seq` are signed differences to the key of the node.

use super::entry::StreamEntry;
use super::fault::StreamError;
use super::id::StreamId;
use crate::compact::{ListpackCursor, Span};
use crate::decimal::parse_canonical;

/// Flag of a record that is deleted.
pub(super) const DELETED: i64 = 1;
/// Flag of a record that has the fields of the head.
pub(super) const SAME_FIELDS: i64 = 2;

/// A place between two records of a node whose bytes are kept elsewhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct NodeCursor {
    node: StreamId,
    // At the next entry of the listpack, and at the first field of the head.
    cursor: ListpackCursor,
    fields: ListpackCursor,
    fields_len: u64,
    left: u64,
    deleted: i64,
}

/// A record: where its fields start and how many there are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    id: StreamId,
    deleted: bool,
    shared: Option<ListpackCursor>,
    own: ListpackCursor,
    fields: u64,
}

impl Record {
    pub(super) const fn is_deleted(&self) -> bool {
        self.deleted
    }

    pub(super) fn entry<'a>(&self, node: &'a [u8]) -> StreamEntry<'a> {
        // A listpack states its size in 32 bits, and it was checked.
        let place = |cursor: ListpackCursor| u32::try_from(cursor.at()).unwrap_or(u32::MAX);
        let Self {
            id,
            deleted,
            shared,
            own,
            fields,
        } = *self;
        StreamEntry {
            id,
            deleted,
            node,
            shared: shared.map_or(0, place),
            own: place(own),
            fields: u32::try_from(fields).unwrap_or(u32::MAX),
        }
    }
}

impl NodeCursor {
    /// Reads the head of the node with key `node`.
    pub(super) fn new(node: StreamId, bytes: &[u8]) -> Result<Self, StreamError> {
        let listpack = |source| StreamError::Listpack { node, source };
        let cursor = ListpackCursor::new(bytes).map_err(listpack)?;
        let mut head = Self {
            node,
            cursor,
            fields: cursor,
            fields_len: 0,
            left: 0,
            deleted: 0,
        };
        let at = cursor.at();
        let live = head.integer(bytes)?;
        head.deleted = head.integer(bytes)?;
        let fields_len = head.integer(bytes)?;
        let records = live.checked_add(head.deleted);
        let counts = [Some(live), Some(head.deleted), records, Some(fields_len)]
            .map(|n| n.and_then(|n| u64::try_from(n).ok()));
        let [Some(_), Some(_), Some(records), Some(fields_len)] = counts else {
            return Err(StreamError::Record { node, at });
        };
        if records == 0 {
            return Err(StreamError::EmptyNode { node });
        }
        head.left = records;
        head.fields_len = fields_len;
        head.fields = head.cursor;
        for _ in 0..fields_len {
            head.skip(bytes)?;
        }
        let at = head.cursor.at();
        if head.integer(bytes)? != 0 {
            return Err(StreamError::Record { node, at });
        }
        Ok(head)
    }

    /// Walks all records, which must ascend from `last`; gives the last id. `ends` gets the place
    /// where each record ends.
    pub(super) fn check(
        mut self,
        bytes: &[u8],
        mut last: Option<StreamId>,
        ends: &mut Vec<u32>,
    ) -> Result<Checked, StreamError> {
        let node = self.node;
        let stated = self.deleted;
        let (mut actual, mut live) = (0_i64, 0_u64);
        while let Some(record) = self.next(bytes)? {
            let id = record.id;
            if let Some(last) = last.filter(|last| *last >= id) {
                return Err(StreamError::Order { id, last });
            }
            last = Some(id);
            // A listpack states its size in 32 bits, and it was checked.
            ends.push(u32::try_from(self.cursor.at()).unwrap_or(u32::MAX));
            actual = actual.wrapping_add(i64::from(record.deleted));
            live = live.wrapping_add(u64::from(!record.deleted));
        }
        let at = self.cursor.at();
        match self.cursor.next(bytes) {
            Ok(None) => {}
            Ok(Some(_)) => return Err(StreamError::Record { node, at }),
            Err(source) => return Err(StreamError::Listpack { node, source }),
        }
        if stated != actual {
            return Err(StreamError::Deleted {
                node,
                stated,
                actual,
            });
        }
        Ok(Checked {
            last,
            live,
            padded: self.cursor.padded(),
        })
    }

    /// The next record.
    fn next(&mut self, bytes: &[u8]) -> Result<Option<Record>, StreamError> {
        let Some(left) = self.left.checked_sub(1) else {
            return Ok(None);
        };
        self.left = left;
        let record = self.record(bytes)?;
        // A hostile number of fields ends with the listpack, as each takes an entry of it.
        let (texts, around) = match record.shared {
            Some(_) => (record.fields, 3),
            None => (record.fields.saturating_mul(2), 4_u64),
        };
        for _ in 0..texts {
            self.skip(bytes)?;
        }
        let node = self.node;
        let at = self.cursor.at();
        if u64::try_from(self.integer(bytes)?) != Ok(texts.saturating_add(around)) {
            return Err(StreamError::Record { node, at });
        }
        Ok(Some(record))
    }

    /// The next record of a node that was checked; it ends at `end`.
    pub(super) fn next_checked(&mut self, bytes: &[u8], end: u32) -> Result<Record, StreamError> {
        let record = self.record(bytes)?;
        self.cursor = ListpackCursor::at_place(bytes, end as usize);
        Ok(record)
    }

    /// What a record begins with.
    fn record(&mut self, bytes: &[u8]) -> Result<Record, StreamError> {
        let node = self.node;
        let at = self.cursor.at();
        let flags = self.integer(bytes)?;
        let (ms, seq) = (self.integer(bytes)?, self.integer(bytes)?);
        let same = flags & SAME_FIELDS != 0;
        let fields = if same {
            self.fields_len
        } else {
            let count = self.integer(bytes)?;
            u64::try_from(count).map_err(|_| StreamError::Record { node, at })?
        };
        Ok(Record {
            id: node.plus(ms, seq),
            deleted: flags & DELETED != 0,
            shared: same.then_some(self.fields),
            own: self.cursor,
            fields,
        })
    }

    /// Passes an entry, whatever it is.
    fn skip(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        let node = self.node;
        let at = self.cursor.at();
        match self.cursor.next(bytes) {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(StreamError::Record { node, at }),
            Err(source) => Err(StreamError::Listpack { node, source }),
        }
    }

    fn integer(&mut self, bytes: &[u8]) -> Result<i64, StreamError> {
        let node = self.node;
        let at = self.cursor.at();
        let text = match self.cursor.next(bytes) {
            Ok(Some(Span::Integer(value))) => return Ok(value),
            Ok(Some(Span::Bytes { start, end })) => bytes.get(start..end),
            Ok(None) => None,
            Err(source) => return Err(StreamError::Listpack { node, source }),
        };
        let value = text.and_then(parse_canonical);
        value.ok_or(StreamError::Record { node, at })
    }
}

/// What a sound node was found to hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checked {
    /// The last id in it.
    pub(super) last: Option<StreamId>,
    /// Records that are not deleted.
    pub(super) live: u64,
    /// Whether an entry carries one byte of backward length too many.
    pub(super) padded: bool,
}
