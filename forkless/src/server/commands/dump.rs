//! DUMP and RESTORE: a value as bytes, and back.

use rdb_format::{Compression, Dump, Encoder, ReadOptions, Target};
use snapshot::{FromRdb, Value};

use crate::object::Object;
use crate::server::command::Outcome;
use crate::server::commands::expire_time::{self, ExpireTime, Unit};
use crate::server::database::Database;
use crate::server::number::parse_integer;
use crate::server::refusal::Refusal;
use crate::server::reply::Reply;
use crate::server::words::Words;

/// For whom values are written: servers from Redis 7.0 on.
const TARGET: Target = Target::Redis70;

pub(super) fn dump(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let Some(object) = database.get(&words[1]) else {
        reply.null();
        return Ok(());
    };
    let mut encoder = Encoder::new(TARGET, Compression::None);
    let mut payload = vec![object.value_type_for(TARGET).number()];
    object
        .encode(&mut encoder, &mut payload)
        .map_err(Refusal::other)?;
    encoder.close_dump(&mut payload, 0);
    reply.bulk(&payload);
    Ok(())
}

#[derive(Debug, Default)]
struct RestoreOptions {
    replaces: bool,
    /// `ABSTTL`: the time is one since 1970.
    absolute: bool,
}

impl RestoreOptions {
    /// What a key's use was is checked, and forgotten: nothing here depends on it.
    fn parse(options: Words<'_>) -> Result<Self, Refusal> {
        let mut parsed = Self::default();
        let (mut has_idle, mut has_frequency) = (false, false);
        let number = |word: Option<&[u8]>| word.and_then(parse_integer).ok_or(Refusal::NoInteger);
        let mut options = options.iter();
        while let Some(option) = options.next() {
            let is = |name: &[u8]| option.eq_ignore_ascii_case(name);
            match () {
                () if is(b"replace") => parsed.replaces = true,
                () if is(b"absttl") => parsed.absolute = true,
                () if is(b"idletime") && !has_frequency && options.len() > 0 => {
                    if number(options.next())? < 0 {
                        return Err(Refusal::other("Invalid IDLETIME value, must be >= 0"));
                    }
                    has_idle = true;
                }
                () if is(b"freq") && !has_idle && options.len() > 0 => {
                    if !(0..=255).contains(&number(options.next())?) {
                        let what = "Invalid FREQ value, must be >= 0 and <= 255";
                        return Err(Refusal::other(what));
                    }
                    has_frequency = true;
                }
                () => return Err(Refusal::Syntax),
            }
        }
        Ok(parsed)
    }
}

pub(super) fn restore(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let key = &words[1];
    let options = RestoreOptions::parse(words.part(4, words.len()))?;
    if !options.replaces && database.contains(key) {
        return Err(Refusal::Busy);
    }
    let ttl = parse_integer(&words[2]).ok_or(Refusal::NoInteger)?;
    if ttl < 0 {
        return Err(Refusal::Ttl);
    }
    let object = decode(&words[3])?;
    let unit = if options.absolute {
        Unit::UnixMilliseconds
    } else {
        Unit::Milliseconds
    };
    let time = ExpireTime::new(unit, &words[2]);
    let time = match ttl {
        0 => None,
        _ => Some(time.read_any(database.now_ms(), "restore")?),
    };
    database.set(key, object);
    match time {
        Some(time) => expire_time::expire_at(database, key, time),
        None => database.changed(1),
    }
    reply.ok();
    Ok(())
}

fn decode(payload: &[u8]) -> Result<Object, Refusal> {
    let dump = Dump::parse_with(payload, ReadOptions::default());
    let dump = dump.map_err(|_| Refusal::DumpFooter)?;
    if u32::from(dump.version) > TARGET.rdb_version() {
        return Err(Refusal::DumpFooter);
    }
    let value = dump.value().map_err(|_| Refusal::BadDump)?;
    let object = Object::from_rdb(value, None).map_err(|_| Refusal::BadDump)?;
    let is_empty = match &object {
        Object::List(list) => list.is_empty(),
        Object::Set(set) => set.is_empty(),
        Object::Hash(hash) => hash.is_empty(),
        Object::SortedSet(set) => set.is_empty(),
        _ => false,
    };
    if is_empty {
        Err(Refusal::BadDump)
    } else {
        Ok(object)
    }
}

#[cfg(test)]
mod tests {
    use crate::server::commands::tests::{run, run_words, session};

    fn payload(reply: &[u8]) -> Vec<u8> {
        let start = reply.windows(2).position(|pair| pair == b"\r\n").unwrap() + 2;
        reply[start..reply.len() - 2].to_vec()
    }

    #[test]
    fn values_of_every_type_come_back() {
        session(|database| {
            run(database, "SET string text");
            run(database, "RPUSH list a b c");
            run(database, "SADD set a");
            run(database, "HSET hash f v");
            run(database, "ZADD zset 1.5 m");
            for (key, look, copy) in [
                ("string", "GET string", "GET copy"),
                ("list", "LRANGE list 0 -1", "LRANGE copy 0 -1"),
                ("set", "SMEMBERS set", "SMEMBERS copy"),
                ("hash", "HGETALL hash", "HGETALL copy"),
                (
                    "zset",
                    "ZRANGE zset 0 -1 WITHSCORES",
                    "ZRANGE copy 0 -1 WITHSCORES",
                ),
            ] {
                let dumped = payload(&run_words(database, &[b"DUMP", key.as_bytes()]));
                let words: &[&[u8]] = &[b"RESTORE", b"copy", b"0", &dumped, b"REPLACE"];
                assert_eq!(run_words(database, words), b"+OK\r\n", "{key}");
                assert_eq!(run(database, look), run(database, copy));
                assert_eq!(run(database, "TTL copy"), ":-1\r\n");
            }
        });
    }

    #[test]
    fn every_flipped_bit_of_a_payload_is_refused() {
        session(|database| {
            run(database, "RPUSH list a bb ccc");
            let dumped = payload(&run_words(database, &[b"DUMP", b"list"]));
            for at in 0..dumped.len() * 8 {
                let mut damaged = dumped.clone();
                damaged[at / 8] ^= 1 << (at % 8);
                let refused = run_words(database, &[b"RESTORE", b"copy", b"0", &damaged]);
                assert!(refused.starts_with(b"-ERR "), "bit {at}");
            }
            assert_eq!(run(database, "EXISTS copy"), ":0\r\n");
        });
    }

    #[test]
    fn restore_obeys_its_options() {
        session(|database| {
            run(database, "SET a 1");
            let dumped = payload(&run_words(database, &[b"DUMP", b"a"]));
            let mut restore = |ttl: &[u8], option: &[u8]| {
                let words = [b"RESTORE", b"a".as_slice(), ttl, &dumped, option];
                String::from_utf8(run_words(database, &words)).unwrap()
            };
            assert!(restore(b"0", b"ABSTTL").starts_with("-BUSYKEY "));
            assert!(restore(b"-1", b"REPLACE").starts_with("-ERR Invalid TTL"));
            assert!(restore(b"0", b"FREQ").starts_with("-ERR syntax"));
            assert_eq!(restore(b"5000", b"REPLACE"), "+OK\r\n");
            assert_eq!(run(database, "PTTL a"), ":5000\r\n");
        });
    }
}
