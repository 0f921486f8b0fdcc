//! Reads and writes the Redis and Valkey RDB format, without I/O of its own.
//!
//! | start here | to |
//! |---|---|
//! | [`Reader`] | read a stream from a slice or an `io::Read`, event by event or key by key |
//! | [`Writer`] | write a stream into an `io::Write`, whole values or element by element |
//! | [`Encoder`] | append records to a `Vec<u8>`, to make pieces of a stream in many places |
//! | [`Target`], [`Encodings`], [`Losses`] | choose who must load what is written, and how |
//! | [`ReadOptions`], [`Limits`] | choose how deep and how strictly to read, and how much |
//! | [`RawEntry`] | copy keys without decoding them |
//! | [`Dump`] | read what `DUMP` gives; [`Encoder::dump`] writes what `RESTORE` takes |
//! | [`Stream`] | handle a whole stream; [`StreamPart`] one piece of it |
//! | [`DecodeError`] | see every way a stream can be wrong |
//! | [`Container`] | walk an intset, ziplist, zipmap or listpack alone |
//! | [`Crc64`] | compute the checksum, in pieces that join |
//!
//! # Example
//!
//! ```
//! use rdb_format::{Compression, Encoder, Reader, Target, Value, Writer};
//!
//! let encoder = Encoder::new(Target::default(), Compression::Lzf);
//! let mut writer = Writer::new(Vec::new(), encoder);
//! writer.entry(b"counter", None, &Value::String(b"42".to_vec()))?;
//! let (file, _) = writer.finish()?;
//!
//! let mut reader = Reader::from_slice(&file);
//! let entry = reader.next_entry()?.expect("one key was written");
//! assert_eq!(entry.value, Value::String(b"42".to_vec()));
//! assert_eq!(reader.next_entry()?, None);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)
)]

mod error;
mod options;

mod crc64;
mod decimal;
mod length;
mod lzf;

mod encodings;
mod opcode;
mod target;
mod value_type;

mod compact;
mod object;

mod event;
mod input;
mod source;

mod entry;
mod raw_entry;
mod reader;

mod encoder;
mod writer;

mod dump;

pub use crate::compact::{BackLengths, CompactEntries, CompactEntry, Container};
pub use crate::crc64::Crc64;
pub use crate::dump::{Dump, parse_function_dump};
pub use crate::encoder::Encoder;
pub use crate::encodings::Encodings;
pub use crate::entry::Entry;
pub use crate::error::{CompactError, DecodeError, EncodeError, LzfError, WriteError};
pub use crate::event::{ChecksumState, Dialect, Element, Event, KeyHead, Warning};
pub use crate::lzf::{LzfEncoder, lzf_decompress};
pub use crate::object::{
    Array, Consumer, ConsumerGroup, EntryFields, Pending, Producer, Producers, Stream, StreamEntry,
    StreamError, StreamFacts, StreamHistory, StreamId, StreamPart, StreamRecord, Value,
};
pub use crate::options::{
    Checksum, Limits, ReadOptions, Strictness, Tombstones, Unsupported, Values,
};
pub use crate::raw_entry::RawEntry;
pub use crate::reader::{Reader, StringEntry};
pub use crate::source::{ReadSource, SliceSource, Source};
pub use crate::target::{Compression, Loss, Losses, Target};
pub use crate::value_type::{Encoding, Family, UnknownValueType, ValueType};
pub use crate::writer::{Writer, Written};
