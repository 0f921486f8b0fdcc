//! What it takes to pass over a string without taking it apart.

use super::{COMPRESSED, INTEGER_8, INTEGER_16, INTEGER_32, Input, Text};
use crate::error::DecodeError;
use crate::source::Source;

impl<S: Source> Input<S> {
    /// Passes what stands before the bytes of a string, and tells how many they are.
    pub(crate) fn string_frame(&mut self) -> Result<u64, DecodeError> {
        let offset = self.position();
        let length = match self.byte()? {
            INTEGER_8 => return Ok(1),
            INTEGER_16 => return Ok(2),
            INTEGER_32 => return Ok(4),
            COMPRESSED => {
                let compressed = self.length()?;
                let expanded = self.length()?;
                self.checked_length(offset, expanded)?;
                compressed
            }
            lead if lead < INTEGER_8 => self.length_from(lead)?,
            byte => return Err(DecodeError::String { offset, byte }),
        };
        self.checked_length(offset, length)?;
        Ok(length)
    }

    /// All that is parsed and not committed.
    pub(crate) fn parsed(&self) -> Text {
        Text::Window {
            start: 0,
            end: self.at,
        }
    }
}
