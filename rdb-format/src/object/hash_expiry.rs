//! Hashes whose fields expire.

use std::ops::Range;

use super::pack;
use crate::encoder::Encoder;
use crate::error::EncodeError;
use crate::target::Target;
use crate::value_type::ValueType;

/// Times that Redis can keep with a field, in milliseconds since 1970.
pub(crate) const REDIS_EXPIRE_AT_MS: Range<i64> = 1..1 << 48;
/// The time, in eight bytes, of a field that does not expire.
const NEVER: i64 = -1;

/// A field, its value, and when it expires.
pub(crate) type ExpiringField = (Vec<u8>, Vec<u8>, Option<i64>);

/// The type that holds such a hash, if the target has one.
pub(super) fn plain_type(fields: &[ExpiringField], target: Target) -> ValueType {
    if fields.iter().all(|(_, _, at)| at.is_none()) {
        ValueType::Hash
    } else if target == Target::Valkey9 {
        ValueType::HashExpiryPreview
    } else if target.holds(ValueType::HashExpiry) {
        ValueType::HashExpiry
    } else {
        ValueType::Hash
    }
}

/// Fails if a time cannot be kept in `value_type`. A type without times has nothing to keep.
pub(super) fn check(
    key: &[u8],
    fields: &[ExpiringField],
    value_type: ValueType,
) -> Result<(), EncodeError> {
    let kept = |at: &i64| match value_type {
        ValueType::HashExpiry | ValueType::HashListpackExpiry => REDIS_EXPIRE_AT_MS.contains(at),
        ValueType::HashExpiryPreview => *at >= 0,
        _ => true,
    };
    let mut times = fields.iter().filter_map(|(_, _, at)| *at);
    match times.find(|at| !kept(at)) {
        None => Ok(()),
        Some(expire_at_ms) => Err(EncodeError::FieldExpiry {
            key: key.to_vec(),
            expire_at_ms,
        }),
    }
}

/// Appends the body of such a hash, as `value_type`. A type without times leaves them out.
pub(super) fn encode(
    encoder: &mut Encoder,
    out: &mut Vec<u8>,
    fields: &[ExpiringField],
    value_type: ValueType,
) {
    let lowest = fields.iter().filter_map(|(_, _, at)| *at).min();
    let lowest = lowest.unwrap_or(0);
    if matches!(
        value_type,
        ValueType::HashExpiry | ValueType::HashListpackExpiry
    ) {
        out.extend_from_slice(&lowest.to_le_bytes());
    }
    match value_type {
        ValueType::HashListpackExpiry => return pack::expiring_fields(encoder, out, fields),
        ValueType::HashListpack => {
            let texts = fields.iter().flat_map(|(f, v, _)| [f.as_slice(), v]);
            return pack::listpack(encoder, out, texts);
        }
        _ => {}
    }
    encoder.length(out, fields.len() as u64);
    for (field, value, at) in fields {
        if value_type == ValueType::HashExpiry {
            // From the lowest time, which is at least 1; 0 stands for none.
            let ahead = at.map_or(0, |at| at.wrapping_sub(lowest).wrapping_add(1));
            encoder.length(out, ahead.cast_unsigned());
        }
        encoder.string(out, field);
        encoder.string(out, value);
        if value_type == ValueType::HashExpiryPreview {
            out.extend_from_slice(&at.unwrap_or(NEVER).to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::encoder::Encoder;
    use crate::error::EncodeError;
    use crate::object::Value;
    use crate::raw_entry::decode_body;
    use crate::target::{Compression, Losses, Target};
    use crate::{Dialect, ReadOptions, ValueType};

    const LAST_MS: i64 = (1 << 48) - 1;

    /// A hash with one field that expires then.
    fn hash(expire_at_ms: i64) -> Value {
        Value::ExpiringHash(vec![(b"f".to_vec(), b"v".to_vec(), Some(expire_at_ms))])
    }

    fn written(target: Target, expire_at_ms: i64) -> Result<Vec<u8>, EncodeError> {
        let mut encoder = Encoder::new(target, Compression::None).allow(Losses::Any);
        let mut out = Vec::new();
        encoder.entry(&mut out, b"", None, &hash(expire_at_ms))?;
        // In front of the body stand its type and the length of the empty key.
        out.drain(..2);
        Ok(out)
    }

    #[test]
    fn times_are_checked_where_they_are_kept() {
        let kept = |target, at| written(target, at).is_ok();
        for target in [Target::Redis74, Target::Redis88] {
            let found = [0, 1, LAST_MS, LAST_MS + 1].map(|at| kept(target, at));
            assert_eq!(found, [false, true, true, false], "{target}");
        }
        let found = [-1, 0, 1, LAST_MS + 1, i64::MAX].map(|at| kept(Target::Valkey9, at));
        assert_eq!(found, [false, true, true, true, true]);
        let dropped = [-1, 0, i64::MAX].map(|at| kept(Target::Redis72, at));
        assert_eq!(dropped, [true; 3]);
    }

    #[test]
    fn what_reads_can_be_written_again() {
        let read = |value_type, dialect, body: &[u8]| {
            decode_body(value_type, dialect, body, ReadOptions::default())
        };
        let hash_2 = [&b"\x01\x01f\x01v"[..], &i64::MAX.to_le_bytes()].concat();
        let value = read(ValueType::HashExpiryPreview, Dialect::Valkey, &hash_2).unwrap();
        assert_eq!(value, hash(i64::MAX));
        assert_eq!(written(Target::Valkey9, i64::MAX).unwrap(), hash_2);

        let relative = |lowest_ms: i64, ahead: u8| {
            let body = [&lowest_ms.to_le_bytes()[..], &[1, ahead], b"\x01f\x01v"].concat();
            read(ValueType::HashExpiry, Dialect::Redis, &body)
        };
        assert_eq!(relative(LAST_MS, 1).unwrap(), hash(LAST_MS));
        assert!(relative(LAST_MS, 2).is_err());
        assert!(relative(0, 1).is_err());
        assert!(relative(-5, 2).is_err());
        let absolute = |at_ms: i64| {
            let body = [&[1, 0x81][..], &at_ms.to_be_bytes(), b"\x01f\x01v"].concat();
            read(ValueType::HashExpiryPreview, Dialect::Redis, &body)
        };
        assert_eq!(absolute(LAST_MS).unwrap(), hash(LAST_MS));
        assert!(absolute(LAST_MS + 1).is_err());
        let packed = |at_ms: i64| {
            let mut body = [0; 8].to_vec();
            body.extend_from_slice(b"\x17\x17\0\0\0\x03\0\x81f\x02\x81v\x02\xf4");
            body.extend_from_slice(&at_ms.to_le_bytes());
            body.extend_from_slice(b"\x09\xff");
            read(ValueType::HashListpackExpiry, Dialect::Redis, &body)
        };
        assert_eq!(packed(LAST_MS).unwrap(), hash(LAST_MS));
        assert!(packed(LAST_MS + 1).is_err());
    }
}
