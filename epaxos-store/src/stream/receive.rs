//! The receiving side: rows out of frames, each found right before it is passed on.

use std::io::Read;

use crate::codec::{Kind, decode_instance, open};
use crate::error::StoreError;
use crate::instance::ReplicaId;
use crate::stream::frame::{Family, FrameKind, FrameReader};
use crate::stream::head::{Head, StreamPosition};
use crate::stream::send::{RowHash, StreamReport};
use crate::varint::{Cursor, Malformed};

/// Memory that a row in parts is given before its bytes have arrived.
const RESERVED_BYTES_MAX: usize = 1 << 20;

/// Reads all of a stream and checks it: every checksum, every row's form, order and number.
///
/// Returns whose it is, and what it holds. Needs memory for the largest row.
///
/// # Errors
///
/// [`StoreError::Stream`] with the byte at which it is wrong, [`StoreError::Corruption`] and
/// [`StoreError::UnsupportedFormat`] for a row that is, [`StoreError::Io`] when reading fails.
pub fn inspect_stream(from: impl Read) -> Result<(ReplicaId, StreamReport), StoreError> {
    let mut receiver = Receiver::default();
    let head = receiver.receive(from, |_, _, _| Ok(()))?;
    Ok((head.replica, receiver.report))
}

/// What has arrived of a stream, over several connections if need be.
#[derive(Debug, Default)]
pub(crate) struct Receiver {
    head: Option<Head>,
    last: Option<(Family, Vec<u8>)>,
    hash: RowHash,
    report: StreamReport,
    is_whole: bool,
}

/// A row of which parts are still to come.
#[derive(Debug)]
struct Unfinished {
    family: Family,
    key_bytes: usize,
    bytes: usize,
    collected: Vec<u8>,
}

impl Receiver {
    /// Where the next connection should go on; none before the first row.
    pub(crate) fn position(&self) -> Option<StreamPosition> {
        let (family, key) = self.last.as_ref()?;
        Some(StreamPosition {
            sequence: self.head.as_ref()?.sequence,
            family: *family,
            key: key.clone(),
        })
    }

    /// The head, once everything has arrived and the end says that it is all.
    pub(crate) fn whole(&self) -> Option<&Head> {
        self.head.as_ref().filter(|_| self.is_whole)
    }

    /// What has arrived.
    pub(crate) fn report(&self) -> StreamReport {
        self.report
    }

    /// Reads up to the end and gives every row that is new to `row`, in order.
    pub(crate) fn receive(
        &mut self,
        from: impl Read,
        mut row: impl FnMut(Family, &[u8], &[u8]) -> Result<(), StoreError>,
    ) -> Result<Head, StoreError> {
        let mut frames = FrameReader::new(from);
        let head = self.head(&mut frames)?;
        let mut unfinished: Option<Unfinished> = None;
        loop {
            let (kind, payload) = frames.next()?;
            let bytes = payload.len() as u64;
            let outcome = match (kind, unfinished.take()) {
                (FrameKind::Rows(family), None) => self.rows(family, payload, &mut row),
                (FrameKind::FirstPart(family), None) => Unfinished::begin(family, payload)
                    .map(|begun| unfinished = Some(begun))
                    .map_err(Wrong::What),
                (FrameKind::NextPart(family), Some(part)) if part.family == family => {
                    part.add(payload).map_err(Wrong::What).and_then(|part| {
                        if part.collected.len() < part.bytes {
                            unfinished = Some(part);
                            return Ok(());
                        }
                        let (key, value) = part.collected.split_at(part.key_bytes);
                        self.row(family, key, value, &mut row)
                    })
                }
                (FrameKind::End, None) => self.end(payload).map_err(Wrong::What),
                _ => Err(Wrong::What("the frame has no place here")),
            };
            match outcome {
                Ok(()) => {}
                Err(Wrong::What(what)) => return Err(frames.wrong(what)),
                Err(Wrong::Failed(error)) => return Err(error),
            }
            self.report.bytes = self.report.bytes.saturating_add(bytes);
            if self.is_whole {
                return Ok(head);
            }
        }
    }

    fn head(&mut self, frames: &mut FrameReader<impl Read>) -> Result<Head, StoreError> {
        let (kind, payload) = frames.next()?;
        let head = match kind {
            FrameKind::Head => Head::from_bytes(payload),
            _ => Err("the stream has no head"),
        };
        let head = head.map_err(|what| frames.wrong(what))?;
        if self.head.as_ref().is_some_and(|known| *known != head) {
            return Err(frames.wrong("the stream goes on with another snapshot"));
        }
        self.head = Some(head.clone());
        Ok(head)
    }

    fn rows(
        &mut self,
        family: Family,
        payload: &[u8],
        row: &mut impl FnMut(Family, &[u8], &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), Wrong> {
        let mut cursor = Cursor::new(payload);
        while !cursor.is_empty() {
            let malformed = |Malformed| Wrong::What("a row is malformed");
            let key = cursor.bytes().map_err(malformed)?;
            let value = cursor.bytes().map_err(malformed)?;
            self.row(family, key, value, row)?;
        }
        Ok(())
    }

    fn row(
        &mut self,
        family: Family,
        key: &[u8],
        value: &[u8],
        row: &mut impl FnMut(Family, &[u8], &[u8]) -> Result<(), StoreError>,
    ) -> Result<(), Wrong> {
        let is_next = self
            .last
            .as_ref()
            .is_none_or(|(last, last_key)| (*last, last_key.as_slice()) < (family, key));
        if !is_next {
            return Err(Wrong::What("the rows are out of order"));
        }
        match family {
            Family::Record => {
                open(Kind::Record, key, value).map_err(Wrong::Failed)?;
                self.report.records = self.report.records.saturating_add(1);
            }
            Family::Instance => {
                let instance = decode_instance(key, value).map_err(Wrong::Failed)?;
                if !instance.committed {
                    return Err(Wrong::What(
                        "an instance is somebody's vote, not a decision",
                    ));
                }
                self.report.instances = self.report.instances.saturating_add(1);
            }
        }
        row(family, key, value).map_err(Wrong::Failed)?;
        self.hash.add(family, key, value);
        self.last = Some((family, key.to_vec()));
        Ok(())
    }

    fn end(&mut self, payload: &[u8]) -> Result<(), &'static str> {
        let malformed = |Malformed| "the end is malformed";
        let mut cursor = Cursor::new(payload);
        let records = cursor.number().map_err(malformed)?;
        let instances = cursor.number().map_err(malformed)?;
        let hash = cursor.array::<16>().map_err(malformed)?;
        if !cursor.is_empty() {
            return Err("the end is too long");
        }
        if (records, instances) != (self.report.records, self.report.instances) {
            return Err("rows are missing");
        }
        if hash != self.hash.finish() {
            return Err("the rows are not those that were sent");
        }
        self.is_whole = true;
        Ok(())
    }
}

/// What is wrong with a stream, or why a row could not be taken.
enum Wrong {
    What(&'static str),
    Failed(StoreError),
}

impl Unfinished {
    fn begin(family: Family, payload: &[u8]) -> Result<Self, &'static str> {
        let malformed = |Malformed| "the lengths of a row are malformed";
        let mut cursor = Cursor::new(payload);
        let mut length = || {
            let number = cursor.number().map_err(malformed)?;
            usize::try_from(number).map_err(|_| "a row is larger than memory can be")
        };
        let (key_bytes, value_bytes) = (length()?, length()?);
        let bytes = key_bytes
            .checked_add(value_bytes)
            .ok_or("a row is larger than memory can be")?;
        if bytes == 0 || !cursor.is_empty() {
            return Err("the lengths of a row are malformed");
        }
        Ok(Self {
            family,
            key_bytes,
            bytes,
            collected: Vec::with_capacity(bytes.min(RESERVED_BYTES_MAX)),
        })
    }

    fn add(mut self, part: &[u8]) -> Result<Self, &'static str> {
        let left = self.bytes.saturating_sub(self.collected.len());
        if part.is_empty() || part.len() > left {
            return Err("a part of a row has another length than it should");
        }
        self.collected.extend_from_slice(part);
        Ok(self)
    }
}
