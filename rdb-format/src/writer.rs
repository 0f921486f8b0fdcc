//! Records to bytes.

mod whole;

pub(crate) use self::whole::append_meta;

use crate::compact::ListpackWriter;
use crate::crc64::Crc64;
use crate::decimal::parse_canonical;
use crate::encodings::Encodings;
use crate::error::EncodeError;
use crate::input::{COMPRESSED, INTEGER_8, INTEGER_16, INTEGER_32};
use crate::length::append_length;
use crate::lzf::LzfEncoder;
use crate::object::Value;
use crate::opcode;
use crate::target::{Compression, Loss, Losses, Target};
use crate::value_type::ValueType;

/// Longest text of an integer that fits 32 bits.
const INTEGER_TEXT_MAX: usize = 11;
/// Strings up to this length are never compressed, in bytes.
const COMPRESS_OVER: usize = 20;
/// Further losses are counted only: a file full of them must not fill the memory.
const LOSSES_MAX: usize = 256;
/// What compression must save to be kept, in bytes.
const COMPRESS_SAVES: usize = 4;
/// Space for a compressed string or a container above this is given back, in bytes.
const SCRATCH_KEPT_BYTES: usize = 1 << 20;

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
/// [`score`](Encoder::score). Keys must be unique in their database, members and fields in their
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

/// An encoder and the place for its output, as its length goes in front of it.
#[derive(Debug, Clone, Default)]
struct Lzf {
    encoder: LzfEncoder,
    compressed: Vec<u8>,
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

    /// Appends a listpack that `fill` fills.
    pub(crate) fn pack(&mut self, out: &mut Vec<u8>, fill: impl FnOnce(&mut ListpackWriter)) {
        let form = self.target.back_lengths();
        let mut listpack = self
            .pack
            .take()
            .unwrap_or_else(|| ListpackWriter::new(form));
        fill(&mut listpack);
        self.string(out, listpack.finish());
        listpack.clear();
        listpack.shrink_to(SCRATCH_KEPT_BYTES);
        self.pack = Some(listpack);
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

    /// Appends a named fact, such as `redis-ver`. Servers skip names they do not know.
    pub fn aux(&mut self, out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
        out.push(opcode::AUX);
        self.string(out, name);
        self.string(out, value);
    }

    /// Appends the source of a function library, with its `#!` line.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Functions`] when the target is older than functions.
    pub fn function(&mut self, out: &mut Vec<u8>, source: &[u8]) -> Result<(), EncodeError> {
        if !self.target.holds_functions() {
            return Err(EncodeError::Functions {
                target: self.target,
            });
        }
        out.push(opcode::FUNCTION);
        self.string(out, source);
        Ok(())
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
        if let Some(expire_at_ms) = expire_at_ms {
            out.push(opcode::EXPIRE_MS);
            out.extend_from_slice(&expire_at_ms.to_le_bytes());
        }
        out.push(value_type.number());
        self.string(out, key);
    }

    /// Appends a number of elements.
    #[inline]
    pub fn length(&mut self, out: &mut Vec<u8>, n: u64) {
        append_length(out, n);
    }

    /// Appends a string: as an integer if it is the text of one of 32 bits, else compressed if
    /// that is wanted and pays, else as it is.
    #[inline]
    pub fn string(&mut self, out: &mut Vec<u8>, bytes: &[u8]) {
        if bytes.len() <= INTEGER_TEXT_MAX {
            if append_integer(out, bytes) {
                return;
            }
        } else if bytes.len() > COMPRESS_OVER
            && self.lzf.as_mut().is_some_and(|lzf| lzf.append(out, bytes))
        {
            return;
        }
        append_length(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    }

    /// Appends the length of a string whose `len` bytes the caller appends itself, in pieces.
    #[inline]
    pub fn raw_string_head(&mut self, out: &mut Vec<u8>, len: u64) {
        append_length(out, len);
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
    fn lose(&mut self, key: &[u8], losses: &[Loss]) -> Result<(), EncodeError> {
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

impl Lzf {
    /// Appends the compressed string if it is shorter by enough.
    fn append(&mut self, out: &mut Vec<u8>, bytes: &[u8]) -> bool {
        let limit = bytes.len().saturating_sub(COMPRESS_SAVES);
        let len = self.encoder.compress(bytes, &mut self.compressed, limit);
        if let Some(len) = len {
            out.push(COMPRESSED);
            append_length(out, len as u64);
            append_length(out, bytes.len() as u64);
            out.extend_from_slice(&self.compressed);
        }
        self.compressed.clear();
        self.compressed.shrink_to(SCRATCH_KEPT_BYTES);
        len.is_some()
    }
}

/// Appends `text` as an integer if it is one of 32 bits in its only form.
#[inline]
fn append_integer(out: &mut Vec<u8>, text: &[u8]) -> bool {
    let Some(b'-' | b'0'..=b'9') = text.first() else {
        return false;
    };
    let Some(value) = parse_canonical(text).and_then(|value| i32::try_from(value).ok()) else {
        return false;
    };
    if let Ok(value) = i8::try_from(value) {
        let [a] = value.to_le_bytes();
        out.extend_from_slice(&[INTEGER_8, a]);
    } else if let Ok(value) = i16::try_from(value) {
        let [a, b] = value.to_le_bytes();
        out.extend_from_slice(&[INTEGER_16, a, b]);
    } else {
        let [a, b, c, d] = value.to_le_bytes();
        out.extend_from_slice(&[INTEGER_32, a, b, c, d]);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::{Encoder, SCRATCH_KEPT_BYTES};
    use crate::crc64::Crc64;
    use crate::error::EncodeError;
    use crate::object::Value;
    use crate::target::{Compression, Target};
    use crate::value_type::ValueType;

    fn string(bytes: &[u8], compression: Compression) -> Vec<u8> {
        let mut out = Vec::new();
        Encoder::new(Target::Redis5, compression).string(&mut out, bytes);
        out
    }

    #[test]
    fn integers_take_the_narrowest_form() {
        let plain = |text: &str| string(text.as_bytes(), Compression::None);
        assert_eq!(plain("-1"), [0xc0, 0xff]);
        assert_eq!(plain("127"), [0xc0, 0x7f]);
        assert_eq!(plain("128"), [0xc1, 0x80, 0x00]);
        assert_eq!(plain("200"), [0xc1, 0xc8, 0x00]);
        assert_eq!(plain("-32769"), [0xc2, 0xff, 0x7f, 0xff, 0xff]);
        assert_eq!(plain("70000"), [0xc2, 0x70, 0x11, 0x01, 0x00]);
        assert_eq!(plain("-2147483648"), [0xc2, 0, 0, 0, 0x80]);
        assert_eq!(plain("5000000000"), b"\x0a5000000000");
        assert_eq!(plain("-0"), b"\x02-0");
        assert_eq!(plain("007"), b"\x03007");
        assert_eq!(plain(""), b"\0");
    }

    #[test]
    fn compression_must_pay() {
        let twenty = [b'a'; 20];
        assert_eq!(string(&twenty, Compression::Lzf)[0], 20, "too short to try");
        let lead = string(&[b'a'; 21], Compression::Lzf)[0];
        assert_eq!(lead, 0xc3);
        assert_eq!(string(&[b'a'; 21], Compression::None)[0], 21);
        let distinct: Vec<u8> = (0..60).collect();
        assert_eq!(
            string(&distinct, Compression::Lzf)[0],
            60,
            "nothing to gain"
        );
    }

    #[test]
    fn a_big_string_or_container_leaves_no_big_scratch() {
        let mut encoder = Encoder::new(Target::Redis88, Compression::Lzf);
        let mut out = Vec::new();
        encoder.string(&mut out, &vec![b'a'; 8 * SCRATCH_KEPT_BYTES]);
        encoder.pack(&mut out, |listpack| {
            listpack.push(&vec![b'a'; 4 * SCRATCH_KEPT_BYTES]);
        });
        let compressed = encoder.lzf.unwrap().compressed.capacity();
        assert!(compressed <= SCRATCH_KEPT_BYTES, "{compressed}");
        let packed = encoder.pack.unwrap().capacity();
        assert!(packed <= SCRATCH_KEPT_BYTES, "{packed}");
    }

    #[test]
    fn functions_need_a_target_that_knows_them() {
        let mut out = Vec::new();
        let mut old = Encoder::new(Target::Redis5, Compression::None);
        let error = EncodeError::Functions {
            target: Target::Redis5,
        };
        assert_eq!(old.function(&mut out, b"#!lua name=a\n"), Err(error));
        assert!(out.is_empty());
        let mut new = Encoder::new(Target::Redis70, Compression::None);
        assert_eq!(new.function(&mut out, b"#!lua name=a\n"), Ok(()));
        assert_eq!(out, b"\xf5\x0d#!lua name=a\n");
    }

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
