//! What `DUMP` gives and `RESTORE` takes, and the same for function libraries.
//!
//! | part | bytes |
//! |---|---|
//! | metadata of the key, if it has any (Redis 8.6) | 1 + n |
//! | type | 1 |
//! | value, as after a key in a stream | n |
//! | RDB version, little-endian | 2 |
//! | CRC64 of all before it, little-endian | 8 |

use crate::crc64::Crc64;
use crate::encoder::{Encoder, append_meta};
use crate::error::{DecodeError, EncodeError};
use crate::event::{ChecksumState, Dialect};
use crate::object::Value;
use crate::opcode;
use crate::options::{Checksum, ReadOptions};
use crate::raw_entry::{RawEntry, decode_body};
use crate::reader::Reader;
use crate::value_type::ValueType;

/// Bytes of version and checksum.
const FOOTER_BYTES: usize = 10;
/// Versions from here on are those of Valkey.
const VALKEY_VERSION_MIN: u16 = 80;

/// A payload of `DUMP`, its value not taken apart yet.
///
/// ```
/// use rdb_format::{Compression, Dump, Encoder, Target, Value};
///
/// let value = Value::String(b"hello".to_vec());
/// let mut payload = Vec::new();
/// Encoder::new(Target::Redis70, Compression::None).dump(&mut payload, b"key", &value)?;
/// assert_eq!(payload, b"\0\x05hello\x0a\0\x63\x72\xdf\x76\x65\x34\x20\x0a");
///
/// let dump = Dump::parse(&payload)?;
/// assert_eq!((dump.version, dump.value()?), (10, value));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dump<'a> {
    /// RDB version of the server that wrote it.
    pub version: u16,
    /// The line of servers that the version belongs to.
    pub dialect: Dialect,
    /// What is known of its checksum.
    pub checksum: ChecksumState,
    /// Metadata that modules keep with the key, as stored.
    pub meta: Option<&'a [u8]>,
    /// Type of the value.
    pub value_type: ValueType,
    /// The value, as stored.
    pub body: &'a [u8],
    options: ReadOptions,
}

impl<'a> Dump<'a> {
    /// Takes a payload apart, but not its value, and verifies its checksum.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when the payload is too short, its checksum differs, or its type is unknown.
    pub fn parse(payload: &'a [u8]) -> Result<Self, DecodeError> {
        Self::parse_with(payload, ReadOptions::default())
    }

    /// As [`parse`](Self::parse), with options.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
    pub fn parse_with(payload: &'a [u8], options: ReadOptions) -> Result<Self, DecodeError> {
        let (content, version, checksum) = footer(payload, options)?;
        let dialect = options.dialect.unwrap_or(if version >= VALKEY_VERSION_MIN {
            Dialect::Valkey
        } else {
            Dialect::Redis
        });
        let mut rest = content;
        let mut meta = None;
        if let [opcode::KEY_META, after @ ..] = content
            && dialect == Dialect::Redis
        {
            let len = Reader::key_meta_len(after, options)?;
            let (bytes, value) = after.split_at_checked(len).unwrap_or((after, &[]));
            meta = Some(bytes);
            rest = value;
        }
        let offset = content.len().saturating_sub(rest.len()) as u64;
        let Some((byte, body)) = rest.split_first() else {
            return Err(DecodeError::Truncated { offset, missing: 1 });
        };
        let value_type = ValueType::try_from(*byte).map_err(|unknown| {
            let byte = unknown.number;
            DecodeError::UnknownType { offset, byte }
        })?;
        Ok(Self {
            version,
            dialect,
            checksum,
            meta,
            value_type,
            body,
            options,
        })
    }

    /// The value, taken apart and checked.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] when it is damaged. Offsets count from the start of the body.
    pub fn value(&self) -> Result<Value, DecodeError> {
        decode_body(self.value_type, self.dialect, self.body, self.options)
    }
}

/// The sources of the function libraries in a payload of `FUNCTION DUMP`.
///
/// # Errors
///
/// [`DecodeError`] when the payload is damaged or its checksum differs.
pub fn parse_function_dump(payload: &[u8]) -> Result<Vec<Vec<u8>>, DecodeError> {
    let (content, ..) = footer(payload, ReadOptions::default())?;
    Reader::functions(content)
}

/// Splits the footer off a payload: what is before it, its version, and its checksum verified.
fn footer(
    payload: &[u8],
    options: ReadOptions,
) -> Result<(&[u8], u16, ChecksumState), DecodeError> {
    let length = payload.len() as u64;
    let split = payload
        .len()
        .checked_sub(FOOTER_BYTES)
        .and_then(|at| payload.split_at_checked(at));
    let Some((content, footer)) = split else {
        let missing = (FOOTER_BYTES as u64).saturating_sub(length);
        return Err(DecodeError::Truncated {
            offset: length,
            missing,
        });
    };
    let (version, stored) = footer.split_first_chunk().unwrap_or((&[0; 2], &[]));
    let stored = u64::from_le_bytes(*stored.first_chunk().unwrap_or(&[0; 8]));
    let mut crc = Crc64::new();
    crc.update(content);
    crc.update(version);
    let computed = crc.value();
    let checksum = match options.checksum {
        Checksum::Ignore => ChecksumState::Ignored,
        Checksum::Verify if stored == 0 => ChecksumState::Off,
        Checksum::Verify if stored == computed => ChecksumState::Verified(stored),
        Checksum::Verify => {
            return Err(DecodeError::Checksum {
                offset: length.saturating_sub(8),
                stored,
                computed,
            });
        }
    };
    Ok((content, u16::from_le_bytes(*version), checksum))
}

impl Encoder {
    /// Appends what `RESTORE` of the target takes for a value. `key` is for messages only.
    ///
    /// # Errors
    ///
    /// As [`entry`](Encoder::entry). `RESTORE` also refuses collections without elements.
    pub fn dump(
        &mut self,
        out: &mut Vec<u8>,
        key: &[u8],
        value: &Value,
    ) -> Result<(), EncodeError> {
        let value_type = self.choose(key, value)?;
        let start = out.len();
        out.push(value_type.number());
        value.encode(self, out, value_type);
        self.append_footer(out, start);
        Ok(())
    }

    /// Appends what `RESTORE` of the target takes for a value as it was stored, with the metadata
    /// of its key. When the key expires is an argument of `RESTORE`.
    ///
    /// # Errors
    ///
    /// As [`raw_entry`](Encoder::raw_entry).
    pub fn raw_dump(&mut self, out: &mut Vec<u8>, entry: &RawEntry) -> Result<(), EncodeError> {
        let meta = self.admit_raw(entry)?;
        let start = out.len();
        append_meta(out, meta);
        out.push(entry.value_type.number());
        out.extend_from_slice(&entry.body);
        self.append_footer(out, start);
        Ok(())
    }

    /// Makes what was appended to `out` from `start` on, a value's type and its body, what
    /// `RESTORE` of the target takes: for who encodes values of a type of their own.
    ///
    /// ```
    /// use rdb_format::{Compression, Dump, Encoder, Target, Value, ValueType};
    ///
    /// let mut encoder = Encoder::new(Target::default(), Compression::None);
    /// let mut payload = vec![ValueType::String.number()];
    /// encoder.string(&mut payload, b"text");
    /// encoder.close_dump(&mut payload, 0);
    /// assert_eq!(Dump::parse(&payload)?.value()?, Value::String(b"text".to_vec()));
    /// # Ok::<(), rdb_format::DecodeError>(())
    /// ```
    pub fn close_dump(&mut self, out: &mut Vec<u8>, start: usize) {
        self.append_footer(out, start);
    }

    /// Appends what `FUNCTION RESTORE` of the target takes for these libraries.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Functions`] when the target is older than functions.
    pub fn function_dump(
        &mut self,
        out: &mut Vec<u8>,
        sources: &[&[u8]],
    ) -> Result<(), EncodeError> {
        let start = out.len();
        for source in sources {
            self.function(out, source)?;
        }
        self.append_footer(out, start);
        Ok(())
    }

    /// Appends version and checksum of a payload that begins at `start`.
    fn append_footer(&self, out: &mut Vec<u8>, start: usize) {
        let version = u16::try_from(self.target().rdb_version()).unwrap_or(u16::MAX);
        out.extend_from_slice(&version.to_le_bytes());
        let mut crc = Crc64::new();
        crc.update(out.get(start..).unwrap_or_default());
        out.extend_from_slice(&crc.value().to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::Dump;
    use crate::encoder::Encoder;
    use crate::error::EncodeError;
    use crate::object::Value;
    use crate::reader::Reader;
    use crate::target::{Compression, Loss, Losses, Target};

    /// One key with metadata of class `abcd`, one item of which is the integer 5.
    const FILE: &[u8] =
        b"REDIS0013\xf3\x01abcd\x02\x05\0\x01\x01k\x02\x01a\x01b\xff\0\0\0\0\0\0\0\0";

    #[test]
    fn a_raw_dump_is_the_value_as_it_was_stored() {
        let entry = Reader::from_slice(FILE).next_raw_entry().unwrap().unwrap();
        let mut payload = b"before".to_vec();
        let mut encoder = Encoder::new(Target::Redis86, Compression::Lzf);
        encoder.raw_dump(&mut payload, &entry).unwrap();
        let dump = Dump::parse(&payload[6..]).unwrap();
        assert_eq!(dump.meta, entry.meta.as_deref());
        assert_eq!((dump.version, dump.body), (13, entry.body.as_slice()));
        let value = Value::List(vec![b"a".to_vec(), b"b".to_vec()]);
        assert_eq!(dump.value().unwrap(), value);

        payload.truncate(6);
        let mut old = Encoder::new(Target::Redis72, Compression::None);
        let refused = old.raw_dump(&mut payload, &entry).unwrap_err();
        let loss = Loss::KeyMeta;
        assert!(matches!(refused, EncodeError::Loss { loss: found, .. } if found == loss));
        assert_eq!(payload, b"before");
        old = old.allow(Losses::Any);
        old.raw_dump(&mut payload, &entry).unwrap();
        assert_eq!(Dump::parse(&payload[6..]).unwrap().meta, None);
    }
}
