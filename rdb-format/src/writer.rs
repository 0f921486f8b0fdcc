//! Whole streams into anything that can be written.

use std::io;

use crate::crc64::Crc64;
use crate::encoder::Encoder;
use crate::entry::Entry;
use crate::error::{EncodeError, WriteError};
use crate::event::Element;
use crate::object::Value;
use crate::raw_entry::RawEntry;
use crate::value_type::{Family, ValueType};

/// How many bytes are collected before they are written. Values that come whole are collected
/// whole.
const BUFFER_BYTES: usize = 128 * 1024;

/// Writes a stream into an [`io::Write`], with its checksum, through a buffer of 128 KiB.
///
/// Whole values go through [`entry`](Writer::entry), [`record`](Writer::record) and
/// [`raw_entry`](Writer::raw_entry). A value too big for that is begun with
/// [`begin`](Writer::begin), which is told how many elements come, and gets them one by one: it
/// passes in constant memory. What the [`Encoder`] can append beside keys goes through
/// [`append`](Writer::append).
///
/// The output needs no buffer of its own. It is whole only once [`finish`](Writer::finish) has
/// said so.
///
/// ```
/// use rdb_format::{
///     Compression, Element, Encoder, Reader, Target, Value, ValueType, Writer,
/// };
///
/// let encoder = Encoder::new(Target::Redis72, Compression::Lzf);
/// let mut writer = Writer::new(Vec::new(), encoder);
/// writer.entry(b"greeting", None, &Value::String(b"hello".to_vec()))?;
/// writer.begin(b"numbers", ValueType::List, None, 1000)?;
/// for number in 0..1000 {
///     writer.element(Element::Item(number.to_string().as_bytes()))?;
/// }
/// let (file, written) = writer.finish()?;
/// assert_eq!((written.keys, written.bytes), (2, file.len() as u64));
///
/// let mut reader = Reader::from_slice(&file);
/// while reader.next_entry()?.is_some() {}
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Writer<W> {
    output: W,
    encoder: Encoder,
    buffer: Vec<u8>,
    // What was written, and its checksum unless that is off.
    bytes: u64,
    checksum: Option<Crc64>,
    keys: u64,
    // The database that a key written now falls into, if that was said.
    database: Option<u32>,
    open: Open,
    key: Vec<u8>,
}

/// The value that is being written element by element; its key is in `key`.
#[derive(Debug, Clone, Copy)]
enum Open {
    None,
    Value {
        family: Family,
        elements: u64,
        missing: u64,
    },
    /// The output failed.
    Failed,
}

/// What a [`Writer`] wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Written {
    /// Length of the stream, in bytes.
    pub bytes: u64,
    /// Keys in it, over all databases.
    pub keys: u64,
    /// The checksum at its end; 0 if it was off.
    pub crc64: u64,
}

impl<W: io::Write> Writer<W> {
    /// Begins a stream with the header of the encoder's target.
    pub fn new(output: W, mut encoder: Encoder) -> Self {
        let mut buffer = Vec::with_capacity(BUFFER_BYTES.wrapping_mul(2));
        encoder.header(&mut buffer);
        Self {
            output,
            encoder,
            buffer,
            bytes: 0,
            checksum: Some(Crc64::new()),
            keys: 0,
            database: None,
            open: Open::None,
            key: Vec::new(),
        }
    }

    /// Leaves the checksum out: 0 stands for it, which servers take for none.
    #[must_use]
    pub fn without_checksum(mut self) -> Self {
        self.checksum = None;
        self
    }

    /// The encoder, to ask it for its target or its losses.
    pub const fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Has `append` append records that are no keys, such as [`aux`](Encoder::aux) and
    /// [`function`](Encoder::function), or bytes of keys that the writer does not count. It gets
    /// an empty vector, and may leave another database selected: the next
    /// [`select_db`](Writer::select_db) is written whatever it says.
    ///
    /// ```
    /// # use rdb_format::{Compression, Encoder, Target, Writer};
    /// let encoder = Encoder::new(Target::Redis72, Compression::None);
    /// let mut writer = Writer::new(Vec::new(), encoder);
    /// writer.append(|encoder, out| encoder.aux(out, b"redis-bits", b"64"))?;
    /// # Ok::<(), rdb_format::WriteError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`WriteError::Write`] when the output fails, [`WriteError::Unfinished`] when elements are
    /// missing.
    pub fn append<T>(
        &mut self,
        append: impl FnOnce(&mut Encoder, &mut Vec<u8>) -> T,
    ) -> Result<T, WriteError> {
        self.between_keys()?;
        let mut bytes = Vec::new();
        let appended = append(&mut self.encoder, &mut bytes);
        self.database = None;
        self.pass(&bytes)?;
        Ok(appended)
    }

    /// Has the keys that follow belong to database `db`: 0 at first.
    ///
    /// # Errors
    ///
    /// As [`append`](Writer::append).
    pub fn select_db(&mut self, db: u32) -> Result<(), WriteError> {
        self.between_keys()?;
        if self.database != Some(db) {
            self.encoder.select_db(&mut self.buffer, db);
            self.database = Some(db);
        }
        Ok(())
    }

    /// Writes a key with its whole value, in the type that suits the target best.
    ///
    /// # Errors
    ///
    /// [`WriteError::Encode`] when the target cannot hold the value, and as
    /// [`append`](Writer::append).
    pub fn entry(
        &mut self,
        key: &[u8],
        expire_at_ms: Option<i64>,
        value: &Value,
    ) -> Result<(), WriteError> {
        self.whole_key(|encoder, out| encoder.entry(out, key, expire_at_ms, value))
    }

    /// Writes a key as it was read: to its database, with its attributes.
    ///
    /// # Errors
    ///
    /// As [`entry`](Writer::entry).
    pub fn record(&mut self, entry: &Entry) -> Result<(), WriteError> {
        self.select_db(entry.db)?;
        self.whole_key(|encoder, out| encoder.record(out, entry))
    }

    /// Writes a key to its database, with its value as it was stored.
    ///
    /// # Errors
    ///
    /// As [`entry`](Writer::entry).
    pub fn raw_entry(&mut self, entry: &RawEntry) -> Result<(), WriteError> {
        self.select_db(entry.db)?;
        self.whole_key(|encoder, out| encoder.raw_entry(out, entry))
    }

    fn whole_key(
        &mut self,
        encode: impl FnOnce(&mut Encoder, &mut Vec<u8>) -> Result<(), EncodeError>,
    ) -> Result<(), WriteError> {
        self.between_keys()?;
        encode(&mut self.encoder, &mut self.buffer)?;
        self.keys = self.keys.wrapping_add(1);
        self.drain()
    }

    /// Writes a key whose value comes by [`element`](Writer::element) in so many elements, or
    /// bytes of a string.
    ///
    /// It can be a [`String`](ValueType::String), which comes in pieces of any length as
    /// [`Element::Raw`], or a plain [`List`](ValueType::List), [`Set`](ValueType::Set),
    /// [`Hash`](ValueType::Hash) or [`SortedSet`](ValueType::SortedSet). Members and fields must
    /// be unique: that is not checked.
    ///
    /// # Errors
    ///
    /// [`WriteError::Whole`] for other types, and as [`append`](Writer::append).
    pub fn begin(
        &mut self,
        key: &[u8],
        value_type: ValueType,
        expire_at_ms: Option<i64>,
        elements: u64,
    ) -> Result<(), WriteError> {
        if !matches!(
            value_type,
            ValueType::String
                | ValueType::List
                | ValueType::Set
                | ValueType::Hash
                | ValueType::SortedSet
        ) {
            let key = key.to_vec();
            return Err(WriteError::Whole { key, value_type });
        }
        self.between_keys()?;
        let (encoder, out) = (&mut self.encoder, &mut self.buffer);
        encoder.key(out, key, value_type, expire_at_ms);
        encoder.length(out, elements);
        self.key.clear();
        self.key.extend_from_slice(key);
        self.expect(value_type.family(), elements, elements);
        self.drain()
    }

    /// Writes the next element of the value that was begun.
    ///
    /// # Errors
    ///
    /// [`WriteError::Unannounced`] when none is due, [`WriteError::TooLong`] when a piece of a
    /// string is longer than what is due, [`WriteError::Element`] when the value cannot have it,
    /// [`EncodeError::Score`] when its score is not a number, and [`WriteError::Write`].
    pub fn element(&mut self, element: Element<'_>) -> Result<(), WriteError> {
        let (family, elements, missing) = match self.open {
            Open::None => return Err(WriteError::Unannounced),
            Open::Failed => return Err(self.stopped()),
            Open::Value {
                family,
                elements,
                missing,
            } => (family, elements, missing),
        };
        let (encoder, out) = (&mut self.encoder, &mut self.buffer);
        match (family, element) {
            (Family::String, Element::Raw(piece)) => {
                let len = piece.len() as u64;
                let Some(rest) = missing.checked_sub(len) else {
                    let key = self.key.clone();
                    return Err(WriteError::TooLong { key, len, missing });
                };
                self.pass(piece)?;
                self.expect(family, elements, rest);
                return Ok(());
            }
            (Family::List | Family::Set, Element::Item(item)) => encoder.string(out, item),
            (Family::Hash, Element::Field(field, value)) => {
                encoder.string(out, field);
                encoder.string(out, value);
            }
            (Family::SortedSet, Element::Scored(_, score)) if score.is_nan() => {
                let index = usize::try_from(elements.wrapping_sub(missing));
                return Err(WriteError::Encode(EncodeError::Score {
                    key: self.key.clone(),
                    index: index.unwrap_or(usize::MAX),
                }));
            }
            (Family::SortedSet, Element::Scored(member, score)) => {
                encoder.string(out, member);
                encoder.score(out, score);
            }
            _ => {
                let key = self.key.clone();
                return Err(WriteError::Element { key, family });
            }
        }
        self.expect(family, elements, missing.wrapping_sub(1));
        self.drain()
    }

    /// Ends the stream and flushes the output: gives both back.
    ///
    /// # Errors
    ///
    /// As [`append`](Writer::append).
    pub fn finish(mut self) -> Result<(W, Written), WriteError> {
        self.between_keys()?;
        self.flush()?;
        self.encoder.end(&mut self.buffer, self.checksum);
        let crc64 = self
            .buffer
            .last_chunk()
            .map_or(0, |last| u64::from_le_bytes(*last));
        self.flush()?;
        if let Err(source) = self.output.flush() {
            let offset = self.bytes;
            return Err(WriteError::Write { offset, source });
        }
        let written = Written {
            bytes: self.bytes,
            keys: self.keys,
            crc64,
        };
        Ok((self.output, written))
    }

    /// Notes how many elements are still due. With the last one the key is complete.
    fn expect(&mut self, family: Family, elements: u64, missing: u64) {
        self.open = Open::Value {
            family,
            elements,
            missing,
        };
        if missing == 0 {
            self.open = Open::None;
            self.keys = self.keys.wrapping_add(1);
        }
    }

    fn between_keys(&self) -> Result<(), WriteError> {
        match self.open {
            Open::None => Ok(()),
            Open::Failed => Err(self.stopped()),
            Open::Value { missing, .. } => Err(WriteError::Unfinished {
                key: self.key.clone(),
                missing,
            }),
        }
    }

    const fn stopped(&self) -> WriteError {
        WriteError::Stopped { offset: self.bytes }
    }

    /// Appends bytes as they are. What would fill the buffer is written without it.
    fn pass(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        if bytes.len() < BUFFER_BYTES {
            self.buffer.extend_from_slice(bytes);
            return self.drain();
        }
        self.flush()?;
        self.write(bytes)
    }

    /// Writes what is collected, if it is enough.
    #[inline]
    fn drain(&mut self) -> Result<(), WriteError> {
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        let mut buffer = std::mem::take(&mut self.buffer);
        let written = self.write(&buffer);
        buffer.clear();
        // A value that came whole may have been far bigger than the rest.
        buffer.shrink_to(BUFFER_BYTES.wrapping_mul(2));
        self.buffer = buffer;
        written
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        if let Some(checksum) = &mut self.checksum {
            checksum.update(bytes);
        }
        if let Err(source) = self.output.write_all(bytes) {
            self.open = Open::Failed;
            let offset = self.bytes;
            return Err(WriteError::Write { offset, source });
        }
        self.bytes = self.bytes.wrapping_add(bytes.len() as u64);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::{BUFFER_BYTES, Writer};
    use crate::crc64::Crc64;
    use crate::encoder::Encoder;
    use crate::encodings::Encodings;
    use crate::error::{EncodeError, WriteError};
    use crate::event::{Element, Event};
    use crate::object::Value;
    use crate::reader::Reader;
    use crate::target::{Compression, Target};
    use crate::value_type::ValueType;

    /// Takes `left` bytes, then fails.
    struct Limited {
        left: usize,
        longest: usize,
    }

    impl io::Write for Limited {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.longest = self.longest.max(bytes.len());
            let taken = bytes.len().min(self.left);
            self.left -= taken;
            if taken == 0 {
                return Err(io::Error::other("full"));
            }
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn encoder() -> Encoder {
        Encoder::new(Target::Redis72, Compression::Lzf).with_encodings(Encodings::PLAIN)
    }

    fn values() -> Vec<Value> {
        let texts: Vec<Vec<u8>> = (0..5000)
            .map(|n| format!("text {n}").into_bytes())
            .collect();
        let scores = [0.5, f64::INFINITY, -0.0];
        vec![
            Value::List(texts.clone()),
            Value::Set(texts.clone()),
            Value::Hash(texts.iter().map(|t| (t.clone(), b"12".to_vec())).collect()),
            Value::SortedSet(texts.iter().cloned().zip(scores).collect()),
            Value::List(Vec::new()),
        ]
    }

    /// Writes a value element by element.
    fn stream<W: io::Write>(writer: &mut Writer<W>, value: &Value) -> Result<(), WriteError> {
        let key = b"key";
        let value_type = value.value_type();
        match value {
            Value::List(items) | Value::Set(items) => {
                writer.begin(key, value_type, Some(7), items.len() as u64)?;
                items
                    .iter()
                    .try_for_each(|item| writer.element(Element::Item(item)))
            }
            Value::Hash(fields) => {
                writer.begin(key, value_type, Some(7), fields.len() as u64)?;
                let mut fields = fields.iter();
                fields.try_for_each(|(f, v)| writer.element(Element::Field(f, v)))
            }
            Value::SortedSet(members) => {
                writer.begin(key, value_type, Some(7), members.len() as u64)?;
                let mut members = members.iter();
                members.try_for_each(|(m, score)| writer.element(Element::Scored(m, *score)))
            }
            _ => unreachable!("no such value here"),
        }
    }

    #[test]
    fn streamed_and_whole_values_make_the_bytes_of_the_encoder() {
        let (mut plain, mut out) = (encoder(), Vec::new());
        plain.header(&mut out);
        plain.aux(&mut out, b"name", b"fact");
        let mut whole = Writer::new(Vec::new(), encoder());
        let mut streamed = Writer::new(Vec::new(), encoder());
        for writer in [&mut whole, &mut streamed] {
            let fact = writer.append(|encoder, out| encoder.aux(out, b"name", b"fact"));
            fact.unwrap();
        }
        for (db, value) in (0..).zip(values()) {
            plain.select_db(&mut out, db);
            plain.entry(&mut out, b"key", Some(7), &value).unwrap();
            whole.select_db(db).unwrap();
            whole.select_db(db).unwrap();
            whole.entry(b"key", Some(7), &value).unwrap();
            streamed.select_db(db).unwrap();
            stream(&mut streamed, &value).unwrap();
        }
        let mut crc = Crc64::new();
        crc.update(&out);
        plain.end(&mut out, Some(crc));
        for writer in [whole, streamed] {
            let (file, written) = writer.finish().unwrap();
            assert!(file == out, "the bytes differ");
            assert_eq!((written.keys, written.bytes), (5, out.len() as u64));
            assert_eq!(written.crc64.to_le_bytes(), out[out.len() - 8..]);
        }
    }

    #[test]
    fn records_of_a_reader_are_written_back_as_they_were() {
        let mut writer = Writer::new(Vec::new(), encoder());
        for value in values() {
            stream(&mut writer, &value).unwrap();
        }
        writer.select_db(3).unwrap();
        writer
            .entry(b"last", None, &Value::String(b"x".to_vec()))
            .unwrap();
        let (file, written) = writer.finish().unwrap();
        let mut raw = Writer::new(Vec::new(), encoder());
        let mut reader = Reader::from_slice(&file);
        while let Some(entry) = reader.next_raw_entry().unwrap() {
            raw.raw_entry(&entry).unwrap();
        }
        let mut decoded = Writer::new(Vec::new(), encoder()).without_checksum();
        let mut reader = Reader::from_slice(&file);
        while let Some(entry) = reader.next_entry().unwrap() {
            decoded.record(&entry).unwrap();
        }
        // What is read tells the database of each key, also where the writer was told none.
        let (raw, decoded) = (raw.finish().unwrap(), decoded.finish().unwrap());
        assert_eq!((raw.1.keys, raw.1.bytes), (6, written.bytes + 2));
        assert_eq!((decoded.1.keys, decoded.1.crc64), (6, 0));
        let content = raw.0.len() - 8;
        assert!(raw.0[..content] == decoded.0[..content], "the bytes differ");
        assert_eq!(raw.0[9..11], [0xfe, 0]);
        assert!(
            raw.0[11..content - 1] == file[9..file.len() - 9],
            "the bytes differ"
        );
    }

    #[test]
    fn a_string_in_pieces_passes_without_being_collected() {
        let output = Limited {
            left: usize::MAX,
            longest: 0,
        };
        let mut writer = Writer::new(output, encoder());
        let piece = vec![b'a'; 3 * BUFFER_BYTES];
        writer
            .begin(
                b"big",
                ValueType::String,
                None,
                10 * 3 * BUFFER_BYTES as u64,
            )
            .unwrap();
        for _ in 0..10 {
            writer.element(Element::Raw(&piece)).unwrap();
            assert!(writer.buffer.capacity() <= 2 * BUFFER_BYTES);
        }
        let (output, written) = writer.finish().unwrap();
        assert_eq!(written.keys, 1);
        assert_eq!(output.longest, piece.len());
    }

    #[test]
    fn a_huge_list_passes_in_constant_memory() {
        let output = Limited {
            left: usize::MAX,
            longest: 0,
        };
        let mut writer = Writer::new(output, encoder());
        writer
            .begin(b"list", ValueType::List, None, 200_000)
            .unwrap();
        for number in (0..=199).cycle().take(200_000) {
            writer.element(Element::Item(&[number; 100])).unwrap();
        }
        assert!(writer.buffer.capacity() <= 2 * BUFFER_BYTES);
        let (output, _) = writer.finish().unwrap();
        assert!(output.longest <= BUFFER_BYTES + 110, "{}", output.longest);
    }

    #[test]
    fn elements_must_be_as_many_and_such_as_announced() {
        let mut writer = Writer::new(Vec::new(), encoder());
        let refused = writer.begin(b"s", ValueType::Stream, None, 1).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "key \"s\": type 15 (stream) cannot be written element by element"
        );
        assert!(matches!(
            writer.element(Element::Item(b"a")),
            Err(WriteError::Unannounced)
        ));
        writer.begin(b"z", ValueType::SortedSet, None, 2).unwrap();
        let refused = writer.element(Element::Item(b"a")).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "key \"z\": this is no element of a zset"
        );
        writer.element(Element::Scored(b"a", 1.0)).unwrap();
        let refused = writer.element(Element::Scored(b"b", f64::NAN)).unwrap_err();
        let WriteError::Encode(refused) = refused else {
            panic!("{refused}");
        };
        let key = b"z".to_vec();
        assert_eq!(refused, EncodeError::Score { key, index: 1 });
        let refused = writer.select_db(1).unwrap_err();
        assert_eq!(refused.to_string(), "key \"z\": 1 elements are missing");
        writer.element(Element::Scored(b"b", 2.0)).unwrap();
        writer.begin(b"t", ValueType::String, None, 3).unwrap();
        let refused = writer.element(Element::Raw(b"four")).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "key \"t\": 4 bytes came where 3 are missing"
        );
        writer.element(Element::Raw(b"two")).unwrap();

        let (file, written) = writer.finish().unwrap();
        assert_eq!(written.keys, 2);
        let mut reader = Reader::from_slice(&file);
        let mut keys = 0;
        while let Some(event) = reader.next_event().unwrap() {
            keys += u32::from(matches!(event, Event::KeyEnd { .. }));
        }
        assert_eq!(keys, 2);
    }

    #[test]
    fn a_stream_with_elements_missing_does_not_end() {
        let mut writer = Writer::new(Vec::new(), encoder());
        writer.begin(b"list", ValueType::List, None, 1).unwrap();
        let refused = writer.finish().unwrap_err();
        assert!(matches!(refused, WriteError::Unfinished { missing: 1, .. }));
    }

    #[test]
    fn a_failed_output_is_not_written_to_again() {
        let output = Limited {
            left: BUFFER_BYTES + 5,
            longest: 0,
        };
        let mut writer = Writer::new(output, encoder());
        writer
            .begin(b"k", ValueType::String, None, 4 * BUFFER_BYTES as u64)
            .unwrap();
        let piece = [b'v'; 1000];
        let failed = loop {
            if let Err(error) = writer.element(Element::Raw(&piece)) {
                break error;
            }
        };
        let failed = failed.to_string();
        assert!(
            failed.starts_with("byte ") && failed.ends_with(": write failed"),
            "{failed}"
        );
        let stopped = writer.element(Element::Raw(&piece)).unwrap_err();
        assert!(matches!(stopped, WriteError::Stopped { .. }));
        assert!(matches!(writer.finish(), Err(WriteError::Stopped { .. })));
    }

    #[test]
    fn appended_bytes_neither_drop_others_nor_leave_a_database_assumed() {
        let mut writer = Writer::new(Vec::new(), encoder());
        let value = Value::String(b"v".to_vec());
        writer.select_db(0).unwrap();
        writer.entry(b"first", None, &value).unwrap();
        writer
            .append(|encoder, out| {
                out.clear();
                encoder.select_db(out, 7);
                encoder.entry(out, b"second", None, &value)
            })
            .unwrap()
            .unwrap();
        writer.select_db(0).unwrap();
        writer.entry(b"third", None, &value).unwrap();
        let (file, _) = writer.finish().unwrap();
        let mut reader = Reader::from_slice(&file);
        let entries = std::iter::from_fn(|| reader.next_entry().unwrap());
        let found: Vec<_> = entries.map(|entry| (entry.db, entry.key)).collect();
        let expected = [(0, &b"first"[..]), (7, b"second"), (0, b"third")];
        assert_eq!(found, expected.map(|(db, key)| (db, key.to_vec())));
    }
}
