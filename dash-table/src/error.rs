//! Why a segment does not split.

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
