//! When keys expire: EXPIRE and its kin, TTL and its kin, PERSIST.

use crate::server::command::Outcome;
use crate::server::commands::expire_time::{self, ExpireTime, Unit};
use crate::server::database::{Database, Lifetime};
use crate::server::refusal::Refusal;
use crate::server::reply::Reply;
use crate::server::words::Words;

/// On which old time the new one is set.
#[derive(Debug, Clone, Copy, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a word that clients may add"
)]
struct Conditions {
    /// `NX`: on none.
    absent: bool,
    /// `XX`: on any.
    present: bool,
    /// `GT`: on an earlier one.
    later: bool,
    /// `LT`: on a later one, or none.
    earlier: bool,
}

impl Conditions {
    fn parse(options: Words<'_>) -> Result<Self, Refusal> {
        let mut parsed = Self::default();
        for option in options.iter() {
            let is = |name: &[u8]| option.eq_ignore_ascii_case(name);
            match () {
                () if is(b"nx") => parsed.absent = true,
                () if is(b"xx") => parsed.present = true,
                () if is(b"gt") => parsed.later = true,
                () if is(b"lt") => parsed.earlier = true,
                () => {
                    return Err(Refusal::quoting("Unsupported option ", option, ""));
                }
            }
        }
        if parsed.absent && (parsed.present || parsed.later || parsed.earlier) {
            let what = "NX and XX, GT or LT options at the same time are not compatible";
            return Err(Refusal::other(what));
        }
        if parsed.later && parsed.earlier {
            let what = "GT and LT options at the same time are not compatible";
            return Err(Refusal::other(what));
        }
        Ok(parsed)
    }

    /// Whether `new` replaces `old`; a key without a time expires later than any other.
    fn allow(self, old: Lifetime, new: i64) -> bool {
        let old = match old {
            Lifetime::Endless => None,
            Lifetime::UntilMs(old) => Some(old),
        };
        !(self.absent && old.is_some()
            || self.present && old.is_none()
            || self.later && old.is_none_or(|old| new <= old)
            || self.earlier && old.is_some_and(|old| new >= old))
    }
}

fn expire_in(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
    unit: Unit,
    command: &'static str,
) -> Outcome {
    let conditions = Conditions::parse(words.part(3, words.len()))?;
    let time = ExpireTime::new(unit, &words[2]).read_any(database.now_ms(), command)?;
    let old = database.lifetime(&words[1]);
    let sets = old.is_some_and(|old| conditions.allow(old, time));
    if sets {
        expire_time::expire_at(database, &words[1], time);
    }
    reply.flag(sets);
    Ok(())
}

macro_rules! expire_commands {
    ($($function:ident, $unit:ident;)*) => {
        $(pub(super) fn $function(
            database: &mut Database<'_>,
            words: Words<'_>,
            reply: &mut Reply<'_>,
        ) -> Outcome {
            expire_in(database, words, reply, Unit::$unit, stringify!($function))
        })*
    };
}

expire_commands! {
    expire, Seconds;
    pexpire, Milliseconds;
    expireat, UnixSeconds;
    pexpireat, UnixMilliseconds;
}

/// Replies with what `tell` makes of now and the time at which the key expires, in milliseconds.
fn tell_expiry(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
    tell: fn(now_ms: i64, expire_at_ms: i64) -> i64,
) -> Outcome {
    let now_ms = database.now_ms();
    reply.integer(match database.lifetime(&words[1]) {
        None => -2,
        Some(Lifetime::Endless) => -1,
        Some(Lifetime::UntilMs(expire_at_ms)) => tell(now_ms, expire_at_ms),
    });
    Ok(())
}

macro_rules! expiry_tellers {
    ($($function:ident, $tell:expr;)*) => {
        $(pub(super) fn $function(
            database: &mut Database<'_>,
            words: Words<'_>,
            reply: &mut Reply<'_>,
        ) -> Outcome {
            tell_expiry(database, words, reply, $tell)
        })*
    };
}

expiry_tellers! {
    ttl, |now_ms, at_ms| (at_ms - now_ms).saturating_add(500) / 1000;
    pttl, |now_ms, at_ms| at_ms - now_ms;
    expiretime, |_, at_ms| at_ms.saturating_add(500) / 1000;
    pexpiretime, |_, at_ms| at_ms;
}

pub(super) fn persist(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let expires = database.expire_at_ms(&words[1]).is_some();
    if expires {
        database.set_expiry(&words[1], None);
        database.changed(1);
    }
    reply.flag(expires);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::server::commands::tests::{run, session};

    #[test]
    fn conditions_compare_with_the_time_before() {
        session(|database| {
            run(database, "SET a 1");
            for (command, reply) in [
                ("EXPIRE a 10 XX", 0),
                ("EXPIRE a 10 GT", 0),
                ("EXPIRE a 10 NX", 1),
                ("EXPIRE a 20 NX", 0),
                ("EXPIRE a 9 GT", 0),
                ("EXPIRE a 20 GT", 1),
                ("EXPIRE a 30 LT", 0),
                ("PEXPIRE a 5000 LT XX", 1),
                ("TTL a", 5),
                ("PTTL a", 5000),
                ("EXPIRETIME a", 1005),
                ("PEXPIRETIME a", 1_005_000),
                ("PERSIST a", 1),
                ("PERSIST a", 0),
                ("TTL a", -1),
                ("EXPIRE none 5", 0),
                ("TTL none", -2),
            ] {
                assert_eq!(run(database, command), format!(":{reply}\r\n"), "{command}");
            }
        });
    }

    #[test]
    fn time_that_is_over_removes_the_key() {
        session(|database| {
            for command in [
                "EXPIRE a -1",
                "EXPIREAT a 1000",
                "PEXPIREAT a 999999",
                "PEXPIRE a 0",
            ] {
                run(database, "SET a 1");
                assert_eq!(run(database, command), ":1\r\n");
                assert_eq!(run(database, "EXISTS a"), ":0\r\n", "{command}");
            }
        });
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        session(|database| {
            for (command, reply) in [
                ("EXPIRE a x", "value is not an integer or out of range"),
                (
                    "EXPIRE a 9223372036854775",
                    "invalid expire time in 'expire' command",
                ),
                (
                    "PEXPIRE a 9223372036854775807",
                    "invalid expire time in 'pexpire' command",
                ),
                ("EXPIRE a 1 AB", "Unsupported option AB"),
                (
                    "EXPIRE a 1 GT LT",
                    "GT and LT options at the same time are not compatible",
                ),
            ] {
                assert_eq!(
                    run(database, command),
                    format!("-ERR {reply}\r\n"),
                    "{command}"
                );
            }
        });
    }
}
