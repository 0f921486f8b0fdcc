//! Parts of a stream that stand alone.

use std::io;

use super::{Reader, State, Step};
use crate::error::DecodeError;
use crate::event::{Dialect, Event};
use crate::options::{ReadOptions, Values};
use crate::source::{ReadSource, SliceSource, Source};
use crate::value_type::ValueType;

impl<R: io::Read> Reader<ReadSource<R>> {
    /// A reader from the middle of a stream on: `input` begins at byte `offset` of it, with a
    /// record, and the header said `version` and `dialect`.
    ///
    /// Keys are reported in database 0 until the stream names another. The checksum at the end, if
    /// there is one, is not verified: it is that of the whole stream.
    ///
    /// ```
    /// use rdb_format::{Dialect, Event, Reader};
    ///
    /// let stream = b"REDIS0009\xfe\x01\x00\x03key\x05value\xfe\x02\x00\x01k\x01v";
    /// let (first, second) = stream.split_at(22);
    /// let mut reader = Reader::new(first).ending_early();
    /// while reader.next_event()?.is_some() {}
    /// assert_eq!(reader.position(), 22);
    ///
    /// let mut reader = Reader::from_middle(second, 22, 9, Dialect::Redis);
    /// assert_eq!(reader.next_event()?, Some(Event::SelectDb(2)));
    /// let entry = reader.next_entry()?.expect("one key");
    /// assert_eq!((entry.db, entry.key.as_slice()), (2, &b"k"[..]));
    /// assert_eq!(reader.next_entry()?, None);
    /// # Ok::<(), rdb_format::DecodeError>(())
    /// ```
    pub fn from_middle(input: R, offset: u64, version: u32, dialect: Dialect) -> Self {
        Self::new(input).in_middle(offset, version, dialect)
    }
}

impl<'a> Reader<SliceSource<'a>> {
    /// As [`from_middle`](Reader::from_middle), of bytes in memory, which are not copied.
    ///
    /// ```
    /// use rdb_format::{Dialect, Reader};
    ///
    /// let bytes = b"\xfe\x02\x00\x01k\x01v";
    /// let mut reader = Reader::from_slice_middle(bytes, 22, 9, Dialect::Redis);
    /// let entry = reader.next_entry()?.expect("one key");
    /// assert_eq!((entry.db, entry.key.as_slice()), (2, &b"k"[..]));
    /// assert_eq!((reader.next_entry()?, reader.position()), (None, 29));
    /// # Ok::<(), rdb_format::DecodeError>(())
    /// ```
    pub fn from_slice_middle(input: &'a [u8], offset: u64, version: u32, dialect: Dialect) -> Self {
        Self::from_slice(input).in_middle(offset, version, dialect)
    }
}

impl<S: Source> Reader<S> {
    fn in_middle(self, offset: u64, version: u32, dialect: Dialect) -> Self {
        let mut reader = self.ending_early();
        reader.input.base = offset;
        reader.state = State::Records;
        reader.version = version;
        reader.dialect = dialect;
        reader
    }

    /// Lets the input end wherever a record may begin, as a part of a stream does that was cut
    /// between two of its keys. [`next_event`](Self::next_event) then gives `None` without an
    /// [`Event::End`]; and where there is one, its checksum is not verified.
    ///
    /// An end anywhere else, such as between a key and its expiry or metadata, is an error as ever.
    #[must_use]
    pub fn ending_early(mut self) -> Self {
        self.ends_early = true;
        self.input.ignore_checksum();
        self
    }

    /// What it means that no record begins where one should.
    #[cold]
    pub(super) fn end_early(&mut self, error: DecodeError) -> Result<Step, DecodeError> {
        let ends_here = matches!(error, DecodeError::Truncated { .. });
        if !(self.ends_early && ends_here && !self.ahead.any) {
            return Err(error);
        }
        self.state = State::Done;
        Ok(Step::Nothing)
    }
}

impl<'a> Reader<SliceSource<'a>> {
    /// A reader of one value without its key, which gives its elements and the end of the key.
    pub(crate) fn of_value(
        body: &'a [u8],
        value_type: ValueType,
        dialect: Dialect,
        options: ReadOptions,
    ) -> Result<Self, DecodeError> {
        let mut reader = Self::without_header(body, dialect, options);
        reader.values = Values::Decoded;
        reader.begin(0, value_type)?;
        Ok(reader)
    }

    fn without_header(bytes: &'a [u8], dialect: Dialect, options: ReadOptions) -> Self {
        let mut reader = Self::from_slice(bytes).with_options(options);
        reader.state = State::Records;
        reader.dialect = dialect;
        reader
    }

    /// The libraries in a run of function records without header or end.
    pub(crate) fn functions(records: &'a [u8]) -> Result<Vec<Vec<u8>>, DecodeError> {
        let mut reader = Self::without_header(records, Dialect::Redis, ReadOptions::default());
        let mut functions = Vec::new();
        while reader.position() < records.len() as u64 {
            let offset = reader.position();
            let Some(Event::Function(source)) = reader.next_event()? else {
                let opcode = usize::try_from(offset).ok().and_then(|at| records.get(at));
                let opcode = opcode.copied().unwrap_or_default();
                return Err(DecodeError::UnsupportedOpcode { offset, opcode });
            };
            functions.push(source.to_vec());
        }
        Ok(functions)
    }

    /// How long the metadata of a key is that `bytes` begin with.
    pub(crate) fn key_meta_len(
        bytes: &'a [u8],
        options: ReadOptions,
    ) -> Result<usize, DecodeError> {
        let mut reader = Self::without_header(bytes, Dialect::Redis, options);
        reader.key_meta()?;
        Ok(usize::try_from(reader.position()).unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests {
    use crate::encoder::Encoder;
    use crate::encodings::Encodings;
    use crate::event::Event;
    use crate::object::Value;
    use crate::options::ReadOptions;
    use crate::reader::Reader;
    use crate::source::Source;
    use crate::target::{Compression, Target};

    /// What may stand before a key and leaves no expiry: one that says never, how long it was idle,
    /// how often it was used, and metadata of a module.
    const ATTRIBUTES: [&[u8]; 4] = [
        b"\xfc\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xf8\x05",
        b"\xf9\x05",
        b"\xf3\x01META\x02\x05\0",
    ];

    /// A stream with attributes before keys, and where its records end.
    fn stream() -> (Vec<u8>, Vec<u64>) {
        let encoder = Encoder::new(Target::Redis5, Compression::None);
        let mut encoder = encoder.with_encodings(Encodings::PLAIN);
        let mut out = Vec::new();
        encoder.header(&mut out);
        encoder.aux(&mut out, b"name", b"value");
        encoder.select_db(&mut out, 3);
        let text = Value::String(b"text".to_vec());
        let list = Value::List(vec![b"one".to_vec(), b"two".to_vec()]);
        for (key, expire_at_ms, value) in [
            (b"a", None, &text),
            (b"b", Some(9), &list),
            (b"c", Some(8), &text),
        ] {
            encoder.entry(&mut out, key, expire_at_ms, value).unwrap();
        }
        for attribute in ATTRIBUTES {
            out.extend_from_slice(attribute);
            encoder.entry(&mut out, b"d", None, &text).unwrap();
        }
        let mut reader = Reader::from_slice(&out).ending_early();
        let mut ends = Vec::new();
        while let Some(event) = reader.next_event().unwrap() {
            let inside = matches!(event, Event::KeyMeta(_) | Event::Key(_) | Event::Element(_));
            if !inside {
                ends.push(reader.position());
            }
        }
        (out, ends)
    }

    fn keys<S: Source>(mut reader: Reader<S>) -> Option<Vec<Vec<u8>>> {
        let mut keys = Vec::new();
        loop {
            match reader.next_entry() {
                Ok(Some(entry)) => keys.push(entry.key),
                Ok(None) => return Some(keys),
                Err(_) => return None,
            }
        }
    }

    #[test]
    fn input_may_end_between_records_and_nowhere_else() {
        let (stream, ends) = stream();
        assert_eq!(ends.len(), 6 + ATTRIBUTES.len(), "{ends:?}");
        for end in 0..=stream.len() {
            let reader = Reader::new(&stream[..end])
                .with_options(ReadOptions::default())
                .ending_early();
            let whole = ends.contains(&(end as u64));
            assert_eq!(keys(reader).is_some(), whole, "byte {end}");
            assert_eq!(keys(Reader::new(&stream[..end])), None, "byte {end}");
        }
    }

    #[test]
    fn two_parts_hold_what_the_whole_holds() {
        let (stream, ends) = stream();
        for end in ends {
            let (head, rest) = stream.split_at(usize::try_from(end).unwrap());
            let mut reader = Reader::new(head).ending_early();
            let mut all = Vec::new();
            while let Some(entry) = reader.next_entry().unwrap() {
                all.push(entry.key);
            }
            let (version, dialect) = (reader.version(), reader.dialect());
            let rest = Reader::from_middle(rest, end, version, dialect);
            all.extend(keys(rest).unwrap());
            assert_eq!(all.concat(), b"abcdddd");
        }
    }

    #[test]
    fn offsets_count_from_the_start_of_the_stream() {
        let (stream, ends) = stream();
        let (end, cut) = (ends[2], stream.len() - 1);
        let rest = &stream[usize::try_from(end).unwrap()..cut];
        let mut reader = Reader::from_middle(rest, end, 9, crate::Dialect::Redis);
        let error = loop {
            match reader.next_event() {
                Ok(event) => assert!(event.is_some(), "a cut value is no end"),
                Err(error) => break error,
            }
        };
        assert!(
            error.to_string().starts_with(&format!("byte {cut}: ")),
            "{error}"
        );
    }
}
