//! Which facts about a file still hold for its conversion.

/// What becomes of a named fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is true of the new file as well.
    Kept,
    /// It describes the server that wrote the file, the file itself, or its place in a
    /// replication.
    Dropped,
    /// Nothing is known of it, so it is dropped, and the user told.
    Unknown,
}

const KEPT: [&[u8]; 4] = [b"ctime", b"used-mem", b"redis-bits", b"lua"];

const DROPPED: [&[u8]; 12] = [
    b"redis-ver",
    b"valkey-ver",
    b"forkless-ver",
    b"forkless-marks",
    b"forkless-marks-at",
    b"df-ver",
    b"repl-stream-db",
    b"repl-id",
    b"repl-offset",
    b"aof-preamble",
    b"aof-base",
    b"mvcc-tstamp",
];

/// What becomes of the fact with this name, in letters of either case.
pub(crate) fn fate(name: &[u8]) -> Fate {
    let is_in = |names: &[&[u8]]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    if is_in(&KEPT) {
        Fate::Kept
    } else if is_in(&DROPPED) {
        Fate::Dropped
    } else {
        Fate::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::{Fate, fate};

    #[test]
    fn the_place_in_a_replication_is_not_passed_on() {
        assert_eq!(fate(b"repl-id"), Fate::Dropped);
        assert_eq!(fate(b"Redis-Ver"), Fate::Dropped);
        assert_eq!(fate(b"ctime"), Fate::Kept);
        assert_eq!(fate(b"keydb-subexpire-key"), Fate::Unknown);
    }
}
