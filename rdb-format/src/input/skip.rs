//! Passing over what nobody wants, in constant memory.

use super::{COMPRESSED, INTEGER_8, INTEGER_16, INTEGER_32, Input};
use crate::error::DecodeError;
use crate::source::Source;

/// What is skipped passes the buffer in pieces of this size.
const SKIP_BYTES: u64 = 64 * 1024;

impl<S: Source> Input<S> {
    /// Passes so many lengths.
    pub(crate) fn skip_lengths(&mut self, count: u32) -> Result<(), DecodeError> {
        for _ in 0..count {
            self.length()?;
        }
        self.commit();
        Ok(())
    }

    /// Passes so many bytes without keeping them. Commits.
    pub(crate) fn skip_bytes(&mut self, count: u64) -> Result<(), DecodeError> {
        let mut left = count;
        while left > 0 {
            let piece = left.min(SKIP_BYTES);
            self.take(usize::try_from(piece).unwrap_or(usize::MAX))?;
            self.commit();
            left = left.wrapping_sub(piece);
        }
        Ok(())
    }

    /// Passes a string without keeping it. Commits.
    pub(crate) fn skip_string(&mut self) -> Result<(), DecodeError> {
        let offset = self.position();
        let length = match self.byte()? {
            INTEGER_8 => 1,
            INTEGER_16 => 2,
            INTEGER_32 => 4,
            COMPRESSED => {
                let compressed = self.length()?;
                self.length()?;
                compressed
            }
            lead if lead < INTEGER_8 => self.length_from(lead)?,
            byte => return Err(DecodeError::String { offset, byte }),
        };
        self.skip_bytes(length)
    }
}
