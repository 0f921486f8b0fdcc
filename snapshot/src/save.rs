//! `SaveBody`: blobs of all shards, in any order, into one RDB stream.

use rdb_format::{Crc64, Encoder};

use crate::blob::{Blob, Tally};
use crate::cut::CutSizes;
use crate::error::SnapshotError;
use crate::marks::Marks;
use crate::planted::{Bug, Plant};
use crate::rider::PIECE_BYTES;
use crate::sync::unix_time;

/// What stands in the stream before the first blob.
#[derive(Debug, Default)]
pub(crate) struct Head {
    pub(crate) sizes: CutSizes,
    pub(crate) functions: Vec<Vec<u8>>,
}

/// What one stream held when it was whole.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) tally: Tally,
    pub(crate) bytes: u64,
    pub(crate) crc64: u64,
}

/// Writes blobs as one RDB stream: [`begin`](Self::begin), then [`add`](Self::add) each, then
/// [`end`](Self::end).
///
/// It waits for nothing but its output, so that whoever drives it decides when there is more.
pub(crate) struct SaveBody<W> {
    encoder: Encoder,
    out: Output<W>,
    // The sink's own buffer, for head, riders and end; not counted against the budget.
    buffer: Vec<u8>,
    tally: Tally,
    marks: Marks,
    plant: Plant,
}

impl<W> SaveBody<W>
where
    W: FnMut(&[u8]) -> Result<(), SnapshotError>,
{
    /// Writes the head; everything is handed to `write`.
    pub(crate) fn begin(
        encoder: Encoder,
        write: W,
        head: &Head,
        plant: Plant,
    ) -> Result<Self, SnapshotError> {
        let mut body = Self {
            encoder,
            out: Output {
                write,
                checksum: Crc64::new(),
            },
            buffer: Vec::with_capacity(2 * PIECE_BYTES),
            tally: Tally::default(),
            marks: Marks::new(),
            plant,
        };
        body.write_head(head)?;
        Ok(body)
    }

    /// Bytes written so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.out.checksum.bytes()
    }

    fn write_head(&mut self, head: &Head) -> Result<(), SnapshotError> {
        let out = &mut self.buffer;
        self.encoder.header(out);
        self.encoder
            .aux(out, b"forkless-ver", env!("CARGO_PKG_VERSION").as_bytes());
        self.encoder.aux(out, b"redis-bits", b"64");
        let ctime_s = unix_time().as_secs();
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
        self.out.write(&self.buffer)
    }

    /// Writes a blob and its riders; gives the blob back, empty, for its buffer.
    pub(crate) fn add(&mut self, mut blob: Blob) -> Result<Blob, SnapshotError> {
        if self.plant.has(Bug::DropRiders) {
            blob.riders.clear();
        }
        // It begins with its own SELECTDB, and so does each of its riders.
        self.marks.offer(self.bytes());
        self.out.write_sealed(&blob)?;
        if self.plant.has(Bug::WriteBlobTwice) {
            self.out.write_sealed(&blob)?;
        }
        for rider in blob.riders.drain(..) {
            let out = &mut self.out;
            rider.encode(&mut self.encoder, &mut self.buffer, |piece| {
                out.write(piece)
            })?;
        }
        self.tally.add(&blob.tally);
        Ok(blob)
    }

    /// Writes the end, if as many keys came as were `expected`.
    pub(crate) fn end(mut self, expected: u64) -> Result<Body, SnapshotError> {
        let delivered = self.tally.types.total();
        if delivered != expected {
            return Err(SnapshotError::Incomplete {
                delivered,
                expected,
            });
        }
        self.buffer.clear();
        let offset = self.bytes();
        self.marks
            .encode(&mut self.encoder, &mut self.buffer, offset);
        self.out.write(&self.buffer)?;
        self.buffer.clear();
        self.encoder.end(&mut self.buffer, Some(self.out.checksum));
        let crc64 = self
            .buffer
            .last_chunk()
            .map_or(0, |last| u64::from_le_bytes(*last));
        self.out.write(&self.buffer)?;
        Ok(Body {
            tally: self.tally,
            bytes: self.out.checksum.bytes(),
            crc64,
        })
    }
}

/// The output, with the checksum of what was written to it.
struct Output<W> {
    write: W,
    checksum: Crc64,
}

impl<W> Output<W>
where
    W: FnMut(&[u8]) -> Result<(), SnapshotError>,
{
    fn write(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        self.checksum.update(bytes);
        (self.write)(bytes)
    }

    /// Writes bytes whose checksum was computed on their shard.
    fn write_sealed(&mut self, blob: &Blob) -> Result<(), SnapshotError> {
        self.checksum.combine(blob.checksum());
        (self.write)(&blob.bytes)
    }
}
