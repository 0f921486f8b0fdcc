//! Hashes.

use crate::object::{Hash, Text};
use crate::server::command::Outcome;
use crate::server::database::Database;
use crate::server::number::{append_integer, parse_integer};
use crate::server::refusal::Refusal;
use crate::server::reply::Reply;
use crate::server::words::Words;

/// Sets fields and values, which come in pairs; how many fields are new.
fn set_fields(database: &mut Database<'_>, words: Words<'_>, name: &str) -> Result<usize, Refusal> {
    if !words.len().is_multiple_of(2) {
        let name = name.to_owned();
        return Err(Refusal::Arity { name });
    }
    let hash = database.collection_or_new::<Hash>(&words[1])?;
    let mut added = 0;
    for pair in (2..words.len()).step_by(2) {
        let old = hash.set(Text::from(&words[pair]), Text::from(&words[pair + 1]));
        added += usize::from(old.is_none());
    }
    database.changed((words.len() - 2) / 2);
    Ok(added)
}

pub(super) fn hset(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    reply.count(set_fields(database, words, "hset")?);
    Ok(())
}

pub(super) fn hmset(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    set_fields(database, words, "hmset")?;
    reply.ok();
    Ok(())
}

pub(super) fn hsetnx(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let hash = database.collection_or_new::<Hash>(&words[1])?;
    let sets = hash.get(&words[2]).is_none();
    if sets {
        hash.set(Text::from(&words[2]), Text::from(&words[3]));
        database.changed(1);
    }
    reply.flag(sets);
    Ok(())
}

pub(super) fn hget(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let hash = database.collection::<Hash>(&words[1])?;
    reply.bulk_or_null(hash.and_then(|hash| hash.get(&words[2])));
    Ok(())
}

pub(super) fn hmget(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let hash = database.collection::<Hash>(&words[1])?;
    reply.array(words.len() - 2);
    for field in words.iter_from(2) {
        reply.bulk_or_null(hash.and_then(|hash| hash.get(field)));
    }
    Ok(())
}

pub(super) fn hdel(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let Some(hash) = database.collection_mut::<Hash>(&words[1])? else {
        reply.count(0);
        return Ok(());
    };
    let removed = words.iter_from(2);
    let removed = removed.filter(|field| hash.remove(field).is_some()).count();
    database.remove_if_empty::<Hash>(&words[1]);
    database.changed(removed);
    reply.count(removed);
    Ok(())
}

pub(super) fn hlen(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let hash = database.collection::<Hash>(&words[1])?;
    reply.count(hash.map_or(0, Hash::len));
    Ok(())
}

pub(super) fn hstrlen(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let hash = database.collection::<Hash>(&words[1])?;
    let value = hash.and_then(|hash| hash.get(&words[2]));
    reply.count(value.map_or(0, <[u8]>::len));
    Ok(())
}

pub(super) fn hexists(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let hash = database.collection::<Hash>(&words[1])?;
    reply.flag(hash.is_some_and(|hash| hash.get(&words[2]).is_some()));
    Ok(())
}

pub(super) fn hgetall(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let hash = database.collection::<Hash>(&words[1])?;
    reply.map(hash.map_or(0, Hash::len));
    for (field, value) in hash.into_iter().flat_map(Hash::iter) {
        reply.bulk(field);
        reply.bulk(value);
    }
    Ok(())
}

pub(super) fn hkeys(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    list(database, words, reply, |(field, _)| field)
}

pub(super) fn hvals(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    list(database, words, reply, |(_, value)| value)
}

/// Replies with one half of each field.
fn list(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
    half: impl for<'a> Fn((&'a [u8], &'a [u8])) -> &'a [u8],
) -> Outcome {
    let hash = database.collection::<Hash>(&words[1])?;
    reply.array(hash.map_or(0, Hash::len));
    let fields = hash.into_iter().flat_map(Hash::iter);
    fields.map(half).for_each(|text| reply.bulk(text));
    Ok(())
}

pub(super) fn hincrby(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let amount = parse_integer(&words[3]).ok_or(Refusal::NoInteger)?;
    // Made only when nothing stands against the sum.
    let hash = database.collection::<Hash>(&words[1])?;
    let old = match hash.and_then(|hash| hash.get(&words[2])) {
        Some(text) => parse_integer(text).ok_or(Refusal::NoHashInteger)?,
        None => 0,
    };
    let new = old.checked_add(amount).ok_or(Refusal::Overflow)?;
    let mut text = Vec::new();
    append_integer(&mut text, new);
    let hash = database.collection_or_new::<Hash>(&words[1])?;
    hash.set(Text::from(&words[2]), Text::from(text));
    database.changed(1);
    reply.integer(new);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::server::commands::tests::{run, session};

    #[test]
    fn fields_are_set_and_the_hash_goes_with_the_last() {
        session(|database| {
            assert_eq!(run(database, "HSET a f 1 g 2"), ":2\r\n");
            assert_eq!(run(database, "HSET a f 3 h 4"), ":1\r\n");
            assert_eq!(run(database, "HMGET a f none"), "*2\r\n$1\r\n3\r\n$-1\r\n");
            assert_eq!(run(database, "HSETNX a f 5"), ":0\r\n");
            assert_eq!(run(database, "HDEL a f g none"), ":2\r\n");
            assert_eq!(run(database, "HGETALL a"), "*2\r\n$1\r\nh\r\n$1\r\n4\r\n");
            assert_eq!(run(database, "HDEL a h"), ":1\r\n");
            assert_eq!(run(database, "EXISTS a"), ":0\r\n");
        });
    }

    #[test]
    fn odd_arguments_are_refused_before_anything_is_made() {
        session(|database| {
            let refused = "-ERR wrong number of arguments for 'hset' command\r\n";
            assert_eq!(run(database, "HSET a f 1 g"), refused);
            assert_eq!(run(database, "EXISTS a"), ":0\r\n");
        });
    }

    #[test]
    fn fields_count() {
        session(|database| {
            assert_eq!(run(database, "HINCRBY a f 5"), ":5\r\n");
            assert_eq!(run(database, "HINCRBY a f -7"), ":-2\r\n");
            run(database, "HSET a f x");
            assert_eq!(
                run(database, "HINCRBY a f 1"),
                "-ERR hash value is not an integer\r\n"
            );
            assert_eq!(run(database, "HSTRLEN a f"), ":1\r\n");
        });
    }
}
