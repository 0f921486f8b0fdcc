//! One RDB stream that a conversion writes.

use std::io::Write;

use rdb_format::{Encoder, Encodings};

use crate::command::convert::rules::Rules;
use crate::command::convert::sink::Sink;
use crate::error::CommandError;

/// The opcode in front of metadata of a key.
const KEY_META: u8 = 243;

/// One RDB stream that a conversion writes.
pub(crate) struct Stream<W> {
    pub(crate) encoder: Encoder,
    pub(crate) sink: Sink<W>,
    pub(crate) keys: u64,
    // The database that a key written now would fall into.
    selected: Option<u32>,
}

/// A stream that is written to its end.
pub(crate) struct Ended<W> {
    pub(crate) writer: W,
    pub(crate) keys: u64,
    pub(crate) bytes: u64,
    pub(crate) crc64: u64,
}

impl<W: Write> Stream<W> {
    /// Writes the head.
    pub(crate) fn begin(rules: &Rules, mut sink: Sink<W>) -> Self {
        let mut encoder = Encoder::new(rules.target, rules.compress.unwrap_or_default())
            .with_encodings(Encodings::SERVERS)
            .allow(rules.losses);
        encoder.header(&mut sink.buffer);
        let version = env!("CARGO_PKG_VERSION").as_bytes();
        encoder.aux(&mut sink.buffer, b"forkless-ver", version);
        Self {
            encoder,
            sink,
            keys: 0,
            selected: None,
        }
    }

    /// Has what is written next fall into `database`, with these sizes; whether it did not
    /// already.
    pub(crate) fn select(&mut self, database: u32, sizes: Option<(u64, u64)>) -> bool {
        if self.selected == Some(database) {
            return false;
        }
        let out = &mut self.sink.buffer;
        self.encoder.select_db(out, database);
        self.selected = Some(database);
        if let Some((keys, expiring)) = sizes {
            self.encoder.resize_db(out, keys, expiring);
        }
        true
    }

    /// Writes what stands before a key: how long it was idle, how often it is used, metadata.
    pub(crate) fn before_key(
        &mut self,
        idle_s: Option<u64>,
        freq: Option<u8>,
        meta: Option<&[u8]>,
    ) {
        let out = &mut self.sink.buffer;
        self.encoder.attributes(out, idle_s, freq);
        if let Some(meta) = meta {
            out.push(KEY_META);
            out.extend_from_slice(meta);
        }
    }

    /// Writes the end.
    pub(crate) fn end(mut self) -> Result<Ended<W>, CommandError> {
        let checksum = self.sink.checksum()?;
        self.encoder.end(&mut self.sink.buffer, Some(checksum));
        let last = self.sink.buffer.last_chunk();
        let crc64 = last.map_or(0, |last| u64::from_le_bytes(*last));
        let bytes = checksum.bytes() + self.sink.buffer.len() as u64;
        Ok(Ended {
            writer: self.sink.end()?,
            keys: self.keys,
            bytes,
            crc64,
        })
    }
}
