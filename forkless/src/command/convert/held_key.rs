//! A key whose value must be read whole before it is written.

use rdb_format::{Checksum, DecodeError, Dialect, Dump, ReadOptions, Value, ValueType};

/// Bytes of version and checksum at the end of a payload of `DUMP`.
const DUMP_FOOTER: [u8; 10] = [0; 10];

/// A key whose value does not pass as it is stored, in memory whole.
pub(crate) struct HeldKey {
    pub(crate) key: Vec<u8>,
    pub(crate) offset: u64,
    pub(crate) expire_at_ms: Option<i64>,
    pub(crate) idle_s: Option<u64>,
    pub(crate) freq: Option<u8>,
    pub(crate) meta: Option<Vec<u8>>,
    pub(crate) value_type: ValueType,
    // A payload of `DUMP`: type and value as stored.
    pub(crate) payload: Vec<u8>,
    // Fields of a hash with a template, which only the reader can resolve.
    pub(crate) fields: Option<Vec<(Vec<u8>, Vec<u8>)>>,
}

impl HeldKey {
    /// The value, taken apart and checked. The payload is then complete, and spent.
    pub(crate) fn decode(&mut self, dialect: Dialect) -> Result<Value, DecodeError> {
        self.payload.extend_from_slice(&DUMP_FOOTER);
        let options = ReadOptions {
            checksum: Checksum::Ignore,
            dialect: Some(dialect),
            ..ReadOptions::default()
        };
        Dump::parse_with(&self.payload, options)?.value()
    }
}
