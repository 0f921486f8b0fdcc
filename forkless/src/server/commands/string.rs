//! Strings: SET and its kin, GET and its kin, APPEND, STRLEN, MSET and MGET.

use crate::object::{Object, Text};
use crate::server::command::Outcome;
use crate::server::commands::expire_time::{self, ExpireTime, Unit};
use crate::server::database::Database;
use crate::server::refusal::Refusal;
use crate::server::reply::Reply;
use crate::server::words::Words;

/// The longest string, in bytes.
pub(crate) const STRING_BYTES_MAX: usize = 512 << 20;

/// When SET sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    /// `NX`: when the key is not there.
    Absent,
    /// `XX`: when it is.
    Present,
}

/// What becomes of the time at which the key expires.
#[derive(Debug, Clone, Copy)]
enum Expiry {
    Never,
    /// `KEEPTTL`: what it was.
    Keep,
    At(ExpireTime),
}

impl Expiry {
    /// Whether a time in this unit may follow, which then counts: one in another may not.
    fn admits(self, unit: Unit) -> bool {
        match self {
            Self::Never => true,
            Self::Keep => false,
            Self::At(time) => time.unit() == unit,
        }
    }
}

#[derive(Debug)]
struct SetOptions {
    when: When,
    expiry: Expiry,
    /// `GET`: tell the value that it had.
    tell_old: bool,
}

impl SetOptions {
    fn parse(options: Words<'_>) -> Result<Self, Refusal> {
        let mut parsed = Self {
            when: When::Always,
            expiry: Expiry::Never,
            tell_old: false,
        };
        let mut options = options.iter();
        while let Some(option) = options.next() {
            let is = |name: &[u8]| option.eq_ignore_ascii_case(name);
            if is(b"nx") && parsed.when != When::Present {
                parsed.when = When::Absent;
            } else if is(b"xx") && parsed.when != When::Absent {
                parsed.when = When::Present;
            } else if is(b"get") {
                parsed.tell_old = true;
            } else if is(b"keepttl") && !matches!(parsed.expiry, Expiry::At(_)) {
                parsed.expiry = Expiry::Keep;
            } else if let Some(unit) =
                Unit::parse(option).filter(|unit| parsed.expiry.admits(*unit))
            {
                let time = options.next().ok_or(Refusal::Syntax)?;
                parsed.expiry = Expiry::At(ExpireTime::new(unit, time));
            } else {
                return Err(Refusal::Syntax);
            }
        }
        Ok(parsed)
    }
}

pub(super) fn set(database: &mut Database<'_>, words: Words<'_>, reply: &mut Reply<'_>) -> Outcome {
    let (key, value) = (&words[1], &words[2]);
    if words.len() == 3 {
        database.set(key, Object::String(Text::from(value)));
        database.changed(1);
        reply.ok();
        return Ok(());
    }
    let options = SetOptions::parse(words.part(3, words.len()))?;
    let expire_at_ms = match options.expiry {
        Expiry::Never => None,
        Expiry::Keep => database.expire_at_ms(key),
        Expiry::At(time) => Some(time.read(database.now_ms(), "set")?),
    };
    if options.tell_old {
        reply.bulk_or_null(database.string(key)?);
    }
    let sets = match options.when {
        When::Always => true,
        When::Absent => !database.contains(key),
        When::Present => database.contains(key),
    };
    if sets {
        let object = Object::String(Text::from(value));
        database.set(key, object.expiring(expire_at_ms));
        database.changed(1);
    }
    match (options.tell_old, sets) {
        (true, _) => {}
        (false, true) => reply.ok(),
        (false, false) => reply.null(),
    }
    Ok(())
}

pub(super) fn setnx(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let sets = !database.contains(&words[1]);
    if sets {
        database.set(&words[1], Object::String(Text::from(&words[2])));
        database.changed(1);
    }
    reply.flag(sets);
    Ok(())
}

pub(super) fn setex(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    set_with_time(database, words, reply, Unit::Seconds, "setex")
}

pub(super) fn psetex(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    set_with_time(database, words, reply, Unit::Milliseconds, "psetex")
}

fn set_with_time(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
    unit: Unit,
    command: &'static str,
) -> Outcome {
    let time = ExpireTime::new(unit, &words[2]).read(database.now_ms(), command)?;
    let object = Object::String(Text::from(&words[3]));
    database.set(&words[1], object.expiring(Some(time)));
    database.changed(1);
    reply.ok();
    Ok(())
}

pub(super) fn get(database: &mut Database<'_>, words: Words<'_>, reply: &mut Reply<'_>) -> Outcome {
    database.read(&words[1], |object| match object {
        None => {
            reply.null();
            Ok(())
        }
        Some(object) => match object.as_string() {
            Some(bytes) => {
                reply.bulk(bytes);
                Ok(())
            }
            None => Err(Refusal::WrongType),
        },
    })
}

/// GET for one of several keys: what is no string is as if it were not there.
pub(super) fn get_each(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    database.read(&words[1], |object| {
        reply.bulk_or_null(object.and_then(Object::as_string));
    });
    Ok(())
}

pub(super) fn getset(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    reply.bulk_or_null(database.string(&words[1])?);
    database.set(&words[1], Object::String(Text::from(&words[2])));
    database.changed(1);
    Ok(())
}

pub(super) fn getdel(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    reply.bulk_or_null(database.string(&words[1])?);
    let removed = database.remove(&words[1]).is_some();
    database.changed(usize::from(removed));
    Ok(())
}

/// What GETEX is to do with the time at which the key expires.
fn parse_getex(options: Words<'_>) -> Result<Expiry, Refusal> {
    let mut expiry = Expiry::Keep;
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let may_follow = |unit: &Unit| match expiry {
            Expiry::Keep => true,
            Expiry::Never => false,
            Expiry::At(_) => expiry.admits(*unit),
        };
        if option.eq_ignore_ascii_case(b"persist") && !matches!(expiry, Expiry::At(_)) {
            expiry = Expiry::Never;
        } else if let Some(unit) = Unit::parse(option).filter(may_follow) {
            let time = options.next().ok_or(Refusal::Syntax)?;
            expiry = Expiry::At(ExpireTime::new(unit, time));
        } else {
            return Err(Refusal::Syntax);
        }
    }
    Ok(expiry)
}

pub(super) fn getex(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let key = &words[1];
    let expiry = parse_getex(words.part(2, words.len()))?;
    let Some(bytes) = database.string(key)? else {
        reply.null();
        return Ok(());
    };
    let bytes = bytes.to_vec();
    match expiry {
        Expiry::Keep => {}
        Expiry::Never => {
            let expires = database.expire_at_ms(key).is_some();
            database.set_expiry(key, None);
            database.changed(usize::from(expires));
        }
        Expiry::At(time) => {
            let time = time.read(database.now_ms(), "getex")?;
            expire_time::expire_at(database, key, time);
        }
    }
    reply.bulk(&bytes);
    Ok(())
}

pub(super) fn append(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let (key, more) = (&words[1], &words[2]);
    let len = match database.string(key)? {
        None => {
            database.set(key, Object::String(Text::from(more)));
            more.len()
        }
        Some(bytes) => {
            if bytes.len() + more.len() > STRING_BYTES_MAX {
                return Err(Refusal::LongString);
            }
            let len = bytes.len() + more.len();
            if let Some(Object::String(text)) = database.get_mut(key) {
                text.append(more);
            }
            len
        }
    };
    database.changed(1);
    reply.count(len);
    Ok(())
}

pub(super) fn strlen(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    reply.count(database.string(&words[1])?.map_or(0, <[u8]>::len));
    Ok(())
}

/// SET for one of several keys; its reply is that of none.
pub(super) fn set_each(
    database: &mut Database<'_>,
    words: Words<'_>,
    _: &mut Reply<'_>,
) -> Outcome {
    database.set(&words[1], Object::String(Text::from(&words[2])));
    database.changed(1);
    Ok(())
}

/// Gives a string that is there another value, and leaves its time to expire as it is.
pub(super) fn replace(database: &mut Database<'_>, key: &[u8], text: Text) {
    match database.get_mut(key) {
        Some(object) => *object = Object::String(text),
        None => database.set(key, Object::String(text)),
    }
}

#[cfg(test)]
mod tests {
    use crate::server::commands::tests::{run, session};

    #[test]
    fn set_obeys_its_conditions() {
        session(|database| {
            assert_eq!(run(database, "SET a 1 XX"), "$-1\r\n");
            assert_eq!(run(database, "SET a 1 NX"), "+OK\r\n");
            assert_eq!(run(database, "SET a 2 NX GET"), "$1\r\n1\r\n");
            assert_eq!(run(database, "SET a 3 GET"), "$1\r\n1\r\n");
            assert_eq!(run(database, "GET a"), "$1\r\n3\r\n");
            assert_eq!(run(database, "SET a 3 NX XX"), "-ERR syntax error\r\n");
            assert_eq!(run(database, "SET a 3 EX"), "-ERR syntax error\r\n");
            assert_eq!(run(database, "SET a 3 EX 5 EX 7"), "+OK\r\n");
            assert_eq!(run(database, "TTL a"), ":7\r\n");
            for options in ["EX 5 PX 7", "EX 5 KEEPTTL", "KEEPTTL EX 5", "EX 5 EX"] {
                let reply = run(database, &format!("SET a 3 {options}"));
                assert_eq!(reply, "-ERR syntax error\r\n", "{options}");
            }
        });
    }

    #[test]
    fn set_forgets_when_the_key_expires_unless_told_to_keep_it() {
        session(|database| {
            assert_eq!(run(database, "SET a 1 EX 100"), "+OK\r\n");
            assert_eq!(run(database, "SET a 2 KEEPTTL"), "+OK\r\n");
            assert_eq!(run(database, "TTL a"), ":100\r\n");
            assert_eq!(run(database, "APPEND a 3"), ":2\r\n");
            assert_eq!(run(database, "TTL a"), ":100\r\n");
            assert_eq!(run(database, "SET a 2"), "+OK\r\n");
            assert_eq!(run(database, "TTL a"), ":-1\r\n");
            let refused = "-ERR invalid expire time in 'set' command\r\n";
            assert_eq!(run(database, "SET a 1 PX 0"), refused);
            assert_eq!(run(database, "SET a 1 EX 9223372036854775807"), refused);
        });
    }

    #[test]
    fn strings_refuse_other_types() {
        session(|database| {
            run(database, "RPUSH list a");
            for command in [
                "GET list",
                "APPEND list a",
                "STRLEN list",
                "GETSET list a",
                "GETDEL list",
            ] {
                assert!(
                    run(database, command).starts_with("-WRONGTYPE "),
                    "{command}"
                );
            }
            assert_eq!(run(database, "MGET list none"), "*2\r\n$-1\r\n$-1\r\n");
            assert_eq!(run(database, "LLEN list"), ":1\r\n");
        });
    }

    #[test]
    fn getex_changes_when_the_key_expires() {
        session(|database| {
            run(database, "SET a 1");
            assert_eq!(run(database, "GETEX a EX 50"), "$1\r\n1\r\n");
            assert_eq!(run(database, "TTL a"), ":50\r\n");
            assert_eq!(run(database, "GETEX a PERSIST"), "$1\r\n1\r\n");
            assert_eq!(run(database, "TTL a"), ":-1\r\n");
            assert_eq!(run(database, "GETEX a PX 9 PX 8000"), "$1\r\n1\r\n");
            assert_eq!(run(database, "TTL a"), ":8\r\n");
            assert_eq!(run(database, "GETEX a PERSIST PERSIST"), "$1\r\n1\r\n");
            for options in ["EX", "EX 5 PX 5", "EX 5 PERSIST", "PERSIST EX 5", "KEEPTTL"] {
                let reply = run(database, &format!("GETEX a {options}"));
                assert_eq!(reply, "-ERR syntax error\r\n", "{options}");
            }
            assert_eq!(run(database, "TTL a"), ":-1\r\n");
            assert_eq!(run(database, "GETEX none EX 5"), "$-1\r\n");
        });
    }
}
