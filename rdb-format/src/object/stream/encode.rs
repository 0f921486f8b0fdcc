//! Streams to bytes.

use super::fault::StreamError;
use super::form::Form;
use super::id::StreamId;
use super::node::{DELETED, SAME_FIELDS};
use super::owned::{Consumer, ConsumerGroup, Producers, Stream, StreamRecord};
use super::pending::Ownership;
use crate::compact::ListpackWriter;
use crate::encoder::Encoder;
use crate::target::Loss;

/// A node ends before it would have more bytes or records than this, as servers do by default.
const NODE_BYTES_MAX: usize = 4096;
const NODE_RECORDS_MAX: usize = 100;
/// Longest record, in bytes of its texts: servers keep nodes below 1 GiB.
const RECORD_BYTES_MAX: usize = 1 << 30;
/// Number of entries read that stands for none known.
const READ_UNKNOWN: u64 = u64::MAX;

/// What a stream loses when it is written in `form`.
pub(crate) fn losses(stream: &Stream, form: Form) -> Vec<Loss> {
    losses_with(stream, stream.len() as u64, form)
}

/// As [`losses`], of a stream with `live` entries, wherever they are.
pub(super) fn losses_with(stream: &Stream, live: u64, form: Form) -> Vec<Loss> {
    let counted = stream.entries_added.is_some_and(|added| added != live)
        || stream.deleted_id_max.unwrap_or_default() != StreamId::ZERO
        || stream
            .groups
            .iter()
            .any(|group| group.entries_read.is_some());
    let mut consumers = stream.groups.iter().flat_map(|group| &group.consumers);
    let active = consumers.any(|c| c.active_at_ms.is_some_and(|at| at != c.seen_at_ms));
    let remembers = stream
        .producers
        .as_ref()
        .is_some_and(|p| *p != Producers::default());
    let rejected = stream.groups.iter().any(|group| !group.rejected.is_empty());
    [
        (Form::Counted, counted, Loss::StreamCounters),
        (Form::Active, active, Loss::ConsumerActivity),
        (Form::Producers, remembers, Loss::StreamProducers),
        (Form::Rejected, rejected, Loss::RejectedEntries),
    ]
    .into_iter()
    .filter_map(|(from, has, loss)| (has && form < from).then_some(loss))
    .collect()
}

impl Stream {
    /// Fails if a server would refuse the stream, or misread it.
    pub(crate) fn check(&self) -> Result<(), StreamError> {
        let mut last: Option<StreamId> = None;
        for record in &self.records {
            let id = record.id;
            if let Some(last) = last.filter(|last| *last >= id) {
                return Err(StreamError::Order { id, last });
            }
            last = Some(id);
            let texts = record.fields.iter();
            let bytes = texts.fold(0_usize, |sum, (field, value)| {
                // Each text takes at most ten bytes beside its own.
                sum.saturating_add(field.len())
                    .saturating_add(value.len())
                    .saturating_add(20)
            });
            if bytes > RECORD_BYTES_MAX {
                return Err(StreamError::RecordTooLong { id, bytes });
            }
        }
        if let Some(last) = last.filter(|last| *last > self.last_id) {
            let id = self.last_id;
            return Err(StreamError::Order { id, last });
        }
        check_names(
            self.groups
                .iter()
                .map(|group| group.name.as_slice())
                .collect(),
        )?;
        let producers = self.producers.iter().flat_map(|p| &p.producers);
        check_names(producers.map(|producer| producer.name.as_slice()).collect())?;
        self.groups.iter().try_for_each(check_group)
    }
}

fn check_names(mut names: Vec<&[u8]>) -> Result<(), StreamError> {
    names.sort_unstable();
    if names.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(StreamError::Name);
    }
    Ok(())
}

fn check_group(group: &ConsumerGroup) -> Result<(), StreamError> {
    let mut ownership = Ownership::default();
    group
        .pending
        .iter()
        .for_each(|entry| ownership.add(entry.id));
    ownership.seal()?;
    for consumer in &group.consumers {
        ownership.consumer(&consumer.name)?;
        consumer
            .held
            .iter()
            .try_for_each(|id| ownership.hold(*id))?;
    }
    group
        .rejected
        .iter()
        .try_for_each(|id| ownership.hold(*id))?;
    ownership.finish()
}

/// Appends the body of a stream, in `form`. What the form has no place for is left out.
pub(crate) fn encode(encoder: &mut Encoder, out: &mut Vec<u8>, stream: &Stream, form: Form) {
    encode_nodes(encoder, out, &stream.records);
    let first = stream.records.iter().find(|record| !record.deleted);
    let first_id = first.map(|record| record.id).unwrap_or_default();
    encode_end(encoder, out, stream, (stream.len() as u64, first_id), form);
}

/// Appends what follows the nodes, of which there are so many `live` entries in all, the first of
/// them with this id.
pub(super) fn encode_end(
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
    stream: &Stream,
    (live, first_id): (u64, StreamId),
    form: Form,
) {
    // Servers refuse streams that got fewer entries than they have, or gave more than they got.
    let entries_added = stream.entries_added.unwrap_or(live).max(live);
    encoder.length(out, live);
    encode_id(encoder, out, stream.last_id);
    if form >= Form::Counted {
        encode_id(encoder, out, first_id);
        encode_id(encoder, out, stream.deleted_id_max.unwrap_or_default());
        encoder.length(out, entries_added);
    }
    encoder.length(out, stream.groups.len() as u64);
    for group in &stream.groups {
        encode_group(encoder, out, group, form, entries_added);
    }
    if form >= Form::Producers {
        encode_producers(encoder, out, stream.producers.as_ref());
    }
}

fn encode_id(encoder: &mut Encoder, out: &mut Vec<u8>, id: StreamId) {
    encoder.length(out, id.ms);
    encoder.length(out, id.seq);
}

/// Appends the number of nodes and the nodes. They are packed first, as their number stands in
/// front.
fn encode_nodes(encoder: &mut Encoder, out: &mut Vec<u8>, records: &[StreamRecord]) {
    let form = encoder.target().back_lengths();
    let mut packed = Vec::new();
    let mut count = 0_u64;
    let (mut body, mut node) = (ListpackWriter::new(form), ListpackWriter::new(form));
    let mut rest = records;
    while let Some(head) = rest.first() {
        body.clear();
        let (mut taken, mut deleted) = (0_usize, 0_i64);
        for record in rest.iter().take(NODE_RECORDS_MAX) {
            let before = body.mark();
            push_record(&mut body, record, head);
            if taken > 0 && body.len() > NODE_BYTES_MAX {
                body.undo_to(before);
                break;
            }
            taken = taken.wrapping_add(1);
            deleted = deleted.wrapping_add(i64::from(record.deleted));
        }
        let live = i64::try_from(taken).unwrap_or(0).wrapping_sub(deleted);
        append_node(
            encoder,
            &mut packed,
            &mut node,
            head,
            (live, deleted),
            &body,
        );
        count = count.wrapping_add(1);
        rest = rest.get(taken..).unwrap_or_default();
    }
    encoder.length(out, count);
    out.extend_from_slice(&packed);
}

/// Appends a node of these entries, however many they are. Panics if there are none.
pub(super) fn encode_node(encoder: &mut Encoder, out: &mut Vec<u8>, records: &[StreamRecord]) {
    let [head, ..] = records else {
        panic!("a node of a stream has at least one entry")
    };
    let form = encoder.target().back_lengths();
    let (mut body, mut node) = (ListpackWriter::new(form), ListpackWriter::new(form));
    for record in records {
        push_record(&mut body, record, head);
    }
    let deleted = records.iter().filter(|record| record.deleted).count();
    let live = records.len().saturating_sub(deleted);
    let [live, deleted] = [live, deleted].map(|count| i64::try_from(count).unwrap_or(0));
    append_node(encoder, out, &mut node, head, (live, deleted), &body);
}

/// Appends the node that begins with `head` and has the records in `body`; packs it in `node`.
fn append_node(
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
    node: &mut ListpackWriter,
    head: &StreamRecord,
    (live, deleted): (i64, i64),
    body: &ListpackWriter,
) {
    node.clear();
    node.push_integer(live);
    node.push_integer(deleted);
    push_len(node, head.fields.len());
    head.fields.iter().for_each(|(field, _)| node.push(field));
    node.push_integer(0);
    node.push_all(body);
    encoder.length(out, 16);
    out.extend_from_slice(&head.id.to_bytes());
    encoder.string(out, node.finish());
}

/// Appends the record of an entry, in a node that `head` is the first entry of.
fn push_record(out: &mut ListpackWriter, record: &StreamRecord, head: &StreamRecord) {
    let names = |record: &StreamRecord| record.fields.len();
    let mut pairs = record.fields.iter().zip(&head.fields);
    let same = names(record) == names(head) && pairs.all(|(left, right)| left.0 == right.0);
    let mut flags = if record.deleted { DELETED } else { 0 };
    if same {
        flags |= SAME_FIELDS;
    }
    out.push_integer(flags);
    let (ms, seq) = record.id.minus(head.id);
    out.push_integer(ms);
    out.push_integer(seq);
    let count = record.fields.len();
    if same {
        record.fields.iter().for_each(|(_, value)| out.push(value));
        push_len(out, count.saturating_add(3));
        return;
    }
    push_len(out, count);
    for (field, value) in &record.fields {
        out.push(field);
        out.push(value);
    }
    push_len(out, count.saturating_mul(2).saturating_add(4));
}

fn push_len(out: &mut ListpackWriter, len: usize) {
    out.push_integer(i64::try_from(len).unwrap_or(i64::MAX));
}

fn encode_group(
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
    group: &ConsumerGroup,
    form: Form,
    entries_added: u64,
) {
    encoder.string(out, &group.name);
    encode_id(encoder, out, group.last_id);
    if form >= Form::Counted {
        let read = group.entries_read.map(|read| read.min(entries_added));
        encoder.length(out, read.unwrap_or(READ_UNKNOWN));
    }
    // A form without rejected entries has no place for entries that nobody holds.
    let mut rejected = group.rejected.clone();
    rejected.sort_unstable();
    let keeps = |id: &StreamId| form >= Form::Rejected || rejected.binary_search(id).is_err();
    let pending: Vec<_> = group.pending.iter().filter(|p| keeps(&p.id)).collect();
    encoder.length(out, pending.len() as u64);
    for entry in pending {
        out.extend_from_slice(&entry.id.to_bytes());
        out.extend_from_slice(&entry.delivered_at_ms.to_le_bytes());
        encoder.length(out, entry.deliveries);
    }
    encoder.length(out, group.consumers.len() as u64);
    for consumer in &group.consumers {
        encode_consumer(encoder, out, consumer, form);
    }
    if form >= Form::Rejected {
        encoder.length(out, group.rejected.len() as u64);
        for id in &group.rejected {
            out.extend_from_slice(&id.to_bytes());
        }
    }
}

fn encode_consumer(encoder: &mut Encoder, out: &mut Vec<u8>, consumer: &Consumer, form: Form) {
    encoder.string(out, &consumer.name);
    out.extend_from_slice(&consumer.seen_at_ms.to_le_bytes());
    if form >= Form::Active {
        let active_at_ms = consumer.active_at_ms.unwrap_or(consumer.seen_at_ms);
        out.extend_from_slice(&active_at_ms.to_le_bytes());
    }
    encoder.length(out, consumer.held.len() as u64);
    for id in &consumer.held {
        out.extend_from_slice(&id.to_bytes());
    }
}

/// Appends what is remembered of producers; where that is nothing, what servers start with.
fn encode_producers(encoder: &mut Encoder, out: &mut Vec<u8>, producers: Option<&Producers>) {
    let nothing = Producers::default();
    let producers = producers.unwrap_or(&nothing);
    encoder.length(out, producers.keep_s);
    encoder.length(out, producers.requests_max);
    encoder.length(out, producers.producers.len() as u64);
    for producer in &producers.producers {
        encoder.string(out, &producer.name);
        encoder.length(out, producer.requests.len() as u64);
        for (request, id) in &producer.requests {
            encoder.string(out, request);
            encode_id(encoder, out, *id);
        }
    }
    encoder.length(out, producers.added);
    encoder.length(out, producers.repeated);
}
