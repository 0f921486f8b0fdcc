//! Elements of hashes whose fields expire, and of arrays.

use super::hash_expiry::REDIS_EXPIRE_AT_MS;
use super::layout::ElementForm;
use super::walk::{Part, Parts};
use crate::error::DecodeError;
use crate::input::{Input, Slot};
use crate::source::Source;

/// The time, in eight bytes, of a field that does not expire.
const NEVER: i64 = -1;
/// Kinds of array elements: a string, an integer, a double, a short string.
const STRING: u64 = 0;
const INTEGER: u64 = 1;
const DOUBLE: u64 = 2;
const SHORT_STRING: u64 = 3;

/// An element whose form is none of those that most values have. Out of the way of those.
#[inline(never)]
pub(super) fn uncommon_element<S: Source>(
    form: ElementForm,
    lowest_ms: i64,
    input: &mut Input<S>,
    parts: &mut Parts,
) -> Result<Part, DecodeError> {
    let offset = input.position();
    if form == ElementForm::Indexed {
        return indexed(input, parts);
    }
    let leading = match form {
        ElementForm::TrailingExpiry => None,
        ElementForm::AbsoluteExpiry => Some(leading_expiry(offset, 1, input)?),
        _ => Some(leading_expiry(offset, lowest_ms, input)?),
    };
    input.string_to(Slot::First, &mut parts.first)?;
    input.string_to(Slot::Second, &mut parts.second)?;
    let offset = input.position();
    let expire_at_ms = match leading {
        Some(expire_at_ms) => expire_at_ms,
        None => match i64::from_le_bytes(input.array()?) {
            NEVER => None,
            at @ 0.. => Some(at),
            _ => return Err(DecodeError::FieldExpiry { offset }),
        },
    };
    Ok(match expire_at_ms {
        None => Part::Field,
        Some(at) => {
            parts.expire_at_ms = at;
            Part::Expiring
        }
    })
}

/// A time as Redis has it before a field: 0 for none, else 1 for the lowest time and so on.
fn leading_expiry<S: Source>(
    offset: u64,
    lowest_ms: i64,
    input: &mut Input<S>,
) -> Result<Option<i64>, DecodeError> {
    let Some(after_lowest) = input.length()?.checked_sub(1) else {
        return Ok(None);
    };
    let at = lowest_ms.checked_add_unsigned(after_lowest);
    match at.filter(|at| REDIS_EXPIRE_AT_MS.contains(at)) {
        Some(at) => Ok(Some(at)),
        None => Err(DecodeError::FieldExpiry { offset }),
    }
}

fn indexed<S: Source>(input: &mut Input<S>, parts: &mut Parts) -> Result<Part, DecodeError> {
    let offset = input.position();
    parts.index = input.length()?;
    if parts.index == u64::MAX {
        return Err(DecodeError::ArrayIndex { offset });
    }
    let offset = input.position();
    parts.first = match input.length()? {
        STRING | SHORT_STRING => input.string(Slot::First)?,
        INTEGER => {
            let value = i64::from_le_bytes(input.array()?);
            input.decimal(Slot::First, value)
        }
        DOUBLE => {
            let value = f64::from_le_bytes(input.array()?);
            // The shortest digits that read back equal, and always a point or an exponent.
            input.written(Slot::First, format!("{value:?}").into_bytes())
        }
        kind => return Err(DecodeError::ArrayElement { offset, kind }),
    };
    Ok(Part::Indexed)
}
