//! Hashes whose fields expire.

use super::pack;
use crate::error::EncodeError;
use crate::target::Target;
use crate::value_type::ValueType;
use crate::writer::Encoder;

/// Times that Redis can keep with a field end here, in milliseconds since 1970.
const EXPIRE_AT_MS_END: i64 = 1 << 48;
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

/// Fails if a time cannot be kept.
pub(super) fn check(key: &[u8], fields: &[ExpiringField]) -> Result<(), EncodeError> {
    let times = fields.iter().filter_map(|(_, _, at)| *at);
    match times
        .into_iter()
        .find(|at| !(1..EXPIRE_AT_MS_END).contains(at))
    {
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
