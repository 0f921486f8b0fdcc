//! Arrays: elements with their indexes. Their frame only; nothing is looked into.

use crate::error::DecodeError;
use crate::input::Input;
use crate::source::Source;
use crate::value_type::ValueType;

/// Kinds of elements: a string, an integer, a double, a short string.
const STRING: u64 = 0;
const INTEGER: u64 = 1;
const DOUBLE: u64 = 2;
const SHORT_STRING: u64 = 3;

/// Passes the body of an array; `false` when the type is none.
pub(crate) fn skip<S: Source>(
    value_type: ValueType,
    input: &mut Input<S>,
) -> Result<bool, DecodeError> {
    if value_type != ValueType::Array {
        return Ok(false);
    }
    let count = input.length()?;
    // Whether there is an insertion index, and the index.
    if input.length()? != 0 {
        input.skip_lengths(1)?;
    }
    for _ in 0..count {
        input.skip_lengths(1)?;
        let offset = input.position();
        match input.length()? {
            STRING | SHORT_STRING => input.skip_string()?,
            INTEGER | DOUBLE => input.skip_bytes(8)?,
            kind => return Err(DecodeError::ArrayElement { offset, kind }),
        }
    }
    Ok(true)
}
