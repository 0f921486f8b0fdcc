//! FLUSHALL and FLUSHDB: nothing is left, on all shards at one moment.

use std::ops::Range;

use crate::server::call::Call;
use crate::server::command::Outcome;
use crate::server::refusal::Refusal;
use crate::server::reply::Reply;
use crate::server::shard_state::{DATABASES, DropFlushed};
use crate::server::words::Words;

pub(super) fn flushall(call: &Call<'_>, words: Words<'_>, reply: &mut Reply<'_>) -> Outcome {
    flush(call, words, reply, 0..DATABASES)
}

pub(super) fn flushdb(call: &Call<'_>, words: Words<'_>, reply: &mut Reply<'_>) -> Outcome {
    flush(call, words, reply, call.database..call.database + 1)
}

/// Both ways that clients may ask for are the same here: emptied at once, dropped later.
fn flush(
    call: &Call<'_>,
    words: Words<'_>,
    reply: &mut Reply<'_>,
    databases: Range<u32>,
) -> Outcome {
    let is_known =
        |word: &[u8]| word.eq_ignore_ascii_case(b"async") || word.eq_ignore_ascii_case(b"sync");
    if words.len() > 2 || words.get(1).is_some_and(|word| !is_known(word)) {
        return Err(Refusal::Syntax);
    }
    empty(call, databases)?;
    reply.ok();
    Ok(())
}

/// Empties these databases.
pub(super) fn empty(call: &Call<'_>, databases: Range<u32>) -> Outcome {
    call.on_all(move |shard| {
        for number in databases.clone() {
            shard.state().flush(number);
        }
        if shard.state().any_flushed() {
            shard.spawn(DropFlushed);
        }
    })?;
    Ok(())
}
