//! `SaveBody`: blobs of all shards, in any order, into one RDB stream.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use rdb_format::{Crc64, Encoder};
use shard_runtime::Receiver;

use crate::blob::{Blob, BlobPool};
use crate::cut::CutSizes;
use crate::error::SnapshotError;
use crate::progress::Shared;
use crate::rider::PIECE_BYTES;

/// What stands in the stream before the first blob.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) sizes: CutSizes,
    pub(crate) functions: Vec<Vec<u8>>,
}

/// What one stream held when it was whole.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) keys: u64,
    pub(crate) riders: u64,
    pub(crate) bytes: u64,
    pub(crate) crc64: u64,
}

/// Pulls blobs until all producers have closed, and writes one RDB stream.
pub(crate) struct SaveBody<'a, W> {
    encoder: Encoder,
    out: &'a mut W,
    checksum: Crc64,
    // The sink's own buffer, for head, riders and end; not counted against the budget.
    buffer: Vec<u8>,
    shared: &'a Shared,
}

impl<'a, W: Write> SaveBody<'a, W> {
    pub(crate) fn new(encoder: Encoder, out: &'a mut W, shared: &'a Shared) -> Self {
        let buffer = Vec::with_capacity(2 * PIECE_BYTES);
        Self {
            encoder,
            out,
            checksum: Crc64::new(),
            buffer,
            shared,
        }
    }

    /// Writes the whole stream: head, blobs, end.
    pub(crate) fn run(
        mut self,
        head: &Head,
        receiver: &Receiver<Blob>,
        pool: &BlobPool,
    ) -> Result<Body, SnapshotError> {
        self.write_head(head)?;
        let (mut keys, mut riders) = (0, 0);
        loop {
            let Ok(next) = receiver.recv() else {
                return Err(self
                    .shared
                    .take_failure()
                    .unwrap_or(SnapshotError::Cancelled));
            };
            let Some(mut blob) = next else { break };
            keys += blob.keys;
            riders += blob.riders.len() as u64;
            self.write_blob(&mut blob)?;
            pool.recycle(blob);
            self.shared.set_bytes(self.checksum.bytes());
        }
        let expected = head.sizes.total();
        if keys != expected {
            return Err(SnapshotError::Incomplete {
                delivered: keys,
                expected,
            });
        }
        self.write_end(keys, riders)
    }

    fn write_head(&mut self, head: &Head) -> Result<(), SnapshotError> {
        let out = &mut self.buffer;
        self.encoder.header(out);
        self.encoder
            .aux(out, b"forkless-ver", env!("CARGO_PKG_VERSION").as_bytes());
        self.encoder.aux(out, b"redis-bits", b"64");
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let ctime_s = now.map_or(0, |since| since.as_secs());
        self.encoder
            .aux(out, b"ctime", ctime_s.to_string().as_bytes());
        for function in &head.functions {
            let written = self.encoder.function(out, function);
            written.map_err(|source| SnapshotError::Head { source })?;
        }
        for (&number, &keys) in head.sizes.keys.iter().filter(|(_, keys)| **keys > 0) {
            self.encoder.select_db(out, number);
            // How many keys expire is not known before the traversal. The numbers are hints
            // to a loader: 0 asks it to reserve nothing.
            self.encoder.resize_db(out, keys, 0);
        }
        self.flush()
    }

    fn write_blob(&mut self, blob: &mut Blob) -> Result<(), SnapshotError> {
        self.out
            .write_all(&blob.bytes)
            .map_err(SnapshotError::output)?;
        self.checksum.combine(blob.checksum());
        let Self {
            encoder,
            out,
            checksum,
            buffer,
            ..
        } = self;
        for rider in blob.riders.drain(..) {
            rider.encode(encoder, buffer, |piece| {
                checksum.update(piece);
                out.write_all(piece).map_err(SnapshotError::output)
            })?;
        }
        Ok(())
    }

    fn write_end(mut self, keys: u64, riders: u64) -> Result<Body, SnapshotError> {
        self.encoder.end(&mut self.buffer, Some(self.checksum));
        let crc64 = self
            .buffer
            .last_chunk()
            .map_or(0, |last| u64::from_le_bytes(*last));
        self.flush()?;
        let bytes = self.checksum.bytes();
        self.shared.set_bytes(bytes);
        Ok(Body {
            keys,
            riders,
            bytes,
            crc64,
        })
    }

    fn flush(&mut self) -> Result<(), SnapshotError> {
        self.checksum.update(&self.buffer);
        let written = self.out.write_all(&self.buffer);
        self.buffer.clear();
        written.map_err(SnapshotError::output)
    }
}
