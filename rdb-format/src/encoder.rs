//! Records to bytes.

mod keyless;
mod raw;
mod string;

pub(crate) use self::raw::append_meta;

use self::string::Lzf;
use crate::compact::ListpackWriter;
use crate::crc64::Crc64;
use crate::encodings::Encodings;
use crate::entry::Entry;
use crate::error::EncodeError;
use crate::length::append_length;
use crate::object::Value;
use crate::opcode;
use crate::target::{Compression, Loss, Losses, Target};
use crate::value_type::ValueType;

/// Further losses are counted only: a file full of them must not fill the memory.
const LOSSES_MAX: usize = 256;

/// Appends records to a `Vec<u8>`, which the caller drains as it likes.
///
/// It has no output of its own and no checksum of its own, so pieces of one stream can be made in
/// many places and joined. It does not check the order of records: that is
///
/// 1. [`header`](Encoder::header), any number of [`aux`](Encoder::aux) and
///    [`function`](Encoder::function);
/// 2. per database [`select_db`](Encoder::select_db), optionally
///    [`resize_db`](Encoder::resize_db), then its keys;
/// 3. [`end`](Encoder::end).
///
/// A key is an [`entry`](Encoder::entry), or [`key`](Encoder::key) followed by the body of its
/// type: for strings one [`string`](Encoder::string); for collections
/// [`length`](Encoder::length) and so many elements, of one string, of two, or of one and a
/// [`score`](Encoder::score); for what is kept in one container, such as
/// [`SetIntset`](ValueType::SetIntset), one string that is the container, which is not looked
/// into. Keys must be unique in their database, members and fields in their
/// collection; servers refuse or drop what is not.
///
/// ```
/// use rdb_format::{Compression, Crc64, Encoder, Target, Value, ValueType};
///
/// let mut encoder = Encoder::new(Target::default(), Compression::None);
/// let mut out = Vec::new();
/// encoder.header(&mut out);
/// encoder.select_db(&mut out, 0);
/// encoder.entry(&mut out, b"greeting", None, &Value::String(b"hello".to_vec()))?;
/// encoder.key(&mut out, b"queue", ValueType::List, Some(4_102_444_800_000));
/// encoder.length(&mut out, 2);
/// encoder.string(&mut out, b"first");
/// encoder.string(&mut out, b"second");
///
/// let mut crc = Crc64::new();
/// crc.update(&out);
/// encoder.end(&mut out, Some(crc));
/// assert!(out.starts_with(b"REDIS0009"));
/// # Ok::<(), rdb_format::EncodeError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Encoder {
    target: Target,
    // What strings are compressed with, if they are.
    lzf: Option<Lzf>,
    encodings: Encodings,
    // Where containers are packed.
    pack: Option<ListpackWriter>,
    allowed: Losses,
    losses: Vec<(Vec<u8>, Loss)>,
    losses_count: u64,
}

impl Encoder {
    /// An encoder for streams that `target` can load.
    pub fn new(target: Target, compression: Compression) -> Self {
        let lzf = match compression {
            Compression::None => None,
            Compression::Lzf => Some(Lzf::default()),
        };
        Self {
            target,
            lzf,
            encodings: Encodings::PLAIN,
            pack: None,
            allowed: Losses::Refuse,
            losses: Vec::new(),
            losses_count: 0,
        }
    }

    /// Sets which collections [`entry`](Encoder::entry) writes in one container: none at first.
    #[must_use]
    pub fn with_encodings(mut self, encodings: Encodings) -> Self {
        self.encodings = encodings;
        self
    }

    /// Which collections [`entry`](Encoder::entry) writes in one container.
    pub const fn encodings(&self) -> Encodings {
        self.encodings
    }

    /// Sets what may be left out where the target cannot hold it.
    #[must_use]
    pub fn allow(mut self, losses: Losses) -> Self {
        self.allowed = losses;
        self
    }

    /// For whom it writes.
    pub const fn target(&self) -> Target {
        self.target
    }

    /// Whether it compresses strings.
    pub const fn compression(&self) -> Compression {
        match self.lzf {
            None => Compression::None,
            Some(_) => Compression::Lzf,
        }
    }

    /// Appends the nine bytes of magic word and version.
    pub fn header(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.target.header());
    }

    /// Appends: the keys that follow belong to database `db`. Servers have 16 unless told.
    pub fn select_db(&mut self, out: &mut Vec<u8>, db: u32) {
        out.push(opcode::SELECT_DB);
        self.length(out, u64::from(db));
    }

    /// Appends how many keys the database has, and how many of them expire. Servers reserve for
    /// so many: right after [`select_db`](Encoder::select_db) or not at all.
    pub fn resize_db(&mut self, out: &mut Vec<u8>, keys: u64, expiring: u64) {
        out.push(opcode::RESIZE_DB);
        self.length(out, keys);
        self.length(out, expiring);
    }

    /// Appends a key and the type of its value, whose body must follow.
    ///
    /// `expire_at_ms` is in milliseconds since 1970; servers take -1 for no expiry.
    #[inline]
    pub fn key(
        &mut self,
        out: &mut Vec<u8>,
        key: &[u8],
        value_type: ValueType,
        expire_at_ms: Option<i64>,
    ) {
        append_expiry(out, expire_at_ms);
        out.push(value_type.number());
        self.string(out, key);
    }

    /// Appends a number of elements, or of the bytes of a string that the caller appends itself, in
    /// pieces.
    #[inline]
    pub fn length(&mut self, out: &mut Vec<u8>, n: u64) {
        append_length(out, n);
    }

    /// Appends a score as eight bytes, as [`ValueType::SortedSet`] wants it after each member.
    /// Servers refuse one that is not a number.
    #[inline]
    pub fn score(&mut self, out: &mut Vec<u8>, score: f64) {
        out.extend_from_slice(&score.to_le_bytes());
    }

    /// Appends the body of a value, for a key of type [`value.value_type()`](Value::value_type).
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when no server could load the value, or when that type cannot hold it all
    /// and losses are not allowed; `out` is then left as it was.
    pub fn value(&mut self, out: &mut Vec<u8>, value: &Value) -> Result<(), EncodeError> {
        let value_type = value.value_type();
        self.admit(b"", value, value_type)?;
        value.encode(self, out, value_type);
        Ok(())
    }

    /// Appends the body of a value in the type that suits the target best, and says which that is.
    ///
    /// ```
    /// use rdb_format::{Compression, Encoder, Target, Value, ValueType};
    ///
    /// let mut encoder = Encoder::new(Target::Redis70, Compression::None);
    /// let mut body = Vec::new();
    /// let value_type = encoder.fitted_value(&mut body, &Value::String(b"text".to_vec()))?;
    /// assert_eq!((value_type, &body[..]), (ValueType::String, &b"\x04text"[..]));
    /// # Ok::<(), rdb_format::EncodeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`entry`](Encoder::entry).
    pub fn fitted_value(
        &mut self,
        out: &mut Vec<u8>,
        value: &Value,
    ) -> Result<ValueType, EncodeError> {
        let value_type = self.choose(b"", value)?;
        value.encode(self, out, value_type);
        Ok(value_type)
    }

    /// Appends a key with its whole value, in the type that suits the target best.
    ///
    /// # Errors
    ///
    /// [`EncodeError`] when no server could load the value, or when the target cannot hold it all
    /// and losses are not allowed; `out` is then left as it was.
    pub fn entry(
        &mut self,
        out: &mut Vec<u8>,
        key: &[u8],
        expire_at_ms: Option<i64>,
        value: &Value,
    ) -> Result<(), EncodeError> {
        let value_type = self.choose(key, value)?;
        self.key(out, key, value_type, expire_at_ms);
        value.encode(self, out, value_type);
        Ok(())
    }

    /// Appends a key as it was read: with its attributes, and its value in the type that suits
    /// the target best. Its database is left to [`select_db`](Encoder::select_db).
    ///
    /// # Errors
    ///
    /// As [`entry`](Encoder::entry).
    pub fn record(&mut self, out: &mut Vec<u8>, entry: &Entry) -> Result<(), EncodeError> {
        let value_type = self.choose(&entry.key, &entry.value)?;
        let meta = self.admit_meta(&entry.key, entry.meta.as_deref())?;
        self.attributes(out, entry.idle_s, entry.freq);
        append_expiry(out, entry.expire_at_ms);
        append_meta(out, meta);
        self.key(out, &entry.key, value_type, None);
        entry.value.encode(self, out, value_type);
        Ok(())
    }

    /// Appends how long ago the next key was used, in seconds, and how often. Servers take one of
    /// both, as their policy of eviction is.
    pub fn attributes(&mut self, out: &mut Vec<u8>, idle_s: Option<u64>, freq: Option<u8>) {
        if let Some(idle_s) = idle_s {
            out.push(opcode::IDLE);
            self.length(out, idle_s);
        }
        if let Some(freq) = freq {
            out.extend_from_slice(&[opcode::FREQ, freq]);
        }
    }

    /// The type in which [`entry`](Encoder::entry) writes a value.
    pub(crate) fn choose(&mut self, key: &[u8], value: &Value) -> Result<ValueType, EncodeError> {
        let value_type = value.type_for(self.target, &self.encodings);
        self.admit(key, value, value_type)?;
        Ok(value_type)
    }

    /// Fails if the value must not be written as `value_type`; notes what it loses.
    fn admit(
        &mut self,
        key: &[u8],
        value: &Value,
        value_type: ValueType,
    ) -> Result<(), EncodeError> {
        value.check(key, value_type)?;
        if !self.target.holds(value_type) {
            return Err(EncodeError::Type {
                key: key.to_vec(),
                value_type,
                target: self.target,
            });
        }
        self.lose(key, &value.losses(value_type))
    }

    /// Fails if something is lost that must not be; notes it otherwise.
    pub(crate) fn lose(&mut self, key: &[u8], losses: &[Loss]) -> Result<(), EncodeError> {
        if let Some(loss) = losses.iter().find(|loss| !self.allowed.allow(**loss)) {
            return Err(EncodeError::Loss {
                key: key.to_vec(),
                loss: *loss,
                target: self.target,
            });
        }
        for loss in losses {
            if self.losses.len() < LOSSES_MAX {
                self.losses.push((key.to_vec(), *loss));
            }
            self.losses_count = self.losses_count.saturating_add(1);
        }
        Ok(())
    }

    /// What was left out so far, key by key, as [`allow`](Encoder::allow) let it: the first 256.
    pub fn losses(&self) -> &[(Vec<u8>, Loss)] {
        &self.losses
    }

    /// How often something was left out.
    pub const fn losses_count(&self) -> u64 {
        self.losses_count
    }

    /// Appends the end mark and the checksum: nine bytes.
    ///
    /// `before` is the checksum of every byte of the stream so far, from the header on, be they
    /// drained or still in `out`; the end mark is added here. `None` writes 0: no checksum.
    pub fn end(&mut self, out: &mut Vec<u8>, before: Option<Crc64>) {
        out.push(opcode::END);
        let checksum = before.map_or(0, |mut crc| {
            crc.update(&[opcode::END]);
            crc.value()
        });
        out.extend_from_slice(&checksum.to_le_bytes());
    }
}

/// Appends when the next key expires.
#[inline]
fn append_expiry(out: &mut Vec<u8>, expire_at_ms: Option<i64>) {
    if let Some(expire_at_ms) = expire_at_ms {
        out.push(opcode::EXPIRE_MS);
        out.extend_from_slice(&expire_at_ms.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::Encoder;
    use crate::crc64::Crc64;
    use crate::error::EncodeError;
    use crate::object::Value;
    use crate::target::{Compression, Target};
    use crate::value_type::ValueType;

    #[test]
    fn a_score_that_is_no_number_writes_nothing() {
        let mut out = b"before".to_vec();
        let value = Value::SortedSet(vec![(b"a".to_vec(), 1.0), (b"b".to_vec(), f64::NAN)]);
        let mut encoder = Encoder::new(Target::Redis5, Compression::None);
        let error = |key: &[u8]| EncodeError::Score {
            key: key.to_vec(),
            index: 1,
        };
        let named = encoder.entry(&mut out, b"z", None, &value).unwrap_err();
        assert_eq!(named, error(b"z"));
        assert_eq!(
            named.to_string(),
            "key \"z\": score of member 1 is not a number"
        );
        assert_eq!(encoder.value(&mut out, &value), Err(error(b"")));
        assert_eq!(out, b"before");
    }

    #[test]
    fn a_key_is_expiry_type_and_name() {
        let mut out = Vec::new();
        let mut encoder = Encoder::new(Target::Redis5, Compression::None);
        encoder.key(&mut out, b"k", ValueType::Hash, Some(-2));
        assert_eq!(out, b"\xfc\xfe\xff\xff\xff\xff\xff\xff\xff\x04\x01k");
    }

    #[test]
    fn the_end_is_the_mark_and_the_checksum_over_it() {
        let mut encoder = Encoder::new(Target::Redis5, Compression::None);
        let mut out = Vec::new();
        encoder.header(&mut out);
        let mut crc = Crc64::new();
        crc.update(&out);
        encoder.end(&mut out, Some(crc));
        crc.update(&[0xff]);
        assert_eq!(out[..10], *b"REDIS0009\xff");
        assert_eq!(out[10..], crc.value().to_le_bytes());
        out.clear();
        encoder.end(&mut out, None);
        assert_eq!(out, [0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
}
