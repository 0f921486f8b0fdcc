//! One value, element by element.

use super::layout::{ElementForm, Layout};
use super::packed::Packed;
use super::shape::Shape;
use super::sorted_set::parse_score;
use super::uncommon::uncommon_element;
use crate::compact::Container;
use crate::error::DecodeError;
use crate::event::Warning;
use crate::input::{Input, Slot, Text};
use crate::options::Values;
use crate::source::Source;

/// Kind of a quicklist node that is one element.
pub(super) const NODE_PLAIN: u64 = 1;
/// Kind of a quicklist node that is a listpack.
const NODE_PACKED: u64 = 2;
/// Lengths of a score as text that stand for no length.
const SCORE_NAN: u8 = 253;
const SCORE_INFINITY: u8 = 254;
const SCORE_MINUS_INFINITY: u8 = 255;

/// What an element consists of; the walk holds where its strings are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The first string.
    Item,
    /// Both strings.
    Field,
    /// The first string and the score.
    Scored,
    /// Both strings and the time.
    Expiring,
    /// The first string and the index.
    Indexed,
    /// A container, whose bytes are the first string.
    Packed(Container),
}

/// The strings and the score of the last element. They stay in one place: moving them from
/// function to function cost more than reading them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parts {
    pub(crate) first: Text,
    pub(crate) second: Text,
    pub(crate) score: f64,
    pub(crate) expire_at_ms: i64,
    pub(crate) index: u64,
}

/// The place within a value. It is kept from key to key and started anew for each, as it is large.
#[derive(Debug)]
pub(crate) struct Walk {
    stage: Stage,
    // In which form containers are delivered.
    values: Values,
    // The container that is being delivered.
    packed: Option<Packed>,
    // From where times of expiry count.
    lowest_ms: i64,
    insert_index: Option<u64>,
    parts: Parts,
}

/// What comes after the container that is being delivered.
#[derive(Debug, Clone, Copy)]
enum Stage {
    /// A string.
    String,
    /// So many elements.
    Elements { left: u64, form: ElementForm },
    /// A container.
    Container(Container, Shape),
    /// So many nodes.
    Nodes { left: u64, layout: Layout },
    /// Nothing.
    Done,
}

impl Walk {
    /// A walk through nothing.
    pub(crate) const fn new() -> Self {
        let parts = Parts {
            first: Text::NOWHERE,
            second: Text::NOWHERE,
            score: 0.0,
            expire_at_ms: 0,
            index: 0,
        };
        Self {
            stage: Stage::Done,
            values: Values::Decoded,
            packed: None,
            lowest_ms: 0,
            insert_index: None,
            parts,
        }
    }

    /// Starts on a value, and reads the number of its elements or nodes.
    #[inline]
    pub(crate) fn start<S: Source>(
        &mut self,
        layout: Layout,
        values: Values,
        input: &mut Input<S>,
    ) -> Result<(), DecodeError> {
        self.values = values;
        self.stage = match layout {
            Layout::String => Stage::String,
            Layout::Elements(form) => Stage::Elements {
                left: input.length()?,
                form,
            },
            Layout::Packed(container, shape) => Stage::Container(container, shape),
            Layout::TimedFields => {
                self.lowest_ms = i64::from_le_bytes(input.array()?);
                let form = ElementForm::RelativeExpiry;
                let left = input.length()?;
                Stage::Elements { left, form }
            }
            Layout::TimedListpack => {
                input.array::<8>()?;
                Stage::Container(Container::Listpack, Shape::ExpiringFields)
            }
            Layout::Array => {
                let left = input.length()?;
                self.insert_index = None;
                if input.length()? != 0 {
                    self.insert_index = Some(input.length()?);
                }
                let form = ElementForm::Indexed;
                Stage::Elements { left, form }
            }
            Layout::Quicklist | Layout::Quicklist2 => Stage::Nodes {
                left: input.length()?,
                layout,
            },
            Layout::Stream(_) | Layout::Template | Layout::Module => {
                unreachable!("these have a walk of their own")
            }
        };
        Ok(())
    }

    /// Where an array inserts next, once.
    pub(crate) fn take_insert_index(&mut self) -> Option<u64> {
        self.insert_index.take()
    }

    /// How many elements come, if the stream has said so.
    #[inline]
    pub(crate) fn elements(&self) -> Option<u64> {
        match self.stage {
            Stage::String => Some(1),
            Stage::Elements { left, .. } => Some(left),
            Stage::Done | Stage::Container(..) | Stage::Nodes { .. } => None,
        }
    }

    /// Where an element that is found elsewhere goes.
    pub(crate) fn parts_mut(&mut self) -> &mut Parts {
        &mut self.parts
    }

    /// The strings and the score of the last element.
    #[inline]
    pub(crate) fn parts(&self) -> &Parts {
        &self.parts
    }

    /// The next element; `None` after the last one.
    #[inline]
    pub(crate) fn next<S: Source>(
        &mut self,
        input: &mut Input<S>,
        warnings: &mut Vec<Warning>,
    ) -> Result<Option<Part>, DecodeError> {
        match &mut self.stage {
            Stage::String => {
                input.string_to(Slot::First, &mut self.parts.first)?;
                self.stage = Stage::Done;
                Ok(Some(Part::Item))
            }
            Stage::Elements { left, form } => {
                let Some(rest) = left.checked_sub(1) else {
                    return Ok(None);
                };
                *left = rest;
                element(*form, self.lowest_ms, input, &mut self.parts).map(Some)
            }
            Stage::Done if self.packed.is_none() => Ok(None),
            Stage::Done | Stage::Container(..) | Stage::Nodes { .. } => {
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
            if self.values == Values::Packed
                && let Some(delivered) = self.packed.take()
            {
                input.end_blob(delivered.blob);
            }
            if let Some(packed) = &mut self.packed {
                let part = packed.next(input, &mut self.parts)?;
                if part.is_some() {
                    return Ok(part);
                }
                self.packed = None;
            }
            let (container, shape) = match &mut self.stage {
                Stage::Container(container, shape) => {
                    let ahead = (*container, *shape);
                    self.stage = Stage::Done;
                    ahead
                }
                Stage::Nodes { left, layout } => {
                    let Some(rest) = left.checked_sub(1) else {
                        return Ok(None);
                    };
                    *left = rest;
                    match layout {
                        Layout::Quicklist2 if plain_node(input)? => {
                            input.string_to(Slot::First, &mut self.parts.first)?;
                            return Ok(Some(Part::Item));
                        }
                        Layout::Quicklist2 => (Container::Listpack, Shape::Items),
                        _ => (Container::Ziplist, Shape::Items),
                    }
                }
                Stage::String | Stage::Elements { .. } | Stage::Done => return Ok(None),
            };
            let packed = Packed::open(container, shape, input, warnings)?;
            if self.values == Values::Packed && packed.elements > 0 {
                let end = input.blob_bytes(packed.blob).len();
                self.parts.first = packed.blob.text(0, end);
                self.packed = Some(packed);
                return Ok(Some(Part::Packed(container)));
            }
            self.packed = Some(packed);
        }
    }
}

/// Whether the node that comes is one element, and not a listpack.
fn plain_node<S: Source>(input: &mut Input<S>) -> Result<bool, DecodeError> {
    let offset = input.position();
    match input.length()? {
        NODE_PLAIN => Ok(true),
        NODE_PACKED => Ok(false),
        kind => Err(DecodeError::QuicklistNode { offset, kind }),
    }
}

/// An element that is stored by itself.
#[inline]
fn element<S: Source>(
    form: ElementForm,
    lowest_ms: i64,
    input: &mut Input<S>,
    parts: &mut Parts,
) -> Result<Part, DecodeError> {
    if form >= ElementForm::RelativeExpiry {
        return uncommon_element(form, lowest_ms, input, parts);
    }
    input.string_to(Slot::First, &mut parts.first)?;
    Ok(match form {
        ElementForm::Item => Part::Item,
        ElementForm::Field => {
            input.string_to(Slot::Second, &mut parts.second)?;
            Part::Field
        }
        ElementForm::BinaryScore => {
            parts.score = input.binary_score()?;
            Part::Scored
        }
        ElementForm::TextScore => {
            parts.score = text_score(input)?;
            Part::Scored
        }
        _ => unreachable!("the other forms are uncommon"),
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
