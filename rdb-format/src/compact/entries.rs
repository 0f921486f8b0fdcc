//! The entries of a container, as an iterator over borrowed bytes.

use super::container::{Container, Cursor, Span};
use crate::decimal::append_decimal;
use crate::error::CompactError;

/// One entry of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompactEntry<'a> {
    /// A string.
    Bytes(&'a [u8]),
    /// A string that is the decimal text of this integer.
    Integer(i64),
}

impl<'a> CompactEntry<'a> {
    pub(crate) fn new(span: Span, bytes: &'a [u8]) -> Self {
        match span {
            Span::Bytes { start, end } => Self::Bytes(bytes.get(start..end).unwrap_or_default()),
            Span::Integer(value) => Self::Integer(value),
        }
    }

    /// Appends the text that the entry stands for.
    pub fn append_to(self, out: &mut Vec<u8>) {
        match self {
            Self::Bytes(bytes) => out.extend_from_slice(bytes),
            Self::Integer(value) => append_decimal(out, value),
        }
    }

    /// The text that the entry stands for.
    pub fn to_vec(self) -> Vec<u8> {
        let mut text = Vec::new();
        self.append_to(&mut text);
        text
    }
}

/// The entries of one container from front to back; made by [`Container::entries`].
///
/// Ends after the first error. Every step checks the bytes that it passes, whatever they are.
#[derive(Debug, Clone)]
pub struct CompactEntries<'a> {
    bytes: &'a [u8],
    cursor: Option<Cursor>,
}

impl Container {
    /// Walks the container in `bytes`; fields and values, or members and scores, alternate.
    ///
    /// # Errors
    ///
    /// [`CompactError`] when header or end mark are wrong. What is wrong with an entry is reported
    /// when it is met, wrong counts at the end.
    pub fn entries(self, bytes: &[u8]) -> Result<CompactEntries<'_>, CompactError> {
        Ok(CompactEntries {
            bytes,
            cursor: Some(Cursor::new(self, bytes)?),
        })
    }
}

impl<'a> Iterator for CompactEntries<'a> {
    type Item = Result<CompactEntry<'a>, CompactError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.cursor.as_mut()?.next(self.bytes);
        match next {
            Ok(Some(span)) => Some(Ok(CompactEntry::new(span, self.bytes))),
            Ok(None) => {
                self.cursor = None;
                None
            }
            Err(error) => {
                self.cursor = None;
                Some(Err(error))
            }
        }
    }
}

impl std::iter::FusedIterator for CompactEntries<'_> {}
