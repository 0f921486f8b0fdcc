//! Values of modules: an id, then items that say their own length.

use crate::error::DecodeError;
use crate::input::Input;
use crate::source::Source;
use crate::value_type::ValueType;

/// Passes the body of a module's value; `false` when the type is not that.
pub(crate) fn skip<S: Source>(
    value_type: ValueType,
    input: &mut Input<S>,
) -> Result<bool, DecodeError> {
    if value_type != ValueType::Module {
        return Ok(false);
    }
    input.skip_lengths(1)?;
    skip_items(input)?;
    Ok(true)
}

/// Passes items, up to and with their end mark.
pub(crate) fn skip_items<S: Source>(input: &mut Input<S>) -> Result<(), DecodeError> {
    loop {
        input.commit();
        let offset = input.position();
        match input.length()? {
            0 => return Ok(()),
            1 | 2 => input.skip_lengths(1)?,
            3 => input.skip_bytes(4)?,
            4 => input.skip_bytes(8)?,
            5 => input.skip_string()?,
            opcode => return Err(DecodeError::ModuleItem { offset, opcode }),
        }
    }
}
