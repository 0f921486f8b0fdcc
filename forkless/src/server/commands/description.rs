//! COMMAND: what commands there are.

use crate::server::command::{Arity, Command, Effect, Outcome};
use crate::server::commands::table::{COMMANDS, find};
use crate::server::refusal::Refusal;
use crate::server::reply::Reply;
use crate::server::session::Session;
use crate::server::words::Words;

pub(super) fn command(session: &mut Session, words: Words<'_>, out: &mut Vec<u8>) -> Outcome {
    let mut reply = Reply::new(out, session.protocol);
    let subcommand = words.get(1).map(<[u8]>::to_ascii_lowercase);
    match (subcommand.as_deref(), words.len()) {
        (None, _) | (Some(b"info"), 2) => {
            reply.array(COMMANDS.len());
            for command in COMMANDS {
                describe(command, &mut reply);
            }
        }
        (Some(b"count"), 2) => reply.count(COMMANDS.len()),
        (Some(b"info"), _) => {
            reply.array(words.len() - 2);
            for name in words.iter_from(2) {
                match find(name) {
                    Some(command) => describe(command, &mut reply),
                    None => reply.null_array(),
                }
            }
        }
        // There are no texts for people; what asks for them does without.
        (Some(b"docs"), _) => reply.map(0),
        (Some(b"list"), 2) => {
            reply.array(COMMANDS.len());
            for command in COMMANDS {
                reply.bulk(command.name.as_bytes());
            }
        }
        (Some(b"count"), _) => {
            let name = "command|count".to_owned();
            return Err(Refusal::Arity { name });
        }
        (Some(_), _) => {
            return Err(Refusal::subcommand(&words[1], "COMMAND"));
        }
    }
    Ok(())
}

/// Name, arity, flags, keys, and what we have nothing to say about: categories, tips, key
/// specifications, subcommands.
fn describe(command: &Command, reply: &mut Reply<'_>) {
    let arity = match command.arity {
        Arity::Exactly(words) => i64::try_from(words),
        Arity::AtLeast(words) => i64::try_from(words).map(|words| -words),
    };
    let flags: &[&str] = match command.effect {
        Effect::Reads => &["readonly"],
        Effect::Writes => &["write", "denyoom"],
        Effect::Nothing => &[],
        Effect::Greets => &["no_auth", "fast"],
    };
    let (first, last, step) = command.key_positions();
    reply.array(10);
    reply.bulk(command.name.as_bytes());
    reply.integer(arity.unwrap_or_default());
    reply.set(flags.len());
    for flag in flags {
        reply.simple(flag);
    }
    for position in [first, last, step] {
        reply.integer(position);
    }
    reply.set(0);
    for _ in 0..3 {
        reply.array(0);
    }
}
