//! Streams: entries in the order of their ids, and consumer groups.

use std::ops::RangeInclusive;
use std::sync::Arc;

use rdb_format::{
    ConsumerGroup, EncodeError, Encoder, Producers, Stream as Owned, StreamId, StreamRecord,
    Target, ValueType,
};
use snapshot::{Copies, Frozen, Piece};

use crate::object::text::Text;
use crate::object::tree::{Element, Tree, View};

/// The types of streams, the newest first.
const TYPES: [ValueType; 4] = [
    ValueType::Stream5,
    ValueType::Stream4,
    ValueType::Stream3,
    ValueType::Stream2,
];

/// An entry, with its fields and values one after the other behind their lengths.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    id: StreamId,
    packed: Text,
}

impl Element for Entry {
    type Mark = StreamId;

    fn mark(&self) -> &StreamId {
        &self.id
    }

    fn weight_bytes(&self) -> usize {
        size_of::<StreamId>() + self.packed.weight_bytes()
    }
}

impl Entry {
    fn new<'a>(id: StreamId, fields: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Self {
        let mut packed = Vec::new();
        for text in fields.flat_map(|(field, value)| [field, value]) {
            packed.extend_from_slice(&(text.len() as u64).to_le_bytes()[..LENGTH_BYTES]);
            packed.extend_from_slice(text);
        }
        Self {
            id,
            packed: Text::from(packed),
        }
    }

    fn fields(&self) -> Fields<'_> {
        Fields(self.packed.as_bytes())
    }

    fn record(&self) -> StreamRecord {
        let fields = self.fields();
        StreamRecord {
            id: self.id,
            deleted: false,
            fields: fields.map(|(f, v)| (f.to_vec(), v.to_vec())).collect(),
        }
    }
}

/// What the length of a packed text takes: servers keep texts of streams below 1 GiB.
const LENGTH_BYTES: usize = 4;

/// The fields and values of an entry, in the order in which they were given.
#[derive(Debug, Clone)]
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn text(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk::<LENGTH_BYTES>()?;
        let (text, rest) = rest.split_at(u32::from_le_bytes(*length) as usize);
        self.0 = rest;
        Some(text)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        Some((self.text()?, self.text()?))
    }
}

/// Why an entry cannot be appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// Ids only grow.
    #[error("id {id} is not above {last}")]
    Order {
        /// The id that the entry was to have.
        id: StreamId,
        /// The highest id ever given.
        last: StreamId,
    },
    /// Servers keep entries below 1 GiB.
    #[error("an entry of {bytes} bytes is too long")]
    TooLong {
        /// What its fields and values take.
        bytes: usize,
    },
}

/// Fields and values of an entry take no more, in bytes, with room for how servers pack them.
const ENTRY_BYTES_MAX: usize = 1 << 29;

/// Entries in the order of their ids: each costs O(log n) to find, append or remove.
///
/// Entries are kept in chunks and copied by the chunk. Consumer groups are copied each as a whole
/// by the first change after a freeze, which costs O(groups).
///
/// ```
/// use rdb_format::StreamId;
///
/// let mut stream = forkless::Stream::new();
/// let id = StreamId { ms: 5, seq: 0 };
/// stream.append(id, [(&b"field"[..], &b"value"[..])])?;
/// assert!(stream.append(id, []).is_err());
/// assert_eq!(stream.range(StreamId::ZERO..=id).count(), 1);
/// # Ok::<(), forkless::AppendError>(())
/// ```
#[derive(Debug, Default)]
pub struct Stream {
    entries: Tree<Entry>,
    facts: Facts,
    groups: Vec<Arc<ConsumerGroup>>,
    producers: Option<Arc<Producers>>,
}

/// What is known of a stream besides its entries.
#[derive(Debug, Clone, Copy, Default)]
struct Facts {
    last_id: StreamId,
    // None where the file that it comes from had no place for it.
    deleted_id_max: Option<StreamId>,
    entries_added: Option<u64>,
}

impl Stream {
    /// A stream without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none. The stream may have groups all the same.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The highest id ever given.
    pub fn last_id(&self) -> StreamId {
        self.facts.last_id
    }

    /// Appends an entry.
    ///
    /// # Errors
    ///
    /// When its id is not above all others ever given, or it takes more than 512 MiB.
    pub fn append<'a>(
        &mut self,
        id: StreamId,
        fields: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
    ) -> Result<(), AppendError> {
        let last = self.facts.last_id;
        if id <= last {
            return Err(AppendError::Order { id, last });
        }
        let entry = Entry::new(id, fields.into_iter());
        let bytes = entry.packed.as_bytes().len();
        if bytes > ENTRY_BYTES_MAX {
            return Err(AppendError::TooLong { bytes });
        }
        let live = self.len() as u64;
        self.facts.entries_added = Some(self.facts.entries_added.unwrap_or(live).saturating_add(1));
        self.facts.last_id = id;
        self.entries.push(entry);
        Ok(())
    }

    /// Removes the entry with this id; whether there was one.
    pub fn remove(&mut self, id: StreamId) -> bool {
        let index = self.entries.partition_point(|other| *other < id);
        if self.entries.get(index).is_none_or(|entry| entry.id != id) {
            return false;
        }
        // Without it, a file could not say how many there were.
        let live = self.len() as u64;
        self.facts.entries_added.get_or_insert(live);
        let deleted = self.facts.deleted_id_max.get_or_insert(StreamId::ZERO);
        *deleted = id.max(*deleted);
        self.entries.remove(index).is_some()
    }

    /// Removes the first entries, so that no more than `len` stay; how many were removed.
    pub fn trim(&mut self, len: usize) -> usize {
        let surplus = self.len().saturating_sub(len);
        if surplus > 0 {
            let live = self.len() as u64;
            self.facts.entries_added.get_or_insert(live);
        }
        (0..surplus).for_each(|_| drop(self.entries.remove(0)));
        surplus
    }

    /// The entries with ids in `range`: ids, and fields with their values. O(log n) to begin with.
    pub fn range(
        &self,
        range: RangeInclusive<StreamId>,
    ) -> impl Iterator<Item = (StreamId, impl Iterator<Item = (&[u8], &[u8])>)> {
        let (first, last) = range.into_inner();
        let index = self.entries.partition_point(|id| *id < first);
        let entries = self.entries.iter_from(index);
        let entries = entries.take_while(move |entry| entry.id <= last);
        entries.map(|entry| (entry.id, entry.fields()))
    }

    /// The consumer groups.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = &ConsumerGroup> {
        self.groups.iter().map(|group| &**group)
    }

    /// A consumer group, to change. Copies it whole if a view still needs it as it was.
    pub fn group_mut(&mut self, name: &[u8]) -> Option<&mut ConsumerGroup> {
        let index = self.groups().position(|group| group.name == name)?;
        let group = self.groups.get_mut(index)?;
        Some(Arc::make_mut(group))
    }

    /// Adds a consumer group; whether its name is new.
    pub fn add_group(&mut self, group: ConsumerGroup) -> bool {
        let is_new = self.groups().all(|other| other.name != group.name);
        if is_new {
            self.groups.push(Arc::new(group));
        }
        is_new
    }

    /// Removes a consumer group.
    pub fn remove_group(&mut self, name: &[u8]) -> Option<ConsumerGroup> {
        let index = self.groups().position(|group| group.name == name)?;
        let group = self.groups.remove(index);
        Some(Arc::unwrap_or_clone(group))
    }

    /// About what it keeps in memory. O(groups).
    pub(crate) fn weight_bytes(&self) -> usize {
        let groups = self.groups().map(|group| {
            // A pending entry stands in the group and with its consumer.
            200 + group.pending.len() * 64 + group.consumers.len() * 100
        });
        self.entries.weight_bytes() + groups.sum::<usize>()
    }

    pub(crate) fn freeze(&self, copies: &Copies) -> FrozenStream {
        self.frozen(self.entries.freeze(copies))
    }

    /// As [`freeze`](Self::freeze), for who lets go of the view before anything changes.
    pub(crate) fn view(&self) -> FrozenStream {
        self.frozen(self.entries.view())
    }

    fn frozen(&self, view: View<Entry>) -> FrozenStream {
        FrozenStream {
            view,
            facts: self.facts,
            groups: self.groups.clone(),
            producers: self.producers.clone(),
            first_id: self.entries.get(0).map(|entry| entry.id),
            started: false,
        }
    }

    /// The type of streams that `target` gets.
    pub(crate) fn value_type_for(target: Target) -> ValueType {
        let known = TYPES.iter().find(|value_type| target.holds(**value_type));
        *known.unwrap_or(&ValueType::Stream)
    }
}

impl From<Owned> for Stream {
    /// Entries that are deleted are left out.
    fn from(stream: Owned) -> Self {
        let live = stream.records.iter().filter(|record| !record.deleted);
        let entries = live.map(|record| {
            let fields = record.fields.iter();
            Entry::new(record.id, fields.map(|(f, v)| (f.as_slice(), v.as_slice())))
        });
        Self {
            entries: entries.collect(),
            facts: Facts {
                last_id: stream.last_id,
                deleted_id_max: stream.deleted_id_max,
                entries_added: stream.entries_added,
            },
            groups: stream.groups.into_iter().map(Arc::new).collect(),
            producers: stream.producers.map(Arc::new),
        }
    }
}

/// A frozen stream and how far it has been encoded: a node for each chunk, then everything else.
pub(crate) struct FrozenStream {
    view: View<Entry>,
    facts: Facts,
    groups: Vec<Arc<ConsumerGroup>>,
    producers: Option<Arc<Producers>>,
    first_id: Option<StreamId>,
    started: bool,
}

impl FrozenStream {
    /// Everything but the entries, as the codec wants it.
    fn rest(&self) -> Owned {
        Owned {
            last_id: self.facts.last_id,
            first_id: self.first_id,
            deleted_id_max: self.facts.deleted_id_max,
            entries_added: self.facts.entries_added,
            groups: self.groups.iter().map(|group| (**group).clone()).collect(),
            producers: self.producers.as_deref().cloned(),
            ..Owned::default()
        }
    }
}

impl Frozen for FrozenStream {
    fn encode_piece(
        &mut self,
        encoder: &mut Encoder,
        out: &mut Vec<u8>,
        piece_bytes: usize,
    ) -> Result<Piece, EncodeError> {
        let end = out.len().saturating_add(piece_bytes);
        if !self.started {
            encoder.length(out, self.view.chunks() as u64);
            self.started = true;
        }
        while self.view.advance() {
            let chunk = self.view.chunk().iter();
            let records: Vec<StreamRecord> = chunk.map(Entry::record).collect();
            encoder.stream_node(out, &records);
            if out.len() >= end {
                return Ok(Piece::More);
            }
        }
        let (value_type, live) = (Stream::value_type_for(encoder.target()), self.view.len());
        let first_id = self.first_id.unwrap_or_default();
        encoder.stream_end(out, value_type, &self.rest(), live as u64, first_id)?;
        Ok(Piece::Last)
    }
}
