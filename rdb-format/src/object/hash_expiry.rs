//! Hashes whose fields expire. Their frame only; nothing is looked into.

use crate::error::DecodeError;
use crate::event::Dialect;
use crate::input::Input;
use crate::source::Source;
use crate::value_type::ValueType;

/// Bytes of a time.
const TIME_BYTES: u64 = 8;

/// Passes the body of a hash with expiring fields; `false` when the type is not that.
pub(crate) fn skip<S: Source>(
    value_type: ValueType,
    dialect: Dialect,
    input: &mut Input<S>,
) -> Result<bool, DecodeError> {
    match value_type {
        // Field, value, and when the field expires.
        ValueType::HashExpiryPreview if dialect == Dialect::Valkey => {
            for _ in 0..input.length()? {
                input.skip_string()?;
                input.skip_string()?;
                input.skip_bytes(TIME_BYTES)?;
            }
        }
        ValueType::HashExpiryPreview => skip_fields(input)?,
        ValueType::HashExpiry => {
            input.skip_bytes(TIME_BYTES)?;
            skip_fields(input)?;
        }
        ValueType::HashListpackExpiryPreview => input.skip_string()?,
        ValueType::HashListpackExpiry => {
            input.skip_bytes(TIME_BYTES)?;
            input.skip_string()?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Passes a count, then so many times: when the field expires, field, value.
fn skip_fields<S: Source>(input: &mut Input<S>) -> Result<(), DecodeError> {
    for _ in 0..input.length()? {
        input.skip_lengths(1)?;
        input.skip_string()?;
        input.skip_string()?;
    }
    Ok(())
}
