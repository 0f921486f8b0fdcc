//! Sets.

use crate::object::{Set, Text};
use crate::server::command::Outcome;
use crate::server::database::Database;
use crate::server::reply::Reply;
use crate::server::words::Words;

pub(super) fn sadd(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let set = database.collection_or_new::<Set>(&words[1])?;
    let added = words.iter_from(2);
    let added = added
        .filter(|member| set.insert(Text::from(*member)))
        .count();
    database.changed(added);
    reply.count(added);
    Ok(())
}

pub(super) fn srem(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let Some(set) = database.collection_mut::<Set>(&words[1])? else {
        reply.count(0);
        return Ok(());
    };
    let removed = words.iter_from(2);
    let removed = removed.filter(|member| set.remove(member)).count();
    database.remove_if_empty::<Set>(&words[1]);
    database.changed(removed);
    reply.count(removed);
    Ok(())
}

pub(super) fn scard(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let set = database.collection::<Set>(&words[1])?;
    reply.count(set.map_or(0, Set::len));
    Ok(())
}

pub(super) fn sismember(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let set = database.collection::<Set>(&words[1])?;
    reply.flag(set.is_some_and(|set| set.contains(&words[2])));
    Ok(())
}

pub(super) fn smismember(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let set = database.collection::<Set>(&words[1])?;
    reply.array(words.len() - 2);
    for member in words.iter_from(2) {
        reply.flag(set.is_some_and(|set| set.contains(member)));
    }
    Ok(())
}

pub(super) fn smembers(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let set = database.collection::<Set>(&words[1])?;
    reply.set(set.map_or(0, Set::len));
    set.into_iter()
        .flat_map(Set::iter)
        .for_each(|member| reply.bulk(member));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::server::commands::tests::{run, session};

    #[test]
    fn members_count_once_and_the_set_goes_with_the_last() {
        session(|database| {
            assert_eq!(run(database, "SADD a 1 2 1"), ":2\r\n");
            assert_eq!(run(database, "SADD a 2"), ":0\r\n");
            assert_eq!(run(database, "SMISMEMBER a 1 3"), "*2\r\n:1\r\n:0\r\n");
            assert_eq!(run(database, "SREM a 1 3"), ":1\r\n");
            assert_eq!(run(database, "SMEMBERS a"), "*1\r\n$1\r\n2\r\n");
            assert_eq!(run(database, "SREM a 2"), ":1\r\n");
            assert_eq!(run(database, "EXISTS a"), ":0\r\n");
            assert_eq!(run(database, "SMEMBERS a"), "*0\r\n");
        });
    }
}
