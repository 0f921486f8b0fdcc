//! DEBUG: for tests and measurements.

use snapshot::Key;

use crate::object::{Object, Text};
use crate::server::call::Call;
use crate::server::command::{Effect, Outcome};
use crate::server::commands::{digest, flush};
use crate::server::number::parse_integer;
use crate::server::refusal::Refusal;
use crate::server::reply::Reply;
use crate::server::shard_state::{DATABASES, now_ms};
use crate::server::words::Words;

/// How many keys are added before a shard serves others.
const POPULATED_AT_ONCE: i64 = 10_000;

/// What DEBUG HELP says.
const HELP: [&str; 9] = [
    "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "DIGEST",
    "    Output a hex signature of all keys, whatever their order and the number of shards.",
    "DIGEST-VALUE <key> [<key> ...]",
    "    Output a hex signature of each of these keys.",
    "POPULATE <count> [<prefix>] [<size>]",
    "    Create keys <prefix>:0 and up; values have <size> bytes.",
    "RELOAD",
    "    Save, empty all databases, and load what was saved.",
];

pub(super) fn debug(call: &Call<'_>, words: Words<'_>, reply: &mut Reply<'_>) -> Outcome {
    let subcommand = words[1].to_ascii_lowercase();
    if matches!(subcommand.as_slice(), b"populate" | b"reload") {
        call.server.role.get().admits(Effect::Writes)?;
    }
    match (subcommand.as_slice(), words.len()) {
        (b"digest", 2) => tell_digest(call, reply),
        (b"digest-value", 3..) => tell_digests(call, words, reply),
        (b"populate", 3..=5) => populate(call, words, reply),
        (b"reload", 2) => reload(call, reply),
        (b"help", 2) => {
            reply.array(HELP.len());
            for line in HELP {
                reply.simple(line);
            }
            Ok(())
        }
        _ => Err(Refusal::subcommand_or_arity(&words[1], "DEBUG")),
    }
}

fn tell_digest(call: &Call<'_>, reply: &mut Reply<'_>) -> Outcome {
    let sums = call.on_all(|shard| {
        let state = shard.state();
        let mut sum = 0_u128;
        for number in 0..DATABASES {
            let database = state.database(number, now_ms());
            let live = database
                .table()
                .iter()
                .filter(|(_, object)| !database.is_over(object));
            let digests = live.map(|(key, object)| digest::of_key(number, key.as_bytes(), object));
            sum = digests.fold(sum, u128::wrapping_add);
        }
        sum
    })?;
    let sum = sums.into_iter().fold(0_u128, u128::wrapping_add);
    reply.simple(&format!("{sum:032x}"));
    Ok(())
}

fn tell_digests(call: &Call<'_>, words: Words<'_>, reply: &mut Reply<'_>) -> Outcome {
    reply.array(words.len() - 2);
    let number = call.database;
    for word in words.iter_from(2) {
        let key = Key::from(word);
        let shard = call.server.shard_of(word);
        let digest = call.server.shards.call(shard, move |shard| {
            let mut database = shard.state().database(number, now_ms());
            let object = database.get(key.as_bytes());
            object.map_or(0, |object| digest::of_key(number, key.as_bytes(), object))
        })?;
        reply.simple(&format!("{digest:032x}"));
    }
    Ok(())
}

/// Adds keys that are not there yet, with values `value:0` and up.
fn populate(call: &Call<'_>, words: Words<'_>, reply: &mut Reply<'_>) -> Outcome {
    let positive = |word: Option<&[u8]>, default: i64| {
        let number = word.map_or(Some(default), parse_integer);
        number
            .filter(|number| *number >= 0)
            .ok_or(Refusal::NotPositive)
    };
    let count = positive(words.get(2), 0)?;
    let prefix = words.get(3).unwrap_or(b"key").to_vec();
    let bytes = usize::try_from(positive(words.get(4), 0)?).unwrap_or_default();
    if bytes > super::string::STRING_BYTES_MAX {
        return Err(Refusal::LongString);
    }
    let (number, shards) = (call.database, call.server.shards.len());
    for first in (0..count).step_by(usize::try_from(POPULATED_AT_ONCE).unwrap_or(1)) {
        let prefix = prefix.clone();
        let numbers = first..count.min(first + POPULATED_AT_ONCE);
        call.on_each(move |shard| {
            let here = shard.index();
            let mut database = shard.state().database(number, now_ms());
            for index in numbers.clone() {
                let key = [prefix.as_slice(), b":", index.to_string().as_bytes()].concat();
                if snapshot::shard_of(&key, shards) == here && !database.contains(&key) {
                    let mut value = format!("value:{index}").into_bytes();
                    if bytes > 0 {
                        value.resize(bytes, 0);
                    }
                    database.set(&key, Object::String(Text::from(value)));
                    database.changed(1);
                }
            }
        })?;
    }
    reply.ok();
    Ok(())
}

/// Nothing else is done meanwhile: other clients wait.
fn reload(call: &Call<'_>, reply: &mut Reply<'_>) -> Outcome {
    let server = call.server;
    if server.persistence.look().is_saving {
        return Err(Refusal::Saving);
    }
    let closed = server.gate.close();
    server.save().map_err(Refusal::other)?;
    flush::empty(call, 0..DATABASES)?;
    let loaded = server.persistence.load(&server.shards);
    drop(closed);
    loaded.map_err(|error| {
        Refusal::other(format_args!("Error trying to load the RDB dump: {error}"))
    })?;
    reply.ok();
    Ok(())
}
