//! Numbers that some values have.

use super::Input;
use crate::error::DecodeError;
use crate::object::StreamId;
use crate::source::Source;

impl<S: Source> Input<S> {
    /// A score stored as eight bytes, which must be a number.
    #[inline]
    pub(crate) fn binary_score(&mut self) -> Result<f64, DecodeError> {
        let score = f64::from_le_bytes(self.array()?);
        if score.is_nan() {
            return Err(DecodeError::Score {
                offset: self.position().wrapping_sub(8),
            });
        }
        Ok(score)
    }

    /// The id of a stream entry, as two lengths.
    pub(crate) fn stream_id(&mut self) -> Result<StreamId, DecodeError> {
        let (ms, seq) = (self.length()?, self.length()?);
        Ok(StreamId { ms, seq })
    }
}
