//! Why there is no room, or no more of it.

use alloc::collections::TryReserveError as AllocationError;

/// Why [`DashTable::try_reserve`](crate::DashTable::try_reserve) could not make room.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TryReserveError {
    /// No table holds so many.
    #[error("{entries} entries are more than the {entries_max} that a table can hold")]
    TooManyEntries {
        /// Entries, those that are there included.
        entries: usize,
        /// The most there can be.
        entries_max: usize,
    },
    /// The allocator refused.
    #[error("{bytes} bytes could not be allocated")]
    OutOfMemory {
        /// Bytes that were asked for.
        bytes: usize,
        /// What the allocator said.
        source: AllocationError,
    },
}

/// Why splitting a segment would not make room.
///
/// The table then grows the segment's chain instead.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum SplitError {
    /// The hashes do not differ in any bit that the directory may use.
    #[error("all {entries} entries share the first {bits} bits of their hashes")]
    Inseparable { entries: usize, bits: u32 },
    /// Few entries crowd into few homes.
    #[error("only {entries} entries in a segment of {slots} slots")]
    TooEmpty { entries: usize, slots: usize },
    /// The directory would be out of proportion.
    #[error("a directory of {entries} entries for {segments} segments")]
    TooSparse { entries: usize, segments: usize },
}
