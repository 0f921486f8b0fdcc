//! One value, element by element.

use super::layout::{ElementForm, Layout};
use super::shape::Shape;
use super::sorted_set::parse_score;
use crate::compact::{self, Container, Cursor, Span};
use crate::error::{CompactError, DecodeError};
use crate::event::Warning;
use crate::input::{Blob, Input, Slot, Text};
use crate::source::Source;

/// Kind of a quicklist node that is one element.
const NODE_PLAIN: u64 = 1;
/// Kind of a quicklist node that is a listpack.
const NODE_PACKED: u64 = 2;
/// Lengths of a score as text that stand for no length.
const SCORE_NAN: u8 = 253;
const SCORE_INFINITY: u8 = 254;
const SCORE_MINUS_INFINITY: u8 = 255;

/// One element, by the places of its strings.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    Item(Text),
    Field(Text, Text),
    Scored(Text, f64),
}

/// A container that is being delivered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packed {
    blob: Blob,
    container: Container,
    cursor: Cursor,
    shape: Shape,
}

/// The place within a value.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Walk {
    /// A string comes.
    String,
    /// So many elements come.
    Elements { left: u64, form: ElementForm },
    /// A container comes.
    PackedAhead(Container, Shape),
    /// Within a container.
    Packed(Packed),
    /// So many nodes come, after the one that is being delivered.
    Nodes {
        left: u64,
        layout: Layout,
        node: Option<Packed>,
    },
    /// Nothing comes.
    Done,
}

impl Walk {
    /// Starts on a value, and reads the number of its elements or nodes.
    #[inline]
    pub(crate) fn start<S: Source>(
        layout: Layout,
        input: &mut Input<S>,
    ) -> Result<Self, DecodeError> {
        Ok(match layout {
            Layout::String => Self::String,
            Layout::Elements(form) => Self::Elements {
                left: input.length()?,
                form,
            },
            Layout::Packed(container, shape) => Self::PackedAhead(container, shape),
            Layout::Quicklist | Layout::Quicklist2 => Self::Nodes {
                left: input.length()?,
                layout,
                node: None,
            },
        })
    }

    /// How many elements come, if the stream has said so.
    pub(crate) fn elements(&self) -> Option<u64> {
        match self {
            Self::String => Some(1),
            Self::Elements { left, .. } => Some(*left),
            Self::Done => Some(0),
            Self::PackedAhead(..) | Self::Packed(_) | Self::Nodes { .. } => None,
        }
    }

    /// The next element; `None` after the last one.
    #[inline]
    pub(crate) fn next<S: Source>(
        &mut self,
        input: &mut Input<S>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Option<Part>, DecodeError> {
        match self {
            Self::String => {
                let text = input.string(Slot::First)?;
                *self = Self::Done;
                Ok(Some(Part::Item(text)))
            }
            Self::Elements { left, form } => {
                let Some(rest) = left.checked_sub(1) else {
                    return Ok(None);
                };
                *left = rest;
                element(*form, input).map(Some)
            }
            Self::Done => Ok(None),
            Self::PackedAhead(..) | Self::Packed(_) | Self::Nodes { .. } => {
                self.next_packed(input, warnings)
            }
        }
    }

    fn next_packed<S: Source>(
        &mut self,
        input: &mut Input<S>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Option<Part>, DecodeError> {
        loop {
            match self {
                Self::PackedAhead(container, shape) => {
                    *self = Self::Packed(Packed::open(*container, *shape, input, warnings)?);
                }
                Self::Packed(packed) => {
                    let part = packed.next(input)?;
                    if part.is_none() {
                        *self = Self::Done;
                    }
                    return Ok(part);
                }
                Self::Nodes { left, layout, node } => {
                    if let Some(packed) = node {
                        let part = packed.next(input)?;
                        if part.is_some() {
                            return Ok(part);
                        }
                        *node = None;
                    }
                    let Some(rest) = left.checked_sub(1) else {
                        return Ok(None);
                    };
                    *left = rest;
                    let offset = input.position();
                    let container = match layout {
                        Layout::Quicklist2 => match input.length()? {
                            NODE_PLAIN => return Ok(Some(Part::Item(input.string(Slot::First)?))),
                            NODE_PACKED => Container::Listpack,
                            kind => return Err(DecodeError::QuicklistNode { offset, kind }),
                        },
                        _ => Container::Ziplist,
                    };
                    *node = Some(Packed::open(container, Shape::Items, input, warnings)?);
                }
                Self::String | Self::Elements { .. } | Self::Done => return Ok(None),
            }
        }
    }
}

/// An element that is stored by itself.
#[inline]
fn element<S: Source>(form: ElementForm, input: &mut Input<S>) -> Result<Part, DecodeError> {
    let first = input.string(Slot::First)?;
    Ok(match form {
        ElementForm::Item => Part::Item(first),
        ElementForm::Field => Part::Field(first, input.string(Slot::Second)?),
        ElementForm::BinaryScore => Part::Scored(first, input.binary_score()?),
        ElementForm::TextScore => Part::Scored(first, text_score(input)?),
    })
}

fn text_score<S: Source>(input: &mut Input<S>) -> Result<f64, DecodeError> {
    let offset = input.position();
    let score = match input.byte()? {
        SCORE_NAN => None,
        SCORE_INFINITY => Some(f64::INFINITY),
        SCORE_MINUS_INFINITY => Some(f64::NEG_INFINITY),
        len => {
            let text = input.bytes(usize::from(len))?;
            parse_score(input.text(text))
        }
    };
    score.ok_or(DecodeError::Score { offset })
}

impl Packed {
    /// Reads and checks a whole container.
    fn open<S: Source>(
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
        })
    }

    /// The next element; `None` after the last one, when the container is passed.
    fn next<S: Source>(&mut self, input: &mut Input<S>) -> Result<Option<Part>, DecodeError> {
        let Some(first) = self.entry(input)? else {
            input.end_blob(self.blob);
            return Ok(None);
        };
        let first = self.text(first, Slot::First, input);
        if matches!(self.shape, Shape::Items | Shape::Members) {
            return Ok(Some(Part::Item(first)));
        }
        let at = self.cursor.at();
        let second = self
            .entry(input)?
            .ok_or_else(|| self.damaged(CompactError::Odd { at }))?;
        if self.shape == Shape::Fields {
            let second = self.text(second, Slot::Second, input);
            return Ok(Some(Part::Field(first, second)));
        }
        let score = compact::score(second, input.blob_bytes(self.blob))
            .ok_or_else(|| self.damaged(CompactError::Score { at }))?;
        Ok(Some(Part::Scored(first, score)))
    }

    fn entry<S: Source>(&mut self, input: &Input<S>) -> Result<Option<Span>, DecodeError> {
        let bytes = input.blob_bytes(self.blob);
        self.cursor
            .next(bytes)
            .map_err(|source| self.damaged(source))
    }

    fn text<S: Source>(&self, span: Span, slot: Slot, input: &mut Input<S>) -> Text {
        match span {
            Span::Bytes { start, end } => self.blob.text(start, end),
            Span::Integer(value) => input.decimal(slot, value),
        }
    }

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
