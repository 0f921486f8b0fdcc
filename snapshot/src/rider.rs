//! Riders: big values, frozen on their shard and encoded by the sink's thread.

use std::fmt;

use rdb_format::{Encoder, ValueType};

use crate::copies::Account;
use crate::error::SnapshotError;
use crate::key::Key;
use crate::sync::SHRINK;
use crate::value::{Frozen, Piece};

/// A value whose encoded body is heavier than this, in bytes, is not encoded on its shard's
/// thread but frozen there, and rides to the sink beside the bytes of its bucket.
pub const RIDER_BYTES: usize = (16 << 10) / SHRINK;

/// How many bytes of a rider are encoded before they are written out.
pub(crate) const PIECE_BYTES: usize = (256 << 10) / SHRINK;

/// A frozen value with all that its record in the file needs.
pub(crate) struct Rider {
    pub(crate) database: u32,
    pub(crate) key: Key,
    pub(crate) value_type: ValueType,
    pub(crate) expire_at_ms: Option<i64>,
    pub(crate) weight_bytes: usize,
    pub(crate) frozen: Box<dyn Frozen>,
    // Dropped after the view, which may give back to it.
    pub(crate) account: Account,
}

impl Rider {
    /// What it counts with against the budget: the value's weight and the key.
    pub(crate) fn load_bytes(&self) -> usize {
        self.weight_bytes + self.key.as_bytes().len()
    }

    /// Encodes the whole record and hands it to `write` piece by piece, through `buffer`.
    ///
    /// The record begins with its own SELECTDB, so it can stand anywhere between others.
    pub(crate) fn encode(
        mut self,
        encoder: &mut Encoder,
        buffer: &mut Vec<u8>,
        mut write: impl FnMut(&[u8]) -> Result<(), SnapshotError>,
    ) -> Result<(), SnapshotError> {
        buffer.clear();
        encoder.select_db(buffer, self.database);
        encoder.key(
            buffer,
            self.key.as_bytes(),
            self.value_type,
            self.expire_at_ms,
        );
        loop {
            let piece = self.frozen.encode_piece(encoder, buffer, PIECE_BYTES);
            let piece =
                piece.map_err(|source| SnapshotError::encode(self.database, &self.key, source))?;
            write(buffer)?;
            buffer.clear();
            if piece == Piece::Last {
                return Ok(());
            }
        }
    }
}

impl fmt::Debug for Rider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rider")
            .field("database", &self.database)
            .field("key", &self.key)
            .field("weight_bytes", &self.weight_bytes)
            .finish_non_exhaustive()
    }
}
