//! Relaxed snapshots: one stream for each shard, of its keys and then of their changes.

mod changes;
mod decoder;
mod feed;
mod feeding;
mod frame;
mod recipient;
mod record;
mod source;
mod streams;
mod telling;

pub use decoder::{StreamDecoder, StreamError};
pub(crate) use feed::Feed;
#[cfg(feature = "replication")]
pub(crate) use frame::{Fields, HEADER_BYTES, Header, PAYLOAD_BYTES_MAX};
pub use frame::{Frame, FrameError, FrameKind};
#[cfg(feature = "replication")]
pub(crate) use recipient::Recipient;
pub use record::Record;
pub use source::StreamSource;
pub use streams::{Relaxed, Streams, StreamsProgress};
pub use telling::Telling;
