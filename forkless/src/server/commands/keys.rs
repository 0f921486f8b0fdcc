//! Keys, whatever they hold, on the shard of each: EXISTS, DEL, TYPE and so on.

use snapshot::Value;

use crate::object::Object;
use crate::server::command::Outcome;
use crate::server::database::Database;
use crate::server::reply::Reply;
use crate::server::words::Words;

/// What TYPE says of a value.
pub(super) fn type_name(object: &Object) -> &'static str {
    object.value_type().family().name()
}

pub(super) fn exists_each(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    reply.flag(database.contains(&words[1]));
    Ok(())
}

pub(super) fn remove_each(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let removed = database.remove(&words[1]).is_some();
    database.changed(usize::from(removed));
    reply.flag(removed);
    Ok(())
}

pub(super) fn type_of(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    reply.simple(database.get(&words[1]).map_or("none", type_name));
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::server::commands::tests::{run, session};

    #[test]
    fn keys_of_every_type_are_named_counted_and_removed() {
        session(|database| {
            run(database, "SET string 1");
            run(database, "RPUSH list 1");
            run(database, "SADD set 1");
            run(database, "HSET hash f 1");
            run(database, "ZADD zset 1 m");
            for name in ["string", "list", "set", "hash", "zset"] {
                assert_eq!(
                    run(database, &format!("TYPE {name}")),
                    format!("+{name}\r\n")
                );
            }
            assert_eq!(run(database, "TYPE none"), "+none\r\n");
            assert_eq!(run(database, "EXISTS list list none"), ":2\r\n");
            assert_eq!(run(database, "DEL list list none set"), ":2\r\n");
            assert_eq!(run(database, "UNLINK string"), ":1\r\n");
            assert_eq!(database.table().len(), 2);
        });
    }
}
