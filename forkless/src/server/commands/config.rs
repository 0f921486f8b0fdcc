//! CONFIG: how the server was started.

use crate::glob::Glob;
use crate::server::command::Outcome;
use crate::server::options::Unknown;
use crate::server::refusal::Refusal;
use crate::server::reply::Reply;
use crate::server::session::Session;
use crate::server::shard_state::DATABASES;
use crate::server::words::Words;

pub(super) fn config(session: &mut Session, words: Words<'_>, out: &mut Vec<u8>) -> Outcome {
    let subcommand = words[1].to_ascii_lowercase();
    match (subcommand.as_slice(), words.len()) {
        (b"get", 3..) => {
            let globs: Vec<Glob> = words
                .iter_from(2)
                .map(|pattern| Glob::new(&pattern.to_ascii_lowercase()))
                .collect();
            let mut found = settings(session);
            found.retain(|(name, _)| globs.iter().any(|glob| glob.matches(name.as_bytes())));
            let mut reply = Reply::new(out, session.protocol);
            reply.map(found.len());
            for (name, value) in found {
                reply.bulk(name.as_bytes());
                reply.bulk(value.as_bytes());
            }
            Ok(())
        }
        (b"get", _) => {
            let name = "config|get".to_owned();
            Err(Refusal::Arity { name })
        }
        _ => Err(Refusal::subcommand(&words[1], "CONFIG")),
    }
}

/// What clients may ask for, under the names that Redis has for it.
fn settings(session: &Session) -> Vec<(&'static str, String)> {
    let options = &session.shared.options;
    let is_protected = options.unknown == Unknown::OfThisMachine;
    vec![
        ("appendonly", "no".to_owned()),
        ("databases", DATABASES.to_string()),
        ("dbfilename", options.file_name.clone()),
        ("dir", options.folder.display().to_string()),
        ("maxclients", options.clients_max.to_string()),
        ("maxmemory", "0".to_owned()),
        ("port", session.shared.port.to_string()),
        (
            "protected-mode",
            if is_protected { "yes" } else { "no" }.to_owned(),
        ),
        (
            "proto-max-bulk-len",
            options.limits.word_bytes_max.to_string(),
        ),
        (
            "client-query-buffer-limit",
            options.limits.request_bytes_max.to_string(),
        ),
        ("save", String::new()),
        ("timeout", "0".to_owned()),
    ]
}
