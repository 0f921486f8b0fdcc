//! Records: what the frames of a stream say about keys.

use rdb_format::Value;

use super::frame::{Fields, FrameError};

/// What a stream says about one key.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Record {
    /// It holds this now, whatever it held.
    Set {
        /// Number of the database the key is in.
        database: u32,
        /// The key.
        key: Vec<u8>,
        /// The value.
        value: Value,
        /// When it expires, in milliseconds since 1970, if it does.
        expire_at_ms: Option<i64>,
    },
    /// It is gone.
    Delete {
        /// Number of the database the key was in.
        database: u32,
        /// The key.
        key: Vec<u8>,
    },
    /// Its value has changed.
    Delta {
        /// Number of the database the key is in.
        database: u32,
        /// The key.
        key: Vec<u8>,
        /// How, as [`Value::delta_since`](crate::Value::delta_since) has told it.
        delta: Vec<u8>,
    },
}

impl Record {
    /// Number of the database the key is in.
    pub fn database(&self) -> u32 {
        match self {
            Self::Set { database, .. }
            | Self::Delete { database, .. }
            | Self::Delta { database, .. } => *database,
        }
    }

    /// The key.
    pub fn key(&self) -> &[u8] {
        match self {
            Self::Set { key, .. } | Self::Delete { key, .. } | Self::Delta { key, .. } => key,
        }
    }

    /// One record of a frame of deletions.
    pub(super) fn delete(fields: &mut Fields<'_>) -> Result<Self, FrameError> {
        Ok(Self::Delete {
            database: fields.u32()?,
            key: fields.bytes()?.to_vec(),
        })
    }

    /// One record of a frame of deltas.
    pub(super) fn delta(fields: &mut Fields<'_>) -> Result<Self, FrameError> {
        Ok(Self::Delta {
            database: fields.u32()?,
            key: fields.bytes()?.to_vec(),
            delta: fields.bytes()?.to_vec(),
        })
    }
}
