//! For whom a stream is written, and what may be left out for them.

use std::fmt;

use crate::compact::BackLengths;
use crate::object::Form;
use crate::value_type::ValueType;

/// The oldest server that must be able to load a stream.
///
/// | target | header | loads in |
/// |---|---|---|
/// | [`Redis5`](Target::Redis5), the default | `REDIS0009` | all from Redis 5.0 on, and their kin |
/// | [`Redis70`](Target::Redis70) | `REDIS0010` | Redis from 7.0 on, Valkey |
/// | [`Redis72`](Target::Redis72) | `REDIS0011` | Redis from 7.2 on, Valkey |
/// | [`Redis74`](Target::Redis74) | `REDIS0012` | Redis from 7.4 on |
/// | [`Redis86`](Target::Redis86) | `REDIS0013` | Redis from 8.6 on |
/// | [`Redis88`](Target::Redis88) | `REDIS0014` | Redis from 8.8 on |
/// | [`Valkey8`](Target::Valkey8) | `REDIS0011` | as [`Redis72`](Target::Redis72) |
/// | [`Valkey9`](Target::Valkey9) | `VALKEY080` | Valkey from 9.0 on |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Target {
    /// Redis 5 and 6: RDB 9.
    #[default]
    Redis5,
    /// Redis 7.0: RDB 10.
    Redis70,
    /// Redis 7.2, Valkey 7.2 to 8.1: RDB 11.
    Redis72,
    /// Redis 7.4 to 8.4: RDB 12.
    Redis74,
    /// Redis 8.6: RDB 13.
    Redis86,
    /// Redis 8.8 and later: RDB 14.
    Redis88,
    /// Valkey 7.2 to 8.1: RDB 11.
    Valkey8,
    /// Valkey 9: RDB 80 of its own line.
    Valkey9,
}

impl Target {
    /// Every target, in the order of the table above.
    pub const ALL: [Self; 8] = [
        Self::Redis5,
        Self::Redis70,
        Self::Redis72,
        Self::Redis74,
        Self::Redis86,
        Self::Redis88,
        Self::Valkey8,
        Self::Valkey9,
    ];

    /// The target for the RDB version that a replica asks for: 9 to 14, or 80.
    pub const fn from_rdb_version(version: u32) -> Option<Self> {
        match version {
            9 => Some(Self::Redis5),
            10 => Some(Self::Redis70),
            11 => Some(Self::Redis72),
            12 => Some(Self::Redis74),
            13 => Some(Self::Redis86),
            14 => Some(Self::Redis88),
            80 => Some(Self::Valkey9),
            _ => None,
        }
    }

    /// The RDB version in the header.
    pub const fn rdb_version(self) -> u32 {
        match self {
            Self::Redis5 => 9,
            Self::Redis70 => 10,
            Self::Redis72 | Self::Valkey8 => 11,
            Self::Redis74 => 12,
            Self::Redis86 => 13,
            Self::Redis88 => 14,
            Self::Valkey9 => 80,
        }
    }

    /// Whether the target knows function libraries.
    pub const fn holds_functions(self) -> bool {
        !matches!(self, Self::Redis5)
    }

    /// Whether the target knows this type, as Redis numbers it. Number 22, which Redis and Valkey
    /// use differently, is that of Valkey here; types of release candidates are never held.
    pub const fn holds(self, value_type: ValueType) -> bool {
        let redis = match self {
            Self::Redis5 => 9,
            Self::Redis70 => 10,
            Self::Redis72 | Self::Valkey8 | Self::Valkey9 => 11,
            Self::Redis74 => 12,
            Self::Redis86 => 13,
            Self::Redis88 => 14,
        };
        match value_type.number() {
            6 | 23 | 29..=32 => false,
            22 => matches!(self, Self::Valkey9),
            0..=15 => true,
            16..=19 => redis >= 10,
            20 | 21 => redis >= 11,
            24 | 25 => redis >= 12,
            26 => redis >= 13,
            _ => redis >= 14,
        }
    }

    /// Whether the target knows metadata of keys.
    pub const fn holds_key_meta(self) -> bool {
        matches!(self, Self::Redis86 | Self::Redis88)
    }

    /// The form in which streams lose least.
    pub(crate) const fn stream_form(self) -> Form {
        match self {
            Self::Redis5 => Form::Plain,
            Self::Redis70 => Form::Counted,
            Self::Redis72 | Self::Redis74 | Self::Valkey8 | Self::Valkey9 => Form::Active,
            Self::Redis86 => Form::Producers,
            Self::Redis88 => Form::Rejected,
        }
    }

    /// How the target reads listpack entries of the lengths that servers disagree about.
    pub const fn back_lengths(self) -> BackLengths {
        match self {
            Self::Redis88 => BackLengths::Short,
            _ => BackLengths::Padded,
        }
    }

    /// What the target's line of servers calls its version.
    pub(crate) const fn version_aux(self) -> &'static [u8] {
        match self {
            Self::Valkey8 | Self::Valkey9 => b"valkey-ver",
            _ => b"redis-ver",
        }
    }

    /// What the target calls whether a stream begins a log.
    pub(crate) const fn log_aux(self) -> &'static [u8] {
        match self {
            Self::Redis5 => b"aof-preamble",
            _ => b"aof-base",
        }
    }

    pub(crate) const fn header(self) -> &'static [u8; 9] {
        match self {
            Self::Redis5 => b"REDIS0009",
            Self::Redis70 => b"REDIS0010",
            Self::Redis72 | Self::Valkey8 => b"REDIS0011",
            Self::Redis74 => b"REDIS0012",
            Self::Redis86 => b"REDIS0013",
            Self::Redis88 => b"REDIS0014",
            Self::Valkey9 => b"VALKEY080",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Redis5 => "Redis 5",
            Self::Redis70 => "Redis 7.0",
            Self::Redis72 => "Redis 7.2",
            Self::Redis74 => "Redis 7.4",
            Self::Redis86 => "Redis 8.6",
            Self::Redis88 => "Redis 8.8",
            Self::Valkey8 => "Valkey 8",
            Self::Valkey9 => "Valkey 9",
        })
    }
}

/// What a target cannot hold of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Loss {
    /// When fields of a hash expire: they then stay until the key goes.
    FieldExpiry,
    /// Metadata that modules keep with a key.
    KeyMeta,
    /// Of a stream: how many entries were ever added and read, and the highest deleted id. Servers
    /// estimate them then.
    StreamCounters,
    /// When consumers of a stream were active. Servers take when they were seen.
    ConsumerActivity,
    /// What a stream remembers of its producers: repeated requests are then taken for new ones.
    StreamProducers,
    /// Entries of a stream that are pending and rejected: they are then pending no more.
    RejectedEntries,
}

impl Loss {
    /// Whether only commands that inspect a key show the loss.
    pub const fn is_statistics(self) -> bool {
        matches!(self, Self::StreamCounters | Self::ConsumerActivity)
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::FieldExpiry => "fields that expire",
            Self::KeyMeta => "metadata of keys",
            Self::StreamCounters => "the counters of a stream",
            Self::ConsumerActivity => "when consumers were active",
            Self::StreamProducers => "the producers of a stream",
            Self::RejectedEntries => "rejected entries of a stream",
        })
    }
}

/// What an encoder may leave out where its target cannot hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Losses {
    /// Nothing: such a value is an error that names the key.
    #[default]
    Refuse,
    /// What only commands that inspect a key show; see [`Loss::is_statistics`].
    Statistics,
    /// Anything. [`Encoder::losses`](crate::Encoder::losses) tells what was left out.
    Any,
}

impl Losses {
    /// Whether this may be left out.
    pub(crate) const fn allow(self, loss: Loss) -> bool {
        match self {
            Self::Refuse => false,
            Self::Statistics => loss.is_statistics(),
            Self::Any => true,
        }
    }
}

/// Whether strings are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compression {
    /// Never: several times faster to write and to load.
    #[default]
    None,
    /// LZF for every string over 20 bytes that it makes at least 4 bytes shorter.
    Lzf,
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn versions_and_targets_map_both_ways() {
        let known: Vec<u32> = (0..200)
            .filter(|version| {
                Target::from_rdb_version(*version).is_some_and(|t| t.rdb_version() == *version)
            })
            .collect();
        assert_eq!(known, [9, 10, 11, 12, 13, 14, 80]);
    }

    #[test]
    fn the_header_ends_in_the_version() {
        for target in Target::ALL {
            let header = std::str::from_utf8(target.header()).unwrap();
            let version = target.rdb_version();
            assert!(header.ends_with(&format!("{version:03}")), "{header}");
        }
    }
}
