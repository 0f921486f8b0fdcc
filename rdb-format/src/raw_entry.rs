//! Keys whose values stay as they are stored, for copying without decoding.

use crate::compact::BackLengths;
use crate::encoder::Encoder;
use crate::error::DecodeError;
use crate::event::{Dialect, Element, Event};
use crate::object::Value;
use crate::options::{ReadOptions, Values};
use crate::reader::Reader;
use crate::source::Source;
use crate::target::{Compression, Target};
use crate::value_type::ValueType;

/// A key whose value stays as it is stored.
///
/// Only outer lengths of the value were read. Whoever writes it elsewhere passes on what is wrong
/// inside, unless [`decode`](RawEntry::decode) finds nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RawEntry {
    /// The database it belongs to.
    pub db: u32,
    /// The key.
    pub key: Vec<u8>,
    /// When it expires, in milliseconds since 1970.
    pub expire_at_ms: Option<i64>,
    /// Seconds since it was last used.
    pub idle_s: Option<u64>,
    /// Access frequency, logarithmic.
    pub freq: Option<u8>,
    /// Metadata that modules keep with the key, as stored (Redis 8.6).
    pub meta: Option<Vec<u8>>,
    /// Type of the value.
    pub value_type: ValueType,
    /// Who wrote it: number 22 means one type to Redis, and another to Valkey.
    pub dialect: Dialect,
    /// In which form its listpacks are, if it holds any.
    pub back_lengths: BackLengths,
    /// What follows the key in the stream.
    pub body: Vec<u8>,
}

impl RawEntry {
    /// The value, taken apart and checked, with default options, whatever those of the reader that
    /// gave the entry.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when it is damaged. Offsets count from the start of the body.
    pub fn decode(&self) -> Result<Value, DecodeError> {
        self.decode_with(ReadOptions::default())
    }

    /// As [`decode`](Self::decode), with options. The dialect is the entry's own, and values are
    /// always taken apart.
    ///
    /// ```
    /// use rdb_format::{DecodeError, Limits, ReadOptions, Reader};
    ///
    /// let mut reader = Reader::from_slice(b"REDIS0003\x01\x04list\x02\x01a\xc0\x05\xff");
    /// let entry = reader.next_raw_entry()?.expect("one key");
    /// let limits = Limits { elements_max: 1, ..Limits::default() };
    /// let refused = entry.decode_with(ReadOptions { limits, ..ReadOptions::default() });
    /// assert!(matches!(refused, Err(DecodeError::Limit { .. })));
    /// # Ok::<(), DecodeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`decode`](Self::decode), and what the options forbid.
    pub fn decode_with(&self, options: ReadOptions) -> Result<Value, DecodeError> {
        decode_body(self.value_type, self.dialect, &self.body, options)
    }
}

/// Takes the body of a value apart, which must end with it.
pub(crate) fn decode_body(
    value_type: ValueType,
    dialect: Dialect,
    body: &[u8],
    options: ReadOptions,
) -> Result<Value, DecodeError> {
    let mut reader = Reader::of_value(body, value_type, dialect, options)?;
    let Some(mut value) = Value::empty(value_type) else {
        unreachable!("a value that can be begun can be held")
    };
    while let Some(event) = reader.next_event()? {
        match event {
            Event::Element(element) => value.push(element),
            Event::Stream(part) => value.add(part),
            Event::InsertIndex(index) => value.set_insert_index(index),
            _ => break,
        }
    }
    let offset = reader.position();
    let bytes = (body.len() as u64).saturating_sub(offset);
    if bytes > 0 {
        return Err(DecodeError::Trailing { offset, bytes });
    }
    Ok(value)
}

impl<S: Source> Reader<S> {
    /// The next key with its value as it is stored, past all other events; `None` once the stream
    /// is complete and its checksum verified.
    ///
    /// Hashes with templates come as plain hashes, as a template is good for its stream only.
    ///
    /// ```
    /// use rdb_format::{Reader, Value, ValueType};
    ///
    /// let mut reader = Reader::from_slice(b"REDIS0003\x01\x04list\x02\x01a\xc0\x05\xff");
    /// let entry = reader.next_raw_entry()?.expect("one key");
    /// assert_eq!(entry.value_type, ValueType::List);
    /// assert_eq!(entry.body, b"\x02\x01a\xc0\x05");
    /// assert_eq!(entry.decode()?, Value::List(vec![b"a".to_vec(), b"5".to_vec()]));
    /// # Ok::<(), rdb_format::DecodeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`next_event`](Reader::next_event).
    pub fn next_raw_entry(&mut self) -> Result<Option<RawEntry>, DecodeError> {
        let values = self.set_values(Values::Raw);
        let entry = self.raw_entry();
        self.set_values(values);
        entry
    }

    fn raw_entry(&mut self) -> Result<Option<RawEntry>, DecodeError> {
        let mut entry: Option<RawEntry> = None;
        let mut meta = None;
        let mut fields = Vec::new();
        let dialect = self.dialect();
        while let Some(event) = self.next_event()? {
            match event {
                Event::KeyMeta(bytes) => meta = Some(bytes.to_vec()),
                Event::Key(head) => {
                    entry = Some(RawEntry {
                        db: 0,
                        key: head.key.to_vec(),
                        expire_at_ms: head.expire_at_ms,
                        idle_s: head.idle_s,
                        freq: head.freq,
                        meta: meta.take(),
                        value_type: head.value_type,
                        dialect,
                        back_lengths: BackLengths::Padded,
                        body: Vec::new(),
                    });
                }
                Event::Element(Element::Raw(piece)) => {
                    if let Some(entry) = &mut entry {
                        entry.body.extend_from_slice(piece);
                    }
                }
                Event::Element(Element::Field(field, value)) => {
                    fields.push((field.to_vec(), value.to_vec()));
                }
                Event::KeyEnd { .. } => {
                    if let Some(mut entry) = entry {
                        entry.db = self.database();
                        entry.dialect = self.dialect();
                        entry.back_lengths = BackLengths::of_stream(entry.dialect, self.version());
                        entry.resolve(fields);
                        return Ok(Some(entry));
                    }
                    fields.clear();
                }
                _ => {}
            }
        }
        Ok(None)
    }
}

impl RawEntry {
    /// Turns a hash with a template, whose fields were reported, into a plain one.
    fn resolve(&mut self, fields: Vec<(Vec<u8>, Vec<u8>)>) {
        if matches!(
            self.value_type,
            ValueType::HashTemplate
                | ValueType::HashTemplateListpack
                | ValueType::HashTemplateRef
                | ValueType::HashTemplateListpackRef
        ) {
            self.value_type = ValueType::Hash;
            let mut encoder = Encoder::new(Target::Redis5, Compression::None);
            Value::Hash(fields).encode(&mut encoder, &mut self.body, ValueType::Hash);
        }
    }
}
