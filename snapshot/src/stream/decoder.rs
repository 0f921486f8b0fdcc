//! Frames of one stream, in order, into records and cuts.

use rdb_format::{DecodeError, Dialect, Limits, ReadOptions, Reader};

use super::frame::{Fields, Frame, FrameError, FrameKind};
use super::record::Record;

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

    /// Takes the next frame, which must be a numbered one, and gives its records to `give`, in
    /// order; the number of the cut that it passes, if it does.
    ///
    /// # Errors
    ///
    /// [`StreamError`]. Records of the frame that came before what is wrong have been given.
    pub fn take(
        &mut self,
        frame: Frame<'_>,
        mut give: impl FnMut(Record),
    ) -> Result<Option<u64>, StreamError> {
        let number = frame.number;
        let expected = self.number + 1;
        if number != expected {
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
            FrameKind::Base | FrameKind::Set => self.records(number, frame.payload, give)?,
            FrameKind::Delete => {
                while !fields.is_empty() {
                    give(Record::delete(&mut fields).map_err(in_frame)?);
                }
            }
            FrameKind::Delta => {
                while !fields.is_empty() {
                    give(Record::delta(&mut fields).map_err(in_frame)?);
                }
            }
            FrameKind::Part => self.add_part(number, frame.payload)?,
            FrameKind::LastPart => {
                self.add_part(number, frame.payload)?;
                let record = std::mem::take(&mut self.parts);
                self.in_parts = false;
                self.records(number, &record, give)?;
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
        mut give: impl FnMut(Record),
    ) -> Result<(), StreamError> {
        let options = ReadOptions {
            limits: Limits {
                string_bytes_max: payload.len() as u64 * 1024,
                ..Limits::default()
            },
            ..ReadOptions::default()
        };
        let reader = Reader::from_middle(payload, 0, self.version, self.dialect);
        let mut reader = reader.with_options(options);
        let in_record = |source| StreamError::Record { number, source };
        while let Some(entry) = reader.next_entry().map_err(in_record)? {
            give(Record::Set {
                database: entry.db,
                key: entry.key,
                value: entry.value,
                expire_at_ms: entry.expire_at_ms,
            });
        }
        if reader.position() != payload.len() as u64 {
            return Err(StreamError::Trailing { number });
        }
        Ok(())
    }
}
