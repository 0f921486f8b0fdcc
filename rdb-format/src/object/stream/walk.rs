//! One stream, entry by entry and then part by part.

mod group;

use std::collections::BTreeSet;

use super::entry::StreamEntry;
use super::fault::StreamError;
use super::form::Form;
use super::id::StreamId;
use super::node::{NodeCursor, Record};
use super::part::{StreamFacts, StreamHistory, StreamPart};
use super::pending::Ownership;
use crate::error::DecodeError;
use crate::event::Warning;
use crate::input::{Blob, Input, Slot, Text};
use crate::options::Tombstones;
use crate::source::Source;

/// Space for the ends of more records than this is given back with the next node.
const ENDS_KEPT: usize = 16 * 1024;

/// What the walk stands at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamStep {
    Entry,
    Part,
}

/// Which kind of part comes next.
#[derive(Debug, Clone, Copy)]
enum Stage {
    Nodes,
    Facts,
    Groups,
    Pending,
    Consumers,
    Held,
    Rejected,
    Memory,
    Producers,
    Requests,
    Counters,
    Done,
}

/// How many of each kind are still to come, in the place where the walk is.
#[derive(Debug, Default)]
struct Left {
    nodes: u64,
    groups: u64,
    pending: u64,
    consumers: u64,
    held: u64,
    rejected: u64,
    producers: u64,
    requests: u64,
}

/// The place within a stream. Kept from key to key and started anew for each.
///
/// Constant in size but for the ends of the records of one node, of which each is longer than its
/// end, the ids pending in one group and the names of its consumers.
#[derive(Debug)]
pub(crate) struct StreamWalk {
    form: Form,
    stage: Stage,
    tombstones: Tombstones,
    left: Left,
    node: Option<(Blob, NodeCursor)>,
    record: Option<(Blob, Record)>,
    // Where the records of the node end, and how many of them were passed.
    ends: Vec<u32>,
    passed: usize,
    // The last id, and how many entries are not deleted.
    last: Option<StreamId>,
    live: u64,
    // The last part, and the text that it lacks.
    part: StreamPart<'static>,
    text: Text,
    names: BTreeSet<Vec<u8>>,
    ownership: Ownership,
}

/// Takes one from `left` if there is one.
fn take(left: &mut u64) -> bool {
    let rest = left.checked_sub(1);
    *left = rest.unwrap_or(0);
    rest.is_some()
}

impl StreamWalk {
    pub(crate) fn new() -> Self {
        Self {
            form: Form::Plain,
            stage: Stage::Done,
            tombstones: Tombstones::Drop,
            left: Left::default(),
            node: None,
            record: None,
            ends: Vec::new(),
            passed: 0,
            last: None,
            live: 0,
            part: StreamPart::Held(StreamId::ZERO),
            text: Text::NOWHERE,
            names: BTreeSet::new(),
            ownership: Ownership::default(),
        }
    }

    /// Starts on a stream of a form, and reads the number of its nodes.
    pub(crate) fn start<S: Source>(
        &mut self,
        form: Form,
        tombstones: Tombstones,
        input: &mut Input<S>,
    ) -> Result<(), DecodeError> {
        self.form = form;
        self.tombstones = tombstones;
        self.stage = Stage::Nodes;
        self.left = Left::default();
        self.left.nodes = input.length()?;
        (self.node, self.record, self.last, self.live) = (None, None, None, 0);
        self.names.clear();
        Ok(())
    }

    /// The entry that [`next`](Self::next) gave.
    pub(crate) fn entry<'a, S: Source>(&self, input: &'a Input<S>) -> StreamEntry<'a> {
        let Some((blob, record)) = &self.record else {
            unreachable!("an entry is asked for after it was found")
        };
        record.entry(input.blob_bytes(*blob))
    }

    /// The part that [`next`](Self::next) gave.
    pub(crate) fn part<'a, S: Source>(&self, input: &'a Input<S>) -> StreamPart<'a> {
        let text = || input.text(self.text);
        match self.part {
            StreamPart::Group {
                last_id,
                entries_read,
                ..
            } => StreamPart::Group {
                name: text(),
                last_id,
                entries_read,
            },
            StreamPart::Consumer {
                seen_at_ms,
                active_at_ms,
                ..
            } => StreamPart::Consumer {
                name: text(),
                seen_at_ms,
                active_at_ms,
            },
            StreamPart::Producer { .. } => StreamPart::Producer { name: text() },
            StreamPart::Request { id, .. } => StreamPart::Request {
                request: text(),
                id,
            },
            part => part,
        }
    }

    /// The next entry or part; `None` after the last one.
    pub(crate) fn next<S: Source>(
        &mut self,
        input: &mut Input<S>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Option<StreamStep>, DecodeError> {
        loop {
            let found = match self.stage {
                Stage::Nodes => {
                    if self.next_record(input, warnings)? {
                        return Ok(Some(StreamStep::Entry));
                    }
                    None
                }
                Stage::Facts => Some(self.facts(input, warnings)?),
                Stage::Groups => self.group(input)?,
                Stage::Pending => self.pending(input)?,
                Stage::Consumers => self.consumer(input)?,
                Stage::Held => self.held(input)?,
                Stage::Rejected => self.rejected(input)?,
                Stage::Memory => Some(self.memory(input)?),
                Stage::Producers => self.producer(input)?,
                Stage::Requests => self.request(input)?,
                Stage::Counters => Some(self.counters(input)?),
                Stage::Done => return Ok(None),
            };
            if let Some(part) = found {
                self.part = part;
                return Ok(Some(StreamStep::Part));
            }
        }
    }

    fn next_record<S: Source>(
        &mut self,
        input: &mut Input<S>,
        warnings: &mut Vec<Warning>,
    ) -> Result<bool, DecodeError> {
        loop {
            let Some((blob, cursor)) = &mut self.node else {
                if take(&mut self.left.nodes) {
                    self.node = Some(self.open_node(input, warnings)?);
                    continue;
                }
                self.stage = Stage::Facts;
                return Ok(false);
            };
            let Some(end) = self.ends.get(self.passed) else {
                input.end_blob(*blob);
                self.node = None;
                continue;
            };
            self.passed = self.passed.wrapping_add(1);
            let offset = blob.offset;
            let record = cursor
                .next_checked(input.blob_bytes(*blob), *end)
                .map_err(|source| DecodeError::Stream { offset, source })?;
            if !record.is_deleted() || self.tombstones == Tombstones::Keep {
                self.record = Some((*blob, record));
                return Ok(true);
            }
        }
    }

    /// Reads and checks a whole node.
    fn open_node<S: Source>(
        &mut self,
        input: &mut Input<S>,
        warnings: &mut Vec<Warning>,
    ) -> Result<(Blob, NodeCursor), DecodeError> {
        let offset = input.position();
        let damaged = |source| DecodeError::Stream { offset, source };
        let key = input.string(Slot::First)?;
        let key = input.text(key);
        let length = key.len();
        let key: [u8; 16] = key
            .try_into()
            .map_err(|_| damaged(StreamError::NodeKey { length }))?;
        let blob = input.blob()?;
        let bytes = input.blob_bytes(blob);
        let offset = blob.offset;
        let cursor = NodeCursor::new(StreamId::from_bytes(key), bytes).map_err(damaged)?;
        self.ends.clear();
        self.ends.shrink_to(ENDS_KEPT);
        self.passed = 0;
        let checked = cursor
            .check(bytes, self.last, &mut self.ends)
            .map_err(|source| DecodeError::Stream { offset, source })?;
        self.last = checked.last;
        self.live = self.live.saturating_add(checked.live);
        if checked.padded {
            Warning::PaddedBackLength { offset }.note(warnings);
        }
        Ok((blob, cursor))
    }

    fn facts<S: Source>(
        &mut self,
        input: &mut Input<S>,
        warnings: &mut Vec<Warning>,
    ) -> Result<StreamPart<'static>, DecodeError> {
        let offset = input.position();
        let length = input.length()?;
        if length != self.live {
            let (stated, actual) = (length, self.live);
            Warning::StreamLength {
                offset,
                stated,
                actual,
            }
            .note(warnings);
        }
        let last_id = input.stream_id()?;
        let mut facts = StreamFacts {
            length,
            last_id,
            history: None,
        };
        if self.form >= Form::Counted {
            facts.history = Some(StreamHistory {
                first_id: input.stream_id()?,
                deleted_id_max: input.stream_id()?,
                entries_added: input.length()?,
            });
        }
        self.left.groups = input.length()?;
        self.stage = Stage::Groups;
        Ok(StreamPart::Facts(facts))
    }

    fn memory<S: Source>(
        &mut self,
        input: &mut Input<S>,
    ) -> Result<StreamPart<'static>, DecodeError> {
        let (keep_s, requests_max) = (input.length()?, input.length()?);
        self.left.producers = input.length()?;
        self.stage = Stage::Producers;
        Ok(StreamPart::Producers {
            keep_s,
            requests_max,
        })
    }

    fn producer<S: Source>(
        &mut self,
        input: &mut Input<S>,
    ) -> Result<Option<StreamPart<'static>>, DecodeError> {
        if !take(&mut self.left.producers) {
            self.stage = Stage::Counters;
            return Ok(None);
        }
        self.named(input)?;
        self.left.requests = input.length()?;
        self.stage = Stage::Requests;
        Ok(Some(StreamPart::Producer { name: b"" }))
    }

    fn request<S: Source>(
        &mut self,
        input: &mut Input<S>,
    ) -> Result<Option<StreamPart<'static>>, DecodeError> {
        if !take(&mut self.left.requests) {
            self.stage = Stage::Producers;
            return Ok(None);
        }
        self.text = input.string(Slot::First)?;
        let id = input.stream_id()?;
        Ok(Some(StreamPart::Request { request: b"", id }))
    }

    fn counters<S: Source>(
        &mut self,
        input: &mut Input<S>,
    ) -> Result<StreamPart<'static>, DecodeError> {
        let (added, repeated) = (input.length()?, input.length()?);
        self.stage = Stage::Done;
        Ok(StreamPart::Requests { added, repeated })
    }

    /// Reads the name of a group or producer, which no other has.
    fn named<S: Source>(&mut self, input: &mut Input<S>) -> Result<(), DecodeError> {
        let offset = input.position();
        self.text = input.string(Slot::First)?;
        if !self.names.insert(input.text(self.text).to_vec()) {
            let source = StreamError::Name;
            return Err(DecodeError::Stream { offset, source });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::compact::{BackLengths, ListpackWriter};
    use crate::error::DecodeError;
    use crate::event::Warning;
    use crate::object::{StreamError, StreamId, Value};
    use crate::options::{ReadOptions, Tombstones};
    use crate::reader::Reader;

    fn listpack(integers: &[i64]) -> Vec<u8> {
        let mut writer = ListpackWriter::new(BackLengths::Short);
        for integer in integers {
            writer.push_integer(*integer);
        }
        writer.finish().to_vec()
    }

    /// Two records of one field, the second one deleted.
    const NODE: [i64; 15] = [1, 1, 1, 7, 0, 2, 0, 0, 8, 4, 3, 0, 1, 9, 4];

    /// A stream with one node, and after it `rest`.
    fn stream(value_type: u8, node: &[i64], rest: &[u8]) -> Vec<u8> {
        let node = listpack(node);
        let mut bytes = b"REDIS0003".to_vec();
        bytes.extend_from_slice(&[value_type, 1, b'k', 1, 16]);
        bytes.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 1]);
        bytes.push(u8::try_from(node.len()).unwrap());
        bytes.extend_from_slice(&node);
        bytes.extend_from_slice(rest);
        bytes.push(0xff);
        bytes
    }

    fn fault(bytes: &[u8]) -> StreamError {
        match Reader::from_slice(bytes).next_entry() {
            Err(DecodeError::Stream { source, .. }) => source,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn tombstones_are_kept_if_wanted() {
        let bytes = stream(15, &NODE, b"\x01\x05\x02\0");
        for (tombstones, expected) in [(Tombstones::Drop, 1), (Tombstones::Keep, 2)] {
            let options = ReadOptions {
                tombstones,
                ..ReadOptions::default()
            };
            let mut reader = Reader::from_slice(&bytes).with_options(options);
            let Value::Stream(stream) = reader.next_entry().unwrap().unwrap().value else {
                panic!("a stream");
            };
            assert_eq!((stream.records.len(), stream.len()), (expected, 1));
            assert_eq!(stream.records[0].fields, [(b"7".to_vec(), b"8".to_vec())]);
            assert_eq!(reader.warnings(), []);
        }
    }

    #[test]
    fn a_wrong_length_is_odd_but_no_error() {
        let bytes = stream(15, &NODE, b"\x09\x05\x02\0");
        let mut reader = Reader::from_slice(&bytes);
        reader.next_entry().unwrap();
        let (stated, actual) = (9, 1);
        let [
            Warning::StreamLength {
                stated: s,
                actual: a,
                ..
            },
        ] = reader.warnings()
        else {
            panic!("{:?}", reader.warnings());
        };
        assert_eq!((*s, *a), (stated, actual));
    }

    #[test]
    fn each_damage_of_a_node_has_its_error() {
        let node = StreamId { ms: 5, seq: 1 };
        let with = |at: usize, value: i64| {
            let mut changed = NODE;
            changed[at] = value;
            fault(&stream(15, &changed, b"\x01\x05\x02\0"))
        };
        let is_record = |error| matches!(error, StreamError::Record { .. });
        assert_eq!(
            fault(&stream(15, &[0, 0, 0, 0], b"")),
            StreamError::EmptyNode { node }
        );
        let (stated, actual) = (1, 0);
        let deleted = StreamError::Deleted {
            node,
            stated,
            actual,
        };
        assert_eq!(with(10, 2), deleted);
        let order = StreamError::Order {
            id: node,
            last: node,
        };
        assert_eq!(with(12, 0), order);
        assert!(is_record(with(0, -1)), "a negative number of records");
        assert!(is_record(with(0, 2)), "a record that is not there");
        assert!(is_record(with(2, 1000)), "more fields than there are");
        assert!(is_record(with(4, 1)), "the head ends in 0");
        assert!(is_record(with(9, 5)), "number of entries of a record");
        assert!(
            is_record(with(5, 0)),
            "fields of its own that are not there"
        );
    }

    #[test]
    fn each_damage_of_a_group_has_its_error() {
        let id = StreamId { ms: 5, seq: 1 };
        let pending = [&id.to_bytes()[..], &[0; 8], b"\x01"].concat();
        let holds = |name: &[u8], n: u8| {
            [
                b"\x01",
                name,
                &[0; 8],
                &[n],
                &id.to_bytes().repeat(usize::from(n)),
            ]
            .concat()
        };
        let group = |parts: &[&[u8]]| {
            let rest = [b"\x01\x05\x02\x01\x01g\0\0", parts.concat().as_slice()].concat();
            fault(&stream(15, &NODE, &rest))
        };
        let (a, b, none) = (holds(b"a", 1), holds(b"b", 1), holds(b"a", 0));
        assert_eq!(
            group(&[b"\x02", &pending, &pending]),
            StreamError::PendingTwice { id }
        );
        assert_eq!(group(&[b"\0\x01", &a]), StreamError::NotPending { id });
        assert_eq!(
            group(&[b"\x01", &pending, b"\x02", &a, &b]),
            StreamError::HeldTwice { id }
        );
        assert_eq!(
            group(&[b"\x01", &pending, b"\x01", &none]),
            StreamError::HeldByNobody { id }
        );
        assert_eq!(group(&[b"\0\x02", &none, &none]), StreamError::Name);
        let twice = b"\x01\x05\x02\x02\x01g\0\0\0\0\x01g";
        assert_eq!(fault(&stream(15, &NODE, twice)), StreamError::Name);
    }
}
