//! The consumer groups of a stream.

use super::{Stage, StreamWalk, take};
use crate::error::DecodeError;
use crate::input::{Input, Slot};
use crate::object::stream::form::Form;
use crate::object::stream::id::StreamId;
use crate::object::stream::part::{Pending, StreamPart};
use crate::source::Source;

/// Number of entries read that stands for none known.
const READ_UNKNOWN: u64 = u64::MAX;

impl StreamWalk {
    pub(super) fn group<S: Source>(
        &mut self,
        input: &mut Input<S>,
    ) -> Result<Option<StreamPart<'static>>, DecodeError> {
        if !take(&mut self.left.groups) {
            self.names.clear();
            self.stage = if self.form >= Form::Producers {
                Stage::Memory
            } else {
                Stage::Done
            };
            return Ok(None);
        }
        self.named(input)?;
        let last_id = input.stream_id()?;
        let entries_read = if self.form >= Form::Counted {
            Some(input.length()?).filter(|read| *read != READ_UNKNOWN)
        } else {
            None
        };
        self.ownership.clear();
        self.left.pending = input.length()?;
        self.stage = Stage::Pending;
        Ok(Some(StreamPart::Group {
            name: b"",
            last_id,
            entries_read,
        }))
    }

    pub(super) fn pending<S: Source>(
        &mut self,
        input: &mut Input<S>,
    ) -> Result<Option<StreamPart<'static>>, DecodeError> {
        let offset = input.position();
        if !take(&mut self.left.pending) {
            self.ownership
                .seal()
                .map_err(|source| DecodeError::Stream { offset, source })?;
            self.left.consumers = input.length()?;
            self.stage = Stage::Consumers;
            return Ok(None);
        }
        let id = StreamId::from_bytes(input.array()?);
        let delivered_at_ms = i64::from_le_bytes(input.array()?);
        let deliveries = input.length()?;
        self.ownership.add(id);
        Ok(Some(StreamPart::Pending(Pending {
            id,
            delivered_at_ms,
            deliveries,
        })))
    }

    pub(super) fn consumer<S: Source>(
        &mut self,
        input: &mut Input<S>,
    ) -> Result<Option<StreamPart<'static>>, DecodeError> {
        if !take(&mut self.left.consumers) {
            if self.form >= Form::Rejected {
                self.left.rejected = input.length()?;
            }
            self.stage = Stage::Rejected;
            return Ok(None);
        }
        let offset = input.position();
        self.text = input.string(Slot::First)?;
        let name = input.text(self.text);
        self.ownership
            .consumer(name)
            .map_err(|source| DecodeError::Stream { offset, source })?;
        let seen_at_ms = i64::from_le_bytes(input.array()?);
        let active_at_ms = if self.form >= Form::Active {
            Some(i64::from_le_bytes(input.array()?))
        } else {
            None
        };
        self.left.held = input.length()?;
        self.stage = Stage::Held;
        Ok(Some(StreamPart::Consumer {
            name: b"",
            seen_at_ms,
            active_at_ms,
        }))
    }

    pub(super) fn held<S: Source>(
        &mut self,
        input: &mut Input<S>,
    ) -> Result<Option<StreamPart<'static>>, DecodeError> {
        if !take(&mut self.left.held) {
            self.stage = Stage::Consumers;
            return Ok(None);
        }
        Ok(Some(StreamPart::Held(self.hold(input)?)))
    }

    pub(super) fn rejected<S: Source>(
        &mut self,
        input: &mut Input<S>,
    ) -> Result<Option<StreamPart<'static>>, DecodeError> {
        if !take(&mut self.left.rejected) {
            let offset = input.position();
            self.ownership
                .finish()
                .map_err(|source| DecodeError::Stream { offset, source })?;
            self.stage = Stage::Groups;
            return Ok(None);
        }
        Ok(Some(StreamPart::Rejected(self.hold(input)?)))
    }

    fn hold<S: Source>(&mut self, input: &mut Input<S>) -> Result<StreamId, DecodeError> {
        let offset = input.position();
        let id = StreamId::from_bytes(input.array()?);
        self.ownership
            .hold(id)
            .map_err(|source| DecodeError::Stream { offset, source })?;
        Ok(id)
    }
}
