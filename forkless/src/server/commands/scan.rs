//! All keys of a database: DBSIZE, KEYS, SCAN.

use std::sync::Arc;

use crate::glob::Glob;
use crate::object::Object;
use crate::server::call::Call;
use crate::server::command::Outcome;
use crate::server::commands::keys::type_name;
use crate::server::number::parse_integer;
use crate::server::refusal::Refusal;
use crate::server::reply::Reply;
use crate::server::shard_state::{ShardState, now_ms};
use crate::server::words::Words;

/// Bits of a cursor that belong to the table; those above are the shard's number.
const TABLE_BITS: u32 = 32;

/// Buckets looked at in one call, for each key that is asked for.
const BUCKETS_PER_KEY: usize = 10;

pub(super) fn dbsize(call: &Call<'_>, _: Words<'_>, reply: &mut Reply<'_>) -> Outcome {
    let database = call.database;
    let sizes = call.on_all(move |shard| shard.state().sizes(database).0)?;
    reply.count(sizes.into_iter().sum());
    Ok(())
}

pub(super) fn keys(call: &Call<'_>, words: Words<'_>, reply: &mut Reply<'_>) -> Outcome {
    let glob = Glob::new(&words[1]);
    let number = call.database;
    let found = call.on_all(move |shard| {
        let database = shard.state().database(number, now_ms());
        let entries = database.table().iter();
        let live = entries.filter(|(_, object)| !database.is_over(object));
        let found = live.filter(|(key, _)| glob.matches(key.as_bytes()));
        found.map(|(key, _)| key.clone()).collect::<Vec<_>>()
    })?;
    reply.array(found.iter().map(Vec::len).sum());
    for key in found.iter().flatten() {
        reply.bulk(key.as_bytes());
    }
    Ok(())
}

/// What SCAN tells of the keys that it meets.
#[derive(Debug)]
struct Filter {
    glob: Option<Glob>,
    /// In lower case.
    type_name: Option<Vec<u8>>,
}

impl Filter {
    fn admits(&self, key: &[u8], object: &Object) -> bool {
        let glob = self.glob.as_ref();
        let wanted = self.type_name.as_ref();
        glob.is_none_or(|glob| glob.matches(key))
            && wanted.is_none_or(|wanted| wanted == type_name(object).as_bytes())
    }
}

/// Reads what follows the cursor: a filter, and how many keys to look at.
fn parse_options(options: Words<'_>) -> Result<(Filter, usize), Refusal> {
    let mut filter = Filter {
        glob: None,
        type_name: None,
    };
    let mut count = 10;
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let value = options.next().ok_or(Refusal::Syntax)?;
        if option.eq_ignore_ascii_case(b"count") {
            let number = parse_integer(value).ok_or(Refusal::NoInteger)?;
            let number = usize::try_from(number).ok().filter(|number| *number > 0);
            count = number.ok_or(Refusal::Syntax)?;
        } else if option.eq_ignore_ascii_case(b"match") {
            filter.glob = Some(Glob::new(value));
        } else if option.eq_ignore_ascii_case(b"type") {
            filter.type_name = Some(value.to_ascii_lowercase());
        } else {
            return Err(Refusal::Syntax);
        }
    }
    Ok((filter, count))
}

/// A cursor as C's `strtoul` reads it, which Redis asks: nothing is 0, and what has a minus is
/// counted from the end.
fn parse_cursor(word: &[u8]) -> Option<u64> {
    let (negative, digits) = match word {
        [] => return Some(0),
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    let is_number = digits.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(digits).ok().filter(|_| is_number)?;
    let cursor: u64 = text.parse().ok()?;
    Some(if negative {
        cursor.wrapping_neg()
    } else {
        cursor
    })
}

pub(super) fn scan(call: &Call<'_>, words: Words<'_>, reply: &mut Reply<'_>) -> Outcome {
    let cursor = parse_cursor(&words[1]).ok_or(Refusal::Cursor)?;
    let (filter, count) = parse_options(words.part(2, words.len()))?;
    let shards = call.server.shards.len();
    let shard = usize::try_from(cursor >> TABLE_BITS).unwrap_or(shards);
    let (mut keys, mut next) = (Vec::new(), 0);
    if shard < shards {
        let number = call.database;
        let place = cursor & ((1 << TABLE_BITS) - 1);
        let filter = Arc::new(filter);
        let look = move |state: &mut ShardState| scan_shard(state, number, place, count, &filter);
        let found = call
            .server
            .shards
            .call(shard, move |shard| look(shard.state()))?;
        (keys, next) = found;
        next = match (next, shard + 1) {
            (0, after) if after == shards => 0,
            (0, after) => (after as u64) << TABLE_BITS,
            (place, _) => (shard as u64) << TABLE_BITS | place,
        };
    }
    reply.array(2);
    reply.bulk(next.to_string().as_bytes());
    reply.array(keys.len());
    for key in &keys {
        reply.bulk(key);
    }
    Ok(())
}

/// Looks at about `count` keys of one shard; those that the filter admits, and where to go on.
fn scan_shard(
    state: &mut ShardState,
    number: u32,
    mut place: u64,
    count: usize,
    filter: &Filter,
) -> (Vec<Vec<u8>>, u64) {
    let database = state.database(number, now_ms());
    let (mut keys, mut seen) = (Vec::new(), 0);
    for _ in 0..count.saturating_mul(BUCKETS_PER_KEY) {
        place = database.table().scan(place, |key, object| {
            seen += 1;
            if !database.is_over(object) && filter.admits(key.as_bytes(), object) {
                keys.push(key.as_bytes().to_vec());
            }
        });
        if place == 0 || seen >= count {
            break;
        }
    }
    (keys, place)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::object::Text;

    #[test]
    fn cursors_are_read_as_c_reads_them() {
        for (word, cursor) in [
            ("0", Some(0)),
            ("", Some(0)),
            ("+12", Some(12)),
            ("-1", Some(u64::MAX)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("-", None),
            ("+-1", None),
            (" 1", None),
            ("1 ", None),
            ("x", None),
        ] {
            assert_eq!(parse_cursor(word.as_bytes()), cursor, "{word:?}");
        }
    }

    #[test]
    fn scan_meets_every_key_that_is_admitted() {
        let mut state = ShardState::new(&Arc::default());
        for key in 0..5000_u32 {
            let object = Object::String(Text::from(&b"value"[..]));
            let over = key.is_multiple_of(5);
            let key = format!("key:{key}");
            let object = object.expiring(over.then_some(1));
            state.database(2, 0).set(key.as_bytes(), object);
        }
        let filter = Filter {
            glob: Some(Glob::new(b"key:*1")),
            type_name: Some(b"string".to_vec()),
        };
        let mut found = BTreeSet::new();
        let mut place = 0;
        loop {
            let (keys, next) = scan_shard(&mut state, 2, place, 10, &filter);
            found.extend(keys);
            place = next;
            if place == 0 {
                break;
            }
        }
        // One of ten ends with 1, and none of them is over.
        assert_eq!(found.len(), 500);
    }
}
