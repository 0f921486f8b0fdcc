//! The end of a stream that somebody reads: blobs of one shard, as numbered frames.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use rdb_format::{Compression, Encoder, Target};
use shard_runtime::{Receiver, RecvDeadlineError};

use super::frame::{self, Frame, FrameKind};
#[cfg(feature = "replication")]
use crate::blob::BLOB_BYTES;
use crate::blob::{Blob, BlobPool};
use crate::error::SnapshotError;
use crate::planted::Bug;
use crate::rider::{PIECE_BYTES, Rider};
use crate::shared::{Share, Shared};
use crate::value::Piece;

/// The longest part of a long record, in bytes.
const PART_BYTES: usize = frame::PAYLOAD_BYTES_MAX / 4;

/// What a source is made from.
pub(crate) struct SourceParts {
    pub(crate) index: usize,
    pub(crate) receiver: Receiver<Blob>,
    pub(crate) target: Target,
    pub(crate) compression: Compression,
    pub(crate) pool: BlobPool,
    pub(crate) share: Share,
    pub(crate) shared: Arc<Shared>,
}

/// One shard's stream, to be read. Dropping it ends the streams of all shards.
pub struct StreamSource {
    index: usize,
    receiver: Receiver<Blob>,
    encoder: Encoder,
    pool: BlobPool,
    // Frames that were given out last, and are not needed any more at the next call.
    frames: Blob,
    // A rider of it that is being encoded, and whether it was begun.
    rider: Option<(Rider, bool)>,
    buffer: Vec<u8>,
    parts: Vec<u8>,
    // The number of the last frame.
    number: u64,
    share: Option<Share>,
    shared: Arc<Shared>,
}

/// Where the frames are that are given out.
enum Given {
    /// In the blob they came in.
    Frames,
    /// In pieces of a rider.
    Parts,
    /// There are none for now.
    Nothing,
}

impl StreamSource {
    pub(crate) fn new(parts: SourceParts) -> Self {
        Self {
            index: parts.index,
            receiver: parts.receiver,
            encoder: Encoder::new(parts.target, parts.compression),
            pool: parts.pool,
            frames: Blob::hollow(),
            rider: None,
            buffer: Vec::new(),
            parts: Vec::new(),
            number: 0,
            share: Some(parts.share),
            shared: parts.shared,
        }
    }

    /// The number of the shard whose stream it is.
    pub fn shard(&self) -> usize {
        self.index
    }

    /// The number of the last frame that was given out; 0 before the first.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether the streams have ended, so that [`next`](Self::next) has nothing to give.
    pub fn is_ended(&self) -> bool {
        self.receiver.is_cancelled()
    }

    /// Waits for the next frames of the stream: one or several whole [`Frame`](crate::Frame)s,
    /// numbered one by one; none if `deadline` has passed first, or if there are none for now.
    ///
    /// # Errors
    ///
    /// [`SnapshotError::Cancelled`] when the streams have ended: [`Streams::wait`] says why. Other
    /// errors end them, and are told there, too.
    ///
    /// [`Streams::wait`]: crate::Streams::wait
    pub fn next(&mut self, deadline: Option<Instant>) -> Result<&[u8], SnapshotError> {
        Ok(match self.advance(deadline)? {
            Given::Frames => &self.frames.bytes,
            Given::Parts => &self.parts,
            Given::Nothing => &[],
        })
    }

    /// As [`next`](Self::next), for whoever keeps the frames for longer: in a buffer that the
    /// [`pool`](Self::pool) wants back.
    #[cfg(feature = "replication")]
    pub(crate) fn next_kept(
        &mut self,
        deadline: Option<Instant>,
    ) -> Result<Vec<u8>, SnapshotError> {
        Ok(match self.advance(deadline)? {
            // A buffer that is mostly empty would be held for the little that is in it.
            Given::Frames if self.frames.bytes.len() < BLOB_BYTES / 2 => self.frames.bytes.clone(),
            Given::Frames => std::mem::take(&mut self.frames.bytes),
            Given::Parts => {
                let mut kept = self.pool.buffer();
                kept.extend_from_slice(&self.parts);
                kept
            }
            Given::Nothing => Vec::new(),
        })
    }

    /// Where its buffers come from.
    #[cfg(feature = "replication")]
    pub(crate) fn pool(&self) -> &BlobPool {
        &self.pool
    }

    /// Gets hold of the next frames.
    fn advance(&mut self, deadline: Option<Instant>) -> Result<Given, SnapshotError> {
        if self.receiver.is_cancelled() {
            return Err(self.ended());
        }
        if self.rider.is_none() && !self.frames.riders.is_empty() {
            self.rider = Some((self.frames.riders.remove(0), false));
        }
        if self.rider.is_some() {
            self.next_parts()?;
            self.shared.add_bytes(self.parts.len() as u64);
            return Ok(Given::Parts);
        }
        let done = std::mem::replace(&mut self.frames, Blob::hollow());
        self.pool.recycle(done);
        let next = match deadline {
            Some(deadline) => self.receiver.recv_deadline(deadline),
            None => self.receiver.recv().map_err(RecvDeadlineError::Cancelled),
        };
        let mut blob = match next {
            Ok(Some(blob)) => blob,
            Err(RecvDeadlineError::TimedOut) => return Ok(Given::Nothing),
            // Nothing but the end is left to come.
            Ok(None) | Err(_) => return Err(self.ended()),
        };
        let mut rest = blob.bytes.as_mut_slice();
        while !rest.is_empty() {
            self.number += 1;
            rest = frame::seal(rest, self.number);
        }
        self.shared.count(&blob.tally);
        self.shared.add_bytes(blob.bytes.len() as u64);
        if self.shared.has(Bug::DropRiders) {
            blob.riders.clear();
        }
        self.frames = blob;
        Ok(Given::Frames)
    }

    /// Why nothing more will come.
    fn ended(&mut self) -> SnapshotError {
        if let Some(share) = self.share.take() {
            if !self.receiver.is_cancelled() {
                // The shard has closed its end without a word.
                self.shared.fail(SnapshotError::ShardLost);
            }
            share.done();
        }
        SnapshotError::Cancelled
    }

    /// Encodes the next piece of the rider, in one or several frames.
    fn next_parts(&mut self) -> Result<(), SnapshotError> {
        let Some((mut rider, begun)) = self.rider.take() else {
            return Ok(());
        };
        let buffer = &mut self.buffer;
        buffer.clear();
        if !begun {
            self.encoder.select_db(buffer, rider.database);
            let (key, expire_at_ms) = (rider.key.as_bytes(), rider.expire_at_ms);
            self.encoder
                .key(buffer, key, rider.value_type, expire_at_ms);
        }
        let piece = rider
            .frozen
            .encode_piece(&mut self.encoder, buffer, PIECE_BYTES);
        let piece = match piece {
            Ok(piece) => piece,
            Err(source) => {
                let error = SnapshotError::encode(rider.database, &rider.key, source);
                self.shared.fail(error);
                self.shared.cancel("a stream failed");
                return Err(self.ended());
            }
        };
        self.parts.clear();
        let mut rest = buffer.as_slice();
        loop {
            let (part, behind) = rest.split_at(rest.len().min(PART_BYTES));
            rest = behind;
            let kind = if piece == Piece::Last && rest.is_empty() {
                FrameKind::LastPart
            } else {
                FrameKind::Part
            };
            self.number += 1;
            Frame::encode(&mut self.parts, kind, self.number, part);
            if rest.is_empty() {
                break;
            }
        }
        if piece == Piece::More {
            self.rider = Some((rider, true));
        }
        Ok(())
    }

    /// Ends the streams of all shards, because what was read could not be passed on.
    pub fn fail(mut self, source: std::io::Error) {
        self.shared.fail(SnapshotError::Output { source });
        self.shared.cancel("a stream's reader failed");
        drop(self.ended());
    }
}

impl Drop for StreamSource {
    fn drop(&mut self) {
        if self.share.is_some() {
            self.shared.fail(SnapshotError::Cancelled);
            self.shared.cancel("a stream is read no more");
            drop(self.ended());
        }
    }
}

impl fmt::Debug for StreamSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamSource")
            .field("shard", &self.index)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
