//! What a conversion wrote.

use crate::command::convert::stream::Ended;
use crate::error::CommandError;

/// What a conversion wrote.
pub(crate) struct Converted<W> {
    /// The streams, each written to its end.
    pub(crate) streams: Vec<Ended<W>>,
    /// Keys whose values were taken apart.
    pub(crate) rewritten: u64,
    /// Keys and other records that the target cannot hold.
    pub(crate) skipped: u64,
    /// How often something of a key was left out.
    pub(crate) losses: u64,
}

impl<W> Converted<W> {
    /// The same with each writer made into something else.
    pub(crate) fn map<V>(
        self,
        mut make: impl FnMut(W) -> Result<V, CommandError>,
    ) -> Result<Converted<V>, CommandError> {
        let streams = self.streams.into_iter().map(|stream| {
            Ok(Ended {
                writer: make(stream.writer)?,
                keys: stream.keys,
                bytes: stream.bytes,
                crc64: stream.crc64,
            })
        });
        Ok(Converted {
            streams: streams.collect::<Result<_, CommandError>>()?,
            rewritten: self.rewritten,
            skipped: self.skipped,
            losses: self.losses,
        })
    }

    /// Keys in all streams.
    pub(crate) fn keys(&self) -> u64 {
        self.streams.iter().map(|stream| stream.keys).sum()
    }

    /// Bytes of all streams.
    pub(crate) fn bytes(&self) -> u64 {
        self.streams.iter().map(|stream| stream.bytes).sum()
    }
}
