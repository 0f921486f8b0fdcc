//! Snapshots: SAVE, BGSAVE, LASTSAVE, SHUTDOWN.

use std::sync::Arc;

use shard_runtime::spawn_named;
use snapshot::Handle;

use crate::server::call::Call;
use crate::server::command::Outcome;
use crate::server::error::ServerError;
use crate::server::refusal::Refusal;
use crate::server::reply::Reply;
use crate::server::session::Session;
use crate::server::shared::{SaveFirst, Shared};
use crate::server::words::Words;

/// A failed snapshot, with all its causes.
fn refusal(error: &ServerError) -> Refusal {
    if matches!(error, ServerError::Saving) {
        return Refusal::Saving;
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    Refusal::other(text)
}

/// Begins a snapshot while nothing is in the way, such as DEBUG RELOAD, or the end of the server.
fn begin(server: &Shared) -> Result<Arc<Handle>, Refusal> {
    let open = server.gate.pass();
    let _open = open.ok_or_else(|| Refusal::other("the server ends"))?;
    let begun = server.persistence.begin(&server.options, &server.shards);
    begun.map_err(|error| refusal(&error))
}

pub(super) fn save(call: &Call<'_>, _: Words<'_>, reply: &mut Reply<'_>) -> Outcome {
    let server = call.server;
    let handle = begin(server)?;
    let saved = server.persistence.finish(handle, &server.shards);
    saved.map_err(|error| refusal(&error))?;
    reply.ok();
    Ok(())
}

pub(super) fn bgsave(call: &Call<'_>, words: Words<'_>, reply: &mut Reply<'_>) -> Outcome {
    let server = call.server;
    match (words.get(1), words.len()) {
        (None, _) => {}
        (Some(word), 2) if word.eq_ignore_ascii_case(b"schedule") => {}
        (Some(word), 2) if word.eq_ignore_ascii_case(b"cancel") => {
            if !server.persistence.cancel() {
                let what = "Background saving is currently not in progress or scheduled";
                return Err(Refusal::other(what));
            }
            reply.simple("Background saving cancelled");
            return Ok(());
        }
        _ => return Err(Refusal::Syntax),
    }
    let handle = begin(server)?;
    let server = Arc::clone(server);
    // How it ends is told by INFO, to whoever asks.
    spawn_named("bgsave", move || {
        drop(server.persistence.finish(handle, &server.shards));
    });
    reply.simple("Background saving started");
    Ok(())
}

pub(super) fn lastsave(session: &mut Session, _: Words<'_>, out: &mut Vec<u8>) -> Outcome {
    let last = session.shared.persistence.last();
    Reply::new(out, session.protocol).integer(last.at_s);
    Ok(())
}

/// Replies only if the server goes on.
pub(super) fn shutdown(call: &Call<'_>, words: Words<'_>, _: &mut Reply<'_>) -> Outcome {
    let mut save = SaveFirst::AsConfigured;
    for word in words.iter_from(1) {
        let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
        match save {
            SaveFirst::AsConfigured if is(b"save") => save = SaveFirst::Always,
            SaveFirst::AsConfigured if is(b"nosave") => save = SaveFirst::Never,
            // There is nobody to wait for, and no failure is passed over.
            _ if is(b"now") || is(b"force") => {}
            _ => return Err(Refusal::Syntax),
        }
    }
    call.server.stop(save).map_err(|error| refusal(&error))
}
