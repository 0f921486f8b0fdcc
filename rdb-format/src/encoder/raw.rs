//! Values that pass as they were stored.

use super::{Encoder, append_expiry};
use crate::compact::BackLengths;
use crate::error::{DecodeError, EncodeError};
use crate::event::Dialect;
use crate::input::Input;
use crate::object::Frame;
use crate::opcode;
use crate::raw_entry::RawEntry;
use crate::source::SliceSource;
use crate::target::Loss;
use crate::value_type::ValueType;

impl Encoder {
    /// Appends a key with its value as it was stored, without a look into it.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Type`] when the target does not know the type of the value;
    /// [`EncodeError::BackLengths`] when it has listpacks in another [form](BackLengths), and the
    /// value holds one so long that it matters;
    /// [`EncodeError::Loss`] when it does not know metadata of keys and the entry has some, unless
    /// losses are allowed. `out` is then left as it was.
    pub fn raw_entry(&mut self, out: &mut Vec<u8>, entry: &RawEntry) -> Result<(), EncodeError> {
        let meta = self.admit_raw(entry)?;
        self.attributes(out, entry.idle_s, entry.freq);
        append_expiry(out, entry.expire_at_ms);
        append_meta(out, meta);
        self.key(out, &entry.key, entry.value_type, None);
        out.extend_from_slice(&entry.body);
        Ok(())
    }

    /// The metadata that the target gets with a value as it was stored, or an error if it cannot
    /// have either.
    pub(crate) fn admit_raw<'a>(
        &mut self,
        entry: &'a RawEntry,
    ) -> Result<Option<&'a [u8]>, EncodeError> {
        let value_type = entry.value_type;
        let foreign =
            value_type == ValueType::HashExpiryPreview && entry.dialect != Dialect::Valkey;
        if foreign || !self.target.holds(value_type) {
            return Err(EncodeError::Type {
                key: entry.key.clone(),
                value_type,
                target: self.target,
            });
        }
        if entry.back_lengths != self.target.back_lengths() && may_be_misread(entry) {
            return Err(EncodeError::BackLengths {
                key: entry.key.clone(),
                target: self.target,
            });
        }
        self.admit_meta(&entry.key, entry.meta.as_deref())
    }

    /// Appends the body of a value as it was stored, but for its strings, among them containers
    /// and the nodes of lists and streams: they are compressed if this encoder compresses, and
    /// expanded if it does not.
    ///
    /// Takes memory for one string, whatever the value; nothing inside a string is looked at.
    ///
    /// ```
    /// use rdb_format::{Compression, Dialect, Encoder, Target, ValueType};
    ///
    /// let plain = b"\x01\x19aaaaaaaaaaaaaaaaaaaaaaaaa";
    /// let mut small = Vec::new();
    /// let mut encoder = Encoder::new(Target::Redis72, Compression::Lzf);
    /// encoder.recode(&mut small, ValueType::List, Dialect::Redis, plain)?;
    /// assert!(small.len() < plain.len());
    ///
    /// let mut again = Vec::new();
    /// let mut encoder = Encoder::new(Target::Redis72, Compression::None);
    /// encoder.recode(&mut again, ValueType::List, Dialect::Redis, &small)?;
    /// assert_eq!(again, plain);
    /// # Ok::<(), rdb_format::DecodeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when `body` is not one value of this type, as far as outer lengths tell, or
    /// when only its stream can tell its end (hashes with templates). `out` is then left as it
    /// was.
    pub fn recode(
        &mut self,
        out: &mut Vec<u8>,
        value_type: ValueType,
        dialect: Dialect,
        body: &[u8],
    ) -> Result<(), DecodeError> {
        let mut frame = Frame::default();
        if !frame.start(value_type, dialect) {
            return Err(DecodeError::UnsupportedType {
                offset: 0,
                value_type,
                key: Vec::new(),
            });
        }
        let before = out.len();
        let mut input = Input::new(SliceSource::new(body));
        input.ignore_checksum();
        let mut recoded = frame.recode(&mut input, self, out);
        let offset = input.position();
        let bytes = (body.len() as u64).saturating_sub(offset);
        if recoded.is_ok() && bytes > 0 {
            recoded = Err(DecodeError::Trailing { offset, bytes });
        }
        if recoded.is_err() {
            out.truncate(before);
        }
        recoded
    }

    /// The metadata that the target gets, or an error if it cannot have it and must.
    pub(super) fn admit_meta<'a>(
        &mut self,
        key: &[u8],
        meta: Option<&'a [u8]>,
    ) -> Result<Option<&'a [u8]>, EncodeError> {
        if meta.is_some() && !self.target.holds_key_meta() {
            self.lose(key, &[Loss::KeyMeta])?;
            return Ok(None);
        }
        Ok(meta)
    }
}

/// Whether a value may hold an entry of a listpack that servers read differently.
fn may_be_misread(entry: &RawEntry) -> bool {
    let mut frame = Frame::default();
    if !entry.value_type.holds_listpacks() || !frame.start(entry.value_type, entry.dialect) {
        return false;
    }
    let mut input = Input::new(SliceSource::new(&entry.body));
    input.ignore_checksum();
    frame
        .longest_container(&mut input)
        .map_or(true, |longest| longest >= BackLengths::CONTAINER_BYTES_MIN)
}

pub(crate) fn append_meta(out: &mut Vec<u8>, meta: Option<&[u8]>) {
    if let Some(meta) = meta {
        out.push(opcode::KEY_META);
        out.extend_from_slice(meta);
    }
}

#[cfg(test)]
mod tests {
    use super::Encoder;
    use crate::error::{DecodeError, EncodeError};
    use crate::event::Dialect;
    use crate::object::{Array, ConsumerGroup, Stream, StreamId, StreamRecord, Value};
    use crate::raw_entry::{RawEntry, decode_body};
    use crate::reader::Reader;
    use crate::target::{Compression, Target};
    use crate::value_type::ValueType;

    fn values() -> Vec<Value> {
        let texts: Vec<Vec<u8>> = (0..300)
            .map(|n| format!("text of some length, number {}", n % 7 * n).into_bytes())
            .collect();
        let record = |n: u64| StreamRecord {
            id: StreamId { ms: n + 1, seq: 0 },
            deleted: false,
            fields: vec![(b"field".to_vec(), texts[0].clone())],
        };
        let records: Vec<_> = (0..500).map(record).collect();
        let stream = Stream {
            last_id: StreamId { ms: 500, seq: 0 },
            entries_added: Some(500),
            deleted_id_max: Some(StreamId::ZERO),
            records,
            ..Stream::default()
        };
        let pairs = texts.iter().map(|text| (text.clone(), 0.25));
        vec![
            Value::String(texts.concat()),
            Value::List(texts.clone()),
            Value::SortedSet(pairs.collect()),
            Value::Stream(Box::new(stream)),
            Value::Array(Box::new(Array {
                elements: (5..).step_by(3).zip(texts).collect(),
                insert_index: Some(1),
            })),
            Value::Module(b"\x81\0\0\0\0\0\0\0\x07\x02\x05\x05\x03abc\0".to_vec()),
        ]
    }

    #[test]
    fn recoding_is_what_encoding_would_have_written() {
        for value in values() {
            let target = match value {
                Value::Array(_) => Target::Redis88,
                _ => Target::Redis72,
            };
            let encoded = |compression| {
                let mut encoder = Encoder::new(target, compression);
                let value_type = encoder.choose(b"", &value).unwrap();
                let mut body = Vec::new();
                value.encode(&mut encoder, &mut body, value_type);
                (encoder, value_type, body)
            };
            let (mut plain, value_type, large) = encoded(Compression::None);
            let (mut lzf, _, small) = encoded(Compression::Lzf);
            let mut out = b"before".to_vec();
            lzf.recode(&mut out, value_type, Dialect::Redis, &large)
                .unwrap();
            assert!(out[6..] == small, "{value_type}");
            out.truncate(6);
            plain
                .recode(&mut out, value_type, Dialect::Redis, &small)
                .unwrap();
            assert!(out[6..] == large, "{value_type}");
            let options = crate::ReadOptions::default();
            let again = decode_body(value_type, Dialect::Redis, &small, options).unwrap();
            let mut bodies = [Vec::new(), Vec::new()];
            for (value, body) in [again, value].iter().zip(&mut bodies) {
                value.encode(&mut plain, body, value_type);
            }
            assert!(bodies[0] == bodies[1], "{value_type}");
        }
    }

    #[test]
    fn a_raw_value_passes_whose_long_strings_are_no_listpacks() {
        let (old, new) = (Target::Redis72, Target::Redis88);
        let long = vec![b'v'; 20_000];
        let admitted = |value_type, write: &dyn Fn(&mut Encoder, &mut Vec<u8>)| {
            let mut encoder = Encoder::new(old, Compression::None);
            let mut file = Vec::new();
            encoder.header(&mut file);
            encoder.key(&mut file, b"k", value_type, None);
            write(&mut encoder, &mut file);
            encoder.end(&mut file, None);
            let entry = Reader::from_slice(&file).next_raw_entry().unwrap().unwrap();
            assert!(entry.decode().is_ok(), "{value_type}");
            let mut encoder = Encoder::new(new, Compression::None);
            encoder.raw_entry(&mut Vec::new(), &entry).is_ok()
        };
        let plain = |encoder: &mut Encoder, out: &mut Vec<u8>| {
            encoder.length(out, 1);
            encoder.string(out, &long);
        };
        let packed = |encoder: &mut Encoder, out: &mut Vec<u8>| {
            encoder.length(out, 2);
            encoder.pack(out, |listpack| listpack.push(&long));
        };
        let list = ValueType::ListQuicklist2;
        let alone = admitted(list, &|encoder, out| {
            encoder.length(out, 1);
            plain(encoder, out);
        });
        let [in_a_listpack, behind_a_plain] = [1, 2].map(|nodes| {
            admitted(list, &|encoder, out| {
                encoder.length(out, nodes);
                (1..nodes).for_each(|_| plain(encoder, out));
                packed(encoder, out);
            })
        });
        assert_eq!((alone, in_a_listpack, behind_a_plain), (true, false, false));
        let group = ConsumerGroup {
            name: long.clone(),
            ..ConsumerGroup::default()
        };
        let stream = Stream {
            groups: vec![group],
            ..Stream::default()
        };
        assert!(admitted(ValueType::Stream3, &|encoder, out| {
            Value::Stream(Box::new(stream.clone())).encode(encoder, out, ValueType::Stream3);
        }));
    }

    #[test]
    fn a_raw_value_is_refused_where_its_listpacks_would_be_misread() {
        let raw = |source: Target, entry_bytes: usize, compression| {
            let mut encoder = Encoder::new(source, compression);
            let mut file = Vec::new();
            encoder.header(&mut file);
            encoder.key(&mut file, b"k", ValueType::HashListpack, None);
            encoder.pack(&mut file, |listpack| {
                listpack.push(b"field");
                // Five bytes stand before a text of this length.
                listpack.push(&vec![b'v'; entry_bytes - 5]);
            });
            encoder.end(&mut file, None);
            let entry = Reader::from_slice(&file).next_raw_entry().unwrap().unwrap();
            assert!(entry.decode().is_ok());
            entry
        };
        let written = |target: Target, entry: &RawEntry| {
            let mut encoder = Encoder::new(target, Compression::None);
            let mut out = Vec::new();
            let dumped = encoder.raw_dump(&mut out, entry);
            assert_eq!(dumped, encoder.raw_entry(&mut out, entry));
            assert_eq!(dumped.is_ok(), !out.is_empty());
            dumped
        };
        let (old, new) = (Target::Redis72, Target::Redis88);
        for compression in [Compression::None, Compression::Lzf] {
            for (source, other) in [(old, new), (new, old)] {
                let long = raw(source, 16_383, compression);
                assert_eq!(written(source, &long), Ok(()));
                let key = b"k".to_vec();
                let target = other;
                let refused = EncodeError::BackLengths { key, target };
                assert_eq!(written(other, &long), Err(refused));
                let short = raw(source, 16_300, compression);
                assert_eq!(written(other, &short), Ok(()));
            }
        }
    }

    #[test]
    fn a_body_that_is_not_whole_leaves_the_output_alone() {
        let mut encoder = Encoder::new(Target::Redis72, Compression::Lzf);
        let mut out = b"before".to_vec();
        let whole = b"\x02\x01a\x01b";
        for len in 0..whole.len() {
            let body = &whole[..len];
            let refused = encoder.recode(&mut out, ValueType::List, Dialect::Redis, body);
            assert!(
                matches!(refused, Err(DecodeError::Truncated { .. })),
                "{len}"
            );
        }
        let refused = encoder.recode(&mut out, ValueType::Set, Dialect::Redis, b"\x01\x01ab");
        let trailing = matches!(
            refused,
            Err(DecodeError::Trailing {
                offset: 3,
                bytes: 1
            })
        );
        assert!(trailing);
        let template = ValueType::HashTemplateRef;
        let refused = encoder.recode(&mut out, template, Dialect::Redis, b"");
        assert!(matches!(refused, Err(DecodeError::UnsupportedType { .. })));
        assert_eq!(out, b"before");
    }
}
