//! The sending side: a snapshot, row by row.

use std::collections::BTreeMap;
use std::io::Write;

use xxhash_rust::xxh3::Xxh3;

use crate::codec::is_committed;
use crate::error::StoreError;
use crate::instance::{InstanceId, ReplicaId};
use crate::key::instance_key;
use crate::snapshot::Snapshot;
use crate::stream::frame::{Family, FrameKind, PAYLOAD_BYTES_MAX, write_frame};
use crate::stream::head::{Head, StreamPosition};
use crate::varint::{put_bytes, put_number};
use crate::view::{Raw, upper_bound};
use crate::watermark::{Watermarks, after};

/// Bytes of rows that make a frame full.
const FRAME_BYTES: usize = 128 << 10;

/// Room for the lengths before a row's key and value.
const LENGTHS_BYTES_MAX: usize = 20;

/// What is sent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StreamOptions {
    /// Only what was committed above what the receiver has executed, as its
    /// [`Store::watermarks`](crate::Store::watermarks) say; everything if none.
    pub since: Option<BTreeMap<ReplicaId, Watermarks>>,
    /// Only what comes after this row, which the receiver has.
    pub after: Option<StreamPosition>,
}

/// What was sent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct StreamReport {
    /// Records.
    pub records: u64,
    /// Instances.
    pub instances: u64,
    /// Bytes, frames included.
    pub bytes: u64,
}

impl Snapshot {
    /// Writes the state of this moment to `to`, for another replica.
    ///
    /// Of the instances, only those that are committed: what this replica voted for is nobody
    /// else's vote. Every frame has a checksum, and the end has one over all rows, those
    /// included that the receiver has had before.
    ///
    /// # Errors
    ///
    /// [`StoreError::StreamGap`] if the receiver has not executed what is deleted here: only a
    /// full stream can help it. [`StoreError::StreamKind`] for a position in the stream of another
    /// snapshot. [`StoreError::Io`] when writing fails, and as [`get_kv`](Self::get_kv).
    pub fn stream_out(
        &self,
        to: &mut impl Write,
        options: &StreamOptions,
    ) -> Result<StreamReport, StoreError> {
        let after = options.after.as_ref();
        if after.is_some_and(|position| position.sequence != self.sequence()) {
            return Err(StoreError::StreamKind {
                found: "a stream of this snapshot",
                wanted: "one of the snapshot that the position is from",
            });
        }
        let marks = self.watermarks()?;
        let head = Head {
            is_incremental: options.since.is_some(),
            uuid: self.uuid,
            replica: self.replica,
            sequence: self.sequence(),
            marks: marks.clone(),
        };
        let mut sender = Sender {
            to,
            after: options.after.clone(),
            rows: Vec::new(),
            hash: RowHash::default(),
            report: StreamReport::default(),
        };
        sender.frame(FrameKind::Head, &head.to_bytes())?;
        if options.since.is_none() {
            let rows = self.view().rows(Family::Record.kind(), &[], None)?;
            sender.send(Family::Record, rows, &[])?;
        }
        for (&replica, marks) in &marks {
            let since = options.since.as_ref();
            let first = first_sent(replica, *marks, since)?;
            let Some(index) = first else {
                continue;
            };
            let from = InstanceId { replica, index };
            let lower = instance_key(from);
            let upper = upper_bound(from);
            let upper = upper.as_ref().map(<[u8; 16]>::as_slice);
            let rows = self.view().rows(Family::Instance.kind(), &lower, upper)?;
            sender.send(Family::Instance, rows, &lower)?;
        }
        sender.end()
    }
}

/// The first index of `replica` that is sent; none if there can be none.
fn first_sent(
    replica: ReplicaId,
    marks: Watermarks,
    since: Option<&BTreeMap<ReplicaId, Watermarks>>,
) -> Result<Option<u64>, StoreError> {
    let Some(since) = since else {
        return Ok(after(marks.deleted_upto));
    };
    let executed = since.get(&replica).and_then(|marks| marks.executed_upto);
    if executed < marks.deleted_upto {
        return Err(StoreError::StreamGap {
            replica,
            start: after(marks.deleted_upto).unwrap_or(u64::MAX),
            needed: after(executed).unwrap_or(u64::MAX),
        });
    }
    Ok(after(executed))
}

/// Writes rows into frames.
struct Sender<'a, W> {
    to: &'a mut W,
    after: Option<StreamPosition>,
    rows: Vec<u8>,
    hash: RowHash,
    report: StreamReport,
}

impl<W: Write> Sender<'_, W> {
    fn frame(&mut self, kind: FrameKind, payload: &[u8]) -> Result<(), StoreError> {
        let bytes = write_frame(self.to, kind, payload)?;
        self.report.bytes = self.report.bytes.saturating_add(bytes);
        Ok(())
    }

    fn send(&mut self, family: Family, mut rows: Raw<'_>, from: &[u8]) -> Result<(), StoreError> {
        rows.seek(from);
        while let Some((key, value)) = rows.item()? {
            if family == Family::Record || is_committed(value) {
                self.row(family, key, value)?;
            }
            rows.forward();
        }
        self.flush(family)
    }

    fn row(&mut self, family: Family, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.hash.add(family, key, value);
        let count = match family {
            Family::Record => &mut self.report.records,
            Family::Instance => &mut self.report.instances,
        };
        *count = count.saturating_add(1);
        let is_sent = self
            .after
            .as_ref()
            .is_some_and(|position| (family, key) <= (position.family, position.key.as_slice()));
        if is_sent {
            return Ok(());
        }
        let bytes = key.len().saturating_add(value.len());
        if bytes > PAYLOAD_BYTES_MAX - FRAME_BYTES - LENGTHS_BYTES_MAX {
            self.flush(family)?;
            return self.parts(family, key, value);
        }
        put_bytes(&mut self.rows, key);
        put_bytes(&mut self.rows, value);
        if self.rows.len() >= FRAME_BYTES {
            self.flush(family)?;
        }
        Ok(())
    }

    /// A row that does not fit into a frame. The first part has the lengths.
    fn parts(&mut self, family: Family, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let mut lengths = Vec::new();
        put_number(&mut lengths, key.len() as u64);
        put_number(&mut lengths, value.len() as u64);
        self.frame(FrameKind::FirstPart(family), &lengths)?;
        for bytes in [key, value] {
            for part in bytes.chunks(PAYLOAD_BYTES_MAX) {
                self.frame(FrameKind::NextPart(family), part)?;
            }
        }
        Ok(())
    }

    fn flush(&mut self, family: Family) -> Result<(), StoreError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.rows);
        self.frame(FrameKind::Rows(family), &rows)?;
        self.rows = rows;
        self.rows.clear();
        Ok(())
    }

    fn end(mut self) -> Result<StreamReport, StoreError> {
        let StreamReport {
            records, instances, ..
        } = self.report;
        let mut end = Vec::new();
        put_number(&mut end, records);
        put_number(&mut end, instances);
        end.extend_from_slice(&self.hash.finish());
        self.frame(FrameKind::End, &end)?;
        self.to
            .flush()
            .map_err(|error| StoreError::io("write a stream", "", &error))?;
        Ok(self.report)
    }
}

/// XXH3-128 over all rows, each as family, lengths, key and value.
#[derive(Clone, Default)]
pub(crate) struct RowHash(Xxh3);

impl RowHash {
    pub(crate) fn add(&mut self, family: Family, key: &[u8], value: &[u8]) {
        let mut head = vec![family.tag()];
        put_number(&mut head, key.len() as u64);
        put_number(&mut head, value.len() as u64);
        for part in [&head, key, value] {
            self.0.update(part);
        }
    }

    pub(crate) fn finish(&self) -> [u8; 16] {
        self.0.digest128().to_be_bytes()
    }
}

impl std::fmt::Debug for RowHash {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_tuple("RowHash").finish_non_exhaustive()
    }
}
