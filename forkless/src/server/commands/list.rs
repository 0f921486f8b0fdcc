//! Lists.

use std::ops::Range;

use crate::object::{List, Text};
use crate::server::command::Outcome;
use crate::server::database::Database;
use crate::server::number::parse_integer;
use crate::server::refusal::Refusal;
use crate::server::reply::Reply;
use crate::server::words::Words;

/// An end of a list.
#[derive(Debug, Clone, Copy)]
enum End {
    Left,
    Right,
}

impl End {
    fn push(self, list: &mut List, item: Text) {
        match self {
            Self::Left => list.push_front(item),
            Self::Right => list.push_back(item),
        }
    }

    fn pop(self, list: &mut List) -> Option<Text> {
        match self {
            Self::Left => list.pop_front(),
            Self::Right => list.pop_back(),
        }
    }
}

pub(super) fn lpush(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    push(database, words, reply, End::Left)
}

pub(super) fn rpush(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    push(database, words, reply, End::Right)
}

fn push(database: &mut Database<'_>, words: Words<'_>, reply: &mut Reply<'_>, end: End) -> Outcome {
    let list = database.collection_or_new::<List>(&words[1])?;
    for item in words.iter_from(2) {
        end.push(list, Text::from(item));
    }
    let len = list.len();
    database.changed(words.len() - 2);
    reply.count(len);
    Ok(())
}

pub(super) fn lpushx(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    push_to_existing(database, words, reply, End::Left)
}

pub(super) fn rpushx(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    push_to_existing(database, words, reply, End::Right)
}

fn push_to_existing(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
    end: End,
) -> Outcome {
    if database.collection::<List>(&words[1])?.is_some() {
        return push(database, words, reply, end);
    }
    reply.count(0);
    Ok(())
}

pub(super) fn lpop(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    pop(database, words, reply, End::Left, "lpop")
}

pub(super) fn rpop(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    pop(database, words, reply, End::Right, "rpop")
}

fn pop(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
    end: End,
    name: &str,
) -> Outcome {
    if words.len() > 3 {
        let name = name.to_owned();
        return Err(Refusal::Arity { name });
    }
    let count = words.get(2).map(parse_count).transpose()?;
    let Some(list) = database.collection_mut::<List>(&words[1])? else {
        match count {
            Some(_) => reply.null_array(),
            None => reply.null(),
        }
        return Ok(());
    };
    let taken = match count {
        None => {
            let item = end.pop(list);
            reply.bulk_or_null(item.as_ref().map(Text::as_bytes));
            1
        }
        Some(count) => {
            let taken = count.min(list.len());
            reply.array(taken);
            for item in (0..taken).map_while(|_| end.pop(list)) {
                reply.bulk(item.as_bytes());
            }
            taken
        }
    };
    database.remove_if_empty::<List>(&words[1]);
    database.changed(taken);
    Ok(())
}

/// How many items to take: any positive number, or none.
fn parse_count(word: &[u8]) -> Result<usize, Refusal> {
    let count = parse_integer(word).ok_or(Refusal::NotPositive)?;
    usize::try_from(count).map_err(|_| Refusal::NotPositive)
}

pub(super) fn llen(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let list = database.collection::<List>(&words[1])?;
    reply.count(list.map_or(0, List::len));
    Ok(())
}

pub(super) fn lrange(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let bounds = parse_bounds(words)?;
    let Some(list) = database.collection::<List>(&words[1])? else {
        reply.array(0);
        return Ok(());
    };
    let items = list.range(within(bounds, list.len()));
    reply.array(items.len());
    items.for_each(|item| reply.bulk(item));
    Ok(())
}

pub(super) fn lindex(
    database: &mut Database<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
) -> Outcome {
    let list = database.collection::<List>(&words[1])?;
    let index = parse_integer(&words[2]);
    let Some(list) = list else {
        reply.null();
        return Ok(());
    };
    let index = index.ok_or(Refusal::NoInteger)?;
    let index = usize::try_from(from_end(index, list.len())).ok();
    reply.bulk_or_null(index.and_then(|index| list.get(index)));
    Ok(())
}

/// First and last place, as arguments two and three give them.
pub(super) fn parse_bounds(words: Words<'_>) -> Result<(i64, i64), Refusal> {
    let parse = |word| parse_integer(word).ok_or(Refusal::NoInteger);
    Ok((parse(&words[2])?, parse(&words[3])?))
}

/// The places from first to last, both counted from the end if negative, of a collection with so
/// many elements.
pub(super) fn within((first, last): (i64, i64), len: usize) -> Range<usize> {
    let first = usize::try_from(from_end(first, len).max(0)).unwrap_or(usize::MAX);
    let end = from_end(last, len).saturating_add(1).max(0);
    let end = usize::try_from(end).unwrap_or(usize::MAX).min(len);
    first.min(end)..end
}

fn from_end(place: i64, len: usize) -> i64 {
    if place < 0 {
        place.saturating_add(i64::try_from(len).unwrap_or(i64::MAX))
    } else {
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::commands::tests::{run, session};

    #[test]
    fn list_goes_with_its_last_item() {
        session(|database| {
            assert_eq!(run(database, "RPUSH a 1 2 3"), ":3\r\n");
            assert_eq!(run(database, "LPUSH a 0"), ":4\r\n");
            assert_eq!(run(database, "LPOP a"), "$1\r\n0\r\n");
            assert_eq!(
                run(database, "RPOP a 9"),
                "*3\r\n$1\r\n3\r\n$1\r\n2\r\n$1\r\n1\r\n"
            );
            assert_eq!(run(database, "EXISTS a"), ":0\r\n");
            assert_eq!(run(database, "LPOP a"), "$-1\r\n");
            assert_eq!(run(database, "LPOP a 1"), "*-1\r\n");
            assert_eq!(run(database, "RPUSHX a 1"), ":0\r\n");
        });
    }

    #[test]
    fn pop_of_none_takes_none() {
        session(|database| {
            run(database, "RPUSH a 1");
            assert_eq!(run(database, "LPOP a 0"), "*0\r\n");
            assert_eq!(run(database, "LLEN a"), ":1\r\n");
            let refused = "-ERR value is out of range, must be positive\r\n";
            assert_eq!(run(database, "LPOP a -1"), refused);
        });
    }

    #[test]
    fn ranges_count_from_both_ends() {
        for ((first, last), expected) in [
            ((0, -1), 0..5),
            ((1, 2), 1..3),
            ((-2, -1), 3..5),
            ((-100, 100), 0..5),
            ((3, 1), 2..2),
            ((7, 9), 5..5),
            ((0, -100), 0..0),
            ((i64::MIN, i64::MAX), 0..5),
        ] {
            let range = within((first, last), 5);
            assert_eq!(
                (range.clone(), range.len()),
                (expected.clone(), expected.len())
            );
        }
    }
}
