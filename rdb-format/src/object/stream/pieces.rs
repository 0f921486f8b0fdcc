//! Streams to bytes in pieces, for those who do not keep one as a whole.

use super::encode::{encode_end, encode_node, losses_with};
use super::form::Form;
use super::id::StreamId;
use super::owned::{Stream, StreamRecord};
use crate::encoder::Encoder;
use crate::error::EncodeError;
use crate::value_type::ValueType;

impl Encoder {
    /// Appends one node of a stream: some of its entries, at least one, in the order of their ids.
    ///
    /// The body of a stream is the number of its nodes, as a [`length`](Self::length); so many
    /// nodes, in the order of their ids; and [`stream_end`](Self::stream_end). Servers keep nodes
    /// to 4 KiB and 100 entries by default, and load others.
    ///
    /// ```
    /// use rdb_format::{Compression, Encoder, Stream, StreamId, StreamRecord, Target, ValueType};
    ///
    /// let id = StreamId { ms: 7, seq: 1 };
    /// let entry = StreamRecord { id, fields: vec![(b"f".into(), b"v".into())], deleted: false };
    /// let stream = Stream { last_id: id, ..Stream::default() };
    /// let mut encoder = Encoder::new(Target::Redis70, Compression::None);
    /// let mut out = Vec::new();
    /// encoder.key(&mut out, b"log", ValueType::Stream2, None);
    /// encoder.length(&mut out, 1);
    /// encoder.stream_node(&mut out, &[entry]);
    /// encoder.stream_end(&mut out, ValueType::Stream2, &stream, 1, id)?;
    /// # Ok::<(), rdb_format::EncodeError>(())
    /// ```
    ///
    /// # Panics
    ///
    /// When there is no entry: a node that is counted and not there would make the stream
    /// unreadable.
    pub fn stream_node(&mut self, out: &mut Vec<u8>, entries: &[StreamRecord]) {
        encode_node(self, out, entries);
    }

    /// Appends what follows the nodes of a stream, for a key of type `value_type`: everything in
    /// `stream` but its records, which stood in the nodes. `live` of them are not deleted, and
    /// `first_id` is the id of the first of these, or [`StreamId::ZERO`].
    ///
    /// # Errors
    ///
    /// [`EncodeError`], with an empty key, when no server could load the stream as far as it is in
    /// `stream`, when `value_type` is none of the target's types of streams, or when it cannot hold
    /// everything and losses are not allowed; `out` is then left as it was.
    pub fn stream_end(
        &mut self,
        out: &mut Vec<u8>,
        value_type: ValueType,
        stream: &Stream,
        live: u64,
        first_id: StreamId,
    ) -> Result<(), EncodeError> {
        let form = Form::of(value_type).filter(|_| self.target().holds(value_type));
        let Some(form) = form else {
            return Err(EncodeError::Type {
                key: Vec::new(),
                value_type,
                target: self.target(),
            });
        };
        stream.check().map_err(|source| EncodeError::Stream {
            key: Vec::new(),
            source,
        })?;
        self.lose(b"", &losses_with(stream, live, form))?;
        encode_end(self, out, stream, (live, first_id), form);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::Value;
    use crate::target::{Compression, Target};

    fn stream(entries: u64) -> Stream {
        let record = |n: u64| StreamRecord {
            id: StreamId { ms: 5 + n, seq: n },
            deleted: n == 3,
            fields: vec![(b"field".to_vec(), n.to_string().into_bytes())],
        };
        Stream {
            records: (0..entries).map(record).collect(),
            last_id: StreamId { ms: 1000, seq: 0 },
            entries_added: Some(entries + 2),
            ..Stream::default()
        }
    }

    #[test]
    fn pieces_are_the_whole_where_nodes_are_cut_alike() {
        let whole = stream(150);
        for target in [Target::Redis70, Target::Redis72, Target::Redis88] {
            let mut encoder = Encoder::new(target, Compression::None);
            let value = Value::Stream(Box::new(whole.clone()));
            let mut expected = Vec::new();
            encoder.entry(&mut expected, b"", None, &value).unwrap();
            let value_type = ValueType::try_from(expected[0]).unwrap();

            let mut out = Vec::new();
            encoder.key(&mut out, b"", value_type, None);
            encoder.length(&mut out, 2);
            encoder.stream_node(&mut out, &whole.records[..100]);
            encoder.stream_node(&mut out, &whole.records[100..]);
            let rest = Stream {
                records: Vec::new(),
                ..whole.clone()
            };
            let first_id = whole.records[0].id;
            let ended = encoder.stream_end(&mut out, value_type, &rest, 149, first_id);
            assert_eq!(ended, Ok(()));
            assert_eq!(out, expected, "{target:?}");
        }
    }

    #[test]
    #[should_panic(expected = "a node of a stream has at least one entry")]
    fn node_without_entries_is_no_node() {
        let mut encoder = Encoder::new(Target::Redis70, Compression::None);
        encoder.stream_node(&mut Vec::new(), &[]);
    }

    #[test]
    fn what_the_type_cannot_hold_is_refused() {
        let mut encoder = Encoder::new(Target::Redis5, Compression::None);
        let mut out = Vec::new();
        let mut end =
            |value_type| encoder.stream_end(&mut out, value_type, &stream(0), 0, StreamId::ZERO);
        let lost = end(ValueType::Stream).unwrap_err();
        assert!(matches!(lost, EncodeError::Loss { .. }), "{lost}");
        let unknown = end(ValueType::Stream3).unwrap_err();
        assert!(matches!(unknown, EncodeError::Type { .. }), "{unknown}");
        assert!(out.is_empty());
    }
}
