//! One key of a file, without its value.

use rdb_format::{Encoding, Family, KeyHead};

/// What is known of a key once its end is reached.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) database: u32,
    pub(crate) name: Vec<u8>,
    pub(crate) family: Family,
    pub(crate) encoding: Encoding,
    /// Whether it is to expire, be that in the past.
    pub(crate) expiry: Expiry,
    /// Where its type byte is, in bytes from the start of the file.
    pub(crate) offset: u64,
    /// Elements of its value; 1 for a string.
    pub(crate) elements: u64,
    /// Bytes in the file from the type byte to the end of the value, as stored.
    pub(crate) encoded_bytes: u64,
}

/// Whether a key lives on by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    Never,
    Set,
}

impl Key {
    /// The key that begins with `head`, still without elements.
    pub(crate) fn begin(database: u32, head: &KeyHead<'_>) -> Self {
        Self {
            database,
            name: head.key.to_vec(),
            family: head.value_type.family(),
            encoding: head.encoding,
            expiry: if head.expire_at_ms.is_some() {
                Expiry::Set
            } else {
                Expiry::Never
            },
            offset: head.offset,
            elements: 0,
            encoded_bytes: 0,
        }
    }
}
