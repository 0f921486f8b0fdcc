//! What a snapshot did.

use std::path::PathBuf;
use std::time::Duration;

use aligned_io::Mode;
use rdb_format::Family;
use smallvec::SmallVec;

/// What a snapshot did.
#[derive(Debug)]
#[non_exhaustive]
pub struct Report {
    /// Keys in the snapshot, all databases together.
    pub keys: u64,
    /// How many of them are of each type.
    pub types: TypeCounts,
    /// Values that were frozen and encoded by the sink.
    pub riders: u64,
    /// Length of all streams together, in bytes.
    pub bytes: u64,
    /// The RDB streams that were written: one, or one for each shard.
    pub parts: Vec<Part>,
    /// From the cut to the published file.
    pub duration: Duration,
    /// From the asking for the cut to its answer by all shards, which served on meanwhile.
    pub cut_wait: Duration,
    /// The longest that any shard was stopped by the cut.
    pub cut_pause: Duration,
    /// From the last byte written to the published file: sync, rename, sync of the directory.
    pub publish: Duration,
    /// Buckets that the traversal came to first.
    pub buckets_by_traversal: u64,
    /// Buckets that a write came to first, and had to deliver.
    pub buckets_by_writes: u64,
    /// The most bytes that were on their way from shards to sink at one time.
    pub budget_bytes_used: usize,
    /// What live values copied, to be written to, while their frozen views were on their way; in
    /// all, in bytes.
    pub copied_bytes: u64,
    /// The most of that there was at one time.
    pub copied_bytes_high_water: usize,
    /// The most that encoders' and writers' own buffers can have taken beside that, in bytes.
    pub fixed_bytes: usize,
}

/// One RDB stream of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Part {
    /// Keys in it, all databases together.
    pub keys: u64,
    /// Its length, in bytes.
    pub bytes: u64,
    /// Its CRC64, as its last eight bytes say.
    pub crc64: u64,
    /// The file it stands in, unless it went to a stream.
    pub path: Option<PathBuf>,
    /// How that file was written.
    pub mode: Option<Mode>,
}

/// How many keys there are of each type.
///
/// ```
/// # fn tell(report: &snapshot::Report) {
/// println!("{} hashes", report.types.get(rdb_format::Family::Hash));
/// for (family, keys) in report.types.iter() {
///     println!("{}: {keys}", family.name());
/// }
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TypeCounts(SmallVec<[(Family, u64); 4]>);

impl TypeCounts {
    /// How many keys are of type `family`.
    pub fn get(&self, family: Family) -> u64 {
        let counted = self.0.iter().find(|(counted, _)| *counted == family);
        counted.map_or(0, |(_, keys)| *keys)
    }

    /// Every type that there is a key of, with how many, in the order in which they were met.
    pub fn iter(&self) -> impl Iterator<Item = (Family, u64)> {
        self.0.iter().copied()
    }

    /// Counts `keys` more of type `family`.
    pub(crate) fn add(&mut self, family: Family, keys: u64) {
        // Seldom more than a few types, and most of the time the first is the one.
        match self.0.iter_mut().find(|(counted, _)| *counted == family) {
            Some((_, counted)) => *counted += keys,
            None => self.0.push((family, keys)),
        }
    }

    /// Counts all that `other` has counted.
    pub(crate) fn add_all(&mut self, other: &Self) {
        for (family, keys) in other.iter() {
            self.add(family, keys);
        }
    }

    /// Keys of all types.
    pub(crate) fn total(&self) -> u64 {
        self.iter().map(|(_, keys)| keys).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_by_type() {
        let mut one = TypeCounts::default();
        one.add(Family::String, 1);
        one.add(Family::Hash, 2);
        one.add(Family::String, 3);
        let mut all = one.clone();
        all.add_all(&one);
        assert_eq!(all.get(Family::String), 8);
        assert_eq!(all.get(Family::Hash), 4);
        assert_eq!(all.get(Family::List), 0);
        assert_eq!(all.total(), 12);
    }
}
