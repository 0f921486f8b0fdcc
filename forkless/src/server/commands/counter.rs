//! Strings that count: INCR and its kin.

use crate::object::Text;
use crate::server::command::Outcome;
use crate::server::commands::decimal::add_decimals;
use crate::server::commands::string;
use crate::server::database::Database;
use crate::server::number::{append_integer, parse_integer};
use crate::server::refusal::Refusal;
use crate::server::reply::Reply;
use crate::server::words::Words;

fn add(database: &mut Database<'_>, key: &[u8], amount: i64, reply: &mut Reply<'_>) -> Outcome {
    let old = match database.string(key)? {
        Some(text) => parse_integer(text).ok_or(Refusal::NoInteger)?,
        None => 0,
    };
    let new = old.checked_add(amount).ok_or(Refusal::Overflow)?;
    let mut text = Vec::new();
    append_integer(&mut text, new);
    string::replace(database, key, Text::from(text));
    database.changed(1);
    reply.integer(new);
    Ok(())
}

fn amount(word: &[u8]) -> Result<i64, Refusal> {
    parse_integer(word).ok_or(Refusal::NoInteger)
}

pub(super) fn incr(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    add(database, &words[1], 1, reply)
}

pub(super) fn decr(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    add(database, &words[1], -1, reply)
}

pub(super) fn incrby(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    add(database, &words[1], amount(&words[2])?, reply)
}

pub(super) fn decrby(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let amount = amount(&words[2])?.checked_neg();
    add(
        database,
        &words[1],
        amount.ok_or(Refusal::DecrementOverflow)?,
        reply,
    )
}

pub(super) fn incrbyfloat(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let old = database.string(&words[1])?.unwrap_or(b"0");
    let new = add_decimals(old, &words[2])?;
    string::replace(database, &words[1], Text::from(new.as_bytes()));
    database.changed(1);
    reply.bulk(new.as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::server::commands::tests::{run, session};

    #[test]
    fn counters_stop_at_the_ends_of_their_range() {
        session(|database| {
            assert_eq!(run(database, "INCR a"), ":1\r\n");
            assert_eq!(run(database, "DECRBY a 11"), ":-10\r\n");
            run(database, "SET a 9223372036854775806");
            assert_eq!(run(database, "INCR a"), ":9223372036854775807\r\n");
            let refused = "-ERR increment or decrement would overflow\r\n";
            assert_eq!(run(database, "INCR a"), refused);
            assert_eq!(
                run(database, "DECRBY a -9223372036854775808"),
                "-ERR decrement would overflow\r\n"
            );
            assert_eq!(run(database, "GET a"), "$19\r\n9223372036854775807\r\n");
        });
    }

    #[test]
    fn only_integers_count() {
        session(|database| {
            for text in ["1.0", "x", "01", "9223372036854775808"] {
                run(database, &format!("SET a {text}"));
                assert!(run(database, "INCR a").starts_with("-ERR value is not an integer"));
            }
            assert_eq!(
                run(database, "INCRBY b x"),
                "-ERR value is not an integer or out of range\r\n"
            );
            assert_eq!(run(database, "EXISTS b"), ":0\r\n");
        });
    }

    #[test]
    fn fractions_add_up_exactly() {
        session(|database| {
            assert_eq!(run(database, "INCRBYFLOAT a 0.1"), "$3\r\n0.1\r\n");
            assert_eq!(run(database, "INCRBYFLOAT a 0.2"), "$3\r\n0.3\r\n");
            assert_eq!(run(database, "INCRBYFLOAT a -1.3e0"), "$2\r\n-1\r\n");
            assert_eq!(
                run(database, "INCRBYFLOAT a x"),
                "-ERR value is not a valid float\r\n"
            );
        });
    }
}
