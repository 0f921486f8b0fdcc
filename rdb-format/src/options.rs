//! What a reader checks, and how much it accepts.

/// How a [`Reader`](crate::Reader) reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadOptions {
    /// Bounds on what the input may demand.
    pub limits: Limits,
    /// What to do with the checksum at the end.
    pub checksum: Checksum,
    /// What to do with values that this crate cannot take apart.
    pub unsupported: Unsupported,
    /// What to do with entries of streams that are deleted but still stored.
    pub tombstones: Tombstones,
}

/// Bounds on what the input may demand. Nothing is ever reserved before its bytes arrive, so these
/// bound what a well-formed stream may cost, not what a lie in it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest string or container, in bytes as stored and as expanded. 4 GiB by default; servers
    /// refuse strings over 512 MiB unless told otherwise.
    pub string_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            string_bytes_max: 4 << 30,
        }
    }
}

/// What to do with the checksum at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Checksum {
    /// Compute it, and fail if it differs. A stored 0 means that the writer computed none.
    #[default]
    Verify,
    /// Do not compute it.
    Ignore,
}

/// What to do with entries of streams that are deleted but still stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Tombstones {
    /// Pass over them: no user of the stream sees them.
    #[default]
    Drop,
    /// Report them like others; [`StreamEntry::is_deleted`](crate::StreamEntry::is_deleted) tells.
    Keep,
}

/// What to do with values of modules, hashes with expiring fields and arrays, which this
/// crate cannot take apart but whose end it can find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Unsupported {
    /// Fail with [`DecodeError::UnsupportedType`](crate::DecodeError::UnsupportedType).
    #[default]
    Refuse,
    /// Report the key and its end, but no elements, and keep a
    /// [`Warning::SkippedValue`](crate::Warning::SkippedValue). Whoever writes a stream from what
    /// was read this way loses these keys. Metadata of keys and slot imports are passed, too.
    Skip,
}
