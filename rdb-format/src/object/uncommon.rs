//! Elements of hashes whose fields expire, and of arrays.

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
    let out_of_range = DecodeError::FieldExpiry { offset };
    let ahead = if form == ElementForm::TrailingExpiry {
        None
    } else {
        let Ok(ahead) = i64::try_from(input.length()?) else {
            return Err(out_of_range);
        };
        Some(ahead)
    };
    input.string_to(Slot::First, &mut parts.first)?;
    input.string_to(Slot::Second, &mut parts.second)?;
    let offset = input.position();
    let expire_at_ms = match (ahead, form) {
        (Some(0), _) => None,
        (Some(ahead), ElementForm::AbsoluteExpiry) => Some(ahead),
        (Some(ahead), _) => {
            let after_lowest = ahead.wrapping_sub(1);
            Some(lowest_ms.checked_add(after_lowest).ok_or(out_of_range)?)
        }
        (None, _) => match i64::from_le_bytes(input.array()?) {
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
