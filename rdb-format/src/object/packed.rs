//! One container, element by element.

use super::shape::Shape;
use super::walk::{Part, Parts};
use crate::compact::{self, Container, Cursor, Span};
use crate::error::{CompactError, DecodeError};
use crate::event::Warning;
use crate::input::{Blob, Input, Slot, Text};
use crate::source::Source;

/// A container that is being delivered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packed {
    pub(super) blob: Blob,
    container: Container,
    cursor: Cursor,
    shape: Shape,
    pub(super) elements: usize,
}

impl Packed {
    /// Reads and checks a whole container.
    pub(super) fn open<S: Source>(
        container: Container,
        shape: Shape,
        input: &mut Input<S>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Self, DecodeError> {
        let blob = input.blob()?;
        let offset = blob.offset;
        let checked =
            compact::check(container, input.blob_bytes(blob), shape).map_err(|source| {
                DecodeError::Container {
                    offset,
                    container,
                    source,
                }
            })?;
        if checked.padded {
            Warning::PaddedBackLength { offset }.note(warnings);
        }
        Ok(Self {
            blob,
            container,
            cursor: checked.cursor,
            shape,
            elements: checked.elements,
        })
    }

    /// The next element; `None` after the last one, when the container is passed.
    pub(super) fn next<S: Source>(
        &mut self,
        input: &mut Input<S>,
        parts: &mut Parts,
    ) -> Result<Option<Part>, DecodeError> {
        if !self.text_to(Slot::First, &mut parts.first, input)? {
            input.end_blob(self.blob);
            return Ok(None);
        }
        if matches!(self.shape, Shape::Items | Shape::Members) {
            return Ok(Some(Part::Item));
        }
        let at = self.cursor.at();
        if self.shape == Shape::Scores {
            let bytes = input.blob_bytes(self.blob);
            let score = match self.cursor.next(bytes) {
                Ok(Some(span)) => compact::score(span, bytes),
                Ok(None) => return Err(self.damaged(CompactError::Odd { at })),
                Err(source) => return Err(self.damaged(source)),
            };
            parts.score = score.ok_or_else(|| self.damaged(CompactError::Score { at }))?;
            return Ok(Some(Part::Scored));
        }
        if !self.text_to(Slot::Second, &mut parts.second, input)? {
            return Err(self.damaged(CompactError::Odd { at }));
        }
        if self.shape == Shape::ExpiringFields {
            let at = self.cursor.at();
            parts.expire_at_ms = match self.cursor.next(input.blob_bytes(self.blob)) {
                Ok(Some(Span::Integer(expire_at_ms))) => expire_at_ms,
                Ok(_) => return Err(self.damaged(CompactError::FieldExpiry { at })),
                Err(source) => return Err(self.damaged(source)),
            };
            if parts.expire_at_ms != 0 {
                return Ok(Some(Part::Expiring));
            }
        }
        Ok(Some(Part::Field))
    }

    /// Puts the text of the next entry into its place; `false` after the last one.
    #[inline]
    fn text_to<S: Source>(
        &mut self,
        slot: Slot,
        text: &mut Text,
        input: &mut Input<S>,
    ) -> Result<bool, DecodeError> {
        // Taken apart where it is: moving it costs more than finding it.
        match self.cursor.next(input.blob_bytes(self.blob)) {
            Ok(Some(Span::Bytes { start, end })) => *text = self.blob.text(start, end),
            Ok(Some(Span::Integer(value))) => *text = input.decimal(slot, value),
            Ok(None) => return Ok(false),
            Err(source) => return Err(self.damaged(source)),
        }
        Ok(true)
    }

    #[cold]
    fn damaged(&self, source: CompactError) -> DecodeError {
        let Self {
            blob, container, ..
        } = *self;
        DecodeError::Container {
            offset: blob.offset,
            container,
            source,
        }
    }
}
