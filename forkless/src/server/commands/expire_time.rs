//! Times to expire, as commands give them.

use crate::server::database::Database;
use crate::server::number::parse_integer;
use crate::server::refusal::Refusal;

/// What a time counts, and from when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// From now on.
    Seconds,
    /// From now on.
    Milliseconds,
    /// Since 1970.
    UnixSeconds,
    /// Since 1970.
    UnixMilliseconds,
}

/// A time to expire that is not read yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct ExpireTime {
    unit: Unit,
    /// Its text, if that is an integer.
    value: Option<i64>,
}

impl Unit {
    /// That of an option of SET or GETEX.
    pub(super) fn parse(option: &[u8]) -> Option<Self> {
        let is = |name: &[u8]| option.eq_ignore_ascii_case(name);
        Some(match () {
            () if is(b"ex") => Self::Seconds,
            () if is(b"px") => Self::Milliseconds,
            () if is(b"exat") => Self::UnixSeconds,
            () if is(b"pxat") => Self::UnixMilliseconds,
            () => return None,
        })
    }

    fn counts_seconds(self) -> bool {
        matches!(self, Self::Seconds | Self::UnixSeconds)
    }

    fn counts_from_now(self) -> bool {
        matches!(self, Self::Seconds | Self::Milliseconds)
    }
}

impl ExpireTime {
    pub(super) fn new(unit: Unit, text: &[u8]) -> Self {
        Self {
            unit,
            value: parse_integer(text),
        }
    }

    /// What it counts.
    pub(super) fn unit(self) -> Unit {
        self.unit
    }

    /// The time in milliseconds since 1970, for a command that sets values: it must be positive.
    pub(super) fn read(self, now_ms: i64, command: &'static str) -> Result<i64, Refusal> {
        let value = self.value.ok_or(Refusal::NoInteger)?;
        if value <= 0 {
            return Err(Refusal::ExpireTime { command });
        }
        self.read_any(now_ms, command)
    }

    /// The time in milliseconds since 1970, which may be over already.
    pub(super) fn read_any(self, now_ms: i64, command: &'static str) -> Result<i64, Refusal> {
        let value = self.value.ok_or(Refusal::NoInteger)?;
        let factor = if self.unit.counts_seconds() { 1000 } else { 1 };
        let from = if self.unit.counts_from_now() {
            now_ms
        } else {
            0
        };
        let time = value
            .checked_mul(factor)
            .and_then(|ms| ms.checked_add(from));
        time.ok_or(Refusal::ExpireTime { command })
    }
}

/// Has a key that is there expire at this time: at once, if that is over.
pub(super) fn expire_at(database: &mut Database<'_>, key: &[u8], expire_at_ms: i64) {
    if expire_at_ms <= database.now_ms() {
        database.remove(key);
    } else {
        database.set_expiry(key, Some(expire_at_ms));
    }
    database.changed(1);
}
