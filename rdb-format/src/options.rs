//! What a reader checks, and how much it accepts.

use crate::error::DecodeError;
use crate::event::Dialect;

/// How a [`Reader`](crate::Reader) reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadOptions {
    /// Bounds on what the input may demand.
    pub limits: Limits,
    /// What to do with the checksum at the end.
    pub checksum: Checksum,
    /// What to do with records that this crate does not read.
    pub unsupported: Unsupported,
    /// What to do with entries of streams that are deleted but still stored.
    pub tombstones: Tombstones,
    /// What is an error.
    pub strictness: Strictness,
    /// In which form values are reported.
    pub values: Values,
    /// Who wrote the stream, where the caller knows better than the stream shows.
    pub dialect: Option<Dialect>,
}

/// Bounds on what the input may demand. Nothing is ever reserved before its bytes arrive, so these
/// bound what a well-formed stream may cost, not what a lie in it does.
///
/// ```
/// use rdb_format::{Limits, ReadOptions, Reader};
///
/// let limits = Limits { key_bytes_max: 2, ..Limits::default() };
/// let options = ReadOptions { limits, ..ReadOptions::default() };
/// let mut reader = Reader::from_slice(b"REDIS0003\0\x03key\x01v\xff").with_options(options);
/// assert!(reader.next_entry().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Longest string or container, in bytes as stored and as expanded. 4 GiB by default; servers
    /// refuse strings over 512 MiB unless told otherwise.
    pub string_bytes_max: u64,
    /// Longest key, in bytes. As strings by default.
    pub key_bytes_max: u64,
    /// Most elements of one value; of a stream, entries and all other parts. A value that passes
    /// [raw](Values::Raw) is not taken apart and has none. None by default.
    pub elements_max: u64,
    /// Longest value, in bytes as stored, from its type on. None by default.
    pub value_bytes_max: u64,
    /// Longest stream, in bytes. None by default.
    pub total_bytes_max: u64,
    /// Memory for the fields of hash templates, in bytes: those that a stream defines, taken
    /// together, and those that a hash brings itself. 256 MiB by default.
    pub template_bytes_max: u64,
}

impl Limits {
    /// Fails if there is more of something than its limit.
    #[inline]
    pub(crate) fn check(
        offset: u64,
        what: &'static str,
        amount: u64,
        limit: u64,
    ) -> Result<(), DecodeError> {
        if amount > limit {
            return Err(DecodeError::Limit {
                offset,
                what,
                limit,
            });
        }
        Ok(())
    }

    /// Fails if a stream is longer than this at `offset`.
    #[inline]
    pub(crate) fn check_total(&self, offset: u64) -> Result<(), DecodeError> {
        Self::check(offset, "bytes in all", offset, self.total_bytes_max)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            string_bytes_max: 4 << 30,
            key_bytes_max: 4 << 30,
            elements_max: u64::MAX,
            value_bytes_max: u64::MAX,
            total_bytes_max: u64::MAX,
            template_bytes_max: 256 << 20,
        }
    }
}

/// What a reader takes for an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Strictness {
    /// Only what cannot be read rightly. The rest is a [`Warning`](crate::Warning).
    #[default]
    Lenient,
    /// Every warning as well, and members, fields and indexes that occur twice in a value that is
    /// stored one by one. For that all names of one value are held in memory. Keys are not
    /// compared: that would take memory for all of them, and belongs to who holds them anyway.
    Strict,
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

/// What to do with private records of Dragonfly, such as its journal. Values are always reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Unsupported {
    /// Fail.
    #[default]
    Refuse,
    /// Pass over them with a [`Warning::SkippedOpcode`](crate::Warning::SkippedOpcode) where their
    /// end can be found, and fail where it cannot.
    Skip,
}

/// In which form values are reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Values {
    /// Taken apart and checked, element by element. Values of modules come as
    /// [`Element::Raw`](crate::Element::Raw).
    #[default]
    Decoded,
    /// As [`Decoded`](Self::Decoded), but what is stored in a container, such as an intset, comes
    /// as one [`Element::Packed`](crate::Element::Packed): checked, expanded, and not taken apart.
    /// For those who keep containers themselves, as servers do, or want integers as integers.
    /// Streams and hashes with templates are decoded all the same. A container counts as one
    /// element, and above 65,536 entries nobody looks for repeated ones.
    Packed,
    /// As stored, in pieces of about 64 KiB: [`Element::Raw`](crate::Element::Raw). Only their
    /// outer lengths are read, so what is wrong inside is passed on. Hashes with templates, which
    /// only the stream they are in can tell, are decoded all the same.
    Raw,
}
