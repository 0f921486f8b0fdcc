//! For whom a stream is written, and whether its strings are compressed.

use std::fmt;

/// The oldest server that must be able to load a stream.
///
/// | target | header | loads in |
/// |---|---|---|
/// | [`Redis5`](Target::Redis5), the default | `REDIS0009` | all from Redis 5.0 on, and their kin |
/// | [`Redis70`](Target::Redis70) | `REDIS0010` | Redis from 7.0 on, Valkey |
/// | [`Redis72`](Target::Redis72) | `REDIS0011` | Redis from 7.2 on, Valkey |
/// | [`Redis74`](Target::Redis74) | `REDIS0012` | Redis from 7.4 on |
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
    /// Valkey 9: RDB 80 of its own line.
    Valkey9,
}

impl Target {
    /// The target for the RDB version that a replica asks for: 9, 10, 11, 12 or 80.
    pub const fn from_rdb_version(version: u32) -> Option<Self> {
        match version {
            9 => Some(Self::Redis5),
            10 => Some(Self::Redis70),
            11 => Some(Self::Redis72),
            12 => Some(Self::Redis74),
            80 => Some(Self::Valkey9),
            _ => None,
        }
    }

    /// The RDB version in the header.
    pub const fn rdb_version(self) -> u32 {
        match self {
            Self::Redis5 => 9,
            Self::Redis70 => 10,
            Self::Redis72 => 11,
            Self::Redis74 => 12,
            Self::Valkey9 => 80,
        }
    }

    /// Whether the target knows function libraries.
    pub const fn holds_functions(self) -> bool {
        !matches!(self, Self::Redis5)
    }

    pub(crate) const fn header(self) -> &'static [u8; 9] {
        match self {
            Self::Redis5 => b"REDIS0009",
            Self::Redis70 => b"REDIS0010",
            Self::Redis72 => b"REDIS0011",
            Self::Redis74 => b"REDIS0012",
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
            Self::Valkey9 => "Valkey 9",
        })
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
        assert_eq!(known, [9, 10, 11, 12, 80]);
    }

    #[test]
    fn the_header_ends_in_the_version() {
        for version in [9, 10, 11, 12, 80] {
            let target = Target::from_rdb_version(version).unwrap();
            let header = std::str::from_utf8(target.header()).unwrap();
            assert!(header.ends_with(&format!("{version:03}")), "{header}");
        }
    }
}
