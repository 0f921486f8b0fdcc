//! How the value of a key is begun, in each form it may be reported in.

use super::{Ahead, Reader, State, Step};
use crate::error::DecodeError;
use crate::event::KeyHead;
use crate::object::{Layout, Part};
use crate::options::Values;
use crate::source::Source;
use crate::value_type::{Encoding, ValueType};

impl<S: Source> Reader<S> {
    /// Begins on the value of a key that is in `first`.
    #[inline]
    pub(super) fn begin(
        &mut self,
        offset: u64,
        value_type: ValueType,
    ) -> Result<Step, DecodeError> {
        let encoding = match Layout::of(value_type, self.dialect) {
            Some(layout) if layout <= Layout::Quicklist2 && self.values != Values::Raw => {
                self.walk.start(layout, self.values, &mut self.input)?;
                self.state = State::Value;
                if layout == Layout::String {
                    self.input.string_encoding()?
                } else {
                    value_type.encoding()
                }
            }
            Some(layout) => self.begin_uncommon(layout, value_type)?,
            None => return Err(self.unsupported(offset, value_type)),
        };
        self.elements = 0;
        let Ahead {
            expire_at_ms,
            idle_s,
            freq,
            any: _,
        } = std::mem::take(&mut self.ahead);
        let elements = match self.state {
            State::Value | State::Array => self.walk.elements(),
            _ => None,
        };
        let key = b"";
        self.head = KeyHead {
            key,
            value_type,
            encoding,
            expire_at_ms,
            idle_s,
            freq,
            offset,
            elements,
        };
        Ok(Step::Key)
    }

    #[cold]
    fn unsupported(&self, offset: u64, value_type: ValueType) -> DecodeError {
        DecodeError::UnsupportedType {
            offset,
            value_type,
            key: self.input.text(self.first).to_vec(),
        }
    }

    /// Begins on a value that is not one of the most common, or that passes as it is.
    #[inline(never)]
    fn begin_uncommon(
        &mut self,
        layout: Layout,
        value_type: ValueType,
    ) -> Result<Encoding, DecodeError> {
        let raw = self.values == Values::Raw || layout == Layout::Module;
        if raw && self.frame.start(value_type, self.dialect) {
            self.state = State::Raw;
            if layout == Layout::String {
                return self.input.string_encoding();
            }
            return Ok(value_type.encoding());
        }
        match layout {
            Layout::Stream(form) => {
                let tombstones = self.options.tombstones;
                self.stream.start(form, tombstones, &mut self.input)?;
                self.state = State::Stream;
            }
            Layout::Template => self.state = State::TemplateStart,
            layout => {
                self.walk.start(layout, self.values, &mut self.input)?;
                self.state = match layout {
                    Layout::Array => State::Array,
                    _ => State::Value,
                };
            }
        }
        Ok(value_type.encoding())
    }

    /// The next piece of a value that passes as it is.
    pub(super) fn raw_piece(&mut self) -> Result<Step, DecodeError> {
        if let Some(piece) = self.frame.next(&mut self.input)? {
            self.first = piece;
            return Ok(Step::Raw);
        }
        self.state = State::Records;
        Ok(Step::KeyEnd)
    }

    /// The next field of a hash with a template.
    pub(super) fn template_field(&mut self) -> Result<Step, DecodeError> {
        if matches!(self.state, State::TemplateStart) {
            let KeyHead {
                value_type, offset, ..
            } = self.head;
            self.templates.start(value_type, offset, &mut self.input)?;
            self.state = State::Template;
        }
        if self
            .templates
            .next(&mut self.input, self.walk.parts_mut())?
        {
            return Ok(Step::Element(Part::Field));
        }
        self.state = State::Records;
        Ok(Step::KeyEnd)
    }
}
