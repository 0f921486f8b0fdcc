//! Frames of one stream, in order, into records and cuts.

use rdb_format::{DecodeError, Dialect, Element, Event, Limits, ReadOptions, Reader, ValueType};

use super::frame::{Fields, Frame, FrameError, FrameKind};
use super::recipient::{Recipient, Whole};
use super::record::Record;
use crate::open_key::OpenKey;
use crate::planted::{Bug, Plant};

/// Why a stream cannot be followed any further. What came before holds.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// Bytes that are no frame.
    #[error("frame {number}")]
    Frame {
        /// The number of the frame that should have come.
        number: u64,
        /// What is wrong with it.
        source: FrameError,
    },
    /// A frame is missing, or has come twice.
    #[error("frame {found} instead of frame {expected}")]
    OutOfOrder {
        /// The number of the frame that should have come.
        expected: u64,
        /// The number of the one that did.
        found: u64,
    },
    /// A frame of a kind that has no place here.
    #[error("frame {number} is of kind {kind:?}, which has no place here")]
    Misplaced {
        /// Its number.
        number: u64,
        /// Its kind.
        kind: FrameKind,
    },
    /// A record cannot be decoded.
    #[error("frame {number}")]
    Record {
        /// The number of the frame it stands in, or ends in.
        number: u64,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// A frame goes on behind its last record.
    #[error("frame {number} does not end with a record")]
    Trailing {
        /// Its number.
        number: u64,
    },
    /// A record in parts is longer than is allowed.
    #[error("frame {number}: a record of more than {max} bytes")]
    TooLong {
        /// The number of the frame that made it too long.
        number: u64,
        /// The most there may be, in bytes.
        max: u64,
    },
    /// A cut that does not follow the one before.
    #[error("frame {number}: cut {found} instead of cut {expected}")]
    Cut {
        /// The number of the frame.
        number: u64,
        /// The cut that should have come.
        expected: u64,
        /// The one that did.
        found: u64,
    },
}

/// The key that the decoder is inside of.
enum Open {
    Nothing,
    /// A string, and when it expires.
    Text(Option<i64>),
    /// A collection whose elements go on one by one.
    Collection,
    /// Any other key.
    Key(OpenKey),
}

/// Decodes one stream.
///
/// It believes nothing: a frame that is missing, has come twice, is damaged or does not make sense
/// is an error, and nothing of it is given on.
#[derive(Debug)]
pub struct StreamDecoder {
    version: u32,
    dialect: Dialect,
    record_bytes_max: u64,
    // The number of the last frame.
    number: u64,
    // The last cut.
    cut: u64,
    parts: Vec<u8>,
    in_parts: bool,
    plant: Plant,
}

impl StreamDecoder {
    /// Of a stream whose records are of this RDB version and dialect, from its first frame on.
    pub fn new(version: u32, dialect: Dialect) -> Self {
        Self {
            version,
            dialect,
            record_bytes_max: 4 << 30,
            number: 0,
            cut: 0,
            parts: Vec::new(),
            in_parts: false,
            plant: Plant::default(),
        }
    }

    /// Decodes with what is planted.
    #[cfg(all(planted, feature = "replication"))]
    pub(crate) fn plant(mut self, plant: Plant) -> Self {
        self.plant = plant;
        self
    }

    /// Forgets, before it goes on, how far it has come, if that is planted.
    #[cfg(all(planted, feature = "replication"))]
    pub(crate) fn forget_where(&mut self) {
        if self.number == 0 {
            return;
        }
        if self.plant.has(Bug::ResumeSkipsFrame) {
            self.number += 1;
        }
        if self.plant.has(Bug::ResumeRepeatsFrame) {
            self.number -= 1;
        }
    }

    /// The longest record, in bytes; 4 GiB at first. It is kept in memory until it is whole.
    #[must_use]
    pub fn record_bytes_max(mut self, bytes: u64) -> Self {
        self.record_bytes_max = bytes;
        self
    }

    /// The number of the last frame that was taken; 0 before the first.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The number of the last cut that was passed; 0 before the first.
    pub fn cut(&self) -> u64 {
        self.cut
    }

    /// Takes a heartbeat, which says what the last numbered frame so far was.
    ///
    /// # Errors
    ///
    /// [`StreamError::Frame`] when it does not say that and nothing else;
    /// [`StreamError::OutOfOrder`] when that frame has not come: with nothing after it, nothing
    /// else would tell.
    #[cfg(feature = "replication")]
    pub(crate) fn take_heartbeat(&self, payload: &[u8]) -> Result<(), StreamError> {
        let expected = self.number + 1;
        let in_frame = |source| StreamError::Frame {
            number: expected,
            source,
        };
        let mut fields = Fields::of(payload);
        let found = fields.u64().map_err(in_frame)?;
        fields.end().map_err(in_frame)?;
        if found < expected || self.plant.has(Bug::IgnoreHeartbeat) {
            return Ok(());
        }
        Err(StreamError::OutOfOrder { expected, found })
    }

    /// Takes the next frame, which must be a numbered one, and gives its records to `give`, in
    /// order; the number of the cut that it passes, if it does.
    ///
    /// # Errors
    ///
    /// [`StreamError`]. Records of the frame that came before what is wrong have been given.
    pub fn take(
        &mut self,
        frame: Frame<'_>,
        give: impl FnMut(Record),
    ) -> Result<Option<u64>, StreamError> {
        self.take_for(frame, &mut Whole::new(give))
    }

    /// As [`take`](Self::take), for somebody who makes something else of strings than records.
    pub(crate) fn take_for(
        &mut self,
        frame: Frame<'_>,
        recipient: &mut impl Recipient,
    ) -> Result<Option<u64>, StreamError> {
        let number = frame.number;
        let expected = self.number + 1;
        let is_repeated = self.plant.has(Bug::TakeFrameTwice) && number == self.number;
        if number != expected && !is_repeated {
            return Err(StreamError::OutOfOrder {
                expected,
                found: number,
            });
        }
        let is_part = matches!(frame.kind, FrameKind::Part | FrameKind::LastPart);
        if !frame.kind.is_numbered() || (self.in_parts && !is_part) {
            return Err(StreamError::Misplaced {
                number,
                kind: frame.kind,
            });
        }
        let in_frame = |source| StreamError::Frame { number, source };
        let mut fields = Fields::of(frame.payload);
        let mut cut = None;
        match frame.kind {
            FrameKind::Base | FrameKind::Set => self.records(number, frame.payload, recipient)?,
            FrameKind::Delete => {
                while !fields.is_empty() {
                    recipient.give(Record::delete(&mut fields).map_err(in_frame)?);
                }
            }
            FrameKind::Delta => {
                while !fields.is_empty() {
                    recipient.give(Record::delta(&mut fields).map_err(in_frame)?);
                }
            }
            FrameKind::Part => self.add_part(number, frame.payload)?,
            FrameKind::LastPart => {
                self.add_part(number, frame.payload)?;
                let record = std::mem::take(&mut self.parts);
                self.in_parts = false;
                self.records(number, &record, recipient)?;
            }
            _ => {
                cut = Some(fields.u64().map_err(in_frame)?);
                fields.end().map_err(in_frame)?;
            }
        }
        if let Some(found) = cut {
            let expected = self.cut + 1;
            if found != expected {
                return Err(StreamError::Cut {
                    number,
                    expected,
                    found,
                });
            }
            self.cut = found;
        }
        self.number = number;
        Ok(cut)
    }

    fn add_part(&mut self, number: u64, part: &[u8]) -> Result<(), StreamError> {
        if (self.parts.len() + part.len()) as u64 > self.record_bytes_max {
            return Err(StreamError::TooLong {
                number,
                max: self.record_bytes_max,
            });
        }
        self.in_parts = true;
        self.parts.extend_from_slice(part);
        Ok(())
    }

    fn records(
        &self,
        number: u64,
        payload: &[u8],
        recipient: &mut impl Recipient,
    ) -> Result<(), StreamError> {
        let options = ReadOptions {
            limits: Limits {
                string_bytes_max: payload.len() as u64 * 1024,
                ..Limits::default()
            },
            ..ReadOptions::default()
        };
        let reader = Reader::from_slice_middle(payload, 0, self.version, self.dialect);
        let mut reader = reader.with_options(options);
        let in_record = |source| StreamError::Record { number, source };
        let (mut database, mut open) = (0, Open::Nothing);
        while let Some(event) = reader.next_event().map_err(in_record)? {
            match (event, &mut open) {
                (Event::Key(head), _) if head.value_type == ValueType::String => {
                    open = Open::Text(head.expire_at_ms);
                    recipient.begin_text(head.key);
                }
                (Event::Element(Element::Item(value)), Open::Text(expire_at_ms)) => {
                    recipient.end_text(database, value, *expire_at_ms);
                }
                (Event::Key(head), _) if recipient.begin_collection(&head) => {
                    open = Open::Collection;
                }
                (Event::Key(head), _) => open = Open::Key(OpenKey::new(&head)),
                (Event::Element(element), Open::Collection) => {
                    if let Err(key) = recipient.add_element(&element) {
                        open = Open::Key(key);
                    }
                }
                (Event::Element(element), Open::Key(key)) => key.add(element),
                (Event::Stream(part), Open::Key(key)) => key.add_part(part),
                (Event::InsertIndex(index), Open::Key(key)) => key.set_insert_index(index),
                (Event::KeyEnd { .. }, _) => match std::mem::replace(&mut open, Open::Nothing) {
                    Open::Collection => recipient.end_collection(database),
                    Open::Key(key) => give_key(key, database, recipient),
                    Open::Nothing | Open::Text(_) => {}
                },
                (Event::SelectDb(number), _) => database = number,
                (Event::ResizeDb { keys, .. }, _) => recipient.expect(database, keys),
                // What says nothing about the keys.
                _ => {}
            }
        }
        if reader.position() != payload.len() as u64 {
            return Err(StreamError::Trailing { number });
        }
        Ok(())
    }
}

fn give_key(key: OpenKey, database: u32, recipient: &mut impl Recipient) {
    if let (key, expire_at_ms, Some(value)) = key.into_parts() {
        recipient.give(Record::Set {
            database,
            key: key.as_bytes().to_vec(),
            value,
            expire_at_ms,
        });
    }
}

#[cfg(all(test, feature = "replication"))]
mod tests {
    use super::*;

    #[test]
    fn heartbeat_names_a_frame_that_has_come_and_nothing_else() {
        let mut decoder = StreamDecoder::new(11, Dialect::Redis);
        let cut = Frame {
            kind: FrameKind::Cut,
            number: 1,
            payload: &1_u64.to_le_bytes(),
        };
        decoder.take(cut, |_| {}).unwrap();
        for sent in [0_u64, 1] {
            decoder.take_heartbeat(&sent.to_le_bytes()).unwrap();
        }
        let early = decoder.take_heartbeat(&3_u64.to_le_bytes()).unwrap_err();
        assert_eq!(early.to_string(), "frame 3 instead of frame 2");
        for payload in [&[0; 7][..], &[0; 9]] {
            let wrong = decoder.take_heartbeat(payload).unwrap_err();
            assert!(
                matches!(wrong, StreamError::Frame { number: 2, .. }),
                "{wrong:?}"
            );
        }
    }
}
