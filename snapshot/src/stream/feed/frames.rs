//! The frames of a feed, filled record by record.

use super::{Feed, Open};
use crate::blob::BLOB_BYTES;
use crate::copies::Account;
use crate::error::SnapshotError;
use crate::key::Key;
use crate::planted::Bug;
use crate::rider::{RIDER_BYTES, Rider};
use crate::stream::frame::{self, FrameKind};
use crate::sync::SHRINK;
use crate::value::Value;

/// A frame is closed when it holds this many bytes.
const FRAME_BYTES: usize = (64 << 10) / SHRINK;

/// A longer change is told as the whole value.
const DELTA_BYTES_MAX: usize = 512 << 10;

/// What a record takes that is no RDB record, in bytes: the number of its database, and `key` and
/// `rest` behind their lengths.
fn record_bytes(key: &Key, rest: &[u8]) -> usize {
    12 + key.as_bytes().len() + rest.len()
}

impl Feed {
    pub(super) fn upsert<V: Value>(
        &mut self,
        kind: FrameKind,
        database: u32,
        key: &Key,
        value: &V,
    ) {
        let key_bytes = key.as_bytes().len();
        let weight_bytes = value.weight_bytes();
        let value_type = value.value_type_for(self.encoder.target());
        let expire_at_ms = value.expire_at_ms();
        if weight_bytes + key_bytes > RIDER_BYTES {
            let account = Account::open(&self.shared);
            let rider = Rider {
                database,
                key: key.clone(),
                value_type,
                expire_at_ms,
                weight_bytes,
                frozen: value.freeze(account.copies()),
                account,
            };
            // It comes after all bytes of its blob, which are added to no more.
            self.close_frame();
            self.blob.add_rider(rider);
            if !self.has(Bug::ChangeOvertakesRider) {
                self.put_by();
            }
            return;
        }
        self.work_bytes += weight_bytes as u64;
        let open = self.frame(kind);
        let out = &mut self.blob.bytes;
        if open.selected != Some(database) {
            self.encoder.select_db(out, database);
            let mut promised = self.promised.iter();
            if kind == FrameKind::Base
                && let Some(at) = promised.position(|(of, _)| *of == database)
            {
                let (_, keys) = self.promised.swap_remove(at);
                self.encoder.resize_db(out, keys, 0);
            }
            self.open = Some(Open {
                selected: Some(database),
                ..open
            });
        }
        self.encoder
            .key(out, key.as_bytes(), value_type, expire_at_ms);
        if let Err(source) = value.encode(&mut self.encoder, out) {
            self.fail(SnapshotError::encode(database, key, source));
            return;
        }
        self.bound(open.start, database, key);
    }

    /// Whether a record that is no RDB record is short enough, and fits into any frame that takes
    /// one more.
    pub(super) fn fits(key: &Key, rest: &[u8]) -> bool {
        let record_bytes = record_bytes(key, rest);
        rest.len() <= DELTA_BYTES_MAX && record_bytes <= frame::PAYLOAD_BYTES_MAX - FRAME_BYTES
    }

    /// Appends a record that is no RDB record: database, key, and `rest` if the kind has one.
    pub(super) fn append(&mut self, kind: FrameKind, database: u32, key: &Key, rest: &[u8]) {
        if !Self::fits(key, rest) {
            self.fail(SnapshotError::RecordTooLong {
                database,
                key: key.clone(),
                bytes: record_bytes(key, rest),
            });
            return;
        }
        let open = self.frame(kind);
        let out = &mut self.blob.bytes;
        out.extend_from_slice(&database.to_le_bytes());
        frame::put_bytes(out, key.as_bytes());
        if kind == FrameKind::Delta {
            frame::put_bytes(out, rest);
        }
        self.bound(open.start, database, key);
    }

    /// The frame of this kind that is open, or a new one.
    fn frame(&mut self, kind: FrameKind) -> Open {
        match self.open {
            Some(open) if open.kind == kind && self.blob.bytes.len() - open.start < FRAME_BYTES => {
                open
            }
            _ => {
                self.close_frame();
                self.make_place();
                let open = Open {
                    kind,
                    start: frame::begin(&mut self.blob.bytes, kind),
                    selected: None,
                };
                self.open = Some(open);
                open
            }
        }
    }

    /// Ends the streams if a value was heavier than it had said, and no frame can hold it.
    fn bound(&mut self, start: usize, database: u32, key: &Key) {
        let bytes = self.blob.bytes.len() - start;
        if bytes - frame::HEADER_BYTES > frame::PAYLOAD_BYTES_MAX {
            self.fail(SnapshotError::RecordTooLong {
                database,
                key: key.clone(),
                bytes,
            });
        }
    }

    pub(super) fn close_frame(&mut self) {
        if let Some(open) = self.open.take() {
            frame::end(&mut self.blob.bytes, open.start);
        }
    }

    /// Makes sure that bytes may be appended to the blob.
    pub(super) fn make_place(&mut self) {
        if self.blob.bytes.len() >= BLOB_BYTES {
            self.put_by();
        }
    }

    /// Puts the blob by, to be sent, and begins another. No frame is open.
    pub(super) fn put_by(&mut self) {
        let blob = std::mem::replace(&mut self.blob, self.pool.blob());
        if !blob.is_empty() {
            self.waiting.push(self.step, blob);
        }
    }
}
